//! Who starts after whom, and who stops before whom.

use super::{Change, Phase, Supervision};
use crate::action::Report;
use crate::evidence::StopCause;
use crate::identity::{InstanceId, UnitIndex};
use crate::instance::{self, Standing};
use crate::moment::Moment;
use crate::policy::{After, INSTANCES_MAX, Role, Until};
use crate::unit::Going;

impl Supervision {
    /// An instance stands somewhere else than before: others may have waited for that. When it
    /// failed for good, those who wait on are told.
    pub(super) fn look_around(&mut self, now: Moment, change: &Change) {
        let index = change.id.unit;
        let Some(unit) = self.units.get(index.0 as usize) else { return };
        match self.phase {
            Phase::Running { .. } => {
                let dependents = self.dependents.get(index.0 as usize).cloned();
                for other in dependents.unwrap_or_default() {
                    if change.lost && !self.is_up_without(index) {
                        self.lose_dependency(now, other, index);
                    }
                    self.start_if_due(now, other, change.failed);
                }
                self.resume_stragglers(now, change.id);
                self.start_if_due(now, index, false);
                self.advance_group(now, index);
            }
            Phase::ShuttingDown(_) if unit.active == 0 => {
                let waiting: Vec<_> = unit.policy.after.iter().map(|after| after.unit).collect();
                for other in waiting {
                    self.stop_if_clear(now, other);
                }
            }
            Phase::ShuttingDown(_) | Phase::Left => {}
        }
    }

    /// Whether it makes no difference to those that come after this unit that it lost one process.
    fn is_up_without(&self, index: UnitIndex) -> bool {
        self.units
            .get(index.0 as usize)
            .is_some_and(|unit| unit.policy.role != Role::Service && unit.has_come(Until::Started))
    }

    /// The units that have not come as far as this one needs them to, and those of its group that
    /// start before it.
    #[must_use]
    pub fn waits_for(&self, index: UnitIndex) -> Vec<UnitIndex> {
        let Some(unit) = self.units.get(index.0 as usize) else { return Vec::new() };
        let come = |after: &After| {
            self.units.get(after.unit.0 as usize).is_some_and(|it| it.has_come(after.until))
        };
        let mut on: Vec<_> =
            unit.policy.after.iter().filter(|after| !come(after)).map(|after| after.unit).collect();
        let mut before = self.stands_before_in_group(index);
        before.retain(|unit| !on.contains(unit));
        on.extend(before);
        on
    }

    /// Starts a unit that waits, once everything it comes after has come far enough.
    pub(super) fn start_if_due(&mut self, now: Moment, index: UnitIndex, say_waiting: bool) {
        let Some(unit) = self.units.get(index.0 as usize) else { return };
        let event = match unit.going {
            Going::Held => instance::Event::Start,
            // What is still on its way down is waited for: its end says where it stands.
            Going::Suspended if unit.in_use().any(|it| it.standing().is_active()) => return,
            Going::Suspended => instance::Event::Resume,
            Going::Off | Going::On => return,
        };
        let on = self.waits_for(index);
        if on.is_empty() && !self.comes_down_first(index) {
            if let Some(unit) = self.unit_mut(index) {
                unit.going = Going::On;
            }
            self.tell_those_to_run(now, index, &event);
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
        unit.paused_until = Moment::START;
        self.forgive_group(index);
        let Some(unit) = self.unit_mut(index) else { return };
        let runs = unit.in_use().any(|it| !matches!(it.standing(), Standing::Down(_)));
        if unit.going == Going::On && runs {
            self.tell_those_to_run(now, index, command);
        } else {
            unit.going = Going::Held;
            // Nobody waits any more for it to come down with its group.
            self.advance_group(now, index);
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
        let event = match unit.going {
            Going::On if running => Some(instance::Event::Start),
            // It starts with the others.
            Going::Suspended if running => {
                Some(instance::Event::Stop(StopCause::DependencyRestart))
            }
            Going::Off | Going::Held | Going::On | Going::Suspended => None,
        };
        for slot in instances + 1..=before {
            self.tell(
                now,
                InstanceId { unit: index, slot },
                instance::Event::Stop(StopCause::Scale),
            );
        }
        for slot in before + 1..=instances {
            if let Some(event) = &event {
                self.tell(now, InstanceId { unit: index, slot }, event.clone());
            }
        }
        // What a dependent still waited for may just have gone.
        let id = InstanceId { unit: index, slot: 1 };
        self.changed.push_back(Change { id, failed: false, lost: false, consequences: Vec::new() });
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
