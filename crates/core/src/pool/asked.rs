//! What a front end may ask of a pool.

use super::Pool;
use super::task::Place;
use crate::task::{BatchId, Lease, TaskId};

impl Pool {
    /// Whether this task is on its way here: it waits, or a worker has it.
    #[must_use]
    pub fn knows(&self, task: TaskId) -> bool {
        self.tasks.contains_key(&task)
    }

    /// Whether a worker has it, or what a worker made of it is being kept.
    #[must_use]
    pub fn is_in_hand(&self, task: TaskId) -> bool {
        self.tasks.get(&task).is_some_and(|task| match task.place {
            Place::InHand(_) | Place::Keeping => true,
            Place::Delayed(_) | Place::Ready(_) | Place::Paused => false,
        })
    }

    /// How many tasks of this batch have not ended; `None` if it is over, or was never here.
    #[must_use]
    pub fn open_in_batch(&self, batch: BatchId) -> Option<u64> {
        self.batches.get(&batch).map(super::batch::OpenBatch::open)
    }

    /// Whether something is to come of this lease.
    #[must_use]
    pub fn is_out(&self, lease: Lease) -> bool {
        self.pending.contains_key(&lease)
            || self.workers.iter().any(|worker| worker.held.iter().any(|it| it.lease == lease))
    }
}
