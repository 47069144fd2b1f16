//! The shared rate limit of automatic restarts.

use crate::moment::Moment;
use std::time::Duration;

/// How many automatic restarts the whole supervisor allows itself: `burst` at once, and
/// `per_second` from then on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StartRate {
    /// How many at once: 1 or more.
    pub burst: u32,
    /// How many a second after that: 1 or more.
    pub per_second: u32,
}

impl Default for StartRate {
    fn default() -> Self {
        Self { burst: 1024, per_second: 256 }
    }
}

/// Hands out moments to start at, so that 500 instances whose database went away do not come back
/// in one blow, again and again.
///
/// This is the generic cell rate algorithm (ITU-T I.371), a token bucket that needs one number: the
/// moment at which the bucket will be full again.
#[derive(Debug, Clone)]
pub struct StartGate {
    step: Duration,
    tolerance: Duration,
    full_at: Moment,
}

impl StartGate {
    /// A gate with a full bucket.
    #[must_use]
    pub fn new(rate: StartRate) -> Self {
        let step = Duration::from_secs(1) / rate.per_second.max(1);
        Self { step, tolerance: step * rate.burst.max(1).saturating_sub(1), full_at: Moment::START }
    }

    /// Reserves a start no earlier than `wanted`, and says when it may be.
    ///
    /// `wanted` is the moment of asking: who wants to start later asks later. A start reserved far
    /// ahead would empty the bucket for everybody who wants to start before it.
    pub fn reserve(&mut self, wanted: Moment) -> Moment {
        let behind = self.full_at.since(wanted);
        let at = wanted + behind.saturating_sub(self.tolerance);
        self.full_at = self.full_at.max(wanted) + self.step;
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ms(ms: u64) -> Moment {
        Moment::at(Duration::from_millis(ms))
    }

    #[test]
    fn a_burst_passes_and_the_rest_is_spread() {
        let mut gate = StartGate::new(StartRate { burst: 3, per_second: 10 });
        let starts: Vec<_> = (0..6).map(|_| gate.reserve(ms(1_000))).collect();
        assert_eq!(starts, [1_000, 1_000, 1_000, 1_100, 1_200, 1_300].map(ms));
    }

    #[test]
    fn the_bucket_fills_again() {
        let mut gate = StartGate::new(StartRate { burst: 2, per_second: 10 });
        for _ in 0..2 {
            assert_eq!(gate.reserve(ms(0)), ms(0));
        }
        assert_eq!(gate.reserve(ms(500)), ms(500));
        assert_eq!(gate.reserve(ms(500)), ms(500));
        assert_eq!(gate.reserve(ms(500)), ms(600));
    }

    proptest! {
        #[test]
        fn no_second_sees_more_than_burst_and_rate(
            burst in 1_u32..20, per_second in 1_u32..50, steps in prop::collection::vec(0_u64..300, 1..100),
        ) {
            let mut gate = StartGate::new(StartRate { burst, per_second });
            let (mut now, mut starts) = (0, Vec::new());
            for step in steps {
                now += step;
                let at = gate.reserve(ms(now));
                prop_assert!(at >= ms(now), "never earlier than wanted");
                starts.push(at);
            }
            let second = Duration::from_secs(1);
            for from in &starts {
                let seen = starts.iter().filter(|at| *from <= **at && **at < *from + second).count();
                prop_assert!(seen <= (burst + per_second) as usize);
            }
        }
    }
}
