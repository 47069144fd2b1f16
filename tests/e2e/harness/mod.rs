//! Starts hearken, reads its log, and leaves nothing behind.

mod event;
mod gate;
mod log;
mod proc;
mod setup;
mod skip;
mod socket;
mod supervisor;
mod tasks;
mod web;

pub(crate) use event::{Event, event};
pub(crate) use gate::Gate;
pub(crate) use proc::{Process, processes, processes_at_home};
pub(crate) use setup::{Setup, fixture, hearken};
pub(crate) use skip::{alone, is_root, skip};
pub(crate) use socket::{Answered, JSON, ask, ask_with};
pub(crate) use supervisor::Hearken;
pub(crate) use tasks::{TaskId, Told};
pub(crate) use web::{Web, port};

use std::time::{Duration, Instant};

/// How long a test waits for what must come. Long, because the machine may be busy; what is
/// promised to be fast says so itself.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Looks again and again, for what no event tells of: the state of other processes.
#[track_caller]
pub(crate) fn until<T>(what: &str, within: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + within;
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(Instant::now() < deadline, "not within {within:?}: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
