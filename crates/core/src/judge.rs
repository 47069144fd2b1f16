//! From evidence to what happens next, for a service.
//!
//! The order in which the voices are heard, first that applies:
//!
//! 1. an operator's stop, the shutdown;
//! 2. a stop the supervisor ordered for the sake of others (a group, a dependency, a unit that
//!    failed), or for a verdict that was given while the child ran;
//! 3. `restart.policy = "never"`: nothing a child says starts a oneshot again (but one that could
//!    not be forked for now has not run yet, and is tried again; and a rule that names `instance`
//!    is the operator's word);
//! 4. the child's announced intent (`exiting`);
//! 5. the first rule of the config that matches;
//! 6. the child's hints (`retryable`, and `retry_after_ms` brought into the bounds of the backoff);
//! 7. the table of kinds ([`mod@crate::verdict`]), by the child's error or by its exit code;
//! 8. the restart policy.
//!
//! Where the supervisor itself found the fault (no sign of life, not ready in time, protocol
//! broken), the child's own words are not asked: 4 and 6 are left out.
//!
//! The budget is a ceiling over all of them that restart, but it has a memory and so lives with the
//! instance.

use crate::backoff::Backoff;
use crate::evidence::{End, Evidence, Intent, Scope, StopCause, TypedError};
use crate::kind::Kind;
use crate::policy::{RestartPolicy, RestartWhen};
use crate::rule::{self, Circumstances, Rule, RulePace};
use crate::verdict::{self, InstanceVerdict, Row, UnitVerdict};
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
    /// The group starts again together.
    Group,
    /// What it comes after is gone, or starts again.
    Dependency,
    /// The unit or the group failed as a whole.
    Unit,
    /// What the child announced with `exiting`.
    Intent,
    /// The rule at this place of the unit's rules, from 0.
    Rule(u32),
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
    /// The pool, for the sake of its task.
    Task,
}

impl DecidedBy {
    /// The name that stands in logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Shutdown => "shutdown",
            Self::Supervisor => "supervisor",
            Self::Group => "group",
            Self::Dependency => "dependency",
            Self::Unit => "unit_failed",
            Self::Intent => "exiting_intent",
            Self::Rule(_) => "rule",
            Self::Hint => "error_hint",
            Self::Error => "error_kind",
            Self::Exit => "exit_status",
            Self::Policy => "restart_policy",
            Self::Budget => "restart_budget",
            Self::Task => "task",
        }
    }
}

/// When to start again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// Now.
    AtOnce,
    /// After just this long: a rule says so.
    After(Duration),
    /// After the backoff of so many failures.
    Backoff(Backoff),
    /// After what the child asked for, brought into the bounds of this backoff.
    Asked(Duration, Backoff),
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
    /// It starts again as soon as those let it for whose sake it was stopped.
    Held,
    /// It stays down: somebody asked for that.
    Stopped,
    /// It stays down: it did what it was there for.
    Finished,
    /// It stays down until an operator starts it.
    Failed,
}

/// What a decision means for more than the one instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beyond {
    /// Nothing.
    Nothing,
    /// No instance of the unit is started again before this one may be.
    Pause,
    /// The whole unit fails.
    FailUnit,
    /// The daemon shuts down.
    ShutDown,
}

/// A decision and whose it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Judgement {
    /// What happens next.
    pub next: Next,
    /// What it means for others.
    pub beyond: Beyond,
    /// Who decided.
    pub decided_by: DecidedBy,
}

impl Judgement {
    fn new(decided_by: DecidedBy, next: Next) -> Self {
        Self { next, beyond: Beyond::Nothing, decided_by }
    }
}

/// What a rule or the table makes of an error, axis by axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// What becomes of the process.
    pub instance: InstanceVerdict,
    /// What it means for the unit.
    pub unit: UnitVerdict,
    /// Whether a rule named the unit: only then does `fail` reach its other instances.
    pub whole_unit: bool,
    /// When it is started again.
    pub pace: Pace,
    /// Who decided.
    pub decided_by: DecidedBy,
}

impl Verdict {
    fn of_table(row: Row, pace: Pace, decided_by: DecidedBy) -> Self {
        let Row { instance, unit } = row;
        Self { instance, unit, whole_unit: false, pace, decided_by }
    }

