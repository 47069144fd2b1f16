//! A fake fork server, a fake kernel and a clock that jumps.
//!
//! Whatever a test does, the laws that hold for every history are checked on every action: one
//! process per instance, no signal to a process that was reaped, one polite request and one kill
//! per stop, one end per start, no start of what was stopped, nothing after the leave.

mod laws;
mod plan;
mod process;

pub(crate) use plan::*;
pub(crate) use process::{Forks, Manners, Process};

use hearken_core::action::{Action, Outcome, Report};
use hearken_core::evidence::{Ending, Evidence, Said, SpawnFailure, TypedError};
use hearken_core::gate::StartRate;
use hearken_core::identity::{InstanceId, Token, UnitIndex};
use hearken_core::instance::Standing;
use hearken_core::judge::{DecidedBy, Judgement, Next};
use hearken_core::moment::Moment;
use hearken_core::policy::UnitPolicy;
use hearken_core::supervision::{Event, Plan, Supervision, WhenIdle};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt;
use std::time::Duration;

#[derive(Debug, Default)]
struct Slot {
    token: Option<Token>,
    incarnation: u32,
    /// The last end: when, what was decided, and when it was to be started again.
    end: Option<(Judgement, Option<Moment>)>,
    /// Automatic, counted restarts since the last start by hand.
    restarts: Vec<Moment>,
}

pub(crate) struct World {
    pub(crate) core: Supervision,
    pub(crate) now: Moment,
    pub(crate) forks: Forks,
    pub(crate) manners: Manners,
    /// Every new process says that it is ready.
    pub(crate) healthy: bool,
    pub(crate) processes: BTreeMap<Token, Process>,
    pub(crate) reports: Vec<(Moment, Report)>,
    pub(crate) spawns: Vec<(Moment, InstanceId)>,
    pub(crate) actions: Vec<Action>,
    pub(crate) left: Option<Outcome>,
    /// What an operator last said of each unit that was ever told anything: up or down.
    wishes: HashMap<UnitIndex, bool>,
    slots: HashMap<InstanceId, Slot>,
}

impl fmt::Debug for World {
    /// What a failing history needs to be read: the plan, one line a unit.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for unit in (0..).map_while(|unit| self.core.policy(UnitIndex(unit))) {
            write!(f, "\n  {unit:?}")?;
        }
        Ok(())
    }
}

impl World {
    pub(crate) fn of(units: impl IntoIterator<Item = UnitPolicy>) -> Self {
        Self::with(units, StartRate::default(), WhenIdle::Stay, 7)
    }

    pub(crate) fn with(
        units: impl IntoIterator<Item = UnitPolicy>,
        starts: StartRate,
        when_idle: WhenIdle,
        seed: u64,
    ) -> Self {
        let units = units.into_iter().collect();
        Self {
            core: Supervision::new(Plan { units, groups: Vec::new(), starts, when_idle, seed }),
            now: Moment::at(s(100)),
            forks: Forks::AtOnce,
            manners: Manners::Obeys,
            healthy: false,
            processes: BTreeMap::new(),
            reports: Vec::new(),
            spawns: Vec::new(),
            actions: Vec::new(),
            left: None,
            wishes: HashMap::new(),
            slots: HashMap::new(),
        }
    }

    // What a test does.

    /// Tells the core, and delivers everything that follows, in the order it came up.
    pub(crate) fn tell(&mut self, event: Event) {
        self.feed(event);
        self.deliver();
    }

    pub(crate) fn boot(&mut self) {
        self.tell(Event::Boot);
    }

