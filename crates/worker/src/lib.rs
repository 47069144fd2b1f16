//! The child side of hearken: a program says how it is doing, and hears when it should stop.
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
//! # Stopping
//!
//! hearken says `drain` on the line and sends SIGTERM right after it. A program that does nothing about SIGTERM is
//! ended by it, in the middle of whatever it does. To finish first, choose one:
//! - [`Worker::drain_on_sigterm`] takes SIGTERM for a drain, with or without hearken;
//! - a handler of your own, with [`Worker::draining`] beside it.
//!
//! # What goes on in the background
//!
//! One thread listens. It answers `ping`, and says `heartbeat` as often as hearken wants it: a sign that the process
//! lives, not that its work goes on. Whatever else you say is a sign of life too.
//!
//! Saying something writes to a socket that hearken always reads; a call waits only while hearken itself stands still.
//!
//! # Grandchildren
//!
//! They inherit no part of the line: it is close-on-exec. They do inherit the variable `HEARKEN_FD`, which names a
//! descriptor they do not have; remove it (`Command::env_remove`) where a grandchild uses an SDK too.

mod console;
mod descriptor;
mod error;
mod failure;
mod heard;
mod listener;
mod run;
mod voice;
mod worker;

pub use error::{ConnectError, LineError};
pub use failure::WorkerError;
pub use run::run;
pub use worker::Worker;

pub use hearken_proto::{
    Drain, ErrorKind, Heartbeat, Intent, Level, Metric, MetricType, Progress, Raw, Scope, Welcome,
};
