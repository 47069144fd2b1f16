//! One pool: which task goes to which worker, and what becomes of it.
//!
//! ```text
//!              Added                 time, dependency            free worker
//!   store ───────────────▶ delayed ───────────────────▶ ready ──────────────▶ claiming
//!                             ▲                                                  │ Claimed
//!                             │ again, released                                  ▼
//!                             └──────────────── keeping ◀── Done, Failed, … ── in hand
//!                                                  │ Kept                 (sent, accepted)
//!                                                  ▼
//!                                         acked, and gone from here
//! ```
//!
//! A task is claimed in the store before it is sent, and what became of it is kept there before the
//! worker is told that it may forget it: so at every moment somebody who survives knows of it.
//!
//! The pool never waits: the store's answers are events like those of the workers. It knows no
//! payloads and no clock; its verbs are those of [`Supervision`](crate::supervision::Supervision).
//! Processes are that one's matter: a pool asks for slots to be started and stopped, and is told
//! what came of it.

mod action;
mod asked;
mod batch;
mod budget;
mod clocks;
mod dependency;
mod dispatch;
mod ending;
mod hearing;
mod policy;
mod queue;
mod recount;
mod recycle;
mod scale;
mod task;
mod worker;

pub use action::{
    Action, CancelReason, Ceiling, DeadBy, Event, Handle, RecycleCause, Report, Said,
    TaskDecidedBy, TaskNext, Waiting,
};
pub use policy::{Clocks, PoolPolicy, Recycle, RetryBudget, RetryPolicy, WorkMode};

use crate::identity::Token;
use crate::jitter::Jitter;
use crate::moment::Moment;
use crate::task::{BatchId, Lease, TaskId};
use batch::OpenBatch;
use budget::Tries;
use dependency::Pause;
use queue::{Queue, Ticket};
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use task::{Place, Task};
use worker::{Is, Listed, Worker};

/// What a lease is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pending {
    /// The store was asked for this task, for this slot.
    Claim(TaskId, u32),
    /// The store was asked for this task, and nobody wants it any more.
    Orphan(TaskId),
    /// The store was told what became of this task.
    Keep { task: TaskId, next: TaskNext, ack: Option<(Token, Handle, Said)> },
}

impl Pending {
    fn task(self) -> TaskId {
        match self {
            Self::Claim(task, _) | Self::Orphan(task) | Self::Keep { task, .. } => task,
        }
    }
}

/// How a pool stands, for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PoolCounts {
    /// Tasks whose time has not come.
    pub delayed: u64,
    /// Tasks that wait for a worker.
    pub ready: u64,
    /// Tasks held because what they depend on is away.
    pub paused: u64,
    /// Tasks in the hands of workers.
    pub running: u64,
    /// Workers that serve, or will soon.
    pub workers: u32,
    /// Workers that hold nothing.
    pub idle: u32,
}

/// One pool.
#[derive(Debug)]
pub struct Pool {
    policy: PoolPolicy,
    epoch: u64,
    last_lease: u64,
    last_ticket: u64,
    tasks: HashMap<TaskId, Task>,
    counts: PoolCounts,
    ready: Queue,
    delayed: BTreeSet<(Moment, TaskId)>,
    expiries: BTreeSet<(Moment, TaskId)>,
    pending: HashMap<Lease, Pending>,
    batches: HashMap<BatchId, OpenBatch>,
    pauses: BTreeMap<Arc<str>, Pause>,
    tries: Tries,
    /// Retries were held back, and that was told.
    held_back: bool,
    workers: Vec<Worker>,
    tokens: HashMap<Token, u32>,
    /// Slots that can take a task, the one that holds least in front.
    free: BTreeSet<(usize, u32)>,
    /// Slots that are ready and hold nothing, the longest so in front.
    idle: BTreeSet<(Moment, u32)>,
    rings: BTreeSet<(Moment, u32)>,
    /// Slots to be replaced that wait for a slot to put a successor in.
    leaving: BTreeSet<((), u32)>,
    /// A task waits for another worker than the free one, and no longer than this.
    patience: Option<Moment>,
    /// Tasks wait and no worker is free, since then.
    starved_since: Option<Moment>,
    store_down: bool,
    /// Its unit does not run.
    shut: bool,
    closing: bool,
    jitter: Jitter,
    actions: VecDeque<Action>,
}

