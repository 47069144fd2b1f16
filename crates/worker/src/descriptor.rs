//! Takes over the end of the line that hearken left in the environment. The one unsafe call of this crate.
//!
//! There is no safe way from a number to a descriptor: `/proc/self/fd/N` cannot be opened for a socket, and
//! `pidfd_getfd` (safe in rustix) is refused by the seccomp profile of most containers and leaves the inheritable
//! original open.
#![expect(unsafe_code, reason = "a descriptor that was inherited has only a number")]

use std::ffi::{OsStr, OsString};
use std::os::fd::{FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::ConnectError;

/// The variable that names the descriptor.
pub(crate) const VARIABLE: &str = "HEARKEN_FD";

/// The line can be taken over once: a second owner of one number would close it under the first.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// The line that the environment names, if it names one.
pub(crate) fn from_environment() -> Result<Option<UnixStream>, ConnectError> {
    match std::env::var_os(VARIABLE) {
        None => Ok(None),
        Some(value) => take(number(&value)?).map(Some),
    }
}

fn number(value: &OsStr) -> Result<RawFd, ConnectError> {
    let number = value.to_str().and_then(|text| text.parse::<RawFd>().ok());
    // 0, 1 and 2 belong to the standard library.
    match number {
        Some(number) if number > 2 => Ok(number),
        Some(_) | None => Err(ConnectError::NotADescriptor { value: OsString::from(value) }),
    }
}

fn take(number: RawFd) -> Result<UnixStream, ConnectError> {
    if TAKEN.swap(true, Ordering::AcqRel) {
        return Err(ConnectError::AlreadyTaken);
    }
    let line = adopt(number);
    if line.is_err() {
        TAKEN.store(false, Ordering::Release);
    }
    line
}

fn adopt(number: RawFd) -> Result<UnixStream, ConnectError> {
    // SAFETY: `HEARKEN_FD` is how hearken hands this descriptor over: nobody else in the process was told of it, and
    // `TAKEN` lets it be taken once. If the variable lies, either the number is not open, or it is something else:
    // then the check below fails and the number is given back without being closed.
    let inherited = UnixStream::from(unsafe { OwnedFd::from_raw_fd(number) });
    if let Err(source) = check(&inherited) {
        let _not_closed: RawFd = inherited.into_raw_fd();
        return Err(ConnectError::NotTheLine { number, source });
    }
    // The clone is close-on-exec, and the inheritable original is closed with `inherited`: no grandchild can hold
    // the line open or speak on it.
    let clone = inherited.try_clone().and_then(|line| {
        // The mode belongs to the socket, and hearken may well have made it a non-blocking one.
        line.set_nonblocking(false)?;
        Ok(line)
    });
    clone.map_err(|source| ConnectError::NotTheLine { number, source })
}

/// An open, connected Unix socket without a name: what a socketpair is.
fn check(inherited: &UnixStream) -> std::io::Result<()> {
    let ours = inherited.local_addr()?;
    let theirs = inherited.peer_addr()?;
    if ours.is_unnamed() && theirs.is_unnamed() {
        Ok(())
    } else {
        Err(std::io::Error::other("a socket with a name"))
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::fd::AsRawFd;

    use super::*;

    #[test]
    fn only_a_number_above_the_standard_descriptors_will_do() {
        for value in ["", "x", "-1", "0", "2", "3.0", "99999999999", " 3"] {
            assert!(number(OsStr::new(value)).is_err(), "{value:?}");
        }
        assert!(matches!(number(OsStr::new("3")), Ok(3)));
    }

    #[test]
    fn a_line_is_taken_once_and_nothing_else_is_closed_by_mistake() {
        let file = std::fs::File::open("/proc/self/status").unwrap();
        assert!(matches!(take(file.as_raw_fd()), Err(ConnectError::NotTheLine { .. })));
        assert!(file.metadata().is_ok(), "it was not ours, and it is still open");
        assert!(matches!(take(1_000_000), Err(ConnectError::NotTheLine { .. })));

        let (child, mut supervisor) = UnixStream::pair().unwrap();
        child.set_nonblocking(true).unwrap();
        let inherited = child.into_raw_fd();
        let mut line = take(inherited).unwrap();
        assert_ne!(line.as_raw_fd(), inherited);
        line.write_all(b"hi").unwrap();
        let mut heard = [0; 2];
        supervisor.read_exact(&mut heard).unwrap();
        assert_eq!(&heard, b"hi");
        assert!(matches!(take(line.as_raw_fd()), Err(ConnectError::AlreadyTaken)));
    }
}
