"""SIGTERM, taken as the request to drain that it is. Only where the program has no handler of its own."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Callable, Optional


class Termination:
    """Our SIGTERM handler, while it is installed."""

    def __init__(self, told: Callable[[], None]) -> None:
        self._told = told
        # Python lets only the main thread set handlers; anywhere else the drain frame has to do.
        self._installed = (
            threading.current_thread() is threading.main_thread()
            and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
        )
        if self._installed:
            signal.signal(signal.SIGTERM, self._handle)

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
        self._installed = False
        try:
            # Bound methods are made anew at each access: compare with ==.
            if signal.getsignal(signal.SIGTERM) == self._handle:
                signal.signal(signal.SIGTERM, handler)
        except ValueError:
            pass  # not the main thread
