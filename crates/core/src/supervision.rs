//! All units together: who starts after whom, who stops before whom, and when it is over.
//!
//! ```text
//!   Boot ─▶ Running ── Shutdown, a critical unit failed ─▶ ShuttingDown ── nothing active ─▶ Left
//!              └──────────── everything down for good (when_idle = "exit") ──────────────────▲
//! ```
//!
//! The shell uses five verbs: [`Supervision::handle`], [`Supervision::handle_timeout`],
//! [`Supervision::poll_timeout`], [`Supervision::poll_action`] and [`Supervision::standing`].

mod close;
mod dependency;
mod group;
mod order;
mod recount;
mod stall;

pub(crate) use stall::SECOND_LOOK;
pub use stall::STALL;

use crate::action::{Action, Outcome, Report};
use crate::evidence::{Ending, Said, SpawnFailure, StopCause};
use crate::gate::{StartGate, StartRate};
use crate::identity::{InstanceId, Token, UnitIndex};
use crate::instance::{self, Consequence, Context, Instance, Rest, Standing};
use crate::jitter::Jitter;
use crate::moment::Moment;
use crate::policy::{GroupPolicy, UnitPolicy};
use crate::unit::{Going, Unit};
use group::Group;
use std::collections::{BTreeSet, HashMap, VecDeque};

/// What the shell tells the core.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Start everything.
    Boot,
    /// An operator wants this unit to run.
    Start(UnitIndex),
    /// An operator wants this unit down.
    Stop(UnitIndex),
    /// An operator wants the processes of this unit replaced.
    Restart(UnitIndex),
    /// An operator wants so many instances of this unit: 1 to
    /// [`INSTANCES_MAX`](crate::policy::INSTANCES_MAX); any other number changes nothing.
    Scale(UnitIndex, u32),
    /// A pool needs a process in this slot. Where its unit does not run, nothing happens: see
    /// [`Supervision::standing`].
    Call(InstanceId),
    /// A pool wants the process of this slot gone, asked first or killed.
    Dismiss {
        /// Which slot.
        id: InstanceId,
        /// Why.
        cause: StopCause,
        /// Without asking first.
        kill: bool,
    },
    /// Stop everything, dependents first.
    Shutdown,
    /// Stop everything, now and by force.
    ShutdownNow,
    /// The program of this spawn runs, with this pid.
    Spawned(Token, i32),
    /// This spawn failed.
    SpawnFailed(Token, SpawnFailure),
    /// The child said something.
    Said(Token, Said),
    /// The child broke the protocol of its line.
    Violated(Token),
    /// The child's line is at its end, while it may still run.
    LineClosed(Token),
    /// The child's line and outputs are at their end.
    Drained(Token),
    /// The probe of this number passed, or failed.
    Probed(Token, u32, bool),
    /// The child was reaped.
    Exited(Token, Ending),
}

/// What the supervisor does when every unit is down for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenIdle {
    /// It ends.
    Exit,
    /// It stays, for an operator to start something.
    Stay,
}

/// What the supervision rests on.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The units, by their index.
    pub units: Vec<UnitPolicy>,
    /// The groups that restart together, by their index.
    pub groups: Vec<GroupPolicy>,
    /// The shared rate limit of automatic restarts.
    pub starts: StartRate,
    /// What happens when nothing is left to run.
    pub when_idle: WhenIdle,
    /// Where jitter comes from.
    pub seed: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// `idle` once it was told that nothing runs; from the start until the boot nothing is to be told.
    Running {
        idle: bool,
    },
    ShuttingDown(Outcome),
    Left,
}

/// Something happened to an instance that may concern others.
#[derive(Debug)]
struct Change {
    id: InstanceId,
    /// It failed for good.
    failed: bool,
    /// It was up, and is no more; but one that ended by itself and did what it was there for is not
    /// lost to anybody.
    lost: bool,
    consequences: Vec<Consequence>,
}

