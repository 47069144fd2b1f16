//! The delay between tries: exponential, with a ceiling and jitter.

use crate::jitter::Jitter;
use std::time::Duration;

/// A growing delay: `delay`, then twice that, four times …, never above `max_delay`.
///
/// From the second step on, each delay is drawn evenly from its upper half ("equal jitter"), so
/// that many instances that failed together do not come back together, and none comes back at once.
/// See Brooker, "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015). The first step has
/// no jitter: a single crash after a healthy run is restarted after exactly `delay`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    delay: Duration,
    max_delay: Duration,
}

/// The longest delay a config may ask for: 24 hours.
pub const DELAY_MAX: Duration = Duration::from_secs(24 * 3600);

/// What a restart waits at least once it is one of many in a row, so that no loop can eat the
/// machine: not one with `delay = "0s"`, and not one of exits that are no failures.
const FLOOR_AFTER_BURST: Duration = Duration::from_secs(1);

/// How many restarts in a row may go without [`FLOOR_AFTER_BURST`].
const BURST: u32 = 4;

/// Why two durations are no backoff.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BackoffError {
    /// `max_delay` is below `delay`.
    #[error("max_delay ({max_delay:?}) is shorter than delay ({delay:?})")]
    Inverted {
        /// What was given as delay.
        delay: Duration,
        /// What was given as max_delay.
        max_delay: Duration,
    },
    /// Above [`DELAY_MAX`].
    #[error("a delay is at most 24 hours")]
    TooLong,
}

impl Backoff {
    /// A backoff from `delay` to `max_delay`.
    ///
    /// # Errors
    /// If `max_delay` is below `delay`, or above [`DELAY_MAX`].
    pub fn new(delay: Duration, max_delay: Duration) -> Result<Self, BackoffError> {
        if max_delay < delay {
            return Err(BackoffError::Inverted { delay, max_delay });
        }
        if max_delay > DELAY_MAX {
            return Err(BackoffError::TooLong);
        }
        Ok(Self { delay, max_delay })
    }

    /// The shortest delay.
    #[must_use]
    pub fn delay(&self) -> Duration {
        self.delay
    }

    /// The longest delay.
    #[must_use]
    pub fn max_delay(&self) -> Duration {
        self.max_delay
    }

    /// The delay after `failures` failures in a row (1 is the first).
    #[must_use]
    pub fn after(&self, failures: u32, jitter: &mut Jitter) -> Duration {
        let doublings = failures.saturating_sub(1);
        let factor = 1_u32.checked_shl(doublings).unwrap_or(u32::MAX);
        let full = self.delay.saturating_mul(factor).min(self.max_delay);
        if doublings == 0 { full } else { full / 2 + jitter.up_to(full / 2) }
    }

    /// The least delay after `restarts` automatic restarts that all ended before they had settled:
    /// a second or two, or `max_delay` if that is less.
    #[must_use]
    pub fn floor(&self, restarts: u32, jitter: &mut Jitter) -> Duration {
        if restarts < BURST {
            return Duration::ZERO;
        }
        (FLOOR_AFTER_BURST + jitter.up_to(FLOOR_AFTER_BURST)).min(self.max_delay)
    }

    /// What a child asked for (`retry_after_ms`), brought into the bounds of this backoff.
    #[must_use]
    pub fn clamp(&self, asked: Duration) -> Duration {
        asked.clamp(self.delay, self.max_delay)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn backoff(delay_ms: u64, max_ms: u64) -> Backoff {
        Backoff::new(Duration::from_millis(delay_ms), Duration::from_millis(max_ms)).unwrap()
    }

    #[test]
    fn the_first_delay_is_exact() {
        assert_eq!(backoff(200, 60_000).after(1, &mut Jitter::new(7)), Duration::from_millis(200));
    }

    #[test]
    fn a_crash_loop_without_delay_is_slowed_after_the_first_burst() {
        let mut jitter = Jitter::new(7);
        let none = backoff(0, 60_000);
        for restarts in 0..4 {
            assert_eq!(none.floor(restarts, &mut jitter), Duration::ZERO);
        }
        for restarts in [4, 5, u32::MAX] {
            let second = Duration::from_secs(1);
            assert!((second..=2 * second).contains(&none.floor(restarts, &mut jitter)));
        }
        assert_eq!(backoff(0, 10).floor(4, &mut jitter), Duration::from_millis(10));
    }

    #[test]
    fn an_absurd_hint_is_clamped() {
        let b = backoff(200, 60_000);
        assert_eq!(b.clamp(Duration::MAX), Duration::from_secs(60));
        assert_eq!(b.clamp(Duration::ZERO), Duration::from_millis(200));
        assert_eq!(b.clamp(Duration::from_secs(30)), Duration::from_secs(30));
    }

    #[test]
    fn bounds_are_checked() {
        let second = Duration::from_secs(1);
        assert!(matches!(Backoff::new(second, Duration::ZERO), Err(BackoffError::Inverted { .. })));
        assert_eq!(Backoff::new(second, DELAY_MAX + second), Err(BackoffError::TooLong));
    }

    proptest! {
        #[test]
        fn every_delay_lies_between_half_its_step_and_the_ceiling(
            delay in 0_u64..10_000, more in 0_u64..100_000, failures in 1_u32..2_000, seed: u64,
        ) {
            let b = backoff(delay, delay + more);
            let drawn = b.after(failures, &mut Jitter::new(seed));
            prop_assert!(drawn <= b.max_delay());
            prop_assert!(drawn >= b.delay() / 2);
            let again = b.after(failures, &mut Jitter::new(seed));
            prop_assert_eq!(drawn, again, "the same seed draws the same delay");
        }
    }
}
