//! How it all ends: the shutdown, and nothing left to do.

use super::{Phase, Supervision, WhenIdle};
use crate::action::{Action, Outcome, Report};
use crate::moment::Moment;
use crate::policy::Role;
use crate::unit::{Going, Unit};

impl Supervision {
    pub(super) fn shut_down(&mut self, now: Moment, because: Option<Outcome>) {
        if !matches!(self.phase, Phase::Running { .. }) {
            return;
        }
        self.phase = Phase::ShuttingDown(because.unwrap_or(Outcome::Clean));
        self.report(Report::ShuttingDown { because });
        for unit in &mut self.units {
            unit.going = Going::Off;
        }
        for unit in self.indices() {
            self.stop_if_clear(now, unit);
        }
    }

    /// Sees whether it is over.
    pub(super) fn conclude(&mut self) {
        match self.phase {
            Phase::ShuttingDown(outcome) if self.active == 0 => {
                let outcome = match outcome {
                    Outcome::Clean if self.abandoned > 0 => Outcome::Abandoned,
                    Outcome::Clean
                    | Outcome::CriticalFailed(_)
                    | Outcome::LimitReached(_)
                    | Outcome::GroupLimitReached(_)
                    | Outcome::RuleShutDown(_)
                    | Outcome::Abandoned => outcome,
                };
                self.leave(outcome);
            }
            Phase::Running { idle } => {
                // A pool that runs waits for tasks.
                let pool = |it: &Unit| it.policy.role != Role::Service && it.going == Going::On;
                let now_idle =
                    self.active == 0 && self.abandoned == 0 && !self.units.iter().any(pool);
                self.phase = Phase::Running { idle: now_idle };
                if now_idle && !idle {
                    self.report(Report::Idle);
                    if self.when_idle == WhenIdle::Exit {
                        self.leave(Outcome::Clean);
                    }
                }
            }
            Phase::ShuttingDown(_) | Phase::Left => {}
        }
    }

    fn leave(&mut self, outcome: Outcome) {
        self.phase = Phase::Left;
        self.actions.push_back(Action::Leave(outcome));
    }
}
