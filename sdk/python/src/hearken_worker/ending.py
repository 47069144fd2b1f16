"""An exception as the fields of an `error` message."""

from __future__ import annotations

import traceback
from typing import Any, Callable, Dict, List, Optional, Type, Union

from .errors import FrameTooLarge
from .failures import Bug, Failure, Fatal, Invalid
from .values import MESSAGE_LIMIT, TRACE_LIMIT, cut, plain

_CAUSES = 8
#: Eight causes, the message and the trace have to fit the 64 KiB of a frame before `welcome`.
_CAUSE_LIMIT = 1024
#: A hundred years; the supervisor has its own idea of what is too long.
_LONGEST = 100 * 365 * 86_400


def tell(exception: BaseException, say: Callable[[str, Dict[str, Any]], None], *, of_task: bool = False) -> None:
    """Say the `error` message of `exception`. `of_task`: it ended a task, and not the program."""
    fields = describe(exception, of_task=of_task)
    try:
        say("error", fields)
    except FrameTooLarge as large:
        # The details were too much; the error itself must not be lost.
        say("error", {**fields, "details": {"dropped": str(large)}, "causes": None})


def describe(exception: BaseException, *, of_task: bool = False) -> Dict[str, Any]:
    """The fields of `error` for `exception`: a `Failure` says what it is, anything else is a bug with a trace."""
    kind = _failure(exception, of_task).kind
    fields: Dict[str, Any] = {"kind": kind, **_told(exception, kind, MESSAGE_LIMIT)}
    fields["causes"] = _causes(exception) or None
    if isinstance(exception, Failure):
        fields["retryable"] = False if of_task and isinstance(exception, Fatal) else exception.retryable
        fields["retry_after_ms"] = milliseconds(exception.after)
        fields["scope"] = exception.scope
        fields["dependency"] = exception.dependency
        fields["details"] = plain(exception.details)
    if kind == Bug.kind:
        fields["trace"] = _trace(exception)
    return fields


def exit_code_of(exception: BaseException, *, of_task: bool = False) -> int:
    """How a program ends because of it (sysexits)."""
    return _failure(exception, of_task).exit_code


def _failure(exception: BaseException, of_task: bool) -> Union[Failure, Type[Failure]]:
    """The one whose kind and exit code count."""
    if of_task and isinstance(exception, Fatal):
        return Invalid  # the task is hopeless; nothing is wrong with the program that found out
    return exception if isinstance(exception, Failure) else Bug


def _told(exception: BaseException, kind: str, limit: int) -> Dict[str, Any]:
    name = type(exception).__name__
    if not isinstance(exception, Failure):
        return {"code": name, "message": cut(_text(exception) or name, limit)}
    # A class of the program names itself; a class of this package says no more than its kind.
    ours = type(exception).__module__ == Failure.__module__
    code = exception.code or (kind if ours else name)
    return {"code": code, "message": cut(_text(exception) or exception.says, limit)}


def _text(exception: BaseException) -> str:
    try:
        return str(exception)
    except Exception:
        return ""  # a class whose own text fails must not hide that it was raised


def milliseconds(seconds: Optional[float]) -> Optional[int]:
    """A delay as the protocol has it. What lies outside of its range is brought to the end of it."""
    if seconds is None or not seconds > 0:  # not above zero: below it, or NaN
        return None if seconds is None else 0
    return round(min(seconds, _LONGEST) * 1000)


def _causes(exception: BaseException) -> List[Dict[str, Any]]:
    causes: List[Dict[str, Any]] = []
    cause: Optional[BaseException] = exception
    while len(causes) < _CAUSES:
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
        if cause is None:
            break
        causes.append(_told(cause, _failure(cause, False).kind, _CAUSE_LIMIT))
    return causes


def _trace(exception: BaseException) -> str:
    text = "".join(traceback.format_exception(type(exception), exception, exception.__traceback__))
    return cut(text, TRACE_LIMIT)
