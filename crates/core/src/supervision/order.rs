//! Who starts after whom, and who stops before whom.

use super::{Phase, Supervision};
use crate::action::Report;
use crate::evidence::StopCause;
use crate::identity::{InstanceId, UnitIndex};
use crate::instance::{self, Instance, Standing};
use crate::moment::Moment;
use crate::policy::{After, INSTANCES_MAX};
use crate::unit::Going;

impl Supervision {
    /// An instance of this unit stands somewhere else than before: others may have waited for that.
    /// When it failed for good, those who wait on are told.
    pub(super) fn look_around(&mut self, now: Moment, index: UnitIndex, failed: bool) {
        let Some(unit) = self.units.get(index.0 as usize) else { return };
        let waiting = match self.phase {
            Phase::Running { .. } => self.dependents.get(index.0 as usize).cloned(),
            Phase::ShuttingDown(_) if unit.active == 0 => {
                Some(unit.policy.after.iter().map(|after| after.unit).collect())
            }
            Phase::ShuttingDown(_) | Phase::Left => None,
        };
        for other in waiting.unwrap_or_default() {
            match self.phase {
                Phase::Running { .. } => self.start_if_due(now, other, failed),
                Phase::ShuttingDown(_) => self.stop_if_clear(now, other),
                Phase::Left => {}
            }
        }
    }

    /// The units that have not come as far as this one needs them to.
    #[must_use]
    pub fn waits_for(&self, index: UnitIndex) -> Vec<UnitIndex> {
        let Some(unit) = self.units.get(index.0 as usize) else { return Vec::new() };
        let come = |after: &After| {
            self.units.get(after.unit.0 as usize).is_some_and(|it| it.has_come(after.until))
        };
        unit.policy.after.iter().filter(|after| !come(after)).map(|after| after.unit).collect()
    }

    /// Starts a held unit once everything it comes after has come far enough.
    pub(super) fn start_if_due(&mut self, now: Moment, index: UnitIndex, say_waiting: bool) {
        let Some(unit) = self.units.get(index.0 as usize) else { return };
        if unit.going != Going::Held {
            return;
        }
        let on = self.waits_for(index);
        if on.is_empty() {
            let ids: Vec<_> = unit.in_use().map(Instance::id).collect();
            if let Some(unit) = self.unit_mut(index) {
                unit.going = Going::On;
            }
            for id in ids {
                self.tell(now, id, instance::Event::Start);
            }
        } else if say_waiting {
            self.report(Report::Waiting { unit: index, on });
        }
    }

    /// Starts every unit that was not told to start yet, after what it comes after.
    pub(super) fn boot(&mut self, now: Moment) {
        if !matches!(self.phase, Phase::Running { .. }) {
            return;
        }
        self.phase = Phase::Running { idle: false };
        for unit in self.units.iter_mut().filter(|unit| unit.going == Going::Off) {
            unit.going = Going::Held;
        }
        for index in self.indices() {
            self.start_if_due(now, index, true);
        }
    }

    /// Does what an operator wants of a unit that runs at once, and starts any other unit after
    /// what it comes after.
    pub(super) fn start(&mut self, now: Moment, index: UnitIndex, command: &instance::Event) {
        let Some(unit) = self.unit_mut(index) else { return };
        let runs = unit.in_use().any(|it| !matches!(it.standing(), Standing::Down(_)));
        if unit.going == Going::On && runs {
            let ids: Vec<_> = unit.in_use().map(Instance::id).collect();
            for id in ids {
                self.tell(now, id, command.clone());
            }
        } else {
            unit.going = Going::Held;
            self.start_if_due(now, index, true);
        }
    }

    pub(super) fn scale(&mut self, now: Moment, index: UnitIndex, instances: u32) {
        if !(1..=INSTANCES_MAX).contains(&instances) {
            return;
        }
        let running = matches!(self.phase, Phase::Running { .. });
        let Some(unit) = self.unit_mut(index) else { return };
        let before = unit.policy.instances;
        unit.resize(index, instances);
        let on = unit.going == Going::On && running;
        for slot in instances + 1..=before {
            self.tell(
                now,
                InstanceId { unit: index, slot },
                instance::Event::Stop(StopCause::Scale),
            );
        }
        for slot in before + 1..=instances {
            if on {
                self.tell(now, InstanceId { unit: index, slot }, instance::Event::Start);
            }
        }
        // What a dependent still waited for may just have gone.
        self.changed.push_back((index, false));
    }

    /// Stops a unit once nothing that comes after it is active any more.
    pub(super) fn stop_if_clear(&mut self, now: Moment, index: UnitIndex) {
        let active =
            |unit: &UnitIndex| self.units.get(unit.0 as usize).is_some_and(|it| it.active > 0);
        if !self.dependents.get(index.0 as usize).is_some_and(|list| list.iter().any(active)) {
            self.tell_all(now, index, &instance::Event::Stop(StopCause::Shutdown));
        }
    }
}
