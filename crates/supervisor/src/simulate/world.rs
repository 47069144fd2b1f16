//! A world that is made up: a clock that jumps, a kernel that does as it is told.
//!
//! ```text
//!   agenda (deeds, signs of life) ─┐                       ┌─▶ Spawn, Signal, Probe … answered at once
//!   the core's own timer ──────────┴▶ Supervision ─ actions ┴─▶ Report ─▶ story
//! ```
//!
//! Every start succeeds at once unless the scenario says otherwise, every process is ready after
//! its time, gives the signs of life its config asks for, passes its probes, and obeys the signal
//! that asks it to stop. All that is decided is decided by the same core that runs the daemon.

use super::books::{Books, Tally};
use super::scenario::{Act, Command, Deed, Fate, Fault, Scenario};
use hearken_core::action::{Action, Outcome, Report};
use hearken_core::evidence::{Ending, Said};
use hearken_core::identity::{InstanceId, Token, UnitIndex};
use hearken_core::instance::Standing;
use hearken_core::moment::Moment;
use hearken_core::policy::{Ready, Until};
use hearken_core::supervision::{Event, Plan, Supervision};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

/// A story longer than this is cut off: nobody reads it, and a loop without delay has no end.
pub(super) const STORY_MAX: usize = 100_000;

const SIGKILL: i32 = 9;
const SIGCONT: i32 = 18;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) at: Moment,
    pub(super) what: What,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum What {
    /// The core reports something, and this is what it costs.
    Told(Report, Option<Tally>),
    /// A process says something.
    Said(InstanceId, Deed),
    /// An operator commands something.
    Commanded(Command),
    /// A step of the scenario was about a process that was not there.
    Missed(InstanceId, Deed),
    /// The daemon ends.
    Left(Outcome),
}

/// How a simulation came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    /// Nothing more would happen by itself.
    Quiet,
    /// Its time was over.
    Time,
    /// Too much happened.
    Length,
}

#[derive(Debug)]
struct Process {
    id: InstanceId,
    alive: bool,
    /// When a probe finds it ready.
    ready_at: Moment,
}

/// What is on the agenda.
#[derive(Debug, Clone, Copy)]
enum Due {
    Ready(Token),
    SignOfLife(Token, Duration),
    Progress(Token, Duration),
    Step(usize),
    Deed(Token, usize),
}

impl Due {
    /// Whether something new may come of it: a sign of life changes nothing.
    fn moves(self) -> bool {
        !matches!(self, Self::SignOfLife(..) | Self::Progress(..))
    }
}

#[derive(Debug)]
pub(super) struct World {
    pub(super) core: Supervision,
    pub(super) now: Moment,
    pub(super) story: Vec<Entry>,
    pub(super) scenario: Scenario,
    processes: BTreeMap<Token, Process>,
    /// How many starts of each instance each fault has had.
    used: HashMap<(usize, InstanceId), u32>,
    agenda: BTreeMap<(Moment, u64), Due>,
    written: u64,
    /// How many of the agenda's items something new may come of.
    moves: usize,
    mail: VecDeque<Event>,
    last_pid: i32,
    books: Books,
    left: bool,
}

impl World {
    pub(super) fn new(plan: Plan, mut scenario: Scenario) -> Self {
        succeed_where_awaited(&plan, &mut scenario);
        let mut world = Self {
            core: Supervision::new(plan),
            now: Moment::START,
            story: Vec::new(),
            processes: BTreeMap::new(),
            used: HashMap::new(),
            agenda: BTreeMap::new(),
            written: 0,
            moves: 0,
            mail: VecDeque::new(),
            last_pid: 1000,
            books: Books::default(),
            left: false,
            scenario,
        };
        let steps: Vec<_> = world.scenario.steps.iter().map(|step| step.at).collect();
        for (index, at) in steps.into_iter().enumerate() {
            world.plan(Moment::at(at), Due::Step(index));
        }
        world
    }

    /// Lets everything happen, from the boot on.
    pub(super) fn run(&mut self) -> Cut {
        self.tell(Event::Boot);
        let end = Moment::at(self.scenario.length);
        loop {
            if self.left || self.is_quiet() {
                return Cut::Quiet;
            }
            if self.story.len() > STORY_MAX {
                return Cut::Length;
            }
            let planned = self.agenda.first_key_value().map(|((at, _), _)| *at);
            let timer = self.core.poll_timeout();
            let Some(next) = planned.into_iter().chain(timer).min() else { return Cut::Quiet };
            if next > end {
                self.now = end;
                return Cut::Time;
            }
            self.now = self.now.max(next);
            // What lies on a line is heard before a timer rings, as in the daemon.
            if planned == Some(next) {
                if let Some((_, due)) = self.agenda.pop_first() {
                    self.moves -= usize::from(due.moves());
                    self.happen(due);
                }
            } else {
                self.core.handle_timeout(self.now);
                self.deliver();
            }
        }
    }

