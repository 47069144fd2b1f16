//! `hearken worker-check`: which parts of the protocol a worker gets right, whatever its language.
//!
//! ```text
//!   check ─▶ one row of the table at a time ─▶ Conversation ─▶ Worker: a process, its line, its output
//!                        │                       │
//!                        └──── Row ◀── Fault ◀───┘   what was expected, and what came
//! ```
//!
//! Every check starts the worker afresh, speaks the supervisor's side of the line to it, and kills
//! what is left of it. No daemon runs, so nothing of the daemon is in the way: processes are started
//! the plain way, and waits are plain waits on descriptors, each with an end.
//!
//! Architecture invariant: what a message is, and which may come when, is `hearken-proto`'s word; a
//! check only adds what the supervisor relies on beyond a single message.

mod checks;
mod conversation;
mod fault;
mod interruption;
mod report;
mod start;
mod task_record;
mod work;
mod worker;

pub use fault::Fault;
pub use report::{Outcome, Report, Row, Section};
pub use work::{Work, WorkRefused};

use checks::{Check, Needs};
use fault::Setback;
use interruption::Interruption;
use std::ffi::OsString;
use std::time::{Duration, Instant};
use thiserror::Error;

/// What is checked, and with which tasks.
#[derive(Debug, Clone)]
pub struct WorkerCheck {
    /// The worker's program and its arguments.
    pub command: Vec<OsString>,
    /// The type of every task that does not name its own; none if left out.
    pub task_type: Option<String>,
    /// A task that succeeds.
    pub payload: Work,
    /// A task that fails with an error.
    pub fail: Option<Work>,
    /// A task that takes a second or more and watches for its cancellation.
    pub slow: Option<Work>,
    /// A task whose result is longer than 1 MiB.
    pub large: Option<Work>,
    /// How long to wait for each thing that must come.
    pub timeout: Duration,
    /// The checks to run, by name; all of them if empty.
    pub only: Vec<String>,
}

/// Why nothing can be said about the worker.
#[derive(Debug, Error)]
pub enum WorkerCheckError {
    /// The kernel did not start the program.
    #[error("cannot start {program}: {source}")]
    Start {
        /// The program, as it was given.
        program: String,
        /// What the kernel said.
        source: std::io::Error,
    },
    /// There is no program to start.
    #[error("no program is named; give it behind --, as in: -- php worker.php")]
    NoProgram,
    /// No check has this name.
    #[error("no check is called {name:?}; there are: {}", names().join(", "))]
    UnknownCheck {
        /// The name.
        name: String,
    },
    /// SIGINT, SIGTERM or SIGHUP came.
    #[error("stopped by a signal; the worker was killed")]
    Interrupted,
    /// A call failed that has nothing to do with the worker.
    #[error("cannot check on this machine: {0}")]
    Machine(#[from] std::io::Error),
}

/// What every check is given.
#[derive(Debug)]
struct Bench<'a> {
    asked: &'a WorkerCheck,
    interruption: Interruption,
}

/// The names of all checks, in the order they run in.
#[must_use]
pub fn names() -> Vec<&'static str> {
    checks::all().map(|check| check.name).collect()
}

/// Runs the checks and gives what came of them; `each` is told every row as soon as it stands.
///
/// From here on SIGINT, SIGTERM and SIGHUP end the check, and no longer the process.
///
/// # Errors
///
/// [`WorkerCheckError`] if the worker cannot be started at all, or a check is asked for that there
/// is not. Whatever the worker itself does wrong is a failed row, never an error.
pub fn check(asked: &WorkerCheck, each: &mut dyn FnMut(&Row)) -> Result<Report, WorkerCheckError> {
    if let Some(name) = asked.only.iter().find(|name| !names().contains(&name.as_str())) {
        return Err(WorkerCheckError::UnknownCheck { name: name.clone() });
    }
    let bench = Bench { asked, interruption: Interruption::watch()? };
    let mut report = Report::of(&asked.command);
    for check in checks::all() {
        if !asked.only.is_empty() && !asked.only.iter().any(|name| name == check.name) {
            continue;
        }
        let row = row(check, &bench, &report)?;
        each(&row);
        report.push(row);
    }
    Ok(report)
}

fn row(check: &Check, bench: &Bench<'_>, so_far: &Report) -> Result<Row, WorkerCheckError> {
    let began = Instant::now();
    let outcome = match why_not(check, bench.asked, so_far) {
        Some(reason) => Outcome::NotApplicable { reason },
        None => match (check.run)(bench) {
            Ok(()) => Outcome::Passed,
            Err(Setback::Fault(fault)) => Outcome::Failed(fault),
            Err(Setback::NotApplicable(reason)) => Outcome::NotApplicable { reason },
            Err(Setback::Start { program, source }) => {
                return Err(WorkerCheckError::Start { program, source });
            }
            Err(Setback::Interrupted) => return Err(WorkerCheckError::Interrupted),
            Err(Setback::NoProgram) => return Err(WorkerCheckError::NoProgram),
            Err(Setback::Machine(error)) => return Err(WorkerCheckError::Machine(error)),
        },
    };
    Ok(Row {
        name: check.name,
        tried: check.tries,
        section: check.section,
        outcome,
        took: began.elapsed(),
    })
}

/// Why this check would say nothing: a task it needs is not given, or it rests on one that failed,
/// whose fault it would only repeat, one timeout later.
fn why_not(check: &Check, asked: &WorkerCheck, so_far: &Report) -> Option<String> {
    let missing = match check.needs {
        Needs::Nothing => None,
        Needs::Fail => asked.fail.is_none().then_some("--fail"),
        Needs::Slow => asked.slow.is_none().then_some("--slow"),
        Needs::Large => asked.large.is_none().then_some("--large"),
    };
    if let Some(option) = missing {
        return Some(format!("{option} is not given"));
    }
    let before = check.after.filter(|before| so_far.has_not_passed(before));
    before.map(|before| format!("it rests on `{before}`, which has not passed"))
}
