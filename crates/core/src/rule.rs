//! Rules of the config: what evidence they match, and what they make of it.
//!
//! The first rule that matches decides, on the axes it names; the others stay with the table
//! ([`mod@crate::verdict`]). A rule speaks of failures: an end that is none (exit code 0 and no
//! error) is matched only by a rule that names that exit code.

use crate::backoff::Backoff;
use crate::evidence::{End, Ending, Evidence, Scope, TypedError};
use crate::glob::Glob;
use crate::kind::Kind;
use crate::verdict::{InstanceVerdict, TaskVerdict, UnitVerdict};
use std::ops::RangeInclusive;
use std::time::Duration;

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// How people find it again: `rule 2 of api (hearken.toml:14)`.
    pub label: Box<str>,
    /// What it is about.
    pub matches: Match,
    /// What becomes of the task.
    pub task: Option<TaskVerdict>,
    /// What becomes of the process. One that is named here is obeyed even where
    /// `restart.policy = "never"`: a rule is the operator's word, not the child's.
    pub instance: Option<InstanceVerdict>,
    /// What it means for the unit. `fail` named here takes the whole unit down; by the table, only
    /// the instance that failed stays down.
    pub unit: Option<UnitVerdict>,
    /// When it is started again.
    pub pace: Option<RulePace>,
}

/// When a rule wants something started again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RulePace {
    /// After just this long, whatever the child asked for.
    Delay(Duration),
    /// In a backoff of the rule's own; what the child asked for is brought into its bounds.
    Backoff(Backoff),
}

/// What evidence a rule is about. Every criterion that is given has to hold; one that is a list
/// holds if any of its elements does; one that is empty or `None` is not given.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Match {
    /// The kind of the error.
    pub kind: Vec<Kind>,
    /// The code of the error.
    pub code: Vec<Glob>,
    /// The exit code.
    pub exit_code: Vec<i32>,
    /// The signal that killed it, by number.
    pub signal: Vec<i32>,
    /// What the error is about.
    pub scope: Vec<Scope>,
    /// The child's hint.
    pub retryable: Option<bool>,
    /// How long it ran: from the start up to, and not including, the end of the range.
    pub uptime: Option<Span>,
    /// The how-manieth try this was: the failures in a row, this one included.
    pub attempt: Option<RangeInclusive<u32>>,
}

/// A stretch of time: at least `from`, and less than `below`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The shortest that fits.
    pub from: Duration,
    /// The first that is too long; `None` is never.
    pub below: Option<Duration>,
}

impl Span {
    fn holds(self, time: Duration) -> bool {
        time >= self.from && self.below.is_none_or(|below| time < below)
    }

    fn covers(self, other: Self) -> bool {
        let longer = match (self.below, other.below) {
            (None, _) => true,
            (Some(ours), Some(theirs)) => ours >= theirs,
            (Some(_), None) => false,
        };
        self.from <= other.from && longer
    }
}

/// What a rule is held against: an end, or an error of a child that runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Circumstances<'a> {
    /// The kind of failure; `None` for a success.
    pub kind: Option<Kind>,
    /// The code of the error, or of what the supervisor found.
    pub code: Option<&'a str>,
    /// The exit code, if it exited.
    pub exit_code: Option<i32>,
    /// The signal, if one killed it.
    pub signal: Option<i32>,
    /// What the error is about, if the child said so.
    pub scope: Option<Scope>,
    /// The child's hint, if it gave one.
    pub retryable: Option<bool>,
    /// How long it has run.
    pub uptime: Duration,
    /// The how-manieth try in a row this was, from 1.
    pub attempt: u32,
}

