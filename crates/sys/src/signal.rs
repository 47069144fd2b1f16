use std::fmt;
use std::str::FromStr;

/// A signal of signal(7), by its number on this machine.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Signal(i32);

/// The highest number a signal has: `_NSIG` of every architecture Rust runs Linux on but MIPS.
pub(crate) const LAST_SIGNAL: i32 = 64;

macro_rules! signals {
    ($($short:ident $long:ident)*) => {
        impl Signal {
            $(#[doc = concat!("`", stringify!($long), "`")]
            pub const $short: Signal = Signal(libc::$long);)*
        }

        const NAMES: &[(&str, i32)] = &[$((stringify!($long), libc::$long)),*];
    };
}

signals! {
    HUP SIGHUP  INT SIGINT  QUIT SIGQUIT  ILL SIGILL  TRAP SIGTRAP  ABRT SIGABRT  BUS SIGBUS
    FPE SIGFPE  KILL SIGKILL  USR1 SIGUSR1  SEGV SIGSEGV  USR2 SIGUSR2  PIPE SIGPIPE
    ALRM SIGALRM  TERM SIGTERM  CHLD SIGCHLD  CONT SIGCONT  STOP SIGSTOP  TSTP SIGTSTP
    TTIN SIGTTIN  TTOU SIGTTOU  URG SIGURG  XCPU SIGXCPU  XFSZ SIGXFSZ  VTALRM SIGVTALRM
    PROF SIGPROF  WINCH SIGWINCH  IO SIGIO  PWR SIGPWR  SYS SIGSYS
}

impl Signal {
    /// The signal with this number; `None` outside of 1..=64.
    pub fn new(number: i32) -> Option<Signal> {
        (1..=LAST_SIGNAL).contains(&number).then_some(Signal(number))
    }

    /// Trusts the kernel, which names only signals that exist.
    pub(crate) fn from_kernel(number: i32) -> Signal {
        Signal(number)
    }

    /// The number on this machine.
    pub const fn number(self) -> i32 {
        self.0
    }

    /// The name, `SIGTERM`; `None` for a real-time signal, which only has a number.
    pub fn name(self) -> Option<&'static str> {
        NAMES.iter().find(|(_, number)| *number == self.0).map(|(name, _)| *name)
    }
}

/// `SIGTERM`, or `signal 40` where the signal has no name.
impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "signal {}", self.0),
        }
    }
}

impl fmt::Debug for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A word that names no signal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no signal is called `{0}`; write TERM, SIGTERM or a number from 1 to 64")]
pub struct UnknownSignal(pub String);

impl FromStr for Signal {
    type Err = UnknownSignal;

    /// Reads `TERM`, `SIGTERM` (in capitals, as kill(1) prints them) or a number.
    fn from_str(word: &str) -> Result<Signal, UnknownSignal> {
        let unknown = || UnknownSignal(word.to_owned());
        if let Ok(number) = word.parse() {
            return Signal::new(number).ok_or_else(unknown);
        }
        let short = word.strip_prefix("SIG").unwrap_or(word);
        NAMES
            .iter()
            .find(|(name, _)| name.strip_prefix("SIG") == Some(short))
            .map(|(_, number)| Signal(*number))
            .ok_or_else(unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_short_and_numeric_forms_are_one_signal() {
        for word in ["TERM", "SIGTERM", "15"] {
            assert_eq!(word.parse(), Ok(Signal::TERM), "{word}");
        }
        assert_eq!(Signal::TERM.to_string(), "SIGTERM");
    }

    #[test]
    fn words_that_name_nothing_are_refused() {
        for word in ["", "SIG", "term", "0", "65", "-9", "SIGSIGTERM", "TERM "] {
            assert_eq!(word.parse::<Signal>(), Err(UnknownSignal(word.to_owned())));
        }
    }

    #[test]
    fn every_name_reads_back() {
        for number in 1..=LAST_SIGNAL {
            let signal = Signal::new(number).expect("in range");
            if let Some(name) = signal.name() {
                assert_eq!(name.parse(), Ok(signal));
            }
        }
    }
}
