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

impl Counters {
    /// Which try the next one is for the worker, from 1.
    #[must_use]
    pub fn next_attempt(self) -> u32 {
        self.leases.saturating_add(1)
    }
}