impl<'a> Circumstances<'a> {
    /// Those of an end.
    #[must_use]
    pub fn of_end(evidence: &'a Evidence) -> Self {
        let error = evidence.explaining_error();
        let (exit_code, signal) = match evidence.end {
            End::Process(Ending::Exited(code)) => (Some(code), None),
            End::Process(Ending::Killed { signal, .. }) => (None, Some(signal)),
            End::SpawnFailed(_) => (None, None),
        };
        Self {
            kind: evidence.kind(),
            code: evidence.code(),
            exit_code,
            signal,
            scope: error.and_then(|error| error.scope),
            retryable: error.and_then(|error| error.retryable),
            uptime: evidence.uptime,
            attempt: evidence.failures.saturating_add(1),
        }
    }

    /// Those of an error that a child said and ran on.
    #[must_use]
    pub fn of_error(error: &'a TypedError, uptime: Duration, failures: u32) -> Self {
        Self {
            kind: Some(error.kind),
            code: Some(&error.code),
            exit_code: None,
            signal: None,
            scope: error.scope,
            retryable: error.retryable,
            uptime,
            attempt: failures.saturating_add(1),
        }
    }
}

/// Whether `value`, if there is one, is among what is `wanted`; anything is, if nothing is.
fn among<T: PartialEq>(wanted: &[T], value: Option<T>) -> bool {
    wanted.is_empty() || value.is_some_and(|value| wanted.contains(&value))
}

/// Whether a criterion with `ours` lets through everything that one with `theirs` does.
fn all_among<T>(ours: &[T], theirs: &[T], covers: impl Fn(&T, &T) -> bool) -> bool {
    ours.is_empty()
        || (!theirs.is_empty() && theirs.iter().all(|it| ours.iter().any(|own| covers(own, it))))
}

impl Match {
    /// Whether nothing is asked for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether this holds.
    #[must_use]
    pub fn holds(&self, of: &Circumstances<'_>) -> bool {
        let meant = of.kind.is_some() || self.exit_code.contains(&0);
        meant
            && among(&self.kind, of.kind)
            && (self.code.is_empty()
                || of.code.is_some_and(|code| self.code.iter().any(|glob| glob.matches(code))))
            && among(&self.exit_code, of.exit_code)
            && among(&self.signal, of.signal)
            && among(&self.scope, of.scope)
            && self.retryable.is_none_or(|wanted| of.retryable == Some(wanted))
            && self.uptime.is_none_or(|span| span.holds(of.uptime))
            && self.attempt.as_ref().is_none_or(|range| range.contains(&of.attempt))
    }

    /// Whether everything that `later` matches is matched by this: `later` is never reached behind
    /// it. A `false` may be wrong, a `true` never is.
    #[must_use]
    pub fn covers(&self, later: &Self) -> bool {
        // Only who names exit code 0 is about ends that are no failures.
        let meant = !later.exit_code.contains(&0) || self.exit_code.contains(&0);
        let uptime = match (self.uptime, later.uptime) {
            (None, _) => true,
            (Some(ours), Some(theirs)) => ours.covers(theirs),
            (Some(ours), None) => ours.covers(Span { from: Duration::ZERO, below: None }),
        };
        let attempt = match (&self.attempt, &later.attempt) {
            (None, _) => true,
            (Some(ours), Some(theirs)) => {
                ours.start() <= theirs.start() && ours.end() >= theirs.end()
            }
            (Some(ours), None) => *ours.start() <= 1 && *ours.end() == u32::MAX,
        };
        meant
            && all_among(&self.kind, &later.kind, PartialEq::eq)
            && all_among(&self.code, &later.code, Glob::covers)
            && all_among(&self.exit_code, &later.exit_code, PartialEq::eq)
            && all_among(&self.signal, &later.signal, PartialEq::eq)
            && all_among(&self.scope, &later.scope, PartialEq::eq)
            && (self.retryable.is_none() || self.retryable == later.retryable)
            && uptime
            && attempt
    }
}

/// The first rule that matches, and its place in the list.
#[must_use]
pub fn first<'r>(rules: &'r [Rule], of: &Circumstances<'_>) -> Option<(u32, &'r Rule)> {
    (0..).zip(rules).find(|(_, rule)| rule.matches.holds(of))
}

#[cfg(test)]
mod tests;
