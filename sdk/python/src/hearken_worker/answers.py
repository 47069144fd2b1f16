"""How a task ends, in frames: a result, an error or a snooze, and which of them the supervisor has not acked yet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, Mapping, Optional, Union

from . import frame
from .ending import milliseconds, tell
from .errors import ForkedWorker, FrameTooLarge, LineLost
from .line import Line
from .messages import MAX_CHUNK
from .readers import opaque
from .values import cut, plain

_RESULT, _ERROR, _SNOOZE = 7, 8, 11
_BYTES = (bytes, bytearray, memoryview)
#: More than a `chunk` needs beside its data.
_AROUND_A_CHUNK = 64


@dataclass(frozen=True)
class Result:
    """What a handler returns when there is more to say than the value: a media type, or a few numbers for people."""

    data: Any = None
    content_type: Optional[str] = None
    summary: Optional[Mapping[str, Any]] = None


class Snooze(Exception):
    """Raise it to have the task again later: after `after` seconds, and without having used up an attempt."""

    #: As a plain program: try again (sysexits).
    exit_code = 75

    def __init__(self, after: float, reason: str = "not now") -> None:
        super().__init__(after, reason)
        self.after = after
        self.reason = reason

    def fields(self) -> Dict[str, Any]:
        """As the message says it."""
        return {"delay_ms": milliseconds(self.after), "reason": cut(self.reason)}


class Answers:
    """Answers tasks. They are on their way with the next write of the line: flush before waiting for anything."""

    def __init__(self, line: Line) -> None:
        self._line = line
        #: Handle and kind of what the supervisor has not put on disk yet. Leaving earlier would lose it.
        self.unacked: Dict[int, int] = {}

    def result(self, handle: int, outcome: Any) -> None:
        """The task is done. What cannot be sent as a result is an error, and a bug."""
        result = outcome if isinstance(outcome, Result) else Result(outcome)
        try:
            self._result(handle, result)
        except (LineLost, ForkedWorker):
            raise
        except Exception as unsayable:
            self.error(handle, unsayable)

    def error(self, handle: int, exception: BaseException) -> None:
        """The task failed."""
        self._await_ack(handle, _ERROR)

        def say(name: str, fields: Mapping[str, Any]) -> None:
            self._line.hold(name, {"handle": handle, **fields})

        try:
            tell(exception, say, of_task=True)
        except (LineLost, ForkedWorker, FrameTooLarge):
            raise
        except Exception as unsayable:
            # A failure with details that are no map, or a delay that is no number: the task must not stay open.
            tell(unsayable, say, of_task=True)

    def snooze(self, handle: int, snooze: Snooze) -> None:
        """The task is to come back later."""
        self._await_ack(handle, _SNOOZE)
        try:
            self._line.hold("snooze", {"handle": handle, **snooze.fields()})
        except (LineLost, ForkedWorker):
            raise
        except Exception as unsayable:
            self.error(handle, unsayable)

    def flush(self) -> None:
        """Send what is still held."""
        self._line.flush()

    def acked(self, handle: int, of: int) -> None:
        """The supervisor has it on disk. An ack of anything else is stale and dropped."""
        if self.unacked.get(handle) == of:
            del self.unacked[handle]

    def _await_ack(self, handle: int, of: int) -> None:
        # Before the write: the ack may be read, by the other thread, before the write has returned.
        self.unacked[handle] = of

    def _result(self, handle: int, result: Result) -> None:
        self._await_ack(handle, _RESULT)
        # What is known to be too long is not even packed.
        if not isinstance(result.data, _BYTES) or memoryview(result.data).nbytes <= MAX_CHUNK:
            fields = {
                "handle": handle,
                "data": result.data,
                "content_type": result.content_type,
                "summary": plain(result.summary),
            }
            try:
                self._line.hold("result", fields, MAX_CHUNK)
                return
            except FrameTooLarge:
                pass
        self._in_chunks(handle, result)

    def _in_chunks(self, handle: int, result: Result) -> None:
        if isinstance(result.data, _BYTES):
            content_type = result.content_type or "application/octet-stream"
            raw: Union[bytes, memoryview] = memoryview(result.data).cast("B")
        else:
            content_type, raw = "application/msgpack", frame.pack(opaque(result.data))
        size = max(1, min(MAX_CHUNK, self._line.max_frame - _AROUND_A_CHUNK))
        count = -(-len(raw) // size)
        fields = {
            "handle": handle,
            "content_type": content_type,
            "chunks": count,
            "summary": plain(result.summary),
        }
        # A summary that cannot be sent is found out before the first chunk has gone.
        self._line.framed("result", fields)
        for sequence in range(count):
            piece = raw[sequence * size : (sequence + 1) * size]
            last = sequence + 1 == count
            self._line.send("chunk", {"handle": handle, "sequence": sequence, "data": piece, "last": last})
        self._line.hold("result", fields)
