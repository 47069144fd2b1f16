//! `hearken emit`: one message on the line of whoever runs it, for programs that have no SDK.
//!
//! What it says is written as JSON: for tasks of `mode = "exec"`, and for units with
//! `line = "json"`.

mod said;
mod words;

pub use hearken_proto::{
    ErrorKind, ErrorMessage, Level, Log, Metric, MetricType, Progress, Raw, ShortText, Status,
};
pub use said::{EmitError, Emitted, VARIABLE, emit};
pub use words::{Pair, code, error_kind, level, map, metric_type, name, number};

use hearken_proto::{FromChild, Handle, Snooze, TaskResult};

/// The number by which the one task of a process is known on its line.
const ONLY: Handle = Handle(1);

/// What can be said with `hearken emit`.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "variants carry the message that is documented")]
pub enum Emission {
    Progress(Progress),
    Log(Log),
    /// The result of the task: a value, or that there is none to speak of.
    Result(Option<Raw>),
    Error(Box<ErrorMessage>),
    /// The task is put off.
    Snooze {
        delay_ms: u64,
        reason: ShortText,
    },
    Status(Status),
    Metric(Metric),
}

impl Emission {
    /// As it is said. Where a message need not name a task it names none: then it is about the
    /// task of the process, if that has one, and about the process itself if not.
    fn message(self) -> FromChild {
        match self {
            Self::Progress(progress) => FromChild::Progress(progress),
            Self::Log(log) => FromChild::Log(log),
            Self::Result(data) => FromChild::Result(TaskResult {
                handle: ONLY,
                data,
                content_type: None,
                chunks: None,
                summary: None,
            }),
            Self::Error(error) => FromChild::Error(error),
            Self::Snooze { delay_ms, reason } => {
                FromChild::Snooze(Snooze { handle: ONLY, delay_ms, reason })
            }
            Self::Status(status) => FromChild::Status(status),
            Self::Metric(metric) => FromChild::Metric(metric),
        }
    }
}
