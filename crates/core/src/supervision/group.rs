//! Units that restart together, as OTP's supervisors do it (*supervisor(3erl)*).
//!
//! ```text
//!   an instance of the group is to be started again by itself, and that counts
//!     ├─ the group's budget has no room ─▶ all its units fail, or the daemon shuts down
//!     └─ others restart with it ─▶ Round: they are stopped, the last of the group first;
//!                                  when none of them has a process any more they are started,
//!                                  the first of the group first, each once the one before is ready
//! ```
//!
//! The instance that failed waits for its backoff; what starts before it in the group does not,
//! and what starts after it waits for it.

use super::{Phase, Supervision};
use crate::action::{Outcome, Report};
use crate::budget::Budget;
use crate::evidence::StopCause;
use crate::identity::{GroupIndex, InstanceId, UnitIndex};
use crate::instance;
use crate::moment::Moment;
use crate::policy::{GroupOnLimit, GroupPolicy, Strategy};
use crate::unit::{Going, Unit};

/// A group of the plan.
#[derive(Debug)]
pub(super) struct Group {
    policy: GroupPolicy,
    budget: Budget,
    round: Option<Round>,
}

/// A restart of several units together.
#[derive(Debug, Clone)]
struct Round {
    /// Who is stopped and started, in the order of the start.
    units: Vec<UnitIndex>,
    /// Who has to be ready before the first of them: those that failed, if they are not of them.
    behind: Vec<UnitIndex>,
    stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Stopping,
    Starting,
}

impl Group {
    pub(super) fn new(policy: GroupPolicy) -> Self {
        Self { policy, budget: Budget::default(), round: None }
    }

    /// Whether there is room for one more restart.
    fn has_room(&mut self, now: Moment) -> bool {
        self.policy.limit.is_none_or(|limit| self.budget.spend(limit, now).is_ok())
    }

    /// Who restarts with `unit`, in the order of the start.
    fn restart_with(&self, unit: UnitIndex) -> Vec<UnitIndex> {
        let units = self.policy.units.iter().copied();
        match self.policy.strategy {
            Strategy::OneForOne => Vec::new(),
            Strategy::OneForAll => units.collect(),
            Strategy::RestForOne => units.skip_while(|it| *it != unit).skip(1).collect(),
        }
    }
}

impl Supervision {
    /// What the config asks of a group.
    #[must_use]
    pub fn group(&self, group: GroupIndex) -> Option<&GroupPolicy> {
        self.groups.get(group.0 as usize).map(|group| &group.policy)
    }

    fn group_of(&self, unit: UnitIndex) -> Option<GroupIndex> {
        (0..)
            .map(GroupIndex)
            .zip(&self.groups)
            .find(|(_, group)| group.policy.units.contains(&unit))
            .map(|(index, _)| index)
    }

    fn group_mut(&mut self, group: GroupIndex) -> Option<&mut Group> {
        self.groups.get_mut(group.0 as usize)
    }

    fn round_of(&self, unit: UnitIndex) -> Option<&Round> {
        self.groups.get(self.group_of(unit)?.0 as usize)?.round.as_ref()
    }

    /// An operator starts one of its units: as with that unit's own budget, what lies behind is
    /// forgiven.
    pub(super) fn forgive_group(&mut self, unit: UnitIndex) {
        if let Some(group) = self.group_of(unit).and_then(|index| self.group_mut(index)) {
            group.budget.clear();
        }
    }

    /// This instance will be started again by itself: what its group makes of that.
    pub(super) fn restart_group(&mut self, now: Moment, id: InstanceId) {
        let Some(index) = self.group_of(id.unit) else { return };
        let Some(group) = self.group_mut(index) else { return };
        if !group.has_room(now) {
            return self.fail_group(now, index, id);
        }
        // Whom an operator has stopped, or who waits for its first start, stays as it is.
        let goes = |unit: &UnitIndex| {
            self.unit(*unit).is_some_and(|it| matches!(it.going, Going::On | Going::Suspended))
        };
        let Some(group) = self.groups.get(index.0 as usize) else { return };
        let mut units = group.restart_with(id.unit);
        units.retain(goes);
        let only_itself = units.iter().all(|unit| *unit == id.unit);
        let alone = self.unit(id.unit).is_none_or(|unit| unit.policy.instances == 1);
        if units.is_empty() || (only_itself && alone) {
            return;
        }
        self.report(Report::GroupRestarting { group: index, because: id, units: units.clone() });
        let Some(group) = self.group_mut(index) else { return };
        let before = group.round.take();
        // Who was to be restarted already, and has not been yet, still is.
        let stops = before.as_ref().is_some_and(|round| round.stage == Stage::Stopping);
        let waits = |unit: &&UnitIndex| stops || self.waits_in_round(**unit);
        units.extend(before.iter().flat_map(|round| &round.units).filter(waits));
        let Some(group) = self.group_mut(index) else { return };
        let mut ordered = group.policy.units.clone();
        ordered.retain(|unit| units.contains(unit));
        let failed = before.map_or_else(Vec::new, |round| round.behind).into_iter();
        let failed = failed.filter(|unit| *unit != id.unit).chain([id.unit]);
        let behind = failed.filter(|unit| !ordered.contains(unit)).collect();
        group.round = Some(Round { units: ordered, behind, stage: Stage::Stopping });
        self.advance_group(now, id.unit);
    }

