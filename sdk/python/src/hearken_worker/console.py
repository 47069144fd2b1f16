"""Without a supervisor: what would have been said, in lines for people on standard error."""

from __future__ import annotations

import sys
from typing import Any, Mapping

_LEVELS = ("trace", "debug", "info", "warn", "error", "fatal")

#: Said to machines only.
_SILENT = ("hello", "heartbeat")


def show(name: str, fields: Mapping[str, Any]) -> None:
    """Print one message. Never fails: a program must not die because its terminal went away."""
    if name not in _SILENT:
        complain(sentence(name, fields))


def complain(text: str) -> None:
    """Print a line that is for people whether there is a supervisor or not."""
    if sys.stderr is None:
        return  # print would take standard output instead
    try:
        print("hearken:", text, file=sys.stderr, flush=True)
    except (OSError, ValueError):
        pass


def sentence(name: str, fields: Mapping[str, Any]) -> str:
    """One message as a line of text."""
    # Without a supervisor there is one task at most, so its handle tells nothing.
    said = {key: value for key, value in fields.items() if value is not None and key != "handle"}
    if name == "progress":
        words = ["progress"]
        if "done" in said:
            words.append(f"{said['done']}/{said['total']}" if "total" in said else str(said["done"]))
        words += [str(said[key]) for key in ("unit", "stage", "message") if key in said]
        return _line(" ".join(words))
    if name == "log":
        return _line(f"{_LEVELS[said['level']]}: {said['message']}{_pairs(said.get('fields', {}))}")
    if name == "error":
        rest = {key: said[key] for key in said if key not in ("kind", "code", "message", "trace", "causes")}
        text = _line(f"error {said['kind']} ({said['code']}): {said['message']}{_pairs(rest)}")
        return text + ("\n" + said["trace"].rstrip() if "trace" in said else "")
    if name == "status":
        return _line(f"status: {said['text']}")
    return _line(name + _pairs(said))


def _pairs(values: Mapping[str, Any]) -> str:
    return "".join(f" {key}={value}" for key, value in values.items())


def _line(text: str) -> str:
    return " ".join(text.splitlines())
