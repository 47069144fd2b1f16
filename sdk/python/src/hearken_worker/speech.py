"""What a program says, each message a method. The worker speaks for the process, a task for itself."""

from __future__ import annotations

import time
from typing import Any, Dict, Optional, Union

from .values import cut, plain

LEVELS = {"trace": 0, "debug": 1, "info": 2, "warn": 3, "error": 4, "fatal": 5, "warning": 3, "critical": 5}
METRICS = {"counter": "c", "gauge": "g", "histogram": "h"}


class Speech:
    """The messages that concern the process or one task of it."""

    def _say(self, name: str, fields: Dict[str, Any]) -> None:
        raise NotImplementedError

    def progress(
        self,
        done: Optional[int] = None,
        total: Optional[int] = None,
        unit: Optional[str] = None,
        stage: Optional[str] = None,
        message: Optional[str] = None,
    ) -> None:
        """How far the work is."""
        text = None if message is None else cut(message)
        self._say("progress", {"done": done, "total": total, "unit": unit, "stage": stage, "message": text})

    def log(
        self, level: Union[int, str], message: str, /, *, target: Optional[str] = None, **fields: Any
    ) -> None:
        """A structured log line: trace, debug, info, warn, error or fatal, and any fields."""
        said = {
            "level": LEVELS.get(level, level) if isinstance(level, str) else level,
            "message": cut(message),
            "target": target,
            "fields": plain(fields) or None,
            "time": time.time_ns() // 1000,
        }
        self._say("log", said)

    def metric(self, name: str, value: float, type: str = "counter", /, **labels: str) -> None:
        """A number to keep count of: a counter (what is added), a gauge (what it is) or a histogram (one of many)."""
        said = {"name": name, "type": METRICS.get(type, type), "value": value, "labels": labels or None}
        self._say("metric", said)

    def event(self, name: str, /, **fields: Any) -> None:
        """Something happened that other programs may want to know. The name is dotted."""
        self._say("event", {"name": name, "fields": plain(fields)})
