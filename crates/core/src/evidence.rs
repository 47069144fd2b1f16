//! Everything known about how an incarnation ended.

use crate::judge::Judgement;
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

/// What an error is about, in the child's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// The task in hand.
    Task,
    /// The process itself.
    Worker,
    /// Something it depends on.
    Dependency,
    /// The service as a whole.
    Service,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 4] = [Self::Task, Self::Worker, Self::Dependency, Self::Service];

    /// The name that stands in configs, logs and messages.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Task => "task",
            Self::Worker => "worker",
            Self::Dependency => "dependency",
            Self::Service => "service",
        }
    }
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
    /// What it is about, if the child said so.
    pub scope: Option<Scope>,
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

impl Intent {
    /// The name that stands in logs and messages.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Retry => "retry",
            Self::RestartNow => "restart_now",
            Self::StayDown => "stay_down",
        }
    }
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
    /// It is about to exit, and leaves open what shall follow (`STOPPING=1`).
    Leaving,
    /// A sign of life and nothing else: any frame, a heartbeat, `WATCHDOG=1`.
    Alive,
    /// It reads its configuration again (`RELOADING=1`); `ready` says that it is done.
    Reloading,
    /// What it is at takes so much longer than it was given (`EXTEND_TIMEOUT_USEC`).
    Extend(Duration),
    /// From now on it gives a sign of life at least so often (`WATCHDOG_USEC`).
    WatchdogPeriod(Duration),
    /// It wants to be treated as one that gave no sign of life (`WATCHDOG=trigger`).
    WatchdogTrigger,
}

/// Why an instance is being stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
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
    /// Probes found it not ready too often.
    Unready,
    /// It broke the protocol of its line.
    Violation,
    /// It closed its line and kept running.
    LineLost,
    /// It announced its exit and kept running.
    Overdue,
    /// It gave no sign of life in time.
    Watchdog,
    /// It made no progress in time.
    ProgressTimeout,
    /// Its health probe failed too often.
    Health,
    /// A rule or the table wants it, for an error it said.
    Verdict,
    /// Its unit, or its group, failed.
    UnitFailed,
    /// Its group starts again together.
    GroupRestart,
    /// Something it comes after starts again, and takes it along.
    DependencyRestart,
    /// Something it comes after is gone, and takes it down.
    DependencyStop,
    /// It worked too long on its task.
    TaskTimeout,
    /// Somebody wanted its task back, and it did not give it up.
    TaskCancelled,
    /// It did not begin with a task it was given.
    NotAccepted,
    /// Its pool replaced it although nothing was wrong with it.
    Recycle,
}

impl StopCause {
    /// Every cause.
    pub const ALL: [Self; 21] = [
        Self::Operator,
        Self::Restart,
        Self::Shutdown,
        Self::Scale,
        Self::StartTimeout,
        Self::Unready,
        Self::Violation,
        Self::LineLost,
        Self::Overdue,
        Self::Watchdog,
        Self::ProgressTimeout,
        Self::Health,
        Self::Verdict,
        Self::UnitFailed,
        Self::GroupRestart,
        Self::DependencyRestart,
        Self::DependencyStop,
        Self::TaskTimeout,
        Self::TaskCancelled,
        Self::NotAccepted,
        Self::Recycle,
    ];

    /// The name that stands in logs. Where the supervisor found a fault, it is the code of the
    /// error that rules match.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Restart => "restart",
            Self::Shutdown => "shutdown",
            Self::Scale => "scale",
            Self::StartTimeout => "start_timeout",
            Self::Unready => "readiness",
            Self::Violation => "protocol_violation",
            Self::LineLost => "line_lost",
            Self::Overdue => "exit_overdue",
            Self::Watchdog => "watchdog",
            Self::ProgressTimeout => "progress_timeout",
            Self::Health => "health",
            Self::Verdict => "verdict",
            Self::UnitFailed => "unit_failed",
            Self::GroupRestart => "group_restart",
            Self::DependencyRestart => "dependency_restart",
            Self::DependencyStop => "dependency_stop",
            Self::TaskTimeout => "task_timeout",
            Self::TaskCancelled => "task_cancelled",
            Self::NotAccepted => "not_accepted",
            Self::Recycle => "recycle",
        }
    }

    /// The kind of failure it is when the supervisor itself has to stop a child for what it does or
    /// fails to do; `None` when the reason lies elsewhere, or is judged already.
    #[must_use]
    pub fn fault(self) -> Option<Kind> {
        match self {
            Self::StartTimeout | Self::Unready | Self::ProgressTimeout | Self::Overdue => {
                Some(Kind::Timeout)
            }
            Self::Violation => Some(Kind::Protocol),
            Self::LineLost | Self::Watchdog | Self::Health | Self::NotAccepted => Some(Kind::Lost),
            Self::Operator
            | Self::Restart
            | Self::Shutdown
            | Self::Scale
            | Self::Verdict
            | Self::UnitFailed
            | Self::GroupRestart
            | Self::DependencyRestart
            | Self::DependencyStop
            | Self::TaskTimeout
            | Self::TaskCancelled
            | Self::Recycle => None,
        }
    }

    /// Whether its end is to be judged for this, even when it is then stopped for the sake of others
    /// as well: a fault, a verdict, the failure of its unit.
    #[must_use]
    pub fn stands(self) -> bool {
        self.fault().is_some() || matches!(self, Self::Verdict | Self::UnitFailed)
    }

    /// Whether it is stopped for the sake of others, and starts again once they let it.
    #[must_use]
    pub fn holds(self) -> bool {
        matches!(self, Self::GroupRestart | Self::DependencyRestart)
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
    /// What was decided while it ran, for an error it said then; it was stopped for that.
    pub sentence: Option<Judgement>,
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

    /// The error that explains the end: none if the supervisor had a reason of its own.
    #[must_use]
    pub fn explaining_error(&self) -> Option<&TypedError> {
        match self.stopped_by.and_then(StopCause::fault) {
            Some(_) => None,
            None => self.error.as_ref(),
        }
    }

    /// The code that rules match: that of the error; what the supervisor stopped it for
    /// (`watchdog`, `health` …); the step of the start that failed (`exec`, `directory` …).
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        if let Some(cause) = self.stopped_by.filter(|cause| cause.fault().is_some()) {
            return Some(cause.as_str());
        }
        if let Some(error) = &self.error {
            return Some(&error.code);
        }
        match self.end {
            End::Process(_) => None,
            End::SpawnFailed(failure) => Some(failure.stage),
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
            Said::Leaving
            | Said::Alive
            | Said::Reloading
            | Said::Extend(_)
            | Said::WatchdogPeriod(_)
            | Said::WatchdogTrigger => {}
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
            scope: None,
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
