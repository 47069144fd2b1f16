"""One process, one worker: finding the line, and keeping forks off it."""

from __future__ import annotations

import os
from typing import Optional

from .errors import LineError
from .line import Line, from_environment
from .worker import Worker

_worker: Optional[Worker] = None


def connect(*, threaded: bool = True, build: Optional[str] = None) -> Worker:
    """The worker of this process: on the line that `HEARKEN_FD` names, or on its own if that is not set.

    A process has one line, so a second call returns the same worker. `threaded`: a background thread answers the
    supervisor, so that a program busy with its work does not look dead; without it, that happens whenever the
    program calls a method of the worker. Choose `threaded=False` if the program forks without exec.
    `build` names the version of your program.
    """
    global _worker
    if _worker is None:
        _worker = Worker(from_environment(), threaded=threaded, build=build)
    return _worker


def take_line() -> Optional[Line]:
    """The line of this process, for a worker that `adopt` is told of; None without a supervisor."""
    if _worker is not None:
        raise LineError("this process has connected already; call run_tasks, which connects by itself, instead")
    return from_environment()


def adopt(worker: Worker) -> None:
    """Let `connect` return this worker."""
    global _worker
    _worker = worker


def _after_fork() -> None:
    global _worker
    if _worker is not None:
        _worker._forked()
        _worker = None


os.register_at_fork(after_in_child=_after_fork)
