#![forbid(unsafe_code)]
//! Where the tasks of hearken are kept: on disk, or in memory, behind one trait.
//!
//! A [`Store`] is told [`Command`]s, many at a time; all that were told together are done in one
//! commit, and answered after it. It is asked through [`Read`]. It has no clock: every moment comes in
//! with the command. It decides nothing about tasks beyond what keeps them whole: that one lease at a
//! time is out, that a stale one changes nothing, that no unique key is kept twice.
//!
//! The order in which tasks are dispatched is not here: the supervisor builds that index from
//! [`Read::waiting`] when it starts, and hands out what it chose with [`Command::Claim`].
//!
//! | `durability` | store | an answer means |
//! |---|---|---|
//! | `strict` | [`SqliteStore`], on a [`StoreThread`] | it is on disk |
//! | `relaxed` | the same | the kernel has it: a power cut may take the last seconds |
//! | `memory` | [`MemoryStore`], in the caller's own thread | it is kept while the process lives |
//!
//! **Architecture invariant.** One process writes: whoever opens a store holds the lock of its folder.
//! Everything read from disk carries a checksum that fits its place, or is refused by name. After a failed
//! fsync nothing is written any more. No limit is claimed by what is read: lengths are checked first.
//!
//! ```
//! use hearken_core::task::{Lease, Priority, TaskId};
//! use hearken_store::{Command, Enqueued, Input, MemoryStore, NewTask, Reply, Store, UnixMs};
//!
//! let mut store = MemoryStore::new(64 * 1024 * 1024);
//! let now = UnixMs::new(1_700_000_000_000);
//! let id = TaskId::new(now.get(), 4711);
//! let task = NewTask {
//!     id,
//!     pool: "thumbnails".into(),
//!     kind: None,
//!     unique_key: Some("cat.jpg".into()),
//!     fairness_key: None,
//!     priority: Priority::DEFAULT,
//!     not_before: now,
//!     expires: None,
//!     batch: None,
//!     created: now,
//!     held: false,
//!     input: Input { payload: "\u{7}cat.jpg".into(), ..Input::default() },
//! };
//! let reply = store.apply_one(Command::Enqueue { tasks: vec![task], batch: None })?;
//! assert_eq!(reply, Reply::Enqueued(vec![Enqueued::Inserted(id)]));
//!
//! let lease = Lease { epoch: store.epoch(), number: 1 };
//! let claim = Command::Claim { id, lease, worker: "thumbnails#3".into(), at: now };
//! let Reply::Claimed(claimed) = store.apply_one(claim)? else { panic!("it waits") };
//! assert_eq!(claimed.record.counters.leases, 1);
//! # Ok::<(), hearken_store::StoreError>(())
//! ```

mod attempt;
mod batch;
mod command;
mod error;
mod lifecycle;
mod limits;
mod memory;
mod query;
mod sqlite;
mod store;
mod tally;
mod task;
mod thread;
mod unix_ms;

pub use attempt::{Attempt, Finish, ResultBody, ResultMeta, TaskResult};
pub use batch::{BatchRecord, NewBatch};
pub use command::{Command, Enqueued, Fenced, Purge, Purged, Refusal, Reply};
pub use error::StoreError;
pub use limits::{
    MAX_ATTEMPTS, MAX_CHECKPOINT, MAX_HEADERS, MAX_INLINE, MAX_KEY, MAX_NAME, MAX_PAGE,
    MAX_PAYLOAD, MAX_PIECE, MAX_TEXT, PURGE_SCAN, QUERY_SCAN,
};
pub use memory::MemoryStore;
pub use query::{Count, Filter, History, Listed, Page, Pieces, StoredResult};
pub use sqlite::{Durability, Opened, SqliteReader, SqliteStore};
pub use store::{Read, Store};
pub use task::{Claimed, Holder, Input, NewTask, Pending, Record};
pub use thread::{Answer, Overloaded, StoreThread, Ticket};
pub use unix_ms::UnixMs;
