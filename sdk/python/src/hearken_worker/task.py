"""A task, as its handler sees it."""

from __future__ import annotations

import threading
import time
from typing import Any, Callable, Dict, Mapping, Optional

from .failures import Cancelled
from .speech import Speech

#: Says one message.
Say = Callable[[str, Dict[str, Any]], None]


class Task(Speech):
    """What there is to do, and the means to speak about it. Made for every attempt."""

    def __init__(self, fields: Mapping[str, Any], say: Say, listen: Callable[[float], object]) -> None:
        self._fields = fields
        self._say_message = say
        # Hears the supervisor for so many seconds; returns at once if a thread does that.
        self._listen = listen
        #: What it is called on this line.
        self.handle: int = fields["handle"]
        self._begun_at = time.monotonic()
        self._checkpoints = 0
        self._cancel_reason: Optional[str] = None
        self._cancel_until: Optional[float] = None
        self._woken: Optional[threading.Event] = None

    @property
    def id(self) -> str:
        """What it is called everywhere, the same in all attempts."""
        return str(self._fields["id"])

    @property
    def type(self) -> Optional[str]:
        """What to do with the payload, if the submitter said so."""
        return self._fields.get("type")

    @property
    def payload(self) -> Any:
        """The work itself, any value."""
        return self._fields["payload"]

    @property
    def content_type(self) -> Optional[str]:
        """A media type for `payload`."""
        return self._fields.get("content_type")

    @property
    def attempt(self) -> int:
        """The how-manieth attempt this is, from 1."""
        return int(self._fields["attempt"])

    @property
    def crashes(self) -> int:
        """How many earlier attempts ended in a crash."""
        return int(self._fields["crashes"])

    @property
    def key(self) -> str:
        """The idempotency key: the key of the submitter if there is one, else the id. The same in all attempts."""
        return str(self._fields.get("key") or self._fields["id"])

    @property
    def headers(self) -> Mapping[str, Any]:
        """Whatever the submitter attached."""
        return self._fields.get("headers") or {}

    @property
    def traceparent(self) -> Optional[str]:
        """The W3C trace context."""
        return self._fields.get("traceparent")

    @property
    def batch(self) -> Optional[str]:
        """The batch it belongs to."""
        return self._fields.get("batch")

    @property
    def last_checkpoint(self) -> Optional[bytes]:
        """What the latest `checkpoint` of an earlier attempt kept."""
        return self._fields.get("checkpoint")

    @property
    def last_error(self) -> Optional[Mapping[str, Any]]:
        """How the last attempt ended, as the fields of an `error` message."""
        return self._fields.get("last_error")

    @property
    def soft_deadline(self) -> Optional[float]:
        """The moment of `time.monotonic()` at which the supervisor will cancel it."""
        return self._after("soft_ms")

    @property
    def deadline(self) -> Optional[float]:
        """The moment of `time.monotonic()` at which this process is killed over it. A cancel may bring it forward."""
        moments = (self._after("hard_ms"), self._cancel_until)
        return min((moment for moment in moments if moment is not None), default=None)

    @property
    def time_left(self) -> Optional[float]:
        """Seconds up to `deadline`, 0 when that is past; None if there is no deadline."""
        deadline = self.deadline
        return None if deadline is None else max(0.0, deadline - time.monotonic())

    @property
    def cancelled(self) -> bool:
        """Whether to give up."""
        self._listen(0)
        return self._cancel_reason is not None

    @property
    def cancel_reason(self) -> Optional[str]:
        """Why to give up: timeout, operator, batch, lease_lost or shutdown."""
        return self._cancel_reason

    def check(self) -> None:
        """Raise `Cancelled` if it is cancelled."""
        if self.cancelled:
            raise Cancelled(f"cancelled: {self._cancel_reason}")

    def wait(self, seconds: float) -> bool:
        """Sleep, but wake up for a cancel. Returns `cancelled`."""
        # Made when it is needed, and before the flag is looked at: a cancel meanwhile sets it or is seen.
        self._woken = self._woken or threading.Event()
        until = time.monotonic() + seconds
        while not self.cancelled:
            left = until - time.monotonic()
            if left <= 0:
                break
            if not self._listen(left):
                self._woken.wait(left)
        return self._cancel_reason is not None

    def checkpoint(self, data: bytes) -> None:
        """Keep `data`, 64 KiB at most, for the next attempt; it replaces what was kept before."""
        self._say("checkpoint", {"sequence": self._checkpoints, "data": data})
        self._checkpoints += 1

    def cancel(self, reason: str, grace: Optional[float] = None) -> None:
        """It is to be given up within `grace` seconds. The supervisor's word, heard by another thread."""
        self._cancel_until = None if grace is None else time.monotonic() + grace
        self._cancel_reason = reason
        if self._woken is not None:
            self._woken.set()

    def _after(self, name: str) -> Optional[float]:
        milliseconds = self._fields.get(name)
        return None if milliseconds is None else self._begun_at + milliseconds / 1000

    def _say(self, name: str, fields: Dict[str, Any]) -> None:
        # A metric concerns the process; everything else a task says is about itself.
        self._say_message(name, fields if name == "metric" else {"handle": self.handle, **fields})