    /// Whether nothing more would come of it: nothing is planned but signs of life, and everybody
    /// is up, or down for good.
    fn is_quiet(&self) -> bool {
        let rests = |standing| match standing {
            Standing::Ready | Standing::Down(_) | Standing::Held | Standing::Abandoned => true,
            Standing::Backoff | Standing::Starting { .. } | Standing::Stopping => false,
        };
        self.moves == 0 && self.core.instances().all(|it| rests(it.standing()))
    }

    fn plan(&mut self, at: Moment, due: Due) {
        self.written += 1;
        self.moves += usize::from(due.moves());
        self.agenda.insert((at, self.written), due);
    }

    fn happen(&mut self, due: Due) {
        let alive = |token: &Token| self.processes.get(token).is_some_and(|it| it.alive);
        match due {
            Due::Ready(token) if alive(&token) => {
                self.tell(Event::Said(token, Said::Hello));
                self.tell(Event::Said(token, Said::Ready));
            }
            Due::SignOfLife(token, period) if alive(&token) => {
                self.tell(Event::Said(token, Said::Alive));
                self.plan(self.now + period, due);
            }
            Due::Progress(token, period) if alive(&token) => {
                if let Some(process) = self.processes.get(&token) {
                    self.books.moves_on(process.id);
                }
                self.tell(Event::Said(token, Said::Working));
                self.plan(self.now + period, due);
            }
            Due::Deed(token, fault) if alive(&token) => self.suffer(token, fault),
            Due::Ready(_) | Due::SignOfLife(..) | Due::Progress(..) | Due::Deed(..) => {}
            Due::Step(index) => {
                let act = self.scenario.steps.get(index).map(|step| step.act.clone());
                if let Some(act) = act {
                    self.step(act);
                }
            }
        }
    }

    fn step(&mut self, act: Act) {
        match act {
            Act::Deed { who, deed, more, runs } => {
                if more > 0 {
                    let fate = Fate::Does { after: runs, deed: deed.clone() };
                    self.scenario.faults.push(Fault { who, times: more, fate });
                }
                let ids: Vec<_> = self.core.instances().map(|it| it.id()).collect();
                let in_use = self.core.policy(who.unit).map_or(0, |policy| policy.instances);
                for id in ids.into_iter().filter(|id| who.means(*id) && id.slot <= in_use) {
                    let running = self.processes.iter().find(|(_, it)| it.id == id && it.alive);
                    match running.map(|(token, _)| *token) {
                        Some(token) => self.act(token, id, &deed),
                        None => self.note(What::Missed(id, deed.clone())),
                    }
                }
            }
            Act::StartsFail { who, failure, times } => {
                let fate = Fate::StartFails(failure);
                self.scenario.faults.push(Fault { who, times, fate });
            }
            Act::Operator(command) => {
                self.note(What::Commanded(command));
                if let Command::Start(unit) | Command::Restart(unit) = command {
                    self.books.forgive(unit);
                }
                self.tell(command.event());
            }
        }
    }

    /// A process meets the fate that was written for it; one that runs on meets it again.
    fn suffer(&mut self, token: Token, fault: usize) {
        let Some(id) = self.processes.get(&token).map(|it| it.id) else { return };
        let Some(Fate::Does { after, deed }) =
            self.scenario.faults.get(fault).map(|fault| fault.fate.clone())
        else {
            return;
        };
        self.act(token, id, &deed);
        let lives = self.processes.get(&token).is_some_and(|it| it.alive);
        if lives && deed.end.is_none() && self.take_turn(fault, id) {
            self.plan(self.now + after.max(Duration::from_millis(1)), Due::Deed(token, fault));
        }
    }

    fn act(&mut self, token: Token, id: InstanceId, deed: &Deed) {
        if deed.error.is_some() || deed.intent.is_some() {
            self.note(What::Said(id, deed.clone()));
            self.books.moves_on(id);
            self.mail.push_back(Event::Said(token, Said::Hello));
        }
        if let Some(error) = &deed.error {
            self.mail.push_back(Event::Said(token, Said::Error(error.clone())));
        }
        if let Some(intent) = deed.intent {
            self.mail.push_back(Event::Said(token, Said::Exiting(intent)));
        }
        self.deliver();
        if let Some(end) = deed.end {
            self.die(token, end);
            self.deliver();
        }
    }

    /// The process is gone, and its line with it.
    fn die(&mut self, token: Token, ending: Ending) {
        let Some(process) = self.processes.get_mut(&token) else { return };
        if std::mem::replace(&mut process.alive, false) {
            self.mail.push_back(Event::Exited(token, ending));
            self.mail.push_back(Event::Drained(token));
        }
    }

    fn tell(&mut self, event: Event) {
        self.mail.push_back(event);
        self.deliver();
    }

    fn deliver(&mut self) {
        loop {
            self.perform();
            let Some(event) = self.mail.pop_front() else { return };
            self.core.handle(self.now, event);
        }
    }

