//! From the core's words to the kept ones, and back for the replay.

use super::kept::{
    Ended, KeptBeyond, KeptEnd, KeptError, KeptEvidence, KeptJudgement, KeptNext, KeptPace,
    KeptRule, MESSAGE_MAX, Voice,
};
use hearken_core::backoff::Backoff;
use hearken_core::evidence::{End, Ending, Evidence, SpawnFailure, TypedError};
use hearken_core::judge::{Beyond, DecidedBy, Judgement, Next, Pace};
use hearken_core::rule::Rule;
use std::time::Duration;

/// Every step of a start that can fail.
const STAGES: [&str; 13] = [
    "receive",
    "status_pipe",
    "fork",
    "descriptors",
    "session",
    "signals",
    "limits",
    "directory",
    "death_signal",
    "parent_gone",
    "exec",
    "fork_server",
    "cancelled",
];

/// Why a kept end cannot be given back to the core.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotOfThisVersion {
    /// It names a step of the start that this version does not have.
    #[error("its start failed at the step {0:?}, which this version does not know")]
    Stage(Box<str>),
    /// It says that it starts again, and not when.
    #[error("it says \"restart\" without a pace")]
    NoPace,
    /// It names a delay that no config may have.
    #[error("its delays make no backoff: {0}")]
    Backoff(#[from] hearken_core::backoff::BackoffError),
    /// It says that a rule decided, and not which.
    #[error("it was decided by a rule, and does not say by which")]
    NoRule,
}

