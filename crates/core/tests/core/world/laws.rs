//! What holds for every history, checked on every action.

use super::World;
use hearken_core::action::Report;
use hearken_core::evidence::{End, Evidence, Said, StopCause};
use hearken_core::identity::{InstanceId, Token, UnitIndex};
use hearken_core::instance::{Instance, Rest, Standing};
use hearken_core::judge::{self, DecidedBy, Judgement, Next, Pace};
use hearken_core::moment::Moment;
use hearken_core::policy::{OnLimit, Role, Until};
use hearken_core::supervision::Event;
use hearken_core::unit::Going;
use hearken_core::verdict::{InstanceVerdict, UnitVerdict};
use std::time::Duration;

/// Whose units an operator has his hand on with the input that is being taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hand {
    Nobody,
    On(UnitIndex),
    All,
}

/// What the world knows of an instance.
#[derive(Debug, Default)]
pub(super) struct Slot {
    pub(super) token: Option<Token>,
    pub(super) incarnation: u32,
    /// The last end: what was decided, and when it was to be started again.
    end: Option<(Judgement, Option<Moment>)>,
    /// It stays down until somebody starts it.
    rests: bool,
    /// Its pool needs a process there.
    called: bool,
    /// What was held against its budget since the last start by hand.
    counted: Vec<Moment>,
    /// Its failures in a row; `None` after a command, until the next end tells.
    failures: Option<u32>,
    /// The last thing counted is an error it said, and may yet turn out to be its end as well.
    charged: bool,
    /// An error it said has used up its budget: it has to be stopped.
    over_the_limit: bool,
}

impl World {
    /// What an input means for what may follow.
    pub(super) fn expect(&mut self, event: &Event) -> Hand {
        let now = self.now;
        match event {
            Event::Stop(unit) => {
                self.wishes.insert(*unit, false);
                self.change_mind(*unit);
            }
            Event::Scale(unit, _) => {
                let before = self.core.policy(*unit).map_or(0, |policy| policy.instances);
                let new = |id: InstanceId| id.unit == *unit && id.slot > before;
                self.forgive(new);
                for (_, slot) in self.slots.iter_mut().filter(|(id, _)| new(**id)) {
                    slot.rests = false;
                    slot.end = None;
                }
                return Hand::On(*unit);
            }
            Event::Start(unit) | Event::Restart(unit) => {
                if !self.shuts_down {
                    self.wishes.insert(*unit, true);
                    self.paused.remove(unit);
                    self.forgive(|id| id.unit == *unit);
                    self.forgive_group(*unit);
                    self.change_mind(*unit);
                }
                return Hand::On(*unit);
            }
            Event::Call(id) => {
                if self.core.standing(*id).is_some() {
                    self.slots.entry(*id).or_default().called = true;
                }
            }
            Event::Dismiss { .. } => {}
            Event::Boot => {
                let units = (0..).map(UnitIndex).map_while(|it| Some((it, self.core.unit(it)?)));
                let off = units.filter(|(_, unit)| unit.going == Going::Off);
                let off: Vec<_> = off.map(|(it, _)| it).collect();
                self.forgive(|id| off.contains(&id.unit));
                self.wishes.extend(off.into_iter().map(|it| (it, true)));
                return Hand::All;
            }
            Event::Exited(token, _) | Event::SpawnFailed(token, _) => {
                let process = self.processes.get_mut(token).unwrap();
                assert!(!process.pending, "the shell tells of the spawn first");
                process.end_told = true;
            }
            Event::Said(token, said) => {
                let process = self.processes.get_mut(token).unwrap();
                process.heard_at = now;
                match said {
                    Said::Working => process.worked_at = now,
                    Said::WatchdogPeriod(period) => process.period = Some(*period),
                    _ => {}
                }
                if matches!(said, Said::Error(_) | Said::Ready | Said::Working)
                    && let Some(slot) = self.slots.get_mut(&process.id)
                {
                    slot.charged = false;
                }
            }
            Event::Probed(token, number, _) => self.probe_answered(*token, *number),
            Event::Shutdown
            | Event::ShutdownNow
            | Event::Spawned(..)
            | Event::Violated(_)
            | Event::LineClosed(_)
            | Event::Drained(_) => {}
        }
        Hand::Nobody
    }

