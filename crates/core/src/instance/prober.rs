//! When a child is probed, and what the answers come to.

use crate::moment::Moment;
use crate::policy::Probing;

/// The probes of one incarnation: one at a time, each with a number.
#[derive(Debug, Clone, Copy)]
pub(super) struct Prober {
    rhythm: Probing,
    /// The last number given out.
    number: u32,
    /// How many have failed in a row.
    failed: u32,
    phase: Phase,
}

#[derive(Debug, Clone, Copy)]
enum Phase {
    Waiting { until: Moment },
    Running { late_at: Moment },
}

/// What is to be done when its moment has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ring {
    /// Start this probe.
    Start(u32),
    /// End this probe; it counts as failed.
    Late(u32),
}

/// What an answer comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// All is well.
    Passed,
    /// It failed; there is patience left.
    Failed,
    /// It failed once too often.
    Exhausted,
}

impl Prober {
    /// Probes from `first` on.
    pub(super) fn new(rhythm: Probing, first: Moment) -> Self {
        Self { rhythm, number: 0, failed: 0, phase: Phase::Waiting { until: first } }
    }

    /// No number comes twice in one life: an answer to a probe before is history to this one.
    pub(super) fn after(self, before: Option<&Self>) -> Self {
        Self { number: before.map_or(0, |it| it.number), ..self }
    }

    /// When the next probe starts; never while one is under way.
    pub(super) fn starts_at(&self) -> Moment {
        match self.phase {
            Phase::Waiting { until } => until,
            Phase::Running { .. } => Moment::NEVER,
        }
    }

    /// When the probe under way is late; never if there is none.
    pub(super) fn late_at(&self) -> Moment {
        match self.phase {
            Phase::Waiting { .. } => Moment::NEVER,
            Phase::Running { late_at } => late_at,
        }
    }

    /// The number of the probe under way.
    pub(super) fn running(&self) -> Option<u32> {
        match self.phase {
            Phase::Waiting { .. } => None,
            Phase::Running { .. } => Some(self.number),
        }
    }

    /// Its moment has come. A late probe has yet to be answered for: see [`Prober::answer`].
    pub(super) fn ring(&mut self, now: Moment) -> Ring {
        match self.phase {
            Phase::Waiting { .. } => {
                self.number = self.number.wrapping_add(1);
                self.phase = Phase::Running { late_at: now + self.rhythm.timeout };
                Ring::Start(self.number)
            }
            Phase::Running { .. } => Ring::Late(self.number),
        }
    }

    /// Takes in what became of a probe; `None` if it is not the one under way.
    pub(super) fn answer(&mut self, number: u32, passed: bool, now: Moment) -> Option<Answer> {
        if self.running() != Some(number) {
            return None;
        }
        self.phase = Phase::Waiting { until: now + self.rhythm.interval };
        if passed {
            self.failed = 0;
            return Some(Answer::Passed);
        }
        self.failed = self.failed.saturating_add(1);
        Some(match self.rhythm.failures {
            Some(most) if self.failed >= most => Answer::Exhausted,
            Some(_) | None => Answer::Failed,
        })
    }

    /// The supervisor was stalled: a probe under way may have answered, and has its time again.
    pub(super) fn forgive_stall(&mut self, now: Moment) -> bool {
        match &mut self.phase {
            Phase::Waiting { .. } => false,
            Phase::Running { late_at } => {
                *late_at = now + self.rhythm.timeout;
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn at(ms: u64) -> Moment {
        Moment::at(Duration::from_millis(ms))
    }

    fn prober(failures: Option<u32>) -> Prober {
        let interval = Duration::from_millis(100);
        let timeout = Duration::from_millis(30);
        Prober::new(Probing { interval, timeout, failures }, at(0))
    }

    #[test]
    fn one_at_a_time_and_the_interval_after_it() {
        let mut it = prober(None);
        assert_eq!((it.starts_at(), it.late_at()), (at(0), Moment::NEVER));
        assert_eq!(it.ring(at(0)), Ring::Start(1));
        assert_eq!((it.starts_at(), it.late_at()), (Moment::NEVER, at(30)));
        assert_eq!(it.answer(1, true, at(10)), Some(Answer::Passed));
        assert_eq!((it.starts_at(), it.ring(at(110))), (at(110), Ring::Start(2)));
    }

    #[test]
    fn failures_in_a_row_exhaust_and_a_success_forgives() {
        let mut it = prober(Some(2));
        let mut ask = |passed| {
            let Ring::Start(number) = it.ring(at(0)) else { panic!("one is under way") };
            it.answer(number, passed, at(0)).unwrap()
        };
        let seen = [false, true, false, false].map(&mut ask);
        use Answer::{Exhausted, Failed, Passed};
        assert_eq!(seen, [Failed, Passed, Failed, Exhausted]);
    }

    #[test]
    fn a_late_probe_fails_and_its_answer_is_history() {
        let mut it = prober(Some(1));
        assert_eq!(it.ring(at(0)), Ring::Start(1));
        assert_eq!(it.ring(at(30)), Ring::Late(1));
        assert_eq!(it.answer(1, false, at(30)), Some(Answer::Exhausted));
        assert_eq!(it.answer(1, true, at(31)), None);
    }
}
