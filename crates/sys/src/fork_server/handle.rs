//! The supervisor's side of the control socket. Nothing here blocks.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::Errno as Refusal;
use rustix::net::SendFlags;

use super::socket;
use super::spawn::{ChildEnds, ReadinessNumber, Spawn, Stage};
use super::wire::{self, ANSWER, Along, Answer, MAX_REQUEST};
use crate::{Errno, Pid, PidFd, Signal};

/// The supervisor's hold on its fork server.
///
/// Dropping it closes the control socket, and with that asks the fork server to kill the group
/// of every child that was not forgotten, and to leave. At a shutdown in order there is none.
#[derive(Debug)]
pub struct ForkServer {
    control: OwnedFd,
    pidfd: PidFd,
    forgotten: Vec<u64>,
    /// Given up to take a pidfd when this process is out of descriptors.
    reserve: Option<OwnedFd>,
    message: Vec<u8>,
}

/// What the fork server tells. Of one token: `Forked` and then `Execed` or `Failed`; or, where
/// no process came into being, `Failed` alone.
#[derive(Debug)]
pub enum Reply {
    /// The child exists and has this process as its parent. Its exit may already have been
    /// reaped by the time this is read.
    Forked {
        /// Of the spawn.
        token: u64,
        /// Its number.
        pid: Pid,
        /// The only way to signal it.
        pidfd: PidFd,
    },
    /// The program runs, or the child was killed before it could: its wait status knows.
    Execed {
        /// Of the spawn.
        token: u64,
    },
    /// The program does not run and never did.
    Failed {
        /// Of the spawn.
        token: u64,
        /// Which step.
        stage: Stage,
        /// Why.
        errno: Errno,
    },
    /// Said once: clone3(2) is refused here, clone(2) does the work from now on.
    LegacyClone {
        /// Why: ENOSYS or EPERM.
        errno: Errno,
    },
}

/// The fork server cannot be reached any more. Children live on; those whose `Forked` was never
/// read are found by [`children_of_self`](crate::children_of_self).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Lost {
    /// It closed its end: it exited or was killed. Its wait status says how.
    #[error("the fork server ended")]
    Ended,
    /// It could not begin.
    #[error("the fork server could not start: {errno}")]
    NotStarted {
        /// The kernel's reason.
        errno: Errno,
    },
    /// It sent what is no reply.
    #[error("the fork server sent a reply that is none")]
    Garbled,
    /// A reply brought a pidfd for which this process had no room.
    #[error("no descriptor was left for the pidfd of a child: {errno}")]
    NoDescriptor {
        /// The kernel's reason.
        errno: Errno,
    },
    /// The control socket failed.
    #[error("the control socket of the fork server failed: {errno}")]
    Socket {
        /// The kernel's reason.
        errno: Errno,
    },
}

/// Why a spawn was not sent.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The fork server has not caught up. The ends come back: try again once the control socket
    /// is writable.
    #[error("the fork server has not caught up")]
    WouldBlock(ChildEnds),
    /// Command, environment and directory are longer together than a request may be.
    #[error("command, environment and directory take {bytes} bytes, {limit} are allowed")]
    TooLarge {
        /// What they take.
        bytes: usize,
        /// What they may take.
        limit: usize,
    },
    /// There is no command, or it is empty.
    #[error("the command is empty")]
    NoCommand,
    /// The readiness descriptor was to stand where it cannot.
    #[error("descriptor {number} cannot be for readiness: 3 to 9 can, but not the line's")]
    ReadinessNumber {
        /// The number asked for.
        number: i32,
    },
    /// There is no fork server any more.
    #[error(transparent)]
    Lost(#[from] Lost),
}

/// What became of [`ForkServer::flush`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flushed {
    /// The fork server has it all.
    All,
    /// Some is left: try again once the control socket is writable.
    WouldBlock,
}

/// So many forgotten children go out in front of a spawn. Fewer wait for a flush: a message of
/// their own would stand between the end of a child and its next start.
const FORGET_AFTER: usize = 32;

