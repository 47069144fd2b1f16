//! The small closed vocabularies of the messages.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A task on one line: a number local to it and never reused.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Handle(pub u32);

impl fmt::Display for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The protocol versions a child speaks, both ends included; on the line `[min, max]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "[u16; 2]", into = "[u16; 2]")]
pub struct ProtocolRange {
    min: u16,
    max: u16,
}

impl ProtocolRange {
    /// One version only.
    #[must_use]
    pub const fn only(version: u16) -> Self {
        ProtocolRange { min: version, max: version }
    }

    /// From `min` to `max`; nothing if they stand the wrong way round.
    #[must_use]
    pub const fn new(min: u16, max: u16) -> Option<Self> {
        if min <= max { Some(ProtocolRange { min, max }) } else { None }
    }

    /// The oldest version.
    #[must_use]
    pub const fn min(self) -> u16 {
        self.min
    }

    /// The newest version.
    #[must_use]
    pub const fn max(self) -> u16 {
        self.max
    }

    /// Whether `version` is one of them.
    #[must_use]
    pub const fn includes(self, version: u16) -> bool {
        self.min <= version && version <= self.max
    }
}

impl TryFrom<[u16; 2]> for ProtocolRange {
    type Error = &'static str;

    fn try_from([min, max]: [u16; 2]) -> Result<Self, Self::Error> {
        ProtocolRange::new(min, max).ok_or("a range whose minimum is above its maximum")
    }
}

impl From<ProtocolRange> for [u16; 2] {
    fn from(range: ProtocolRange) -> Self {
        [range.min, range.max]
    }
}

/// How serious a log message is; on the line a number from 0 to 5.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
#[repr(u8)]
pub enum Level {
    /// 0: every step.
    Trace = 0,
    /// 1: for whoever looks for a fault.
    Debug = 1,
    /// 2: the ordinary course.
    Info = 2,
    /// 3: went well, but look at it.
    Warn = 3,
    /// 4: something failed.
    Error = 4,
    /// 5: the program cannot go on.
    Fatal = 5,
}

impl Level {
    /// The name, as it stands in log fields.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Level::Trace => "trace",
            Level::Debug => "debug",
            Level::Info => "info",
            Level::Warn => "warn",
            Level::Error => "error",
            Level::Fatal => "fatal",
        }
    }
}

impl From<Level> for u8 {
    fn from(level: Level) -> u8 {
        level as u8
    }
}

impl TryFrom<u8> for Level {
    type Error = String;

    fn try_from(number: u8) -> Result<Self, String> {
        match number {
            0 => Ok(Level::Trace),
            1 => Ok(Level::Debug),
            2 => Ok(Level::Info),
            3 => Ok(Level::Warn),
            4 => Ok(Level::Error),
            5 => Ok(Level::Fatal),
            _ => Err(format!("level {number} where 0 to 5 are allowed")),
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a child wants to happen after it has gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Intent {
    /// The work is done.
    Done,
    /// Start me again, with the usual delay.
    Retry,
    /// Start me again at once: a planned restart.
    RestartNow,
    /// Do not start me again: it would not help.
    StayDown,
}

impl Intent {
    /// The name, as it stands on the line and in log fields.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Intent::Done => "done",
            Intent::Retry => "retry",
            Intent::RestartNow => "restart_now",
            Intent::StayDown => "stay_down",
        }
    }
}

impl fmt::Display for Intent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why a task is cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CancelReason {
    /// Its soft clock ran out.
    Timeout,
    /// A person asked for it.
    Operator,
    /// Its batch was cancelled.
    Batch,
    /// Another supervisor has taken it over.
    LeaseLost,
    /// The supervisor is shutting down.
    Shutdown,
}

/// What an `ack` acknowledges; on the line the number of the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
#[repr(u8)]
pub enum Acked {
    /// 7: the result is on disk and may be forgotten.
    Result = 7,
    /// 8: the error is.
    Error = 8,
    /// 10: the checkpoint is.
    Checkpoint = 10,
    /// 11: the snooze is.
    Snooze = 11,
}

impl From<Acked> for u8 {
    fn from(acked: Acked) -> u8 {
        acked as u8
    }
}

impl TryFrom<u8> for Acked {
    type Error = String;

    fn try_from(number: u8) -> Result<Self, String> {
        match number {
            7 => Ok(Acked::Result),
            8 => Ok(Acked::Error),
            10 => Ok(Acked::Checkpoint),
            11 => Ok(Acked::Snooze),
            _ => Err(format!("{number}, which is never acknowledged")),
        }
    }
}

/// How the values of a metric add up; on the line one letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum MetricType {
    /// `c`: the value is added.
    #[serde(rename = "c")]
    Counter,
    /// `g`: the value replaces the one before.
    #[serde(rename = "g")]
    Gauge,
    /// `h`: the value is one observation of many.
    #[serde(rename = "h")]
    Histogram,
}
