//! The end of a try, as it is reported, and as it stands in a task's history.

use crate::UnixMs;
use bytes::Bytes;
use hearken_core::pool::{TaskDecidedBy, TaskNext};
use hearken_core::task::{Counters, Lease, TaskId};
use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

/// How a try ended. Taken only from the lease that was given out last.
#[derive(Debug, Clone, PartialEq)]
pub struct Finish {
    /// Which task.
    pub id: TaskId,
    /// Under which lease.
    pub lease: Lease,
    /// When.
    pub at: UnixMs,
    /// What becomes of the task.
    pub next: TaskNext,
    /// Its counters from now on; `leases` is the store's own and is not taken over.
    pub counters: Counters,
    /// Not dispatched before, if it goes on.
    pub not_before: UnixMs,
    /// Who decided.
    pub decided_by: TaskDecidedBy,
    /// The label of the rule that decided, if one did.
    pub rule: Option<Arc<str>>,
    /// The JSON of what was wrong.
    pub error: Option<Box<str>>,
    /// What came out.
    pub result: Option<TaskResult>,
    /// What the worker logged about it.
    pub logs: Option<Box<str>>,
    /// The JSON of its last progress.
    pub progress: Option<Box<str>>,
    /// How long the try took.
    pub took: Duration,
}

impl Finish {
    /// A try that was cut short by others: the task goes back as if it had not been handed out.
    #[must_use]
    pub fn released(id: TaskId, lease: Lease, counters: Counters, at: UnixMs) -> Self {
        Self {
            id,
            lease,
            at,
            next: TaskNext::Released,
            counters,
            not_before: at,
            decided_by: TaskDecidedBy::Supervisor,
            rule: None,
            error: None,
            result: None,
            logs: None,
            progress: None,
            took: Duration::ZERO,
        }
    }
}

impl Finish {
    /// How many bytes of texts and values it carries itself.
    pub(crate) fn inline_length(&self) -> usize {
        let texts = [&self.error, &self.logs, &self.progress];
        let texts: usize = texts.into_iter().flatten().map(|text| text.len()).sum();
        let result = self.result.as_ref().map_or(0, |result| match &result.body {
            ResultBody::Inline(bytes) => bytes.len(),
            ResultBody::Spooled { .. } => 0,
        });
        texts + result
    }
}

/// What came out of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskResult {
    /// The value itself, or where it is.
    pub body: ResultBody,
    /// With a media type the body is bytes of that type; without one it is a MessagePack value.
    pub content_type: Option<Arc<str>>,
    /// A few words or numbers about it: a MessagePack map.
    pub summary: Option<Bytes>,
}

/// A result's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResultBody {
    /// Here: at most [`MAX_INLINE`](crate::MAX_INLINE) bytes.
    Inline(Bytes),
    /// The pieces that were spooled under the same lease: so many, of so many bytes together. The
    /// finish is refused if the spool holds anything else.
    Spooled {
        /// How many pieces.
        pieces: u32,
        /// How many bytes.
        length: u64,
    },
}

impl ResultBody {
    /// How long the value is, in bytes.
    #[must_use]
    pub fn length(&self) -> u64 {
        match self {
            Self::Inline(bytes) => bytes.len() as u64,
            Self::Spooled { length, .. } => *length,
        }
    }
}

/// One try in the history of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The how-manieth, from 1.
    pub number: u32,
    /// The lease it had.
    pub lease: Lease,
    /// Who made it: `thumbnails#3`.
    pub worker: Arc<str>,
    /// When it began.
    pub started: UnixMs,
    /// When it ended; `None` if nobody saw its end, because the supervisor was gone before.
    pub ended: Option<UnixMs>,
    /// How long the worker took.
    pub took: Duration,
    /// What became of the task: the name of a [`TaskNext`].
    pub outcome: Cow<'static, str>,
    /// The name of a [`TaskDecidedBy`].
    pub decided_by: Cow<'static, str>,
    /// The label of the rule that decided.
    pub rule: Option<Arc<str>>,
    /// The JSON of what was wrong.
    pub error: Option<Box<str>>,
    /// What the worker logged about it.
    pub logs: Option<Box<str>>,
    /// The JSON of its last progress.
    pub progress: Option<Box<str>>,
    /// What came out; the value itself is read with [`Read::result`](crate::Read::result).
    pub result: Option<ResultMeta>,
}

/// What is known of a result without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResultMeta {
    /// How many bytes it has.
    pub length: u64,
    /// A media type for it.
    pub content_type: Option<Arc<str>>,
    /// A few words or numbers about it: a MessagePack map.
    pub summary: Option<Bytes>,
}
