//! What a store is told, and what it answers.

use crate::{Claimed, Finish, NewBatch, NewTask, Pending, Record, UnixMs};
use bytes::Bytes;
use hearken_core::pool::TaskDecidedBy;
use hearken_core::task::{BatchEnd, BatchId, Lease, TaskId, TaskState};
use std::sync::Arc;

/// One change. Many go into one commit; each is done wholly or not at all.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Keep these tasks, and the batch they make up. Answered by [`Reply::Enqueued`].
    Enqueue {
        /// The tasks, of one batch or of none.
        tasks: Vec<NewTask>,
        /// The batch, if it is a new one.
        batch: Option<NewBatch>,
    },
    /// Give a waiting task out. Answered by [`Reply::Claimed`] or [`Reply::Unchanged`].
    Claim {
        /// Which.
        id: TaskId,
        /// Under which lease: one of this store's epoch, with a number above that of every lease the
        /// task had.
        lease: Lease,
        /// To whom: `thumbnails#3`.
        worker: Arc<str>,
        /// When.
        at: UnixMs,
    },
    /// Say that a lease is still wanted. Answered by [`Reply::Fenced`]. Here a lease lasts until the
    /// store is opened anew; a store that many machines share would move its end.
    Extend {
        /// Of which task.
        id: TaskId,
        /// Which.
        lease: Lease,
    },
    /// Keep how a try ended. Answered by [`Reply::Fenced`].
    Finish(Box<Finish>),
    /// Take a task back that nobody has a lease of. Answered by [`Reply::Dropped`] or
    /// [`Reply::Unchanged`].
    Cancel {
        /// Which.
        id: TaskId,
        /// When.
        at: UnixMs,
        /// Who wants it.
        decided_by: TaskDecidedBy,
    },
    /// The time of a task is over that nobody has a lease of. Answered like [`Command::Cancel`].
    Expire {
        /// Which.
        id: TaskId,
        /// When.
        at: UnixMs,
    },
    /// Keep what the next try may go on from, in place of what an earlier one left. Answered by
    /// [`Reply::Fenced`]: stale also if its sequence is not above the last one of this lease.
    Checkpoint {
        /// Of which task.
        id: TaskId,
        /// Under which lease.
        lease: Lease,
        /// Its number within this try.
        sequence: u32,
        /// At most [`MAX_CHECKPOINT`](crate::MAX_CHECKPOINT) bytes.
        data: Bytes,
    },
    /// Keep a piece of a result, until the finish that names it. Answered by [`Reply::Fenced`].
    Spool {
        /// Of which task.
        id: TaskId,
        /// Under which lease.
        lease: Lease,
        /// The how-manieth piece, from 0, without gaps.
        sequence: u32,
        /// At most [`MAX_PIECE`](crate::MAX_PIECE) bytes.
        data: Bytes,
    },
    /// Keep that a batch is over, and let its completion task go. Answered by
    /// [`Reply::BatchEnded`]; a second end changes nothing.
    EndBatch {
        /// Which.
        id: BatchId,
        /// How it ended.
        end: BatchEnd,
        /// When.
        at: UnixMs,
    },
    /// Have a task that is dead, cancelled or expired done after all, with counters at zero and all
    /// its history. Answered by [`Reply::Requeued`] or [`Reply::Unchanged`].
    Requeue {
        /// Which.
        id: TaskId,
        /// Not dispatched before.
        at: UnixMs,
        /// To be over by then.
        expires: Option<UnixMs>,
    },
    /// Remove these tasks, as far as they have ended: nobody will ask for them again. Answered by
    /// [`Reply::Purged`].
    Forget(Vec<TaskId>),
    /// Remove tasks that ended long ago, and batches none of whose tasks is left. Answered by
    /// [`Reply::Purged`].
    Purge(Purge),
}

impl Command {
    /// How many bytes of somebody's value it carries.
    pub(crate) fn weight(&self) -> u64 {
        let bytes = match self {
            Self::Enqueue { tasks, .. } => tasks.iter().map(|task| task.input.payload.len()).sum(),
            Self::Checkpoint { data, .. } | Self::Spool { data, .. } => data.len(),
            Self::Finish(finish) => finish.inline_length(),
            Self::Claim { .. }
            | Self::Extend { .. }
            | Self::Cancel { .. }
            | Self::Expire { .. }
            | Self::EndBatch { .. }
            | Self::Requeue { .. }
            | Self::Forget(_)
            | Self::Purge(_) => 0,
        };
        bytes as u64
    }
}

/// Which ended tasks are removed.
///
/// One command looks at [`PURGE_SCAN`](crate::PURGE_SCAN) tasks at most, so that a large store holds
/// up no other command; its answer says where the next one goes on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Purge {
    /// Of this pool only.
    pub pool: Option<Arc<str>>,
    /// Those that succeeded and ended before; `None` keeps them all, and so below.
    pub succeeded: Option<UnixMs>,
    /// Those that are dead.
    pub dead: Option<UnixMs>,
    /// Those that were cancelled.
    pub cancelled: Option<UnixMs>,
    /// Those that expired.
    pub expired: Option<UnixMs>,
    /// Where to go on: the [`Purged::next`] of the command before.
    pub after: Option<TaskId>,
}

