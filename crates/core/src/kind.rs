//! The closed set of error kinds. What follows from each stands in [`mod@crate::verdict`].

use std::fmt;

/// What sort of failure an ending or an error is.
///
/// The first twelve a child may say; the others only the supervisor makes, for what the child can
/// no longer say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Try again, it will likely work.
    Transient,
    /// Something took too long.
    Timeout,
    /// Told to come back later.
    RateLimited,
    /// Something it needs is not there now.
    Unavailable,
    /// Somebody else changed the same thing.
    Conflict,
    /// Out of memory, disk, descriptors: here, now.
    Resource,
    /// The input is wrong.
    Invalid,
    /// Something named does not exist.
    NotFound,
    /// Not allowed.
    Denied,
    /// The program is configured wrongly.
    Config,
    /// The program is wrong.
    Bug,
    /// It gave up because it was asked to.
    Cancelled,
    /// It died by a signal or with an exit code that explains nothing.
    Crashed,
    /// The kernel killed it for its memory.
    Oom,
    /// It gave no sign of life, or its line is gone.
    Lost,
    /// It broke the protocol of the line.
    Protocol,
    /// It could not be started.
    StartFailed,
}

impl Kind {
    /// Every kind, in the order of the table.
    pub const ALL: [Self; 17] = [
        Self::Transient,
        Self::Timeout,
        Self::RateLimited,
        Self::Unavailable,
        Self::Conflict,
        Self::Resource,
        Self::Invalid,
        Self::NotFound,
        Self::Denied,
        Self::Config,
        Self::Bug,
        Self::Cancelled,
        Self::Crashed,
        Self::Oom,
        Self::Lost,
        Self::Protocol,
        Self::StartFailed,
    ];

    /// The name that stands in configs, logs and messages.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Transient => "transient",
            Self::Timeout => "timeout",
            Self::RateLimited => "rate_limited",
            Self::Unavailable => "unavailable",
            Self::Conflict => "conflict",
            Self::Resource => "resource",
            Self::Invalid => "invalid",
            Self::NotFound => "not_found",
            Self::Denied => "denied",
            Self::Config => "config",
            Self::Bug => "bug",
            Self::Cancelled => "cancelled",
            Self::Crashed => "crashed",
            Self::Oom => "oom",
            Self::Lost => "lost",
            Self::Protocol => "protocol",
            Self::StartFailed => "start_failed",
        }
    }

    /// The kind that a conventional exit code stands for: `sysexits.h` (4.3BSD), which unmodified
    /// programs use. 0 is no error; a code without a convention is a crash.
    #[must_use]
    pub fn of_exit_code(code: i32) -> Option<Self> {
        Some(match code {
            0 => return None,
            64 | 72 | 78 => Self::Config, // EX_USAGE, EX_OSFILE, EX_CONFIG
            65 => Self::Invalid,          // EX_DATAERR
            66..=67 => Self::NotFound,    // EX_NOINPUT, EX_NOUSER
            68..=69 => Self::Unavailable, // EX_NOHOST, EX_UNAVAILABLE
            70 => Self::Bug,              // EX_SOFTWARE
            71 | 73 => Self::Resource,    // EX_OSERR, EX_CANTCREAT
            74..=76 => Self::Transient,   // EX_IOERR, EX_TEMPFAIL, EX_PROTOCOL
            77 => Self::Denied,           // EX_NOPERM
            _ => Self::Crashed,
        })
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_speak_sysexits() {
        let table = [
            (0, None),
            (1, Some(Kind::Crashed)),
            (64, Some(Kind::Config)),
            (65, Some(Kind::Invalid)),
            (69, Some(Kind::Unavailable)),
            (70, Some(Kind::Bug)),
            (75, Some(Kind::Transient)),
            (77, Some(Kind::Denied)),
            (78, Some(Kind::Config)),
            (127, Some(Kind::Crashed)),
            (255, Some(Kind::Crashed)),
        ];
        for (code, kind) in table {
            assert_eq!(Kind::of_exit_code(code), kind, "exit code {code}");
        }
    }
}
