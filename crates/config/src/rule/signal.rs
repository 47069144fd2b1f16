//! `signal` of a rule: the signals that a process can die of.

use crate::read::choice::Choice;
use crate::read::signal;

/// A signal that ends a process which does not handle it, by its number on Linux.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Deadly(i32);

const ENDS_NOTHING: &str = "no process dies of it";

impl Choice for Deadly {
    const NAME: &'static str = "DeadlySignal";
    const WORDS: &'static [(&'static str, Self, &'static str)] = &[
        ("SEGV", Self(11), "memory that is not its own"),
        ("ABRT", Self(6), "it gave itself up: abort, a failed assertion"),
        ("BUS", Self(7), "memory that is not there"),
        ("ILL", Self(4), "an instruction that is none"),
        ("FPE", Self(8), "a division by zero"),
        ("SYS", Self(31), "a system call that is not allowed"),
        ("TRAP", Self(5), "a breakpoint without a debugger"),
        ("KILL", Self(9), "killed, often for its memory"),
        ("TERM", Self(15), "asked to end"),
        ("INT", Self(2), "interrupted, as Ctrl-C does"),
        ("QUIT", Self(3), "asked to quit"),
        ("HUP", Self(1), "hung up"),
        ("PIPE", Self(13), "wrote where nobody reads"),
        ("ALRM", Self(14), "its alarm went off"),
        ("USR1", Self(10), "a signal of the program's own"),
        ("USR2", Self(12), "a signal of the program's own"),
        ("XCPU", Self(24), "used up its processor time"),
        ("XFSZ", Self(25), "wrote a file that is too large"),
        ("VTALRM", Self(26), "its timer went off"),
        ("PROF", Self(27), "its timer went off"),
        ("IO", Self(29), "input or output it did not wait for"),
        ("PWR", Self(30), "power fails"),
        ("STKFLT", Self(16), "unused"),
    ];
    const REFUSED: &'static [(&'static str, &'static str)] = &[
        ("POLL", "write \"IO\": it is the same"),
        ("IOT", "write \"ABRT\": it is the same"),
        ("CHLD", ENDS_NOTHING),
        ("CONT", ENDS_NOTHING),
        ("STOP", ENDS_NOTHING),
        ("TSTP", ENDS_NOTHING),
        ("TTIN", ENDS_NOTHING),
        ("TTOU", ENDS_NOTHING),
        ("URG", ENDS_NOTHING),
        ("WINCH", ENDS_NOTHING),
    ];
}

impl signal::Signal for Deadly {
    fn number(self) -> i32 {
        self.0
    }
}
