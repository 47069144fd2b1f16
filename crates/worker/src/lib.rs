//! The child side of hearken: a program says how it is doing, and hears what to do and when it should stop.
//!
//! # A service
//!
//! ```no_run
//! use std::process::ExitCode;
//! use std::time::Duration;
//!
//! fn main() -> ExitCode {
//!     hearken_worker::run(|worker| {
//!         worker.drain_on_sigterm()?;
//!         worker.ready()?;
//!         while !worker.wait_for_drain(Duration::from_secs(1)) {
//!             worker.status("one more round")?;
//!         }
//!         Ok(())
//!     })
//! }
//! ```
//!
//! The program runs without hearken as well: where `HEARKEN_FD` is not set, [`Worker::connect`] gives a worker that
//! prints to standard error what it would have said.
//!
//! # A worker of a pool
//!
//! ```no_run
//! use std::process::ExitCode;
//! use std::time::Duration;
//! use hearken_worker::{Outcome, Task, Tasks, WorkerError, run_tasks};
//!
//! fn resize(task: &Task) -> Result<Outcome, WorkerError> {
//!     let path: String = task.payload()?;
//!     let image = std::fs::read(&path).map_err(|error| {
//!         WorkerError::not_found("image.missing", "there is no such image").caused_by(&error)
//!     })?;
//!     for _line in image.chunks(100) {
//!         task.check()?; // leaves if the task has been cancelled
//!     }
//!     Ok(Outcome::bytes(image).with_content_type("image/png"))
//! }
//!
//! fn main() -> ExitCode {
//!     run_tasks(Tasks::new().on("resize", resize).with_credits(4))
//! }
//! ```
//!
//! [`run_tasks`] does the rest: it takes tasks, answers them, hears cancellations, and ends when it is told to. Without
//! hearken it does one task, which comes from the command line. What a failure says decides what happens next:
//!
//! | a handler returns | the task |
//! |---|---|
//! | [`WorkerError::transient`] and others worth another try, [`with_retry_after`](WorkerError::with_retry_after) | comes again, perhaps not before that |
//! | [`WorkerError::rate_limited`] | comes again after that time; no attempt is counted |
//! | [`WorkerError::fatal`] | does not come again until a person acts, nor after `invalid`, `not_found` and `denied` |
//! | [`WorkerError::cancelled`], as of [`Task::check`] | is given up, as it was asked to be |
//! | [`WorkerError::worker_broken`] | comes to another worker, and this one is replaced |
//! | [`WorkerError::bug`], or a panic | comes again a few times |
//! | [`Outcome::snooze`] | comes again after that time; no attempt is counted |
//!
//! These are the defaults of hearken; the rules of the pool may say something else. [`WorkerError::fatal`] touches neither
//! the worker nor its pool; outside of a task it is the `config` error of a service, which stays down.
//!
//! # Panics
//!
//! A panic of a handler is caught and fails its task only, and one of a service is told before the program ends. That
//! takes a program that unwinds, as cargo builds it unless its profile says `panic = "abort"`: there a panic ends the
//! process at once, hearken sees a crash (SIGABRT), and every task it had begun is tried again elsewhere and counted as
//! crashed. The profile is that of the workspace you build in; cargo has none for a single crate. hearken's own says
//! `abort`, for the daemon's sake. What `cargo test` builds there unwinds all the same, test workers among it, because
//! cargo leaves that setting out for tests and all that they use; what `cargo build` makes there does not. hearken ships
//! no such worker. One that is added there wants a profile of its own, which inherits `release` and says
//! `panic = "unwind"`.
//!
//! # Stopping
//!
//! hearken says `drain` on the line and sends SIGTERM right after it. A program that does nothing about SIGTERM is
//! ended by it, in the middle of whatever it does. To finish first, choose one:
//! - [`Worker::drain_on_sigterm`] takes SIGTERM for a drain, with or without hearken;
//! - a handler of your own, with [`Worker::draining`] beside it.
//!
//! [`run_tasks`] does the first.
//!
//! # What goes on in the background
//!
//! One thread listens. It answers `ping`, and says `heartbeat` as often as hearken wants it: a sign that the process
//! lives, not that its work goes on. Whatever else you say is a sign of life too. Short tasks that follow closely are
//! read by the thread that does them; the other one takes over when one takes longer than about 20 ms.
//!
//! Saying something writes to a socket that hearken always reads; a call waits only while hearken itself stands still.
//!
//! # Grandchildren
//!
//! They inherit no part of the line: it is close-on-exec. They do inherit the variable `HEARKEN_FD`, which names a
//! descriptor they do not have; remove it (`Command::env_remove`) where a grandchild uses an SDK too.

mod alone;
mod answer;
mod console;
mod descriptor;
mod desk;
mod ear;
mod error;
mod failure;
mod half;
mod heard;
mod held;
mod listener;
mod outcome;
mod run;
mod serve;
mod speech;
mod task;
mod tasks;
mod voice;
mod worker;

pub use error::{ConnectError, LineError};
pub use failure::WorkerError;
pub use outcome::Outcome;
pub use run::run;
pub use serve::run_tasks;
pub use task::Task;
pub use tasks::Tasks;
pub use worker::Worker;

pub use hearken_proto::{
    CancelReason, Cause, Drain, ErrorKind, ErrorMessage, Handle, Intent, Level, Metric, MetricType,
    Progress, Raw, Scope, Welcome,
};