impl ForkServer {
    pub(super) fn new(control: OwnedFd, pidfd: PidFd) -> ForkServer {
        let reserve = control.try_clone().ok();
        ForkServer { control, pidfd, forgotten: Vec::new(), reserve, message: Vec::new() }
    }

    /// Its number. It is a child of this process: [`next_change`](crate::next_change) tells of
    /// its end.
    pub fn pid(&self) -> Pid {
        self.pidfd.pid()
    }

    /// Asks for a child. `token` comes back in every reply about it and is the supervisor's to
    /// choose; it must not be in use. The ends are closed here once the request is sent.
    ///
    /// # Errors
    /// See [`SendError`]. Unless it is `Lost`, the fork server is as before.
    pub fn spawn(&mut self, token: u64, spawn: &Spawn, ends: ChildEnds) -> Result<(), SendError> {
        if spawn.argv.first().is_none_or(|command| command.is_empty()) {
            return Err(SendError::NoCommand);
        }
        let line = ends.line.is_some();
        let placed = |(number, _): &(i32, OwnedFd)| {
            ReadinessNumber::new(*number, line)
                .ok_or(SendError::ReadinessNumber { number: *number })
        };
        let readiness = ends.readiness.as_ref().map(placed).transpose()?;
        let along = Along { stdin: ends.stdin.is_some(), line, readiness };
        if self.forgotten.len() >= FORGET_AFTER {
            match self.flush()? {
                Flushed::All => {}
                Flushed::WouldBlock => return Err(SendError::WouldBlock(ends)),
            }
        }
        let mut message = std::mem::take(&mut self.message);
        let bytes = wire::encode_spawn(&mut message, token, spawn, along);
        let sent = if bytes > MAX_REQUEST {
            Err(Refusal::MSGSIZE)
        } else {
            let mut descriptors = vec![ends.stdout.as_fd(), ends.stderr.as_fd()];
            descriptors.extend(ends.stdin.as_ref().map(OwnedFd::as_fd));
            descriptors.extend(ends.line.as_ref().map(OwnedFd::as_fd));
            descriptors.extend(ends.readiness.as_ref().map(|(_, end)| end.as_fd()));
            self.send(&message, &descriptors)
        };
        self.message = message;
        match sent {
            Ok(()) => Ok(()),
            // Also by a kernel whose net.core.wmem_max is below MAX_REQUEST.
            Err(Refusal::MSGSIZE) => Err(SendError::TooLarge { bytes, limit: MAX_REQUEST }),
            Err(errno) if passes(errno) => Err(SendError::WouldBlock(ends)),
            Err(errno) => Err(SendError::Lost(lost(errno))),
        }
    }

    /// Says that this child was judged: it ended, and its group is no concern of the janitor any
    /// more. Goes out with [`flush`](Self::flush), or in front of a spawn once there are many.
    pub fn forget(&mut self, token: u64) {
        self.forgotten.push(token);
    }

    /// Tells a fresh fork server of a child that an earlier one forked, so that its janitor
    /// clears it away too.
    ///
    /// # Errors
    /// [`Lost`].
    pub fn adopt(&mut self, token: u64, child: &PidFd) -> Result<Flushed, Lost> {
        let mut message = std::mem::take(&mut self.message);
        wire::encode_adopt(&mut message, token, child.pid());
        let sent = self.send(&message, &[child.as_fd()]);
        self.message = message;
        flushed(sent)
    }

    /// Sends what [`forget`](Self::forget) has collected.
    ///
    /// # Errors
    /// [`Lost`].
    pub fn flush(&mut self) -> Result<Flushed, Lost> {
        /// A message of so many tokens fits everywhere.
        const BATCH: usize = 1024;

        while !self.forgotten.is_empty() {
            let batch = self.forgotten.len().saturating_sub(BATCH)..;
            let mut message = std::mem::take(&mut self.message);
            wire::encode_forget(&mut message, &self.forgotten[batch.clone()]);
            let sent = flushed(self.send(&message, &[]));
            self.message = message;
            match sent? {
                Flushed::All => drop(self.forgotten.drain(batch)),
                Flushed::WouldBlock => return Ok(Flushed::WouldBlock),
            }
        }
        Ok(Flushed::All)
    }

