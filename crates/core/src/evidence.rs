//! Everything known about how an incarnation ended.

use crate::kind::Kind;
use crate::moment::Moment;
use std::time::Duration;

/// How a process ended, as the kernel tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It exited with this code.
    Exited(i32),
    /// This signal killed it.
    Killed {
        /// The signal's number.
        signal: i32,
        /// Whether it left a core dump.
        core_dumped: bool,
    },
}

impl Ending {
    /// Exit code 0.
    #[must_use]
    pub fn is_success(self) -> bool {
        self == Self::Exited(0)
    }
}

/// Why a program could not be started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpawnFailure {
    /// The step that failed, as the fork server names it: `exec`, `directory`, `fork` …
    pub stage: &'static str,
    /// What the kernel said.
    pub errno: i32,
    /// Whether the next try would meet the same refusal: a missing or broken program, say.
    pub permanent: bool,
}

/// An error in a child's own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypedError {
    /// What sort of failure.
    pub kind: Kind,
    /// Which one exactly, dotted: `db.deadlock`.
    pub code: String,
    /// For people.
    pub message: String,
    /// The child's hint whether trying again makes sense.
    pub retryable: Option<bool>,
    /// The child's hint when trying again makes sense.
    pub retry_after: Option<Duration>,
}

/// What a child announced with its last word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Intent {
    /// Its work is done.
    Done,
    /// It wants to be started again, after a delay.
    Retry,
    /// It wants to be started again at once.
    RestartNow,
    /// It must not be started again.
    StayDown,
}

/// What a child says that the core cares for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// It speaks the protocol.
    Hello,
    /// It can serve.
    Ready,
    /// It does its work: whatever it complained of before is behind it.
    Working,
    /// Something went wrong.
    Error(TypedError),
    /// It is about to exit.
    Exiting(Intent),
}

/// Why an instance is being stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopCause {
    /// An operator said stop.
    Operator,
    /// An operator said restart.
    Restart,
    /// The supervisor shuts down.
    Shutdown,
    /// The unit was scaled down and this slot is gone.
    Scale,
    /// It was not ready in time.
    StartTimeout,
    /// It broke the protocol of its line.
    Violation,
    /// It closed its line and kept running.
    LineLost,
}

impl StopCause {
    /// The name that stands in logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Restart => "restart",
            Self::Shutdown => "shutdown",
            Self::Scale => "scale",
            Self::StartTimeout => "start_timeout",
            Self::Violation => "protocol_violation",
            Self::LineLost => "line_lost",
        }
    }

    /// The kind of failure it is when the supervisor itself has to stop a child; `None` when
    /// people asked for it.
    #[must_use]
    pub fn fault(self) -> Option<Kind> {
        match self {
            Self::StartTimeout => Some(Kind::Timeout),
            Self::Violation => Some(Kind::Protocol),
            Self::LineLost => Some(Kind::Lost),
            Self::Operator | Self::Restart | Self::Shutdown | Self::Scale => None,
        }
    }
}

/// How an incarnation came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Its process ended.
    Process(Ending),
    /// It never ran.
    SpawnFailed(SpawnFailure),
}

/// Everything a judgement rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// How it ended.
    pub end: End,
    /// Who had it stopped, if anybody.
    pub stopped_by: Option<StopCause>,
    /// The error that explains the end, in the child's words.
    pub error: Option<TypedError>,
    /// What the child announced.
    pub intent: Option<Intent>,
    /// From its start to its end.
    pub uptime: Duration,
    /// From ready to its end, if it ever was ready.
    pub ready_uptime: Option<Duration>,
    /// The number of failures in a row, this one not counted.
    pub failures: u32,
}

impl Evidence {
    /// The kind of failure this end is; `None` for a success.
    ///
    /// The supervisor's own reason for a stop comes first, then the child's words, then the exit.
    /// How a process exits that people asked to stop explains nothing: most die of the signal.
    #[must_use]
    pub fn kind(&self) -> Option<Kind> {
        if let Some(fault) = self.stopped_by.and_then(StopCause::fault) {
            return Some(fault);
        }
        if let Some(error) = &self.error {
            return Some(error.kind);
        }
        if self.stopped_by.is_some() {
            return None;
        }
        match self.end {
            End::Process(Ending::Exited(code)) => Kind::of_exit_code(code),
            End::Process(Ending::Killed { .. }) => Some(Kind::Crashed),
            End::SpawnFailed(_) => Some(Kind::StartFailed),
        }
    }
}

/// How long an error may lie back and still explain an exit.
pub const ERROR_EXPLAINS: Duration = Duration::from_secs(60);

/// What one incarnation has said, as far as it bears on its end.
#[derive(Debug, Clone, Default)]
pub struct Words {
    hello: bool,
    error: Option<(TypedError, Moment)>,
    intent: Option<Intent>,
}

impl Words {
    /// Takes in what was said.
    pub fn hear(&mut self, now: Moment, said: Said) {
        match said {
            Said::Hello => self.hello = true,
            // Work after an error means that the error is overcome: a rate limit met at noon does
            // not explain a crash at midnight.
            Said::Ready | Said::Working => self.error = None,
            Said::Error(error) => self.error = Some((error, now)),
            Said::Exiting(intent) => self.intent = Some(intent),
        }
    }

    /// Whether it speaks the protocol.
    #[must_use]
    pub fn said_hello(&self) -> bool {
        self.hello
    }

    /// What it announced.
    #[must_use]
    pub fn intent(&self) -> Option<Intent> {
        self.intent
    }

    /// The error that explains an exit at `exit`: the last thing of consequence it said, no more
    /// than [`ERROR_EXPLAINS`] before.
    #[must_use]
    pub fn error_at(&self, exit: Moment) -> Option<TypedError> {
        let (error, said_at) = self.error.as_ref()?;
        (exit.since(*said_at) <= ERROR_EXPLAINS).then(|| error.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error() -> TypedError {
        TypedError {
            kind: Kind::RateLimited,
            code: "api.limit".into(),
            message: "slow down".into(),
            retryable: None,
            retry_after: None,
        }
    }

    #[test]
    fn an_error_explains_an_exit_only_while_it_is_fresh() {
        let mut words = Words::default();
        words.hear(Moment::START, Said::Error(error()));
        assert!(words.error_at(Moment::at(ERROR_EXPLAINS)).is_some());
        assert!(words.error_at(Moment::at(ERROR_EXPLAINS) + Duration::from_nanos(1)).is_none());
    }

    #[test]
    fn work_after_an_error_means_it_is_overcome() {
        for sign in [Said::Ready, Said::Working] {
            let mut words = Words::default();
            words.hear(Moment::START, Said::Error(error()));
            words.hear(Moment::START, sign);
            assert_eq!(words.error_at(Moment::START), None);
        }
        let mut words = Words::default();
        words.hear(Moment::START, Said::Error(error()));
        words.hear(Moment::START, Said::Exiting(Intent::Retry));
        assert!(words.error_at(Moment::START).is_some(), "the last word takes nothing back");
    }
}
