//! The socket that `NOTIFY_SOCKET` names: children send what sd_notify(3) describes, one message
//! a datagram. What a message means is not known here.
//!
//! Anybody who can reach the file may send, and whoever sends may be hostile: what is received is
//! bounded, and of a row of passed descriptors none is kept.

mod receive;

use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with, sockopt};

use crate::Pid;
use crate::socket_file::SocketFile;

/// The most bytes of a message that are kept; systemd has the same bound.
const MAX_BYTES: usize = 4096;

/// Behind the path while the file is not yet open to all.
const NEW: &str = ".new";

/// Every user may send.
const MODE: u32 = 0o666;

/// The receiving end of a `NOTIFY_SOCKET`. Ready for input when there is a datagram.
///
/// Dropping it removes its file, unless another one has taken that name since.
#[derive(Debug)]
pub struct NotifySocket {
    socket: OwnedFd,
    _file: SocketFile,
}

/// One message, as it came.
#[derive(Debug)]
pub struct Datagram {
    /// `None` if this process cannot name the sender: it is outside of its pid namespace.
    pub sender: Option<Sender>,
    /// At most 4096 bytes; may be empty.
    pub bytes: Vec<u8>,
    /// Whether there were more bytes than that. They are lost.
    pub truncated: bool,
    /// What came along.
    pub passed: Passed,
}

/// Who sent a datagram. The kernel vouches for it: only root (CAP_SYS_ADMIN, CAP_SETUID) can
/// name another process or user than its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sender {
    /// Its number when it sent. It may have ended since, and a stranger have the number.
    pub pid: Pid,
    /// Its user.
    pub uid: u32,
}

/// The descriptors that a datagram brought.
#[derive(Debug)]
pub enum Passed {
    /// None.
    Nothing,
    /// The one of `BARRIER=1`; closing it is the answer. It can be anything: never read from it,
    /// and mind that close(2) waits where a file server is dead or a socket lingers.
    One(OwnedFd),
    /// Two or more, which no message needs. All are closed.
    TooMany,
    /// At least one, and this process had no place left for it (EMFILE). All are closed.
    NoRoom,
}

impl NotifySocket {
    /// Makes the socket and its file, which every user may write to. What had that name is
    /// replaced in one step: nobody meets a file that is not yet to be written to, nor none at all
    /// where there was a stale one. So the directory must be the caller's alone, and locked. The
    /// path should be absolute; it may take 104 bytes.
    ///
    /// # Errors
    /// `ENAMETOOLONG`, and what socket(2), bind(2), chmod(2) and rename(2) can say.
    pub fn bind(path: &Path) -> io::Result<NotifySocket> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(AddressFamily::UNIX, SocketType::DGRAM, flags, None)?;
        // Before the bind: a datagram sent without it has no sender.
        sockopt::set_socket_passcred(&socket, true)?;
        let mut new = OsString::from(path);
        new.push(NEW);
        let file = SocketFile::bind(socket.as_fd(), new.as_ref(), path, MODE, || Ok(()))?;
        Ok(NotifySocket { socket, _file: file })
    }

    /// The next message; `None` if there is none now. Never blocks. Senders that find the queue
    /// full wait or try again, so a row of calls need not end by itself: bound it.
    ///
    /// # Errors
    /// What recvmsg(2) can say of a socket that is one: `ENOMEM`.
    pub fn receive(&self) -> io::Result<Option<Datagram>> {
        let mut buffer = [0; MAX_BYTES];
        let received = loop {
            match receive::receive(self.socket.as_fd(), &mut buffer) {
                Ok(received) => break received,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) => return Err(error),
            }
        };
        let passed = match (received.descriptor, received.control_cut) {
            (None, false) => Passed::Nothing,
            (Some(one), false) => Passed::One(one),
            // There is room for one and it was taken, so there were more.
            (Some(_first), true) => Passed::TooMany,
            (None, true) => Passed::NoRoom,
        };
        Ok(Some(Datagram {
            sender: received.sender,
            bytes: buffer[..received.bytes].to_vec(),
            truncated: received.cut,
            passed,
        }))
    }
}

