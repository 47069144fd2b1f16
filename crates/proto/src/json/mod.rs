//! JSON mode: the same messages, one JSON object a line.
//!
//! A line is turned into the body of a frame and decoded as one, and the other way round: so both modes have the
//! same limits, the same leniencies and the same violations, without saying anything twice.
//!
//! One name differs: an `error` has a field `kind` of its own, and a JSON object has room for one. On a line of JSON
//! it is called `error_kind`: `{"kind":"error","error_kind":"transient","code":"db.deadlock","message":"…"}`.

pub(crate) mod parse;
pub(crate) mod render;

use bytes::{BufMut, BytesMut};

use crate::frame::{self, Decoded, EncodeError, MAX_FRAME};
use crate::message::{Message, ToChild};
use crate::violation::Violation;

/// The key of the message's name on a line of JSON.
const KIND: &str = "kind";

/// The key of an error's own `kind` on a line of JSON.
const ERROR_KIND: &str = "error_kind";

/// Reads one line that a child sent in JSON mode, with or without its line feed.
///
/// # Errors
///
/// The [`Violation`] that ends the line. Unknown kind names are always one: a name does not tell the ancillary from
/// the critical.
pub fn decode_json(line: &[u8]) -> Result<Decoded, Violation> {
    decode(line)
}

/// Reads one line that the supervisor sent in JSON mode. For SDKs and tests.
///
/// # Errors
///
/// As [`decode_json`].
pub fn decode_json_for_child(line: &[u8]) -> Result<Decoded<ToChild>, Violation> {
    decode(line)
}

fn decode<M: Message>(line: &[u8]) -> Result<Decoded<M>, Violation> {
    if line.len() > MAX_FRAME as usize {
        return Err(Violation::FrameTooLong { length: line.len() as u64, max: MAX_FRAME });
    }
    if line.trim_ascii().is_empty() {
        return Err(Violation::EmptyFrame);
    }
    frame::decode(&parse::body(line)?)
}

/// Appends a message to `out` as one line of JSON, line feed included.
///
/// Binary is written as text where it is UTF-8.
///
/// # Errors
///
/// [`EncodeError`] if the message is no valid one or holds what JSON cannot carry; `out` is then as it was.
pub fn encode_json<M: Message>(message: &M, out: &mut BytesMut) -> Result<(), EncodeError> {
    let mut frame = BytesMut::new();
    frame::encode_frame(message, &mut frame)?;
    let mut fields = BytesMut::new();
    message.encode_fields(&mut fields)?;
    let line = render::strict(message.kind(), &fields)?;
    out.put_slice(line.as_bytes());
    out.put_u8(b'\n');
    Ok(())
}
