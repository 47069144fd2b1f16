//! How often a task was tried, and how those tries ended.

/// Three counters that never stand for one another: a task that made its worker crash is judged
/// apart from one that said what was wrong, and waiting for somebody else's sake costs nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Counters {
    /// The tries that count: those that ended in an error the worker told, or by the task's clock.
    pub attempts: u32,
    /// The tries that took the worker along: it crashed, ran out of memory, or was lost.
    pub crashes: u32,
    /// How often it was put off without having failed.
    pub snoozes: u32,
    /// Every time it was handed out, whatever came of it: the number a worker sees.
    pub leases: u32,
}

/// Which counter a try that goes on is held against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Counted {
    /// `attempts`.
    Attempt,
    /// `crashes`.
    Crash,
    /// `snoozes`.
    Snooze,
}

impl Counters {
    /// Counts one more, and answers how many that makes.
    pub fn count(&mut self, what: Counted) -> u32 {
        let count = match what {
            Counted::Attempt => &mut self.attempts,
            Counted::Crash => &mut self.crashes,
            Counted::Snooze => &mut self.snoozes,
        };
        *count = count.saturating_add(1);
        *count
    }

    /// Which try the next one is for the worker, from 1.
    #[must_use]
    pub fn next_attempt(self) -> u32 {
        self.leases.saturating_add(1)
    }

    /// How often it has failed, for rules that match by `attempt`.
    #[must_use]
    pub fn failures(self) -> u32 {
        self.attempts.saturating_add(self.crashes)
    }

    /// Whether it was tried before and failed, so that another try is a retry.
    #[must_use]
    pub fn has_failed(self) -> bool {
        self.failures() > 0
    }
}
