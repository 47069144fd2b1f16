//! A fake fork server, a fake kernel and a clock that jumps.
//!
//! Whatever a test does, the laws that hold for every history are checked on every action: one
//! process per instance, no signal to a process that was reaped, one polite request and one kill
//! per stop, one end per start, no start without a reason, before its time or before what it comes
//! after, one probe at a time, nothing after the leave.

mod groups;
mod laws;
mod plan;
mod probes;
mod process;
mod trace;

pub(crate) use plan::*;
pub(crate) use probes::Probes;
pub(crate) use process::{Forks, Manners, Process};
pub(crate) use trace::Trace;

use groups::GroupBook;
use laws::{Hand, Slot};

use hearken_core::action::{Action, Outcome, Report};
use hearken_core::evidence::{Ending, Evidence, Said, SpawnFailure, StopCause, TypedError};
use hearken_core::gate::StartRate;
use hearken_core::identity::{GroupIndex, InstanceId, Token, UnitIndex};
use hearken_core::instance::Standing;
use hearken_core::judge::{DecidedBy, Judgement, Next};
use hearken_core::moment::Moment;
use hearken_core::policy::UnitPolicy;
use hearken_core::supervision::{Event, Plan, Supervision, WhenIdle};
use hearken_core::unit::Going;
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::fmt;
use std::time::Duration;

pub(crate) struct World {
    pub(crate) core: Supervision,
    pub(crate) now: Moment,
    pub(crate) forks: Forks,
    pub(crate) manners: Manners,
    pub(crate) probes: Probes,
    /// Every new process says that it is ready.
    pub(crate) healthy: bool,
    /// Reports and actions are kept, for a test to look at.
    pub(crate) keeps: bool,
    /// Where every input and every action is written down.
    pub(crate) trace: Trace,
    pub(crate) processes: BTreeMap<Token, Process>,
    pub(crate) reports: Vec<(Moment, Report)>,
    pub(crate) spawns: Vec<(Moment, InstanceId)>,
    pub(crate) actions: Vec<Action>,
    pub(crate) left: Option<Outcome>,
    /// Who was asked to stop, and why, since somebody last looked.
    pub(crate) blamed: Vec<(Token, StopCause)>,
    /// When a stall was last noticed.
    pub(crate) stalled_at: Moment,
    /// The shutdown has begun.
    pub(crate) shuts_down: bool,
    /// What an operator last said of each unit that was ever told anything: up or down.
    wishes: HashMap<UnitIndex, bool>,
    slots: HashMap<InstanceId, Slot>,
    groups: Vec<GroupBook>,
    /// No automatic start of this unit before.
    paused: HashMap<UnitIndex, Moment>,
    /// How every unit was going before the input that is being taken in.
    going: Vec<Going>,
    /// Units that were suspended and went on.
    resumed: HashSet<UnitIndex>,
    /// Who was started by that input, and whether nobody had a hand in it.
    spawned: Vec<(InstanceId, bool)>,
}

impl fmt::Debug for World {
    /// What a failing history needs to be read: the plan, one line a unit.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for unit in (0..).map_while(|unit| self.core.policy(UnitIndex(unit))) {
            write!(f, "\n  {unit:?}")?;
        }
        for group in (0..).map_while(|group| self.core.group(GroupIndex(group))) {
            write!(f, "\n  {group:?}")?;
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
        Self::planned(Plan { units, groups: Vec::new(), starts, when_idle, seed })
    }

    pub(crate) fn planned(plan: Plan) -> Self {
        Self {
            groups: plan.groups.iter().cloned().map(GroupBook::new).collect(),
            core: Supervision::new(plan),
            now: Moment::at(s(100)),
            forks: Forks::AtOnce,
            manners: Manners::Obeys,
            probes: Probes::Never,
            healthy: false,
            keeps: true,
            trace: Trace::none(),
            processes: BTreeMap::new(),
            reports: Vec::new(),
            spawns: Vec::new(),
            actions: Vec::new(),
            left: None,
            blamed: Vec::new(),
            stalled_at: Moment::START,
            shuts_down: false,
            wishes: HashMap::new(),
            slots: HashMap::new(),
            paused: HashMap::new(),
            going: Vec::new(),
            resumed: HashSet::new(),
            spawned: Vec::new(),
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
        self.trace.input(self.now, &"the timer rings");
        self.remember_going();
        self.core.handle_timeout(self.now);
        self.drain(Hand::Nobody);
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
        self.trace.input(self.now, &event);
        let hand = self.expect(&event);
        self.remember_going();
        self.core.handle(self.now, event);
        self.drain(hand);
    }

    /// Tells the core what can only be history to it.
    pub(crate) fn feed_stale(&mut self, event: Event) {
        self.trace.input(self.now, &("history", &event));
        self.remember_going();
        self.core.handle(self.now, event);
        while let Some(action) = self.core.poll_action() {
            let idle = matches!(action, Action::Report(Report::Stalled { .. }));
            assert!(idle, "{action:?} came of history");
            self.perform(action, Hand::Nobody);
        }
    }

    /// Delivers what kernel and lines have to tell, until there is nothing more.
    pub(crate) fn deliver(&mut self) {
        while let Some(event) = self.processes.values_mut().find_map(Process::next_event) {
            self.feed(event);
        }
    }

    fn drain(&mut self, hand: Hand) {
        while let Some(action) = self.core.poll_action() {
            self.trace.action(&action);
            if self.keeps {
                self.actions.push(action.clone());
            }
            self.perform(action, hand);
        }
        self.core.assert_books_are_right();
        self.check_what_followed();
    }

    fn perform(&mut self, action: Action, hand: Hand) {
        let told = matches!(action, Action::Report(_) | Action::Leave(_) | Action::Release { .. });
        assert!(told || self.left.is_none(), "{action:?} after the leave");
        match action {
            Action::Spawn { id, token, incarnation } => {
                let by_itself = self.check_spawn(id, token, incarnation, hand);
                self.spawns.push((self.now, id));
                self.spawned.push((id, by_itself));
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
                    answers: VecDeque::new(),
                    probe: None,
                    last_probe: 0,
                    looked_at: self.now,
                    heard_at: self.now,
                    worked_at: self.now,
                    period: None,
                    reason: None,
                    verdict: None,
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
                assert_eq!(process.probe, None, "released with a probe under way");
                assert!(!std::mem::replace(&mut process.released, true), "released twice");
                self.slots.get_mut(&process.id).unwrap().token = None;
            }
            Action::Probe { token, purpose, number } => self.start_probe(token, purpose, number),
            Action::EndProbe { token, number } => self.end_probe(token, number),
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
