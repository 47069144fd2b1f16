//! `--joblog`: a line for every input that has ended, and what a later run makes of them.
//!
//! ```text
//!   Finished ─▶ Record ─▶ JobLog (locked, appended, one write a batch)
//!                            └─ read by the next run ─▶ Past ─▶ skip, run, run again
//! ```
//!
//! The lines are those of GNU parallel where both know the same (`Seq`, `Starttime`, `JobRuntime`), and
//! name an input by its [`Key`](super::key::Key) instead of its place. An input is logged after its
//! result is written: a run that is killed between the two does it again, and loses nothing.
//! Inputs that were taken back, or that no worker could be given, are not logged: the next run
//! looks at them again.

mod file;
mod past;
mod record;

pub use file::JobLogError;
pub use past::Resume;

pub(super) use file::{JobLog, Opening};
pub(super) use past::{Past, Step};
pub(super) use record::Record;
