//! How many tasks of each pool are in each state.

use crate::Count;
use hearken_core::task::TaskState;
use std::collections::BTreeMap;
use std::sync::Arc;

const STATES: usize = TaskState::ALL.len();

/// Counts that go along with every change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tally(BTreeMap<Arc<str>, [i64; STATES]>);

impl Tally {
    /// Adds so many tasks of this pool in this state; or takes them away.
    pub(crate) fn add(&mut self, pool: &Arc<str>, state: TaskState, tasks: i64) {
        let counts = match self.0.get_mut(pool) {
            Some(counts) => counts,
            None => self.0.entry(pool.clone()).or_default(),
        };
        let place = TaskState::ALL.into_iter().zip(counts).find(|(one, _)| *one == state);
        if let Some((_, count)) = place {
            *count += tasks;
        }
    }

    /// Takes note that a task went from one state to another; `None` is outside the store.
    pub(crate) fn shift(
        &mut self,
        pool: &Arc<str>,
        from: Option<TaskState>,
        to: Option<TaskState>,
    ) {
        if let Some(state) = from {
            self.add(pool, state, -1);
        }
        if let Some(state) = to {
            self.add(pool, state, 1);
        }
    }

    /// Every count that is not 0.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Arc<str>, TaskState, i64)> {
        self.0.iter().flat_map(|(pool, counts)| {
            TaskState::ALL
                .into_iter()
                .zip(counts)
                .filter(|(_, count)| **count != 0)
                .map(move |(state, count)| (pool, state, *count))
        })
    }

    /// How many tasks there are.
    pub(crate) fn total(&self) -> i64 {
        self.0.values().flatten().sum()
    }

    /// The same for people and programs.
    pub(crate) fn counts(&self) -> Vec<Count> {
        self.iter()
            .map(|(pool, state, count)| Count {
                pool: pool.clone(),
                state,
                tasks: u64::try_from(count).unwrap_or_default(),
            })
            .collect()
    }
}
