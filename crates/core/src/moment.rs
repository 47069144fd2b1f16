//! Our own monotonic time.

use std::fmt;
use std::time::Duration;

/// A moment on the monotonic clock, counted from the start of the supervisor.
///
/// The core never asks for the time: every call carries the moment it happens at, so a test can
/// write any history it likes. Nanoseconds in 64 bits last 584 years.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Moment(u64);

impl Moment {
    /// The start of the supervisor.
    pub const START: Self = Self(0);
    /// Later than anything that happens: a deadline that is never due.
    pub const NEVER: Self = Self(u64::MAX);

    /// The moment `since_start` after the start.
    #[must_use]
    pub fn at(since_start: Duration) -> Self {
        Self::START + since_start
    }

    /// How long after the start this is.
    #[must_use]
    pub fn since_start(self) -> Duration {
        Duration::from_nanos(self.0)
    }

    /// The time from `earlier` to here; zero when `earlier` is later (a clock never runs back,
    /// but two sources may be read out of order).
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl std::ops::Add<Duration> for Moment {
    type Output = Self;

    /// Saturates at [`Moment::NEVER`]: a delay of a million years is a delay, not a panic.
    fn add(self, delay: Duration) -> Self {
        let nanos = u64::try_from(delay.as_nanos()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(nanos))
    }
}

impl fmt::Debug for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::NEVER {
            f.write_str("never")
        } else {
            write!(f, "+{:?}", self.since_start())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_absurd_delay_saturates() {
        assert_eq!(Moment::at(Duration::from_secs(1)) + Duration::MAX, Moment::NEVER);
    }

    #[test]
    fn time_between_never_goes_negative() {
        let later = Moment::at(Duration::from_secs(2));
        assert_eq!(later.since(Moment::START), Duration::from_secs(2));
        assert_eq!(Moment::START.since(later), Duration::ZERO);
    }
}
