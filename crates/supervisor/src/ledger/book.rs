//! The loop's side of the ledger: what it is told becomes records, and once a round they are handed
//! to the writer.

use super::CURRENT;
use super::core::{cut, ns};
use super::file::LedgerFile;
use super::history::History;
use super::kept::UnitShape;
use super::note::{name, note};
use super::queue::Queue;
use super::record::{Fact, Life, Record, Supervisor, time};
use super::standing::{Standings, Stands, State};
use super::writer::{Stamp, Writer};
use crate::clock::Clock;
use crate::events::LedgerCut;
use crate::report::Teller;
use crate::state_directory::StateError;
use hearken_core::action::Report;
use hearken_core::evidence::StopCause;
use hearken_core::identity::{InstanceId, UnitIndex};
use hearken_core::instance::{Rest, Standing};
use hearken_core::moment::Moment;
use hearken_core::policy::OnDependencyRestart;
use jiff::Timestamp;
use std::collections::{BTreeSet, HashMap};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// How much of the reason of a probe is kept, in bytes.
const REASON_MAX: usize = 256;

/// The ledger of the running supervisor.
#[derive(Debug)]
pub(crate) struct Ledger {
    stamp: Stamp,
    supervisor: Supervisor,
    standings: Standings,
    history: History,
    batch: Vec<Arc<Record>>,
    /// What is known of processes beside what the core knows, until they are judged.
    asides: HashMap<InstanceId, Aside>,
    /// Instances that are down and may come to stay so without an end of their own.
    loose: BTreeSet<InstanceId>,
    /// Something happened that can have such a consequence.
    look: bool,
    /// One of them is held: who starts, or is ready, may let it go.
    holds: bool,
    queue: Arc<Queue>,
    /// None, if nothing is to be left behind.
    writer: Option<Writer>,
}

/// What explains an end and decides nothing.
#[derive(Debug, Default)]
struct Aside {
    /// The last lines of standard error.
    stderr: Box<[Box<str>]>,
    /// Why the last probe that failed did so.
    probe: Option<Box<str>>,
}

/// What a ledger says of the supervisor it belongs to.
#[derive(Debug)]
pub(crate) struct Origin<'a> {
    /// The config file.
    pub(crate) config: &'a Path,
    /// Every unit and how many instances it has.
    pub(crate) units: Vec<(Arc<str>, u32)>,
}

impl Ledger {
    /// Opens the ledger in the state directory, mends its end, and begins a life in it. Without a
    /// directory it is kept nowhere.
    ///
    /// # Errors
    /// If it cannot be opened: a supervisor that cannot say why is not begun.
    pub(crate) fn open(
        directory: Option<&Path>,
        clock: Clock,
        origin: Origin<'_>,
    ) -> Result<Self, StateError> {
        let path = directory.map(|directory| directory.join(CURRENT)).unwrap_or_default();
        let unusable = |error| StateError::Unusable { path: path.clone(), error };
        let opened = directory.map(LedgerFile::open).transpose().map_err(unusable)?;
        let (file, cut) = opened.map_or((None, 0), |(file, cut)| (Some(file), cut));
        let life = Life(RandomState::new().build_hasher().finish());
        let stamp = Stamp { clock, life };
        let units = origin.units.into_iter();
        let supervisor = Supervisor {
            version: env!("CARGO_PKG_VERSION").into(),
            pid: i32::try_from(std::process::id()).unwrap_or_default(),
            config: origin.config.to_string_lossy().into(),
            started: time::now(),
            units: units.map(|(name, instances)| UnitShape { name, instances }).collect(),
        };
        let queue = Arc::new(Queue::default());
        let start = |file| Writer::start(Arc::clone(&queue), file, stamp);
        let writer = file.map(start).transpose().map_err(unusable)?;
        let mut ledger = Self {
            stamp,
            supervisor,
            standings: Standings::default(),
            history: History::default(),
            batch: Vec::new(),
            asides: HashMap::new(),
            loose: BTreeSet::new(),
            look: false,
            holds: false,
            queue,
            writer,
        };
        if cut > 0 {
            LedgerCut { path: &path.to_string_lossy(), bytes: cut }.emit();
            ledger.add(stamp.record(Fact::TailCut { bytes: cut }));
        }
        let begin = Fact::SupervisorStarted(Box::new(ledger.supervisor.clone()));
        ledger.add(stamp.record(begin));
        ledger.hand_over();
        Ok(ledger)
    }

