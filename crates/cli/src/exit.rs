//! The exit codes, in one place.

use std::process::ExitCode;

/// What `hearken` exits with. Numbers above 63 are those of `sysexits.h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// All went as it should.
    Ok = 0,
    /// A critical unit failed, a process was left behind, or the supervisor could not come up; a
    /// replayed decision differs; a worker fails a check; a task, or some input of `map`, failed; a
    /// task cannot be changed now.
    Failure = 1,
    /// The command line makes no sense.
    Usage = 2,
    /// This machine lacks what hearken needs, the worker to check or the program of `map` cannot be
    /// started, no hearken answers, or there is nobody to say something to: the reason was printed.
    Unavailable = 69,
    /// Inputs, results or the job log of `map` cannot be read or written.
    Io = 74,
    /// The config, or a scenario, has problems: all of them were printed.
    InvalidConfig = 78,
    /// `map` was ended by a signal, as shells say it: 128 and SIGINT.
    Interrupted = 130,
    /// Nobody reads the results of `map` any more, as shells say it: 128 and SIGPIPE.
    BrokenPipe = 141,
}

impl Exit {
    /// Every exit code, with what it means; `hearken --help` prints this table.
    pub const TABLE: [(Self, &'static str); 8] = [
        (Self::Ok, "all went as it should"),
        (
            Self::Failure,
            "hearken could not come up, or not stay up in order; a replay, worker, task or input \
             failed",
        ),
        (Self::Usage, "the command line makes no sense"),
        (
            Self::Unavailable,
            "this machine lacks what hearken needs, a program cannot be started, or nobody hears",
        ),
        (Self::Io, "inputs, results or the job log of map cannot be read or written"),
        (Self::InvalidConfig, "the config, or a scenario, has problems"),
        (Self::Interrupted, "map was ended by a signal"),
        (Self::BrokenPipe, "nobody reads the results of map any more"),
    ];

    /// The number.
    #[must_use]
    pub fn code(self) -> u8 {
        self as u8
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
