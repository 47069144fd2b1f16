//! What a supervisor that was stopped or starved owes its children.
//!
//! A timer that comes late says that nobody looked: what would be judged dead now may have spoken,
//! or left, in the meantime. So a late timer first goes back, for the shell to take in what lies
//! there, and only then counts; and after a real stall every such deadline begins anew.

use super::{Supervision, retime};
use crate::action::Report;
use crate::moment::Moment;
use std::time::Duration;

/// The supervisor counts as stalled when its timer is later than this.
pub const STALL: Duration = Duration::from_secs(1);

/// A timer later than this looks again before it counts.
const LATE: Duration = Duration::from_millis(100);

/// How long the shell has, after a late timer, to take in what lies there.
pub(crate) const SECOND_LOOK: Duration = Duration::from_millis(100);

impl Supervision {
    /// Notices a stall by the timer that should have rung first; an event may well come before it.
    pub(super) fn notice_stall(&mut self, now: Moment) {
        let Some((due, _)) = self.timers.first() else { return };
        let late = now.since(self.late_at.map_or(*due, |at| at.max(*due)));
        if late > STALL {
            self.late_at = Some(now);
            self.forgive_stall(now, late);
        }
    }

    /// Whether what is due came late and waits for a second look.
    pub(super) fn looks_again(&mut self, now: Moment) -> bool {
        let Some((due, _)) = self.timers.first() else { return false };
        let again = now.since(*due) > LATE && self.late_at.is_none_or(|at| at < *due);
        if again {
            self.late_at = Some(now);
        }
        again
    }

    /// The moment for what is due at `due`: after the second look, if one is being taken.
    pub(super) fn not_before_heard(&self, due: Moment) -> Moment {
        match self.late_at {
            Some(at) if at >= due => at + SECOND_LOOK,
            Some(_) | None => due,
        }
    }

    fn forgive_stall(&mut self, now: Moment, by: Duration) {
        let mut moved = 0;
        for unit in &mut self.units {
            for it in &mut unit.instances {
                let due = it.due();
                if it.forgive_stall(now, &unit.policy) {
                    moved += 1;
                    retime(&mut self.timers, it.id(), due, it.due());
                }
            }
        }
        self.report(Report::Stalled { by, moved });
    }
}
