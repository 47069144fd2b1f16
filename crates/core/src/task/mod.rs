//! Tasks: pieces of work given to a pool, and the values every layer speaks of them in.
//!
//! ```text
//!                    ┌────────────── retry, snooze, released ──────────────┐
//!                    ▼                                                     │
//!   enqueued ─▶ waiting (from its `not_before` on) ── claimed ─▶ running ──┤
//!      │             │                                                     │
//!      ▼             └── cancelled, expired                                └─▶ succeeded, dead,
//!   held, until its batch has ended: a batch's completion task                 cancelled, expired
//! ```
//!
//! What happens to a task is decided in [`mod@crate::pool`]; where it is kept is the store's matter.

mod batch;
mod counters;
mod id;
mod verdict;

pub use batch::{Batch, BatchCounts, BatchEnd, BatchPolicy, Share, ShareError};
pub use counters::{Counted, Counters};
pub use id::{BatchId, IdError, Lease, TaskId};
pub use verdict::{TaskPace, TaskSentence, decide, table};

/// Where a task stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TaskState {
    /// It waits for the end of its batch.
    Held,
    /// It waits for its time and for a worker.
    Waiting,
    /// A worker has it.
    Running,
    /// It ended well; its result is kept.
    Succeeded,
    /// It was given up, and is kept with its history until somebody decides.
    Dead,
    /// Somebody took it back.
    Cancelled,
    /// It was not done in the time it had.
    Expired,
}

impl TaskState {
    /// Every state.
    pub const ALL: [Self; 7] = [
        Self::Held,
        Self::Waiting,
        Self::Running,
        Self::Succeeded,
        Self::Dead,
        Self::Cancelled,
        Self::Expired,
    ];

    /// The name that stands in logs, in the store and in the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Dead => "dead",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
        }
    }

    /// The state of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }

    /// Whether nothing more will happen to it by itself.
    #[must_use]
    pub fn is_final(self) -> bool {
        match self {
            Self::Held | Self::Waiting | Self::Running => false,
            Self::Succeeded | Self::Dead | Self::Cancelled | Self::Expired => true,
        }
    }
}

impl std::fmt::Display for TaskState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// How soon a task is dispatched among those of its pool: 0 is last, 9 first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Priority(u8);

impl Priority {
    /// The first to be dispatched.
    pub const HIGHEST: Self = Self(9);
    /// That of a task whose submitter says nothing.
    pub const DEFAULT: Self = Self(5);

    /// A priority of 0 to 9.
    #[must_use]
    pub fn new(number: u8) -> Option<Self> {
        (number <= Self::HIGHEST.0).then_some(Self(number))
    }

    /// Its number.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }
}

impl Default for Priority {
    fn default() -> Self {
        Self::DEFAULT
    }
}
