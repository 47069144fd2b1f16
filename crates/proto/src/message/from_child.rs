//! What a child says.

use bytes::BytesMut;
use serde::{Deserialize, Serialize};

use super::error::ErrorMessage;
use super::words::{Handle, Intent, Level, MetricType, ProtocolRange};
use super::{Message, at_most, clamped_ms, read, write};
use crate::frame::EncodeError;
use crate::kind::Kind;
use crate::raw::{self, Raw};
use crate::text::ShortText;
use crate::violation::Violation;

/// The longest piece of a result, in bytes.
pub const MAX_CHUNK: usize = 256 * 1024;

/// The longest checkpoint, in bytes.
pub const MAX_CHECKPOINT: usize = 64 * 1024;

/// 1: the first word of a child that uses an SDK.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// The versions it speaks.
    pub protocol: ProtocolRange,
    /// Name and version of the SDK, `hearken-php/0.1.0`.
    pub sdk: String,
    /// The language and its version, `php 8.3`.
    pub language: String,
    /// The pid as the child sees it, which in a pid namespace is not ours.
    pub pid: u32,
    /// The build of the program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build: Option<String>,
    /// The task types it can do; all if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_types: Option<Vec<String>>,
}

/// 2: ready to serve, or to take tasks. May be said again with other credits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ready {
    /// How many tasks it takes at once.
    #[serde(default = "one_credit")]
    pub credits: u16,
}

fn one_credit() -> u16 {
    1
}

impl Default for Ready {
    fn default() -> Self {
        Ready { credits: one_credit() }
    }
}

/// 3: work on a task begins; its soft and hard clocks start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accepted {
    /// The task.
    pub handle: Handle,
}

/// 4: how far it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// The task; the child itself if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handle: Option<Handle>,
    /// How much is done, in `unit`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done: Option<u64>,
    /// How much there is, in `unit`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
    /// What is counted: `rows`, `bytes`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// The step it is at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<String>,
    /// One line for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<ShortText>,
}

/// 5: a structured log message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Log {
    /// The task; the child itself if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handle: Option<Handle>,
    /// How serious.
    pub level: Level,
    /// The sentence.
    pub message: ShortText,
    /// The part of the program that says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Anything else, as a map.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "raw::optional_map::deserialize"
    )]
    pub fields: Option<Raw>,
    /// When, in microseconds since 1970, by the child's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<i64>,
}

/// 6: a piece of a result that is too long for one frame.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chunk {
    /// The task.
    pub handle: Handle,
    /// Its place, from 0.
    pub sequence: u32,
    /// At most [`MAX_CHUNK`] bytes.
    #[serde(with = "serde_bytes")]
    pub data: Vec<u8>,
    /// Whether it is the last piece.
    pub last: bool,
}

/// 7: a task is done. Ends its handle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskResult {
    /// The task.
    pub handle: Handle,
    /// What came out, any value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Raw>,
    /// A media type for `data` or for the chunks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// How many chunks went before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chunks: Option<u32>,
    /// A few numbers for people, as a map.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "raw::optional_map::deserialize"
    )]
    pub summary: Option<Raw>,
}

/// 9: still here. Also the answer to `ping`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heartbeat {
    /// Counted by the child, or the sequence of the `ping` it answers.
    pub sequence: u64,
    /// The tasks it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub busy: Option<Vec<Handle>>,
    /// Its own idea of its memory, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<u64>,
}

/// 10: something to go on from. Kept, and handed to the next attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The task.
    pub handle: Handle,
    /// Its place, from 0; a later one replaces an earlier.
    pub sequence: u32,
    /// At most [`MAX_CHECKPOINT`] bytes.
    #[serde(with = "serde_bytes")]
    pub data: Vec<u8>,
}

/// 11: try this task later; no attempt is consumed. Ends its handle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snooze {
    /// The task.
    pub handle: Handle,
    /// How much later, in milliseconds. Below zero is read as zero.
    #[serde(deserialize_with = "clamped_ms")]
    pub delay_ms: u64,
    /// Why, for people.
    pub reason: ShortText,
}

/// 12: replace me once what I hold is done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Draining {
    /// Why, for people.
    pub reason: ShortText,
}

/// 13: the last word before an exit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exiting {
    /// What should happen next.
    pub intent: Intent,
    /// Why, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<ShortText>,
}

/// 14: one line for people about what it is doing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The line.
    pub text: ShortText,
}

/// 64: a number to keep count of. Ancillary.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Metric {
    /// The name, dotted.
    pub name: String,
    /// How its values add up.
    #[serde(rename = "type")]
    pub metric_type: MetricType,
    /// The value; finite.
    pub value: f64,
    /// Labels, as a map.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "raw::optional_map::deserialize"
    )]
    pub labels: Option<Raw>,
}

/// 65: something happened that a program may want to know. Ancillary.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// The task; the child itself if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handle: Option<Handle>,
    /// The name, dotted.
    pub name: String,
    /// Anything else, as a map.
    #[serde(deserialize_with = "raw::map::deserialize")]
    pub fields: Raw,
}