impl AsFd for NotifySocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use rustix::net::{SendFlags, SocketAddrUnix, sendto};

    use super::*;

    /// A directory of the test's own, gone at its end.
    struct Directory(PathBuf);

    impl Directory {
        fn new(test: &str) -> Directory {
            let name = format!("hearken-sys-notify-{test}-{}", Pid::own());
            let directory = Directory(std::env::temp_dir().join(name));
            fs::create_dir(&directory.0).expect("temporary directory");
            directory
        }

        fn path(&self) -> PathBuf {
            self.0.join("notify")
        }
    }

    impl Drop for Directory {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).expect("own directory");
        }
    }

    fn send(path: &Path, bytes: &[u8]) {
        let flags = SocketFlags::CLOEXEC;
        let socket = socket_with(AddressFamily::UNIX, SocketType::DGRAM, flags, None);
        let address = SocketAddrUnix::new(path).expect("short");
        let sent = sendto(socket.expect("socket"), bytes, SendFlags::empty(), &address);
        assert_eq!(sent, Ok(bytes.len()));
    }

    #[test]
    fn a_datagram_comes_whole_and_with_its_sender() {
        let directory = Directory::new("whole");
        let socket = NotifySocket::bind(&directory.path()).expect("bind");
        assert!(socket.receive().expect("open").is_none());
        let uid = rustix::process::getuid().as_raw();
        for bytes in [&b"READY=1\nSTATUS=\xFF"[..], b"", &[b'x'; MAX_BYTES]] {
            send(&directory.path(), bytes);
            let datagram = socket.receive().expect("open").expect("sent");
            assert_eq!(datagram.bytes, bytes);
            assert_eq!(datagram.sender, Some(Sender { pid: Pid::own(), uid }));
            assert!(!datagram.truncated);
            assert!(matches!(datagram.passed, Passed::Nothing));
        }
        assert!(socket.receive().expect("open").is_none());
    }

    #[test]
    fn a_datagram_over_4096_bytes_is_truncated_and_the_next_is_not() {
        let directory = Directory::new("truncated");
        let socket = NotifySocket::bind(&directory.path()).expect("bind");
        send(&directory.path(), &[b'x'; MAX_BYTES + 1]);
        send(&directory.path(), b"READY=1");
        let cut = socket.receive().expect("open").expect("sent");
        assert_eq!((cut.bytes.len(), cut.truncated), (MAX_BYTES, true));
        let whole = socket.receive().expect("open").expect("sent");
        assert_eq!((whole.bytes.as_slice(), whole.truncated), (&b"READY=1"[..], false));
    }

    #[test]
    fn whatever_has_the_name_is_replaced_and_only_the_own_file_is_removed() {
        let directory = Directory::new("replaced");
        let path = directory.path();
        fs::write(&path, "stale").expect("room");
        fs::write(path.with_extension("new"), "of a bind that was cut short").expect("room");
        let first = NotifySocket::bind(&path).expect("bind");
        let second = NotifySocket::bind(&path).expect("bind");
        drop(first);
        send(&path, b"READY=1");
        assert!(second.receive().expect("open").is_some());
        drop(second);
        assert_eq!(fs::read_dir(&directory.0).expect("own directory").count(), 0);
    }

    #[test]
    fn a_bind_that_fails_leaves_nothing() {
        let directory = Directory::new("fails");
        let path = directory.path();
        fs::create_dir(&path).expect("room");
        NotifySocket::bind(&path).expect_err("a directory is not replaced");
        let long = directory.0.join("x".repeat(104 + 1 - directory.0.as_os_str().len() - 1));
        let error = NotifySocket::bind(&long).expect_err("too long");
        assert_eq!(error.raw_os_error(), Some(libc::ENAMETOOLONG));
        assert_eq!(fs::read_dir(&directory.0).expect("own directory").count(), 1);
        let fits = directory.0.join("x".repeat(104 - directory.0.as_os_str().len() - 1));
        NotifySocket::bind(&fits).expect("104 bytes fit");
    }
}
