//! What the config asks of a pool, as checked values.

use super::Ceiling;
use crate::backoff::Backoff;
use crate::rule::Rule;
use crate::task::{Counted, Counters, Share};
use std::sync::Arc;
use std::time::Duration;

/// How the workers of a pool get their tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WorkMode {
    /// Over their line: a worker lives through many tasks.
    Line,
    /// One process a task: the payload goes in by standard input or the arguments, the result comes
    /// out by standard output.
    Exec,
}

/// Everything the core knows of a pool, beside what it knows of its unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolPolicy {
    /// How its workers get their tasks.
    pub mode: WorkMode,
    /// How many workers it keeps, whatever there is to do; in exec mode none.
    pub min: u32,
    /// How many workers it has at most: 1 or more, and at least `min`.
    pub max: u32,
    /// The clocks of a task.
    pub clocks: Clocks,
    /// When a task is tried again.
    pub retry: RetryPolicy,
    /// When a worker is replaced although nothing is wrong with it.
    pub recycle: Recycle,
    /// How long a task waits for a worker before the pool grows.
    pub grow_after: Duration,
    /// How long a worker above `min` is idle before it is stopped.
    pub shrink_after: Duration,
    /// How many tasks may wait; a submission beyond is refused.
    pub queue: u64,
    /// How long tasks are held whose dependency is away, growing from try to try.
    pub dependency_pause: Backoff,
    /// The rules of the config that concern it, in the order they are asked.
    pub rules: Arc<[Rule]>,
}

/// The four clocks of a task. All are monotonic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clocks {
    /// From the moment a worker has nothing else to do to its `accepted`. Then the worker is taken
    /// for lost. (In exec mode a task is accepted when its process runs.)
    pub accept: Duration,
    /// From `accepted` to the message that asks the worker to give up; `None` is never.
    pub soft: Option<Duration>,
    /// From `accepted` to the kill of the worker; `None` is never.
    pub hard: Option<Duration>,
    /// From the submission to the end, however it is reached; `None` is never. Then it is expired.
    pub total: Option<Duration>,
    /// From the message that asks a worker to give a task up to the kill.
    pub cancel_grace: Duration,
}

impl Clocks {
    /// From `accepted` to the message that asks the worker to give up: the soft clock; without one,
    /// the last tenth of the hard clock, or as much of it as a worker is given to give up. So every
    /// kill is announced, and comes when the hard clock says.
    #[must_use]
    pub fn cancel_after(&self) -> Option<Duration> {
        let before_kill = self.hard.map(|hard| hard - self.last_chance());
        match (self.soft, before_kill) {
            (Some(soft), Some(before_kill)) => Some(soft.min(before_kill)),
            (soft, before_kill) => soft.or(before_kill),
        }
    }

    /// How long before the kill of the hard clock a worker is asked to give up, at the least.
    pub(super) fn last_chance(&self) -> Duration {
        self.hard.map_or(self.cancel_grace, |hard| self.cancel_grace.min(hard / 10))
    }
}

/// When a task is tried again. `None` stands for `"unlimited"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// How many tries may end in an error: 1 is the first and only.
    pub attempts: Option<u32>,
    /// How many workers it may take along.
    pub crashes: Option<u32>,
    /// How often it may be put off; the next wish to be ends it.
    pub snoozes: Option<u32>,
    /// The delay before the next try.
    pub backoff: Backoff,
    /// How long after its first try the last one may begin.
    pub max_elapsed: Option<Duration>,
    /// How many retries all tasks of the pool may have together.
    pub budget: Option<RetryBudget>,
}

impl RetryPolicy {
    /// The bound that a task meets whose last try was held against `what`, and whose next one would
    /// begin so long after its first. (The last of its attempts ends it; the last of its snoozes does
    /// not, for it is granted.)
    #[must_use]
    pub fn ceiling(&self, what: Counted, so_far: Counters, elapsed: Duration) -> Option<Ceiling> {
        let (too_often, ceiling) = match what {
            Counted::Attempt => {
                (self.attempts.is_some_and(|most| so_far.attempts >= most), Ceiling::Attempts)
            }
            Counted::Crash => {
                (self.crashes.is_some_and(|most| so_far.crashes >= most), Ceiling::Crashes)
            }
            Counted::Snooze => {
                (self.snoozes.is_some_and(|most| so_far.snoozes > most), Ceiling::Snoozes)
            }
        };
        let too_late = || self.max_elapsed.is_some_and(|most| elapsed > most);
        too_often.then_some(ceiling).or_else(|| too_late().then_some(Ceiling::Elapsed))
    }
}

/// A bound on the retries of a whole pool, so that a trouble shared by all tasks does not multiply
/// the load. Retries beyond it wait; none is given up for it. (The idea is that of the Google SRE
/// book, chapter 21, "Handling Overload", and of linkerd's retry budgets.)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryBudget {
    /// How many retries there may be for a hundred first tries.
    pub share: Share,
    /// The window both are counted in.
    pub window: Duration,
    /// How many retries a window may always hold. 0 is taken for 1: a task whose pool has no other
    /// work is tried again, too.
    pub floor: u32,
}

/// When a worker is replaced although nothing is wrong with it. `None` is never.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Recycle {
    /// After so many tasks, give or take a tenth, so that workers started together do not all go
    /// together.
    pub tasks: Option<u32>,
    /// Once it uses so many bytes of memory.
    pub memory: Option<u64>,
    /// Once it is so old, give or take a tenth.
    pub age: Option<Duration>,
}

impl Recycle {
    /// Whether a worker is ever replaced.
    #[must_use]
    pub fn is_ever(&self) -> bool {
        self.tasks.is_some() || self.memory.is_some() || self.age.is_some()
    }
}