    fn perform(&mut self) {
        while let Some(action) = self.core.poll_action() {
            match action {
                Action::Spawn { id, token, .. } => self.spawn(id, token),
                Action::Signal { signal: SIGCONT, .. }
                | Action::Drain { .. }
                | Action::EndProbe { .. } => {}
                Action::Signal { token, signal } => {
                    self.die(token, Ending::Killed { signal, core_dumped: false });
                }
                Action::KillTree { token } => {
                    self.die(token, Ending::Killed { signal: SIGKILL, core_dumped: false });
                }
                Action::Probe { token, number, .. } => {
                    let passed =
                        self.processes.get(&token).is_some_and(|it| it.ready_at <= self.now);
                    self.mail.push_back(Event::Probed(token, number, passed));
                }
                Action::Release { token } => {
                    self.processes.remove(&token);
                }
                Action::Report(report) => {
                    let tally = unit_of(&report)
                        .and_then(|unit| self.core.policy(unit))
                        .and_then(|policy| self.books.note(self.now, policy, &report));
                    self.note(What::Told(report, tally));
                }
                Action::Leave(outcome) => {
                    self.left = true;
                    self.note(What::Left(outcome));
                }
            }
        }
    }

    fn spawn(&mut self, id: InstanceId, token: Token) {
        let Some(policy) = self.core.policy(id.unit) else { return };
        let (ready, limit) = (policy.ready, policy.restart.limit);
        let signs = (policy.watchdog, policy.progress_timeout);
        self.books.spawned(self.now, id, limit);
        let fault = (0..self.scenario.faults.len()).find(|fault| self.take_turn(*fault, id));
        let fate = fault.and_then(|fault| self.scenario.faults.get(fault)).map(|it| &it.fate);
        let does = match fate {
            Some(Fate::StartFails(failure)) => {
                self.mail.push_back(Event::SpawnFailed(token, *failure));
                return;
            }
            Some(Fate::Does { after, .. }) => Some(*after),
            None => None,
        };
        let ready_after = self.scenario.ready_after.get(id.unit.0 as usize).copied();
        let ready_at = self.now + ready_after.unwrap_or_default();
        self.processes.insert(token, Process { id, alive: true, ready_at });
        self.last_pid = self.last_pid.checked_add(1).unwrap_or(1001);
        self.mail.push_back(Event::Spawned(token, self.last_pid));
        // Who lives no longer than it takes to be ready never gets ready.
        if let (Some(after), Some(fault)) = (does, fault) {
            self.plan(self.now + after, Due::Deed(token, fault));
        }
        if ready == Ready::Said {
            self.plan(ready_at, Due::Ready(token));
        }
        if let Some(watchdog) = signs.0 {
            let period = (watchdog / 2).max(Duration::from_millis(1));
            self.plan(self.now + period, Due::SignOfLife(token, period));
        }
        if let Some(progress) = signs.1 {
            let period = (progress / 2).max(Duration::from_millis(1));
            self.plan(self.now + period, Due::Progress(token, period));
        }
    }

    /// Whether this fault is still to meet this instance; if so, it has met it once more.
    fn take_turn(&mut self, fault: usize, id: InstanceId) -> bool {
        let Some(it) = self.scenario.faults.get(fault) else { return false };
        let times = it.times;
        if !it.who.means(id) {
            return false;
        }
        let used = self.used.entry((fault, id)).or_default();
        let has_turn = *used < times;
        *used += u32::from(has_turn);
        has_turn
    }

    fn note(&mut self, what: What) {
        self.story.push(Entry { at: self.now, what });
    }
}

/// A oneshot that others wait for does its work and succeeds, or nobody would ever see what comes
/// after it.
fn succeed_where_awaited(plan: &Plan, scenario: &mut Scenario) {
    let after = plan.units.iter().flat_map(|unit| &unit.after);
    let mut awaited: Vec<UnitIndex> =
        after.filter(|after| after.until == Until::Succeeded).map(|after| after.unit).collect();
    awaited.sort_unstable();
    awaited.dedup();
    for unit in awaited {
        let ready_after = scenario.ready_after.get(unit.0 as usize).copied();
        let deed = Deed { end: Some(Ending::Exited(0)), ..Deed::default() };
        scenario.faults.push(Fault {
            who: super::scenario::Who { unit, slot: None },
            times: u32::MAX,
            fate: Fate::Does { after: ready_after.unwrap_or_default(), deed },
        });
    }
}

/// The unit a report is about, if it is about one.
pub(super) fn unit_of(report: &Report) -> Option<UnitIndex> {
    match report {
        Report::Waiting { unit, .. } | Report::Paused { unit, .. } => Some(*unit),
        Report::Started { id, .. }
        | Report::Ready { id, .. }
        | Report::Stopping { id, .. }
        | Report::Killing { id, .. }
        | Report::LineLost { id, .. }
        | Report::Reacted { id, .. }
        | Report::Reloading { id }
        | Report::Reloaded { id, .. }
        | Report::Ended { id, .. }
        | Report::Abandoned { id, .. }
        | Report::EndedLate { id, .. } => Some(id.unit),
        Report::GroupRestarting { .. }
        | Report::GroupFailed { .. }
        | Report::Stalled { .. }
        | Report::ShuttingDown { .. }
        | Report::Idle => None,
    }
}
