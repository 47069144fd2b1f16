//! The tasks that could be dispatched now, in the order they are.
//!
//! ```text
//!   priority 9 ─▶ turns: [key a, key b, key c]      a ─▶ oldest, …, newest
//!   priority 8 ─▶ …                                 b ─▶ oldest, …
//! ```
//!
//! The highest priority that has a task comes first; within one, the fairness keys take turns, a
//! task each; within a key, the oldest comes first. So who submits a million tasks delays the one
//! task of somebody else by one task only.
//!
//! Taking a task out of the middle costs nothing: an entry names the ticket its task had when it
//! was put in, and the one that takes out says whether that ticket still counts.

use crate::task::{Priority, TaskId};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// One stay of a task in the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ticket(pub(super) u64);

type Key = Option<Arc<str>>;

#[derive(Debug, Default)]
struct Level {
    /// The keys that have a task, whose turn is next in front.
    turns: VecDeque<Key>,
    lanes: HashMap<Key, VecDeque<(TaskId, Ticket)>>,
}

impl Level {
    fn take(&mut self) -> Option<(TaskId, Ticket)> {
        let key = self.turns.pop_front()?;
        let lane = self.lanes.get_mut(&key)?;
        let first = lane.pop_front();
        if lane.is_empty() {
            self.lanes.remove(&key);
        } else {
            self.turns.push_back(key);
        }
        first
    }
}

/// The tasks that could be dispatched now.
#[derive(Debug, Default)]
pub(super) struct Queue {
    /// By priority.
    levels: [Level; Priority::HIGHEST.get() as usize + 1],
    /// How many entries there are, those included that no longer count.
    length: u64,
}

/// How many entries may lie there that no longer count, however few do.
const SLACK: u64 = 64;

impl Queue {
    /// Puts a task behind those of its priority and key.
    pub(super) fn put(&mut self, priority: Priority, key: Key, task: TaskId, ticket: Ticket) {
        let Some(level) = self.levels.get_mut(usize::from(priority.get())) else { return };
        let lane = level.lanes.entry(key.clone()).or_default();
        if lane.is_empty() {
            level.turns.push_back(key);
        }
        lane.push_back((task, ticket));
        self.length += 1;
    }

    /// Whether most of what lies there cannot count any more, if so many do.
    pub(super) fn holds_much_more_than(&self, counting: u64) -> bool {
        self.length > SLACK + 2 * counting
    }

    /// Forgets whatever does not count.
    pub(super) fn sweep(&mut self, counts: impl Fn(TaskId, Ticket) -> bool) {
        for level in &mut self.levels {
            for lane in level.lanes.values_mut() {
                lane.retain(|(task, ticket)| counts(*task, *ticket));
            }
            level.lanes.retain(|_, lane| !lane.is_empty());
            level.turns.retain(|key| level.lanes.contains_key(key));
        }
        self.length = self.entries();
    }

    /// Every entry, those included that no longer count, in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (TaskId, Ticket)> {
        let lanes = self.levels.iter().flat_map(|level| level.lanes.values());
        lanes.flatten().copied()
    }

    /// How many entries there are, counted anew.
    pub(super) fn entries(&self) -> u64 {
        self.iter().count() as u64
    }

    /// How many entries there are.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Takes out the next task whose ticket `counts`; those that do not are forgotten.
    pub(super) fn take(&mut self, counts: impl Fn(TaskId, Ticket) -> bool) -> Option<TaskId> {
        for level in self.levels.iter_mut().rev() {
            while let Some((task, ticket)) = level.take() {
                self.length -= 1;
                if counts(task, ticket) {
                    return Some(task);
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn id(number: u128) -> TaskId {
        TaskId::from_u128(number)
    }

    fn filled(tasks: &[(u8, &str, u128)]) -> Queue {
        let mut queue = Queue::default();
        for (priority, key, number) in tasks {
            let key = (!key.is_empty()).then(|| Arc::from(*key));
            queue.put(Priority::new(*priority).unwrap(), key, id(*number), Ticket(0));
        }
        queue
    }

    fn order(mut queue: Queue) -> Vec<u128> {
        std::iter::from_fn(|| queue.take(|_, _| true)).map(TaskId::to_u128).collect()
    }

    #[test]
    fn the_highest_priority_comes_first() {
        assert_eq!(order(filled(&[(5, "", 1), (9, "", 2), (0, "", 3), (9, "", 4)])), [2, 4, 1, 3]);
    }

    #[test]
    fn keys_take_turns() {
        let queue = filled(&[(5, "a", 1), (5, "a", 2), (5, "a", 3), (5, "b", 4), (5, "", 5)]);
        assert_eq!(order(queue), [1, 4, 5, 2, 3]);
    }

    #[test]
    fn what_was_taken_back_is_passed_over() {
        let mut queue = Queue::default();
        queue.put(Priority::DEFAULT, None, id(1), Ticket(1));
        queue.put(Priority::DEFAULT, None, id(1), Ticket(2));
        assert_eq!(queue.take(|_, ticket| ticket == Ticket(2)), Some(id(1)));
        assert_eq!(queue.take(|_, _| true), None);
    }

    #[test]
    fn a_sweep_leaves_what_counts_in_its_order() {
        let mut queue = filled(&[(5, "a", 1), (5, "a", 2), (5, "b", 3), (9, "c", 4), (5, "b", 5)]);
        assert!(!queue.holds_much_more_than(0), "a few do not matter");
        queue.sweep(|task, _| [2, 5].map(id).contains(&task));
        assert_eq!(queue.length(), 2);
        assert_eq!(order(queue), [2, 5]);
    }

    proptest! {
        #[test]
        fn every_task_comes_out_once_and_in_order_within_its_key(
            tasks in proptest::collection::vec((0_u8..10, 0_u8..4), 0..200),
        ) {
            let mut queue = Queue::default();
            for ((priority, key), number) in tasks.iter().zip(0..) {
                let key = Some(Arc::from(key.to_string()));
                queue.put(Priority::new(*priority).unwrap(), key, id(number), Ticket(0));
            }
            let out: Vec<_> = order(queue).into_iter().map(|n| usize::try_from(n).unwrap()).collect();
            let mut sorted = out.clone();
            sorted.sort_unstable();
            prop_assert_eq!(sorted, (0..tasks.len()).collect::<Vec<_>>());
            for pair in out.windows(2) {
                prop_assert!(tasks[pair[0]].0 >= tasks[pair[1]].0, "by priority");
            }
            for lane in 0..4 {
                for priority in 0..10 {
                    let own: Vec<_> =
                        out.iter().filter(|n| tasks[**n] == (priority, lane)).collect();
                    prop_assert!(own.is_sorted());
                }
            }
        }
    }
}
