"""The messages of protocol 1: their numbers, names and fields, both ways, in one table each.

Both ways are checked. What comes in, because it comes from another process; what goes out, because one wrong field
ends the line and with it this process: better an exception where the mistake was made.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, Mapping, Optional, Tuple

from .errors import NotSendable, ProtocolError
from .readers import (
    Reader,
    acked,
    anything,
    boolean,
    cause,
    data,
    data_up_to,
    i64,
    list_of,
    mapping,
    number,
    one_of,
    opaque,
    protocol,
    text,
    texts,
    u16,
    u32,
    u64,
    up_to,
)

PROTOCOL = (1, 1)

#: The longest piece of a result, and the longest checkpoint, in bytes.
MAX_CHUNK = 256 * 1024
MAX_CHECKPOINT = 64 * 1024

#: The kinds of error a child may tell; the others are the supervisor's alone.
ERROR_KINDS = (
    "transient timeout rate_limited unavailable conflict resource invalid not_found denied config bug cancelled"
).split()
SCOPES = ("task", "worker", "dependency", "service")
INTENTS = ("done", "retry", "restart_now", "stay_down")


@dataclass(frozen=True)
class Shape:
    """A message: its name and fields, in the order the reference encoder writes them."""

    name: str
    fields: Mapping[str, Reader]
    required: Tuple[str, ...] = ()


def _shape(name: str, required: str = "", /, **fields: Reader) -> Shape:
    return Shape(name, fields, tuple(required.split()))


#: What a child says.
TO_SUPERVISOR: Mapping[int, Shape] = {
    1: _shape(
        "hello",
        "protocol sdk language pid",
        protocol=protocol,
        sdk=text,
        language=text,
        pid=u32,
        build=text,
        task_types=list_of(text),
    ),
    2: _shape("ready", credits=u16),
    3: _shape("accepted", "handle", handle=u32),
    4: _shape("progress", handle=u32, done=u64, total=u64, unit=text, stage=text, message=text),
    5: _shape(
        "log",
        "level message",
        handle=u32,
        level=up_to(5),
        message=text,
        target=text,
        fields=mapping,
        time=i64,
    ),
    6: _shape(
        "chunk",
        "handle sequence data last",
        handle=u32,
        sequence=u32,
        data=data_up_to(MAX_CHUNK),
        last=boolean,
    ),
    7: _shape("result", "handle", handle=u32, data=opaque, content_type=text, chunks=u32, summary=mapping),
    8: _shape(
        "error",
        "kind code message",
        handle=u32,
        kind=one_of(*ERROR_KINDS),
        code=text,
        message=text,
        retryable=boolean,
        retry_after_ms=u64,
        scope=one_of(*SCOPES),
        dependency=text,
        details=mapping,
        causes=list_of(cause, 0, 8),
        trace=text,
    ),
    9: _shape("heartbeat", "sequence", sequence=u64, busy=list_of(u32), memory=u64),
    10: _shape("checkpoint", "handle sequence data", handle=u32, sequence=u32, data=data_up_to(MAX_CHECKPOINT)),
    11: _shape("snooze", "handle delay_ms reason", handle=u32, delay_ms=u64, reason=text),
    12: _shape("draining", "reason", reason=text),
    13: _shape("exiting", "intent", intent=one_of(*INTENTS), reason=text),
    14: _shape("status", "text", text=text),
    64: _shape("metric", "name type value", name=text, type=one_of("c", "g", "h"), value=number, labels=texts),
    65: _shape("event", "name fields", handle=u32, name=text, fields=mapping),
}

#: What the supervisor says.
TO_CHILD: Mapping[int, Shape] = {
    32: _shape(
        "welcome",
        "protocol unit instance incarnation max_frame",
        protocol=u16,
        unit=text,
        instance=u32,
        incarnation=u32,
        max_frame=u32,
        heartbeat_ms=u32,
        config=mapping,
    ),
    33: _shape("reject", "code message", code=text, message=text),
    34: _shape(
        "task",
        "handle id attempt crashes payload",
        handle=u32,
        id=text,
        type=text,
        attempt=u32,
        crashes=u32,
        payload=anything,
        content_type=text,
        soft_ms=u64,
        hard_ms=u64,
        key=text,
        headers=mapping,
        traceparent=text,
        checkpoint=data,
        last_error=mapping,
        batch=text,
    ),
    35: _shape(
        "cancel",
        "handle reason grace_ms",
        handle=u32,
        reason=one_of("timeout", "operator", "batch", "lease_lost", "shutdown"),
        grace_ms=u64,
    ),
    36: _shape("drain", "grace_ms reason", grace_ms=u64, reason=text),
    38: _shape("ping", "sequence", sequence=u64),
    39: _shape("ack", "handle of", handle=u32, of=acked),
}

_NUMBERS = {shape.name: kind for kind, shape in TO_SUPERVISOR.items()}
_FIRST_ANCILLARY = 64


@dataclass(frozen=True)
class Message:
    """A message of the supervisor, its fields checked. Fields that were left out are absent."""

    name: str
    fields: Mapping[str, Any]


def compose(name: str, fields: Mapping[str, Any]) -> Tuple[int, Dict[str, Any]]:
    """The kind and the fields of an outgoing message; fields that are None are left out."""
    kind = _NUMBERS[name]
    shape = TO_SUPERVISOR[kind]
    unknown = fields.keys() - shape.fields.keys()
    if unknown:
        raise NotSendable(f"{name} has no field {', '.join(sorted(unknown))}")
    return kind, _checked(shape, fields, NotSendable)


def read(kind: int, fields: Mapping[str, Any]) -> Optional[Message]:
    """The message, or None for an ancillary one of a newer version, which is dropped."""
    shape = TO_CHILD.get(kind)
    if shape is not None:
        return Message(shape.name, _checked(shape, fields, ProtocolError))
    if kind >= _FIRST_ANCILLARY and kind not in TO_SUPERVISOR:
        return None
    raise ProtocolError(
        f"the supervisor sent a message of kind {kind}, which no child knows in protocol {PROTOCOL[1]}; "
        "install a version of this package made for that version of hearken"
    )


def _checked(shape: Shape, fields: Mapping[str, Any], error: type) -> Dict[str, Any]:
    values: Dict[str, Any] = {}
    required, said = shape.required, fields.get
    for key, reader in shape.fields.items():
        value = said(key)
        if value is None:
            if key not in required:
                continue
            if key not in fields:
                raise error(f"{shape.name} without the field {key}")
        try:
            values[key] = reader(value)
        except ValueError as cause:
            raise error(f"{shape.name}, field {key}: {value!r:.64} {cause}") from None
    return values
