//! clone3(2), and clone(2) where a filter or an emulation refuses it.
//!
//! A child made here shares nothing with the parent, as after fork(2), but libc does not know
//! of it: no atfork handler runs. The child may only make async-signal-safe calls.

use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicI32, Ordering};

use rustix::thread::get_clear_child_tid_address;

use crate::{Errno, Pid, PidFd};

/// struct clone_args of clone3(2) in its first published size, CLONE_ARGS_SIZE_VER0.
#[repr(C, align(8))]
#[derive(Default)]
struct CloneArgs {
    flags: u64,
    pidfd: u64,
    child_tid: u64,
    parent_tid: u64,
    exit_signal: u64,
    stack: u64,
    stack_size: u64,
    tls: u64,
}

/// Whose child the new process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Parent {
    /// The calling process.
    Caller,
    /// The caller's parent (CLONE_PARENT). The child takes the caller's exit signal over.
    CallersParent,
}

/// Both sides of a fork.
#[derive(Debug)]
pub(crate) enum Forked {
    Parent(PidFd),
    Child,
}

/// The errno with which clone3 was refused for good, 0 while it works. A static, because the
/// refusal is a fact of the process, and the child of a fork inherits it with everything else.
static CLONE3_REFUSED: AtomicI32 = AtomicI32::new(0);

/// Why [`fork`] uses clone(2) and not clone3(2), once it does.
pub(crate) fn clone3_refusal() -> Option<Errno> {
    match CLONE3_REFUSED.load(Ordering::Relaxed) {
        0 => None,
        errno => Some(Errno::new(errno)),
    }
}

/// Makes a process.
///
/// # Safety
/// In the child, only async-signal-safe calls until exec or `_exit`; no destructor that matters
/// to the parent may run there.
pub(crate) unsafe fn fork(parent: Parent) -> Result<Forked, Errno> {
    if clone3_refusal().is_none() {
        // SAFETY: the caller's promise.
        match unsafe { clone3(parent) } {
            Err(errno) if matches!(errno.get(), libc::ENOSYS | libc::EPERM) => {
                CLONE3_REFUSED.store(errno.get(), Ordering::Relaxed);
            }
            done => return done,
        }
    }
    // SAFETY: the caller's promise.
    unsafe { legacy_clone(parent) }
}

/// Where libc caches the thread id. A fork that libc does not see leaves the parent's there,
/// unless the kernel writes the child's (fault 42). Unknown only to kernels without
/// CONFIG_CHECKPOINT_RESTORE; then only code that never runs here would notice.
fn thread_id_cache() -> u64 {
    get_clear_child_tid_address().ok().flatten().map_or(0, |address| address.as_ptr() as u64)
}

fn flags(parent: Parent, thread_id_cache: u64) -> i32 {
    let mut flags = libc::CLONE_PIDFD;
    if parent == Parent::CallersParent {
        flags |= libc::CLONE_PARENT;
    }
    if thread_id_cache != 0 {
        flags |= libc::CLONE_CHILD_SETTID | libc::CLONE_CHILD_CLEARTID;
    }
    flags
}

unsafe fn clone3(parent: Parent) -> Result<Forked, Errno> {
    let mut pidfd: RawFd = -1;
    let child_tid = thread_id_cache();
    let args = CloneArgs {
        flags: u64::from(flags(parent, child_tid).cast_unsigned()),
        pidfd: &raw mut pidfd as u64,
        child_tid,
        // With CLONE_PARENT any exit signal is EINVAL: the child has the caller's.
        exit_signal: match parent {
            Parent::Caller => u64::from(libc::SIGCHLD.cast_unsigned()),
            Parent::CallersParent => 0,
        },
        ..CloneArgs::default()
    };
    // SAFETY: `args` is a whole clone_args of the size given; without CLONE_VM the child runs on
    // its own copy of this stack; the rest is the caller's promise.
    let pid = unsafe { libc::syscall(libc::SYS_clone3, &raw const args, size_of::<CloneArgs>()) };
    forked(pid, pidfd)
}

unsafe fn legacy_clone(parent: Parent) -> Result<Forked, Errno> {
    let mut pidfd: RawFd = -1;
    let child_tid = thread_id_cache();
    let flags = libc::c_long::from(flags(parent, child_tid) | libc::SIGCHLD);
    let (stack, tls) = (0_u64, 0_u64);
    // The order of the last two arguments differs (CONFIG_CLONE_BACKWARDS).
    #[cfg(any(target_arch = "x86_64", target_arch = "loongarch64"))]
    let last = (child_tid, tls);
    #[cfg(not(any(target_arch = "x86_64", target_arch = "loongarch64")))]
    let last = (tls, child_tid);
    // SAFETY: as for clone3; the kernel writes the pidfd where clone(2) writes the parent's tid.
    let pid =
        unsafe { libc::syscall(libc::SYS_clone, flags, stack, &raw mut pidfd, last.0, last.1) };
    forked(pid, pidfd)
}

fn forked(pid: libc::c_long, pidfd: RawFd) -> Result<Forked, Errno> {
    match pid {
        0 => Ok(Forked::Child),
        ..0 => Err(Errno::last()),
        1.. => {
            let pid = i32::try_from(pid).ok().and_then(Pid::new).expect("the kernel's pids fit");
            // SAFETY: with CLONE_PIDFD a clone that succeeds has opened this descriptor for us.
            Ok(Forked::Parent(PidFd::from_parts(unsafe { OwnedFd::from_raw_fd(pidfd) }, pid)))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::mem::MaybeUninit;

    use rustix::event::{PollFd, PollFlags, poll};

    use super::*;
    use crate::wait::{Reaped, is_our_child, reap};

    /// The owner of a locked mutex is the thread id that libc believes to be its own.
    #[cfg(target_env = "gnu")]
    fn thread_id_of_libc() -> i32 {
        let mut mutex = MaybeUninit::<libc::pthread_mutex_t>::zeroed();
        // SAFETY: all zero is PTHREAD_MUTEX_INITIALIZER; glibc keeps __owner in the third int.
        unsafe {
            libc::pthread_mutex_lock(mutex.as_mut_ptr());
            mutex.as_ptr().cast::<i32>().add(2).read()
        }
    }

    #[test]
    #[cfg(target_env = "gnu")]
    fn libc_in_the_child_knows_its_new_thread_id() {
        // SAFETY: the child locks a mutex of its own, asks for its id and exits.
        match unsafe { fork(Parent::Caller) }.expect("room for a process") {
            // SAFETY: as promised above.
            Forked::Child => unsafe {
                let knows = thread_id_of_libc() == libc::gettid();
                libc::_exit(i32::from(!knows))
            },
            Forked::Parent(child) => {
                assert!(is_our_child(&child));
                poll(&mut [PollFd::new(&child, PollFlags::IN)], None).expect("poll");
                let status = crate::Status::Exited { code: 0 };
                assert_eq!(reap(&child), Ok(Reaped::Ended(status)));
            }
        }
    }
}