/// All units together.
#[derive(Debug)]
pub struct Supervision {
    units: Vec<Unit>,
    /// For each unit, the units that come after it.
    dependents: Vec<Vec<UnitIndex>>,
    groups: Vec<Group>,
    phase: Phase,
    when_idle: WhenIdle,
    tokens: HashMap<Token, InstanceId>,
    timers: BTreeSet<(Moment, InstanceId)>,
    gate: StartGate,
    jitter: Jitter,
    last_token: u64,
    active: u32,
    abandoned: u32,
    actions: VecDeque<Action>,
    /// Instances that stand somewhere else than before, or of which something follows for others:
    /// not yet looked at.
    changed: VecDeque<Change>,
    /// Why the daemon has to go down, not yet followed.
    fatal: Option<Outcome>,
    /// When it was last seen that a timer came late.
    late_at: Option<Moment>,
}

impl Supervision {
    /// A supervision of `plan` in which nothing runs yet.
    #[must_use]
    pub fn new(plan: Plan) -> Self {
        let mut dependents = vec![Vec::new(); plan.units.len()];
        let mut units = Vec::with_capacity(plan.units.len());
        for (index, policy) in (0..).map(UnitIndex).zip(plan.units) {
            for after in &policy.after {
                if let Some(list) = dependents.get_mut(after.unit.0 as usize) {
                    list.push(index);
                }
            }
            units.push(Unit::new(index, policy));
        }
        Self {
            units,
            dependents,
            groups: plan.groups.into_iter().map(Group::new).collect(),
            phase: Phase::Running { idle: true },
            when_idle: plan.when_idle,
            tokens: HashMap::new(),
            timers: BTreeSet::new(),
            gate: StartGate::new(plan.starts),
            jitter: Jitter::new(plan.seed),
            last_token: 0,
            active: 0,
            abandoned: 0,
            actions: VecDeque::new(),
            changed: VecDeque::new(),
            fatal: None,
            late_at: None,
        }
    }

    /// Takes in one event. An event of a token that is no more is dropped: it is history.
    pub fn handle(&mut self, now: Moment, event: Event) {
        use instance::Event as To;
        self.notice_stall(now);
        match event {
            Event::Boot => self.boot(now),
            Event::Start(unit) => {
                if let Phase::Running { .. } = self.phase {
                    self.start(now, unit, &To::Start);
                }
            }
            Event::Stop(unit) => {
                if let Some(it) = self.unit_mut(unit) {
                    it.going = Going::Off;
                    self.tell_all(now, unit, &To::Stop(StopCause::Operator));
                    self.advance_group(now, unit);
                }
            }
            Event::Restart(unit) => {
                if let Phase::Running { .. } = self.phase {
                    self.start(now, unit, &To::Restart);
                }
            }
            Event::Scale(unit, instances) => self.scale(now, unit, instances),
            Event::Call(id) => {
                let going = self.units.get(id.unit.0 as usize).map(|unit| unit.going);
                if matches!(self.phase, Phase::Running { .. }) && going == Some(Going::On) {
                    self.tell(now, id, To::Call);
                }
            }
            Event::Dismiss { id, cause, kill } => self.tell(now, id, To::Dismiss { cause, kill }),
            Event::Shutdown => self.shut_down(now, None),
            Event::ShutdownNow => {
                self.shut_down(now, None);
                for unit in self.indices() {
                    self.tell_all(now, unit, &To::Stop(StopCause::Shutdown));
                    self.tell_all(now, unit, &To::Kill);
                }
            }
            Event::Spawned(token, pid) => self.tell_token(now, token, To::Spawned(pid)),
            Event::SpawnFailed(token, failure) => {
                // Nothing is started again on the way down, whoever still has to stop before it.
                if let Phase::ShuttingDown(_) = self.phase {
                    self.tell_token(now, token, To::Stop(StopCause::Shutdown));
                }
                self.tell_token(now, token, To::SpawnFailed(failure));
            }
            Event::Said(token, said) => self.tell_token(now, token, To::Said(said)),
            Event::Violated(token) => self.tell_token(now, token, To::Violated),
            Event::LineClosed(token) => self.tell_token(now, token, To::LineClosed),
            Event::Drained(token) => self.tell_token(now, token, To::Drained),
            Event::Probed(token, number, passed) => {
                self.tell_token(now, token, To::Probed(number, passed));
            }
            Event::Exited(token, ending) => self.tell_token(now, token, To::Exited(ending)),
        }
        self.follow(now);
        self.conclude();
    }

