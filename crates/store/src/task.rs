//! A task as it is submitted, as it is kept, and as it is handed out.

use crate::UnixMs;
use bytes::Bytes;
use hearken_core::task::{BatchId, Counters, Lease, Priority, TaskId, TaskState};
use std::borrow::Cow;
use std::sync::Arc;

/// What a worker gets to work on. The store looks into none of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Input {
    /// One MessagePack value.
    pub payload: Bytes,
    /// A media type for the payload.
    pub content_type: Option<Arc<str>>,
    /// Whatever the submitter attached: a MessagePack map.
    pub headers: Option<Bytes>,
    /// The W3C trace context.
    pub traceparent: Option<Arc<str>>,
}

/// A task to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTask {
    /// Its name, for good.
    pub id: TaskId,
    /// The pool that is to do it.
    pub pool: Arc<str>,
    /// Its type.
    pub kind: Option<Arc<str>>,
    /// While a task of this key is kept for the pool, in whatever state, no other is taken.
    pub unique_key: Option<Arc<str>>,
    /// Tasks of different keys take turns.
    pub fairness_key: Option<Arc<str>>,
    /// How soon it is dispatched.
    pub priority: Priority,
    /// Not dispatched before.
    pub not_before: UnixMs,
    /// To be over by then, one way or the other.
    pub expires: Option<UnixMs>,
    /// The batch it belongs to: that of the same command, or an earlier one that has not ended.
    pub batch: Option<BatchId>,
    /// When it was submitted.
    pub created: UnixMs,
    /// Whether it waits for the end of the batch that names it as its completion task.
    pub held: bool,
    /// What the worker gets.
    pub input: Input,
}

/// Where a task stands, with everything that is small about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its name.
    pub id: TaskId,
    /// Its pool.
    pub pool: Arc<str>,
    /// Its type.
    pub kind: Option<Arc<str>>,
    /// The key no other task of its pool may have.
    pub unique_key: Option<Arc<str>>,
    /// Tasks of different keys take turns.
    pub fairness_key: Option<Arc<str>>,
    /// How soon it is dispatched.
    pub priority: Priority,
    /// The batch it belongs to.
    pub batch: Option<BatchId>,
    /// When it was submitted.
    pub created: UnixMs,
    /// To be over by then.
    pub expires: Option<UnixMs>,
    /// Where it stands.
    pub state: TaskState,
    /// Not dispatched before.
    pub not_before: UnixMs,
    /// How it was tried so far. A requeue begins them anew, except `leases`, which numbers its
    /// attempts for good.
    pub counters: Counters,
    /// Who has it, or had it last.
    pub holder: Option<Holder>,
    /// When its first try began; a requeue forgets it.
    pub first_try: Option<UnixMs>,
    /// When it ended.
    pub ended: Option<UnixMs>,
    /// Who decided that: the name of a [`TaskDecidedBy`](hearken_core::pool::TaskDecidedBy).
    pub ended_by: Option<Cow<'static, str>>,
    /// The attempt whose error was the last.
    pub error_attempt: Option<u32>,
    /// The attempt whose result stands.
    pub result_attempt: Option<u32>,
    /// The try that left the checkpoint that is kept, and its number within that try.
    pub checkpoint: Option<(Lease, u32)>,
}

/// To whom a task was handed out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Under which lease.
    pub lease: Lease,
    /// Which worker: `thumbnails#3`.
    pub worker: Arc<str>,
    /// Since when.
    pub since: UnixMs,
}

/// A task that waits, as the index in memory has to know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    /// Its name.
    pub id: TaskId,
    /// Its pool.
    pub pool: Arc<str>,
    /// Its type.
    pub kind: Option<Arc<str>>,
    /// Tasks of different keys take turns.
    pub fairness_key: Option<Arc<str>>,
    /// How soon it is dispatched.
    pub priority: Priority,
    /// The batch it belongs to.
    pub batch: Option<BatchId>,
    /// Not dispatched before.
    pub not_before: UnixMs,
    /// To be over by then.
    pub expires: Option<UnixMs>,
    /// How it was tried so far.
    pub counters: Counters,
    /// When its first try began.
    pub first_try: Option<UnixMs>,
    /// The lease that was given out last.
    pub lease: Option<Lease>,
}

/// A task that was handed out, and all a worker is told about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    /// Where it stands: this try is counted already.
    pub record: Record,
    /// What it is to work on.
    pub input: Input,
    /// What an earlier try left for this one.
    pub checkpoint: Option<Bytes>,
    /// The JSON of the last error.
    pub last_error: Option<Box<str>>,
}

impl Record {
    /// A task that was just submitted.
    pub(crate) fn new(task: &NewTask) -> Self {
        Self {
            id: task.id,
            pool: task.pool.clone(),
            kind: task.kind.clone(),
            unique_key: task.unique_key.clone(),
            fairness_key: task.fairness_key.clone(),
            priority: task.priority,
            batch: task.batch,
            created: task.created,
            expires: task.expires,
            state: if task.held { TaskState::Held } else { TaskState::Waiting },
            not_before: task.not_before,
            counters: Counters::default(),
            holder: None,
            first_try: None,
            ended: None,
            ended_by: None,
            error_attempt: None,
            result_attempt: None,
            checkpoint: None,
        }
    }

    /// What the index in memory has to know of it.
    #[must_use]
    pub fn pending(&self) -> Pending {
        Pending {
            id: self.id,
            pool: self.pool.clone(),
            kind: self.kind.clone(),
            fairness_key: self.fairness_key.clone(),
            priority: self.priority,
            batch: self.batch,
            not_before: self.not_before,
            expires: self.expires,
            counters: self.counters,
            first_try: self.first_try,
            lease: self.holder.as_ref().map(|holder| holder.lease),
        }
    }
}
