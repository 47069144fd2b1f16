//! The one shape in which everything that goes wrong is told.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::words::Handle;
use super::{at_most, optional_clamped_ms};
use crate::kind::Kind;
use crate::raw::{self, Raw};
use crate::text::{ShortText, TraceText};
use crate::violation::Violation;

/// How many causes an error may name.
pub const MAX_CAUSES: usize = 8;

/// What sort of failure it is: a closed set, the first thing a rule looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// It may well work the next time.
    Transient,
    /// Something took too long.
    Timeout,
    /// Somebody asked us to slow down.
    RateLimited,
    /// Something we depend on is away.
    Unavailable,
    /// Somebody else changed the same thing.
    Conflict,
    /// Memory, disk or descriptors ran out here.
    Resource,
    /// The input is wrong and stays wrong.
    Invalid,
    /// What the input speaks of does not exist.
    NotFound,
    /// Not allowed.
    Denied,
    /// The configuration or environment is wrong; an operator must act.
    Config,
    /// A fault in the program.
    Bug,
    /// Stopped because it was asked to.
    Cancelled,
    /// Supervisor only: a signal or an unexplained exit.
    Crashed,
    /// Supervisor only: killed for its memory.
    Oom,
    /// Supervisor only: the watchdog ran out, or the line is gone.
    Lost,
    /// Supervisor only: the child broke the protocol.
    Protocol,
    /// Supervisor only: the program could not be started.
    StartFailed,
}

impl ErrorKind {
    /// Every kind, those of the supervisor last.
    pub const ALL: [Self; 17] = [
        ErrorKind::Transient,
        ErrorKind::Timeout,
        ErrorKind::RateLimited,
        ErrorKind::Unavailable,
        ErrorKind::Conflict,
        ErrorKind::Resource,
        ErrorKind::Invalid,
        ErrorKind::NotFound,
        ErrorKind::Denied,
        ErrorKind::Config,
        ErrorKind::Bug,
        ErrorKind::Cancelled,
        ErrorKind::Crashed,
        ErrorKind::Oom,
        ErrorKind::Lost,
        ErrorKind::Protocol,
        ErrorKind::StartFailed,
    ];

    /// The name, as it stands on the line, in rules and in log fields.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            ErrorKind::Transient => "transient",
            ErrorKind::Timeout => "timeout",
            ErrorKind::RateLimited => "rate_limited",
            ErrorKind::Unavailable => "unavailable",
            ErrorKind::Conflict => "conflict",
            ErrorKind::Resource => "resource",
            ErrorKind::Invalid => "invalid",
            ErrorKind::NotFound => "not_found",
            ErrorKind::Denied => "denied",
            ErrorKind::Config => "config",
            ErrorKind::Bug => "bug",
            ErrorKind::Cancelled => "cancelled",
            ErrorKind::Crashed => "crashed",
            ErrorKind::Oom => "oom",
            ErrorKind::Lost => "lost",
            ErrorKind::Protocol => "protocol",
            ErrorKind::StartFailed => "start_failed",
        }
    }

    /// Whether only the supervisor may say it, about a child that no longer can.
    #[must_use]
    pub const fn is_supervisor_only(self) -> bool {
        match self {
            ErrorKind::Crashed
            | ErrorKind::Oom
            | ErrorKind::Lost
            | ErrorKind::Protocol
            | ErrorKind::StartFailed => true,
            ErrorKind::Transient
            | ErrorKind::Timeout
            | ErrorKind::RateLimited
            | ErrorKind::Unavailable
            | ErrorKind::Conflict
            | ErrorKind::Resource
            | ErrorKind::Invalid
            | ErrorKind::NotFound
            | ErrorKind::Denied
            | ErrorKind::Config
            | ErrorKind::Bug
            | ErrorKind::Cancelled => false,
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How far the failure reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// This task only.
    Task,
    /// This process; another one may do better.
    Worker,
    /// Everything that needs the same dependency.
    Dependency,
    /// The whole service.
    Service,
}

/// Something underneath an error, from the outside in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    /// A dotted code, or the name of an exception class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// One sentence for people.
    pub message: ShortText,
}

/// 8: something went wrong; about a task if it has a handle, about the child itself if not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorMessage {
    /// The task it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handle: Option<Handle>,
    /// What sort of failure.
    pub kind: ErrorKind,
    /// Which one exactly: open and dotted, `db.deadlock`.
    pub code: String,
    /// One sentence for people.
    pub message: ShortText,
    /// The child's opinion whether another try is worth it; a hint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retryable: Option<bool>,
    /// When another try is worth it, in milliseconds from now; a hint. Below zero is read as zero.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "optional_clamped_ms"
    )]
    pub retry_after_ms: Option<u64>,
    /// How far it reaches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<Scope>,
    /// The dependency that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dependency: Option<String>,
    /// Anything else, as a map.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "raw::optional_map::deserialize"
    )]
    pub details: Option<Raw>,
    /// What lies underneath, at most [`MAX_CAUSES`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub causes: Option<Vec<Cause>>,
    /// Where in the program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<TraceText>,
}

impl ErrorMessage {
    /// An error with nothing but what must be there.
    pub fn new(kind: ErrorKind, code: impl Into<String>, message: impl Into<ShortText>) -> Self {
        ErrorMessage {
            handle: None,
            kind,
            code: code.into(),
            message: message.into(),
            retryable: None,
            retry_after_ms: None,
            scope: None,
            dependency: None,
            details: None,
            causes: None,
            trace: None,
        }
    }

    /// Limits for both directions; who may use which kind is the direction's matter.
    pub(super) fn check(&self, kind: Kind) -> Result<(), Violation> {
        at_most(kind, "causes", self.causes.as_ref().map_or(0, Vec::len), MAX_CAUSES)
    }
}

impl fmt::Display for ErrorMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.kind, self.code, self.message)
    }
}
