//! Signal mask and dispositions, by the raw calls: glibc's wrappers leave signals 32 and 33 out.

use std::ptr;

use rustix::event::Timespec;

use crate::Errno;
use crate::signal::{LAST_SIGNAL, Signal};

/// A set of blocked signals, bit `n - 1` for signal `n`: the kernel's own form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mask(u64);

impl Mask {
    pub(crate) const EMPTY: Mask = Mask(0);
    pub(crate) const ALL: Mask = Mask(u64::MAX);

    pub(crate) fn only(signals: &[Signal]) -> Mask {
        Mask(signals.iter().fold(0, |bits, signal| bits | 1 << (signal.number() - 1)))
    }

    /// Blocks exactly these signals on the calling thread; returns what was blocked before.
    /// Async-signal-safe.
    pub(crate) fn set(self) -> Result<Mask, Errno> {
        change(libc::SIG_SETMASK, self)
    }

    /// Blocks these signals beside those that are already. Returns what was blocked before.
    pub(crate) fn block(self) -> Result<Mask, Errno> {
        change(libc::SIG_BLOCK, self)
    }

    /// Unblocks these signals, whoever blocked them. Returns what was blocked before.
    pub(crate) fn unblock(self) -> Result<Mask, Errno> {
        change(libc::SIG_UNBLOCK, self)
    }

    /// Takes one pending signal out of these, which must be blocked. `EAGAIN` after `timeout`.
    pub(crate) fn wait(self, timeout: &Timespec) -> Result<(), Errno> {
        // SAFETY: a live set of 8 bytes, no siginfo wanted, and a live timespec in the kernel's
        // own form.
        let signal = unsafe {
            libc::syscall(
                libc::SYS_rt_sigtimedwait,
                &raw const self.0,
                ptr::null_mut::<libc::siginfo_t>(),
                ptr::from_ref(timeout),
                8_usize,
            )
        };
        if signal < 0 { Err(Errno::last()) } else { Ok(()) }
    }
}

fn change(how: libc::c_int, mask: Mask) -> Result<Mask, Errno> {
    let mut before = Mask(0);
    // SAFETY: both pointers are to live u64, which is the kernel's sigset_t of 8 bytes.
    let done = unsafe {
        libc::syscall(libc::SYS_rt_sigprocmask, how, &raw const mask.0, &raw mut before.0, 8_usize)
    };
    if done == 0 { Ok(before) } else { Err(Errno::last()) }
}

/// Gives `signal` its default disposition.
pub(crate) fn set_default(signal: i32) -> Result<(), Errno> {
    // struct kernel_sigaction of every architecture fits, and zero in all its fields is
    // SIG_DFL without flags and with an empty mask.
    let default = [0_u64; 8];
    // SAFETY: the kernel reads at most the size of its sigaction from `default`, writes nothing.
    let done = unsafe {
        libc::syscall(
            libc::SYS_rt_sigaction,
            signal,
            default.as_ptr(),
            ptr::null_mut::<libc::c_void>(),
            8_usize,
        )
    };
    if done == 0 { Ok(()) } else { Err(Errno::last()) }
}

/// Gives every signal its default disposition: exec keeps SIG_IGN, and Rust's runtime ignores
/// SIGPIPE, which most programs do not expect.
pub(crate) fn set_all_default() -> Result<(), Errno> {
    for signal in 1..=LAST_SIGNAL {
        if signal != libc::SIGKILL && signal != libc::SIGSTOP {
            set_default(signal)?;
        }
    }
    Ok(())
}
