"""The child's side of the line to hearken, the process supervisor that listens.

    from hearken_worker import run

    def main(worker):
        worker.ready()
        while not worker.wait(5):
            worker.progress(message="still here")

    run(main)

Without a supervisor the same program runs on its own and prints what it would have said on standard error.
"""

from ._version import VERSION as __version__
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
)
from .listener import Drain, Welcome
from .process import connect
from .runner import run
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
    "Invalid",
    "LineError",
    "LineLost",
    "NotFound",
    "NotSendable",
    "ProtocolError",
    "RateLimited",
    "Rejected",
    "Resource",
    "Retryable",
    "Timeout",
    "Transient",
    "Unavailable",
    "Welcome",
    "Worker",
    "__version__",
    "connect",
    "run",
]
