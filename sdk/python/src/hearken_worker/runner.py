"""`run`: a main function as a supervised process, whose ending says what it was."""

from __future__ import annotations

import sys
from typing import Callable, NoReturn, Optional

from . import console
from .ending import describe, exit_code_of
from .errors import ForkedWorker, LineError, LineLost, NotSendable, ProtocolError, Rejected
from .process import connect
from .worker import Worker

INTERRUPTED = 130  # 128 + SIGINT, as a shell would say it


def run(main: Callable[[Worker], object], *, threaded: bool = True, build: Optional[str] = None) -> NoReturn:
    """Connect, call `main(worker)`, tell how it ended, and exit.

    A return is `exiting{done}` and exit 0; a `Failure` is an `error` and its exit code; any other exception is an
    `error` of kind `bug` with its trace, and exit 70. `sys.exit()` inside `main` keeps its code and is not told.
    """
    try:
        worker = connect(threaded=threaded, build=build)
    except LineError as broken:
        console.complain(str(broken))
        sys.exit(broken.exit_code)
    conclude(main, worker)


def conclude(main: Callable[[Worker], object], worker: Worker) -> NoReturn:
    """Call `main(worker)`, tell how it ended, leave the line and exit."""
    try:
        code = _outcome(main, worker)
    finally:
        worker._leave()
    sys.exit(code)


def _outcome(main: Callable[[Worker], object], worker: Worker) -> int:
    try:
        main(worker)
        _farewell(worker)
        return 0
    except (LineLost, Rejected, ProtocolError, ForkedWorker) as over:
        # Not a mistake of the program: one line, no trace.
        console.complain(str(over))
        return over.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as failure:
        _tell(worker, failure)
        return exit_code_of(failure)


def _farewell(worker: Worker) -> None:
    try:
        worker.exiting("done")
    except (NotSendable, LineLost, ForkedWorker):
        pass  # main has said it already, nobody is left to hear it, or this is only a fork; the work is done


def _tell(worker: Worker, exception: Exception) -> None:
    try:
        worker.error(exception)
    except LineError as unheard:
        console.complain(str(unheard))
        console.show("error", describe(exception))
