//! Whether the books are right.

use super::Supervision;
use crate::instance::{Instance, Standing};
use crate::moment::Moment;
use std::collections::{BTreeSet, HashMap};

impl Supervision {
    /// Counts everything again that is kept as a running count: an audit for tests, which call it
    /// after every event.
    ///
    /// # Panics
    /// When a count, the index of timers or the index of tokens is not what the instances say.
    pub fn assert_books_are_right(&self) {
        let active = |it: &&Instance| it.standing().is_active();
        let count = |n: usize| u32::try_from(n).expect("no more instances than slots");
        for unit in &self.units {
            let seen = count(unit.instances.iter().filter(active).count());
            assert_eq!(unit.active, seen, "active instances of {}", unit.policy.name);
        }
        assert_eq!(self.active, count(self.instances().filter(active).count()), "active instances");
        let left = |it: &&Instance| it.standing() == Standing::Abandoned;
        assert_eq!(self.abandoned, count(self.instances().filter(left).count()), "abandoned");
        let timers: BTreeSet<_> = self
            .instances()
            .filter(|it| it.due() != Moment::NEVER)
            .map(|it| (it.due(), it.id()))
            .collect();
        assert_eq!(self.timers, timers, "timers");
        let tokens: HashMap<_, _> =
            self.instances().filter_map(|it| Some((it.token()?, it.id()))).collect();
        assert_eq!(self.tokens, tokens, "tokens");
        assert!(self.changed.is_empty(), "a change was not followed");
    }
}
