//! From evidence to what happens next, for a service.
//!
//! The order in which the voices are heard, first that applies:
//!
//! 1. an operator's stop, the shutdown;
//! 2. a stop the supervisor itself ordered (not ready in time, protocol broken, line lost);
//! 3. `restart.policy = "never"`: nothing a child says starts a oneshot again (but one that could
//!    not be forked for now has not run yet, and is tried again);
//! 4. the child's announced intent (`exiting`);
//! 5. the child's hints (`retryable`, and `retry_after_ms` brought into the bounds of the backoff);
//! 6. the table of kinds ([`Kind::verdict`]), by the child's error or by its exit code;
//! 7. the restart policy.
//!
//! The budget is a ceiling over all of them that restart, but it has a memory and so lives with the
//! instance.

use crate::evidence::{End, Evidence, Intent, StopCause};
use crate::kind::{Kind, Verdict};
use crate::policy::{RestartPolicy, RestartWhen};
use std::time::Duration;

/// Whose voice decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecidedBy {
    /// An operator.
    Operator,
    /// The shutdown.
    Shutdown,
    /// The supervisor stopped it for a reason of its own.
    Supervisor,
    /// What the child announced with `exiting`.
    Intent,
    /// The child's `retryable` or `retry_after_ms`.
    Hint,
    /// The table of kinds, by the error the child sent.
    Error,
    /// The table of kinds, by the exit code or signal, or by a failed start.
    Exit,
    /// `restart.policy`.
    Policy,
    /// The restart budget is used up.
    Budget,
}

impl DecidedBy {
    /// The name that stands in logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Shutdown => "shutdown",
            Self::Supervisor => "supervisor",
            Self::Intent => "exiting_intent",
            Self::Hint => "error_hint",
            Self::Error => "error_kind",
            Self::Exit => "exit_status",
            Self::Policy => "restart_policy",
            Self::Budget => "restart_budget",
        }
    }
}

/// When to start again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// Now.
    AtOnce,
    /// After the backoff of so many failures.
    Backoff,
    /// After what the child asked for; not yet clamped.
    Asked(Duration),
}

/// What happens next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Start it again.
    Restart {
        /// When.
        pace: Pace,
        /// Whether it is held against the budget.
        counted: bool,
    },
    /// It stays down: somebody asked for that.
    Stopped,
    /// It stays down: it did what it was there for.
    Finished,
    /// It stays down until an operator starts it.
    Failed,
}

/// A decision and whose it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Judgement {
    /// What happens next.
    pub next: Next,
    /// Who decided.
    pub decided_by: DecidedBy,
}

impl Judgement {
    fn new(decided_by: DecidedBy, next: Next) -> Self {
        Self { next, decided_by }
    }
}

/// Decides what follows an end. (The order is the picture atop this file.)
#[must_use]
pub fn judge(evidence: &Evidence, policy: &RestartPolicy) -> Judgement {
    let asked = evidence.error.as_ref().and_then(|error| error.retry_after);
    let pace = asked.map_or(Pace::Backoff, Pace::Asked);
    let restart = |counted| Next::Restart { pace, counted };

    match evidence.stopped_by {
        Some(StopCause::Operator | StopCause::Scale) => {
            return Judgement::new(DecidedBy::Operator, Next::Stopped);
        }
        Some(StopCause::Shutdown) => return Judgement::new(DecidedBy::Shutdown, Next::Stopped),
        Some(StopCause::Restart) => {
            let next = Next::Restart { pace: Pace::AtOnce, counted: false };
            return Judgement::new(DecidedBy::Operator, next);
        }
        Some(StopCause::StartTimeout | StopCause::Violation | StopCause::LineLost) => {
            let next = match policy.when {
                RestartWhen::Never => Next::Failed,
                RestartWhen::Always | RestartWhen::OnFailure => {
                    Next::Restart { pace: Pace::Backoff, counted: true }
                }
            };
            return Judgement::new(DecidedBy::Supervisor, next);
        }
        None => {}
    }

    let kind = evidence.kind();
    let uncounted = kind.is_some_and(|kind| kind.verdict() == Verdict::Restart { counted: false });
    if policy.when == RestartWhen::Never && !could_not_start(evidence, false) {
        let next = match (evidence.intent, kind) {
            (Some(Intent::Done), _) | (_, None) => Next::Finished,
            (None, Some(kind)) if kind.verdict() == Verdict::ByPolicy => {
                return by_policy(evidence, policy);
            }
            (Some(Intent::Retry | Intent::RestartNow | Intent::StayDown) | None, Some(_)) => {
                Next::Failed
            }
        };
        return Judgement::new(DecidedBy::Policy, next);
    }

    if let Some(intent) = evidence.intent {
        let next = match (intent, kind) {
            (Intent::Done, _) | (Intent::StayDown, None) => Next::Finished,
            (Intent::StayDown, Some(_)) => Next::Failed,
            (Intent::Retry, _) => restart(!uncounted),
            (Intent::RestartNow, _) => Next::Restart { pace: Pace::AtOnce, counted: true },
        };
        return Judgement::new(DecidedBy::Intent, next);
    }

    match evidence.error.as_ref().and_then(|error| error.retryable) {
        Some(false) => return Judgement::new(DecidedBy::Hint, Next::Failed),
        Some(true) => return Judgement::new(DecidedBy::Hint, restart(!uncounted)),
        None => {}
    }

    let Some(kind) = kind else { return by_policy(evidence, policy) };
    let decided_by = if evidence.error.is_some() { DecidedBy::Error } else { DecidedBy::Exit };
    if could_not_start(evidence, true) {
        return Judgement::new(decided_by, Next::Failed);
    }
    match kind.verdict() {
        Verdict::Restart { counted } => Judgement::new(decided_by, restart(counted)),
        Verdict::Fail => Judgement::new(decided_by, Next::Failed),
        Verdict::ByPolicy => by_policy(evidence, policy),
    }
}

