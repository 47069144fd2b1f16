//! The batches that have not ended.

use super::worker::Recall;
use super::{Action, Pool, TaskNext};
use crate::moment::Moment;
use crate::task::{Batch, BatchId, TaskId};
use std::collections::BTreeSet;

/// A batch of which tasks are still open.
#[derive(Debug)]
pub(super) struct OpenBatch {
    batch: Batch,
    open: BTreeSet<TaskId>,
    ended: bool,
}

impl OpenBatch {
    /// How many of its tasks have not ended.
    pub(super) fn open(&self) -> u64 {
        self.open.len() as u64
    }

    /// Whether it has ended, and so have all its tasks.
    fn is_over(&self) -> bool {
        self.ended && self.open.is_empty() && self.batch.counts.open() == 0
    }

    /// Its tasks that are told of and have not ended.
    pub(super) fn tasks(&self) -> &BTreeSet<TaskId> {
        &self.open
    }
}

impl Pool {
    pub(super) fn open_batch(&mut self, id: BatchId, batch: Batch) {
        let new = || OpenBatch { batch, open: BTreeSet::new(), ended: false };
        let known = self.batches.entry(id).or_insert_with(new);
        // It may have grown; how its tasks ended is known here before the store has kept it.
        known.batch.counts.total = known.batch.counts.total.max(batch.counts.total);
        self.look_at_batch(id);
        if self.batches.get(&id).is_some_and(OpenBatch::is_over) {
            self.batches.remove(&id);
        }
    }

    /// A task belongs to it. Answers whether it comes too late: the batch is over.
    pub(super) fn join_batch(&mut self, id: BatchId, task: TaskId) -> bool {
        let Some(batch) = self.batches.get_mut(&id) else { return false };
        batch.open.insert(task);
        batch.ended
    }

    /// A task of it has ended.
    pub(super) fn leave_batch(&mut self, now: Moment, id: BatchId, task: TaskId, next: TaskNext) {
        let Some(batch) = self.batches.get_mut(&id) else { return };
        if !batch.open.remove(&task) {
            return;
        }
        let counts = &mut batch.batch.counts;
        match next {
            TaskNext::Succeeded => counts.succeeded += 1,
            TaskNext::Dead(_) | TaskNext::Expired => counts.failed += 1,
            // One that was discarded neither succeeded nor failed. The store counts it so too, and the
            // same counts have to give the same end after a crash.
            TaskNext::Cancelled | TaskNext::Discarded => counts.cancelled += 1,
            TaskNext::Again { .. } | TaskNext::Released => {}
        }
        if self.look_at_batch(id) {
            self.cancel_batch(now, id, Recall::Batch);
        }
        // Those that were not told of yet still have to learn that they come too late.
        if self.batches.get(&id).is_some_and(OpenBatch::is_over) {
            self.batches.remove(&id);
        }
    }

    /// Takes back whatever of it is still open.
    pub(super) fn cancel_batch(&mut self, now: Moment, id: BatchId, recall: Recall) {
        let open: Vec<_> =
            self.batches.get(&id).into_iter().flat_map(|batch| &batch.open).copied().collect();
        for task in open {
            self.recall(now, task, recall);
        }
    }

    /// Tells that a batch is over, if it is. Answers whether it has just become so.
    fn look_at_batch(&mut self, id: BatchId) -> bool {
        let Some(batch) = self.batches.get_mut(&id) else { return false };
        let Some(end) = batch.batch.end().filter(|_| !batch.ended) else { return false };
        batch.ended = true;
        self.actions.push_back(Action::EndBatch { batch: id, end });
        true
    }
}
