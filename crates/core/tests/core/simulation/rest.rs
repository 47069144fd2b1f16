//! What must be true of the living at any time, and of everybody once faults cease.

use super::life::Life;
use crate::world::*;
use hearken_core::identity::UnitIndex;
use hearken_core::instance::{Rest, Standing};
use hearken_core::moment::Moment;
use hearken_core::policy::OnDependencyRestart;
use hearken_core::supervision::Event;
use hearken_core::unit::Going;
use std::time::Duration;

/// What timers and second looks may take on top of a deadline.
const SLACK: Duration = Duration::from_millis(300);

impl Life {
    /// Who owes a sign of life, progress or the answer of a probe is not ready for ever without.
    pub(super) fn nobody_is_forgotten(&self) {
        let world = &self.world;
        for (token, child) in &self.children {
            let process = &world.processes[token];
            let told = child.told_at <= world.now && process.kernel.is_empty();
            if world.standing(process.id) != Standing::Ready || !told || !process.line.is_empty() {
                continue;
            }
            let policy = world.core.policy(process.id.unit).unwrap();
            let overdue = |since: Moment, within: Duration| {
                world.now > since.max(world.stalled_at) + within + SLACK
            };
            if let Some(period) = process.period.or(policy.watchdog) {
                let lost = overdue(process.heard_at, period + period / 8);
                assert!(!lost, "{token:?} was last heard at {:?}", process.heard_at);
            }
            if let Some(most) = policy.progress_timeout {
                let stuck = overdue(process.worked_at, most + most / 8);
                assert!(!stuck, "{token:?} last worked at {:?}", process.worked_at);
            }
            if let Some(rhythm) = policy.health {
                let within = if process.probe.is_some() { rhythm.timeout } else { rhythm.interval };
                let unseen = overdue(process.looked_at, within);
                assert!(!unseen, "{token:?} was last probed at {:?}", process.looked_at);
            }
        }
    }

    fn is_at_rest(&self) -> bool {
        let quiet = self.children.keys().all(|token| {
            let process = &self.world.processes[token];
            !process.pending && process.kernel.is_empty()
        });
        let rests = |it| matches!(it, Standing::Ready | Standing::Down(_) | Standing::Held);
        quiet && self.world.core.instances().all(|it| rests(it.standing()))
    }

    /// Everything comes to rest, and where it belongs.
    pub(super) fn come_to_rest(&mut self) {
        self.calm_down();
        for _ in 0..900 {
            self.advance(s(1));
            if self.world.left.is_some() || self.is_at_rest() {
                break;
            }
        }
        if self.world.left.is_some() {
            return;
        }
        assert!(!self.world.shuts_down, "a shutdown that began is over");
        assert!(self.is_at_rest(), "after a quarter of an hour: {}", self.standings());
        let units = (0..).map(UnitIndex);
        for unit in units.take_while(|unit| self.world.core.unit(*unit).is_some()) {
            self.rests_where_it_belongs(unit);
        }
        let spawned = self.world.spawns.len();
        self.advance(s(10));
        assert_eq!(self.world.spawns.len(), spawned, "somebody is started out of a rest");
    }

    fn rests_where_it_belongs(&self, unit: UnitIndex) {
        let it = self.world.core.unit(unit).unwrap();
        let missing = self.world.misses(unit);
        for (slot, instance) in (1..).zip(&it.instances) {
            let standing = instance.standing();
            let rests = match (it.going, slot <= it.policy.instances) {
                (Going::On, true) => match standing {
                    Standing::Ready | Standing::Down(Rest::Finished | Rest::Failed) => true,
                    // A rule may want it to stay down; or its group failed before it could start.
                    Standing::Down(Rest::Stopped) => {
                        let grouped = self.plan.groups.iter().any(|it| it.units.contains(&unit));
                        grouped || !it.policy.rules.is_empty()
                    }
                    _ => false,
                },
                (Going::Held | Going::Suspended, true) => {
                    matches!(standing, Standing::Down(_) | Standing::Held)
                }
                (Going::Off, _) | (_, false) => matches!(standing, Standing::Down(_)),
            };
            assert!(rests, "{:?} of {:?} is {standing:?}", instance.id(), it.going);
        }
        let waits = |unit: UnitIndex| {
            let going = self.world.core.unit(unit).unwrap().going;
            matches!(going, Going::Held | Going::Suspended)
        };
        // In a round, who comes before it in its group may wait in turn.
        let mut groups = self.plan.groups.iter();
        let group = groups.find(|group| group.units.contains(&unit));
        let before = group.into_iter().flat_map(|group| &group.units);
        let turn = before.take_while(|it| **it != unit).any(|it| waits(*it));
        let why = turn || !missing.is_empty();
        assert!(!waits(unit) || why, "{unit:?} is {:?} and waits for nobody", it.going);
        let wanted = self.world.is_wanted(unit);
        let stops = it.policy.on_dependency_restart == OnDependencyRestart::Stop;
        let goes = it.going != Going::Off || (stops && !it.policy.after.is_empty());
        assert!(wanted || it.going == Going::Off, "{unit:?} goes against an operator's word");
        assert!(!wanted || goes, "{unit:?} is off against an operator's word");
    }

    /// A shutdown ends, and leaves nobody behind.
    pub(super) fn shut_down(&mut self) {
        if self.world.left.is_none() {
            self.feed(Event::Shutdown);
        }
        for _ in 0..900 {
            self.advance(s(1));
        }
        assert!(self.world.left.is_some(), "a shutdown always ends: {}", self.standings());
        // Who would not die in time is left behind, and says so.
        if self.world.core.instances().any(|it| it.standing() == Standing::Abandoned) {
            return;
        }
        assert_eq!(self.world.alive(), 0, "nobody is left behind");
        let history = self.world.processes.values().all(Process::is_history);
        assert!(history, "every start has its end");
    }

    fn standings(&self) -> String {
        let show = |it: &hearken_core::instance::Instance| {
            format!("\n  {:?} {:?}", it.id(), it.standing())
        };
        self.world.core.instances().map(show).collect()
    }
}
