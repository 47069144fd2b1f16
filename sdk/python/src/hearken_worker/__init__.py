"""The child's side of the line to hearken, the process supervisor that listens.

    from hearken_worker import run

    def main(worker):
        worker.ready()
        while not worker.wait(5):
            worker.progress(message="still here")

    run(main)

    from hearken_worker import run_tasks

    def resize(task):
        return task.payload["width"] // 2

    run_tasks({"resize": resize})

Without a supervisor the same program runs on its own and prints what it would have said on standard error.
"""

from ._version import VERSION as __version__
from .answers import Result, Snooze
from .errors import (
    BrokenDescriptor,
    ForkedWorker,
    FrameTooLarge,
    LineError,
    LineLost,
    NotSendable,
    ProtocolError,
    Rejected,
)
from .failures import (
    Bug,
    Cancelled,
    Conflict,
    Denied,
    Failure,
    Fatal,
    Invalid,
    NotFound,
    RateLimited,
    Resource,
    Retryable,
    Timeout,
    Transient,
    Unavailable,
    WorkerBroken,
)
from .handlers import Handlers
from .listener import Drain, Welcome
from .process import connect
from .runner import run
from .task import Task
from .tasks import run_tasks
from .worker import Worker

__all__ = [
    "BrokenDescriptor",
    "Bug",
    "Cancelled",
    "Conflict",
    "Denied",
    "Drain",
    "Failure",
    "Fatal",
    "ForkedWorker",
    "FrameTooLarge",
    "Handlers",
    "Invalid",
    "LineError",
    "LineLost",
    "NotFound",
    "NotSendable",
    "ProtocolError",
    "RateLimited",
    "Rejected",
    "Resource",
    "Result",
    "Retryable",
    "Snooze",
    "Task",
    "Timeout",
    "Transient",
    "Unavailable",
    "Welcome",
    "Worker",
    "WorkerBroken",
    "__version__",
    "connect",
    "run",
    "run_tasks",
]
