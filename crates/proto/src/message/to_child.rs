//! What the supervisor says.

use bytes::BytesMut;
use serde::{Deserialize, Serialize};

use super::error::ErrorMessage;
use super::words::{Acked, CancelReason, Handle};
use super::{Message, read, write};
use crate::frame::EncodeError;
use crate::kind::Kind;
use crate::raw::{self, Raw};
use crate::text::ShortText;
use crate::violation::Violation;

/// 32: the answer to a hello that is understood.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    /// The version spoken from here on.
    pub protocol: u16,
    /// The unit the child belongs to.
    pub unit: String,
    /// Its slot in the unit.
    pub instance: u32,
    /// The how-manieth process of the slot it is.
    pub incarnation: u32,
    /// The longest body from here on, in bytes, both ways.
    pub max_frame: u32,
    /// How often a heartbeat is wanted, in milliseconds; never if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heartbeat_ms: Option<u32>,
    /// What the config hands to the child, as a map.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "raw::optional_map::deserialize"
    )]
    pub config: Option<Raw>,
}

/// 33: the answer to a hello that cannot be served. The line ends after it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reject {
    /// Why, for programs: `unsupported_protocol`.
    pub code: String,
    /// Why, for people.
    pub message: ShortText,
}

/// 34: a piece of work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// What it is called on this line.
    pub handle: Handle,
    /// What it is called everywhere, a UUIDv7.
    pub id: String,
    /// What to do with the payload.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub task_type: Option<String>,
    /// The how-manieth attempt, from 1.
    pub attempt: u32,
    /// How many attempts ended in a crash.
    pub crashes: u32,
    /// The work itself, any value.
    pub payload: Raw,
    /// A media type for `payload`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// From `accepted` to a `cancel`, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub soft_ms: Option<u64>,
    /// From `accepted` to the kill, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hard_ms: Option<u64>,
    /// Tasks of one key never run side by side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Whatever the submitter attached, as a map.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "raw::optional_map::deserialize"
    )]
    pub headers: Option<Raw>,
    /// The W3C trace context.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    /// The last checkpoint of an earlier attempt.
    #[serde(default, with = "serde_bytes", skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<Vec<u8>>,
    /// How the last attempt ended, in the supervisor's words where the child had none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<ErrorMessage>,
    /// The batch it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<String>,
}

/// 35: give a task up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cancel {
    /// The task.
    pub handle: Handle,
    /// Why.
    pub reason: CancelReason,
    /// How long the child has for it, in milliseconds.
    pub grace_ms: u64,
}

/// 36: finish what you hold, then say `exiting` and exit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drain {
    /// How long the child has for it, in milliseconds.
    pub grace_ms: u64,
    /// Why, for people.
    pub reason: ShortText,
}

/// 38: answer with a heartbeat of the same sequence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ping {
    /// The number to answer with.
    pub sequence: u64,
}

/// 39: what a task produced is on disk and may be forgotten.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ack {
    /// The task.
    pub handle: Handle,
    /// Which of its messages.
    pub of: Acked,
}

/// Every message the supervisor may send.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "each variant carries the struct that is documented")]
pub enum ToChild {
    Welcome(Welcome),
    Reject(Reject),
    Task(Box<Task>),
    Cancel(Cancel),
    Drain(Drain),
    Ping(Ping),
    Ack(Ack),
}

impl Message for ToChild {
    fn kind(&self) -> Kind {
        match self {
            ToChild::Welcome(_) => Kind::Welcome,
            ToChild::Reject(_) => Kind::Reject,
            ToChild::Task(_) => Kind::Task,
            ToChild::Cancel(_) => Kind::Cancel,
            ToChild::Drain(_) => Kind::Drain,
            ToChild::Ping(_) => Kind::Ping,
            ToChild::Ack(_) => Kind::Ack,
        }
    }

    fn check(&self) -> Result<(), Violation> {
        match self {
            ToChild::Task(task) => match &task.last_error {
                Some(error) => error.check(Kind::Task),
                None => Ok(()),
            },
            ToChild::Welcome(_)
            | ToChild::Reject(_)
            | ToChild::Cancel(_)
            | ToChild::Drain(_)
            | ToChild::Ping(_)
            | ToChild::Ack(_) => Ok(()),
        }
    }

    fn decode_fields(kind: Kind, fields: &[u8]) -> Result<Self, Violation> {
        Ok(match kind {
            Kind::Welcome => ToChild::Welcome(read(kind, fields)?),
            Kind::Reject => ToChild::Reject(read(kind, fields)?),
            Kind::Task => ToChild::Task(Box::new(read(kind, fields)?)),
            Kind::Cancel => ToChild::Cancel(read(kind, fields)?),
            Kind::Drain => ToChild::Drain(read(kind, fields)?),
            Kind::Ping => ToChild::Ping(read(kind, fields)?),
            Kind::Ack => ToChild::Ack(read(kind, fields)?),
            Kind::Hello
            | Kind::Ready
            | Kind::Accepted
            | Kind::Progress
            | Kind::Log
            | Kind::Chunk
            | Kind::Result
            | Kind::Error
            | Kind::Heartbeat
            | Kind::Checkpoint
            | Kind::Snooze
            | Kind::Draining
            | Kind::Exiting
            | Kind::Status
            | Kind::Metric
            | Kind::Event => return Err(Violation::WrongDirection { kind }),
        })
    }

    fn encode_fields(&self, out: &mut BytesMut) -> Result<(), EncodeError> {
        match self {
            ToChild::Welcome(m) => write(m, out),
            ToChild::Reject(m) => write(m, out),
            ToChild::Task(m) => write(m, out),
            ToChild::Cancel(m) => write(m, out),
            ToChild::Drain(m) => write(m, out),
            ToChild::Ping(m) => write(m, out),
            ToChild::Ack(m) => write(m, out),
        }
    }
}
