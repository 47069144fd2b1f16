//! What the core knows of an end, as the ledger keeps it. The way there and back is `core.rs`.

use super::named;
use hearken_core::evidence::{Intent, Scope, StopCause};
use hearken_core::kind::Kind;
use hearken_core::verdict::{InstanceVerdict, UnitVerdict};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A unit of the config.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnitShape {
    /// Its name.
    pub name: Arc<str>,
    /// How many instances it has.
    pub instances: u32,
}

/// An end, and what followed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// The process, if one ever ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<i32>,
    /// The how-manieth process of the instance.
    pub incarnation: u32,
    /// What is known of the end.
    pub evidence: KeptEvidence,
    /// What followed, and who decided.
    pub judgement: KeptJudgement,
    /// How long until it starts again, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restart_in_ns: Option<u64>,
    /// The restart budget, where it is what decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<KeptLimit>,
}

/// A restart budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptLimit {
    /// How many restarts.
    pub limit: u32,
    /// In how long.
    pub window_ns: u64,
}

/// Everything a judgement rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptEvidence {
    /// How it ended.
    pub end: KeptEnd,
    /// The kind of failure it came to; missing for a success. (It follows from the rest; it stands
    /// here for whoever searches the file.)
    #[serde(default, skip_serializing_if = "Option::is_none", with = "named::maybe")]
    pub kind: Option<Kind>,
    /// Who had it stopped.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "named::maybe")]
    pub stopped_by: Option<StopCause>,
    /// The error that explains the end, in the child's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Box<KeptError>>,
    /// What the child announced.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "named::maybe")]
    pub intent: Option<Intent>,
    /// From its start to its end.
    pub uptime_ns: u64,
    /// From ready to its end, if it ever was ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready_uptime_ns: Option<u64>,
    /// The failures in a row before this end.
    pub failures: u32,
    /// What was decided while it ran; it was stopped for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sentence: Option<Box<KeptJudgement>>,
    /// The last lines of its standard error, oldest first.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub stderr: Box<[Box<str>]>,
    /// Why its last probe failed, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe: Option<Box<str>>,
}

/// How an incarnation came to its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "how", rename_all = "snake_case")]
pub enum KeptEnd {
    /// It exited.
    Exited {
        /// With this code.
        exit_code: i32,
    },
    /// A signal killed it.
    Killed {
        /// The signal's number.
        signal: i32,
        /// Whether it left a core dump.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        core_dumped: bool,
    },
    /// It never ran.
    StartFailed {
        /// The step that failed.
        stage: Box<str>,
        /// What the kernel said, by number; 0 where nothing of the kernel failed.
        errno: i32,
        /// Whether the next try would meet the same refusal.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        permanent: bool,
        /// What was to be started, or entered.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        subject: Option<Box<str>>,
    },
}

/// An error in the child's words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptError {
    /// What sort of failure.
    #[serde(with = "named")]
    pub kind: Kind,
    /// Which one.
    pub code: Box<str>,
    /// For people; at most [`MESSAGE_MAX`] bytes are kept.
    pub message: Box<str>,
    /// The hint whether trying again makes sense.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retryable: Option<bool>,
    /// The hint when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// What it is about.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "named::maybe")]
    pub scope: Option<Scope>,
}

/// How much of a message is kept, in bytes.
pub const MESSAGE_MAX: usize = 1024;

/// A decision, and whose it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptJudgement {
    /// What happens next.
    pub next: KeptNext,
    /// When, if it starts again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pace: Option<KeptPace>,
    /// Whether that is held against the restart budget.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub counted: bool,
    /// What it means for others.
    pub beyond: KeptBeyond,
    /// Who decided.
    pub decided_by: Voice,
    /// Which rule, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<KeptRule>,
}

/// A rule that decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptRule {
    /// Its place among the rules of the unit, from 0.
    pub place: u32,
    /// How people find it: `rule 2 of api (hearken.toml:14)`.
    pub label: Box<str>,
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$word_doc:meta])* $word:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum $name {
            $( $(#[$word_doc])* #[serde(rename = $text)] $word, )*
        }

        impl $name {
            /// The word that stands in the ledger.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $( Self::$word => $text, )* }
            }
        }
    };
}
pub(super) use words;

words! {
    /// What happens next.
    KeptNext {
        /// It starts again.
        Restart = "restart",
        /// It starts again as soon as those let it for whose sake it was stopped.
        Held = "held",
        /// It stays down: somebody asked for that.
        Stopped = "stopped",
        /// It stays down: it did what it was there for.
        Finished = "finished",
        /// It stays down until an operator starts it.
        Failed = "failed",
    }
}

words! {
    /// What a decision means for others.
    KeptBeyond {
        /// Nothing.
        Nothing = "nothing",
        /// No instance of the unit starts before this one may.
        Pause = "pause",
        /// The whole unit fails.
        FailUnit = "fail_unit",
        /// The daemon shuts down.
        ShutDown = "shut_down",
    }
}

words! {
    /// Whose voice decided.
    Voice {
        /// An operator.
        Operator = "operator",
        /// The shutdown.
        Shutdown = "shutdown",
        /// The supervisor stopped it for a reason of its own.
        Supervisor = "supervisor",
        /// The group starts again together.
        Group = "group",
        /// What it comes after is gone, or starts again.
        Dependency = "dependency",
        /// The unit or the group failed as a whole.
        Unit = "unit_failed",
        /// What the child announced.
        Intent = "exiting_intent",
        /// A rule of the config.
        Rule = "rule",
        /// The child's hints.
        Hint = "error_hint",
        /// The table of kinds, by the child's error.
        Error = "error_kind",
        /// The table of kinds, by the exit or the failed start.
        Exit = "exit_status",
        /// `restart.policy`.
        Policy = "restart_policy",
        /// The restart budget.
        Budget = "restart_budget",
        /// The pool, for the sake of a task.
        Task = "task",
    }
}

/// When to start again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "how", rename_all = "snake_case")]
pub enum KeptPace {
    /// Now.
    AtOnce,
    /// After just this long.
    After {
        /// How long.
        delay_ns: u64,
    },
    /// After the backoff of so many failures.
    Backoff {
        /// The shortest delay.
        delay_ns: u64,
        /// The longest.
        max_delay_ns: u64,
    },
    /// After what the child asked for, brought into these bounds.
    Asked {
        /// What it asked for.
        asked_ms: u64,
        /// The shortest delay.
        delay_ns: u64,
        /// The longest.
        max_delay_ns: u64,
    },
}

/// What is made of an error of a child that runs on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reaction {
    /// What becomes of the process.
    #[serde(with = "named")]
    pub process: InstanceVerdict,
    /// What it means for the unit.
    #[serde(with = "named")]
    pub verdict: UnitVerdict,
    /// Who decided.
    pub decided_by: Voice,
    /// Which rule, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<KeptRule>,
}

/// Something that happens to a whole group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// Its name.
    pub group: Arc<str>,
    /// Because of which unit.
    pub because: Arc<str>,
    /// Because of which of its instances.
    pub because_instance: u32,
    /// The units concerned, in the order of their start.
    pub units: Vec<Arc<str>>,
}
