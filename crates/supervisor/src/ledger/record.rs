//! The format of the ledger: one JSON object a line, names in snake_case.
//!
//! Every line has `time` (RFC 3339, UTC, milliseconds), `at_ns` (nanoseconds since the start of the
//! supervisor that wrote it, monotonic), `life` (which supervisor that was: 16 hex digits, new at
//! each start) and `record` (what happened: the variants of [`Fact`]). What is about a unit has
//! `unit`, what is about one instance of it `instance` as well. A field that has nothing to say is
//! left out. Durations end in `_ns`, or in `_ms` where the child's own number is kept.
//!
//! ```json
//! {"time":"2026-11-22T10:03:07.123Z","at_ns":81000000,"life":"5f3a9c0112ab77e0","unit":"api",
//!  "instance":1,"record":"ended","pid":4711,"incarnation":3,
//!  "evidence":{"end":{"how":"exited","exit_code":75},"kind":"transient","uptime_ns":2000000,
//!              "failures":1,"stderr":["no route to db"]},
//!  "judgement":{"next":"restart","pace":{"how":"backoff","delay_ns":200000000,
//!               "max_delay_ns":60000000000},"counted":true,"beyond":"nothing",
//!               "decided_by":"exit_status"},"restart_in_ns":200000000}
//! ```
//!
//! The format is an interface: fields and records may be added, none is renamed. A reader skips
//! fields it does not know, and takes a record it does not know for [`Fact::Unknown`].

use super::kept::{Ended, Group, Reaction, UnitShape};
use super::named;
use super::standing::Stands;
use hearken_core::evidence::StopCause;
use hearken_core::moment::Moment;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// One line of the ledger.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// When, by the wall clock; whole milliseconds.
    #[serde(with = "time")]
    pub time: Timestamp,
    /// When, in nanoseconds since the start of the supervisor that wrote it.
    pub at_ns: u64,
    /// Which supervisor wrote it.
    pub life: Life,
    /// The unit it is about, if it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<Arc<str>>,
    /// The instance it is about, if it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<u32>,
    /// What happened.
    #[serde(flatten)]
    pub fact: Fact,
}

impl Record {
    /// When, on the monotonic clock of the supervisor that wrote it.
    #[must_use]
    pub fn moment(&self) -> Moment {
        Moment::at(Duration::from_nanos(self.at_ns))
    }

    /// The end it tells of, if it tells of one.
    #[must_use]
    pub fn ended(&self) -> Option<&Ended> {
        if let Fact::Ended(ended) = &self.fact { Some(ended) } else { None }
    }

    /// How many bytes of memory it takes, about.
    pub(super) fn cost(&self) -> usize {
        let more = self.ended().map_or(0, |ended| {
            let evidence = &ended.evidence;
            let error = evidence
                .error
                .as_ref()
                .map_or(0, |error| size_of_val(&**error) + error.code.len() + error.message.len());
            let stderr: usize =
                evidence.stderr.iter().map(|line| size_of::<Box<str>>() + line.len()).sum();
            let probe = evidence.probe.as_ref().map_or(0, |why| why.len());
            size_of_val(ended) + error + stderr + probe
        });
        // The counts of the `Arc`, what the allocator adds, and the places in the lists that hold
        // it: measured with a thousand children.
        size_of::<Self>() + 160 + more
    }

    /// The instance it is about, if it is about one.
    #[must_use]
    pub fn who(&self) -> Option<(&Arc<str>, u32)> {
        Some((self.unit.as_ref()?, self.instance?))
    }
}

/// Names one run of a supervisor: another at each start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Life(pub u64);

