//! Whether a recorded delay could have been drawn by another config: jitter is no difference.

use hearken_core::backoff::Backoff;
use hearken_core::jitter::Jitter;
use hearken_core::judge::Pace;
use hearken_core::policy::RestartPolicy;
use std::time::Duration;

/// The shortest and the longest delay before the next start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bounds {
    pub(super) least: Duration,
    pub(super) most: Duration,
}

impl Bounds {
    fn exactly(delay: Duration) -> Self {
        Self { least: delay, most: delay }
    }

    /// What may be drawn after `failures` in a row and `restarts` that had not settled.
    pub(super) fn of(pace: Pace, failures: u32, restarts: u32, policy: &RestartPolicy) -> Self {
        let delay = match pace {
            Pace::AtOnce => Self::exactly(Duration::ZERO),
            Pace::After(delay) => Self::exactly(delay),
            Pace::Backoff(backoff) => Self::of_backoff(backoff, failures.max(1)),
            Pace::Asked(asked, within) => Self::exactly(within.clamp(asked)),
        };
        let floor = Self::of_floor(policy.backoff, restarts);
        Self { least: delay.least.max(floor.least), most: delay.most.max(floor.most) }
    }

    /// The upper half of its step; the first step has no jitter.
    fn of_backoff(backoff: Backoff, failures: u32) -> Self {
        let doublings = failures.saturating_sub(1);
        let factor = 1_u32.checked_shl(doublings).unwrap_or(u32::MAX);
        let full = backoff.delay().saturating_mul(factor).min(backoff.max_delay());
        let least = if doublings == 0 { full } else { full / 2 };
        Self { least, most: full }
    }

    /// A second or two once it is one of many in a row.
    fn of_floor(backoff: Backoff, restarts: u32) -> Self {
        let second = Duration::from_secs(1);
        if backoff.floor(restarts, &mut Jitter::new(0)).is_zero() {
            return Self::exactly(Duration::ZERO);
        }
        Self { least: second.min(backoff.max_delay()), most: (second * 2).min(backoff.max_delay()) }
    }

    pub(super) fn holds(self, delay: Duration) -> bool {
        // The ledger's moments and the core's are read a moment apart.
        let tick = Duration::from_millis(1);
        delay + tick >= self.least && delay <= self.most + tick
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hearken_core::account::Account;
    use hearken_core::policy::{OnLimit, RestartWhen};
    use proptest::prelude::*;

    proptest! {
        /// The core draws; whatever it draws lies within.
        #[test]
        fn whatever_the_core_draws_lies_within(
            delay in 0_u64..5_000, more in 0_u64..60_000, failures in 1_u32..40,
            restarts in 0_u32..10, seed: u64,
        ) {
            let ms = Duration::from_millis;
            let backoff = Backoff::new(ms(delay), ms(delay + more)).expect("in order");
            let policy = RestartPolicy {
                when: RestartWhen::Always, backoff, settle: ms(1), limit: None, on_limit: OnLimit::Fail,
            };
            let mut jitter = Jitter::new(seed);
            let bounds = Bounds::of(Pace::Backoff(backoff), failures, restarts, &policy);
            let drawn = backoff.after(failures, &mut jitter).max(backoff.floor(restarts, &mut jitter));
            prop_assert!(bounds.holds(drawn), "{drawn:?} is not within {bounds:?}");
        }
    }

    #[test]
    fn the_first_delay_and_what_was_asked_for_are_exact() {
        let ms = Duration::from_millis;
        let backoff = Backoff::new(ms(200), ms(60_000)).expect("in order");
        let policy = RestartPolicy {
            when: RestartWhen::Always,
            backoff,
            settle: ms(1),
            limit: None,
            on_limit: OnLimit::Fail,
        };
        let first = Bounds::of(Pace::Backoff(backoff), Account::default().failures(), 0, &policy);
        assert_eq!(first, Bounds::exactly(ms(200)));
        let asked = Bounds::of(Pace::Asked(ms(90_000), backoff), 3, 0, &policy);
        assert_eq!(asked, Bounds::exactly(ms(60_000)));
    }
}
