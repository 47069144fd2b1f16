"""A frame that has begun, and the time it has to become whole. All times are seconds of the monotonic clock."""

from __future__ import annotations

from typing import Optional

#: From the first byte to the last.
COMPLETION = 5.0
#: Who notices so much later that the time is over did not look: the rest of the frame may lie unread.
_LATE = 1.0


class HalfFrame:
    """Since when a frame is half there, if one is."""

    def __init__(self, completion: float = COMPLETION) -> None:
        self._completion = completion
        self._since: Optional[float] = None

    def note(self, is_half: bool, was_whole: bool, now: float) -> None:
        """Note what a read has left: part of a frame or nothing. It is another frame than before if one was whole."""
        if not is_half:
            self._since = None
        elif was_whole or self._since is None:
            self._since = now

    def deadline(self) -> Optional[float]:
        """When the rest must be there; None if no frame is half there."""
        return None if self._since is None else self._since + self._completion

    def is_over(self, now: float) -> bool:
        """Whether the time for the rest is over. Where that is noticed late, the time begins anew."""
        deadline = self.deadline()
        if deadline is None or now < deadline:
            return False
        if now > deadline + _LATE:
            self._since = now
            return False
        return True
