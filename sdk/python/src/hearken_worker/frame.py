"""Frames: a u32 big-endian length, then exactly one MessagePack value, the array `[kind, fields]`.

Everything that comes in is checked before it is believed: the length before anything is kept, then the first byte,
then that the value fills the frame and is nested no deeper than 32.
"""

from __future__ import annotations

import struct
from typing import Any, Dict, Mapping, Optional, Tuple

import msgpack

from .depth import MAX_DEPTH, nested_deeper
from .errors import FrameTooLarge, NotSendable, ProtocolError

MAX_FRAME_BEFORE_WELCOME = 64 * 1024
MAX_FRAME_CEILING = 16 * 1024 * 1024

_LENGTH = struct.Struct(">I")
_PAIR = 0x92  # an array of two: the first byte of every body
#: Bytes of a kind by its first one, where that is not the kind itself: integers and floats.
_KIND_SIZES = {0xCA: 5, 0xCB: 9, 0xCC: 2, 0xCD: 3, 0xCE: 5, 0xCF: 9, 0xD0: 2, 0xD1: 3, 0xD2: 5, 0xD3: 9}
#: Bytes of the count of a map by its first one, where that does not hold the count.
_MAP_WIDTHS = {0xDE: 2, 0xDF: 4}


def encode(kind: int, fields: Mapping[str, Any], max_frame: int) -> bytes:
    """One whole frame, or `FrameTooLarge`, `NotSendable`."""
    body = pack([kind, fields])
    if len(body) > max_frame:
        raise FrameTooLarge(
            f"a frame of {len(body)} bytes is over the limit of {max_frame}; "
            "send less, or raise max_frame in the configuration of hearken"
        )
    return _LENGTH.pack(len(body)) + body


def pack(value: Any) -> bytes:
    """`value` in MessagePack, or `NotSendable`."""
    try:
        packed: bytes = msgpack.packb(value, use_bin_type=True)
    except (TypeError, ValueError, OverflowError) as cause:
        raise NotSendable(f"a value cannot be sent: {cause}; send text, numbers, lists and maps") from cause
    return packed


def decode(body: bytes) -> Tuple[int, Dict[str, Any]]:
    """The kind and the fields of one body, or `ProtocolError`.

    Values inside fields are opaque and may be anything MessagePack has: an extension becomes `msgpack.ExtType`, text
    that is not UTF-8 is kept with surrogate escapes (and refused where a field of the protocol is text).
    """
    if not body or body[0] != _PAIR:
        raise ProtocolError(f"a frame does not start with [kind, fields]: {_shown(body)}")
    try:
        # The size of the body bounds what a claimed length can make it allocate.
        kind, fields = msgpack.unpackb(body, strict_map_key=False, unicode_errors="surrogateescape")
    except (ValueError, TypeError, RecursionError, msgpack.UnpackException) as cause:
        why = str(cause) or type(cause).__name__
        raise ProtocolError(f"a frame is not [kind, fields] in MessagePack ({why}): {_shown(body)}") from cause
    if isinstance(kind, float) and kind.is_integer():
        kind = int(kind)
    if isinstance(kind, bool) or not isinstance(kind, int) or not 0 <= kind <= 127:
        raise ProtocolError(f"the kind of a frame is not a number from 0 to 127: {_shown(body)}")
    if fields == []:  # how PHP writes an empty map
        return kind, {}
    if not isinstance(fields, dict):
        raise ProtocolError(f"the fields of a frame are not a map: {_shown(body)}")
    for key in fields:
        if not isinstance(key, str):
            raise ProtocolError(f"a frame has the key {key!r:.64}, which is not text")
    if len(fields) != _announced(body):
        raise ProtocolError(f"a frame has a field twice: {_shown(body)}")
    if nested_deeper(fields, MAX_DEPTH - 1):
        raise ProtocolError(f"a frame is nested deeper than {MAX_DEPTH}")
    return kind, fields


def _announced(body: bytes) -> int:
    """How many fields the map of a body that was read says it has. Those given twice are not in what was read."""
    at = 1 + _KIND_SIZES.get(body[1], 1)
    head = body[at]
    width = _MAP_WIDTHS.get(head)
    return head & 0x0F if width is None else int.from_bytes(body[at + 1 : at + 1 + width], "big")


class FrameSplitter:
    """Cuts the stream into bodies. Keeps what has come of a frame until the rest is there."""

    def __init__(self) -> None:
        self._kept = bytearray()

    @property
    def kept(self) -> int:
        """How many bytes have come of a frame that is not complete."""
        return len(self._kept)

    def feed(self, data: bytes) -> None:
        """Add what was read."""
        self._kept += data

    def next(self, max_frame: int) -> Optional[bytes]:
        """The next complete body, or None. Asked one at a time: `welcome` changes the limit for what follows it."""
        if len(self._kept) < _LENGTH.size:
            return None
        (length,) = _LENGTH.unpack_from(self._kept)
        if not 1 <= length <= max_frame:
            raise ProtocolError(
                f"a frame of {length} bytes was announced, allowed are 1 to {max_frame}: {_shown(self._kept)}"
            )
        end = _LENGTH.size + length
        if len(self._kept) < end:
            return None
        body = bytes(self._kept[_LENGTH.size : end])
        del self._kept[:end]
        return body


def _shown(data: bytes) -> str:
    return repr(bytes(data[:64]))[1:]
