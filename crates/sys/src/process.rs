//! What a supervisor does to its own process, once, before everything else.

use std::{fs, io};

use rustix::fs::{Mode, OFlags};
use rustix::process::set_child_subreaper;

use crate::limits::{DescriptorLimit, raise_descriptor_limit};
use crate::mask::{Mask, set_default};
use crate::{Errno, Signal};

/// Proof that [`prepare_supervisor`] ran in this process, and what children get back of it.
#[derive(Clone, Debug)]
pub struct Prepared {
    pub(crate) childrens_limit: Option<DescriptorLimit>,
}

impl Prepared {
    /// The descriptor limit that children start with; `None` if it is the supervisor's own.
    pub fn childrens_limit(&self) -> Option<DescriptorLimit> {
        self.childrens_limit
    }
}

/// A step of [`prepare_supervisor`] that the kernel refused. The process cannot supervise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{step}: {errno}")]
pub struct PrepareError {
    /// The step, in words.
    pub step: &'static str,
    /// The kernel's reason.
    pub errno: Errno,
}

impl PrepareError {
    fn at(step: &'static str) -> impl FnOnce(Errno) -> PrepareError {
        move |errno| PrepareError { step, errno }
    }
}

/// What asks the supervisor to end.
const SHUTDOWN: [Signal; 3] = [Signal::TERM, Signal::INT, Signal::HUP];

/// Makes this process fit to supervise, whatever it inherited:
/// - descriptors 0, 1 and 2 are open, on /dev/null if need be, so that no socket lands there;
/// - SIGCHLD is not blocked; SIGTERM, SIGINT and SIGHUP are, and wait until there is a handler
///   ([`hear_shutdown_signals`]): before that, one of them would end this process by its default
///   action, and every child without a word (or be lost, where this is PID 1);
/// - SIGCHLD is not ignored (the kernel then reaps by itself and every exit status is lost);
/// - orphaned descendants come to this process (PR_SET_CHILD_SUBREAPER);
/// - the soft limit of descriptors is raised to the hard one; children get the old one back.
///
/// Call it first, on the main thread: what it changes about signals, later threads inherit.
///
/// # Errors
/// The step that failed, with the kernel's reason.
pub fn prepare_supervisor() -> Result<Prepared, PrepareError> {
    open_standard_descriptors()
        .map_err(Errno::from)
        .map_err(PrepareError::at("open /dev/null for a closed standard descriptor"))?;
    set_default(libc::SIGCHLD).map_err(PrepareError::at("give SIGCHLD its default disposition"))?;
    Mask::only(&[Signal::CHLD]).unblock().map_err(PrepareError::at("unblock SIGCHLD"))?;
    Mask::only(&SHUTDOWN).block().map_err(PrepareError::at("block the shutdown signals"))?;
    // Linux reads the argument as a flag, whatever pid it is.
    set_child_subreaper(Some(rustix::process::getpid()))
        .map_err(Errno::from)
        .map_err(PrepareError::at("become the reaper of orphans"))?;
    Ok(Prepared { childrens_limit: raise_descriptor_limit() })
}

/// Lets SIGTERM, SIGINT and SIGHUP through, those that came meanwhile first. Call it on the main
/// thread, once their handlers are installed.
///
/// # Errors
/// None that the kernel documents for a mask of its own size.
pub fn hear_shutdown_signals() -> Result<(), Errno> {
    Mask::only(&SHUTDOWN).unblock().map(drop)
}

fn open_standard_descriptors() -> rustix::io::Result<()> {
    // The lowest free number is given out, so this fills exactly the gaps below 3.
    loop {
        let null = rustix::fs::open("/dev/null", OFlags::RDWR, Mode::empty())?;
        if std::os::fd::AsRawFd::as_raw_fd(&null) > 2 {
            return Ok(());
        }
        let _stays_open_for_good = std::os::fd::IntoRawFd::into_raw_fd(null);
    }
}

/// How many threads this process has, by /proc/self/task.
///
/// # Errors
/// Those of reading that directory: `ENOENT` where /proc is not mounted.
pub fn thread_count() -> io::Result<usize> {
    let mut threads = 0;
    for thread in fs::read_dir("/proc/self/task")? {
        thread?;
        threads += 1;
    }
    Ok(threads)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_thread_is_counted() {
        let before = thread_count().expect("procfs");
        let (stop, stopped) = std::sync::mpsc::channel::<()>();
        let thread = std::thread::spawn(move || stopped.recv());
        assert!(thread_count().expect("procfs") > before.min(1));
        drop(stop);
        thread.join().expect("no panic").expect_err("the channel only closes");
    }
}
