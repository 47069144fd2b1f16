//! Moments that outlive the supervisor.

use std::fmt;
use std::time::Duration;

/// A moment of the wall clock: milliseconds since 1970.
///
/// What is kept on disk cannot be told in moments of a monotonic clock, which begins anew with each
/// boot. Nothing in the store compares it with a clock of its own: every moment comes in from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct UnixMs(i64);

impl UnixMs {
    /// The last moment there is: later than any a clock will show.
    pub const LAST: Self = Self(i64::MAX);

    /// So many milliseconds after 1970; what lies beyond the last moment is the last moment.
    #[must_use]
    pub fn new(milliseconds: u64) -> Self {
        Self(i64::try_from(milliseconds).unwrap_or(i64::MAX))
    }

    /// Its milliseconds since 1970.
    #[must_use]
    pub fn get(self) -> u64 {
        u64::try_from(self.0).unwrap_or(0)
    }

    /// This long after it, or the last moment.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        let milliseconds = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(milliseconds))
    }
}

impl fmt::Display for UnixMs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_moment_lies_beyond_the_last() {
        assert_eq!(UnixMs::new(u64::MAX), UnixMs::LAST);
        assert_eq!(UnixMs::LAST.after(Duration::MAX), UnixMs::LAST);
        assert_eq!(UnixMs::new(1_500).after(Duration::from_secs(2)).get(), 3_500);
    }
}
