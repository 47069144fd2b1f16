"""Checks of single fields: strict, but lenient where languages differ in how they write the same value."""

from __future__ import annotations

import math
from typing import Any, Callable, Dict, List

from .depth import MAX_DEPTH, nested_deeper

#: Returns the value as it is meant, or raises ValueError with what it is not.
Reader = Callable[[Any], Any]


def up_to(most: int) -> Reader:
    """An integer from 0 to `most`."""

    def read(value: Any) -> int:
        if isinstance(value, float) and value.is_integer():
            value = int(value)  # how JavaScript writes integers above 2^32
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
            raise ValueError(f"is not an integer from 0 to {most}")
        return value

    return read


u16, u32, u64 = up_to(2**16 - 1), up_to(2**32 - 1), up_to(2**64 - 1)


def i64(value: Any) -> int:
    """A signed integer of 64 bits."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not -(2**63) <= value < 2**63:
        raise ValueError("is not an integer of 64 bits")
    return value


def number(value: Any) -> float:
    """A finite number."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ValueError("is not a finite number")
    return float(value)


def boolean(value: Any) -> bool:
    """True or False, nothing that merely counts as one."""
    if not isinstance(value, bool):
        raise ValueError("is neither true nor false")
    return value


def text(value: Any) -> str:
    """Text."""
    if not isinstance(value, str):
        raise ValueError("is not text")
    if value.isascii():
        return value
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError("is not UTF-8") from None
    return value


def data(value: Any) -> bytes:
    """Bytes; text counts as its UTF-8."""
    if isinstance(value, str):
        return value.encode()
    if not isinstance(value, (bytes, bytearray, memoryview)):
        raise ValueError("is neither bytes nor text")
    return bytes(value)


def data_up_to(most: int) -> Reader:
    """Bytes, so many at most."""

    def read(value: Any) -> bytes:
        raw = data(value)
        if len(raw) > most:
            raise ValueError(f"is {len(raw)} bytes; {most} are allowed")
        return raw

    return read


def mapping(value: Any) -> Dict[str, Any]:
    """A map with text keys."""
    if isinstance(value, list) and not value:
        return {}  # how PHP writes an empty map
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise ValueError("is not a map with text keys")
    return value


def texts(value: Any) -> Dict[str, str]:
    """A map of text to text."""
    return {key: text(item) for key, item in mapping(value).items()}


def anything(value: Any) -> Any:
    """Whatever it is, untouched."""
    return value


def opaque(value: Any) -> Any:
    """Whatever it is, as long as a frame can hold it."""
    if nested_deeper(value, MAX_DEPTH - 2):
        raise ValueError(f"is nested deeper than {MAX_DEPTH - 2}")
    return value


def one_of(*known: str) -> Reader:
    """One of a closed set of words."""

    def read(value: Any) -> str:
        if value not in known:
            raise ValueError(f"is not one of {', '.join(known)}")
        return str(value)

    return read


def acked(value: Any) -> int:
    """The number of a message that is acknowledged: result, error, checkpoint or snooze."""
    if value not in (7, 8, 10, 11):
        raise ValueError("is not one of 7, 8, 10, 11")
    return int(value)


def protocol(value: Any) -> List[int]:
    """The lowest and the highest version."""
    lowest, highest = list_of(u16, 2, 2)(value)
    if lowest > highest:
        raise ValueError("is a range upside down")
    return [lowest, highest]


def cause(value: Any) -> Dict[str, str]:
    """What lies underneath an error: a message, and a code where there is one."""
    fields = texts(value)
    if "message" not in fields:
        raise ValueError("has no message")
    return fields


def list_of(item: Reader, least: int = 0, most: int = 2**32) -> Reader:
    """A list of so many items."""

    def read(value: Any) -> List[Any]:
        if not isinstance(value, (list, tuple)) or not least <= len(value) <= most:
            raise ValueError(f"is not a list of {least} to {most}")
        return [item(each) for each in value]

    return read