    pub(super) fn remember_going(&mut self) {
        self.going.clear();
        self.going.extend((0..).map(UnitIndex).map_while(|it| Some(self.core.unit(it)?.going)));
        self.spawned.clear();
    }

    pub(super) fn was_going(&self, unit: UnitIndex) -> Going {
        self.going[unit.0 as usize]
    }

    /// Whatever its processes were being stopped for: the last command wins.
    fn change_mind(&mut self, unit: UnitIndex) {
        let of_unit = self.processes.values_mut().filter(|it| it.id.unit == unit);
        of_unit.for_each(|process| process.reason = None);
    }

    /// A start by hand clears what is held against it.
    fn forgive(&mut self, of: impl Fn(InstanceId) -> bool) {
        for (_, slot) in self.slots.iter_mut().filter(|(id, _)| of(**id)) {
            slot.counted.clear();
            slot.failures = None;
        }
    }

    /// Answers whether nobody had a hand in it.
    pub(super) fn check_spawn(
        &mut self,
        id: InstanceId,
        token: Token,
        incarnation: u32,
        hand: Hand,
    ) -> bool {
        assert!(self.is_wanted(id.unit), "{id:?} was stopped by an operator, or never started");
        let policy = self.core.policy(id.unit).unwrap();
        assert!((1..=policy.instances).contains(&id.slot), "{id:?} is no slot any more");
        assert!(self.processes.last_key_value().is_none_or(|(last, _)| *last < token));
        let by_hand = hand == Hand::All || hand == Hand::On(id.unit);
        let was = self.was_going(id.unit);
        // On the way down, what others still need comes back.
        let goes = was != Going::Off || self.shuts_down;
        assert!(by_hand || goes, "{id:?} is started though its unit is off");
        let (now, limit) = (self.now, policy.restart.limit);
        let paused = self.paused.get(&id.unit).copied().unwrap_or(Moment::START);
        let slot = self.slots.entry(id).or_default();
        assert_eq!(slot.token, None, "{id:?} has a process already");
        assert_eq!(slot.incarnation + 1, incarnation);
        slot.token = Some(token);
        slot.incarnation = incarnation;
        let rested = std::mem::take(&mut slot.rests);
        let end = slot.end.take();
        if std::mem::take(&mut slot.called) {
            assert!(paused <= now, "{id:?} is started though its unit is paused until {paused:?}");
            return false;
        }
        if by_hand || was == Going::Held {
            slot.counted.clear();
            slot.failures = None;
            return false;
        }
        assert!(!rested, "{id:?} was down for good, and is started by nobody");
        let counted = match end {
            // A unit that was suspended starts an instance that is new, or that was held.
            None => {
                let resumed = was == Going::Suspended || self.resumed.contains(&id.unit);
                assert!(resumed, "{id:?} is started for no reason");
                false
            }
            Some((Judgement { next: Next::Held, .. }, _)) => false,
            Some((Judgement { next: Next::Restart { counted, .. }, decided_by, .. }, due)) => {
                let due = due.expect("a restart has its time");
                assert!(due <= now, "{id:?} was to be started only at {due:?}");
                if decided_by == DecidedBy::Operator {
                    slot.counted.clear();
                    return false;
                }
                counted
            }
            Some((judgement, _)) => panic!("{id:?} is started after {judgement:?}"),
        };
        assert!(paused <= now, "{id:?} is started though its unit is paused until {paused:?}");
        if let (true, Some(limit)) = (counted, limit) {
            slot.counted.push(now);
            let since = |at: &&Moment| **at + limit.window() > now;
            let held = slot.counted.iter().filter(since).count();
            assert!(held <= limit.count() as usize, "{id:?}: {held} restarts in the window");
        }
        true
    }

