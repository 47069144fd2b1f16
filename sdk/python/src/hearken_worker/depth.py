"""How deep a value is nested."""

from __future__ import annotations

from typing import Any

#: Of a whole frame; the pair `[kind, fields]` is the first level, the fields are the second.
MAX_DEPTH = 32


def nested_deeper(value: Any, most: int) -> bool:
    """Whether there are more than `most` lists and maps inside one another."""
    level = [value] if isinstance(value, (dict, list, tuple)) else []
    # Level by level, not by recursion: the depth is what is in doubt.
    for _ in range(most):
        if not level:
            return False
        # By identity, so that a list that holds itself twice does not double at every level.
        inner = {
            id(item): item
            for holder in level
            for item in (holder.values() if isinstance(holder, dict) else holder)
            if isinstance(item, (dict, list, tuple))
        }
        level = list(inner.values())
    return bool(level)