impl Purge {
    /// Whether it removes this task.
    pub(crate) fn removes(&self, record: &Record) -> bool {
        let before = match record.state {
            TaskState::Held | TaskState::Waiting | TaskState::Running => None,
            TaskState::Succeeded => self.succeeded,
            TaskState::Dead => self.dead,
            TaskState::Cancelled => self.cancelled,
            TaskState::Expired => self.expired,
        };
        let of_the_pool = self.pool.as_ref().is_none_or(|pool| *pool == record.pool);
        of_the_pool && before.is_some_and(|before| record.ended.is_some_and(|at| at < before))
    }
}

/// What a [`Purge`] or a [`Command::Forget`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Purged {
    /// How many tasks it removed.
    pub tasks: u64,
    /// How many batches.
    pub batches: u64,
    /// Where the next one goes on; `None` once all tasks were looked at.
    pub next: Option<TaskId>,
}

/// What became of a command.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// What became of each task, in the order they were given.
    Enqueued(Vec<Enqueued>),
    /// The task is handed out.
    Claimed(Box<Claimed>),
    /// Whether the lease still held.
    Fenced(Fenced),
    /// The task is over.
    Dropped,
    /// The batch is over; with its completion task, if this is what let it go.
    BatchEnded(Option<Box<Pending>>),
    /// The task waits again.
    Requeued(Box<Pending>),
    /// What was removed.
    Purged(Purged),
    /// Nothing was done, because the task stands here; `None`: there is no such task.
    Unchanged(Option<TaskState>),
    /// Nothing was done, because the command is wrong.
    Refused(Refusal),
}

/// What became of a new task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Enqueued {
    /// It is kept.
    Inserted(TaskId),
    /// There is one of the same unique key already: this one. The new one is not kept.
    Duplicate(TaskId),
}

/// Whether a lease still held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fenced {
    /// It did, and what came with it is kept.
    Kept,
    /// It did not, and what came with it is dropped: another try may be under way.
    Stale,
}

/// What is wrong with a command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Something in it is too long.
    #[error(
        "{what} has {length} bytes, and at most {limit} are kept; send less, or a reference to where the rest lies"
    )]
    TooLong {
        /// What.
        what: &'static str,
        /// How long it is, in bytes.
        length: usize,
        /// How long it may be.
        limit: usize,
    },
    /// There is a task of this id already.
    #[error("there is a task {0} already; make a new id for each task")]
    TaskExists(TaskId),
    /// There is a batch of this id already.
    #[error("there is a batch {0} already; make a new id for each batch")]
    BatchExists(BatchId),
    /// A task is to belong to a batch that is not there.
    #[error("there is no batch {0}; submit it together with its first tasks")]
    NoBatch(BatchId),
    /// A task is to belong to a batch that is over.
    #[error("the batch {0} is over and takes no more tasks; submit them in a new one")]
    BatchOver(BatchId),
    /// A held task is nobody's completion task, and would wait for ever.
    #[error("the task {0} is held, but no batch of this command names it as its completion task")]
    HeldForNobody(TaskId),
    /// A batch's completion task is none that could be.
    #[error(
        "the batch {0} names a completion task that is not held, not in this command, has a unique key, or belongs to the batch itself"
    )]
    NoCompletion(BatchId),
    /// A lease that is not of this store's epoch, or that the task had already.
    #[error(
        "the lease {lease} is none this supervisor may give now: the epoch is {epoch}, and each number is given once"
    )]
    LeaseUnfit {
        /// The lease.
        lease: Lease,
        /// The store's epoch.
        epoch: u64,
    },
    /// A piece of a result does not follow the one before.
    #[error("piece {sequence} of a result came where piece {expected} was due")]
    PieceOutOfOrder {
        /// Its number.
        sequence: u32,
        /// The number that was due.
        expected: u32,
    },
    /// What is kept of the task is not what was written.
    #[error(
        "{0}; the file was damaged after it was opened: look at the disk, and restore it from a backup"
    )]
    Damaged(String),
    /// A result grows longer than this store takes.
    #[error(
        "the result has more than {limit} bytes; raise max_result of the pool, or send a reference to where it lies"
    )]
    ResultTooLong {
        /// How many bytes it takes.
        limit: u64,
    },
    /// A result is to be what was spooled, but something else was.
    #[error(
        "the result is said to be {pieces} pieces of {length} bytes, but {spooled_pieces} of {spooled_length} were spooled"
    )]
    SpoolDiffers {
        /// How many pieces it is said to have.
        pieces: u32,
        /// How many bytes.
        length: u64,
        /// How many pieces came.
        spooled_pieces: u32,
        /// How many bytes.
        spooled_length: u64,
    },
}
