"""Values on their way out: texts cut to their limit, free-form values made sendable."""

from __future__ import annotations

import math
from typing import Any, Mapping

MESSAGE_LIMIT = 8 * 1024
TRACE_LIMIT = 32 * 1024
#: Ends a text that was cut; it counts towards the limit.
MARK = "…[cut]"

#: Fields of a log may nest; the frame around them uses three of the 32 levels.
_PLAIN_DEPTH = 24


def cut(text: str, limit: int = MESSAGE_LIMIT) -> str:
    """`text` in at most `limit` bytes of UTF-8, cut between characters."""
    text = str(text)  # people log exceptions and paths
    if text.isascii() and len(text) <= limit:
        return text
    raw = text.encode("utf-8", "replace")  # a lone surrogate, as in a file name that is not UTF-8, becomes "?"
    if len(raw) <= limit:
        return raw.decode("utf-8")
    return raw[: limit - len(MARK.encode())].decode("utf-8", "ignore") + MARK


def plain(value: Any, depth: int = 0) -> Any:
    """`value` as MessagePack and JSON can both say it; what they cannot say becomes text.

    For log fields and details, where losing a line because of a `Path` in it would be worse than its `str()`.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        # int() strips subclasses (IntEnum), which the packer refuses in strict mode.
        return int(value) if -(2**63) <= value < 2**64 else str(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else str(value)
    if isinstance(value, str):
        return cut(str(value))
    if isinstance(value, (bytes, bytearray, memoryview)):
        return cut(bytes(value).decode("utf-8", "replace"))
    if depth < _PLAIN_DEPTH:
        if isinstance(value, Mapping):
            return {cut(str(key)): plain(item, depth + 1) for key, item in value.items()}
        if isinstance(value, (list, tuple, set, frozenset)):
            return [plain(item, depth + 1) for item in value]
    return cut(str(value))