impl fmt::Display for Life {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl Serialize for Life {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Life {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(from)?;
        u64::from_str_radix(&text, 16).map(Self).map_err(serde::de::Error::custom)
    }
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "snake_case")]
pub enum Fact {
    /// A supervisor came up. The first record of each life; every instance it names is new.
    SupervisorStarted(Box<Supervisor>),
    /// A file begins: which supervisor writes it. One [`Fact::Stands`] follows for each instance
    /// that was ever started or told to wait, so that nothing in an older file is needed to know
    /// where all stand.
    Snapshot(Box<Supervisor>),
    /// Where an instance stands: in a snapshot, or because it came there without an end of its own
    /// (a restart that was called off, say).
    Stands(Box<Stands>),
    /// The unit waits for others before it starts.
    Waiting {
        /// For whom, still.
        on: Vec<Arc<str>>,
    },
    /// Its program runs.
    Started {
        /// Its process.
        pid: i32,
        /// The how-manieth process of the instance.
        incarnation: u32,
    },
    /// It is ready.
    Ready {
        /// How long that took from the spawn.
        after_ns: u64,
    },
    /// It is asked to stop.
    Stopping {
        /// Why.
        #[serde(with = "named")]
        cause: StopCause,
        /// The number of the signal it gets.
        signal: i32,
        /// How long it has.
        grace_ns: u64,
    },
    /// Its tree is killed.
    Killing {
        /// Why it was being stopped.
        #[serde(with = "named")]
        cause: StopCause,
        /// How long it was asked nicely.
        after_ns: u64,
    },
    /// It closed its line and still runs; it is stopped.
    LineLost {
        /// How long it had to end by itself.
        after_ns: u64,
    },
    /// It said an error and runs on, and a rule or the table makes something of that.
    Reacted(Box<Reaction>),
    /// It reads its configuration again.
    Reloading,
    /// It has read its configuration again.
    Reloaded {
        /// How long that took.
        after_ns: u64,
    },
    /// No instance of the unit is started again for a while.
    Paused {
        /// For how long.
        length_ns: u64,
    },
    /// A group starts again together.
    GroupRestarting(Box<Group>),
    /// A group used up its restart budget: all its units stay down.
    GroupFailed(Box<Group>),
    /// It ended and was judged.
    Ended(Box<Ended>),
    /// Even SIGKILL did not end it.
    Abandoned {
        /// The process, if it was ever known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pid: Option<i32>,
    },
    /// What had been left behind has ended after all; an `ended` follows.
    EndedLate {
        /// The process, if it was ever known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pid: Option<i32>,
    },
    /// Its process was stopped by a signal (SIGSTOP, SIGTSTP …) and does nothing.
    Suspended {
        /// The signal's number.
        signal: i32,
    },
    /// Its process runs again after it was suspended.
    Resumed,
    /// The supervisor itself was stopped or starved.
    Stalled {
        /// For how long.
        by_ns: u64,
        /// How many deadlines moved.
        moved: u64,
    },
    /// The shutdown began.
    ShuttingDown {
        /// Why, in words; nothing when somebody asked for it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        because: Option<Box<str>>,
    },
    /// Every unit is down for good.
    Idle,
    /// The supervisor ended in good order. The last record of its life.
    SupervisorStopped {
        /// Its exit code.
        exit_code: u8,
        /// Why, in words; nothing when somebody asked for it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        because: Option<Box<str>>,
    },
    /// So many records before this one are missing: they could not be written.
    RecordsLost {
        /// How many.
        count: u64,
    },
    /// The file ended in the middle of a line when this supervisor came up; that much was cut off.
    TailCut {
        /// How many bytes.
        bytes: u64,
    },
    /// A record of a newer version.
    #[serde(other)]
    Unknown,
}

/// A supervisor, as the ledger knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Supervisor {
    /// Its version.
    pub version: Box<str>,
    /// Its process.
    pub pid: i32,
    /// Its config file.
    pub config: Box<str>,
    /// When it came up.
    #[serde(with = "time")]
    pub started: Timestamp,
    /// Its units, in the order of the config.
    pub units: Vec<UnitShape>,
}

/// A moment of the wall clock as RFC 3339 with three digits.
pub(super) mod time {
    use jiff::Timestamp;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(in crate::ledger) fn serialize<S: Serializer>(
        time: &Timestamp,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.collect_str(&format_args!("{time:.3}"))
    }

    pub(in crate::ledger) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Timestamp, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(from)?;
        text.parse().map_err(serde::de::Error::custom)
    }

    /// Now, in whole milliseconds, as it is written.
    pub(in crate::ledger) fn now() -> Timestamp {
        let now = Timestamp::now();
        Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
    }
}
