//! What a supervisor that was stopped or starved owes its children.

use super::Supervision;
use crate::action::Report;
use crate::moment::Moment;
use std::time::Duration;

impl Supervision {
    pub(super) fn forgive_stall(&mut self, now: Moment, by: Duration) {
        let mut moved = 0;
        for unit in &mut self.units {
            for it in &mut unit.instances {
                let due = it.due();
                if it.forgive_stall(now, &unit.policy) {
                    moved += 1;
                    self.timers.remove(&(due, it.id()));
                    self.timers.insert((it.due(), it.id()));
                }
            }
        }
        self.report(Report::Stalled { by, moved });
    }
}