    /// The table's `stop` and `fail` belong together: a rule that lifts one of them lifts both.
    fn of_rule(rule: &Rule, place: u32, row: Row, pace: Pace) -> Self {
        let goes_on = rule.instance.is_some_and(|it| it != InstanceVerdict::Stop);
        let unit = match (rule.unit, row.unit) {
            (Some(unit), _) => unit,
            (None, UnitVerdict::Fail) if goes_on => UnitVerdict::Count,
            (None, unit) => unit,
        };
        let instance = match (rule.instance, row.instance) {
            (Some(instance), _) => instance,
            (None, InstanceVerdict::Stop) if unit != UnitVerdict::Fail => InstanceVerdict::Keep,
            (None, instance) => instance,
        };
        let whole_unit = rule.unit.is_some();
        Self { instance, unit, whole_unit, pace, decided_by: DecidedBy::Rule(place) }
    }

    /// What it comes to once the process is gone.
    #[must_use]
    pub fn at_end(self) -> Judgement {
        let restart = |counted| Next::Restart { pace: self.pace, counted };
        let (next, beyond) = match (self.unit, self.instance) {
            (UnitVerdict::Fail, _) if self.whole_unit => (Next::Failed, Beyond::FailUnit),
            (UnitVerdict::Fail, _) => (Next::Failed, Beyond::Nothing),
            (UnitVerdict::ShutDown, _) => (Next::Failed, Beyond::ShutDown),
            (UnitVerdict::Pause, InstanceVerdict::Stop) => (Next::Stopped, Beyond::Pause),
            (UnitVerdict::None | UnitVerdict::Count, InstanceVerdict::Stop) => {
                (Next::Stopped, Beyond::Nothing)
            }
            (
                unit @ (UnitVerdict::None | UnitVerdict::Count | UnitVerdict::Pause),
                InstanceVerdict::Keep | InstanceVerdict::Recycle | InstanceVerdict::Replace,
            ) => match unit {
                UnitVerdict::Pause => (restart(false), Beyond::Pause),
                UnitVerdict::Count => (restart(true), Beyond::Nothing),
                UnitVerdict::None | UnitVerdict::Fail | UnitVerdict::ShutDown => {
                    (restart(false), Beyond::Nothing)
                }
            },
        };
        Judgement { next, beyond, decided_by: self.decided_by }
    }
}

/// When to start again: what a rule says, or what the child asked for, or the backoff.
fn pace(rule: Option<&Rule>, asked: Option<Duration>, policy: &RestartPolicy) -> Pace {
    let within = match rule.and_then(|rule| rule.pace) {
        Some(RulePace::Delay(delay)) => return Pace::After(delay),
        Some(RulePace::Backoff(backoff)) => backoff,
        None => policy.backoff,
    };
    asked.map_or(Pace::Backoff(within), |asked| Pace::Asked(asked, within))
}

/// Decides what an error means that a child says while it runs on: mostly nothing. An error about a
/// task or about something else is not about the process, unless a rule says so; and the table
/// takes down nobody who says that trying again makes sense.
#[must_use]
pub fn react(
    error: &TypedError,
    uptime: Duration,
    failures: u32,
    rules: &[Rule],
    policy: &RestartPolicy,
) -> Verdict {
    const KEPT: Row = Row { instance: InstanceVerdict::Keep, unit: UnitVerdict::None };
    let row = match (error.scope, verdict::while_running(error.kind)) {
        (Some(Scope::Task | Scope::Dependency), _) => KEPT,
        (_, row) if row.unit == UnitVerdict::Fail && error.retryable == Some(true) => KEPT,
        (Some(Scope::Worker | Scope::Service) | None, row) => row,
    };
    let found = rule::first(rules, &Circumstances::of_error(error, uptime, failures));
    let pace = pace(found.map(|(_, rule)| rule), error.retry_after, policy);
    match found {
        Some((place, rule)) => Verdict::of_rule(rule, place, row, pace),
        None => Verdict::of_table(row, pace, DecidedBy::Error),
    }
}

