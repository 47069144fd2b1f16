"""The worker: this process as its supervisor knows it."""

from __future__ import annotations

import os
import platform
import threading
import time
from typing import Any, Callable, Dict, List, Optional, TypeVar

from . import console, messages
from ._version import VERSION
from .ending import describe, tell
from .errors import LineError, LineLost
from .held import Held
from .line import Line
from .listener import Drain, Listener, Welcome
from .speech import Speech
from .termination import Termination
from .values import cut

OnDrain = TypeVar("OnDrain", bound=Callable[[Drain], object])


class Worker(Speech):
    """Speaks to the supervisor, or to standard error when there is none. Made by `connect` or `run`."""

    def __init__(
        self,
        line: Optional[Line] = None,
        *,
        threaded: bool = True,
        build: Optional[str] = None,
        held: Optional[Held] = None,
        task_types: Optional[List[str]] = None,
    ) -> None:
        self._line = line
        self._listener = Listener(line, held)
        self._thread: Optional[threading.Thread] = None
        self._closed = False
        hello = {
            "protocol": list(messages.PROTOCOL),
            "sdk": f"hearken-python/{VERSION}",
            "language": f"python {platform.python_version()}",
            "pid": os.getpid(),
            "build": build,
            "task_types": task_types,
        }
        self._say("hello", hello)
        self._termination = self._listener.termination = Termination(self._listener.latch.set)
        if threaded:
            self._thread = threading.Thread(target=self._listen, name="hearken", daemon=True)
            self._thread.start()

    @property
    def supervised(self) -> bool:
        """Whether there is a supervisor to speak to."""
        return self._line is not None

    @property
    def draining(self) -> bool:
        """Whether to finish what is in hand and return: asked to, told by SIGTERM, or the supervisor is gone."""
        self._turn_if_ours(0)
        return self._listener.latch.up

    @property
    def drain(self) -> Optional[Drain]:
        """Why and how fast, once draining."""
        self._await_announcement()
        return self._listener.drain

    def on_drain(self, callback: OnDrain) -> OnDrain:
        """Call back once when the drain begins, in the background thread (or in the next call without one)."""
        self._listener.on_drain(callback)
        return callback

    def welcome(self, timeout: float = 5.0) -> Optional[Welcome]:
        """Who this process is to the supervisor and its `config`; None without one. Waits for the first answer."""
        deadline = time.monotonic() + timeout
        while self._line is not None and not self._listener.answered.is_set():
            left = deadline - time.monotonic()
            if left <= 0:
                raise LineError(f"the supervisor did not answer hello within {timeout:g} s; look at its log")
            if not self._turn_if_ours(left):
                self._listener.answered.wait(left)
        self._listener.check()
        if self._line is not None and self._listener.welcome is None:
            raise LineLost(f"there was no welcome: {self._listener.drain.reason if self._listener.drain else 'closed'}")
        return self._listener.welcome

    def wait(self, seconds: Optional[float] = None) -> bool:
        """Sleep, but listen: answers pings meanwhile and returns early on a drain. Returns `draining`.

        Without `seconds` it waits for the drain. While draining it returns at once.
        """
        deadline = None if seconds is None else time.monotonic() + seconds
        left = seconds
        while True:
            if not self._turn_if_ours(0 if self._listener.latch.up else left):
                self._listener.latch.wait(left)
            self._listener.check()
            left = None if deadline is None else deadline - time.monotonic()
            if self._listener.latch.up or (left is not None and left <= 0):
                return self._listener.latch.up

    def ready(self, credits: Optional[int] = None) -> None:
        """The program is up. `credits`: how many tasks it takes at once (1 if left out)."""
        self._say("ready", {"credits": credits})

    def status(self, text: str) -> None:
        """One line for people: what the program is doing."""
        self._say("status", {"text": cut(text)})

    def error(self, exception: BaseException) -> None:
        """Tell an error without ending: a `Failure` as what it is, anything else as a bug."""
        tell(exception, self._say)

    def heartbeat(self, memory: Optional[int] = None) -> None:
        """Say that this process is alive. Needed only without the thread, in the middle of long work."""
        self._say("heartbeat", {**self._listener.signs_of_life(), "memory": memory})

    def exiting(self, intent: str = "done", reason: Optional[str] = None) -> None:
        """The last word before an exit: done, retry, restart_now or stay_down.

        Only log, status, heartbeat, metric and event may follow.
        """
        self._say("exiting", {"intent": intent, "reason": None if reason is None else cut(reason)})

    def close(self) -> None:
        """Leave the line. `run` does this at the end."""
        if self._closed:
            return
        self._turn_if_ours(0)  # what stays unread at the close reaches the supervisor as ECONNRESET
        self._await_announcement()
        self._closed = True
        self._termination.remove()
        self._listener.close()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(1)
            if self._thread.is_alive():
                return  # in a callback; closing the descriptors under it would hand it somebody else's
        self._give_back()

    def _leave(self) -> None:
        """`close`, for a process that exits next."""
        self._termination.ignore()
        self.close()

    def _say(self, name: str, fields: Dict[str, Any]) -> None:
        if self._line is None:
            console.show(name, messages.compose(name, fields)[1])
            return
        self._turn_if_ours(0)
        self._listener.check()
        try:
            self._line.send(name, fields)
        except LineLost:
            self._look_for_the_reason()
            raise

    def _look_for_the_reason(self) -> None:
        # Of the loss of the line. Perhaps a reject stands on it before its end; that says more.
        if not self._turn_if_ours(0) and self._thread is not threading.current_thread():
            self._listener.ended.wait(1)
        self._listener.check()

    def _turn_if_ours(self, timeout: Optional[float]) -> bool:
        if self._thread is None and not self._closed:
            self._listener.turn(timeout)
        return self._thread is None

    def _await_announcement(self) -> None:
        # A signal raises the latch at once; the thread reads the line first, where the reason may stand.
        if self._listener.latch.up and self._thread not in (None, threading.current_thread()):
            self._listener.announced.wait(1)

    def _listen(self) -> None:
        while not self._listener.done:
            self._turn(None)

    def _turn(self, timeout: Optional[float]) -> None:
        try:
            self._listener.turn(timeout)
        except Exception as error:
            # Only a callback of the program can fail here. That is told, and the line goes on.
            try:
                self.error(error)
            except LineError:
                console.show("error", describe(error))

    def _give_back(self) -> None:
        if self._line is not None:
            self._line.close()
        self._termination.close()
        self._listener.latch.close()

    def _forked(self) -> None:
        """In a forked child: the line and the signal stay with the parent."""
        self._termination.remove()
        self._give_back()
        # There is no thread in a fork, and nothing to hear: only its own calls of wait() and draining.
        self._thread = None
        self._listener = Listener(None)
