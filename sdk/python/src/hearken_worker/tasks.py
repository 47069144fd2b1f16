"""`run_tasks`: a program as a worker of a pool, from the connection to the exit code."""

from __future__ import annotations

import sys
from typing import NoReturn, Optional

from . import console, process
from .alone import run_alone
from .errors import LineError
from .handlers import OneOrMore, Routes
from .runner import INTERRUPTED, conclude
from .serving import Serving


def run_tasks(
    handlers: OneOrMore, credits: int = 1, *, threaded: bool = True, build: Optional[str] = None
) -> NoReturn:
    """Connect, do the tasks the supervisor sends, one after another, until it drains this worker; and exit.

    `handlers` is one function for all tasks, or a map of task types to functions. `credits` is how many tasks the
    supervisor may send ahead, from 1 to 65535: more save a round trip between small tasks. `threaded`: a background
    thread hears cancels and sends heartbeats while a handler is busy; without it, that happens whenever the handler
    calls a method of its task. `build` names the version of your program. Without a supervisor it does one task,
    see `run_alone`.
    """
    routes = Routes(handlers)
    if isinstance(credits, bool) or not isinstance(credits, int) or not 1 <= credits <= 0xFFFF:
        raise ValueError(f"credits is {credits!r}; a number from 1 to 65535 is wanted")
    try:
        line = process.take_line()
    except LineError as broken:
        console.complain(str(broken))
        sys.exit(broken.exit_code)
    if line is None:
        try:
            sys.exit(run_alone(routes))
        except KeyboardInterrupt:
            sys.exit(INTERRUPTED)
    try:
        serving = Serving(line, routes, credits, threaded=threaded, build=build)
    except LineError as over:
        console.complain(str(over))
        sys.exit(over.exit_code)
    process.adopt(serving.worker)
    conclude(lambda _: serving.serve(), serving.worker)
