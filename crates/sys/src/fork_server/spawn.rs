//! What a spawn is made of, in the words of the supervisor.

use std::ffi::CString;
use std::fmt;
use std::os::fd::{OwnedFd, RawFd};

/// The descriptor at which a child finds its end of the line. The supervisor says so in the
/// environment (`HEARKEN_FD=5`).
///
/// One digit, because dash's `>&"$HEARKEN_FD"` takes one digit only; not 3, which socket
/// activation and s6's readiness use; not 9, which scripts lock with flock(1).
pub const LINE_FD: i32 = 5;

/// The program of a child.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spawn {
    /// The command and its arguments; at least the command. Without a slash it is looked up in
    /// the `PATH` of `environment` (`/bin:/usr/bin` without one); with one it is taken as it
    /// stands, relative to `directory`.
    pub argv: Vec<CString>,
    /// The whole environment, as `KEY=value`. Nothing is inherited.
    pub environment: Vec<CString>,
    /// Where the child starts; `None` is the supervisor's directory.
    pub directory: Option<CString>,
}

/// The child's ends of its channels.
#[derive(Debug)]
pub struct ChildEnds {
    /// Becomes descriptor 0; without one the child reads /dev/null. Give a
    /// [`payload_file`](crate::payload_file) rather than a pipe.
    pub stdin: Option<OwnedFd>,
    /// Becomes descriptor [`LINE_FD`]; without one the child has no such descriptor.
    pub line: Option<OwnedFd>,
    /// Becomes descriptor 1.
    pub stdout: OwnedFd,
    /// Becomes descriptor 2.
    pub stderr: OwnedFd,
    /// Becomes the descriptor of this number: 3 to 9, and not [`LINE_FD`] beside a line. The
    /// write end of an [`output_pipe`](crate::output_pipe) is what s6 calls `notification-fd`:
    /// the child writes a newline once it is ready, and an end of file without one says that
    /// nobody is left who could. A child without it has no such descriptor.
    pub readiness: Option<(i32, OwnedFd)>,
}

/// A number that a readiness descriptor may have: above the standard ones; one digit, because
/// that is all a shell's redirection takes; not where the line stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ReadinessNumber(u8);

impl ReadinessNumber {
    pub(super) fn new(number: i32, has_line: bool) -> Option<ReadinessNumber> {
        let free = (3..=9).contains(&number) && !(has_line && number == LINE_FD);
        u8::try_from(number).ok().filter(|_| free).map(ReadinessNumber)
    }

    pub(super) fn to_byte(self) -> u8 {
        self.0
    }

    pub(super) fn get(self) -> RawFd {
        self.0.into()
    }
}

/// The step of a spawn that failed. From `Descriptors` on, a process existed and has exited
/// with code 127.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Stage {
    /// Receiving the descriptors: the fork server has no room for them.
    Receive = 1,
    /// Making the pipe on which the child reports.
    StatusPipe = 2,
    /// clone3(2) or clone(2): `EAGAIN` is a limit on processes, `ENOMEM` memory.
    Fork = 3,
    /// Placing the standard descriptors, the line and the one for readiness.
    Descriptors = 4,
    /// setsid(2).
    Session = 5,
    /// Unblocking the signals.
    Signals = 6,
    /// Restoring the limit of descriptors.
    Limits = 7,
    /// chdir(2) to the directory asked for.
    Directory = 8,
    /// Asking to be killed when the supervisor dies (PR_SET_PDEATHSIG).
    DeathSignal = 9,
    /// The supervisor was already dead.
    ParentGone = 10,
    /// execve(2): no such file, not executable, not a program, too many arguments.
    Exec = 11,
}

impl Stage {
    const ALL: [Stage; 11] = [
        Stage::Receive,
        Stage::StatusPipe,
        Stage::Fork,
        Stage::Descriptors,
        Stage::Session,
        Stage::Signals,
        Stage::Limits,
        Stage::Directory,
        Stage::DeathSignal,
        Stage::ParentGone,
        Stage::Exec,
    ];

    /// The stable name of the step, in snake_case.
    pub fn as_str(self) -> &'static str {
        match self {
            Stage::Receive => "receive",
            Stage::StatusPipe => "status_pipe",
            Stage::Fork => "fork",
            Stage::Descriptors => "descriptors",
            Stage::Session => "session",
            Stage::Signals => "signals",
            Stage::Limits => "limits",
            Stage::Directory => "directory",
            Stage::DeathSignal => "death_signal",
            Stage::ParentGone => "parent_gone",
            Stage::Exec => "exec",
        }
    }

    pub(super) fn to_byte(self) -> u8 {
        self as u8
    }

    pub(super) fn from_byte(byte: u8) -> Option<Stage> {
        Stage::ALL.into_iter().find(|stage| stage.to_byte() == byte)
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stage_survives_the_wire() {
        for stage in Stage::ALL {
            assert_eq!(Stage::from_byte(stage.to_byte()), Some(stage));
        }
        assert_eq!(Stage::from_byte(0), None);
        assert_eq!(Stage::from_byte(12), None);
    }

    #[test]
    fn readiness_is_one_digit_above_the_standard_ones_and_not_the_lines() {
        let free = |has_line| -> Vec<i32> {
            (-300..300).filter(|number| ReadinessNumber::new(*number, has_line).is_some()).collect()
        };
        assert_eq!(free(false), [3, 4, 5, 6, 7, 8, 9]);
        assert_eq!(free(true), [3, 4, 6, 7, 8, 9]);
    }
}
