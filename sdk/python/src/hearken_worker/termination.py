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
        if not self._installed:
            return
        self._installed = False
        try:
            # Bound methods are made anew at each access: compare with ==.
            if signal.getsignal(signal.SIGTERM) == self._handle:
                signal.signal(signal.SIGTERM, signal.SIG_DFL)
        except ValueError:
            pass  # not the main thread
