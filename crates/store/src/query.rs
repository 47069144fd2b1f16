//! What can be asked of a store.

use crate::{Attempt, BatchRecord, Input, Record, StoreError};
use bytes::Bytes;
use hearken_core::task::{BatchId, TaskId, TaskState};
use std::fmt;
use std::sync::Arc;

/// Which tasks a list shows, in the order of their ids, which is that of their submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    /// Of this pool only.
    pub pool: Option<Arc<str>>,
    /// In this state only.
    pub state: Option<TaskState>,
    /// Of this batch only.
    pub batch: Option<BatchId>,
    /// Of this type only.
    pub kind: Option<Arc<str>>,
    /// Where to go on: the [`Page::next`] of the page before.
    pub after: Option<TaskId>,
    /// Whether the last submitted come first.
    pub newest_first: bool,
    /// How many at most: 1 to [`MAX_PAGE`](crate::MAX_PAGE); what lies outside is brought in.
    pub limit: usize,
}

impl Filter {
    /// Every task.
    #[must_use]
    pub fn all() -> Self {
        Self {
            pool: None,
            state: None,
            batch: None,
            kind: None,
            after: None,
            newest_first: false,
            limit: crate::MAX_PAGE,
        }
    }

    pub(crate) fn page_size(&self) -> usize {
        self.limit.clamp(1, crate::MAX_PAGE)
    }

    /// Whether it shows this one.
    pub(crate) fn shows(&self, record: &Record) -> bool {
        fn is<T: PartialEq + ?Sized>(wanted: Option<&T>, found: Option<&T>) -> bool {
            wanted.is_none() || wanted == found
        }
        is(self.pool.as_deref(), Some(&*record.pool))
            && is(self.state.as_ref(), Some(&record.state))
            && is(self.batch.as_ref(), record.batch.as_ref())
            && is(self.kind.as_deref(), record.kind.as_deref())
    }
}

/// A part of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The tasks; there may be more although these are fewer than asked for.
    pub tasks: Vec<Listed>,
    /// Where the next page goes on; `None` at the end of the list.
    pub next: Option<TaskId>,
}

/// A task in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Where it stands.
    pub record: Record,
    /// The JSON of its last error.
    pub last_error: Option<Box<str>>,
}

/// Everything that is kept of one task, but for its result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    /// Where it stands.
    pub record: Record,
    /// What the worker gets.
    pub input: Input,
    /// What the next try may go on from.
    pub checkpoint: Option<Bytes>,
    /// Its tries, the first one first; at most [`MAX_ATTEMPTS`](crate::MAX_ATTEMPTS) of the last.
    pub attempts: Vec<Attempt>,
    /// The batch it belongs to.
    pub batch: Option<BatchRecord>,
}

/// How many tasks of a pool are in a state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Count {
    /// Which pool.
    pub pool: Arc<str>,
    /// Which state.
    pub state: TaskState,
    /// How many; never 0.
    pub tasks: u64,
}

/// A result, ready to be read. It stays readable though its task is removed meanwhile.
#[derive(Debug)]
pub struct StoredResult {
    /// A media type for it.
    pub content_type: Option<Arc<str>>,
    /// A few words or numbers about it: a MessagePack map.
    pub summary: Option<Bytes>,
    /// How many bytes it has.
    pub length: u64,
    /// Its bytes, piece by piece; an error if they are not what was once written.
    pub pieces: Pieces,
}

/// The bytes of a result, piece by piece, each at most [`MAX_PIECE`](crate::MAX_PIECE) long.
pub struct Pieces(Box<dyn Iterator<Item = Result<Bytes, StoreError>> + Send>);

impl Pieces {
    pub(crate) fn new(
        pieces: impl Iterator<Item = Result<Bytes, StoreError>> + Send + 'static,
    ) -> Self {
        Self(Box::new(pieces))
    }
}

impl fmt::Debug for Pieces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pieces").finish_non_exhaustive()
    }
}

impl Iterator for Pieces {
    type Item = Result<Bytes, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next()
    }
}
