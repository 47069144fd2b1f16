//! A kernel that refuses: seccomp filters, inherited by whatever is forked afterwards.

use std::os::fd::{FromRawFd, OwnedFd};

/// Only where the low half of argument `index` is this.
#[derive(Clone, Copy)]
pub(crate) struct Where {
    pub(crate) index: u32,
    pub(crate) equals: u32,
}

/// Makes a system call fail with `errno` in this process and its future children.
pub(crate) fn refuse(call: libc::c_long, only: Option<Where>, errno: i32) {
    install(call, only, libc::SECCOMP_RET_ERRNO | errno.cast_unsigned(), 0);
}

/// Makes a system call of future children hang until they are killed. Keep the descriptor: once
/// it is closed, the call fails.
pub(crate) fn hang(call: libc::c_long) -> OwnedFd {
    let listener =
        install(call, None, libc::SECCOMP_RET_USER_NOTIF, libc::SECCOMP_FILTER_FLAG_NEW_LISTENER);
    // SAFETY: asked for by the flag, and new.
    unsafe { OwnedFd::from_raw_fd(i32::try_from(listener).expect("a descriptor")) }
}

fn install(call: libc::c_long, only: Option<Where>, verdict: u32, flags: u64) -> libc::c_long {
    const LOAD: u32 = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
    const JUMP_EQUAL: u32 = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
    const RETURN: u32 = libc::BPF_RET | libc::BPF_K;

    let step = |code: u32, jf, k| libc::sock_filter {
        code: u16::try_from(code).expect("16 bits"),
        jt: 0,
        jf,
        k,
    };
    let number = u32::try_from(call).expect("a number of a call");
    // struct seccomp_data: nr at 0, the arguments from 16 on, little-endian.
    let (offset, value) = only.map_or((0, number), |only| (16 + 8 * only.index, only.equals));
    let mut filter = [
        step(LOAD, 0, 0),
        step(JUMP_EQUAL, 3, number),
        step(LOAD, 0, offset),
        step(JUMP_EQUAL, 1, value),
        step(RETURN, 0, verdict),
        step(RETURN, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog { len: 6, filter: filter.as_mut_ptr() };
    // SAFETY: the program and its steps live through the call.
    unsafe {
        assert_eq!(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
        let done = libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_SET_MODE_FILTER,
            flags,
            &raw const program,
        );
        assert!(done >= 0, "seccomp: {}", std::io::Error::last_os_error());
        done
    }
}
