//! Batches: tasks that belong together, and when they are over.
//!
//! A batch is judged at the end of each of its tasks, from counts alone: the same counts give the
//! same answer, whether they grew one by one or were read from a store after a crash.

/// When a batch of tasks is over, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BatchPolicy {
    /// When all have ended; it succeeded if every one did.
    All,
    /// When the first has succeeded; the others are cancelled.
    Any,
    /// When so many have succeeded; the others are cancelled. 1 or more.
    Quorum(u64),
    /// When all have ended, or more than this share have failed; then the others are cancelled. It
    /// has failed, too, if all were cancelled before one had succeeded.
    HaltOn(Share),
}

/// A share of a whole, in percent: 0 to 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Share(u8);

/// Why a number is no share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a share is 0 to 100 percent, not {0}")]
pub struct ShareError(pub u64);

impl Share {
    /// A share of so many percent.
    ///
    /// # Errors
    /// If it is more than the whole.
    pub fn percent(percent: u64) -> Result<Self, ShareError> {
        u8::try_from(percent).ok().filter(|it| *it <= 100).map(Self).ok_or(ShareError(percent))
    }

    /// Its percent.
    #[must_use]
    pub fn get(self) -> u8 {
        self.0
    }

    /// Whether `part` is more than this share of `whole`.
    #[must_use]
    pub fn is_exceeded(self, part: u64, whole: u64) -> bool {
        u128::from(part) * 100 > u128::from(self.0) * u128::from(whole)
    }
}

/// How the tasks of a batch stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BatchCounts {
    /// How many it has.
    pub total: u64,
    /// How many ended well.
    pub succeeded: u64,
    /// How many are dead or expired.
    pub failed: u64,
    /// How many were cancelled, or discarded by a rule.
    pub cancelled: u64,
}

impl BatchCounts {
    /// How many have not ended.
    #[must_use]
    pub fn open(&self) -> u64 {
        self.total.saturating_sub(self.succeeded + self.failed + self.cancelled)
    }
}

/// How a batch ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BatchEnd {
    /// As its policy asks.
    Succeeded,
    /// It can no longer do what its policy asks.
    Failed,
}

impl BatchEnd {
    /// The name that stands in logs, in the store and in the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
        }
    }
}

/// A batch as its pool knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batch {
    /// When it is over.
    pub policy: BatchPolicy,
    /// How its tasks stand.
    pub counts: BatchCounts,
}

impl Batch {
    /// How it ended, if it has. Tasks that are still open then are to be cancelled.
    #[must_use]
    pub fn end(&self) -> Option<BatchEnd> {
        let BatchCounts { total, succeeded, failed, cancelled } = self.counts;
        let open = self.counts.open();
        let all_ended = open == 0;
        let needed = match self.policy {
            BatchPolicy::All => total,
            BatchPolicy::Any => 1,
            BatchPolicy::Quorum(needed) => needed,
            BatchPolicy::HaltOn(share) => {
                // Taken back before anything was done, it has not done what it was asked for.
                let taken_back = succeeded == 0 && cancelled > 0;
                return match (share.is_exceeded(failed, total), all_ended) {
                    (true, _) => Some(BatchEnd::Failed),
                    (false, true) if taken_back => Some(BatchEnd::Failed),
                    (false, true) => Some(BatchEnd::Succeeded),
                    (false, false) => None,
                };
            }
        };
        // Every task of "all" is to have its chance, even when the whole has failed already.
        let may_end_early = self.policy != BatchPolicy::All;
        if !all_ended && !may_end_early {
            None
        } else if succeeded >= needed {
            Some(BatchEnd::Succeeded)
        } else if succeeded + open < needed {
            Some(BatchEnd::Failed)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn end(policy: BatchPolicy, total: u64, succeeded: u64, failed: u64) -> Option<BatchEnd> {
        let counts = BatchCounts { total, succeeded, failed, cancelled: 0 };
        Batch { policy, counts }.end()
    }

    #[test]
    fn each_policy_ends_when_it_says() {
        use BatchEnd::{Failed, Succeeded};
        use BatchPolicy::{All, Any, HaltOn, Quorum};
        let third = HaltOn(Share::percent(33).unwrap());
        let table = [
            (All, 3, 2, 0, None),
            (All, 3, 2, 1, Some(Failed)),
            (All, 3, 1, 1, None),
            (All, 3, 3, 0, Some(Succeeded)),
            (All, 0, 0, 0, Some(Succeeded)),
            (Any, 3, 0, 2, None),
            (Any, 3, 1, 0, Some(Succeeded)),
            (Any, 3, 0, 3, Some(Failed)),
            (Any, 0, 0, 0, Some(Failed)),
            (Quorum(2), 3, 1, 1, None),
            (Quorum(2), 3, 2, 0, Some(Succeeded)),
            (Quorum(2), 3, 0, 2, Some(Failed)),
            (Quorum(4), 3, 0, 0, Some(Failed)),
            (third, 3, 0, 0, None),
            (third, 3, 0, 1, Some(Failed)),
            (third, 4, 0, 1, None),
            (third, 4, 3, 1, Some(Succeeded)),
        ];
        for (policy, total, succeeded, failed, expected) in table {
            assert_eq!(
                end(policy, total, succeeded, failed),
                expected,
                "{policy:?} of {total}: {succeeded} succeeded, {failed} failed"
            );
        }
    }

    #[test]
    fn a_batch_that_was_taken_back_before_anything_was_done_has_failed() {
        let halt = BatchPolicy::HaltOn(Share::percent(10).unwrap());
        for (policy, succeeded, cancelled, expected) in [
            (halt, 0, 3, BatchEnd::Failed),
            (halt, 1, 2, BatchEnd::Succeeded),
            (BatchPolicy::All, 1, 2, BatchEnd::Failed),
            (BatchPolicy::Any, 0, 3, BatchEnd::Failed),
        ] {
            let counts = BatchCounts { total: 3, succeeded, failed: 0, cancelled };
            assert_eq!(Batch { policy, counts }.end(), Some(expected), "{policy:?} {succeeded}");
        }
    }

    #[test]
    fn a_share_has_bounds() {
        assert!(Share::percent(100).is_ok());
        assert_eq!(Share::percent(101), Err(ShareError(101)));
        assert_eq!(Share::percent(u64::MAX), Err(ShareError(u64::MAX)));
        assert!(!Share::percent(100).unwrap().is_exceeded(u64::MAX, u64::MAX));
    }

    proptest! {
        #[test]
        fn a_batch_whose_tasks_have_all_ended_has_ended(
            succeeded in 0_u64..50, failed in 0_u64..50, cancelled in 0_u64..50, which in 0_u8..4, n in 0_u64..101,
        ) {
            let policy = match which {
                0 => BatchPolicy::All,
                1 => BatchPolicy::Any,
                2 => BatchPolicy::Quorum(n.max(1)),
                _ => BatchPolicy::HaltOn(Share::percent(n).unwrap()),
            };
            let total = succeeded + failed + cancelled;
            let counts = BatchCounts { total, succeeded, failed, cancelled };
            let ended = Batch { policy, counts }.end().is_some();
            prop_assert!(ended);
        }
    }
}
