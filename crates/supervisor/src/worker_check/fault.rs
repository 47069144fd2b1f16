//! What ends a check before its last line.

use hearken_proto::Text;
use serde::Serialize;
use std::fmt;
use std::io;

/// What the worker did wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// What the protocol lets the supervisor expect.
    pub expected: String,
    /// What came instead.
    pub came: String,
    /// The last bytes the worker wrote to standard output and standard error, as text.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub output: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {}; came {}", self.expected, self.came)
    }
}

/// How much of what came is shown, in bytes: a worker may have said anything at any length.
const SHOWN: usize = 1024;

impl Fault {
    pub(super) fn new(expected: &str, came: String, output: String) -> Fault {
        let came = Text::<SHOWN>::new(came).into_string();
        Fault { expected: expected.to_owned(), came, output }
    }
}

/// Why a check ends early.
#[derive(Debug)]
pub(super) enum Setback {
    /// The worker did something wrong.
    Fault(Fault),
    /// The worker, or the tasks given for it, leave nothing to check.
    NotApplicable(String),
    /// The kernel did not start the program.
    Start { program: String, source: io::Error },
    /// The command is empty.
    NoProgram,
    /// Somebody wants this process to end.
    Interrupted,
    /// A call failed that has nothing to do with the worker.
    Machine(io::Error),
}

impl From<Fault> for Setback {
    fn from(fault: Fault) -> Self {
        Setback::Fault(fault)
    }
}

impl From<io::Error> for Setback {
    fn from(error: io::Error) -> Self {
        Setback::Machine(error)
    }
}
