"""Hears the supervisor: answers pings, keeps what `welcome` said, turns `drain` and SIGTERM into one drain."""

from __future__ import annotations

import select
import threading
import time
from dataclasses import dataclass, field
from typing import Any, Callable, Dict, List, Mapping, Optional

from .errors import LineError, LineLost, ProtocolError, Rejected
from .held import ABOUT_TASKS, Held
from .latch import Latch, milliseconds
from .line import Line
from .messages import Message
from .termination import Termination

#: Seconds for a drain that does not say how long: hearken's own default.
GRACE = 10.0


@dataclass(frozen=True)
class Welcome:
    """Who this process is to the supervisor."""

    unit: str
    instance: int
    incarnation: int
    max_frame: int
    heartbeat_ms: Optional[int] = None
    config: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Drain:
    """Finish what is in hand, then return. `grace` in seconds is what is left before the kill, if that was said."""

    reason: str
    grace: Optional[float] = None


class Listener:
    """Everything that is heard. `turn` is called by one thread at a time: the package's own, or the program's."""

    def __init__(self, line: Optional[Line], held: Optional[Held] = None) -> None:
        self.latch = Latch()  # up: draining
        self.welcome: Optional[Welcome] = None
        self.drain: Optional[Drain] = None
        #: The moment of the monotonic clock at which the grace of the drain is over.
        self.leave_by: Optional[float] = None
        #: Set by `welcome` and by the end of the line, whichever comes first.
        self.answered = threading.Event()
        #: Set when nothing more will be heard.
        self.ended = threading.Event()
        self._line = line
        #: Where signals are heard; None without a handler of ours.
        self.termination: Optional[Termination] = None
        self._held = held
        self._failure: Optional[LineError] = None
        self._callbacks: List[Callable[[Drain], object]] = []
        #: Set once `drain` is known; a moment after the latch when that was raised by a signal.
        self.announced = threading.Event()
        self._announcing = threading.Lock()
        self._closing = False
        #: Of the last ping; what heartbeats without a ping carry.
        self.sequence = 0
        self._beat_at: Optional[float] = None
        if line is None:
            self.ended.set()

    @property
    def done(self) -> bool:
        """Whether there is nothing left to listen for."""
        return self._closing or (self.announced.is_set() and self.ended.is_set())

    def check(self) -> None:
        """Raise what has gone wrong with the line, if it is more than its end."""
        if self._failure is not None:
            raise self._failure

    def on_drain(self, callback: Callable[[Drain], object]) -> None:
        """Call back once, at the drain; at once if it has come already."""
        with self._announcing:
            if not self.announced.is_set():
                self._callbacks.append(callback)
                return
        assert self.drain is not None
        callback(self.drain)

    def turn(self, timeout: Optional[float]) -> None:
        """Wait until something happens, `timeout` seconds at most, and handle it."""
        # poll, not select: a descriptor above 1023 is nothing unusual.
        poll = select.poll()
        if self._line is not None and not self.ended.is_set():
            poll.register(self._line.fileno(), select.POLLIN)
        signals = None if self.termination is None else self.termination.fileno()
        if not self.announced.is_set():
            poll.register(self.latch.fileno(), select.POLLIN)
            if signals is not None:
                poll.register(signals, select.POLLIN)
        happened = [fd for fd, _ in poll.poll(milliseconds(self._until(timeout)))]
        # The line before the latch: hearken sends its drain frame, which says more, before it sends SIGTERM.
        if self._line is not None and not self.ended.is_set():
            self._hear(self._line, self._line.fileno() in happened)
        if self.termination is not None and signals in happened:
            self.termination.read()
        if self.latch.up and not self._closing and not self.announced.is_set():
            self._announce()
        if self._beat_at is not None and time.monotonic() >= self._beat_at:
            self._beat()

    def _until(self, timeout: Optional[float]) -> Optional[float]:
        moments = [self._beat_at]
        if self._line is not None and not self.ended.is_set():
            moments.append(self._line.whole_by)
        now = time.monotonic()
        waits = [moment - now for moment in moments if moment is not None]
        return min(waits if timeout is None else [timeout, *waits], default=None)

    def _hear(self, line: Line, is_readable: bool) -> None:
        try:
            if is_readable:
                line.receive(self._handle)
            line.check_the_rest()
        except LineLost as lost:
            self._end(str(lost))
        except (ProtocolError, Rejected) as failure:
            self._failure = failure
            self._end(str(failure))

    def _handle(self, message: Message) -> None:
        fields: Mapping[str, Any] = message.fields
        if message.name == "ping":
            self.sequence = fields["sequence"]
            self._beat()
        elif message.name == "drain":
            self.drain = Drain(fields["reason"], fields["grace_ms"] / 1000)
            self.leave_by = time.monotonic() + fields["grace_ms"] / 1000
            self.latch.set()
        elif message.name == "welcome":
            known: Dict[str, Any] = {key: fields[key] for key in fields if key != "protocol"}
            self.welcome = Welcome(**known)
            self.answered.set()
            self._plan_beat()
        elif message.name == "reject":
            raise Rejected(fields["code"], fields["message"])
        elif self._held is not None and message.name in ABOUT_TASKS:
            self._held.hear(message)
        else:
            raise ProtocolError(
                f"the supervisor sent {message.name}, but this program runs as a service; "
                "declare it as one, or let it call run_tasks"
            )

    def signs_of_life(self) -> Dict[str, Any]:
        """The fields of a heartbeat."""
        busy = None if self._held is None else self._held.handles()
        return {"sequence": self.sequence, "busy": busy}

    def _plan_beat(self) -> None:
        if self.welcome is not None and self.welcome.heartbeat_ms:
            self._beat_at = time.monotonic() + self.welcome.heartbeat_ms / 1000

    def _beat(self) -> None:
        self._plan_beat()
        if self._line is not None and not self.ended.is_set():
            try:
                self._line.send("heartbeat", self.signs_of_life())
            except LineLost:
                self._beat_at = None  # `receive` tells the end, after what was said before it

    def _end(self, why: str) -> None:
        if self._line is not None:
            self._line.shut(why)
        self._beat_at = None
        if self._held is not None and not self._closing:
            self._held.lose()
        if self.drain is None and not self._closing:
            self.drain = Drain(why)
        self.ended.set()
        self.answered.set()
        self.latch.set()

    def _announce(self) -> None:
        drain = self.drain = self.drain or Drain("SIGTERM")
        if self.leave_by is None:
            self.leave_by = time.monotonic() + GRACE
        with self._announcing:
            self.announced.set()
            callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback(drain)

    def close(self) -> None:
        """Stop listening; a thread in `turn` comes back. That is no drain: nobody is called."""
        self._closing = True
        if self._line is not None:
            self._line.shut("this worker was closed")
        self.latch.set()
