#![forbid(unsafe_code)]
//! Frames and messages of the line between hearken and one of its children.
//!
//! The law is protocol 1: a `u32` big-endian length, then one MessagePack value, the array
//! `[kind, fields]`. [`decode_frame`] and [`encode_frame`] turn a frame body into a message and back,
//! [`decode_json`] and [`encode_json`] do the same for the lines of JSON mode, and [`Session`] says which
//! message is allowed when. Everything here is sans-I/O: bytes and messages come in, messages and bytes go
//! out, and no byte of another process can make it panic, recurse without bound or allocate by a claim.
//!
//! What is absent: no descriptor, no clock, no runtime. The supervisor reads the length head with its own
//! codec; a child that wants no runtime uses [`FrameReader`].

mod frame;
mod frame_reader;
mod json;
mod kind;
mod message;
mod msgpack;
mod raw;
mod second_look;
mod session;
mod text;
mod violation;

pub use frame::{
    DEFAULT_MAX_FRAME, Decoded, EncodeError, FRAME_COMPLETION, HEAD_LENGTH, MAX_DEPTH, MAX_FRAME,
    MAX_FRAME_BEFORE_WELCOME, decode_frame, decode_frame_for_child, encode_frame,
};
pub use frame_reader::FrameReader;
pub use json::{decode_json, decode_json_for_child, encode_json};
pub use kind::{Direction, Kind};
pub use message::{
    Accepted, Ack, Acked, Cancel, CancelReason, Cause, Checkpoint, Chunk, Drain, Draining,
    ErrorKind, ErrorMessage, Event, Exiting, FromChild, Handle, Heartbeat, Hello, Intent, Level,
    Log, MAX_CAUSES, MAX_CHECKPOINT, MAX_CHUNK, Message, Metric, MetricType, Ping, Progress,
    ProtocolRange, Ready, Reject, Scope, Snooze, Status, Task, TaskResult, ToChild, Welcome,
};
pub use raw::{Raw, RawError};
pub use second_look::{EXCERPT_LENGTH, SecondLook, excerpt};
pub use session::{Heard, Mode, PROTOCOL, Session};
pub use text::{CUT_MARK, MAX_MESSAGE, MAX_TRACE, ShortText, Text, TraceText};
pub use violation::Violation;