    /// Takes in that it is `now`: everything due by then happens, unless that is so late that what
    /// the children did in the meantime has to be heard first.
    pub fn handle_timeout(&mut self, now: Moment) {
        self.notice_stall(now);
        if self.poll_timeout().is_some_and(|due| due <= now) && !self.looks_again(now) {
            while let Some((due, id)) = self.timers.first().copied() {
                if due > now {
                    break;
                }
                let before = self.standing(id);
                self.tell(now, id, instance::Event::Due);
                debug_assert!(
                    self.timers.first() != Some(&(due, id)) || self.standing(id) != before,
                    "{id:?} would ring for ever",
                );
                self.follow(now);
            }
        }
        self.conclude();
    }

    /// When [`Supervision::handle_timeout`] wants to be called.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Moment> {
        self.timers.first().map(|(due, _)| self.not_before_heard(*due))
    }

    /// The next thing to do.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// Where an instance stands.
    #[must_use]
    pub fn standing(&self, id: InstanceId) -> Option<Standing> {
        self.instance(id).map(Instance::standing)
    }

    /// Every slot of every unit.
    pub fn instances(&self) -> impl Iterator<Item = &Instance> {
        self.units.iter().flat_map(|unit| &unit.instances)
    }

    /// One unit as a whole.
    #[must_use]
    pub fn unit(&self, unit: UnitIndex) -> Option<&Unit> {
        self.units.get(unit.0 as usize)
    }

    /// How many instances have a process, or one to come.
    #[must_use]
    pub fn active(&self) -> u32 {
        self.active
    }

    /// What the config asks of a unit.
    #[must_use]
    pub fn policy(&self, unit: UnitIndex) -> Option<&UnitPolicy> {
        self.units.get(unit.0 as usize).map(|unit| &unit.policy)
    }

    fn indices(&self) -> impl Iterator<Item = UnitIndex> + use<> {
        (0..u32::try_from(self.units.len()).unwrap_or(u32::MAX)).map(UnitIndex)
    }

    fn unit_mut(&mut self, unit: UnitIndex) -> Option<&mut Unit> {
        self.units.get_mut(unit.0 as usize)
    }

    fn instance(&self, id: InstanceId) -> Option<&Instance> {
        self.units.get(id.unit.0 as usize)?.instances.get((id.slot as usize).checked_sub(1)?)
    }

    fn report(&mut self, report: Report) {
        self.actions.push_back(Action::Report(report));
    }

    /// Draws the conclusions from what [`Supervision::tell`] changed, and from what they change.
    fn follow(&mut self, now: Moment) {
        loop {
            if let Some(outcome) = self.fatal.take() {
                self.shut_down(now, Some(outcome));
            }
            let Some(change) = self.changed.pop_front() else { return };
            for consequence in &change.consequences {
                self.carry_out(now, change.id, *consequence);
            }
            self.look_around(now, &change);
            self.start_what_is_due(now, change.id);
        }
    }

    /// What an end means for more than its instance.
    fn carry_out(&mut self, now: Moment, id: InstanceId, consequence: Consequence) {
        if !matches!(self.phase, Phase::Running { .. }) {
            return;
        }
        match consequence {
            Consequence::Pause(until) => self.pause(now, id.unit, until),
            Consequence::FailUnit => self.fail_unit(now, id.unit),
            Consequence::LimitReached => {
                self.fatal.get_or_insert(Outcome::LimitReached(id.unit));
            }
            Consequence::RuleShutDown => {
                self.fatal.get_or_insert(Outcome::RuleShutDown(id.unit));
            }
            Consequence::Restarts => self.restart_group(now, id),
        }
    }

    fn pause(&mut self, now: Moment, index: UnitIndex, until: Moment) {
        let Some(unit) = self.unit_mut(index) else { return };
        if until > unit.paused_until && until > now {
            unit.paused_until = until;
            self.report(Report::Paused { unit: index, length: until.since(now) });
        }
    }

    /// A restart without delay waits for nothing but its turn here.
    fn start_what_is_due(&mut self, now: Moment, id: InstanceId) {
        let due = self.instance(id).is_some_and(|it| it.due() <= now);
        if due && self.standing(id) == Some(Standing::Backoff) {
            self.tell(now, id, instance::Event::Due);
        }
    }

    fn tell_token(&mut self, now: Moment, token: Token, event: instance::Event) {
        if let Some(id) = self.tokens.get(&token) {
            self.tell(now, *id, event);
        }
    }

    fn tell_all(&mut self, now: Moment, unit: UnitIndex, event: &instance::Event) {
        let Some(it) = self.units.get(unit.0 as usize) else { return };
        let ids: Vec<_> = it.instances.iter().map(Instance::id).collect();
        for id in ids {
            self.tell(now, id, event.clone());
        }
    }

    fn tell_in_use(&mut self, now: Moment, unit: UnitIndex, event: &instance::Event) {
        let Some(it) = self.units.get(unit.0 as usize) else { return };
        let ids: Vec<_> = it.in_use().map(Instance::id).collect();
        for id in ids {
            self.tell(now, id, event.clone());
        }
    }

    fn tell_those_to_run(&mut self, now: Moment, unit: UnitIndex, event: &instance::Event) {
        let Some(it) = self.units.get(unit.0 as usize) else { return };
        let ids: Vec<_> = it.to_run().map(Instance::id).collect();
        for id in ids {
            self.tell(now, id, event.clone());
        }
    }

    /// The one place where an instance is touched: it keeps timers, tokens and counts true.
    fn tell(&mut self, now: Moment, id: InstanceId, event: instance::Event) {
        let comes_down = self.comes_down_first(id.unit);
        let Some(unit) = self.units.get_mut(id.unit.0 as usize) else { return };
        let Some(it) = (id.slot as usize).checked_sub(1).and_then(|i| unit.instances.get_mut(i))
        else {
            return;
        };
        let (due, token, standing) = (it.due(), it.token(), it.standing());
        let was_unjudged = it.is_unjudged();
        let mut consequences = Vec::new();
        let mut cx = Context {
            now,
            policy: &unit.policy,
            gate: &mut self.gate,
            jitter: &mut self.jitter,
            last_token: &mut self.last_token,
            actions: &mut self.actions,
            paused_until: unit.paused_until,
            hold: comes_down || matches!(unit.going, Going::Suspended | Going::Held),
            consequences: &mut consequences,
        };
        it.handle(event, &mut cx);
        let (new_due, new_token, new_standing) = (it.due(), it.token(), it.standing());
        let finished = new_standing == Standing::Down(Rest::Finished);
        let lost = (standing.is_up() || was_unjudged)
            && !(new_standing.is_up() || it.is_unjudged() || was_unjudged && finished);
        retime(&mut self.timers, id, due, new_due);
        if new_token != token {
            if let Some(token) = token {
                self.tokens.remove(&token);
            }
            if let Some(token) = new_token {
                self.tokens.insert(token, id);
            }
        }
        if new_standing == standing && consequences.is_empty() && !lost {
            return;
        }
        let change = (standing.is_active(), new_standing.is_active());
        if change == (false, true) {
            unit.active += 1;
            self.active += 1;
        } else if change == (true, false) {
            unit.active -= 1;
            self.active -= 1;
        }
        let change = (standing == Standing::Abandoned, new_standing == Standing::Abandoned);
        if change == (true, false) {
            self.abandoned -= 1;
        } else if change == (false, true) {
            self.abandoned += 1;
        }
        let failed = new_standing == Standing::Down(Rest::Failed) && new_standing != standing;
        if failed && unit.policy.critical {
            self.fatal.get_or_insert(Outcome::CriticalFailed(id.unit));
        }
        self.changed.push_back(Change { id, failed, lost, consequences });
    }
}

/// Keeps the index of timers true when what is due at `old` is due at `new`.
fn retime(timers: &mut BTreeSet<(Moment, InstanceId)>, id: InstanceId, old: Moment, new: Moment) {
    if new != old {
        timers.remove(&(old, id));
        if new != Moment::NEVER {
            timers.insert((new, id));
        }
    }
}
