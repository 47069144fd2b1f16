//! The one reaper. Only the supervisor's main loop calls [`next_change`].

use std::os::fd::{AsFd, AsRawFd};
use std::time::Instant;
use std::{io, mem};

use crate::mask::Mask;
use crate::{Errno, Pid, PidFd, Signal};

/// What waitid(2) said about one child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// The child. After `Exited` or `Killed` the number is free for strangers.
    pub pid: Pid,
    /// What happened to it.
    pub what: Status,
}

/// What can happen to a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It called exit, and was reaped.
    Exited {
        /// The low eight bits of its exit code.
        code: i32,
    },
    /// A signal ended it, and it was reaped.
    Killed {
        /// The signal.
        signal: Signal,
        /// Whether the kernel wrote a core dump.
        core_dumped: bool,
    },
    /// A signal stopped it; it lives.
    Stopped {
        /// The signal.
        signal: Signal,
    },
    /// It runs again.
    Continued,
}

/// The next child that ended, stopped or continued; `None` when nothing is left to tell now.
///
/// SIGCHLD says only that there may be something: many deaths make one signal, so call this
/// until it returns `None`. It never blocks. Children appear whoever made them: those of the
/// fork server, the fork server itself, and orphans that came to the subreaper.
///
/// # Errors
/// None that waitid(2) is known to give: ECHILD is `None`, EINTR is retried.
pub fn next_change() -> io::Result<Option<Change>> {
    loop {
        // SAFETY: an all-zero siginfo_t is a valid one.
        let mut told: libc::siginfo_t = unsafe { mem::zeroed() };
        let which = libc::WEXITED | libc::WSTOPPED | libc::WCONTINUED | libc::WNOHANG;
        // SAFETY: `told` is a live siginfo_t.
        if unsafe { libc::waitid(libc::P_ALL, 0, &raw mut told, which) } == 0 {
            return Ok(read(&told));
        }
        let error = io::Error::last_os_error();
        match error.raw_os_error() {
            Some(libc::ECHILD) => return Ok(None),
            Some(libc::EINTR) => {}
            Some(_) | None => return Err(error),
        }
    }
}

/// What [`reap`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reaped {
    Lives,
    Ended(Status),
}

/// Reaps this child if it has ended. `ECHILD` if it is not a child of this process.
pub(crate) fn reap(child: &PidFd) -> Result<Reaped, Errno> {
    let told = wait_pidfd(child, libc::WEXITED | libc::WNOHANG)?;
    Ok(read(&told).map_or(Reaped::Lives, |change| Reaped::Ended(change.what)))
}

/// Whether it is a child of this process that nobody has reaped.
pub(crate) fn is_our_child(child: &PidFd) -> bool {
    wait_pidfd(child, libc::WEXITED | libc::WNOHANG | libc::WNOWAIT).is_ok()
}

fn wait_pidfd(child: &PidFd, options: libc::c_int) -> Result<libc::siginfo_t, Errno> {
    let id = child.as_fd().as_raw_fd().cast_unsigned();
    // SAFETY: an all-zero siginfo_t is a valid one.
    let mut told: libc::siginfo_t = unsafe { mem::zeroed() };
    // SAFETY: `told` is a live siginfo_t.
    let done = unsafe { libc::waitid(libc::P_PIDFD, id, &raw mut told, options) };
    if done == 0 { Ok(told) } else { Err(Errno::last()) }
}

/// Takes one pending SIGCHLD, which must be blocked. `false` if none came before the deadline.
pub(crate) fn wait_for_sigchld(deadline: Instant) -> Result<bool, Errno> {
    let wanted = Mask::only(&[Signal::CHLD]);
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let left = rustix::event::Timespec::try_from(left).map_err(|_| Errno::new(libc::EINVAL))?;
        match wanted.wait(&left) {
            Ok(()) => return Ok(true),
            Err(errno) if errno.get() == libc::EAGAIN => return Ok(false),
            Err(errno) if errno.get() == libc::EINTR => {}
            Err(errno) => return Err(errno),
        }
    }
}

/// `None` when waitid had nothing to tell: it leaves the pid zero.
fn read(told: &libc::siginfo_t) -> Option<Change> {
    // SAFETY: waitid fills si_pid and si_status, or leaves both zero.
    let (pid, status) = unsafe { (told.si_pid(), told.si_status()) };
    let pid = Pid::new(pid)?;
    let what = match told.si_code {
        libc::CLD_EXITED => Status::Exited { code: status },
        libc::CLD_KILLED | libc::CLD_DUMPED => Status::Killed {
            signal: Signal::from_kernel(status),
            core_dumped: told.si_code == libc::CLD_DUMPED,
        },
        libc::CLD_CONTINUED => Status::Continued,
        // CLD_STOPPED, and CLD_TRAPPED of a tracer, which a supervisor is not.
        _ => Status::Stopped { signal: Signal::from_kernel(status) },
    };
    Some(Change { pid, what })
}