/// Decides what follows an end. (The order is the list atop this file.)
#[must_use]
pub fn judge(evidence: &Evidence, rules: &[Rule], policy: &RestartPolicy) -> Judgement {
    if let Some(judgement) = ordered(evidence, policy) {
        return judgement;
    }
    let kind = evidence.kind();
    let fault = evidence.stopped_by.is_some();
    // It did announce its exit, and was only late with it.
    let overdue = evidence.stopped_by == Some(StopCause::Overdue);
    let intent = evidence.intent.filter(|_| !fault || overdue);
    let error = evidence.explaining_error();
    let asked = error.and_then(|error| error.retry_after);
    let found = rule::first(rules, &Circumstances::of_end(evidence));
    let by_rule = found.filter(|(_, rule)| {
        let ends = matches!(rule.unit, Some(UnitVerdict::Fail | UnitVerdict::ShutDown));
        rule.instance.is_some() || ends
    });

    let wants_no_more = matches!(intent, Some(Intent::Done | Intent::StayDown));
    if policy.when == RestartWhen::Never
        && !could_not_start(evidence, false)
        && (by_rule.is_none() || wants_no_more)
    {
        return once(evidence, intent, kind, policy);
    }

    if policy.when == RestartWhen::OnTask {
        return on_task(evidence, found);
    }

    let row = row(evidence, kind);
    let counted = row.is_none_or(|row| row.unit != UnitVerdict::None);
    let ask_again = Next::Restart { pace: pace(None, asked, policy), counted };
    if let Some(intent) = intent {
        let next = match (intent, kind) {
            (Intent::Done, None) if policy.when == RestartWhen::Worker => REPLACED,
            (Intent::Done, _) | (Intent::StayDown, None) => Next::Finished,
            (Intent::StayDown, Some(_)) => Next::Failed,
            (Intent::Retry, _) => ask_again,
            (Intent::RestartNow, _) => Next::Restart { pace: Pace::AtOnce, counted: true },
        };
        return Judgement::new(DecidedBy::Intent, next);
    }

    if let Some((place, rule)) = found {
        let pace = pace(Some(rule), asked, policy);
        let judgement = match row {
            Some(row) => Verdict::of_rule(rule, place, row, pace).at_end(),
            None => by_rule_or_policy(rule, place, pace, evidence, policy),
        };
        return judgement;
    }

    match error.and_then(|error| error.retryable) {
        Some(false) => return Judgement::new(DecidedBy::Hint, Next::Failed),
        Some(true) => return Judgement::new(DecidedBy::Hint, ask_again),
        None => {}
    }

    let decided_by = match (fault, error) {
        (true, _) => DecidedBy::Supervisor,
        (false, Some(_)) => DecidedBy::Error,
        (false, None) => DecidedBy::Exit,
    };
    match row {
        Some(row) => Verdict::of_table(row, pace(None, asked, policy), decided_by).at_end(),
        None => by_policy(evidence, policy),
    }
}

/// What was decided before the end: by people, or by the supervisor for the sake of others.
fn ordered(evidence: &Evidence, policy: &RestartPolicy) -> Option<Judgement> {
    let on_task = policy.when == RestartWhen::OnTask;
    Some(match evidence.stopped_by? {
        StopCause::Operator | StopCause::Scale => {
            Judgement::new(DecidedBy::Operator, Next::Stopped)
        }
        StopCause::Shutdown => Judgement::new(DecidedBy::Shutdown, Next::Stopped),
        // Without a task there is nothing to start again.
        StopCause::Restart if on_task => Judgement::new(DecidedBy::Operator, Next::Finished),
        StopCause::GroupRestart if on_task => Judgement::new(DecidedBy::Group, Next::Finished),
        StopCause::DependencyRestart if on_task => {
            Judgement::new(DecidedBy::Dependency, Next::Finished)
        }
        StopCause::Restart => {
            let next = Next::Restart { pace: Pace::AtOnce, counted: false };
            Judgement::new(DecidedBy::Operator, next)
        }
        StopCause::GroupRestart => Judgement::new(DecidedBy::Group, Next::Held),
        StopCause::DependencyRestart => Judgement::new(DecidedBy::Dependency, Next::Held),
        StopCause::DependencyStop => Judgement::new(DecidedBy::Dependency, Next::Stopped),
        StopCause::UnitFailed => Judgement::new(DecidedBy::Unit, Next::Failed),
        // The task was the trouble: whoever worked on it comes back for the next.
        StopCause::TaskTimeout | StopCause::TaskCancelled => {
            let next = match policy.when {
                RestartWhen::Never | RestartWhen::OnTask => Next::Finished,
                RestartWhen::Always | RestartWhen::OnFailure | RestartWhen::Worker => {
                    Next::Restart { pace: Pace::AtOnce, counted: false }
                }
            };
            Judgement::new(DecidedBy::Task, next)
        }
        StopCause::Recycle => Judgement::new(DecidedBy::Supervisor, Next::Finished),
        StopCause::Verdict => return evidence.sentence,
        StopCause::StartTimeout
        | StopCause::Unready
        | StopCause::Violation
        | StopCause::LineLost
        | StopCause::Overdue
        | StopCause::Watchdog
        | StopCause::ProgressTimeout
        | StopCause::NotAccepted
        | StopCause::Health => return None,
    })
}

