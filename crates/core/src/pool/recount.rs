//! Whether the books are right.

use super::task::Place;
use super::worker::{Held, Is, Stage, Worker};
use super::{Pending, Pool, PoolCounts, WorkMode};
use crate::moment::Moment;
use std::collections::{BTreeSet, HashMap};

impl Pool {
    /// Counts everything again that is kept as a running count or as an index: an audit for tests,
    /// which call it after every event, with the moment of that event.
    ///
    /// # Panics
    /// When a count or an index is not what the tasks and workers say, or a task is in two places.
    pub fn assert_books_are_right(&self, now: Moment) {
        self.assert_counts();
        self.assert_indexes();
        self.assert_hands();
        self.assert_slots(now);
    }

    fn assert_counts(&self) {
        let mut counts = PoolCounts { idle: self.counts().idle, ..PoolCounts::default() };
        for task in self.tasks.values() {
            if let Some(count) = counts.of(task.place) {
                *count += 1;
            }
        }
        let serving = self.workers.iter().filter(|worker| worker.serves()).count();
        counts.workers = u32::try_from(serving).expect("no more workers than slots");
        assert_eq!(self.counts(), counts, "counts");
        assert_eq!(self.ready.length(), self.ready.entries(), "entries of the queue");
        let live =
            |id, ticket| self.tasks.get(&id).is_some_and(|it| it.place == Place::Ready(ticket));
        let queued = self.ready.iter().filter(|(id, ticket)| live(*id, *ticket)).count();
        assert_eq!(queued as u64, counts.ready, "tasks in the queue");
        assert!(
            !self.ready.holds_much_more_than(counts.ready),
            "the queue is full of what is gone"
        );
    }

    fn assert_indexes(&self) {
        let places = self.tasks.iter();
        let delayed: BTreeSet<_> = places
            .filter_map(|(id, task)| match task.place {
                Place::Delayed(due) => Some((due, *id)),
                Place::Ready(_) | Place::Paused | Place::InHand(_) | Place::Keeping => None,
            })
            .collect();
        assert_eq!(self.delayed, delayed, "delayed");
        for (due, id) in &self.expiries {
            let task = self.tasks.get(id).expect("only what is there expires");
            assert_eq!(task.expires, *due, "the time of {id}");
        }
        for id in self.tasks.iter().filter(|(_, it)| it.place == Place::Paused).map(|(id, _)| id) {
            let held = self.pauses.values().any(|pause| pause.holds(*id));
            assert!(held, "{id} is paused, and nobody will let it go on");
        }
        for pause in self.pauses.values() {
            let probe = pause.probe().is_none_or(|id| {
                self.tasks.get(&id).is_some_and(|task| task.place != Place::Paused)
            });
            assert!(probe, "the probe of {pause:?} will never be sent");
        }
        for (id, batch) in &self.batches {
            for task in batch.tasks() {
                let of = self.tasks.get(task).and_then(|task| task.batch);
                assert_eq!(of, Some(*id), "{task} is open in {id}");
            }
        }
    }

    fn assert_hands(&self) {
        let mut hands = HashMap::new();
        for (slot, worker) in self.slots() {
            for Held { task, lease, stage, .. } in &worker.held {
                assert_eq!(hands.insert(*task, slot), None, "{task} is in two hands");
                let place = self.tasks.get(task).map(|task| task.place);
                assert_eq!(place, Some(Place::InHand(slot)), "{task} is held by {slot}");
                let asked = matches!(
                    self.pending.get(lease), Some(Pending::Claim(id, of)) if (*id, *of) == (*task, slot)
                );
                assert_eq!(asked, *stage == Stage::Claiming, "{task} waits for the store");
            }
        }
        let mut waiting: HashMap<_, usize> = HashMap::new();
        for pending in self.pending.values() {
            *waiting.entry(pending.task()).or_default() += 1;
        }
        for (id, task) in &self.tasks {
            let waits = waiting.get(id).copied().unwrap_or_default();
            let expected = match task.place {
                Place::Delayed(_) | Place::Ready(_) | Place::Paused => (false, 0),
                Place::Keeping => (false, 1),
                Place::InHand(_) if hands.contains_key(id) => (true, waits.min(1)),
                Place::InHand(_) => (false, 1),
            };
            assert_eq!((hands.contains_key(id), waits), expected, "{id} at {:?}", task.place);
        }
    }

    fn assert_slots(&self, now: Moment) {
        let accept = self.policy.clocks.accept;
        let (mut free, mut idle, mut rings, mut leaving) =
            (BTreeSet::new(), BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        let mut tokens = HashMap::new();
        for (slot, worker) in self.slots() {
            let listed = worker.listed;
            assert_eq!(listed.serves, worker.serves(), "slot {slot} serves");
            assert_eq!(listed.rings_at, worker.due(accept), "slot {slot} rings");
            let takes = match self.policy.mode {
                WorkMode::Line => worker.has_credit().then_some(worker.held.len()),
                WorkMode::Exec if slot > self.policy.max => None,
                // Once it has rested it is free from the next look at it on.
                WorkMode::Exec if worker.is_vacant(now) => listed.free,
                WorkMode::Exec => None,
            };
            assert_eq!(listed.free, takes, "slot {slot} is free");
            let idles = worker.is == Is::Ready && worker.serves() && worker.held.is_empty();
            assert_eq!(listed.idle.is_some(), idles, "slot {slot} is idle");
            free.extend(listed.free.map(|held| (held, slot)));
            idle.extend(listed.idle.map(|since| (since, slot)));
            leaving.extend(worker.wants_successor().then_some(((), slot)));
            rings.extend((listed.rings_at != Moment::NEVER).then_some((listed.rings_at, slot)));
            tokens.extend(worker.token.map(|token| (token, slot)));
            if let Some(successor) = worker.successor {
                let comes =
                    self.seen(successor).is_some_and(|it| !matches!(it.is, Is::Down { .. }));
                assert!(comes, "slot {slot} waits for slot {successor}, which is down");
            }
        }
        assert_eq!(self.free, free, "free slots");
        assert_eq!(self.idle, idle, "idle slots");
        assert_eq!(self.rings, rings, "timers of slots");
        assert_eq!(self.leaving, leaving, "slots to be replaced");
        assert_eq!(self.tokens, tokens, "tokens");
        let dispatches = !(self.store_down || self.closing || self.shut);
        let waits = dispatches && self.counts.ready > 0 && !self.free.is_empty();
        assert!(!waits || self.patience.is_some(), "a task waits, and a worker is free");
    }

    fn slots(&self) -> impl Iterator<Item = (u32, &Worker)> {
        (1..).zip(&self.workers)
    }
}