impl Pool {
    /// A pool of `slots` workers at most that knows of no task yet. `epoch` is the store's, and
    /// makes its leases differ from those of every earlier life.
    #[must_use]
    pub fn new(policy: PoolPolicy, slots: u32, epoch: u64, seed: u64) -> Self {
        let mut pool = Self {
            policy,
            epoch,
            last_lease: 0,
            last_ticket: 0,
            tasks: HashMap::new(),
            counts: PoolCounts::default(),
            ready: Queue::default(),
            delayed: BTreeSet::new(),
            expiries: BTreeSet::new(),
            pending: HashMap::new(),
            batches: HashMap::new(),
            pauses: BTreeMap::new(),
            tries: Tries::default(),
            held_back: false,
            workers: (0..slots).map(|_| Worker::new()).collect(),
            tokens: HashMap::new(),
            free: BTreeSet::new(),
            idle: BTreeSet::new(),
            rings: BTreeSet::new(),
            leaving: BTreeSet::new(),
            patience: None,
            starved_since: None,
            store_down: false,
            shut: true,
            closing: false,
            jitter: Jitter::new(seed),
            actions: VecDeque::new(),
        };
        for slot in 1..=slots {
            pool.settle(slot, Moment::START);
        }
        pool
    }

    /// Takes in one event. One about a process, handle or lease that is no more is history, and is
    /// dropped.
    pub fn handle(&mut self, now: Moment, event: Event) {
        match event {
            Event::Batch(id, batch) => self.open_batch(id, batch),
            Event::Added(waiting) => self.add(now, waiting),
            Event::Cancel(task) => self.recall(now, task, worker::Recall::Operator),
            Event::CancelBatch(batch) => self.cancel_batch(now, batch, worker::Recall::Operator),
            Event::Claimed(lease) => self.claimed(now, lease),
            Event::Gone(lease) => self.gone(now, lease),
            Event::Kept(lease) => self.kept(now, lease),
            Event::StoreDown => self.store_down = true,
            Event::StoreUp => self.store_down = false,
            Event::Opened => self.opened(now),
            Event::Shut => (self.shut, self.patience) = (true, None),
            Event::Spawning { slot, token } => self.spawning(now, slot, token),
            Event::Started(token) => self.started(now, token),
            Event::Ready(token, credits) => self.worker_ready(now, token, credits),
            Event::Draining(token) => self.asked_to_drain(now, token),
            Event::Memory(token, bytes) => self.memory(now, token, bytes),
            Event::Accepted(token, handle) => self.accepted(now, token, handle),
            Event::Done(token, handle) => self.done(now, token, handle),
            Event::Failed(token, handle, error, dependency) => {
                self.failed(now, token, handle, &error, dependency);
            }
            Event::Snoozed(token, handle, delay) => self.snoozed(now, token, handle, delay),
            Event::Stopping(slot) => self.stopping(now, slot),
            Event::Ended(slot, evidence, dependency) => {
                self.ended(now, slot, &evidence, dependency);
            }
            Event::Down { slot, barred } => self.down(now, slot, barred),
            Event::Closing => (self.closing, self.patience) = (true, None),
        }
        self.go_on(now);
    }

