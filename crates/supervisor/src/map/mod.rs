//! `hearken map`: a program over a list of inputs, on many processes, from the shell.
//!
//! ```text
//!   reader thread ─ Window ─▶ Course (decides) ─▶ writer thread ─▶ results, job log
//!     inputs, keys              │    ▲                └──────────── frees the Window
//!                      submit ▼    │ what became of tasks
//!                          a supervisor of one pool, in this process
//! ```
//!
//! The supervisor is that of `hearken up`, without a state directory: no socket, no ledger, no file
//! is left behind. The loop (`drive`) runs beside it in the runtime and waits for nobody but it;
//! standard input, standard output and the terminal have threads of their own.
//!
//! Architecture invariants: memory is bounded by the window, not by the list; a
//! result is written before the job log says that it is done; what ended early for any reason is
//! what the next run with `--resume` does.

mod asked;
mod course;
mod drive;
mod finished;
mod format;
mod halt;
mod input;
mod joblog;
mod jobs;
mod key;
mod order;
mod progress;
mod run;
mod tally;
mod window;
mod writer;

pub use asked::{Map, Mode};
pub use format::Format;
pub use halt::{Counted, Halt, HaltError, Threshold, Urgency};
pub use hearken_config::ResultForm;
pub use input::{Form, Source};
pub use joblog::{JobLogError, Resume};
pub use jobs::{JOBS_MAX, Jobs, JobsError};
pub use run::{MapError, Mapped, map};
