"""A latch: goes up once and stays up. poll() can wait for it, and a signal handler can raise it."""

from __future__ import annotations

import os
import select
from typing import Optional


#: Seconds in one system call.
LONGEST_WAIT = 86_400.0


class Latch:
    """A pipe with a byte in it once raised; nobody reads it, so that everybody who waits wakes.

    Not a threading.Event: its lock may be held by the very code that a signal handler interrupts.
    """

    def __init__(self) -> None:
        self._readable, self._writable = os.pipe()
        os.set_blocking(self._writable, False)
        self._up = False

    @property
    def up(self) -> bool:
        """Whether it was raised."""
        return self._up

    def fileno(self) -> int:
        """For poll: readable when up."""
        return self._readable

    def set(self) -> None:
        """Raise it. Safe in a signal handler and from any thread."""
        if not self._up:
            self._up = True
            os.write(self._writable, b"\0")

    def wait(self, seconds: Optional[float]) -> None:
        """Wait until it is up, `seconds` at most."""
        poll = select.poll()
        poll.register(self._readable, select.POLLIN)
        poll.poll(milliseconds(seconds))

    def close(self) -> None:
        """Give the descriptors back."""
        self._up = True  # nothing is written any more: the numbers may be somebody else's soon
        os.close(self._readable)
        os.close(self._writable)


def milliseconds(seconds: Optional[float]) -> Optional[float]:
    """For poll. Rounded up: one that returns a moment early would be called again and again. Poll counts in an int of
    C, which a delay of the supervisor's may exceed; whoever waits for longer than `LONGEST_WAIT` does it in pieces."""
    return None if seconds is None else min(max(0.0, seconds), LONGEST_WAIT) * 1000 + (0.999 if seconds > 0 else 0)
