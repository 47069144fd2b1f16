"""SIGTERM, taken as the request to drain that it is. Only where the program has no handler of its own."""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType
from typing import Callable, List, Optional


class Termination:
    """Our SIGTERM handler, while it is installed.

    The handler runs between two bytecodes of the main thread. A signal that comes when that thread is about to wait in
    a system call does not wake it, so that the handler would run after the wait, perhaps never. What does come at once
    is the byte that Python writes for every signal: whoever listens polls `fileno` and calls `read`.
    """

    def __init__(self, told: Callable[[], None]) -> None:
        self._told = told
        self._pipe: List[int] = []
        # Python lets only the main thread set handlers; anywhere else the drain frame has to do.
        self._installed = (
            threading.current_thread() is threading.main_thread()
            and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
        )
        if self._installed:
            signal.signal(signal.SIGTERM, self._handle)
            self._ask_for_bytes()

    def fileno(self) -> Optional[int]:
        """For poll: readable after a signal. None if there is nothing to poll."""
        return self._pipe[0] if self._pipe else None

    def read(self) -> None:
        """Take the bytes; tells if SIGTERM is among them and its handler is still ours."""
        try:
            seen = os.read(self._pipe[0], 4096)
        except (BlockingIOError, IndexError):
            return
        if signal.SIGTERM in seen and signal.getsignal(signal.SIGTERM) == self._handle:
            self._told()

    def _ask_for_bytes(self) -> None:
        readable, writable = os.pipe()
        os.set_blocking(readable, False)
        os.set_blocking(writable, False)
        # A full pipe is as good as a byte more. Bytes that somebody else has asked for stay theirs.
        theirs = signal.set_wakeup_fd(writable, warn_on_full_buffer=False)
        self._pipe = [readable, writable]
        if theirs != -1:
            signal.set_wakeup_fd(theirs)
            self._close_pipe()

    def _handle(self, number: int, where: Optional[FrameType]) -> None:
        # It runs between any two bytecodes of the main thread, so it takes no lock and says nothing.
        self._told()

    def remove(self) -> None:
        """Back to the default, unless the program has put its own handler there since."""
        self._replace(signal.SIG_DFL)

    def ignore(self) -> None:
        """For a process that is on its way out. hearken sends SIGTERM right behind its drain frame; it must not turn
        the exit of a program that was quick to drain into a death by signal. (Python itself drops our handler when
        it finalizes, but leaves SIG_IGN alone.)"""
        self._replace(signal.SIG_IGN)

    def _replace(self, handler: signal.Handlers) -> None:
        if not self._installed:
            return
        try:
            # Bound methods are made anew at each access: compare with ==.
            if signal.getsignal(signal.SIGTERM) == self._handle:
                signal.signal(signal.SIGTERM, handler)
        except ValueError:
            return  # not the main thread: the handler stays, and so does its pipe
        self._installed = False

    def close(self) -> None:
        """Give the descriptors back, once nobody polls them."""
        if not self._pipe:
            return
        try:
            current = signal.set_wakeup_fd(-1)
            if current not in (-1, self._pipe[1]):
                signal.set_wakeup_fd(current, warn_on_full_buffer=False)
        except ValueError:
            return  # not the main thread: Python would write to a number that may be somebody else's soon
        self._close_pipe()

    def _close_pipe(self) -> None:
        pipe, self._pipe = self._pipe, []
        for fd in pipe:
            os.close(fd)
