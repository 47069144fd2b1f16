//! The child's end of its line, as a program finds it that was told its number.

use std::io;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;

use rustix::net::{SocketType, sockopt};

/// Takes a copy of an inherited line. The original stays as it is, for whoever else in this
/// process, or started by it, knows the number; the copy ends with an exec.
///
/// # Errors
/// `EBADF` if the number is no open descriptor, `ENOTSOCK` if it is no socket, and an error of
/// kind `InvalidInput` if it is none like a line: connected, of type stream, without a name.
pub fn inherited_line(number: RawFd) -> io::Result<UnixStream> {
    // SAFETY: takes no pointers, and any number: one that is not open is an error.
    let copy = unsafe { libc::fcntl(number, libc::F_DUPFD_CLOEXEC, 3) };
    if copy < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: it is new, so nobody else has it.
    let copy = unsafe { OwnedFd::from_raw_fd(copy) };
    let is_stream = sockopt::socket_type(&copy)? == SocketType::STREAM;
    let line = UnixStream::from(copy);
    // Of another family, or not connected, it has no such addresses.
    let unnamed =
        || Ok::<_, io::Error>(line.local_addr()?.is_unnamed() && line.peer_addr()?.is_unnamed());
    if is_stream && unnamed().unwrap_or(false) {
        Ok(line)
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidInput, "it is a socket, but no line"))
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::os::fd::AsRawFd;
    use std::os::unix::net::UnixDatagram;

    use super::*;

    fn kind_of(refused: io::Result<UnixStream>) -> (io::ErrorKind, Option<i32>) {
        let error = refused.unwrap_err();
        (error.kind(), error.raw_os_error())
    }

    #[test]
    fn an_inherited_line_is_copied_and_left_as_it_is() {
        let (mut supervisor, child) = UnixStream::pair().unwrap();
        let mut copy = inherited_line(child.as_raw_fd()).unwrap();
        assert_ne!(copy.as_raw_fd(), child.as_raw_fd());
        copy.write_all(b"by the copy").unwrap();
        drop(copy);
        (&child).write_all(b", and still").unwrap();
        drop(child);
        let mut heard = String::new();
        supervisor.read_to_string(&mut heard).unwrap();
        assert_eq!(heard, "by the copy, and still");
    }

    #[test]
    fn a_number_that_is_not_open_or_no_socket_is_told_as_such() {
        for number in [-1, i32::MIN, i32::MAX, 1_000_000] {
            assert_eq!(kind_of(inherited_line(number)).1, Some(libc::EBADF), "{number}");
        }
        let file = File::open("/dev/null").unwrap();
        assert_eq!(kind_of(inherited_line(file.as_raw_fd())).1, Some(libc::ENOTSOCK));
    }

    #[test]
    fn a_socket_of_another_sort_is_no_line() {
        let (datagram, _peer) = UnixDatagram::pair().unwrap();
        let lonely = UnixDatagram::unbound().unwrap();
        let internet = TcpListener::bind("127.0.0.1:0").unwrap();
        for number in [datagram.as_raw_fd(), lonely.as_raw_fd(), internet.as_raw_fd()] {
            assert_eq!(kind_of(inherited_line(number)).0, io::ErrorKind::InvalidInput);
        }
    }
}
