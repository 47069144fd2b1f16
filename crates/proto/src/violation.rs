//! The reasons a line is ended for, each with a name that stays.

use thiserror::Error;

use crate::kind::Kind;
use crate::message::ErrorKind;

/// Why this line must be ended: the child broke the protocol.
///
/// Whose error it is: the child's, and it ends that child's line only. The text is for people, [`code`] is for
/// programs and never changes.
///
/// [`code`]: Violation::code
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Violation {
    /// The length head said 0, or a line of JSON mode was blank.
    #[error("an empty frame")]
    EmptyFrame,
    /// The length head claims more than the line allows at this point.
    #[error("a frame of {length} bytes; this line allows {max}")]
    FrameTooLong {
        /// What the head claims, in bytes.
        length: u64,
        /// What is allowed, in bytes.
        max: u32,
    },
    /// The line ended, or stood still for too long, in the middle of a frame.
    #[error("a frame left half after {have} bytes")]
    HalfFrame {
        /// How many bytes of it had come, the length head included.
        have: usize,
    },
    /// The first body byte is not `0x92`, the array of two.
    #[error("the first byte is {first:#04x}, not 0x92")]
    NotAMessage {
        /// The byte that came instead.
        first: u8,
    },
    /// A length inside the value claims more bytes than the frame has.
    #[error("a value claims more bytes than the frame holds")]
    Truncated,
    /// The value ends before the frame does.
    #[error("{extra} bytes after the value")]
    TrailingBytes {
        /// How many bytes are left over.
        extra: usize,
    },
    /// Arrays and maps nested more than 32 deep.
    #[error("nested deeper than 32")]
    TooDeep,
    /// The byte `0xc1`, which MessagePack never uses.
    #[error("the byte 0xc1, which MessagePack never uses")]
    ReservedByte,
    /// The kind is no integer between 0 and 127.
    #[error("the kind is no number between 0 and 127")]
    BadKind,
    /// The second element of the frame is no map.
    #[error("the fields are no map")]
    FieldsNotAMap,
    /// A critical kind this version does not know.
    #[error("unknown critical kind {number}")]
    UnknownKind {
        /// Its number, 0 to 63.
        number: u8,
    },
    /// A kind name this version does not know, in JSON mode.
    #[error("unknown kind {name:?}")]
    UnknownKindName {
        /// The name, cut to 64 bytes.
        name: String,
    },
    /// A line of JSON mode is no JSON object.
    #[error("not a JSON object: {reason}")]
    NotJson {
        /// What the parser says.
        reason: String,
    },
    /// A message that only the other side may say.
    #[error("{kind} goes the other way")]
    WrongDirection {
        /// What was said.
        kind: Kind,
    },
    /// A field that must be there is not.
    #[error("{kind} without {field:?}")]
    MissingField {
        /// The message.
        kind: Kind,
        /// The field.
        field: &'static str,
    },
    /// A known field stands twice in one message.
    #[error("{kind} with {field:?} twice")]
    DuplicateField {
        /// The message.
        kind: Kind,
        /// The field.
        field: &'static str,
    },
    /// A field has the wrong type or a value outside its range.
    #[error("{kind}, field {field:?}: {reason}")]
    InvalidField {
        /// The message.
        kind: Kind,
        /// The field, dotted if it lies deeper.
        field: String,
        /// What is wrong.
        reason: String,
    },
    /// A field holds more than the protocol allows.
    #[error("{kind}, field {field:?}: {length} where {max} are allowed")]
    FieldTooLarge {
        /// The message.
        kind: Kind,
        /// The field.
        field: &'static str,
        /// What it holds: bytes, or elements of a list.
        length: usize,
        /// What is allowed.
        max: usize,
    },
    /// An error kind that only the supervisor makes, said by a child.
    #[error("the error kind {error_kind} is the supervisor's alone")]
    SupervisorOnlyKind {
        /// The kind the child claimed.
        error_kind: ErrorKind,
    },
    /// Something was said before hello.
    #[error("{got} before hello")]
    HelloExpected {
        /// What was said.
        got: Kind,
    },
    /// An unknown ancillary message was said before hello.
    #[error("an unknown message, kind {number}, before hello")]
    HelloExpectedBeforeAncillary {
        /// Its number, 64 to 127.
        number: u8,
    },
    /// Hello was said again, or after another message had implied it.
    #[error("a second hello")]
    SecondHello,
    /// Something other than a farewell was said after exiting.
    #[error("{got} after exiting")]
    AfterExiting {
        /// What was said.
        got: Kind,
    },
    /// Something was said on a line that is already rejected or broken.
    #[error("a message on a line that has been ended")]
    LineEnded,
}

impl Violation {
    /// A stable snake_case name for log fields, rules and tests.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Violation::EmptyFrame => "empty_frame",
            Violation::FrameTooLong { .. } => "frame_too_long",
            Violation::HalfFrame { .. } => "half_frame",
            Violation::NotAMessage { .. } => "not_a_message",
            Violation::Truncated => "truncated",
            Violation::TrailingBytes { .. } => "trailing_bytes",
            Violation::TooDeep => "too_deep",
            Violation::ReservedByte => "reserved_byte",
            Violation::BadKind => "bad_kind",
            Violation::FieldsNotAMap => "fields_not_a_map",
            Violation::UnknownKind { .. } => "unknown_kind",
            Violation::UnknownKindName { .. } => "unknown_kind_name",
            Violation::NotJson { .. } => "not_json",
            Violation::WrongDirection { .. } => "wrong_direction",
            Violation::MissingField { .. } => "missing_field",
            Violation::DuplicateField { .. } => "duplicate_field",
            Violation::InvalidField { .. } => "invalid_field",
            Violation::FieldTooLarge { .. } => "field_too_large",
            Violation::SupervisorOnlyKind { .. } => "supervisor_only_kind",
            Violation::HelloExpected { .. } | Violation::HelloExpectedBeforeAncillary { .. } => {
                "hello_expected"
            }
            Violation::SecondHello => "second_hello",
            Violation::AfterExiting { .. } => "after_exiting",
            Violation::LineEnded => "line_ended",
        }
    }
}
