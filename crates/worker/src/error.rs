//! What can go wrong with the line itself.

use std::ffi::OsString;
use std::io;
use std::os::fd::RawFd;

use hearken_proto::{EncodeError, Handle, Kind, Violation};
use thiserror::Error;

/// Why there is no line although `HEARKEN_FD` is set. The fault of whoever started the program.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The variable holds no number above 2.
    #[error("HEARKEN_FD is {value:?}, which is no descriptor above 2")]
    NotADescriptor {
        /// What it holds.
        value: OsString,
    },
    /// The number is not open, or not one end of a socketpair.
    #[error("HEARKEN_FD names descriptor {number}, which is not the line")]
    NotTheLine {
        /// The number.
        number: RawFd,
        /// What the kernel says.
        source: io::Error,
    },
    /// This process has taken the line over already.
    #[error("the line was taken over before; clone the Worker instead")]
    AlreadyTaken,
    /// The line did not take the first word, or no thread could be started to listen.
    #[error("the line cannot be used")]
    Line(#[from] LineError),
}

/// Why something could not be said. Nothing of it was sent.
#[derive(Debug, Clone, Error)]
#[non_exhaustive]
pub enum LineError {
    /// hearken has closed the line, or is gone.
    #[error("the line is closed")]
    Closed,
    /// hearken refused this child.
    #[error("hearken refused this program: {code}: {message}")]
    Rejected {
        /// Why, for programs: `unsupported_protocol`.
        code: String,
        /// Why, for people.
        message: String,
    },
    /// hearken sent what this version does not understand.
    #[error("hearken sent something this version does not understand: {0}")]
    NotUnderstood(Violation),
    /// hearken gave two tasks the same handle.
    #[error("hearken used the handle {handle} of a task for another one")]
    HandleReused {
        /// The handle.
        handle: Handle,
    },
    /// hearken hands out tasks and acknowledges no answer.
    #[error("hearken has not acknowledged {answers} answers, and sends one task more")]
    NotAcknowledged {
        /// How many answers wait.
        answers: usize,
    },
    /// The kernel refused to read, to write or to start a thread.
    #[error("the line failed: {0}")]
    Failed(io::ErrorKind),
    /// The message cannot be sent as it is.
    #[error("this cannot be said: {0}")]
    NotSendable(#[from] EncodeError),
    /// The message is longer than this line allows.
    #[error("a message of {length} bytes; this line allows {max}")]
    TooLong {
        /// Its length, in bytes.
        length: usize,
        /// What is allowed now, in bytes: 64 KiB until hearken has answered.
        max: u32,
    },
    /// `exiting` has been said, and only farewells may follow.
    #[error("{said} after exiting")]
    AfterExiting {
        /// What was to be said.
        said: Kind,
    },
    /// Fields, details or labels that are no map.
    #[error("not a map with words for keys: {0}")]
    NotAMap(String),
}

impl LineError {
    /// The code of sysexits that a worker ends with because of this, as in the SDKs of the other
    /// languages.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            LineError::Closed | LineError::Failed(_) => 75, // EX_TEMPFAIL
            LineError::NotUnderstood(_)
            | LineError::HandleReused { .. }
            | LineError::NotAcknowledged { .. } => 76, // EX_PROTOCOL
            LineError::Rejected { .. } => 78,               // EX_CONFIG
            LineError::NotSendable(_)
            | LineError::TooLong { .. }
            | LineError::AfterExiting { .. }
            | LineError::NotAMap(_) => 70, // EX_SOFTWARE
        }
    }

    /// Whether only this message cannot be said, and the line is as good as before.
    pub(crate) fn is_about_the_message(&self) -> bool {
        match self {
            LineError::NotSendable(_)
            | LineError::TooLong { .. }
            | LineError::AfterExiting { .. }
            | LineError::NotAMap(_) => true,
            LineError::Closed
            | LineError::Rejected { .. }
            | LineError::NotUnderstood(_)
            | LineError::HandleReused { .. }
            | LineError::NotAcknowledged { .. }
            | LineError::Failed(_) => false,
        }
    }
}

/// What the kernel says about a line: that the other end is gone has a name of its own.
impl From<io::Error> for LineError {
    fn from(error: io::Error) -> Self {
        let kind = error.kind();
        if matches!(kind, io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset) {
            LineError::Closed
        } else {
            LineError::Failed(kind)
        }
    }
}