    /// Lets `time` pass: every timer rings when it is due.
    pub(crate) fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(due) = self.core.poll_timeout().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.ring();
            self.deliver();
        }
        self.now = end;
    }

    /// Lets `time` pass while nothing that comes in is delivered.
    pub(crate) fn elapse(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(due) = self.core.poll_timeout().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.ring();
        }
        self.now = end;
    }

    pub(crate) fn ring(&mut self) {
        self.core.handle_timeout(self.now);
        self.drain(false);
        if let Some(due) = self.core.poll_timeout() {
            assert!(
                due > self.now,
                "a timer of {due:?} still rings at {:?}: a busy loop",
                self.now
            );
        }
    }

    pub(crate) fn say(&mut self, id: InstanceId, said: Said) {
        self.tell(Event::Said(self.token(id), said));
    }

    pub(crate) fn fails_with(&mut self, id: InstanceId, error: TypedError) {
        self.say(id, Said::Hello);
        self.say(id, Said::Error(error));
        // For some errors it is stopped before it can leave by itself.
        if self.slots[&id].token.is_some() {
            self.exits(id, 1);
        }
    }

    pub(crate) fn exits(&mut self, id: InstanceId, code: i32) {
        self.ends(id, Ending::Exited(code));
    }

    pub(crate) fn crashes(&mut self, id: InstanceId) {
        self.ends(id, Ending::Killed { signal: 11, core_dumped: false });
    }

    pub(crate) fn ends(&mut self, id: InstanceId, ending: Ending) {
        self.die(self.token(id), ending);
        self.deliver();
    }

    /// The fork server answers a spawn it kept waiting.
    pub(crate) fn forked(&mut self, id: InstanceId) {
        self.fork(self.token(id), None);
        self.deliver();
    }

    pub(crate) fn fork_fails(&mut self, id: InstanceId, failure: SpawnFailure) {
        self.fork(self.token(id), Some(failure));
        self.deliver();
    }

    // What a test sees.

    pub(crate) fn token(&self, id: InstanceId) -> Token {
        self.slots[&id].token.expect("it holds a process")
    }

    pub(crate) fn process(&mut self, id: InstanceId) -> &mut Process {
        let token = self.token(id);
        self.processes.get_mut(&token).unwrap()
    }

    pub(crate) fn standing(&self, id: InstanceId) -> Standing {
        self.core.standing(id).unwrap()
    }

    pub(crate) fn incarnation(&self, id: InstanceId) -> u32 {
        self.slots.get(&id).map_or(0, |slot| slot.incarnation)
    }

    /// Whether the last word of an operator was that it shall run.
    pub(crate) fn is_wanted(&self, unit: UnitIndex) -> bool {
        self.wishes.get(&unit).is_some_and(|up| *up)
    }

    pub(crate) fn alive(&self) -> usize {
        self.processes.values().filter(|process| process.alive).count()
    }

    /// Every end of an instance: what was known, what was decided, when it starts again.
    pub(crate) fn ends_of(&self, of: InstanceId) -> Vec<(Evidence, Judgement, Option<Duration>)> {
        let end = |report: &Report| match report {
            Report::Ended { id, evidence, judgement, restart_in, .. } if *id == of => {
                Some((evidence.as_ref().clone(), *judgement, *restart_in))
            }
            _ => None,
        };
        self.reports.iter().filter_map(|(_, report)| end(report)).collect()
    }

    pub(crate) fn last_end(&self, id: InstanceId) -> (Evidence, Judgement, Option<Duration>) {
        self.ends_of(id).pop().expect("it ended")
    }

    pub(crate) fn decided(&self, id: InstanceId) -> (Next, DecidedBy) {
        let (_, judgement, _) = self.last_end(id);
        (judgement.next, judgement.decided_by)
    }

    pub(crate) fn restart_in(&self, id: InstanceId) -> Option<Duration> {
        self.last_end(id).2
    }

    pub(crate) fn kills(&self) -> usize {
        self.actions.iter().filter(|action| matches!(action, Action::KillTree { .. })).count()
    }

    pub(crate) fn signals(&self, of: InstanceId) -> Vec<i32> {
        let signal = |action: &Action| match action {
            Action::Signal { token, signal } if self.processes[token].id == of => Some(*signal),
            _ => None,
        };
        self.actions.iter().filter_map(signal).collect()
    }

    pub(crate) fn saw(&self, wanted: impl Fn(&Report) -> bool) -> bool {
        self.reports.iter().any(|(_, report)| wanted(report))
    }

    // Delivery.

    /// Tells the core and takes in what it wants, without delivering what follows from that.
    pub(crate) fn feed(&mut self, event: Event) {
        match &event {
            Event::Stop(unit) => {
                self.wishes.insert(*unit, false);
                self.cancel(|id| id.unit == *unit);
            }
            Event::Scale(unit, instances) => {
                let before = self.core.policy(*unit).map_or(0, |policy| policy.instances);
                self.forgive(|id| id.unit == *unit && id.slot > before);
                self.cancel(|id| id.unit == *unit && id.slot > *instances);
            }
            Event::Start(unit) | Event::Restart(unit) => {
                self.wishes.insert(*unit, true);
                self.forgive(|id| id.unit == *unit);
            }
            Event::Boot => {
                let units = (0..).map(UnitIndex);
                let units = units.take_while(|it| self.core.unit(*it).is_some());
                self.wishes.extend(units.map(|it| (it, true)));
                self.forgive(|_| true);
            }
            Event::Exited(token, _) | Event::SpawnFailed(token, _) => {
                let process = self.processes.get_mut(token).unwrap();
                assert!(!process.pending, "the shell tells of the spawn first");
                process.end_told = true;
            }
            Event::Shutdown | Event::ShutdownNow => self.cancel(|_| true),
            Event::Spawned(..)
            | Event::Said(..)
            | Event::Violated(_)
            | Event::LineClosed(_)
            | Event::Probed(..)
            | Event::Drained(_) => {}
        }
        let by_hand =
            matches!(event, Event::Boot | Event::Start(_) | Event::Restart(_) | Event::Scale(..));
        self.core.handle(self.now, event);
        self.drain(by_hand);
    }

    /// A start by hand clears the budget.
    fn forgive(&mut self, of: impl Fn(InstanceId) -> bool) {
        for (_, slot) in self.slots.iter_mut().filter(|(id, _)| of(**id)) {
            slot.restarts.clear();
        }
    }

    /// Automatic restarts that were to come will not.
    fn cancel(&mut self, of: impl Fn(InstanceId) -> bool) {
        for (_, slot) in self.slots.iter_mut().filter(|(id, _)| of(**id)) {
            slot.end = None;
        }
    }

    /// Delivers what kernel and lines have to tell, until there is nothing more.
    pub(crate) fn deliver(&mut self) {
        while let Some(event) = self
            .processes
            .values_mut()
            .find_map(|process| process.kernel.pop_front().or_else(|| process.line.pop_front()))
        {
            self.feed(event);
        }
    }

    fn drain(&mut self, by_hand: bool) {
        while let Some(action) = self.core.poll_action() {
            self.actions.push(action.clone());
            self.perform(action, by_hand);
        }
        self.core.assert_books_are_right();
    }

    fn perform(&mut self, action: Action, by_hand: bool) {
        match action {
            Action::Spawn { id, token, incarnation } => {
                self.check_spawn(id, token, incarnation, by_hand);
                self.spawns.push((self.now, id));
                let process = Process {
                    id,
                    incarnation,
                    alive: false,
                    manners: self.manners,
                    pending: true,
                    halted: false,
                    held_open: false,
                    mute: false,
                    drained: false,
                    term_pending: false,
                    kill_pending: false,
                    kernel: VecDeque::new(),
                    line: VecDeque::new(),
                    end_told: false,
                    started: false,
                    ended: false,
                    released: false,
                    asked: 0,
                    continued: 0,
                    killed: 0,
                };
                self.processes.insert(token, process);
                match self.forks {
                    Forks::AtOnce => self.fork(token, None),
                    Forks::Never => {}
                    Forks::Fails(failure) => self.fork(token, Some(failure)),
                }
            }
            Action::Drain { token, .. } => self.check_touch(token),
            Action::Signal { token, signal } => {
                self.check_touch(token);
                let process = self.processes.get_mut(&token).unwrap();
                assert!(process.started, "a signal to a process nobody knows");
                if signal == CONT {
                    process.continued += 1;
                    assert_eq!((process.asked, process.continued), (1, 1), "TERM, then CONT, once");
                } else {
                    process.asked += 1;
                    assert_eq!(process.asked, 1, "asked twice to stop");
                    assert_eq!(process.killed, 0, "asked to stop after it was killed");
                }
                self.signal(token, signal);
            }
            Action::KillTree { token } => {
                self.check_touch(token);
                let process = self.processes.get_mut(&token).unwrap();
                process.killed += 1;
                process.kill_pending = true;
                assert_eq!(process.killed, 1, "killed twice");
                self.signal(token, KILL);
            }
            Action::Release { token } => {
                let process = self.processes.get_mut(&token).unwrap();
                assert!(process.end_told, "released before its end was known");
                assert!(process.ended, "released before it was judged");
                assert!(!std::mem::replace(&mut process.released, true), "released twice");
                self.slots.get_mut(&process.id).unwrap().token = None;
            }
            Action::Probe { .. } | Action::EndProbe { .. } => {}
            Action::Report(report) => self.note(report),
            Action::Leave(outcome) => {
                assert_eq!(self.left.replace(outcome), None, "left twice");
            }
        }
    }

    fn incarnation_of(&mut self, id: InstanceId, incarnation: u32) -> &mut Process {
        let token = self.slots[&id].token.expect("it holds a process");
        let process = self.processes.get_mut(&token).unwrap();
        assert_eq!((process.id, process.incarnation), (id, incarnation));
        process
    }
}
