//! A store under test, and short words for what the tests do with it.

use bytes::Bytes;
use hearken_core::pool::{DeadBy, TaskDecidedBy, TaskNext};
use hearken_core::task::{BatchId, BatchPolicy, Counters, Lease, Priority, TaskId, TaskState};
use hearken_store::{
    Claimed, Command, Durability, Fenced, Finish, History, Input, MemoryStore, NewBatch, NewTask,
    Refusal, Reply, SqliteStore, Store, UnixMs,
};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

/// The longest result the stores under test take.
pub(crate) const MAX_RESULT: u64 = 3 * 1024 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Strict,
    Relaxed,
    Memory,
}

pub(crate) struct Subject {
    kind: Kind,
    folder: TempDir,
    store: Option<Box<dyn Store>>,
    /// The last lease that was given.
    number: u64,
}

impl Subject {
    pub(crate) fn new(kind: Kind) -> Self {
        let mut subject =
            Self { kind, folder: tempfile::tempdir().unwrap(), store: None, number: 0 };
        subject.reopen();
        subject
    }

    /// Ends the life of the store and begins the next. A store in memory has only one: then it says so,
    /// and nothing happened.
    pub(crate) fn reopen(&mut self) -> bool {
        let durability = match self.kind {
            Kind::Strict => Durability::Strict,
            Kind::Relaxed => Durability::Relaxed,
            Kind::Memory => {
                let fresh = self.store.is_none();
                self.store.get_or_insert_with(|| Box::new(MemoryStore::new(MAX_RESULT)));
                return fresh;
            }
        };
        drop(self.store.take());
        let store = SqliteStore::open(self.folder.path(), durability, MAX_RESULT).unwrap();
        self.store = Some(Box::new(store));
        self.number = 0;
        true
    }

    /// Ends the life of the store.
    pub(crate) fn close(&mut self) {
        drop(self.store.take());
    }

    /// Where it lies, if it lies anywhere.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn store(&mut self) -> &mut dyn Store {
        &mut **self.store.as_mut().unwrap()
    }

    pub(crate) fn apply(&mut self, command: Command) -> Reply {
        self.store().apply_one(command).unwrap()
    }

    pub(crate) fn refusal(&mut self, command: Command) -> Refusal {
        match self.apply(command) {
            Reply::Refused(refusal) => refusal,
            other => panic!("it was not refused but answered {other:?}"),
        }
    }

    /// Keeps these tasks.
    pub(crate) fn add(&mut self, tasks: impl IntoIterator<Item = NewTask>) -> Reply {
        self.apply(Command::Enqueue { tasks: tasks.into_iter().collect(), batch: None })
    }

    /// Keeps one task, and gives its id.
    pub(crate) fn one(&mut self) -> TaskId {
        let new = task(1);
        self.add([new]);
        id(1)
    }

    /// The next lease that may be given.
    pub(crate) fn lease(&mut self) -> Lease {
        self.number += 1;
        Lease { epoch: self.store().epoch(), number: self.number }
    }

    pub(crate) fn try_claim(&mut self, id: TaskId) -> (Lease, Reply) {
        let lease = self.lease();
        (lease, self.apply(Command::Claim { id, lease, worker: "w#1".into(), at: at(10) }))
    }

    /// Hands the task out; it must be there to be had.
    pub(crate) fn claim(&mut self, id: TaskId) -> (Lease, Box<Claimed>) {
        match self.try_claim(id) {
            (lease, Reply::Claimed(claimed)) => (lease, claimed),
            (_, other) => panic!("{id} cannot be claimed: {other:?}"),
        }
    }

    pub(crate) fn end(&mut self, finish: Finish) -> Fenced {
        match self.apply(Command::Finish(Box::new(finish))) {
            Reply::Fenced(fenced) => fenced,
            other => panic!("a finish was answered {other:?}"),
        }
    }

    /// Claims the task and ends it like this.
    pub(crate) fn run(&mut self, id: TaskId, next: TaskNext) -> Lease {
        let (lease, _) = self.claim(id);
        assert_eq!(self.end(finish(id, lease, next)), Fenced::Kept);
        lease
    }

    pub(crate) fn show(&mut self, id: TaskId) -> Box<History> {
        self.store().show(id).unwrap().unwrap()
    }

    pub(crate) fn state(&mut self, id: TaskId) -> Option<TaskState> {
        self.store().show(id).unwrap().map(|shown| shown.record.state)
    }

    /// How many tasks are in this state, by the counts.
    pub(crate) fn count(&mut self, state: TaskState) -> u64 {
        let counts = self.store().counts().unwrap();
        counts.iter().filter(|count| count.state == state).map(|count| count.tasks).sum()
    }
}

pub(crate) const DEAD: TaskNext = TaskNext::Dead(DeadBy::Verdict);
pub(crate) const AGAIN: TaskNext = TaskNext::Again { delay: Duration::ZERO, elsewhere: false };

pub(crate) fn id(number: u64) -> TaskId {
    TaskId::new(1_700_000_000_000 + number, u128::from(number))
}

pub(crate) fn batch_id(number: u64) -> BatchId {
    BatchId::new(1_700_000_000_000, u128::from(number))
}

pub(crate) fn at(seconds: u64) -> UnixMs {
    UnixMs::new(1_700_000_000_000 + seconds * 1000)
}

pub(crate) fn task(number: u64) -> NewTask {
    NewTask {
        id: id(number),
        pool: "images".into(),
        kind: None,
        unique_key: None,
        fairness_key: None,
        priority: Priority::DEFAULT,
        not_before: at(0),
        expires: None,
        batch: None,
        created: at(0),
        held: false,
        input: Input { payload: Bytes::from(format!("payload {number}")), ..Input::default() },
    }
}

/// A task in which everything that may be said is said.
pub(crate) fn full_task(number: u64) -> NewTask {
    NewTask {
        kind: Some("resize".into()),
        unique_key: Some(format!("key {number}").into()),
        fairness_key: Some("customer 7".into()),
        priority: Priority::HIGHEST,
        not_before: at(3),
        expires: Some(at(1000)),
        created: at(1),
        input: Input {
            payload: Bytes::from_static(&[0xc4, 0, 255]),
            content_type: Some("image/png".into()),
            headers: Some(Bytes::from_static(&[0x80])),
            traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into()),
        },
        ..task(number)
    }
}

pub(crate) fn with_key(number: u64, key: &str) -> NewTask {
    NewTask { unique_key: Some(Arc::from(key)), ..task(number) }
}

pub(crate) fn new_batch(number: u64) -> NewBatch {
    NewBatch {
        id: batch_id(number),
        pool: "images".into(),
        policy: BatchPolicy::All,
        completion: None,
        created: at(0),
    }
}

pub(crate) fn finish(id: TaskId, lease: Lease, next: TaskNext) -> Finish {
    Finish {
        next,
        decided_by: TaskDecidedBy::Worker,
        ..Finish::released(id, lease, Counters::default(), at(20))
    }
}