    pub(super) fn check_touch(&self, token: Token) {
        let process = &self.processes[&token];
        assert!(!process.released, "{token:?} was released: its pid may be another's");
        assert!(!process.end_told, "{token:?} was reaped: its pid may be another's");
    }

    pub(super) fn note(&mut self, report: Report) {
        let now = self.now;
        match &report {
            Report::Started { id, incarnation, .. } => {
                let process = self.incarnation_of(*id, *incarnation);
                assert!(!process.ended, "a start after the end");
                assert!(!std::mem::replace(&mut process.started, true), "started twice");
            }
            Report::Ready { id, .. } => {
                let token = self.token(*id);
                let process = self.processes.get_mut(&token).unwrap();
                process.looked_at = now;
                process.heard_at = now;
                process.worked_at = now;
            }
            Report::Stopping { id, cause, .. } => {
                let token = self.token(*id);
                self.blamed.push((token, *cause));
                self.processes.get_mut(&token).unwrap().reason = Some(*cause);
                self.check_order_of_stops(*id, *cause);
            }
            Report::Reacted { id, verdict } if verdict.instance != InstanceVerdict::Keep => {
                let token = self.token(*id);
                self.processes.get_mut(&token).unwrap().verdict = Some(*verdict);
            }
            Report::Reacted { id, verdict }
                if (verdict.instance, verdict.unit)
                    == (InstanceVerdict::Keep, UnitVerdict::Count) =>
            {
                self.charge(*id);
            }
            Report::Ended { id, incarnation, judgement, restart_in, evidence, .. } => {
                let process = self.incarnation_of(*id, *incarnation);
                assert!(process.end_told, "judged before its end was known");
                assert!(!std::mem::replace(&mut process.ended, true), "ended twice");
                let spawned = matches!(evidence.end, End::Process(_));
                assert_eq!(process.started, spawned, "every end of a process follows its start");
                let of_its_own = |cause: StopCause| {
                    let decided = matches!(cause, StopCause::Verdict | StopCause::UnitFailed);
                    decided || cause.fault().is_some()
                };
                let forgotten = process.reason.is_some_and(of_its_own)
                    && evidence.stopped_by.is_some_and(StopCause::holds);
                assert!(!forgotten, "{id:?}: {:?} was forgotten", process.reason);
                if let (Some(StopCause::Verdict), Some(verdict)) =
                    (evidence.stopped_by, process.verdict)
                    && judgement.decided_by != DecidedBy::Budget
                {
                    assert_eq!(*judgement, verdict.at_end(), "{id:?}: the verdict was forgotten");
                }
                self.check_delay(*id, evidence, *judgement, *restart_in);
                let due = restart_in.map(|wait| now + wait);
                self.slots.get_mut(id).unwrap().end = Some((*judgement, due));
                self.count_in_group(*id, *judgement);
            }
            Report::Paused { unit, length } => {
                let until = self.paused.entry(*unit).or_default();
                *until = (*until).max(now + *length);
            }
            Report::GroupRestarting { group, because, units } => {
                self.round_begins(*group, *because, units);
            }
            Report::GroupFailed { group, .. } => self.group_failed(*group),
            Report::ShuttingDown { .. } => self.shuts_down = true,
            Report::Stalled { .. } => self.stalled_at = now,
            _ => {}
        }
        if self.keeps {
            self.reports.push((now, report));
        }
    }

    /// An error of a child that runs on is held against its budget, or ends it.
    fn charge(&mut self, id: InstanceId) {
        let policy = &self.core.policy(id.unit).unwrap().restart;
        let Some(limit) = policy.limit else { return };
        let slot = self.slots.get_mut(&id).unwrap();
        let now = self.now;
        let held = slot.counted.iter().filter(|at| **at + limit.window() > now).count();
        if held < limit.count() as usize {
            slot.counted.push(now);
            slot.charged = true;
        } else {
            slot.over_the_limit = policy.on_limit != OnLimit::Wait;
        }
    }

