"""Serving tasks, from `welcome` to the last ack.

    welcome ──► ready ──► wait ──► task ──► accepted ──► handler ──► result, error or snooze ─┐
                           ▲ │                                                                │
                           │ │ drain, SIGTERM, or a handler raised WorkerBroken               │
                           └─┼────────────────────────────────────────────────────────────────┘
                             ▼
                finish what is held ──► wait for the acks, while the grace lasts
"""

from __future__ import annotations

import time
from typing import Any, Mapping, Optional

from .answers import Answers, Snooze
from .errors import ForkedWorker, LineError, LineLost, ProtocolError, Rejected
from .failures import WorkerBroken
from .handlers import Routes
from .held import Held
from .latch import LONGEST_WAIT
from .line import Line
from .listener import GRACE, Drain
from .task import Task
from .task_worker import TaskWorker
from .values import cut


class Serving:
    """One worker of a pool, which does its tasks one after another."""

    def __init__(self, line: Line, routes: Routes, credits: int, *, threaded: bool, build: Optional[str]) -> None:
        self._line = line
        self._routes = routes
        self._credits = credits
        self._answers = Answers(line)
        self._held = Held(self._answers)
        #: Why this worker takes no more, if a handler said so; and when it stops waiting for its acks.
        self._broken: Optional[str] = None
        self._leave_by: Optional[float] = None
        self.worker = TaskWorker(line, threaded=threaded, build=build, held=self._held, task_types=routes.types)
        self._heard = self.worker._listener
        self._heard.on_drain(self._tell_draining)

    def serve(self) -> None:
        """Returns when what was held is done and acked, or the grace is over.

        Raises `LineLost` when the supervisor goes away before that, `Rejected`, and `ProtocolError`.
        """
        try:
            # Without a limit: the supervisor knows how long a start may take, and ends the line.
            while not self._heard.answered.is_set():
                self.worker.hear(self._heard.answered.is_set, None)
            if self._finished():
                return
            self._held.credits = self._credits
            self.worker.ready(self._credits)
            while True:
                self._work_off()
                self._line.flush()
                if self._finished():
                    return
                self.worker.hear(self._has_news, self._patience())
        except LineLost:
            self.worker._look_for_the_reason()
            raise

    def _work_off(self) -> None:
        while not self._too_late():
            if self._broken is not None:
                self._held.hand_back(self._broken)
            task = self._held.begin(self._make)
            if task is None:
                return
            self._perform(task)

    def _make(self, fields: Mapping[str, Any]) -> Task:
        return Task(fields, self.worker._say, self.worker._turn_if_ours)

    def _perform(self, task: Task) -> None:
        handle = task.handle
        # Sent before the work, since it starts the clocks; the answer to the task before goes out with it.
        self._line.send("accepted", {"handle": handle})
        try:
            outcome = self._routes.find(task.type)(task)
        except (LineLost, Rejected, ProtocolError, ForkedWorker):
            raise  # nobody can be told
        except Snooze as snooze:
            self._held.end()
            self._answers.snooze(handle, snooze)
        except (Exception, SystemExit) as failure:  # a sys.exit() in a handler must not leave the others open
            self._held.end()
            self._answers.error(handle, failure)
            if isinstance(failure, WorkerBroken):
                self._retire(str(failure))
        else:
            self._held.end()
            self._answers.result(handle, outcome)

    def _retire(self, reason: str) -> None:
        self._broken = cut(reason)
        self._leave_by = time.monotonic() + GRACE
        self.worker._say("draining", {"reason": self._broken})

    def _tell_draining(self, drain: Drain) -> None:
        # A drain frame is the supervisor's own; of a signal it has to be told, or it would send more tasks.
        if drain.grace is None and not self._heard.ended.is_set():
            try:
                self._line.send("draining", {"reason": drain.reason})
            except LineError:
                pass  # it is gone, or has heard the last word of this process

    def _finished(self) -> bool:
        if self._heard.ended.is_set():
            self._heard.check()
            if self._held.waiting or self._answers.unacked:
                assert self._heard.drain is not None
                raise LineLost(self._heard.drain.reason)
            return True
        return self._leaving() and (self._too_late() or not (self._held.waiting or self._answers.unacked))

    def _has_news(self) -> bool:
        return self._held.waiting or self._heard.ended.is_set() or (self._leaving() and not self._answers.unacked)

    def _leaving(self) -> bool:
        return self._broken is not None or self._heard.announced.is_set()

    def _patience(self) -> Optional[float]:
        until = self._heard.leave_by or self._leave_by
        return None if until is None else min(max(0.0, until - time.monotonic()), LONGEST_WAIT)

    def _too_late(self) -> bool:
        return self._patience() == 0.0