    /// Takes the round of this unit's group a step further, if there is one.
    pub(super) fn advance_group(&mut self, now: Moment, unit: UnitIndex) {
        let Some(index) = self.group_of(unit) else { return };
        let Some(round) = self.round_of(unit).cloned() else { return };
        if !matches!(self.phase, Phase::Running { .. }) {
            return;
        }
        if round.stage == Stage::Stopping {
            for unit in round.units.iter().rev() {
                self.suspend(now, *unit, StopCause::GroupRestart);
                if self.is_coming_down(*unit) {
                    return;
                }
            }
            if let Some(round) = self.group_mut(index).and_then(|group| group.round.as_mut()) {
                round.stage = Stage::Starting;
            }
        }
        for unit in &round.units {
            self.start_if_due(now, *unit, false);
        }
        if !round.units.iter().any(|unit| self.waits_in_round(*unit))
            && let Some(group) = self.group_mut(index)
        {
            group.round = None;
        }
    }

    /// Whether a unit of a round was not started yet. (One that an operator wants started at once
    /// waits for its turn like the others.)
    fn waits_in_round(&self, unit: UnitIndex) -> bool {
        self.unit(unit).is_some_and(|it| matches!(it.going, Going::Suspended | Going::Held))
    }

    /// Whether a unit that is to come down has a process yet.
    fn is_coming_down(&self, unit: UnitIndex) -> bool {
        self.unit(unit).is_some_and(|it| it.going == Going::Suspended && it.has_process())
    }

    /// Whether its round has yet to stop some of its units: until then none of them starts, not
    /// even one that is down while the next to be stopped has not been told yet.
    pub(super) fn comes_down_first(&self, unit: UnitIndex) -> bool {
        let round = self.round_of(unit);
        round.is_some_and(|it| it.stage == Stage::Stopping && it.units.contains(&unit))
    }

    /// Those of the group that have to be up, or down, before this one may start.
    pub(super) fn stands_before_in_group(&self, index: UnitIndex) -> Vec<UnitIndex> {
        let Some(round) = self.round_of(index) else { return Vec::new() };
        if !round.units.contains(&index) {
            return Vec::new();
        }
        match round.stage {
            Stage::Stopping => {
                round.units.iter().copied().filter(|it| self.is_coming_down(*it)).collect()
            }
            Stage::Starting => {
                let before = round.units.iter().take_while(|it| **it != index);
                let come = |unit: &UnitIndex| self.unit(*unit).is_none_or(Unit::is_settled);
                round.behind.iter().chain(before).copied().filter(|unit| !come(unit)).collect()
            }
        }
    }

    /// One restart too many: all of the group stay down, or everything does.
    fn fail_group(&mut self, now: Moment, index: GroupIndex, because: InstanceId) {
        let Some(group) = self.group_mut(index) else { return };
        group.round = None;
        let units = group.policy.units.clone();
        match group.policy.on_limit {
            GroupOnLimit::ShutDown => {
                self.fatal.get_or_insert(Outcome::GroupLimitReached(index));
            }
            GroupOnLimit::Fail => {
                self.report(Report::GroupFailed { group: index, because });
                for unit in units.into_iter().rev() {
                    self.fail_unit(now, unit);
                }
            }
        }
    }

    /// The unit stays down, whatever its instances do now, until an operator starts it.
    pub(super) fn fail_unit(&mut self, now: Moment, index: UnitIndex) {
        let Some(unit) = self.unit_mut(index) else { return };
        if unit.going == Going::Off {
            return;
        }
        unit.going = Going::On;
        self.tell_in_use(now, index, &instance::Event::Stop(StopCause::UnitFailed));
    }
}
