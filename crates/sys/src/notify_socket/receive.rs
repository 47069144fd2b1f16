//! recvmsg(2) with credentials and at most one descriptor.

use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::{io, mem};

use super::Sender;
use crate::Pid;

/// struct cmsghdr of the kernel: the length with this header, a level and a type.
const HEADER: usize = size_of::<usize>() + 2 * size_of::<libc::c_int>();

/// Room for the credentials, which come first, and for one descriptor, without the padding behind
/// it, in which a second would fit.
const CONTROL: usize = aligned(HEADER + size_of::<libc::ucred>()) + HEADER + size_of::<i32>();

const fn aligned(length: usize) -> usize {
    length.next_multiple_of(size_of::<usize>())
}

#[repr(C, align(8))]
struct Control([u8; CONTROL]);

/// One message. Zero bytes are a message too.
#[derive(Debug)]
pub(super) struct Received {
    pub(super) bytes: usize,
    /// There were more bytes.
    pub(super) cut: bool,
    pub(super) sender: Option<Sender>,
    pub(super) descriptor: Option<OwnedFd>,
    /// There were more descriptors.
    pub(super) control_cut: bool,
}

/// Receives one message. Never blocks.
///
/// rustix's recvmsg has no place for pid 0, which the kernel gives for a sender outside of this
/// pid namespace: its `UCred` holds a number that may not be zero.
pub(super) fn receive(socket: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<Received> {
    let mut control = Control([0; CONTROL]);
    let mut bytes = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    // SAFETY: an all-zero msghdr is a valid one.
    let mut message: libc::msghdr = unsafe { mem::zeroed() };
    message.msg_iov = &raw mut bytes;
    message.msg_iovlen = 1;
    message.msg_control = control.0.as_mut_ptr().cast();
    message.msg_controllen = CONTROL;
    let flags = libc::MSG_CMSG_CLOEXEC | libc::MSG_DONTWAIT;
    // SAFETY: the message, its one iovec and both buffers live, with the lengths given.
    let length = unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut message, flags) };
    let length = usize::try_from(length).map_err(|_| io::Error::last_os_error())?;
    let written = &control.0[..message.msg_controllen.min(CONTROL)];
    // SAFETY: recvmsg wrote it, and this is the only reading.
    let (sender, descriptor) = unsafe { read_control(written) };
    Ok(Received {
        bytes: length.min(buffer.len()),
        cut: message.msg_flags & libc::MSG_TRUNC != 0,
        sender,
        descriptor,
        control_cut: message.msg_flags & libc::MSG_CTRUNC != 0,
    })
}

/// By hand, because libc's CMSG_NXTHDR misses a last header without the padding behind it, and
/// with it the descriptor, which would then stay open for good.
///
/// # Safety
/// `control` is what recvmsg(2) wrote, and is read once: the descriptors in it become owned.
unsafe fn read_control(mut control: &[u8]) -> (Option<Sender>, Option<OwnedFd>) {
    let (mut who, mut passed) = (None, None);
    while let Some((header, rest)) = control.split_first_chunk::<HEADER>() {
        let (length, kind) = header.split_at(size_of::<usize>());
        let length = usize::from_ne_bytes(length.try_into().expect("so long"));
        let length = length.clamp(HEADER, control.len());
        let payload = &rest[..length - HEADER];
        let mut kind = integers(kind);
        match (kind.next(), kind.next()) {
            (Some(libc::SOL_SOCKET), Some(libc::SCM_CREDENTIALS)) => who = sender(payload),
            (Some(libc::SOL_SOCKET), Some(libc::SCM_RIGHTS)) => {
                for descriptor in integers(payload).filter(|descriptor| *descriptor >= 0) {
                    // SAFETY: the kernel made it for this message, and nobody else knows of it.
                    passed = Some(unsafe { OwnedFd::from_raw_fd(descriptor) });
                }
            }
            // Nothing else was asked for.
            _ => {}
        }
        control = control.get(aligned(length)..).unwrap_or_default();
    }
    (who, passed)
}

/// struct ucred: pid, user, group.
fn sender(payload: &[u8]) -> Option<Sender> {
    let mut fields = integers(payload);
    let pid = Pid::new(fields.next()?)?;
    Some(Sender { pid, uid: fields.next()?.cast_unsigned() })
}

fn integers(bytes: &[u8]) -> impl Iterator<Item = i32> {
    bytes.chunks_exact(4).map(|bytes| i32::from_ne_bytes(bytes.try_into().expect("of 4")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_data_that_is_cut_or_garbled_is_nothing() {
        for garbage in [[0; CONTROL], [0xFF; CONTROL]] {
            for length in 0..=CONTROL {
                // SAFETY: there is no descriptor in it.
                let found = unsafe { read_control(&garbage[..length]) };
                assert!(matches!(found, (None, None)));
            }
        }
    }
}