    /// What its process last wrote to standard error, before it is judged.
    pub(crate) fn last_words(&mut self, id: InstanceId, lines: Box<[Box<str>]>) {
        if !lines.is_empty() {
            self.asides.entry(id).or_default().stderr = lines;
        }
    }

    /// A probe of its process failed, for this reason.
    pub(crate) fn probe_failed(&mut self, id: InstanceId, reason: &str) {
        self.asides.entry(id).or_default().probe = Some(cut(reason, REASON_MAX));
    }

    /// Takes in what the core reported this round.
    pub(crate) fn note(&mut self, reports: &[Report], names: &Teller<'_>) {
        if reports.is_empty() {
            return;
        }
        let (wall, at) = (time::now(), self.stamp.clock.now());
        for report in reports {
            let (unit, instance, mut fact) = note(report, names);
            if let (Fact::Ended(ended), Some(unit), Some(slot)) = (&mut fact, unit, instance) {
                let aside = self.asides.remove(&InstanceId { unit, slot }).unwrap_or_default();
                (ended.evidence.stderr, ended.evidence.probe) = (aside.stderr, aside.probe);
            }
            self.watch(report);
            self.add(self.of(wall, at, names, unit, instance, fact));
        }
        self.look_at_the_loose(wall, at, names);
    }

    /// A signal stopped a process (`Some`), or it runs again.
    pub(crate) fn suspended(&mut self, unit: &Arc<str>, instance: u32, signal: Option<i32>) {
        let fact = signal.map_or(Fact::Resumed, |signal| Fact::Suspended { signal });
        let (unit, instance) = (Some(Arc::clone(unit)), Some(instance));
        self.add(Record { unit, instance, ..self.stamp.record(fact) });
    }

    /// Hands what was noted to the writer: at most one wake-up. To be called once a round.
    pub(crate) fn hand_over(&mut self) {
        if self.writer.is_none() {
            return self.batch.clear();
        }
        let snapshot = self.queue.take_wish().then(|| self.snapshot());
        if !self.batch.is_empty() || snapshot.is_some() {
            self.queue.push(&mut self.batch, snapshot);
            // A burst is no reason to keep its room for good.
            self.batch.shrink_to(64);
        }
    }

    /// It is over, and in good order. Waits until all is written, two seconds at most.
    pub(crate) fn finish(mut self, exit_code: u8, because: Option<&str>) {
        let because = because.map(Into::into);
        self.add(self.stamp.record(Fact::SupervisorStopped { exit_code, because }));
        self.hand_over();
        self.queue.close();
        if let Some(writer) = self.writer {
            writer.wait();
        }
    }

    /// The last ends of an instance, oldest first.
    #[expect(dead_code, reason = "the control socket will ask for them")]
    pub(crate) fn ends(&self, unit: &Arc<str>, instance: u32) -> impl Iterator<Item = &Record> {
        self.history.of(unit, instance).map(|record| &**record)
    }

    fn add(&mut self, record: Record) {
        let record = Arc::new(record);
        self.standings.apply(&record);
        if let Fact::Ended(_) = record.fact {
            self.history.keep(&record);
        }
        self.batch.push(record);
    }

    fn of(
        &self,
        wall: Timestamp,
        at: Moment,
        names: &Teller<'_>,
        unit: Option<UnitIndex>,
        instance: Option<u32>,
        fact: Fact,
    ) -> Record {
        let unit = unit.map(|unit| name(names, unit));
        let at_ns = ns(at.since_start());
        Record { time: wall, at_ns, life: self.stamp.life, unit, instance, fact }
    }

    /// A snapshot: who writes, and where every instance stands that is not as it was at the start.
    fn snapshot(&self) -> Vec<Arc<Record>> {
        let head = self.stamp.record(Fact::Snapshot(Box::new(self.supervisor.clone())));
        let mut records = vec![Arc::new(head.clone())];
        for (unit, instance, stands) in self.standings.all() {
            if stands.state == State::New && stands.last_end.is_none() {
                continue;
            }
            let (unit, instance) = (Some(Arc::clone(unit)), Some(instance));
            let fact = Fact::Stands(Box::new(stands.clone()));
            records.push(Arc::new(Record { unit, instance, fact, ..head.clone() }));
        }
        records
    }