    /// Nothing comes back sooner than its backoff says, and failures in a row are counted in a row.
    fn check_delay(
        &mut self,
        id: InstanceId,
        evidence: &Evidence,
        judgement: Judgement,
        restart_in: Option<Duration>,
    ) {
        let policy = &self.core.policy(id.unit).unwrap().restart;
        let slot = self.slots.get_mut(&id).unwrap();
        let settled = evidence.ready_uptime.is_some_and(|ready| ready >= policy.settle);
        if let Some(failures) = slot.failures {
            let failures = if settled { 0 } else { failures };
            assert_eq!(evidence.failures, failures, "{id:?}: its failures in a row");
        }
        let failed = judge::is_failure(evidence);
        slot.failures = Some(if failed { evidence.failures + 1 } else { 0 });
        if std::mem::take(&mut slot.charged) && evidence.explaining_error().is_some() {
            slot.counted.pop();
        }
        let Next::Restart { pace, .. } = judgement.next else { return };
        let least = match pace {
            Pace::AtOnce => Duration::ZERO,
            Pace::After(delay) => delay,
            // What ended without failing waits as after a first failure.
            Pace::Backoff(backoff) if !failed || evidence.failures == 0 => backoff.delay(),
            Pace::Backoff(backoff) => {
                let full = backoff.delay().saturating_mul(1 << evidence.failures.min(20));
                full.min(backoff.max_delay()) / 2
            }
            Pace::Asked(asked, within) => within.clamp(asked),
        };
        assert!(restart_in >= Some(least), "{id:?} is to come back in {restart_in:?}: {pace:?}");
    }

    /// What must be true once everything that followed from an input was done.
    pub(super) fn check_what_followed(&mut self) {
        for (id, slot) in &mut self.slots {
            let standing = self.core.standing(*id).unwrap();
            if let Standing::Down(Rest::Failed | Rest::Stopped | Rest::Finished) = standing {
                slot.rests = true;
            }
            if std::mem::take(&mut slot.over_the_limit) {
                assert!(!standing.is_up(), "{id:?} runs on over its limit");
            }
        }
        for (unit, was) in (0..).map(UnitIndex).zip(&self.going) {
            if *was == Going::Suspended && self.core.unit(unit).unwrap().going == Going::On {
                self.resumed.insert(unit);
            }
        }
        let spawned = std::mem::take(&mut self.spawned);
        for (id, by_itself) in &spawned {
            let was = self.was_going(id.unit);
            if was != Going::On && !self.shuts_down {
                self.check_dependencies(id.unit);
                self.check_order_of_starts(id.unit, was);
            }
            if *by_itself {
                self.started_in_round(id.unit, &spawned);
            }
        }
        self.check_groups();
    }

    /// What a unit comes after and that has not come as far, in the eyes of the world.
    pub(crate) fn misses(&self, unit: UnitIndex) -> Vec<UnitIndex> {
        let after = &self.core.unit(unit).unwrap().policy.after;
        let missing = after.iter().filter(|after| {
            let on = self.core.unit(after.unit).unwrap();
            let is_up = |standing| match standing {
                Standing::Ready => after.until != Until::Succeeded,
                standing => after.until == Until::Started && standing.is_up(),
            };
            let finished = |standing| standing == Standing::Down(Rest::Finished);
            !match on.policy.role {
                Role::Service => {
                    on.in_use().map(Instance::standing).all(|it| is_up(it) || finished(it))
                }
                Role::Pool { ahead: 0 } => on.going == Going::On,
                Role::Pool { .. } => on.in_use().map(Instance::standing).any(is_up),
            }
        });
        missing.map(|after| after.unit).collect()
    }

    fn check_dependencies(&self, unit: UnitIndex) {
        let missing = self.misses(unit);
        assert!(missing.is_empty(), "{unit:?} is started without {missing:?}");
    }
}
