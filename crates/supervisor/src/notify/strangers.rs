//! Those who have no say: told of, but no more often than somebody can read.

use hearken_core::moment::Moment;
use std::time::Duration;

/// One event in so long a time.
const EVERY: Duration = Duration::from_secs(10);

/// Counts datagrams whose sender has no say here.
#[derive(Debug, Default)]
pub(crate) struct Strangers {
    told: Option<Moment>,
    untold: u64,
}

impl Strangers {
    /// One more. `Some` if it is time to tell: how many it was since the last time, this one
    /// included.
    pub(crate) fn met(&mut self, now: Moment) -> Option<u64> {
        self.untold += 1;
        if self.told.is_some_and(|told| now.since(told) < EVERY) {
            return None;
        }
        self.told = Some(now);
        Some(std::mem::take(&mut self.untold))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_is_told_and_then_one_in_a_while() {
        let mut strangers = Strangers::default();
        let at = |seconds| Moment::at(Duration::from_secs(seconds));
        assert_eq!(strangers.met(at(1)), Some(1));
        assert_eq!(strangers.met(at(2)), None);
        assert_eq!(strangers.met(at(10)), None);
        assert_eq!(strangers.met(at(11)), Some(3));
        assert_eq!(strangers.met(at(12)), None);
    }
}