    /// Remembers who is down and not for good: a stop for the sake of others ends that without a
    /// word of the core.
    fn watch(&mut self, report: &Report) {
        match report {
            Report::Ended { id, judgement, restart_in, .. } => {
                self.look = true;
                let held = judgement.next == hearken_core::judge::Next::Held;
                self.holds |= held;
                if restart_in.is_some() || held {
                    self.loose.insert(*id);
                }
            }
            Report::Started { id, .. } => {
                self.asides.remove(id);
                self.loose.remove(id);
                self.look |= self.holds;
            }
            Report::Ready { .. } => self.look |= self.holds,
            Report::Stopping { .. }
            | Report::Killing { .. }
            | Report::GroupRestarting { .. }
            | Report::GroupFailed { .. }
            | Report::Waiting { .. }
            | Report::ShuttingDown { .. } => self.look = true,
            Report::LineLost { .. }
            | Report::Reacted { .. }
            | Report::Reloading { .. }
            | Report::Reloaded { .. }
            | Report::Paused { .. }
            | Report::Abandoned { .. }
            | Report::EndedLate { .. }
            | Report::Stalled { .. }
            | Report::Idle => {}
        }
    }

    /// Sees whether any of them came to stand elsewhere.
    fn look_at_the_loose(&mut self, wall: Timestamp, at: Moment, names: &Teller<'_>) {
        if !std::mem::take(&mut self.look) || self.loose.is_empty() {
            return;
        }
        let mut moved = Vec::new();
        self.holds = false;
        for id in &self.loose {
            let Some(standing) = names.supervision.standing(*id) else { continue };
            let stands = self.standings.get(&name(names, id.unit), id.slot);
            let Some(stands) = stands else { continue };
            let state = match standing {
                Standing::Down(Rest::Failed) => State::Failed,
                Standing::Down(Rest::Stopped | Rest::New) => State::Stopped,
                Standing::Down(Rest::Finished) => State::Finished,
                Standing::Held => State::Held,
                Standing::Backoff => State::Restarting,
                Standing::Starting { .. }
                | Standing::Ready
                | Standing::Stopping
                | Standing::Abandoned => continue,
            };
            self.holds |= state == State::Held;
            if state != stands.state {
                moved.push((*id, self.came_to(stands, state, *id, wall, at, names)));
            }
        }
        for (id, stands) in moved {
            if matches!(stands.state, State::Failed | State::Stopped | State::Finished) {
                self.loose.remove(&id);
            }
            let fact = Fact::Stands(Box::new(stands));
            self.add(self.of(wall, at, names, Some(id.unit), Some(id.slot), fact));
        }
    }

    fn came_to(
        &self,
        before: &Stands,
        state: State,
        id: InstanceId,
        wall: Timestamp,
        at: Moment,
        names: &Teller<'_>,
    ) -> Stands {
        let policy = names.supervision.policy(id.unit);
        let follows = policy.is_some_and(|policy| {
            policy.on_dependency_restart == OnDependencyRestart::Stop
                && !names.supervision.waits_for(id.unit).is_empty()
        });
        let cause = match state {
            State::Failed => Some(StopCause::UnitFailed),
            State::Stopped if self.standings.shutting_down.is_some() => Some(StopCause::Shutdown),
            State::Stopped if follows => Some(StopCause::DependencyStop),
            State::Stopped => Some(StopCause::Operator),
            State::Held if before.group.is_some() => Some(StopCause::GroupRestart),
            State::Held => Some(StopCause::DependencyRestart),
            State::New
            | State::Waiting
            | State::Starting
            | State::Ready
            | State::Stopping
            | State::Restarting
            | State::Finished
            | State::Abandoned => None,
        };
        let instance = names.supervision.instances().find(|it| it.id() == id);
        let due = instance.map(hearken_core::instance::Instance::due);
        let due = due.filter(|due| state == State::Restarting && *due != Moment::NEVER);
        let due = due.map(|due| in_wall_time(wall, due.since(at)));
        // Let go by those it was held for: it is down since its own end again, and because of that.
        let own = before.last_end.as_ref().filter(|_| state == State::Restarting);
        let own = own.and_then(|end| Some((end.time, end.ended()?.evidence.stopped_by)));
        let (since, cause) = own.unwrap_or((wall, cause));
        Stands { state, since, cause, due, on: before.on.clone(), ..before.clone() }
    }
}

fn in_wall_time(wall: Timestamp, after: Duration) -> Timestamp {
    wall.checked_add(after).unwrap_or(Timestamp::MAX)
}
