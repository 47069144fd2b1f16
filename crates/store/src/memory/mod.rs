//! A store that lives as long as its process: nothing on disk, nothing to wait for.

mod change;
mod read;

use crate::tally::Tally;
use crate::{Attempt, BatchRecord, Command, Input, Record, Refusal, Reply, Store, StoreError};
use bytes::Bytes;
use hearken_core::pool::TaskDecidedBy;
use hearken_core::task::{BatchId, Lease, TaskId, TaskState};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Nothing is left of an earlier life, so there is only one.
const EPOCH: u64 = 1;

/// The store of `durability = "memory"`. Its commands take about a microsecond, so it needs no thread
/// of its own.
#[derive(Debug, Default)]
pub struct MemoryStore {
    tasks: BTreeMap<TaskId, Kept>,
    batches: BTreeMap<BatchId, BatchRecord>,
    /// Pool and unique key of every task that has one.
    unique: HashMap<(Arc<str>, Arc<str>), TaskId>,
    /// Results on their way.
    spools: HashMap<TaskId, Spool>,
    tally: Tally,
    /// The longest result that is taken, in bytes.
    max_result: u64,
}

/// A task with all that belongs to it.
#[derive(Debug)]
struct Kept {
    record: Record,
    input: Input,
    checkpoint: Option<Bytes>,
    attempts: Vec<Attempt>,
    result: Vec<Bytes>,
}

/// The pieces of a result that came so far.
#[derive(Debug)]
struct Spool {
    lease: Lease,
    pieces: Vec<Bytes>,
    length: u64,
}

impl MemoryStore {
    /// An empty one, that takes results of so many bytes.
    #[must_use]
    pub fn new(max_result: u64) -> Self {
        Self { max_result, ..Self::default() }
    }

    fn change(&mut self, command: Command) -> Result<Reply, Refusal> {
        match command {
            Command::Enqueue { tasks, batch } => self.enqueue(tasks, batch),
            Command::Claim { id, lease, worker, at } => self.claim(id, lease, worker, at),
            Command::Extend { id, lease } => Ok(Reply::Fenced(self.extend(id, lease))),
            Command::Finish(finish) => self.finish(*finish),
            Command::Cancel { id, at, decided_by } => {
                Ok(self.drop_unclaimed(id, TaskState::Cancelled, at, decided_by))
            }
            Command::Expire { id, at } => {
                Ok(self.drop_unclaimed(id, TaskState::Expired, at, TaskDecidedBy::Clock))
            }
            Command::Checkpoint { id, lease, sequence, data } => {
                self.checkpoint(id, lease, sequence, data)
            }
            Command::Spool { id, lease, sequence, data } => self.spool(id, lease, sequence, data),
            Command::EndBatch { id, end, at } => self.end_batch(id, end, at),
            Command::Requeue { id, at, expires } => Ok(self.requeue(id, at, expires)),
            Command::Forget(ids) => Ok(Reply::Purged(self.forget(&ids))),
            Command::Purge(purge) => Ok(Reply::Purged(self.purge(&purge))),
        }
    }
}

impl Store for MemoryStore {
    fn epoch(&self) -> u64 {
        EPOCH
    }

    fn apply(&mut self, commands: Vec<Command>) -> Result<Vec<Reply>, StoreError> {
        Ok(commands
            .into_iter()
            .map(|command| self.change(command).unwrap_or_else(Reply::Refused))
            .collect())
    }
}
