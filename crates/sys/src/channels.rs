//! The channels between the supervisor and one child. Each is made with CLOEXEC on both ends;
//! the fork server places the child's end where the child expects it.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;

use rustix::fs::{OFlags, fcntl_setfl};
use rustix::pipe::{PipeFlags, pipe_with};

/// SO_PASSRIGHTS of socket(7), Linux 6.16; not yet in libc.
const SO_PASSRIGHTS: libc::c_int = 83;

/// Makes a line: the supervisor's end, nonblocking, and the child's end, blocking.
///
/// Where the kernel can (Linux 6.16), it refuses descriptors that the child tries to pass: the
/// supervisor reads with `read`, and would drop them anyway.
///
/// # Errors
/// `EMFILE`, `ENFILE` or `ENOMEM` of socketpair(2).
pub fn line_pair() -> io::Result<(UnixStream, OwnedFd)> {
    let (ours, childs) = UnixStream::pair()?;
    ours.set_nonblocking(true)?;
    refuse_passed_descriptors(&ours);
    Ok((ours, childs.into()))
}

fn refuse_passed_descriptors(socket: &UnixStream) {
    let off: libc::c_int = 0;
    // SAFETY: the option's value is a live c_int of the length given. An older kernel answers
    // ENOPROTOOPT, which changes nothing: the option is a second lock on a closed door.
    unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            SO_PASSRIGHTS,
            (&raw const off).cast(),
            4,
        );
    }
}

/// Makes a pipe for what a child writes, its output or its readiness: the read end, nonblocking,
/// and the write end, blocking.
///
/// # Errors
/// `EMFILE`, `ENFILE` or `ENOMEM` of pipe(2).
pub fn output_pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let (read, write) = pipe_with(PipeFlags::CLOEXEC)?;
    // A new pipe has no other status flags that this could take away.
    fcntl_setfl(&read, OFlags::NONBLOCK)?;
    Ok((read, write))
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use rustix::fs::fcntl_getfl;

    use super::*;

    fn is_nonblocking(fd: &impl std::os::fd::AsFd) -> bool {
        fcntl_getfl(fd).expect("open").contains(OFlags::NONBLOCK)
    }

    #[test]
    fn only_the_supervisors_ends_are_nonblocking() {
        let (ours, childs) = line_pair().expect("line");
        assert!(is_nonblocking(&ours) && !is_nonblocking(&childs));
        let (read, write) = output_pipe().expect("pipe");
        assert!(is_nonblocking(&read) && !is_nonblocking(&write));
    }

    #[test]
    fn a_line_takes_no_descriptors_where_the_kernel_can_refuse_them() {
        use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
        let (ours, childs) = line_pair().expect("line");
        let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        let passed = [std::os::fd::AsFd::as_fd(&childs)];
        assert!(control.push(SendAncillaryMessage::ScmRights(&passed)));
        let sent = sendmsg(&childs, &[io::IoSlice::new(b"x")], &mut control, SendFlags::empty());
        let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").expect("procfs");
        let mut parts = release.split(['.', '-']).map_while(|part| part.parse::<u32>().ok());
        if (parts.next(), parts.next()) >= (Some(6), Some(16)) {
            assert_eq!(sent, Err(rustix::io::Errno::PERM));
        }
        drop(ours);
    }

    #[test]
    fn a_line_reads_eof_when_the_childs_end_closes() {
        let (mut ours, childs) = line_pair().expect("line");
        drop(childs);
        assert_eq!(ours.read(&mut [0; 1]).expect("eof"), 0);
    }
}
