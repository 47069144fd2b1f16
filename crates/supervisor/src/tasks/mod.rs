//! The pools of a running supervisor: between the core's decisions, the stores, and front ends.
//!
//! Architecture invariant: nothing here waits. What a store on a disk has to do is done by its own
//! thread, and its answers are events like any other.

mod client;
mod desk;
mod entropy;
mod error;
mod hand;
mod keeper;
mod purging;
mod report;
mod requests;
mod result;
mod send;
mod submit;
mod watchers;
mod when;

use client::Request;
pub use client::{
    BatchSpec, Client, Ended, Live, PoolStanding, Refused, Submission, Submitted, TASKS_MAX,
    TaskSpec, Told, Watch,
};
pub(crate) use desk::{Desk, Opening, Wish};
pub use error::TaskError;
pub(crate) use result::Form;
pub use watchers::Ears;

use crate::child::TaskWord;
use crate::clock::Clock;
use crate::events::{PoolOpened, StaleResult, StoreDown, StoreUp, TasksPurged, TasksWithoutPool};
use desk::Desk as PoolDesk;
use entropy::Entropy;
use hearken_config::Durability;
use hearken_core::evidence::{Evidence, TypedError};
use hearken_core::identity::{InstanceId, Token, UnitIndex};
use hearken_core::moment::Moment;
use hearken_core::pool::{Event, Pool, PoolPolicy};
use hearken_store::{
    Answer, Claimed, Fenced, MemoryStore, Read, Reply, SqliteStore, Store, StoreError,
};
use keeper::{Answered, Change, Disk, Kept, Order, Ticket};
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::mpsc;
use watchers::Watchers;
use when::When;

/// How many tasks are read at once when a pool is opened.
const PAGE: usize = 1000;

/// All pools of a supervisor.
#[derive(Debug)]
pub(crate) struct Tasks {
    clock: Clock,
    desks: Vec<Desk>,
    by_unit: HashMap<UnitIndex, usize>,
    memory: Option<MemoryStore>,
    disk: Option<Disk>,
    watchers: Watchers,
    entropy: Entropy,
    client: Client,
    inbox: mpsc::Receiver<Request>,
    closing: bool,
}

/// The stores that pools need.
#[derive(Debug, Default)]
pub(crate) struct Stores {
    /// For pools whose tasks live as long as the supervisor.
    pub(crate) memory: Option<MemoryStore>,
    /// For the others.
    pub(crate) disk: Option<SqliteStore>,
}

impl Tasks {
    /// Opens the pools, with the tasks that their stores have for them.
    ///
    /// # Errors
    /// If a store cannot be read, or there can be no thread for it.
    pub(crate) fn open(
        pools: Vec<(Opening, PoolPolicy, u32)>,
        mut stores: Stores,
        clock: Clock,
        seed: u64,
    ) -> Result<Self, OpenError> {
        let (client, inbox) = Client::new();
        let mut desks = Vec::with_capacity(pools.len());
        let mut by_unit = HashMap::new();
        for (opening, policy, slots) in pools {
            let epoch = match (&stores.memory, &stores.disk, opening.durability) {
                (Some(memory), _, Durability::Memory) => memory.epoch(),
                (_, Some(disk), _) => disk.epoch(),
                (_, None, _) => 1,
            };
            by_unit.insert(opening.unit, desks.len());
            let seed = seed.wrapping_add(desks.len() as u64);
            desks.push(PoolDesk::new(opening, Pool::new(policy, slots, epoch, seed)));
        }
        let when = When::now(clock);
        if let Some(disk) = &mut stores.disk {
            load(disk, &mut desks, when)?;
        }
        for desk in &desks {
            let counts = desk.core.counts();
            PoolOpened {
                unit: &desk.name,
                durability: desk.durability.as_str(),
                waiting: counts.delayed + counts.ready,
                workers: desk.core.policy().max,
            }
            .emit();
        }
        let disk = match stores.disk {
            Some(store) => {
                let reader = store.reader()?;
                Some(Disk::start(store, reader).map_err(OpenError::Thread)?)
            }
            None => None,
        };
        Ok(Self {
            clock,
            desks,
            by_unit,
            memory: stores.memory,
            disk,
            watchers: Watchers::default(),
            entropy: Entropy::new(),
            client,
            inbox,
            closing: false,
        })
    }

