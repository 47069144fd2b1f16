//! The last ends of every instance, in memory.

use super::record::Record;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// How many ends of one instance are kept.
const EACH: usize = 100;
/// How many ends of all instances are kept.
const ALL: usize = 20_000;
/// How many bytes they may take, about: some 2,000 ends of children that say little. What a thousand
/// units in a crash loop leave must fit beside everything else into 12 MiB; the files hold more.
const BYTES: usize = 1 << 20;

/// An instance, by name.
type Key = (Arc<str>, u32);

/// The last ends of every instance; when there are too many, the oldest of all go first.
#[derive(Debug, Default)]
pub(super) struct History {
    ends: BTreeMap<Key, VecDeque<(u64, Arc<Record>)>>,
    /// Which came when, oldest first. What an instance had too many of stays in here until its turn.
    order: VecDeque<(u64, Key)>,
    kept: usize,
    bytes: usize,
    last: u64,
}

impl History {
    /// Keeps an end.
    pub(super) fn keep(&mut self, record: &Arc<Record>) {
        let Some((unit, instance)) = record.who() else { return };
        let key = (Arc::clone(unit), instance);
        self.last += 1;
        self.order.push_back((self.last, key.clone()));
        self.kept += 1;
        self.bytes += record.cost();
        let ends = self.ends.entry(key).or_default();
        ends.push_back((self.last, Arc::clone(record)));
        if ends.len() > EACH
            && let Some((_, gone)) = ends.pop_front()
        {
            self.kept -= 1;
            self.bytes -= gone.cost();
        }
        while self.kept > ALL || self.bytes > BYTES {
            self.forget_oldest();
        }
        if self.order.len() > 2 * self.kept + EACH {
            let ends = &self.ends;
            self.order.retain(|(number, key)| {
                let oldest = ends.get(key).and_then(VecDeque::front);
                oldest.is_some_and(|(oldest, _)| oldest <= number)
            });
        }
    }

    fn forget_oldest(&mut self) {
        let Some((number, key)) = self.order.pop_front() else { return };
        let Some(ends) = self.ends.get_mut(&key) else { return };
        if ends.front().is_some_and(|(oldest, _)| *oldest == number)
            && let Some((_, gone)) = ends.pop_front()
        {
            self.kept -= 1;
            self.bytes -= gone.cost();
        }
        if ends.is_empty() {
            self.ends.remove(&key);
        }
    }

    /// The ends of one instance, oldest first.
    pub(super) fn of(&self, unit: &Arc<str>, instance: u32) -> impl Iterator<Item = &Arc<Record>> {
        let ends = self.ends.get(&(Arc::clone(unit), instance));
        ends.into_iter().flatten().map(|(_, record)| record)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing;
    use super::*;

    #[test]
    fn an_instance_keeps_its_last_hundred() {
        let mut history = History::default();
        for incarnation in 1..=250 {
            history.keep(&testing::ended("api", 1, incarnation));
        }
        let unit: Arc<str> = "api".into();
        let kept: Vec<_> = history.of(&unit, 1).map(|one| testing::incarnation(one)).collect();
        assert_eq!(kept, (151..=250).collect::<Vec<_>>());
        assert!(history.order.len() <= 2 * EACH + EACH, "{}", history.order.len());
    }

    #[test]
    fn what_all_keep_is_bounded_and_the_oldest_go_first() {
        let mut history = History::default();
        for incarnation in 1..=40 {
            for instance in 1..=1_000 {
                history.keep(&testing::ended("api", instance, incarnation));
            }
        }
        assert!(history.bytes <= BYTES && history.kept <= ALL);
        let bytes: usize = history.ends.values().flatten().map(|(_, one)| one.cost()).sum();
        assert_eq!(bytes, history.bytes);
        let unit: Arc<str> = "api".into();
        for instance in 1..=1_000 {
            let last = history.of(&unit, instance).last().map(|one| testing::incarnation(one));
            assert_eq!(last, Some(40), "nobody is crowded out by others");
        }
    }
}
