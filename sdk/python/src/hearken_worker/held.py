"""The tasks this worker holds: those that wait for their turn, and the one that runs.

    task ──► waiting ──begin──► running ──end──► answered, see `answers`
                └──cancel, hand_back──► answered without having run

The supervisor is heard by two threads in turn, see `task_worker`, while one of them runs the tasks: hence the lock.
"""

from __future__ import annotations

import threading
from typing import Any, Callable, Dict, List, Mapping, Optional

from .answers import Answers, Snooze
from .errors import LineLost, NotSendable, ProtocolError
from .failures import Cancelled
from .messages import Message
from .task import Task

#: The messages that are about tasks.
ABOUT_TASKS = ("task", "cancel", "ack")


class Held:
    """What the supervisor has handed over and not got back."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self._lock = threading.Lock()
        self._waiting: Dict[int, Mapping[str, Any]] = {}
        self._running: Optional[Task] = None
        #: How many tasks the supervisor may hand over ahead; none before `ready`.
        self.credits = 0

    @property
    def waiting(self) -> bool:
        """Whether a task waits for its turn."""
        return bool(self._waiting)

    def handles(self) -> List[int]:
        """All of them, for the heartbeat."""
        with self._lock:
            running = [] if self._running is None else [self._running.handle]
            return running + list(self._waiting)

    def hear(self, message: Message) -> None:
        """One of the messages in `ABOUT_TASKS`. A cancel or an ack of what is over is stale, and dropped."""
        fields = message.fields
        if message.name == "task":
            self._take(fields)
        elif message.name == "cancel":
            self._cancel(fields)
        else:
            self._answers.acked(fields["handle"], fields["of"])

    def begin(self, make: Callable[[Mapping[str, Any]], Task]) -> Optional[Task]:
        """The task whose turn it is, or None. From here on a cancel is told to it."""
        with self._lock:
            if not self._waiting:
                return None
            # In one step: between waiting and running a cancel would be taken for a stale one.
            self._running = task = make(self._waiting.pop(next(iter(self._waiting))))
            return task

    def end(self) -> None:
        """It is over. Call this before the answer is sent, which gives the credit back."""
        self._running = None

    def hand_back(self, reason: str) -> None:
        """Return what waits, to be run by another worker; no attempt is used up."""
        with self._lock:
            handles, self._waiting = list(self._waiting), {}
        for handle in handles:
            self._answers.snooze(handle, Snooze(0, reason))

    def lose(self) -> None:
        """The line is gone, and with it everybody who wants an answer."""
        running = self._running
        if running is not None:
            running.cancel("lease_lost")

    def _take(self, fields: Mapping[str, Any]) -> None:
        handle = fields["handle"]
        with self._lock:
            running = self._running
            if len(self._waiting) + (running is not None) >= self.credits:
                raise ProtocolError(
                    f"the supervisor sent a task more than the {self.credits} credits it has; "
                    "that is a mistake in hearken, please report it"
                )
            if handle in self._waiting or (running is not None and running.handle == handle):
                raise ProtocolError(
                    f"the supervisor used handle {handle} for two tasks; that is a mistake in hearken, please report it"
                )
            self._waiting[handle] = fields

    def _cancel(self, fields: Mapping[str, Any]) -> None:
        handle, reason = fields["handle"], fields["reason"]
        with self._lock:
            waited = self._waiting.pop(handle, None) is not None
            running = self._running
        if running is not None and running.handle == handle:
            running.cancel(reason, fields["grace_ms"] / 1000)
        elif waited:
            try:
                self._answers.error(handle, Cancelled(f"cancelled before it began: {reason}"))
                self._answers.flush()
            except LineLost:
                pass  # `receive` tells the end, after what was said before it
            except NotSendable:
                pass  # after the last word of this process: the task is the supervisor's to give away again
