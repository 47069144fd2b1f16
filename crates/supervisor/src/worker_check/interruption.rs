//! ^C, heard between two waits: a worker in a group of its own would not hear it, and one that
//! hangs would stay behind.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

/// The signals that end a check early.
const SIGNALS: [i32; 3] =
    [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM, signal_hook::consts::SIGHUP];

/// Reads as ready, for good, once one of the signals came.
#[derive(Debug)]
pub(super) struct Interruption(UnixStream);

impl Interruption {
    /// From now on the signals end nothing by themselves, to the end of this process.
    pub(super) fn watch() -> io::Result<Interruption> {
        let (hears, says) = UnixStream::pair()?;
        for signal in SIGNALS {
            signal_hook::low_level::pipe::register(signal, says.try_clone()?)?;
        }
        Ok(Interruption(hears))
    }
}

impl AsFd for Interruption {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