    /// The next reply; `None` if there is none now. Whoever waits on the control socket must
    /// call this until it returns `None`.
    ///
    /// # Errors
    /// [`Lost`], after every reply that was sent before has been returned.
    pub fn receive(&mut self) -> Result<Option<Reply>, Lost> {
        let mut buffer = [0; ANSWER];
        let received = loop {
            match socket::receive(self.control.as_fd(), &mut buffer) {
                Ok(received) => break received,
                Err(Refusal::AGAIN) => return Ok(None),
                // Said once if the peer died with requests unread. Its replies are still there.
                Err(Refusal::CONNRESET) => {}
                Err(errno) => return Err(lost(errno)),
            }
        };
        if received.bytes == 0 {
            return Err(Lost::Ended);
        }
        let bytes = buffer.get(..received.bytes).unwrap_or_default();
        match Answer::decode(bytes).ok_or(Lost::Garbled)? {
            Answer::Forked { token, pid } => {
                let pidfd = match received.descriptors.into_iter().next() {
                    Some(pidfd) => PidFd::from_parts(pidfd, pid),
                    None => self.open_from_reserve(pid)?,
                };
                Ok(Some(Reply::Forked { token, pid, pidfd }))
            }
            Answer::Execed { token } => Ok(Some(Reply::Execed { token })),
            Answer::Failed { token, stage, errno } => {
                Ok(Some(Reply::Failed { token, stage, errno }))
            }
            Answer::LegacyClone { errno } => Ok(Some(Reply::LegacyClone { errno })),
            Answer::NotStarted { errno } => Err(Lost::NotStarted { errno }),
        }
    }

    /// Kills it: for a fork server that no longer answers. [`Lost`] follows, and its wait status.
    pub fn kill(&self) {
        // Gone already, or ours and so without a reason to refuse.
        let _ = self.pidfd.signal(Signal::KILL);
    }

    pub(super) fn send_probe(&mut self, token: u64, code: u8) -> Result<(), Lost> {
        let mut message = std::mem::take(&mut self.message);
        wire::encode_probe(&mut message, token, code);
        let sent = self.send(&message, &[]);
        self.message = message;
        sent.map_err(lost)
    }

    fn send(&self, message: &[u8], descriptors: &[BorrowedFd<'_>]) -> Result<(), Refusal> {
        socket::send(self.control.as_fd(), message, descriptors, SendFlags::DONTWAIT)
    }

    /// The kernel dropped the pidfd for want of a place (EMFILE), and gave one up for it. The
    /// number may only be used if it is still that of our own child.
    fn open_from_reserve(&mut self, pid: Pid) -> Result<PidFd, Lost> {
        drop(self.reserve.take());
        let opened = PidFd::open(pid);
        self.reserve = self.control.try_clone().ok();
        let errno = match opened {
            Ok(pidfd) if crate::wait::is_our_child(&pidfd) => return Ok(pidfd),
            Ok(_strangers) => Errno::new(libc::ESRCH),
            Err(errno) => errno,
        };
        Err(Lost::NoDescriptor { errno })
    }
}

/// Ready for input when [`receive`](ForkServer::receive) has something to say, and for output
/// when a spawn can be sent again.
impl AsFd for ForkServer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.control.as_fd()
    }
}

/// Full for the moment, whether of bytes, of memory or of descriptors in flight.
fn passes(errno: Refusal) -> bool {
    matches!(errno, Refusal::AGAIN | Refusal::NOBUFS | Refusal::NOMEM | Refusal::TOOMANYREFS)
}

fn flushed(sent: Result<(), Refusal>) -> Result<Flushed, Lost> {
    match sent {
        Ok(()) => Ok(Flushed::All),
        Err(errno) if passes(errno) => Ok(Flushed::WouldBlock),
        Err(errno) => Err(lost(errno)),
    }
}

fn lost(errno: Refusal) -> Lost {
    match errno {
        Refusal::PIPE | Refusal::CONNRESET | Refusal::NOTCONN => Lost::Ended,
        other => Lost::Socket { errno: other.into() },
    }
}
