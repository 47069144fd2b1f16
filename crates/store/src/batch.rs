//! A batch as it is submitted and as it is kept.

use crate::UnixMs;
use hearken_core::task::{Batch, BatchCounts, BatchEnd, BatchId, BatchPolicy, TaskId};
use std::sync::Arc;

/// A batch to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewBatch {
    /// Its name, for good.
    pub id: BatchId,
    /// The pool of its tasks.
    pub pool: Arc<str>,
    /// When it is over.
    pub policy: BatchPolicy,
    /// The task that waits for its end: a held one of the same command, and none of its own.
    pub completion: Option<TaskId>,
    /// When it was submitted.
    pub created: UnixMs,
}

/// A batch and how its tasks stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchRecord {
    /// Its name.
    pub id: BatchId,
    /// The pool of its tasks.
    pub pool: Arc<str>,
    /// When it is over.
    pub policy: BatchPolicy,
    /// The task that waits for its end.
    pub completion: Option<TaskId>,
    /// When it was submitted.
    pub created: UnixMs,
    /// How its tasks stand. One that was discarded counts as cancelled.
    pub counts: BatchCounts,
    /// How many of its tasks are no longer kept.
    pub removed: u64,
    /// How it ended, and when.
    pub ended: Option<(BatchEnd, UnixMs)>,
}

impl BatchRecord {
    pub(crate) fn new(batch: &NewBatch) -> Self {
        Self {
            id: batch.id,
            pool: batch.pool.clone(),
            policy: batch.policy,
            completion: batch.completion,
            created: batch.created,
            counts: BatchCounts::default(),
            removed: 0,
            ended: None,
        }
    }

    /// Whether it has ended and none of its tasks is kept.
    pub(crate) fn is_spent(&self) -> bool {
        self.ended.is_some() && self.removed >= self.counts.total
    }

    /// What its pool has to know of it.
    #[must_use]
    pub fn batch(&self) -> Batch {
        Batch { policy: self.policy, counts: self.counts }
    }
}
