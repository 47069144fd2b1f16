//! How a freshly forked or executed process becomes fit to be the fork server.

use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use rustix::fs::{Mode, OFlags};
use rustix::process::{DumpableBehavior, set_dumpable_behavior, setsid};

use crate::Errno;
use crate::mask::{Mask, set_all_default};

/// The lowest descriptor of the fork server's own; those below are place holders.
pub(super) const FIRST_OWN_FD: RawFd = 10;

/// Makes the process what the loop and the children rely on.
pub(super) fn settle_in(control: &OwnedFd) -> Result<(), Errno> {
    // A ^C at the terminal is for the supervisor to act on; and a `kill -9 -GROUP` that ends the
    // supervisor must leave the janitor. The session fails only for one that has its own.
    Mask::ALL.set()?;
    let _has_its_own_already = setsid();
    set_all_default()?;
    rustix::thread::set_name(c"hearken-fork")?;
    // The environment of children passes through this memory. Exec makes them dumpable again.
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    close_all_but(control.as_raw_fd());
    occupy_low_descriptors()
}

/// Closes from [`FIRST_OWN_FD`] up. Where a filter refuses the call, what the supervisor had
/// open at this moment stays: its own end of the control socket was closed by hand.
fn close_all_but(kept: RawFd) {
    for (first, last) in [(FIRST_OWN_FD, kept - 1), (kept + 1, RawFd::MAX)] {
        if first <= last {
            // SAFETY: their owners are in frames that never run again in this process.
            unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) };
        }
    }
}

fn occupy_low_descriptors() -> Result<(), Errno> {
    let null = rustix::fs::open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?;
    let null = rustix::io::fcntl_dupfd_cloexec(null, FIRST_OWN_FD)?;
    for place in 0..FIRST_OWN_FD {
        // Descriptor 0 is the children's standard input and stays open across exec.
        let flags = if place == 0 { 0 } else { libc::O_CLOEXEC };
        // SAFETY: what stood there belongs to frames that never run again in this process.
        if unsafe { libc::dup3(null.as_raw_fd(), place, flags) } < 0 {
            return Err(Errno::last());
        }
    }
    Ok(())
}
