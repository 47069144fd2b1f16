//! The proof, before anything is supervised, that exits come to this process.

use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::handle::{ForkServer, Lost, Reply};
use super::spawn::Stage;
use crate::mask::Mask;
use crate::wait::{self, Reaped};
use crate::{Errno, Signal, Status};

/// What the probe child exits with.
const CODE: u8 = 42;
const TOKEN: u64 = u64::MAX;

/// How children are made here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mechanism {
    /// By clone3(2).
    Clone3,
    /// By clone(2), because clone3 is refused.
    LegacyClone {
        /// Why.
        why: Errno,
    },
}

/// Why this process cannot be a supervisor here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProbeError {
    /// No child can be made whose parent is this process.
    #[error("the fork server cannot make a child of its parent: {errno}{}", hint(*errno))]
    Fork {
        /// The kernel's reason.
        errno: Errno,
    },
    /// The child was made, and is somebody else's.
    #[error("the kernel made the probe a child of another process (CLONE_PARENT had no effect)")]
    NotOurChild,
    /// The child ended and no SIGCHLD came.
    #[error("the probe ended and no SIGCHLD came")]
    NoSignal,
    /// waitid(2) told something else than the exit that happened.
    #[error("the probe was to exit with code 42, and waitid said {0:?}")]
    WrongStatus(Status),
    /// The fork server did not answer in time.
    #[error("the fork server did not answer within {0:?}")]
    NoAnswer(Duration),
    /// The fork server answered with something else.
    #[error("the fork server gave an answer that does not belong to a probe")]
    WrongAnswer,
    /// The fork server is gone.
    #[error(transparent)]
    Lost(#[from] Lost),
    /// The kernel refused to tell.
    #[error("{call}: {errno}")]
    Refused {
        /// The call.
        call: &'static str,
        /// The reason.
        errno: Errno,
    },
}

fn hint(errno: Errno) -> &'static str {
    if errno.get() == libc::EINVAL { "; a sandbox may not know CLONE_PARENT" } else { "" }
}

impl ForkServer {
    /// Has a child made that exits at once, and sees its SIGCHLD, its pid and its exit code come
    /// to this process. Blocks for at most `timeout`; before the runtime, before any spawn.
    ///
    /// # Errors
    /// The link of that chain which is broken.
    pub fn probe(&mut self, timeout: Duration) -> Result<Mechanism, ProbeError> {
        let refused = |call| move |errno| ProbeError::Refused { call, errno };
        // Blocked, so that the signal stays pending until it is asked for.
        let mask = Mask::only(&[Signal::CHLD]).block().map_err(refused("sigprocmask"))?;
        let done = self.see_a_child_end(timeout);
        mask.set().map_err(refused("sigprocmask"))?;
        done
    }

    fn see_a_child_end(&mut self, timeout: Duration) -> Result<Mechanism, ProbeError> {
        let deadline = Instant::now() + timeout;
        self.send_probe(TOKEN, CODE)?;
        let mut mechanism = Mechanism::Clone3;
        let child = loop {
            match self.wait_for_reply(deadline, timeout)? {
                Reply::LegacyClone { errno } => mechanism = Mechanism::LegacyClone { why: errno },
                Reply::Forked { token: TOKEN, pidfd, .. } => break pidfd,
                Reply::Failed { token: TOKEN, stage: Stage::Fork, errno } => {
                    return Err(ProbeError::Fork { errno });
                }
                Reply::Forked { .. } | Reply::Failed { .. } | Reply::Execed { .. } => {
                    return Err(ProbeError::WrongAnswer);
                }
            }
        };
        loop {
            // The signal may be that of another child, so it only says when to look.
            let signalled = wait::wait_for_sigchld(deadline)
                .map_err(|errno| ProbeError::Refused { call: "sigtimedwait", errno })?;
            match wait::reap(&child) {
                Ok(Reaped::Ended(_)) if !signalled => return Err(ProbeError::NoSignal),
                Ok(Reaped::Ended(Status::Exited { code })) if code == i32::from(CODE) => {
                    return Ok(mechanism);
                }
                Ok(Reaped::Ended(status)) => return Err(ProbeError::WrongStatus(status)),
                Ok(Reaped::Lives) if !signalled => return Err(ProbeError::NoAnswer(timeout)),
                Ok(Reaped::Lives) => {}
                Err(errno) if errno.get() == libc::ECHILD => return Err(ProbeError::NotOurChild),
                Err(errno) => return Err(ProbeError::Refused { call: "waitid", errno }),
            }
        }
    }

    fn wait_for_reply(
        &mut self,
        deadline: Instant,
        timeout: Duration,
    ) -> Result<Reply, ProbeError> {
        loop {
            if let Some(reply) = self.receive()? {
                return Ok(reply);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(ProbeError::NoAnswer(timeout));
            }
            // EINTR, and everything else that poll can say, is answered by looking again.
            let left = Timespec::try_from(left).ok();
            let _looked_at_above = poll(&mut [PollFd::new(self, PollFlags::IN)], left.as_ref());
        }
    }
}
