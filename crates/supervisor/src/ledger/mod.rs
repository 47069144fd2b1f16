//! The ledger: every change of state, kept in the state directory and, the last ends, in memory.
//!
//! ```text
//!   Report ─▶ note ─▶ Ledger (the loop's: where all stand, the last ends)
//!               └─ one batch a round ─▶ Queue (bounded) ─▶ Writer (own thread) ─▶ ledger.jsonl
//!                                                                                 ledger.1.jsonl …
//! ```
//!
//! The format of a line stands in `record.rs`; [`read`] gives the lines back. A file that is full is
//! moved aside and the next begins with a snapshot of where every instance stands and its last end,
//! so that nobody needs what was thrown away to know why something is as it is. A kill -9 costs at
//! most the line that was being written.
//!
//! Architecture invariant: nothing here decides anything, and nothing waits for a disk but the
//! writer's own thread. What the environment of a child holds never comes here; what a child says
//! itself does.

mod book;
mod core;
mod file;
mod history;
mod kept;
mod named;
mod note;
mod queue;
mod reader;
mod record;
mod standing;
#[cfg(test)]
pub(crate) mod testing;
mod writer;

pub(crate) use self::core::cut;
pub(crate) use book::{Ledger, Origin};
pub(crate) use standing::maybe_time;

pub use self::core::NotOfThisVersion;
pub use kept::{
    Ended, Group, KeptBeyond, KeptEnd, KeptError, KeptEvidence, KeptJudgement, KeptLimit, KeptNext,
    KeptPace, KeptRule, MESSAGE_MAX, Reaction, UnitShape, Voice,
};
pub use named::Named;
pub use reader::{Flaw, ReadError, Reading, read, read_current};
pub use record::{Fact, Life, Record, Supervisor};
pub use standing::{Left, Standings, Stands, State};

/// The file that is written.
pub(crate) const CURRENT: &str = "ledger.jsonl";
/// How many older files are kept beside it: `ledger.1.jsonl` is the youngest of them.
pub(crate) const OLDER: u32 = 4;

/// The name of the file that is so many rotations old.
pub(crate) fn file_name(age: u32) -> String {
    if age == 0 { CURRENT.into() } else { format!("ledger.{age}.jsonl") }
}
