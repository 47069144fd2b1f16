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
}

impl Pool {
    pub(super) fn open_batch(&mut self, id: BatchId, batch: Batch) {
        self.batches.entry(id).or_insert(OpenBatch { batch, open: BTreeSet::new(), ended: false });
        self.look_at_batch(id);
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
            TaskNext::Cancelled => counts.cancelled += 1,
            // It is as if it had never been there.
            TaskNext::Discarded => counts.total = counts.total.saturating_sub(1),
            TaskNext::Again { .. } | TaskNext::Released => {}
        }
        if self.look_at_batch(id) {
            self.cancel_batch(now, id, Recall::Batch);
        }
        if self.batches.get(&id).is_some_and(|batch| batch.ended && batch.open.is_empty()) {
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