    /// A front end's hold on the pools.
    pub(crate) fn client(&self) -> Client {
        self.client.clone()
    }

    /// The desk of the pool that is this unit; none if it is a service.
    pub(crate) fn desk(&mut self, unit: UnitIndex) -> Option<&mut Desk> {
        self.desks.get_mut(*self.by_unit.get(&unit)?)
    }

    /// When [`Tasks::due`] wants to be called.
    pub(crate) fn deadline(&self) -> Option<Moment> {
        self.desks.iter().filter_map(|desk| desk.core.poll_timeout()).min()
    }

    /// The time has come for some pool.
    pub(crate) fn due(&mut self) {
        let now = self.clock.now();
        for desk in &mut self.desks {
            if desk.core.poll_timeout().is_some_and(|due| due <= now) {
                desk.core.handle_timeout(now);
            }
        }
    }

    /// Waits for whatever front ends or the disk have to say.
    pub(crate) async fn next(&mut self) -> Came {
        let disk = &mut self.disk;
        tokio::select! {
            biased;
            answers = answers(disk) => Came::Answers(answers),
            Some(request) = self.inbox.recv() => Came::Request(request),
        }
    }

    /// Takes in what came, and whatever else is there already. Answers how often somebody
    /// has asked the supervisor to shut down: twice is more than once.
    pub(crate) fn came(&mut self, came: Came) -> usize {
        let mut shutdowns = 0;
        match came {
            Came::Answers(answers) => self.answered(answers),
            Came::Request(request) => {
                shutdowns += usize::from(self.request(request));
                while let Ok(request) = self.inbox.try_recv() {
                    shutdowns += usize::from(self.request(request));
                }
            }
        }
        shutdowns
    }

    /// A worker said something about tasks.
    pub(crate) fn word(&mut self, unit: UnitIndex, token: Token, word: TaskWord) {
        let when = When::now(self.clock);
        let Some(desk) = self.by_unit.get(&unit).and_then(|place| self.desks.get_mut(*place))
        else {
            return;
        };
        desk.word(when, token, word, &mut self.watchers);
    }

    /// An error that a worker said about itself.
    pub(crate) fn said_error(
        &mut self,
        unit: UnitIndex,
        token: Token,
        error: &hearken_proto::ErrorMessage,
    ) {
        if let Some(desk) = self.desk(unit).filter(|desk| desk.is_exec()) {
            desk.exec_said(token, error);
        }
    }

    /// A worker broke the protocol, by this.
    pub(crate) fn violated(&mut self, unit: UnitIndex, token: Token, reason: &str) {
        if let Some(desk) = self.desk(unit) {
            desk.violated(token, reason);
        }
    }

    /// The process in this slot runs.
    pub(crate) fn started(&mut self, id: InstanceId, pid: i32) {
        let unit = id.unit;
        let now = self.clock.now();
        let Some(desk) = self.by_unit.get(&unit).and_then(|place| self.desks.get_mut(*place))
        else {
            return;
        };
        desk.process_started(now, id.slot, pid, &mut self.watchers);
    }

    /// The last lines that the process in this slot wrote to its standard error.
    pub(crate) fn last_words(&mut self, id: InstanceId, lines: &[Box<str>]) {
        if let Some(desk) = self.desk(id.unit) {
            desk.last_words(id.slot, lines);
        }
    }

    /// The process in this slot has ended and was judged.
    pub(crate) fn ended(&mut self, id: InstanceId, evidence: &Evidence) {
        let when = When::now(self.clock);
        if let Some(desk) = self.desk(id.unit) {
            desk.ended(when, id.slot, evidence);
        }
    }

    /// A process was asked for in this slot.
    pub(crate) fn spawning(&mut self, id: InstanceId, token: Token) {
        let now = self.clock.now();
        if let Some(desk) = self.desk(id.unit) {
            desk.spawning(now, id.slot, token);
        }
    }

    /// The task that the next process of this slot is there for, in exec mode.
    pub(crate) fn assignment(&self, id: InstanceId) -> Option<&Claimed> {
        self.desks.get(*self.by_unit.get(&id.unit)?)?.assignment(id.slot)
    }

    /// The task of this process cannot be handed to its program.
    pub(crate) fn unfit(&mut self, id: InstanceId, token: Token, why: &TypedError) {
        let when = When::now(self.clock);
        if let Some(desk) = self.desk(id.unit) {
            desk.unfit(when, token, why);
        }
    }

