"""The worker of a pool: who listens to the supervisor while tasks run.

    the serving thread waits        it listens itself, so that the thread that read a task begins it
    it runs short tasks             nobody listens for a moment; what comes is read when it waits again
    it has not listened for a tick  the background thread listens, until the serving thread waits again

A thread that always listens would be simpler, but every task would wait until it is awake and has got the interpreter
lock: with one credit that costs up to half of the rate. While the worker is idle, neither thread wakes up.
"""

from __future__ import annotations

import threading
import time
from typing import Any, Callable, Optional

from .line import Line
from .worker import Worker

#: Seconds without listening after which the background thread steps in: how late a cancel may be noticed.
_TICK = 0.005


class TaskWorker(Worker):
    """A worker whose serving thread listens between its tasks."""

    def __init__(self, line: Line, **options: Any) -> None:
        #: Held by the thread that listens.
        self._listening = threading.Lock()
        #: Whether the serving thread waits for something to be heard.
        self._idle = False
        #: Counts how often it has.
        self._turns = 0
        #: Down only while the serving thread is known to be idle.
        self._working = threading.Event()
        self._working.set()
        super().__init__(line, **options)

    def hear(self, enough: Callable[[], bool], timeout: Optional[float]) -> None:
        """Wait until something is heard, `timeout` seconds at most; not at all if `enough()` is true already."""
        self._idle = True
        try:
            # After `_idle`: what the other thread has heard by now is seen here, and with what it hears from now on
            # it stops listening.
            if enough():
                return
            if self._listening.acquire(blocking=False):
                try:
                    self._turn(timeout)
                finally:
                    self._listening.release()
            elif self._listening.acquire(timeout=-1 if timeout is None else timeout):
                self._listening.release()
            self._turns += 1
        finally:
            self._idle = False
            if not self._working.is_set():
                self._working.set()

    def close(self) -> None:
        """Leave the line."""
        if not self._closed and self._listening.acquire(blocking=False):
            self._turn(0)  # what stays unread at the close reaches the supervisor as ECONNRESET
            self._listening.release()
        super().close()

    def _listen(self) -> None:
        while not self._listener.done:
            self._working.wait()
            turns = self._turns
            time.sleep(_TICK)
            if self._idle:
                self._working.clear()
                if not self._idle:
                    self._working.set()  # what the serving thread set was cleared just now
            elif self._turns == turns:
                with self._listening:
                    while not self._idle and not self._listener.done:
                        self._turn(None)
