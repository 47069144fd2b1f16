//! The two ways to say `ready` without a word of the protocol: a newline on a descriptor (s6's
//! notification-fd), and a line of output.

use hearken_config::LogPattern;
use std::io;
use std::os::fd::OwnedFd;
use tokio::net::unix::pipe::Receiver;

/// The read end of a readiness descriptor.
#[derive(Debug)]
pub(super) struct Newline(Option<Receiver>);

impl Newline {
    /// # Errors
    /// If it cannot be watched.
    pub(super) fn new(pipe: Option<OwnedFd>) -> io::Result<Self> {
        Ok(Self(pipe.map(Receiver::from_owned_fd_unchecked).transpose()?))
    }

    /// Waits until there is something to read. Never, once it is closed.
    pub(super) async fn readable(&self) {
        match &self.0 {
            // An error shows again in the read.
            Some(pipe) => drop(pipe.readable().await),
            None => std::future::pending().await,
        }
    }

    /// Reads what is there, and answers whether a newline was among it. What comes before it means
    /// nothing, and after it nothing does: the pipe is closed then, and at its end.
    pub(super) fn read(&mut self) -> bool {
        let Some(pipe) = &self.0 else { return false };
        let mut room = [0; 256];
        let (ready, over) = match pipe.try_read(&mut room) {
            Ok(0) => (false, true),
            Ok(read) => {
                let ready = room.iter().take(read).any(|byte| *byte == b'\n');
                (ready, ready)
            }
            Err(error) => {
                let again = [io::ErrorKind::WouldBlock, io::ErrorKind::Interrupted];
                (false, !again.contains(&error.kind()))
            }
        };
        if over {
            self.0 = None;
        }
        ready
    }
}

/// Looks for the line of output that says `ready`.
#[derive(Debug)]
pub(super) enum LogWatch {
    /// No line does, or one did and that was told.
    Off,
    /// Every line is held against this.
    For(LogPattern),
    /// One matched, and that is yet to be told.
    Found,
}

impl LogWatch {
    pub(super) fn new(pattern: Option<LogPattern>) -> Self {
        pattern.map_or(Self::Off, Self::For)
    }

    /// Takes in a line, or a piece of a long one.
    pub(super) fn look(&mut self, line: &[u8]) {
        if let Self::For(pattern) = self
            && pattern.matches(line)
        {
            *self = Self::Found;
        }
    }

    /// Whether it was found just now.
    pub(super) fn take_found(&mut self) -> bool {
        let found = matches!(self, Self::Found);
        if found {
            *self = Self::Off;
        }
        found
    }
}