    /// The units that are pools.
    pub(crate) fn units(&self) -> Vec<UnitIndex> {
        self.desks.iter().map(|desk| desk.unit).collect()
    }

    /// Whether the unit of a pool runs.
    pub(crate) fn runs(&mut self, unit: UnitIndex, runs: bool) {
        let now = self.clock.now();
        if let Some(desk) = self.desk(unit).filter(|desk| desk.runs != runs) {
            desk.runs = runs;
            desk.tell(now, if runs { Event::Opened } else { Event::Shut });
        }
    }

    /// Something else happened to a slot.
    pub(crate) fn tell(&mut self, unit: UnitIndex, event: Event) {
        let now = self.clock.now();
        if let Some(desk) = self.desk(unit) {
            desk.tell(now, event);
        }
    }

    /// Nothing more is given out.
    pub(crate) fn close(&mut self) {
        self.closing = true;
        let now = self.clock.now();
        for desk in &mut self.desks {
            desk.tell(now, Event::Closing);
        }
    }

    /// The unit of a pool failed for good.
    pub(crate) fn failed(&mut self, unit: UnitIndex, why: &str) {
        if let Some(desk) = self.by_unit.get(&unit).and_then(|place| self.desks.get(*place)) {
            self.watchers.pool_failed(&desk.name, why);
        }
    }

    /// Does what the pools want, until nothing new comes of it; gives what is to be done with
    /// processes.
    pub(crate) fn act(&mut self) -> Vec<Wish> {
        let mut wishes = Vec::new();
        // What a store in memory is told is done at once, so it needs an end.
        let mut pages = purging::PAGES;
        loop {
            let when = When::now(self.clock);
            let mut orders: Vec<Order> = Vec::new();
            for (place, desk) in self.desks.iter_mut().enumerate() {
                if desk.purging.goes_on() && pages > 0 {
                    pages -= u32::from(desk.durability == Durability::Memory);
                    desk.purge(when);
                }
                while let Some(action) = desk.core.poll_action() {
                    desk.perform(when, action);
                }
                wishes.extend(desk.wishes.drain(..));
                orders.extend(desk.commands.drain(..).map(|(ticket, it)| (place, ticket, it)));
            }
            if orders.is_empty() {
                return wishes;
            }
            let (memory, disk): (Vec<_>, Vec<_>) = orders.into_iter().partition(|(place, ..)| {
                self.desks.get(*place).is_some_and(|desk| desk.durability == Durability::Memory)
            });
            let refused = match &mut self.disk {
                Some(store) if !disk.is_empty() => store.send(disk),
                Some(_) | None => Vec::new(),
            };
            for answered in refused {
                self.answer(when, answered);
            }
            if let Some(store) = self.memory.as_mut().filter(|_| !memory.is_empty()) {
                for answered in keeper::at_once(store, memory) {
                    self.answer(when, answered);
                }
            }
        }
    }

    fn answered(&mut self, answers: Vec<Answer>) {
        let when = When::now(self.clock);
        let Some(disk) = &mut self.disk else { return };
        let (answered, change) = disk.take(answers);
        for one in answered {
            self.answer(when, one);
        }
        let event = match change {
            None => return,
            Some(Change::Down(error)) => {
                StoreDown { error: &error }.emit();
                Event::StoreDown
            }
            Some(Change::Up) => {
                StoreUp {}.emit();
                Event::StoreUp
            }
        };
        let kept = |desk: &&mut Desk| desk.durability != Durability::Memory;
        for desk in self.desks.iter_mut().filter(kept) {
            desk.tell(when.now, event.clone());
        }
    }

