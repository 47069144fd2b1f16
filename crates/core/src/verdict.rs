//! What follows from an error, on three axes that do not know of each other.
//!
//! A crash wants "retry the task elsewhere, replace the worker, count it" at once; so each axis has
//! its own answer, and a rule of the config that leaves one out leaves that one to the table.

use crate::kind::Kind;
use std::fmt;

macro_rules! axis {
    ($(#[$doc:meta])* $name:ident { $($(#[$word_doc:meta])* $word:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$word_doc])* $word,)*
        }

        impl $name {
            /// Every word of this axis.
            pub const ALL: &[Self] = &[$(Self::$word,)*];

            /// The word that stands in configs and logs.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$word => $text,)*
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}

axis! {
    /// What becomes of the task, if the error was about one.
    TaskVerdict {
        /// Try it again, after a delay.
        Retry = "retry",
        /// Try it again, on another worker.
        RetryElsewhere = "retry_elsewhere",
        /// Try it again later, without counting an attempt.
        Snooze = "snooze",
        /// Give it up, and keep it with its history for people.
        DeadLetter = "dead_letter",
        /// Give it up and forget it.
        Discard = "discard",
        /// Take it for done.
        Succeed = "succeed",
    }
}

axis! {
    /// What becomes of the process.
    InstanceVerdict {
        /// It stays; one that has ended is started again after its delay.
        Keep = "keep",
        /// It finishes what it holds and is stopped, then started again after its delay.
        Recycle = "recycle",
        /// It is killed, then started again after its delay.
        Replace = "replace",
        /// It is stopped, and stays down.
        Stop = "stop",
    }
}

axis! {
    /// What it means for the unit.
    UnitVerdict {
        /// Nothing.
        None = "none",
        /// It is held against the restart budget.
        Count = "count",
        /// No instance of the unit is started again before the delay is over.
        Pause = "pause",
        /// The unit stays down until an operator starts it.
        Fail = "fail",
        /// The daemon shuts down, with a non-zero exit code.
        ShutDown = "shut_down",
    }
}

/// What the table has for an error of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// For the process.
    pub instance: InstanceVerdict,
    /// For the unit.
    pub unit: UnitVerdict,
}

const fn row(instance: InstanceVerdict, unit: UnitVerdict) -> Row {
    Row { instance, unit }
}

/// What follows when a service that runs on says an error of this kind, and no rule decides.
#[must_use]
pub fn while_running(kind: Kind) -> Row {
    match kind {
        Kind::Resource => row(InstanceVerdict::Recycle, UnitVerdict::None),
        Kind::Config => row(InstanceVerdict::Stop, UnitVerdict::Fail),
        Kind::Transient
        | Kind::Timeout
        | Kind::RateLimited
        | Kind::Unavailable
        | Kind::Conflict
        | Kind::Invalid
        | Kind::NotFound
        | Kind::Denied
        | Kind::Bug
        | Kind::Cancelled => row(InstanceVerdict::Keep, UnitVerdict::None),
        // What the supervisor finds is never said: the process has ended, or is stopped for it.
        Kind::Crashed | Kind::Oom | Kind::Lost | Kind::Protocol | Kind::StartFailed => {
            at_end(kind).unwrap_or(row(InstanceVerdict::Keep, UnitVerdict::None))
        }
    }
}

/// What follows when a service ends with an error of this kind and nothing else decides; `None`
/// leaves it to the restart policy.
#[must_use]
pub fn at_end(kind: Kind) -> Option<Row> {
    Some(match kind {
        Kind::Transient | Kind::Timeout | Kind::Unavailable | Kind::Conflict | Kind::Bug => {
            row(InstanceVerdict::Keep, UnitVerdict::Count)
        }
        // It knows its trouble and asks for time, not for help: nothing is held against it.
        Kind::RateLimited => row(InstanceVerdict::Keep, UnitVerdict::None),
        Kind::Resource => row(InstanceVerdict::Recycle, UnitVerdict::None),
        // The next start would meet the same wall.
        Kind::Invalid | Kind::NotFound | Kind::Denied => {
            row(InstanceVerdict::Keep, UnitVerdict::Fail)
        }
        Kind::Config => row(InstanceVerdict::Stop, UnitVerdict::Fail),
        Kind::Crashed | Kind::Oom | Kind::Lost | Kind::Protocol => {
            row(InstanceVerdict::Replace, UnitVerdict::Count)
        }
        Kind::StartFailed => row(InstanceVerdict::Keep, UnitVerdict::Count),
        Kind::Cancelled => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use InstanceVerdict::{Keep, Recycle, Replace, Stop};
    use UnitVerdict::{Count, Fail, None as Uncounted};

    #[test]
    fn the_table_of_kinds() {
        let kept = row(Keep, Uncounted);
        let table = [
            (Kind::Transient, kept, Some(row(Keep, Count))),
            (Kind::Timeout, kept, Some(row(Keep, Count))),
            (Kind::RateLimited, kept, Some(kept)),
            (Kind::Unavailable, kept, Some(row(Keep, Count))),
            (Kind::Conflict, kept, Some(row(Keep, Count))),
            (Kind::Resource, row(Recycle, Uncounted), Some(row(Recycle, Uncounted))),
            (Kind::Invalid, kept, Some(row(Keep, Fail))),
            (Kind::NotFound, kept, Some(row(Keep, Fail))),
            (Kind::Denied, kept, Some(row(Keep, Fail))),
            (Kind::Config, row(Stop, Fail), Some(row(Stop, Fail))),
            (Kind::Bug, kept, Some(row(Keep, Count))),
            (Kind::Cancelled, kept, None),
            (Kind::Crashed, row(Replace, Count), Some(row(Replace, Count))),
            (Kind::Oom, row(Replace, Count), Some(row(Replace, Count))),
            (Kind::Lost, row(Replace, Count), Some(row(Replace, Count))),
            (Kind::Protocol, row(Replace, Count), Some(row(Replace, Count))),
            (Kind::StartFailed, row(Keep, Count), Some(row(Keep, Count))),
        ];
        assert_eq!(table.map(|(kind, ..)| kind), Kind::ALL, "every kind has its row");
        for (kind, running, ended) in table {
            assert_eq!(while_running(kind), running, "{kind} while it runs");
            assert_eq!(at_end(kind), ended, "{kind} at its end");
        }
    }
}
