//! What becomes of a unit when one it comes after has ended.

use super::{Phase, Supervision};
use crate::action::Report;
use crate::evidence::StopCause;
use crate::identity::{InstanceId, UnitIndex};
use crate::instance::{self, Standing};
use crate::moment::Moment;
use crate::policy::{OnDependencyRestart, Until};
use crate::unit::Going;

impl Supervision {
    /// An instance of `lost` was up and is no more: `index` may not run without it.
    pub(super) fn lose_dependency(&mut self, now: Moment, index: UnitIndex, lost: UnitIndex) {
        let missing = |until| self.unit(lost).is_some_and(|it| !it.has_come(until));
        let Some(unit) = self.unit(index) else { return };
        let concerned = unit.policy.after.iter().any(|after| {
            after.unit == lost && after.until != Until::Succeeded && missing(after.until)
        });
        if !concerned || unit.going != Going::On {
            return;
        }
        match unit.policy.on_dependency_restart {
            OnDependencyRestart::Keep => {}
            OnDependencyRestart::Restart => {
                self.suspend(now, index, StopCause::DependencyRestart);
                let on = self.waits_for(index);
                self.report(Report::Waiting { unit: index, on });
            }
            OnDependencyRestart::Stop => {
                if let Some(unit) = self.unit_mut(index) {
                    unit.going = Going::Off;
                }
                self.tell_in_use(now, index, &instance::Event::Stop(StopCause::DependencyStop));
            }
        }
    }

    /// Stops a unit for the sake of others; it goes on when they let it.
    pub(super) fn suspend(&mut self, now: Moment, index: UnitIndex, cause: StopCause) {
        let Some(unit) = self.unit_mut(index) else { return };
        match unit.going {
            Going::On => unit.going = Going::Suspended,
            Going::Suspended | Going::Held | Going::Off => return,
        }
        self.tell_in_use(now, index, &instance::Event::Stop(cause));
    }

    /// An instance that was held while nobody had hands on it (it had been abandoned, say) comes
    /// down when its unit has long gone on.
    pub(super) fn resume_stragglers(&mut self, now: Moment, id: InstanceId) {
        let goes = self.unit(id.unit).is_some_and(|unit| unit.going == Going::On);
        let running = matches!(self.phase, Phase::Running { .. });
        if goes && running && self.standing(id) == Some(Standing::Held) {
            self.tell(now, id, instance::Event::Resume);
        }
    }
}
