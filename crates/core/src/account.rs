//! What is held against one instance, and what it may still do: the place where other supervisors
//! have their bugs.
//!
//! - The budget counts automatic restarts only, at the moment they happen; a start by hand clears
//!   it and is never counted.
//! - The delay grows with the failures in a row, and only `settle` of *ready* uptime forgives them.
//! - Nothing here is reset because something was started.

use crate::budget::Budget;
use crate::evidence::Evidence;
use crate::jitter::Jitter;
use crate::judge::{self, Beyond, DecidedBy, Judgement, Next, Pace};
use crate::moment::Moment;
use crate::policy::{OnLimit, RestartPolicy, UnitPolicy};
use std::time::Duration;

/// The account of one instance.
#[derive(Debug, Clone, Default)]
pub struct Account {
    /// Failures in a row.
    failures: u32,
    /// Automatic restarts since it last settled, or was started by hand.
    restarts: u32,
    budget: Budget,
}

/// What follows an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// What, and who decided.
    pub judgement: Judgement,
    /// When it is started again, if it is.
    pub until: Option<Moment>,
}

impl Account {
    /// Forgets everything: somebody started it by hand.
    pub fn forgive(&mut self) {
        *self = Self::default();
    }

    /// How many failures in a row are held against it.
    #[must_use]
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// How many counted restarts its budget remembers.
    #[must_use]
    pub fn spent(&self) -> usize {
        self.budget.spent()
    }

    /// Forgives what lies behind a run that was ready for long enough.
    pub fn settle(&mut self, ready_uptime: Option<Duration>, policy: &RestartPolicy) {
        if ready_uptime.is_some_and(|ready| ready >= policy.settle) {
            self.failures = 0;
            self.restarts = 0;
        }
    }

    /// Judges an end at `now`, takes note of it, and says when the next start is. No start comes
    /// before `not_before`, save one by hand.
    pub fn decide(
        &mut self,
        evidence: &Evidence,
        policy: &UnitPolicy,
        now: Moment,
        not_before: Moment,
        jitter: &mut Jitter,
    ) -> Decision {
        let mut judgement = judge::judge(evidence, &policy.rules, &policy.restart);
        self.failures = match judge::is_failure(evidence) {
            true => self.failures.saturating_add(1),
            false => 0,
        };
        let until = self.next_start(&mut judgement, &policy.restart, now, not_before, jitter);
        Decision { judgement, until }
    }

    /// When to start again, if at all. May turn a restart into a failure: the budget is a ceiling.
    fn next_start(
        &self,
        judgement: &mut Judgement,
        policy: &RestartPolicy,
        now: Moment,
        not_before: Moment,
        jitter: &mut Jitter,
    ) -> Option<Moment> {
        let Next::Restart { pace, counted } = judgement.next else { return None };
        if judgement.decided_by == DecidedBy::Operator {
            return Some(now);
        }
        let delay = self.delay(pace, jitter).max(policy.backoff.floor(self.restarts, jitter));
        let mut until = (now + delay).max(not_before);
        if let (true, Some(limit)) = (counted, policy.limit) {
            let room_at = self.budget.room_at(limit, until);
            if room_at > until {
                judgement.decided_by = DecidedBy::Budget;
                match policy.on_limit {
                    OnLimit::Wait => until = room_at,
                    OnLimit::Fail | OnLimit::ShutDown => {
                        judgement.next = Next::Failed;
                        judgement.beyond = match policy.on_limit {
                            OnLimit::ShutDown => Beyond::ShutDown,
                            OnLimit::Fail | OnLimit::Wait => Beyond::Nothing,
                        };
                        return None;
                    }
                }
            }
        }
        Some(until)
    }

    /// How long this pace takes.
    #[must_use]
    pub fn delay(&self, pace: Pace, jitter: &mut Jitter) -> Duration {
        match pace {
            Pace::AtOnce => Duration::ZERO,
            Pace::After(delay) => delay,
            Pace::Backoff(backoff) => backoff.after(self.failures.max(1), jitter),
            Pace::Asked(asked, within) => within.clamp(asked),
        }
    }

    /// It was started again by itself.
    pub fn restarted(&mut self, counted: bool, policy: &RestartPolicy, now: Moment) {
        if let (true, Some(limit)) = (counted, policy.limit) {
            let spent = self.budget.spend(limit, now);
            debug_assert_eq!(spent, Ok(()), "there was room when it was planned");
        }
        self.restarts = self.restarts.saturating_add(1);
    }

    /// Takes the last charge back: what it was for is about to be counted as a restart.
    pub fn refund(&mut self) {
        self.budget.refund();
    }

    /// An error of a child that runs on is held against the budget. Answers whether there was room.
    pub fn charge(&mut self, policy: &RestartPolicy, now: Moment) -> bool {
        policy.limit.is_none_or(|limit| self.budget.spend(limit, now).is_ok())
    }
}
