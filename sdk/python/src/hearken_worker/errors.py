"""What can go wrong with the line itself. Each text says what, why and the next step.

What can go wrong with the *work* is in `failures`; those are yours to raise.
"""

from __future__ import annotations


class LineError(Exception):
    """Something is wrong with the line to the supervisor."""

    #: How a process ends that cannot go on because of this (sysexits).
    exit_code = 75


class BrokenDescriptor(LineError):
    """`HEARKEN_FD` is set, but what it names cannot be the line."""

    exit_code = 78


class LineLost(LineError):
    """The supervisor closed the line, or is gone. Nothing can be said any more; finish and exit."""

    exit_code = 75


class ForkedWorker(LineError):
    """This process is a fork of the worker. The line belongs to the process that connected."""


class Rejected(LineError):
    """The supervisor answered `hello` with `reject`."""

    exit_code = 78

    def __init__(self, code: str, message: str) -> None:
        super().__init__(
            f"the supervisor rejected this worker: {message} ({code}); "
            "install versions of hearken and of this package that speak a common protocol"
        )
        self.code = code


class ProtocolError(LineError):
    """The supervisor sent something this package does not understand. The line is over."""

    exit_code = 76


class FrameTooLarge(LineError):
    """What was to be said does not fit one frame. Nothing was sent; the line is still good."""

    exit_code = 70


class NotSendable(LineError, TypeError):
    """A value has no MessagePack form. Nothing was sent; the line is still good."""

    exit_code = 70
