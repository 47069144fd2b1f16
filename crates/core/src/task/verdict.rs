//! From the way a try ended to what becomes of the task.
//!
//! The order in which the voices are heard, first that applies. (What people, the shutdown and the
//! task's own clocks say comes before all of them; the pool knows of that.)
//!
//! 1. the hard ceilings: attempts, crashes, snoozes, the time since the first try;
//! 2. the first rule of the config that names `task` and matches;
//! 3. the worker's hints (`retryable`; `retry_after_ms` brought into the bounds of the backoff);
//! 4. the table of kinds.
//!
//! A ceiling is about going on, so it is asked of those that would; 2 to 4 say who they are.

use super::{Counted, Counters};
use crate::backoff::Backoff;
use crate::evidence::TypedError;
use crate::jitter::Jitter;
use crate::kind::Kind;
use crate::pool::{DeadBy, RetryPolicy, TaskDecidedBy, TaskNext};
use crate::rule::{self, Circumstances, Rule, RulePace};
use crate::verdict::TaskVerdict;
use std::time::Duration;

/// What the table has for an error about a task.
#[must_use]
pub fn table(kind: Kind) -> TaskVerdict {
    match kind {
        Kind::Transient
        | Kind::Timeout
        | Kind::Conflict
        | Kind::Unavailable
        | Kind::Bug
        // It was not asked to stop, and says that it was: another try, but not without end.
        | Kind::Cancelled => TaskVerdict::Retry,
        // What is wrong with the installation is not the task's fault; it waits until it is mended.
        Kind::RateLimited | Kind::Config => TaskVerdict::Snooze,
        Kind::Resource
        | Kind::Crashed
        | Kind::Oom
        | Kind::Lost
        | Kind::Protocol
        | Kind::StartFailed => TaskVerdict::RetryElsewhere,
        Kind::Invalid | Kind::NotFound | Kind::Denied => TaskVerdict::DeadLetter,
    }
}

/// When a task that goes on is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskPace {
    /// After just this long.
    After(Duration),
    /// After the backoff of so many failures.
    Backoff(Backoff),
    /// After what the worker asked for, brought into the bounds of this backoff.
    Asked(Duration, Backoff),
}

impl TaskPace {
    /// How long that is, for the `tries`-th of its kind.
    #[must_use]
    pub fn delay(self, tries: u32, jitter: &mut Jitter) -> Duration {
        match self {
            Self::After(delay) => delay,
            Self::Backoff(backoff) => backoff.after(tries, jitter),
            Self::Asked(asked, backoff) => backoff.clamp(asked),
        }
    }
}

/// What becomes of a task after a try that did not succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TaskSentence {
    /// What becomes of it.
    pub next: TaskNext,
    /// Its counters from now on.
    pub counters: Counters,
    /// Who decided.
    pub decided_by: TaskDecidedBy,
}

/// Decides what becomes of a task whose try ended in this error, `elapsed` after its first try
/// began. (The order is the list atop this file.)
#[must_use]
pub fn decide(
    error: &TypedError,
    circumstances: &Circumstances<'_>,
    mut counters: Counters,
    elapsed: Duration,
    retry: &RetryPolicy,
    rules: &[Rule],
    jitter: &mut Jitter,
) -> TaskSentence {
    let found = rule::first(rules, circumstances);
    let by_rule = found.and_then(|(place, rule)| Some((place, rule.task?)));
    let verdict = by_rule.map_or_else(|| table(error.kind), |(_, verdict)| verdict);
    let (verdict, decided_by) = match (by_rule, error.retryable) {
        (Some((place, _)), _) => (verdict, TaskDecidedBy::Rule(place)),
        (None, Some(false)) => (TaskVerdict::DeadLetter, TaskDecidedBy::Hint),
        (None, Some(true)) if verdict == TaskVerdict::DeadLetter => {
            (TaskVerdict::Retry, TaskDecidedBy::Hint)
        }
        (None, _) => (verdict, TaskDecidedBy::Error),
    };
    let end = |next| TaskSentence { next, counters, decided_by };
    let elsewhere = match verdict {
        TaskVerdict::Succeed => return end(TaskNext::Succeeded),
        TaskVerdict::Discard => return end(TaskNext::Discarded),
        TaskVerdict::DeadLetter => return end(TaskNext::Dead(DeadBy::Verdict)),
        TaskVerdict::RetryElsewhere => true,
        TaskVerdict::Retry | TaskVerdict::Snooze => false,
    };
    let counted = if verdict == TaskVerdict::Snooze {
        Counted::Snooze
    } else if takes_the_worker_along(error.kind) {
        Counted::Crash
    } else {
        Counted::Attempt
    };
    let tries = counters.count(counted);
    let pace = pace(found.map(|(_, rule)| rule), error.retry_after, retry.backoff);
    let delay = pace.delay(tries, jitter);
    if let Some(ceiling) = retry.ceiling(counted, counters, elapsed.saturating_add(delay)) {
        let decided_by = TaskDecidedBy::Ceiling(ceiling);
        return TaskSentence {
            next: TaskNext::Dead(DeadBy::Ceiling(ceiling)),
            counters,
            decided_by,
        };
    }
    TaskSentence { next: TaskNext::Again { delay, elsewhere }, counters, decided_by }
}

/// Whether an end of this kind counts as a crash of the task's worker.
fn takes_the_worker_along(kind: Kind) -> bool {
    match kind {
        Kind::Crashed | Kind::Oom | Kind::Lost | Kind::Protocol => true,
        Kind::Transient
        | Kind::Timeout
        | Kind::RateLimited
        | Kind::Unavailable
        | Kind::Conflict
        | Kind::Resource
        | Kind::Invalid
        | Kind::NotFound
        | Kind::Denied
        | Kind::Config
        | Kind::Bug
        | Kind::Cancelled
        | Kind::StartFailed => false,
    }
}

fn pace(rule: Option<&Rule>, asked: Option<Duration>, backoff: Backoff) -> TaskPace {
    let within = match rule.and_then(|rule| rule.pace) {
        Some(RulePace::Delay(delay)) => return TaskPace::After(delay),
        Some(RulePace::Backoff(backoff)) => backoff,
        None => backoff,
    };
    asked.map_or(TaskPace::Backoff(within), |asked| TaskPace::Asked(asked, within))
}
