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
