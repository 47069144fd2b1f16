//! What holds for groups.

use super::World;
use super::laws::Slot;
use hearken_core::evidence::StopCause;
use hearken_core::identity::{GroupIndex, InstanceId, UnitIndex};
use hearken_core::instance::Standing;
use hearken_core::judge::{DecidedBy, Judgement, Next};
use hearken_core::moment::Moment;
use hearken_core::policy::{GroupPolicy, Strategy};
use hearken_core::unit::Going;

/// What the world knows of a group.
#[derive(Debug)]
pub(super) struct GroupBook {
    policy: GroupPolicy,
    /// Automatic restarts that count, of all units together.
    counted: Vec<Moment>,
    /// One restart too many was seen: the group has to fail.
    over_the_limit: bool,
    /// Who was to be stopped and started again, and was not started yet; whether it was stopped.
    round: Vec<(UnitIndex, bool)>,
}

impl GroupBook {
    pub(super) fn new(policy: GroupPolicy) -> Self {
        Self { policy, counted: Vec::new(), over_the_limit: false, round: Vec::new() }
    }

    fn restarts(&self, unit: UnitIndex) -> bool {
        self.round.iter().any(|(it, _)| *it == unit)
    }

    fn behind(&self, unit: UnitIndex) -> impl Iterator<Item = UnitIndex> {
        self.policy.units.iter().copied().skip_while(move |it| *it != unit).skip(1)
    }

    fn ahead_of(&self, unit: UnitIndex) -> impl Iterator<Item = UnitIndex> {
        self.policy.units.iter().copied().take_while(move |it| *it != unit)
    }
}

impl World {
    fn group_of(&self, unit: UnitIndex) -> Option<&GroupBook> {
        self.groups.iter().find(|group| group.policy.units.contains(&unit))
    }

    /// An end that is followed by an automatic restart that counts is counted in the group too;
    /// not if the whole unit is being restarted with its group or dependency anyway.
    pub(super) fn count_in_group(&mut self, id: InstanceId, judgement: Judgement) {
        let Next::Restart { counted: true, .. } = judgement.next else { return };
        let was = self.was_going(id.unit);
        if judgement.decided_by == DecidedBy::Operator || self.shuts_down || was != Going::On {
            return;
        }
        let now = self.now;
        let of = |group: &&mut GroupBook| group.policy.units.contains(&id.unit);
        let Some(group) = self.groups.iter_mut().find(of) else { return };
        if group.restarts(id.unit) {
            return;
        }
        let Some(limit) = group.policy.limit else { return };
        let held = group.counted.iter().filter(|at| **at + limit.window() > now).count();
        if held < limit.count() as usize {
            group.counted.push(now);
        } else {
            group.over_the_limit = true;
        }
    }

    /// An operator starts one of its units.
    pub(super) fn forgive_group(&mut self, unit: UnitIndex) {
        let of = |group: &&mut GroupBook| group.policy.units.contains(&unit);
        if let Some(group) = self.groups.iter_mut().find(of) {
            group.counted.clear();
        }
    }

    pub(super) fn round_begins(
        &mut self,
        of: GroupIndex,
        because: InstanceId,
        units: &[UnitIndex],
    ) {
        let group = &mut self.groups[of.0 as usize];
        assert!(!units.is_empty(), "a round of nobody");
        match group.policy.strategy {
            Strategy::OneForOne => panic!("{because:?} takes others along in one_for_one"),
            Strategy::OneForAll => {}
            Strategy::RestForOne => {
                let mut behind = group.behind(because.unit);
                assert!(units.iter().all(|it| behind.any(|other| other == *it)));
            }
        }
        group.round.extend(units.iter().map(|unit| (*unit, false)));
    }

    pub(super) fn group_failed(&mut self, of: GroupIndex) {
        let group = &mut self.groups[of.0 as usize];
        assert!(std::mem::take(&mut group.over_the_limit), "a group failed within its limit");
        group.round.clear();
    }

    /// In a round, the last of the group is stopped first.
    pub(super) fn check_order_of_stops(&self, id: InstanceId, cause: StopCause) {
        let Some(group) = self.group_of(id.unit) else { return };
        if cause != StopCause::GroupRestart {
            return;
        }
        let held = self.was_going(id.unit) == Going::Held;
        assert!(held || group.restarts(id.unit), "{id:?} is stopped for a round it is not in");
        for unit in group.behind(id.unit).filter(|unit| group.restarts(*unit)) {
            let held = self.slots.iter().any(|(it, slot)| it.unit == unit && slot.token.is_some());
            let goes = self.core.unit(unit).unwrap().going == Going::Suspended;
            assert!(!(held && goes), "{id:?} is stopped before {unit:?} is down");
        }
    }

    /// In a round, the first of the group is started first, and the others once it is ready.
    pub(super) fn check_order_of_starts(&self, unit: UnitIndex, was: Going) {
        let Some(group) = self.group_of(unit) else { return };
        if was != Going::Suspended || !group.restarts(unit) {
            return;
        }
        for other in group.ahead_of(unit).filter(|other| group.restarts(*other)) {
            let settled = |it: Standing| matches!(it, Standing::Ready | Standing::Down(_));
            let it = self.core.unit(other).unwrap();
            let come = it.in_use().all(|it| settled(it.standing()));
            assert!(come, "{unit:?} is started before {other:?} has come");
        }
    }

    /// While some of a round are still to be stopped, none of it is started; and who was started
    /// again is in the round no more.
    pub(super) fn started_in_round(&mut self, unit: UnitIndex, spawned: &[(InstanceId, bool)]) {
        let round = self.group_of(unit).filter(|group| group.restarts(unit));
        for (other, _) in round.iter().flat_map(|it| &it.round).filter(|(_, stopped)| !stopped) {
            let runs = |(id, slot): (&InstanceId, &Slot)| {
                id.unit == *other && slot.token.is_some() && spawned.iter().all(|(it, _)| it != id)
            };
            let goes = self.core.unit(*other).unwrap().going == Going::On;
            let waits = goes && self.slots.iter().any(runs);
            assert!(!waits, "{unit:?} is started while {other:?} is yet to be stopped");
        }
        if self.core.unit(unit).unwrap().going == Going::On {
            for group in &mut self.groups {
                group.round.retain(|(it, _)| *it != unit);
            }
        }
    }

    pub(super) fn check_groups(&mut self) {
        for group in &mut self.groups {
            let over = std::mem::take(&mut group.over_the_limit);
            assert!(!over || self.shuts_down, "{:?}: one restart too many", group.policy.name);
            let runs = |unit: UnitIndex| {
                self.slots.iter().any(|(id, it)| id.unit == unit && it.token.is_some())
            };
            let going = |unit: UnitIndex| self.core.unit(unit).unwrap().going;
            // As long as somebody has yet to come down, whoever was not stopped will be.
            let stops = group.round.iter().any(|(unit, stopped)| match going(*unit) {
                Going::Suspended => runs(*unit),
                Going::On => !stopped && runs(*unit),
                Going::Off | Going::Held => false,
            });
            group.round.retain_mut(|(unit, stopped)| {
                *stopped |= going(*unit) == Going::Suspended;
                going(*unit) == Going::Suspended
                    || (going(*unit) == Going::On && !*stopped && stops)
            });
        }
    }
}