    /// Takes in that it is `now`: everything due by then happens.
    pub fn handle_timeout(&mut self, now: Moment) {
        while let Some((due, id)) = self.delayed.first().copied().filter(|(due, _)| *due <= now) {
            self.delayed.remove(&(due, id));
            self.make_ready(id);
        }
        while let Some((due, id)) = self.expiries.first().copied().filter(|(due, _)| *due <= now) {
            self.expiries.remove(&(due, id));
            self.recall(now, id, worker::Recall::Expired);
        }
        while let Some((due, slot)) = self.rings.first().copied().filter(|(due, _)| *due <= now) {
            self.ring(now, slot);
            self.settle(slot, now);
            debug_assert!(
                self.rings.first() != Some(&(due, slot)),
                "slot {slot} would ring for ever"
            );
        }
        self.try_dependencies(now);
        self.go_on(now);
    }

    /// When [`Pool::handle_timeout`] wants to be called.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Moment> {
        let first = |set: &BTreeSet<(Moment, TaskId)>| set.first().map(|(due, _)| *due);
        [
            first(&self.delayed),
            first(&self.expiries),
            self.rings.first().map(|(due, _)| *due),
            self.next_dependency(),
            self.grow_at(),
            self.shrink_at(),
            self.patience,
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// The next thing to do.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// How it stands.
    #[must_use]
    pub fn counts(&self) -> PoolCounts {
        PoolCounts { idle: u32::try_from(self.idle.len()).unwrap_or(u32::MAX), ..self.counts }
    }

    /// Whether all its workers are down for good: tasks wait until an operator helps.
    #[must_use]
    pub fn is_barred(&self) -> bool {
        self.workers.iter().all(|worker| worker.is == worker::Is::Down { barred: true })
    }

    /// What the config asks of it.
    #[must_use]
    pub fn policy(&self) -> &PoolPolicy {
        &self.policy
    }

    /// How many more tasks may wait.
    #[must_use]
    pub fn room(&self) -> u64 {
        let PoolCounts { delayed, ready, paused, .. } = self.counts;
        self.policy.queue.saturating_sub(delayed + ready + paused)
    }

    /// Whether nothing is in anybody's hands and nothing is being kept: it can be left.
    #[must_use]
    pub fn is_at_rest(&self) -> bool {
        self.pending.is_empty() && self.workers.iter().all(|worker| worker.held.is_empty())
    }

    fn report(&mut self, report: Report) {
        self.actions.push_back(Action::Report(report));
    }

    fn worker(&mut self, slot: u32) -> Option<&mut Worker> {
        self.workers.get_mut((slot as usize).checked_sub(1)?)
    }

    fn seen(&self, slot: u32) -> Option<&Worker> {
        self.workers.get((slot as usize).checked_sub(1)?)
    }

    /// Draws the conclusions from whatever has happened.
    fn go_on(&mut self, now: Moment) {
        if !self.closing && !self.shut {
            self.dispatch(now);
            self.scale(now);
        }
        // What is taken back where no worker is free would lie there for good.
        if self.ready.holds_much_more_than(self.counts.ready) {
            let tasks = &self.tasks;
            let counts =
                |id, ticket| tasks.get(&id).is_some_and(|task| task.place == Place::Ready(ticket));
            self.ready.sweep(counts);
        }
    }

    /// The one place where a task changes its place: it keeps the indexes and counts true.
    fn put(&mut self, id: TaskId, place: Place) {
        let Some(task) = self.tasks.get_mut(&id) else { return };
        let before = std::mem::replace(&mut task.place, place);
        if let Place::Delayed(due) = before {
            self.delayed.remove(&(due, id));
        }
        if let Place::Delayed(due) = place {
            self.delayed.insert((due, id));
        }
        if let Some(count) = self.counts.of(before) {
            *count -= 1;
        }
        if let Some(count) = self.counts.of(place) {
            *count += 1;
        }
    }

    /// A task that waits for its time, or for a worker if that is here.
    fn add(&mut self, now: Moment, waiting: Waiting) {
        let not_before = waiting.not_before;
        let (id, task) = Task::new(waiting);
        if self.tasks.contains_key(&id) {
            return;
        }
        if task.expires != Moment::NEVER {
            self.expiries.insert((task.expires, id));
        }
        let (batch, expires) = (task.batch, task.expires);
        self.counts.delayed += 1;
        self.delayed.insert((not_before, id));
        self.tasks.insert(id, task);
        if batch.is_some_and(|batch| self.join_batch(batch, id)) {
            return self.recall(now, id, worker::Recall::Batch);
        }
        if expires <= now {
            return self.recall(now, id, worker::Recall::Expired);
        }
        if not_before <= now {
            self.make_ready(id);
        }
    }

    /// It waits for a worker from here on.
    fn make_ready(&mut self, id: TaskId) {
        let Some(task) = self.tasks.get(&id) else { return };
        self.last_ticket += 1;
        let ticket = Ticket(self.last_ticket);
        self.ready.put(task.priority, task.fairness_key.clone(), id, ticket);
        self.put(id, Place::Ready(ticket));
    }

    /// It has ended: nothing of it is left here.
    fn forget(&mut self, now: Moment, id: TaskId, next: TaskNext) {
        let Some(task) = self.tasks.remove(&id) else { return };
        if let Place::Delayed(due) = task.place {
            self.delayed.remove(&(due, id));
        }
        if let Some(count) = self.counts.of(task.place) {
            *count -= 1;
        }
        self.probe_is_gone(now, id);
        self.expiries.remove(&(task.expires, id));
        if let Some(batch) = task.batch {
            self.leave_batch(now, batch, id, next);
        }
    }

    /// Keeps the indexes of slots true, whatever was changed in this one.
    fn settle(&mut self, slot: u32, now: Moment) {
        let exec = self.policy.mode == WorkMode::Exec;
        let (accept, most) = (self.policy.clocks.accept, self.policy.max);
        let Some(worker) = self.worker(slot) else { return };
        let mut stop = false;
        if worker.is == Is::Draining && worker.held.is_empty() {
            worker.is = Is::Leaving;
            stop = true;
        }
        let nothing_held = worker.held.is_empty();
        let free = match exec {
            true => (slot <= most && worker.is_vacant(now)).then_some(0),
            false => worker.has_credit().then_some(worker.held.len()),
        };
        let old = worker.listed;
        let serves = worker.serves();
        let idles = serves && worker.is == Is::Ready && nothing_held;
        let idle = idles.then(|| old.idle.unwrap_or(now));
        let leaves = worker.wants_successor().then_some(());
        let new = Listed { serves, free, idle, rings_at: worker.due(accept), leaves };
        worker.listed = new;
        if new.serves != old.serves {
            let change = if new.serves { 1 } else { u32::MAX };
            self.counts.workers = self.counts.workers.wrapping_add(change);
        }
        reindex(&mut self.free, old.free, new.free, slot);
        reindex(&mut self.idle, old.idle, new.idle, slot);
        let rings = |listed: Listed| Some(listed.rings_at).filter(|at| *at != Moment::NEVER);
        reindex(&mut self.rings, rings(old), rings(new), slot);
        reindex(&mut self.leaving, old.leaves, new.leaves, slot);
        if stop {
            self.stop_drained(slot);
        }
    }
}

impl PoolCounts {
    fn of(&mut self, place: Place) -> Option<&mut u64> {
        match place {
            Place::Delayed(_) => Some(&mut self.delayed),
            Place::Ready(_) => Some(&mut self.ready),
            Place::Paused => Some(&mut self.paused),
            Place::InHand(_) => Some(&mut self.running),
            Place::Keeping => None,
        }
    }
}

/// Keeps an index true when `slot`, which stood at `old`, stands at `new`.
fn reindex<K: Ord + Copy>(
    index: &mut BTreeSet<(K, u32)>,
    old: Option<K>,
    new: Option<K>,
    slot: u32,
) {
    if old != new {
        if let Some(old) = old {
            index.remove(&(old, slot));
        }
        if let Some(new) = new {
            index.insert((new, slot));
        }
    }
}
