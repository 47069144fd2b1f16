"""One task without a supervisor: from the command line, or as a program that hearken runs for each task."""

from __future__ import annotations

import json
import os
import sys
import uuid
from typing import Any, Dict

from . import console
from .answers import Result, Snooze
from .ending import exit_code_of, tell
from .failures import Fatal
from .handlers import Routes
from .process import connect
from .task import Task

_WRITING_FAILED = 74  # EX_IOERR


def run_alone(routes: Routes) -> int:
    """Run the task that the arguments, standard input and the environment describe. Returns the exit code.

    The payload is the first argument, or else all of standard input: JSON if it is that, else the text. The result
    is printed on standard output, as JSON or as the bytes it is. SIGTERM cancels the task.
    """
    worker = connect(threaded=False)
    is_described = False  # until then it is not the task that fails, but who described it
    try:

        def listen(timeout: float) -> bool:
            heard = worker._turn_if_ours(timeout)
            if worker.draining and task.cancel_reason is None:
                task.cancel("shutdown")
            return heard

        task = Task(described(), worker._say, listen)
        is_described = True
        show(routes.find(task.type)(task))
        return 0
    except Snooze as snooze:
        console.show("snooze", snooze.fields())
        return snooze.exit_code
    except BrokenPipeError as broken:
        console.complain(f"the result could not be written: {broken.strerror}")
        return _WRITING_FAILED
    except Exception as failure:
        tell(failure, worker._say, of_task=is_described)
        return exit_code_of(failure, of_task=is_described)


def described() -> Dict[str, Any]:
    """The fields of a `task` message, from the arguments or standard input and from the environment."""
    attempt = os.environ.get("HEARKEN_TASK_ATTEMPT", "1")
    if not (attempt.isascii() and attempt.isdigit() and len(attempt) < 10):
        raise Fatal(f"HEARKEN_TASK_ATTEMPT={attempt!r:.64} is no number; set it to a number from 1 or unset it")
    fields: Dict[str, Any] = {
        "handle": 1,
        "id": os.environ.get("HEARKEN_TASK_ID") or str(uuid.uuid4()),
        "attempt": int(attempt),
        "crashes": 0,
        "payload": parsed(sys.argv[1]) if len(sys.argv) > 1 else piped(),
    }
    for name in ("type", "key"):
        value = os.environ.get(f"HEARKEN_TASK_{name.upper()}")
        if value:
            fields[name] = value
    return fields


def piped() -> Any:
    """All of standard input; bytes if it is no text."""
    raw = b"" if sys.stdin is None else sys.stdin.buffer.read()
    try:
        return parsed(raw.decode())
    except UnicodeDecodeError:
        return raw


def parsed(text: str) -> Any:
    """What `text` says as JSON, or `text`."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def show(outcome: Any) -> None:
    """Print a result."""
    data = outcome.data if isinstance(outcome, Result) else outcome
    if isinstance(data, (bytes, bytearray, memoryview)):
        written = bytes(data)
    else:
        written = json.dumps(data, ensure_ascii=False, allow_nan=False).encode() + b"\n"
    sys.stdout.buffer.write(written)
    sys.stdout.buffer.flush()
