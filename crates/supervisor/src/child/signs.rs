//! Signs of life, as many of them as the core has to know.

use hearken_core::instance::SIGNS_PER_PERIOD;
use hearken_core::policy::UnitPolicy;
use std::time::Duration;
use tokio::time::Instant;

/// What is told no more often than a deadline needs it: a child may say a million things a second.
/// (The core adds what may lie between the last sign and the last one told to its deadlines.)
#[derive(Debug, Clone, Copy, Default)]
struct Rhythm {
    every: Option<Duration>,
    told: Option<Instant>,
}

impl Rhythm {
    fn of(period: Option<Duration>) -> Self {
        Self { every: period.map(|period| period / SIGNS_PER_PERIOD), told: None }
    }

    /// Whether it is time to tell again.
    fn is_due(&mut self) -> bool {
        let Some(every) = self.every else { return false };
        let now = Instant::now();
        let due = self.told.is_none_or(|told| now.duration_since(told) >= every);
        if due {
            self.told = Some(now);
        }
        due
    }
}

/// Which signs of one child the core waits for.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Signs {
    alive: Rhythm,
    working: Rhythm,
}

impl Signs {
    /// Those that the deadlines of this unit hang on.
    #[must_use]
    pub(crate) fn of(policy: &UnitPolicy) -> Self {
        Self { alive: Rhythm::of(policy.watchdog), working: Rhythm::of(policy.progress_timeout) }
    }

    /// Whether the core has to be told that it lives.
    pub(super) fn alive(&mut self) -> bool {
        self.alive.is_due()
    }

    /// Whether the core has to be told that it makes progress.
    pub(super) fn working(&mut self) -> bool {
        self.working.is_due()
    }
}