/// Whether it never ran: for now, or for a reason that the next start would meet again.
fn could_not_start(evidence: &Evidence, permanent: bool) -> bool {
    match evidence.end {
        End::SpawnFailed(failure) => failure.permanent == permanent,
        End::Process(_) => false,
    }
}

fn by_policy(evidence: &Evidence, policy: &RestartPolicy) -> Judgement {
    let success = match evidence.end {
        End::Process(ending) => ending.is_success(),
        End::SpawnFailed(_) => false,
    };
    let next = match (policy.when, success) {
        (RestartWhen::Always, _) | (RestartWhen::OnFailure, false) => {
            Next::Restart { pace: Pace::Backoff, counted: true }
        }
        (RestartWhen::OnFailure | RestartWhen::Never, true) => Next::Finished,
        (RestartWhen::Never, false) => Next::Failed,
    };
    Judgement::new(DecidedBy::Policy, next)
}

/// Whether an end is held against the program, so that the delay before the next start grows.
#[must_use]
pub fn is_failure(evidence: &Evidence) -> bool {
    match evidence.stopped_by {
        Some(StopCause::Operator | StopCause::Restart | StopCause::Shutdown | StopCause::Scale) => {
            return false;
        }
        Some(StopCause::StartTimeout | StopCause::Violation | StopCause::LineLost) | None => {}
    }
    match evidence.kind() {
        None | Some(Kind::Cancelled) => false,
        Some(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backoff::Backoff;
    use crate::evidence::{Ending, SpawnFailure, TypedError};
    use crate::policy::OnLimit;
    use RestartWhen::{Always, Never, OnFailure};

    const COUNTED: Next = Next::Restart { pace: Pace::Backoff, counted: true };
    const UNCOUNTED: Next = Next::Restart { pace: Pace::Backoff, counted: false };
    const BY_HAND: Next = Next::Restart { pace: Pace::AtOnce, counted: false };
    const MINUTE: Duration = Duration::from_secs(60);

    /// An exit with this code and nothing else to say.
    fn exit(code: i32) -> Evidence {
        Evidence {
            end: End::Process(Ending::Exited(code)),
            stopped_by: None,
            error: None,
            intent: None,
            uptime: Duration::ZERO,
            ready_uptime: None,
            failures: 0,
        }
    }

    fn stopped(cause: StopCause) -> Evidence {
        Evidence {
            end: End::Process(Ending::Killed { signal: 15, core_dumped: false }),
            stopped_by: Some(cause),
            ..said(Kind::Config)
        }
    }

    fn said(kind: Kind) -> Evidence {
        let (code, message) = (String::new(), String::new());
        let error = TypedError { kind, code, message, retryable: None, retry_after: None };
        Evidence { error: Some(error), ..exit(1) }
    }

    fn hinted(kind: Kind, retryable: Option<bool>, retry_after: Option<Duration>) -> Evidence {
        let mut evidence = said(kind);
        let error = evidence.error.take().map(|it| TypedError { retryable, retry_after, ..it });
        Evidence { error, ..evidence }
    }

    fn announced(intent: Intent, evidence: Evidence) -> Evidence {
        Evidence { intent: Some(intent), ..evidence }
    }

    fn not_spawned(permanent: bool) -> Evidence {
        let failure = SpawnFailure { stage: "exec", errno: 2, permanent };
        Evidence { end: End::SpawnFailed(failure), ..exit(0) }
    }

    fn policy(when: RestartWhen) -> RestartPolicy {
        RestartPolicy {
            when,
            backoff: Backoff::new(Duration::ZERO, MINUTE).unwrap(),
            settle: MINUTE,
            limit: None,
            on_limit: OnLimit::Fail,
        }
    }

    #[test]
    fn each_voice_in_its_turn() {
        let after = |wait, counted| Next::Restart { pace: Pace::Asked(wait), counted };
        let at_once = Next::Restart { pace: Pace::AtOnce, counted: true };
        let table = [
            // 1. People.
            (stopped(StopCause::Operator), Always, Next::Stopped, DecidedBy::Operator),
            (stopped(StopCause::Scale), Always, Next::Stopped, DecidedBy::Operator),
            (stopped(StopCause::Shutdown), Always, Next::Stopped, DecidedBy::Shutdown),
            (stopped(StopCause::Restart), Never, BY_HAND, DecidedBy::Operator),
            (
                announced(Intent::StayDown, stopped(StopCause::Restart)),
                OnFailure,
                BY_HAND,
                DecidedBy::Operator,
            ),
            // 2. The supervisor itself; the config error the child also sent has no say.
            (stopped(StopCause::StartTimeout), OnFailure, COUNTED, DecidedBy::Supervisor),
            (stopped(StopCause::Violation), OnFailure, COUNTED, DecidedBy::Supervisor),
            (stopped(StopCause::LineLost), Always, COUNTED, DecidedBy::Supervisor),
            (stopped(StopCause::LineLost), Never, Next::Failed, DecidedBy::Supervisor),
            // 3. A oneshot.
            (exit(0), Never, Next::Finished, DecidedBy::Policy),
            (exit(75), Never, Next::Failed, DecidedBy::Policy),
            (announced(Intent::Retry, exit(1)), Never, Next::Failed, DecidedBy::Policy),
            (announced(Intent::Retry, exit(0)), Never, Next::Finished, DecidedBy::Policy),
            (announced(Intent::Done, exit(1)), Never, Next::Finished, DecidedBy::Policy),
            (said(Kind::Transient), Never, Next::Failed, DecidedBy::Policy),
            (not_spawned(true), Never, Next::Failed, DecidedBy::Policy),
            (not_spawned(false), Never, COUNTED, DecidedBy::Exit),
            // 4. What the child announced.
            (announced(Intent::Done, said(Kind::Bug)), Always, Next::Finished, DecidedBy::Intent),
            (announced(Intent::StayDown, exit(0)), Always, Next::Finished, DecidedBy::Intent),
            (announced(Intent::StayDown, exit(1)), Always, Next::Failed, DecidedBy::Intent),
            (announced(Intent::Retry, exit(0)), OnFailure, COUNTED, DecidedBy::Intent),
            (
                announced(Intent::Retry, hinted(Kind::Config, Some(false), Some(MINUTE))),
                OnFailure,
                after(MINUTE, true),
                DecidedBy::Intent,
            ),
            (announced(Intent::Retry, said(Kind::Resource)), Always, UNCOUNTED, DecidedBy::Intent),
            (announced(Intent::RestartNow, exit(0)), OnFailure, at_once, DecidedBy::Intent),
            // 5. What the child hinted.
            (hinted(Kind::Transient, Some(false), None), Always, Next::Failed, DecidedBy::Hint),
            (hinted(Kind::Config, Some(true), None), OnFailure, COUNTED, DecidedBy::Hint),
            (
                hinted(Kind::RateLimited, Some(true), Some(MINUTE)),
                OnFailure,
                after(MINUTE, false),
                DecidedBy::Hint,
            ),
            // 6. The table of kinds: by the child's error, then by how it exited.
            (
                hinted(Kind::Timeout, None, Some(MINUTE)),
                OnFailure,
                after(MINUTE, true),
                DecidedBy::Error,
            ),
            (said(Kind::RateLimited), OnFailure, UNCOUNTED, DecidedBy::Error),
            (said(Kind::Denied), Always, Next::Failed, DecidedBy::Error),
            (exit(78), Always, Next::Failed, DecidedBy::Exit),
            (exit(1), OnFailure, COUNTED, DecidedBy::Exit),
            (not_spawned(false), OnFailure, COUNTED, DecidedBy::Exit),
            (not_spawned(true), Always, Next::Failed, DecidedBy::Exit),
            // 7. The policy.
            (exit(0), Always, COUNTED, DecidedBy::Policy),
            (exit(0), OnFailure, Next::Finished, DecidedBy::Policy),
            (said(Kind::Cancelled), OnFailure, COUNTED, DecidedBy::Policy),
            (said(Kind::Cancelled), Never, Next::Failed, DecidedBy::Policy),
            (
                Evidence { end: exit(0).end, ..said(Kind::Cancelled) },
                Never,
                Next::Finished,
                DecidedBy::Policy,
            ),
        ];
        for (evidence, when, next, decided_by) in table {
            let judgement = judge(&evidence, &policy(when));
            assert_eq!(judgement, Judgement { next, decided_by }, "{when:?}: {evidence:#?}");
        }
    }

    #[test]
    fn what_is_held_against_a_program() {
        let table = [
            (exit(0), false),
            (exit(1), true),
            (exit(78), true),
            (said(Kind::RateLimited), true),
            (said(Kind::Cancelled), false),
            (not_spawned(false), true),
            (stopped(StopCause::Operator), false),
            (stopped(StopCause::Restart), false),
            (stopped(StopCause::Shutdown), false),
            (stopped(StopCause::Scale), false),
            (stopped(StopCause::StartTimeout), true),
            (stopped(StopCause::Violation), true),
            (stopped(StopCause::LineLost), true),
        ];
        for (evidence, failure) in table {
            assert_eq!(is_failure(&evidence), failure, "{evidence:#?}");
        }
    }
}