/// A worker went in good order: another takes its place. (One that does nothing but that is slowed by
/// the floor of its backoff.)
const REPLACED: Next = Next::Restart { pace: Pace::AtOnce, counted: false };

/// What follows the end of a process that was there for one task: nothing, for itself.
fn on_task(evidence: &Evidence, found: Option<(u32, &Rule)>) -> Judgement {
    if could_not_start(evidence, true) {
        return Judgement::new(DecidedBy::Exit, Next::Failed);
    }
    let beyond = match found.and_then(|(_, rule)| rule.unit) {
        Some(UnitVerdict::Fail) => Beyond::FailUnit,
        Some(UnitVerdict::ShutDown) => Beyond::ShutDown,
        Some(UnitVerdict::None | UnitVerdict::Count | UnitVerdict::Pause) | None => {
            return Judgement::new(DecidedBy::Task, Next::Finished);
        }
    };
    let decided_by = found.map_or(DecidedBy::Task, |(place, _)| DecidedBy::Rule(place));
    Judgement { next: Next::Failed, beyond, decided_by }
}

/// What follows the end of a oneshot.
fn once(
    evidence: &Evidence,
    intent: Option<Intent>,
    kind: Option<Kind>,
    policy: &RestartPolicy,
) -> Judgement {
    if evidence.stopped_by.is_some() && intent.is_none() {
        return Judgement::new(DecidedBy::Supervisor, Next::Failed);
    }
    let next = match (intent, kind) {
        (Some(Intent::Done), _) | (_, None) => Next::Finished,
        (None, Some(kind)) if verdict::at_end(kind).is_none() => {
            return by_policy(evidence, policy);
        }
        (Some(Intent::Retry | Intent::RestartNow | Intent::StayDown) | None, Some(_)) => {
            Next::Failed
        }
    };
    Judgement::new(DecidedBy::Policy, next)
}

/// The row of the table for an end, if there is one.
fn row(evidence: &Evidence, kind: Option<Kind>) -> Option<Row> {
    if could_not_start(evidence, true) {
        return Some(Row { instance: InstanceVerdict::Stop, unit: UnitVerdict::Fail });
    }
    verdict::at_end(kind?)
}

/// A rule about an end for which the table has no row: an exit with 0, or one that was asked for.
fn by_rule_or_policy(
    rule: &Rule,
    place: u32,
    pace: Pace,
    evidence: &Evidence,
    policy: &RestartPolicy,
) -> Judgement {
    let ends = matches!(rule.unit, Some(UnitVerdict::Fail | UnitVerdict::ShutDown));
    let left_to_policy = by_policy(evidence, policy);
    let restarts = matches!(left_to_policy.next, Next::Restart { .. });
    if rule.instance.is_none() && !ends && !restarts {
        return left_to_policy;
    }
    let row = Row { instance: InstanceVerdict::Keep, unit: UnitVerdict::Count };
    Verdict::of_rule(rule, place, row, pace).at_end()
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
        (RestartWhen::Worker, true) => REPLACED,
        (RestartWhen::Always, _) | (RestartWhen::OnFailure | RestartWhen::Worker, false) => {
            Next::Restart { pace: Pace::Backoff(policy.backoff), counted: true }
        }
        (RestartWhen::OnFailure | RestartWhen::Never, true) | (RestartWhen::OnTask, _) => {
            Next::Finished
        }
        (RestartWhen::Never, false) => Next::Failed,
    };
    Judgement::new(DecidedBy::Policy, next)
}

/// Whether an end is held against the program, so that the delay before the next start grows.
#[must_use]
pub fn is_failure(evidence: &Evidence) -> bool {
    match evidence.stopped_by {
        Some(cause) if cause.fault().is_none() && cause != StopCause::Verdict => false,
        Some(_) | None => !matches!(evidence.kind(), None | Some(Kind::Cancelled)),
    }
}

#[cfg(test)]
mod tests;
