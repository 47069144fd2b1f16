//! Every message of protocol 1, one struct each, and one enum per direction.

mod error;
mod from_child;
mod to_child;
mod words;

use bytes::BytesMut;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

pub use error::{Cause, ErrorKind, ErrorMessage, MAX_CAUSES, Scope};
pub use from_child::{
    Accepted, Checkpoint, Chunk, Draining, Event, Exiting, FromChild, Heartbeat, Hello, Log,
    MAX_CHECKPOINT, MAX_CHUNK, Metric, Progress, Ready, Snooze, Status, TaskResult,
};
pub use to_child::{Ack, Cancel, Drain, Ping, Reject, Task, ToChild, Welcome};
pub use words::{Acked, CancelReason, Handle, Intent, Level, MetricType, ProtocolRange};

use crate::frame::EncodeError;
use crate::kind::Kind;
use crate::msgpack::de::Value;
use crate::msgpack::read::Reader;
use crate::msgpack::ser::Writer;
use crate::violation::Violation;

/// What one side may say: [`FromChild`] or [`ToChild`].
pub trait Message: Sized {
    /// Which message it is.
    fn kind(&self) -> Kind;

    /// Checks the limits that no type carries.
    ///
    /// # Errors
    ///
    /// The [`Violation`] the receiver ends the line with.
    fn check(&self) -> Result<(), Violation>;

    /// Reads the fields of a message of that kind from MessagePack that is known to be well-formed.
    ///
    /// # Errors
    ///
    /// The [`Violation`] that ends the line, among them a kind that goes the other way.
    fn decode_fields(kind: Kind, fields: &[u8]) -> Result<Self, Violation>;

    /// Appends the fields as a named map.
    ///
    /// # Errors
    ///
    /// [`EncodeError`] for a value the protocol does not carry.
    fn encode_fields(&self, out: &mut BytesMut) -> Result<(), EncodeError>;
}

fn read<T: DeserializeOwned>(kind: Kind, fields: &[u8]) -> Result<T, Violation> {
    T::deserialize(Value::of(&mut Reader::new(fields))).map_err(|fault| fault.of(kind))
}

fn write<T: Serialize>(fields: &T, out: &mut BytesMut) -> Result<(), EncodeError> {
    fields.serialize(&mut Writer::to(out))
}

fn at_most(kind: Kind, field: &'static str, length: usize, max: usize) -> Result<(), Violation> {
    if length > max {
        return Err(Violation::FieldTooLarge { kind, field, length, max });
    }
    Ok(())
}

/// A child's wish for a delay, in milliseconds: the absurd ones are brought into range rather than answered with
/// the end of the line. Below zero is zero; how long is too long is decided where the delay is used.
fn clamped_ms<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    struct Millis;

    impl serde::de::Visitor<'_> for Millis {
        type Value = u64;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("milliseconds")
        }

        fn visit_u64<E>(self, value: u64) -> Result<u64, E> {
            Ok(value)
        }

        fn visit_i64<E>(self, value: i64) -> Result<u64, E> {
            Ok(u64::try_from(value).unwrap_or(0))
        }
    }

    deserializer.deserialize_u64(Millis)
}

fn optional_clamped_ms<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<u64>, D::Error> {
    #[derive(Deserialize)]
    struct Millis(#[serde(deserialize_with = "clamped_ms")] u64);

    Ok(Option::<Millis>::deserialize(deserializer)?.map(|Millis(value)| value))
}