/// Every message a child may send.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "each variant carries the struct that is documented")]
pub enum FromChild {
    Hello(Hello),
    Ready(Ready),
    Accepted(Accepted),
    Progress(Progress),
    Log(Log),
    Chunk(Chunk),
    Result(TaskResult),
    Error(Box<ErrorMessage>),
    Heartbeat(Heartbeat),
    Checkpoint(Checkpoint),
    Snooze(Snooze),
    Draining(Draining),
    Exiting(Exiting),
    Status(Status),
    Metric(Metric),
    Event(Event),
}

impl Message for FromChild {
    fn kind(&self) -> Kind {
        match self {
            FromChild::Hello(_) => Kind::Hello,
            FromChild::Ready(_) => Kind::Ready,
            FromChild::Accepted(_) => Kind::Accepted,
            FromChild::Progress(_) => Kind::Progress,
            FromChild::Log(_) => Kind::Log,
            FromChild::Chunk(_) => Kind::Chunk,
            FromChild::Result(_) => Kind::Result,
            FromChild::Error(_) => Kind::Error,
            FromChild::Heartbeat(_) => Kind::Heartbeat,
            FromChild::Checkpoint(_) => Kind::Checkpoint,
            FromChild::Snooze(_) => Kind::Snooze,
            FromChild::Draining(_) => Kind::Draining,
            FromChild::Exiting(_) => Kind::Exiting,
            FromChild::Status(_) => Kind::Status,
            FromChild::Metric(_) => Kind::Metric,
            FromChild::Event(_) => Kind::Event,
        }
    }

    fn check(&self) -> Result<(), Violation> {
        match self {
            FromChild::Chunk(m) => at_most(Kind::Chunk, "data", m.data.len(), MAX_CHUNK),
            FromChild::Checkpoint(m) => {
                at_most(Kind::Checkpoint, "data", m.data.len(), MAX_CHECKPOINT)
            }
            FromChild::Error(m) if m.kind.is_supervisor_only() => {
                Err(Violation::SupervisorOnlyKind { error_kind: m.kind })
            }
            FromChild::Error(m) => m.check(Kind::Error),
            FromChild::Hello(_)
            | FromChild::Ready(_)
            | FromChild::Accepted(_)
            | FromChild::Progress(_)
            | FromChild::Log(_)
            | FromChild::Result(_)
            | FromChild::Heartbeat(_)
            | FromChild::Snooze(_)
            | FromChild::Draining(_)
            | FromChild::Exiting(_)
            | FromChild::Status(_)
            | FromChild::Metric(_)
            | FromChild::Event(_) => Ok(()),
        }
    }

    fn decode_fields(kind: Kind, fields: &[u8]) -> Result<Self, Violation> {
        Ok(match kind {
            Kind::Hello => FromChild::Hello(read(kind, fields)?),
            Kind::Ready => FromChild::Ready(read(kind, fields)?),
            Kind::Accepted => FromChild::Accepted(read(kind, fields)?),
            Kind::Progress => FromChild::Progress(read(kind, fields)?),
            Kind::Log => FromChild::Log(read(kind, fields)?),
            Kind::Chunk => FromChild::Chunk(read(kind, fields)?),
            Kind::Result => FromChild::Result(read(kind, fields)?),
            Kind::Error => FromChild::Error(Box::new(read(kind, fields)?)),
            Kind::Heartbeat => FromChild::Heartbeat(read(kind, fields)?),
            Kind::Checkpoint => FromChild::Checkpoint(read(kind, fields)?),
            Kind::Snooze => FromChild::Snooze(read(kind, fields)?),
            Kind::Draining => FromChild::Draining(read(kind, fields)?),
            Kind::Exiting => FromChild::Exiting(read(kind, fields)?),
            Kind::Status => FromChild::Status(read(kind, fields)?),
            Kind::Metric => FromChild::Metric(read(kind, fields)?),
            Kind::Event => FromChild::Event(read(kind, fields)?),
            Kind::Welcome
            | Kind::Reject
            | Kind::Task
            | Kind::Cancel
            | Kind::Drain
            | Kind::Ping
            | Kind::Ack => return Err(Violation::WrongDirection { kind }),
        })
    }

    fn encode_fields(&self, out: &mut BytesMut) -> Result<(), EncodeError> {
        match self {
            FromChild::Hello(m) => write(m, out),
            FromChild::Ready(m) => write(m, out),
            FromChild::Accepted(m) => write(m, out),
            FromChild::Progress(m) => write(m, out),
            FromChild::Log(m) => write(m, out),
            FromChild::Chunk(m) => write(m, out),
            FromChild::Result(m) => write(m, out),
            FromChild::Error(m) => write(m, out),
            FromChild::Heartbeat(m) => write(m, out),
            FromChild::Checkpoint(m) => write(m, out),
            FromChild::Snooze(m) => write(m, out),
            FromChild::Draining(m) => write(m, out),
            FromChild::Exiting(m) => write(m, out),
            FromChild::Status(m) => write(m, out),
            FromChild::Metric(m) => write(m, out),
            FromChild::Event(m) => write(m, out),
        }
    }
}