    /// Does with an answer of a store what its ticket says.
    fn answer(&mut self, when: When, (place, ticket, reply): Answered) {
        let Some(desk) = self.desks.get_mut(place) else { return };
        match (ticket, reply) {
            (Ticket::Claim(lease), Ok(Reply::Claimed(claimed))) => {
                desk.kept(when, Kept::Claimed(lease, claimed));
            }
            (Ticket::Claim(lease), _) => desk.kept(when, Kept::NotClaimed(lease)),
            (Ticket::Finish(lease, ended), reply) => {
                match &reply {
                    Ok(Reply::Fenced(Fenced::Kept)) => {
                        self.watchers.tried(&desk.name, *ended);
                    }
                    Ok(Reply::Refused(why)) => report::end_refused(&desk.name, ended.task, why),
                    Ok(_) | Err(_) => {
                        let task = ended.task.to_string();
                        StaleResult { unit: &desk.name, instance: 0, task: &task }.emit();
                    }
                }
                desk.kept(when, Kept::Finished(lease));
            }
            (Ticket::Dropped(ended), Ok(_)) => {
                self.watchers.ended(&desk.name, *ended);
            }
            (Ticket::Checkpoint(token, handle), Ok(Reply::Fenced(Fenced::Kept))) => {
                desk.wishes.push_back(Wish::Say(token, Box::new(send::checkpoint_ack(handle))));
            }
            (Ticket::BatchEnded, Ok(Reply::BatchEnded(Some(completion)))) => {
                desk.tell(when.now, Event::Added(submit::pending(*completion, when)));
            }
            (Ticket::Submit(submitting, answer), reply) => {
                requests::submitted(desk, when, *submitting, answer, reply);
            }
            (Ticket::Requeue(task, answer), reply) => {
                requests::requeued(&mut self.desks, when, task, answer, reply);
            }
            (Ticket::Cancel(task, answer), reply) => requests::cancelled(task, answer, reply),
            (Ticket::Purge, Ok(Reply::Purged(purged))) => {
                desk.purging.done(&purged);
                if purged.tasks > 0 {
                    TasksPurged { unit: &desk.name, tasks: purged.tasks }.emit();
                }
            }
            (
                Ticket::Dropped(_)
                | Ticket::Checkpoint(..)
                | Ticket::Spooled
                | Ticket::BatchEnded
                | Ticket::Forget
                | Ticket::Purge,
                _,
            ) => {}
        }
    }

    /// A quiet moment: what was refused is tried again, what is old is removed, who waits is told.
    pub(crate) fn sweep(&mut self) {
        if let Some(disk) = &mut self.disk {
            disk.try_again();
        }
        self.watchers.tidy();
        let when = When::now(self.clock);
        for desk in &mut self.desks {
            desk.measure(when.now);
            desk.purge(when);
        }
    }

    /// Everything is down: what was handed over is kept, and the stores are closed.
    pub(crate) async fn finish(self) {
        if let Some(disk) = self.disk {
            disk.finish().await;
        }
    }

    /// Has something read in every store.
    fn read(&mut self, mut reading: keeper::Reading) {
        if let Some(memory) = &mut self.memory {
            reading(Some(memory));
        }
        match &self.disk {
            Some(disk) => disk.read(reading),
            None => reading(None),
        }
    }
}

/// What came from a front end, or from the disk.
#[derive(Debug)]
pub(crate) enum Came {
    Request(Request),
    Answers(Vec<Answer>),
}

async fn answers(disk: &mut Option<Disk>) -> Vec<Answer> {
    match disk {
        Some(disk) => disk.answers().await,
        None => std::future::pending().await,
    }
}

/// Why the pools could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// What a store has for them cannot be read.
    #[error("the tasks in the state directory cannot be read: {0}")]
    Store(#[from] StoreError),
    /// There can be no thread.
    #[error("no thread for the store: {0}")]
    Thread(std::io::Error),
}

/// Tells each pool of the batches and tasks that a store has for it.
fn load(store: &mut dyn Read, desks: &mut [Desk], when: When) -> Result<(), StoreError> {
    let places: HashMap<Arc<str>, usize> =
        desks.iter().enumerate().map(|(at, desk)| (Arc::clone(&desk.name), at)).collect();
    let mut after = None;
    loop {
        let page = store.open_batches(after, PAGE)?;
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        for batch in page {
            if let Some(desk) = places.get(&batch.pool).and_then(|at| desks.get_mut(*at)) {
                desk.tell(when.now, Event::Batch(batch.id, batch.batch()));
            }
        }
    }
    let mut strays: HashMap<Arc<str>, u64> = HashMap::new();
    let mut after = None;
    loop {
        let page = store.waiting(after, PAGE)?;
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        for task in page {
            match places.get(&task.pool).and_then(|at| desks.get_mut(*at)) {
                Some(desk) => desk.tell(when.now, Event::Added(submit::pending(task, when))),
                None => *strays.entry(task.pool).or_default() += 1,
            }
        }
    }
    for (pool, waiting) in strays {
        TasksWithoutPool { pool: &pool, waiting }.emit();
    }
    Ok(())
}
