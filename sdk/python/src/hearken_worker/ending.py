"""An exception as the fields of an `error` message."""

from __future__ import annotations

import traceback
from typing import Any, Dict, List, Optional

from .failures import Bug, Failure
from .values import MESSAGE_LIMIT, TRACE_LIMIT, cut, plain

_CAUSES = 8
#: Eight causes, the message and the trace have to fit the 64 KiB of a frame before `welcome`.
_CAUSE_LIMIT = 1024


def describe(exception: BaseException) -> Dict[str, Any]:
    """The fields of `error` for `exception`: a `Failure` says what it is, anything else is a bug with a trace."""
    fields = _core(exception, MESSAGE_LIMIT)
    fields["causes"] = _causes(exception) or None
    if isinstance(exception, Failure):
        fields["retryable"] = exception.retryable
        if exception.after is not None:
            fields["retry_after_ms"] = max(0, round(exception.after * 1000))
        fields["scope"] = exception.scope
        fields["dependency"] = exception.dependency
        fields["details"] = plain(exception.details)
    if fields["kind"] == Bug.kind:
        fields["trace"] = _trace(exception)
    return fields


def _core(exception: BaseException, limit: int) -> Dict[str, Any]:
    if isinstance(exception, Failure):
        kind, code, message = exception.kind, exception.code, exception.message
    else:
        kind, code, message = Bug.kind, type(exception).__name__, str(exception) or type(exception).__name__
    return {"kind": kind, "code": code, "message": cut(message, limit)}


def _causes(exception: BaseException) -> List[Dict[str, Any]]:
    causes: List[Dict[str, Any]] = []
    cause: Optional[BaseException] = exception
    while len(causes) < _CAUSES:
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
        if cause is None:
            break
        causes.append(_core(cause, _CAUSE_LIMIT))
    return causes


def _trace(exception: BaseException) -> str:
    text = "".join(traceback.format_exception(type(exception), exception, exception.__traceback__))
    return cut(text, TRACE_LIMIT)
