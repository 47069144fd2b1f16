//! Messages with descriptors over a socket of type SOCK_SEQPACKET.

use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::cmsg_space;
use rustix::io::{Errno, Result};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags,
    SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recvmsg,
    sendmsg, socketpair, sockopt,
};

/// The most descriptors a message carries: stdout, stderr, stdin, line, readiness.
pub(super) const MAX_DESCRIPTORS: usize = 5;

/// A pair of ends, both blocking and CLOEXEC. One is as good as the other.
pub(super) fn pair() -> Result<(OwnedFd, OwnedFd)> {
    let (one, other) =
        socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
    // Room for the largest request even where net.core.wmem_default is small. The kernel clamps
    // it to net.core.wmem_max; a request that does not fit then is EMSGSIZE.
    for end in [&one, &other] {
        sockopt::set_socket_send_buffer_size(end, 2 * super::MAX_REQUEST)?;
    }
    Ok((one, other))
}

/// Sends one message, whole or not at all. Blocks only if `flags` lets it and the peer does not
/// read.
pub(super) fn send(
    socket: BorrowedFd<'_>,
    bytes: &[u8],
    descriptors: &[BorrowedFd<'_>],
    flags: SendFlags,
) -> Result<()> {
    let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() {
        assert!(control.push(SendAncillaryMessage::ScmRights(descriptors)), "at most five");
    }
    loop {
        // NOSIGNAL: a peer that is gone is an error to handle, not a SIGPIPE.
        let flags = flags | SendFlags::NOSIGNAL;
        match sendmsg(socket, &[IoSlice::new(bytes)], &mut control, flags) {
            Ok(_) => return Ok(()),
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
}

/// One message. Zero bytes are the end: nobody sends an empty one.
#[derive(Debug)]
pub(super) struct Received {
    pub(super) bytes: usize,
    pub(super) descriptors: Vec<OwnedFd>,
    /// The message was longer than the buffer.
    pub(super) cut: bool,
    /// Some descriptors found no room in this process's table (EMFILE) and are lost.
    pub(super) descriptors_lost: bool,
}

/// Receives one message, or fails with `AGAIN`. Never blocks.
pub(super) fn receive(socket: BorrowedFd<'_>, buffer: &mut [u8]) -> Result<Received> {
    let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let flags = RecvFlags::CMSG_CLOEXEC | RecvFlags::DONTWAIT;
    let message = loop {
        match recvmsg(socket, &mut [IoSliceMut::new(buffer)], &mut control, flags) {
            Ok(message) => break message,
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    };
    let mut descriptors = Vec::new();
    for ancillary in control.drain() {
        if let RecvAncillaryMessage::ScmRights(rights) = ancillary {
            descriptors.extend(rights);
        }
    }
    Ok(Received {
        bytes: message.bytes,
        descriptors,
        cut: message.flags.contains(ReturnFlags::TRUNC),
        descriptors_lost: message.flags.contains(ReturnFlags::CTRUNC),
    })
}
