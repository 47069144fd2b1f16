//! The restart budget: how many automatic restarts a sliding window may hold.

use crate::moment::Moment;
use std::collections::VecDeque;
use std::time::Duration;

/// At most `count` restarts in any stretch of `window`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    count: u32,
    window: Duration,
}

/// The largest count a limit may have: the budget remembers a moment for each.
pub const LIMIT_MAX: u32 = 10_000;

/// Why two numbers are no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LimitError {
    /// Nothing could ever be restarted; that is what `policy = "never"` says.
    #[error("limit = 0 would allow no restart at all: say policy = \"never\"")]
    Zero,
    /// Above [`LIMIT_MAX`].
    #[error("limit is at most {LIMIT_MAX}, or \"unlimited\"")]
    TooMany,
    /// A window without length holds nothing.
    #[error("window must be longer than zero")]
    NoWindow,
}

impl Limit {
    /// At most `count` restarts in any stretch of `window`.
    ///
    /// # Errors
    /// If `count` is 0 or above [`LIMIT_MAX`], or `window` is zero.
    pub fn new(count: u32, window: Duration) -> Result<Self, LimitError> {
        if count == 0 {
            return Err(LimitError::Zero);
        }
        if count > LIMIT_MAX {
            return Err(LimitError::TooMany);
        }
        if window.is_zero() {
            return Err(LimitError::NoWindow);
        }
        Ok(Self { count, window })
    }

    /// How many.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.count
    }

    /// In how long.
    #[must_use]
    pub fn window(&self) -> Duration {
        self.window
    }
}

/// The automatic restarts of one instance that are still in the window, oldest first.
#[derive(Debug, Clone, Default)]
pub struct Budget {
    restarts: VecDeque<Moment>,
}

impl Budget {
    /// Counts a restart that starts at `at`, if the window has room for it.
    ///
    /// # Errors
    /// The moment from which on there is room.
    pub fn spend(&mut self, limit: Limit, at: Moment) -> Result<(), Moment> {
        while let Some(oldest) = self.restarts.front() {
            if *oldest + limit.window > at {
                break;
            }
            self.restarts.pop_front();
        }
        match self.restarts.front() {
            Some(oldest) if self.restarts.len() >= limit.count as usize => {
                Err(*oldest + limit.window)
            }
            Some(_) | None => {
                self.restarts.push_back(at);
                Ok(())
            }
        }
    }

    /// The first moment from `at` on at which the window has room.
    #[must_use]
    pub fn room_at(&self, limit: Limit, at: Moment) -> Moment {
        let count = limit.count as usize;
        let blocking = self.restarts.len().checked_sub(count).and_then(|n| self.restarts.get(n));
        blocking.map_or(at, |oldest| at.max(*oldest + limit.window))
    }

    /// Forgets the last one.
    pub fn refund(&mut self) {
        self.restarts.pop_back();
    }

    /// How many restarts it remembers.
    #[must_use]
    pub fn spent(&self) -> usize {
        self.restarts.len()
    }

    /// Forgets all: an operator started the instance by hand.
    pub fn clear(&mut self) {
        self.restarts.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(ms: u64) -> Moment {
        Moment::at(Duration::from_millis(ms))
    }

    #[test]
    fn the_window_slides() {
        let limit = Limit::new(2, Duration::from_millis(100)).unwrap();
        let mut budget = Budget::default();
        assert_eq!(budget.spend(limit, at(0)), Ok(()));
        assert_eq!(budget.spend(limit, at(60)), Ok(()));
        assert_eq!(budget.spend(limit, at(99)), Err(at(100)));
        assert_eq!(budget.spend(limit, at(100)), Ok(()));
        assert_eq!(budget.spend(limit, at(120)), Err(at(160)));
    }

    #[test]
    fn a_manual_start_clears_it() {
        let limit = Limit::new(1, Duration::from_secs(1)).unwrap();
        let mut budget = Budget::default();
        assert_eq!(budget.spend(limit, at(0)), Ok(()));
        assert!(budget.spend(limit, at(1)).is_err());
        budget.clear();
        assert_eq!(budget.spend(limit, at(2)), Ok(()));
    }

    #[test]
    fn no_limit_without_meaning() {
        assert_eq!(Limit::new(0, Duration::from_secs(1)), Err(LimitError::Zero));
        assert_eq!(Limit::new(1, Duration::ZERO), Err(LimitError::NoWindow));
        assert_eq!(Limit::new(LIMIT_MAX + 1, Duration::from_secs(1)), Err(LimitError::TooMany));
    }

    proptest! {
        #[test]
        fn no_window_ever_holds_more_than_the_limit(
            count in 1_u32..6, window in 1_u64..500, steps in prop::collection::vec(0_u64..80, 1..80),
        ) {
            let limit = Limit::new(count, Duration::from_millis(window)).unwrap();
            let mut budget = Budget::default();
            let (mut now, mut spent) = (0, Vec::new());
            for step in steps {
                now += step;
                let room = budget.room_at(limit, at(now));
                let spend = budget.spend(limit, at(now));
                prop_assert_eq!(spend, if room == at(now) { Ok(()) } else { Err(room) });
                if spend.is_ok() {
                    spent.push(now);
                }
            }
            for start in &spent {
                let inside = spent.iter().filter(|t| (*start..start + window).contains(t)).count();
                prop_assert!(inside <= count as usize);
            }
        }
    }
}
