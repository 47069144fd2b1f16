//! What holds for every history, checked on every action.

use super::World;
use hearken_core::action::Report;
use hearken_core::identity::{InstanceId, Token};
use hearken_core::judge::{DecidedBy, Next};
use hearken_core::moment::Moment;

impl World {
    pub(super) fn check_spawn(
        &mut self,
        id: InstanceId,
        token: Token,
        incarnation: u32,
        by_hand: bool,
    ) {
        assert_eq!(self.left, None, "a start after the leave");
        assert!(self.is_wanted(id.unit), "{id:?} was stopped by an operator, or never started");
        let policy = self.core.policy(id.unit).unwrap();
        assert!((1..=policy.instances).contains(&id.slot), "{id:?} is no slot any more");
        assert!(self.processes.last_key_value().is_none_or(|(last, _)| *last < token));
        let slot = self.slots.entry(id).or_default();
        assert_eq!(slot.token, None, "{id:?} has a process already");
        assert_eq!(slot.incarnation + 1, incarnation);
        slot.token = Some(token);
        slot.incarnation = incarnation;
        // A start before its time, or after an end that wants none, is somebody's wish.
        let automatic = match slot.end {
            Some((judgement, Some(due))) if self.now >= due && !by_hand => match judgement.next {
                Next::Restart { counted, .. } if judgement.decided_by != DecidedBy::Operator => {
                    Some(counted)
                }
                _ => None,
            },
            _ => None,
        };
        match (automatic, policy.restart.limit) {
            (Some(true), Some(limit)) => {
                slot.restarts.push(self.now);
                let since = |at: &&Moment| **at + limit.window() > self.now;
                let held = slot.restarts.iter().filter(since).count();
                assert!(held <= limit.count() as usize, "{id:?}: {held} restarts in the window");
            }
            (Some(_), _) => {}
            (None, _) => slot.restarts.clear(),
        }
    }

    pub(super) fn check_touch(&self, token: Token) {
        let process = &self.processes[&token];
        assert!(!process.released, "{token:?} was released: its pid may be another's");
        assert!(!process.end_told, "{token:?} was reaped: its pid may be another's");
    }

    pub(super) fn note(&mut self, report: Report) {
        match &report {
            Report::Started { id, incarnation, .. } => {
                let process = self.incarnation_of(*id, *incarnation);
                assert!(!process.ended, "a start after the end");
                assert!(!std::mem::replace(&mut process.started, true), "started twice");
            }
            Report::Ended { id, incarnation, judgement, restart_in, evidence, .. } => {
                let process = self.incarnation_of(*id, *incarnation);
                assert!(process.end_told, "judged before its end was known");
                assert!(!std::mem::replace(&mut process.ended, true), "ended twice");
                let spawned = matches!(evidence.end, hearken_core::evidence::End::Process(_));
                assert_eq!(process.started, spawned, "every end of a process follows its start");
                let due = restart_in.map(|wait| self.now + wait);
                self.slots.get_mut(id).unwrap().end = Some((*judgement, due));
            }
            _ => {}
        }
        self.reports.push((self.now, report));
    }
}
