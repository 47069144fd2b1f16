//! `--ordered`: results in the order of their inputs.

use super::finished::Finished;
use std::collections::{BTreeMap, VecDeque};

/// Holds back what ended before those in front of it. Bounded by the window of inputs that are
/// under way: what is held back counts as under way.
#[derive(Debug, Default)]
pub(super) struct Order {
    /// The numbers of inputs that were taken and not let go, in their order.
    taken: VecDeque<u64>,
    held: BTreeMap<u64, Finished>,
}

impl Order {
    /// The next input was taken.
    pub(super) fn took(&mut self, index: u64) {
        self.taken.push_back(index);
    }

    /// An input has ended: gives those whose turn it is now.
    pub(super) fn ended(&mut self, finished: Finished) -> Vec<Finished> {
        self.held.insert(finished.index, finished);
        let mut due = Vec::new();
        while let Some(finished) = self.taken.front().and_then(|next| self.held.remove(next)) {
            self.taken.pop_front();
            due.push(finished);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::map::finished::testing::ok;

    #[test]
    fn what_ends_early_waits_for_its_turn() {
        let mut order = Order::default();
        // 2 was skipped.
        [1, 3, 4, 5].into_iter().for_each(|index| order.took(index));
        let mut ended = |index| {
            let due = order.ended(ok(index));
            due.into_iter().map(|finished| finished.index).collect::<Vec<_>>()
        };
        assert_eq!(ended(3), [0; 0]);
        assert_eq!(ended(5), [0; 0]);
        assert_eq!(ended(1), [1, 3]);
        assert_eq!(ended(4), [4, 5]);
    }
}