/// Nanoseconds, for 584 years.
pub(super) fn ns(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// At most `most` bytes of a text; one that is cut ends in `…`.
#[must_use]
pub(crate) fn cut(text: &str, most: usize) -> Box<str> {
    if text.len() <= most {
        return text.into();
    }
    let room = most.saturating_sub('…'.len_utf8());
    let end = (0..=room).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default();
    format!("{}…", text.get(..end).unwrap_or_default()).into()
}

impl KeptEvidence {
    /// Evidence of the core. `rules` are those of the unit, for the label of one that decided.
    /// What the core does not know (standard error, probe, subject) is left empty.
    #[must_use]
    pub fn of(evidence: &Evidence, rules: &[Rule]) -> Self {
        let end = match evidence.end {
            End::Process(Ending::Exited(exit_code)) => KeptEnd::Exited { exit_code },
            End::Process(Ending::Killed { signal, core_dumped }) => {
                KeptEnd::Killed { signal, core_dumped }
            }
            End::SpawnFailed(SpawnFailure { stage, errno, permanent }) => {
                KeptEnd::StartFailed { stage: stage.into(), errno, permanent, subject: None }
            }
        };
        let sentence = evidence.sentence.map(|it| Box::new(KeptJudgement::of(&it, rules)));
        Self {
            end,
            kind: evidence.kind(),
            stopped_by: evidence.stopped_by,
            error: evidence.error.as_ref().map(|error| Box::new(KeptError::of(error))),
            intent: evidence.intent,
            uptime_ns: ns(evidence.uptime),
            ready_uptime_ns: evidence.ready_uptime.map(ns),
            failures: evidence.failures,
            sentence,
            stderr: Box::default(),
            probe: None,
        }
    }

    /// The evidence as the core had it (with what was kept of a long message).
    ///
    /// # Errors
    /// If it was written by a version that knows what this one does not.
    pub fn to_core(&self) -> Result<Evidence, NotOfThisVersion> {
        let end = match &self.end {
            KeptEnd::Exited { exit_code } => End::Process(Ending::Exited(*exit_code)),
            KeptEnd::Killed { signal, core_dumped } => {
                End::Process(Ending::Killed { signal: *signal, core_dumped: *core_dumped })
            }
            KeptEnd::StartFailed { stage, errno, permanent, .. } => {
                let known = STAGES.into_iter().find(|known| *known == &**stage);
                let stage = known.ok_or_else(|| NotOfThisVersion::Stage(stage.clone()))?;
                End::SpawnFailed(SpawnFailure { stage, errno: *errno, permanent: *permanent })
            }
        };
        Ok(Evidence {
            end,
            stopped_by: self.stopped_by,
            error: self.error.as_ref().map(|error| error.to_core()),
            intent: self.intent,
            uptime: Duration::from_nanos(self.uptime_ns),
            ready_uptime: self.ready_uptime_ns.map(Duration::from_nanos),
            failures: self.failures,
            sentence: self.sentence.as_ref().map(|it| it.to_core()).transpose()?,
        })
    }
}

impl KeptError {
    fn of(error: &TypedError) -> Self {
        Self {
            kind: error.kind,
            code: cut(&error.code, MESSAGE_MAX),
            message: cut(&error.message, MESSAGE_MAX),
            retryable: error.retryable,
            retry_after_ms: error.retry_after.map(ms),
            scope: error.scope,
        }
    }

    /// The error as the core had it (with what was kept of a long message).
    #[must_use]
    pub fn to_core(&self) -> TypedError {
        TypedError {
            kind: self.kind,
            code: (*self.code).to_owned(),
            message: (*self.message).to_owned(),
            retryable: self.retryable,
            retry_after: self.retry_after_ms.map(Duration::from_millis),
            scope: self.scope,
        }
    }
}

impl KeptJudgement {
    /// A judgement of the core. `rules` are those of the unit, for the label of one that decided.
    #[must_use]
    pub fn of(judgement: &Judgement, rules: &[Rule]) -> Self {
        let (next, pace, counted) = match judgement.next {
            Next::Restart { pace, counted } => (KeptNext::Restart, Some(pace.into()), counted),
            Next::Held => (KeptNext::Held, None, false),
            Next::Stopped => (KeptNext::Stopped, None, false),
            Next::Finished => (KeptNext::Finished, None, false),
            Next::Failed => (KeptNext::Failed, None, false),
        };
        let beyond = match judgement.beyond {
            Beyond::Nothing => KeptBeyond::Nothing,
            Beyond::Pause => KeptBeyond::Pause,
            Beyond::FailUnit => KeptBeyond::FailUnit,
            Beyond::ShutDown => KeptBeyond::ShutDown,
        };
        let (decided_by, rule) = voice(judgement.decided_by, rules);
        Self { next, pace, counted, beyond, decided_by, rule }
    }

    /// The judgement as the core had it.
    ///
    /// # Errors
    /// If it makes no sense to this version.
    pub fn to_core(&self) -> Result<Judgement, NotOfThisVersion> {
        let next = match self.next {
            KeptNext::Restart => {
                let pace = self.pace.ok_or(NotOfThisVersion::NoPace)?.to_core()?;
                Next::Restart { pace, counted: self.counted }
            }
            KeptNext::Held => Next::Held,
            KeptNext::Stopped => Next::Stopped,
            KeptNext::Finished => Next::Finished,
            KeptNext::Failed => Next::Failed,
        };
        let beyond = match self.beyond {
            KeptBeyond::Nothing => Beyond::Nothing,
            KeptBeyond::Pause => Beyond::Pause,
            KeptBeyond::FailUnit => Beyond::FailUnit,
            KeptBeyond::ShutDown => Beyond::ShutDown,
        };
        let decided_by = match self.decided_by {
            Voice::Operator => DecidedBy::Operator,
            Voice::Shutdown => DecidedBy::Shutdown,
            Voice::Supervisor => DecidedBy::Supervisor,
            Voice::Group => DecidedBy::Group,
            Voice::Dependency => DecidedBy::Dependency,
            Voice::Unit => DecidedBy::Unit,
            Voice::Intent => DecidedBy::Intent,
            Voice::Rule => {
                DecidedBy::Rule(self.rule.as_ref().ok_or(NotOfThisVersion::NoRule)?.place)
            }
            Voice::Hint => DecidedBy::Hint,
            Voice::Error => DecidedBy::Error,
            Voice::Exit => DecidedBy::Exit,
            Voice::Policy => DecidedBy::Policy,
            Voice::Budget => DecidedBy::Budget,
            Voice::Task => DecidedBy::Task,
        };
        Ok(Judgement { next, beyond, decided_by })
    }
}

/// Whose voice decided; a rule with its label.
pub(super) fn voice(decided_by: DecidedBy, rules: &[Rule]) -> (Voice, Option<KeptRule>) {
    let voice = match decided_by {
        DecidedBy::Operator => Voice::Operator,
        DecidedBy::Shutdown => Voice::Shutdown,
        DecidedBy::Supervisor => Voice::Supervisor,
        DecidedBy::Group => Voice::Group,
        DecidedBy::Dependency => Voice::Dependency,
        DecidedBy::Unit => Voice::Unit,
        DecidedBy::Intent => Voice::Intent,
        DecidedBy::Rule(place) => {
            let rule = usize::try_from(place).ok().and_then(|place| rules.get(place));
            let label = rule.map_or_else(
                || format!("rule {}", u64::from(place) + 1).into(),
                |rule| rule.label.clone(),
            );
            return (Voice::Rule, Some(KeptRule { place, label }));
        }
        DecidedBy::Hint => Voice::Hint,
        DecidedBy::Error => Voice::Error,
        DecidedBy::Exit => Voice::Exit,
        DecidedBy::Policy => Voice::Policy,
        DecidedBy::Budget => Voice::Budget,
        DecidedBy::Task => Voice::Task,
    };
    (voice, None)
}

impl From<Pace> for KeptPace {
    fn from(pace: Pace) -> Self {
        let bounds = |backoff: Backoff| (ns(backoff.delay()), ns(backoff.max_delay()));
        match pace {
            Pace::AtOnce => Self::AtOnce,
            Pace::After(delay) => Self::After { delay_ns: ns(delay) },
            Pace::Backoff(backoff) => {
                let (delay_ns, max_delay_ns) = bounds(backoff);
                Self::Backoff { delay_ns, max_delay_ns }
            }
            Pace::Asked(asked, within) => {
                let (delay_ns, max_delay_ns) = bounds(within);
                Self::Asked { asked_ms: ms(asked), delay_ns, max_delay_ns }
            }
        }
    }
}

impl KeptPace {
    fn to_core(self) -> Result<Pace, NotOfThisVersion> {
        let backoff = |delay, max_delay| {
            Backoff::new(Duration::from_nanos(delay), Duration::from_nanos(max_delay))
        };
        Ok(match self {
            Self::AtOnce => Pace::AtOnce,
            Self::After { delay_ns } => Pace::After(Duration::from_nanos(delay_ns)),
            Self::Backoff { delay_ns, max_delay_ns } => {
                Pace::Backoff(backoff(delay_ns, max_delay_ns)?)
            }
            Self::Asked { asked_ms, delay_ns, max_delay_ns } => {
                Pace::Asked(Duration::from_millis(asked_ms), backoff(delay_ns, max_delay_ns)?)
            }
        })
    }
}

impl Ended {
    /// An end as the core reports it.
    #[must_use]
    pub fn of(
        pid: Option<i32>,
        incarnation: u32,
        evidence: &Evidence,
        judgement: &Judgement,
        restart_in: Option<Duration>,
        rules: &[Rule],
    ) -> Self {
        Self {
            pid,
            incarnation,
            evidence: KeptEvidence::of(evidence, rules),
            judgement: KeptJudgement::of(judgement, rules),
            restart_in_ns: restart_in.map(ns),
            budget: None,
        }
    }
}

#[cfg(test)]
mod tests;
