//! A frame: `u32` big-endian length, then the array `[kind, fields]`.

use std::time::Duration;

use bytes::{BufMut, BytesMut};
use thiserror::Error;

use crate::kind::{FIRST_ANCILLARY, Kind, LAST_KIND};
use crate::message::{FromChild, Message, ToChild};
use crate::msgpack::lenient::{self, Integer};
use crate::msgpack::read::Reader;
use crate::msgpack::{scan, write};
use crate::violation::Violation;

/// The length of the length head, in bytes.
pub const HEAD_LENGTH: usize = 4;

/// The longest body, in bytes, a child may send before it is welcomed.
pub const MAX_FRAME_BEFORE_WELCOME: u32 = 64 * 1024;

/// The longest body after `welcome`, in bytes, unless the config says otherwise.
pub const DEFAULT_MAX_FRAME: u32 = 1024 * 1024;

/// The longest body any config may allow, in bytes.
pub const MAX_FRAME: u32 = 16 * 1024 * 1024;

/// The deepest nesting of arrays and maps in a body; the frame's own array is level 1, its fields are level 2.
pub const MAX_DEPTH: usize = 32;

/// How long a frame once begun may take to be complete.
pub const FRAME_COMPLETION: Duration = Duration::from_secs(5);

/// The first byte of every body: an array of two.
pub(crate) const FIRST_BYTE: u8 = 0x92;

/// What a frame or line says.
#[derive(Debug, Clone, PartialEq)]
pub enum Decoded<M = FromChild> {
    /// A message of this version.
    Message(M),
    /// A message of a newer version that may be left unread: count it and drop it.
    Ancillary {
        /// Its number, 64 to 127.
        kind: u8,
    },
}

/// Why a message cannot be written. Always the fault of the side that writes it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// The body would be longer than any line allows.
    #[error("a frame of {length} bytes; at most {MAX_FRAME} can be sent")]
    TooLong {
        /// The length it has, in bytes.
        length: usize,
    },
    /// The receiver would have to end the line over this message.
    #[error("the receiver would refuse it: {0}")]
    Refused(#[from] Violation),
    /// NaN or an infinity, which the protocol does not carry.
    #[error("a number that is not finite")]
    NotFinite,
    /// Binary that is not UTF-8, an extension, or a key that is no string, on a line in JSON mode.
    #[error("JSON cannot carry {what}")]
    NotJson {
        /// What it cannot carry.
        what: &'static str,
    },
    /// A shape no message has: a bug in this crate.
    #[error("{0}")]
    Unsupported(String),
}

/// Reads the body of a frame that a child sent.
///
/// # Errors
///
/// The [`Violation`] that ends the line. [`crate::SecondLook::at`] and [`crate::excerpt`] say more about the body.
pub fn decode_frame(body: &[u8]) -> Result<Decoded, Violation> {
    decode(body)
}

/// Reads the body of a frame that the supervisor sent. For SDKs.
///
/// # Errors
///
/// The [`Violation`] the supervisor committed, or the sign that it speaks another version.
pub fn decode_frame_for_child(body: &[u8]) -> Result<Decoded<ToChild>, Violation> {
    decode(body)
}

/// Appends a message to `out` as one frame, length head included.
///
/// # Errors
///
/// [`EncodeError`] if no receiver would accept the frame; `out` is then as it was.
pub fn encode_frame<M: Message>(message: &M, out: &mut BytesMut) -> Result<(), EncodeError> {
    let start = out.len();
    let written = write_frame(message, out);
    if written.is_err() {
        out.truncate(start);
    }
    written
}

fn write_frame<M: Message>(message: &M, out: &mut BytesMut) -> Result<(), EncodeError> {
    let head = out.len();
    out.put_u32(0);
    write_body(message, out)?;
    let length = out.len() - head - HEAD_LENGTH;
    let claim = u32::try_from(length).ok().filter(|&claim| claim <= MAX_FRAME);
    let claim = claim.ok_or(EncodeError::TooLong { length })?;
    if let Some(slot) = out.get_mut(head..head + HEAD_LENGTH) {
        slot.copy_from_slice(&claim.to_be_bytes());
    }
    // An opaque value that came in deep and goes out deeper would end the other side's line.
    scan::one_value(out.get(head + HEAD_LENGTH..).unwrap_or_default(), MAX_DEPTH)?;
    Ok(())
}

/// Appends `[kind, fields]`.
pub(crate) fn write_body<M: Message>(message: &M, out: &mut BytesMut) -> Result<(), EncodeError> {
    message.check()?;
    out.put_u8(FIRST_BYTE);
    write::unsigned(out, message.kind().number().into());
    message.encode_fields(out)
}

/// Reads a body in both directions. Its length has been checked by whoever read the head; the check here is the
/// last one.
pub(crate) fn decode<M: Message>(body: &[u8]) -> Result<Decoded<M>, Violation> {
    let &first = body.first().ok_or(Violation::EmptyFrame)?;
    if body.len() > MAX_FRAME as usize {
        return Err(Violation::FrameTooLong { length: body.len() as u64, max: MAX_FRAME });
    }
    if first != FIRST_BYTE {
        return Err(Violation::NotAMessage { first });
    }
    // Before anything is made of the body: after this line no claim is false and no recursion unbounded.
    scan::one_value(body, MAX_DEPTH)?;

    let mut reader = Reader::new(body);
    reader.head()?;
    let number = match lenient::integer(&reader.head()?) {
        Some(Integer::Unsigned(number)) => u8::try_from(number).ok().filter(|&n| n <= LAST_KIND),
        Some(Integer::Negative(_)) | None => None,
    };
    let number = number.ok_or(Violation::BadKind)?;
    let fields = reader.rest();
    if lenient::pairs(&reader.head()?).is_none() {
        return Err(Violation::FieldsNotAMap);
    }
    match Kind::from_number(number) {
        Some(kind) => {
            let message = M::decode_fields(kind, fields)?;
            message.check()?;
            Ok(Decoded::Message(message))
        }
        None if number >= FIRST_ANCILLARY => Ok(Decoded::Ancillary { kind: number }),
        None => Err(Violation::UnknownKind { number }),
    }
}
