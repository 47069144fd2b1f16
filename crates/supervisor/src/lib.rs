#![forbid(unsafe_code)]
//! The Tokio shell of hearken: what happens goes into the core, what the core decides is done.
//!
//! ```text
//!   boot ─▶ Daemon (one loop) ─┬─ Spawner ── fork server, Register (which token is which process)
//!                              ├─ child::tend, one task a child: line, stdout, stderr
//!                              ├─ Probes: looks at children from outside, when the core says so
//!                              ├─ Supervision (hearken-core)
//!                              └─ events ─▶ logs ─▶ writer thread
//! ```
//!
//! Architecture invariants: no decision is made here that could be made in the core; one loop owns
//! all state, and no lock guards any; nothing blocks the runtime; children are started by the fork
//! server only, and reaped in one place only. [`worker_check`] runs where no daemon does, and is
//! the exception.

mod boot;
mod child;
mod clock;
pub mod control;
mod convert;
mod daemon;
pub mod emit;
mod environment;
pub mod events;
mod ghosts;
mod hash;
pub mod ledger;
mod local;
mod logs;
pub mod map;
mod notify;
mod probes;
mod register;
mod report;
pub mod simulate;
mod spawner;
mod state_directory;
pub mod tasks;
mod watched;
pub mod why;
pub mod worker_check;

pub use boot::{Up, UpError, up, up_beside};
pub use hearken_core::action::Outcome;
pub use hearken_sys::become_fork_server_if_asked;
pub use notify::NotifyError;
pub use state_directory::{StateError, state_directory};
