//! The bounded queue between the loop and the thread that writes the ledger.

use super::record::Record;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How many bytes of records may wait, about.
const MOST: usize = 4 << 20;

/// What the writer is handed.
#[derive(Debug)]
pub(super) enum Item {
    /// A record to append.
    Record(Arc<Record>),
    /// A new file shall begin, with these.
    Snapshot(Vec<Arc<Record>>),
}

/// Records that wait to be written.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    wake: Condvar,
    /// The writer wants a snapshot with the next batch.
    wants_snapshot: AtomicBool,
}

#[derive(Debug, Default)]
struct Waiting {
    items: Vec<Item>,
    bytes: usize,
    lost: u64,
    asleep: bool,
    closed: bool,
}

/// What the writer takes at once.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// To be written, in this order.
    pub(super) items: Vec<Item>,
    /// How many records found no room since the last batch.
    pub(super) lost: u64,
    /// No more will come.
    pub(super) closed: bool,
}

impl Queue {
    /// Hands over a batch; what finds no room is counted. Never waits for the disk.
    pub(super) fn push(&self, records: &mut Vec<Arc<Record>>, snapshot: Option<Vec<Arc<Record>>>) {
        let mut waiting = self.lock();
        for record in records.drain(..) {
            let cost = record.cost();
            if waiting.bytes + cost > MOST {
                waiting.lost += 1;
            } else {
                waiting.bytes += cost;
                waiting.items.push(Item::Record(record));
            }
        }
        waiting.items.extend(snapshot.map(Item::Snapshot));
        let asleep = std::mem::take(&mut waiting.asleep);
        drop(waiting);
        if asleep {
            self.wake.notify_one();
        }
    }

    /// Takes everything that waits, waiting for the first, `patience` at most.
    pub(super) fn take(&self, patience: Option<Duration>) -> Batch {
        let mut waiting = self.lock();
        if waiting.items.is_empty() && !waiting.closed {
            waiting.asleep = true;
            waiting = match patience {
                Some(patience) => {
                    let nothing = |waiting: &mut Waiting| waiting.asleep && !waiting.closed;
                    let slept = self.wake.wait_timeout_while(waiting, patience, nothing);
                    slept.unwrap_or_else(PoisonError::into_inner).0
                }
                None => {
                    let nothing = |waiting: &mut Waiting| waiting.asleep && !waiting.closed;
                    let slept = self.wake.wait_while(waiting, nothing);
                    slept.unwrap_or_else(PoisonError::into_inner)
                }
            };
            waiting.asleep = false;
        }
        waiting.bytes = 0;
        Batch {
            items: std::mem::take(&mut waiting.items),
            lost: std::mem::take(&mut waiting.lost),
            closed: waiting.closed,
        }
    }

    /// Lets records gather for `pause`, so that a burst of them costs few writes.
    pub(super) fn gather(&self, pause: Duration) {
        let open = |waiting: &mut Waiting| !waiting.closed;
        drop(self.wake.wait_timeout_while(self.lock(), pause, open));
    }

    /// No more will come: the writer ends when it has written the rest.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.wake.notify_all();
    }

    /// The writer wants a snapshot.
    pub(super) fn want_snapshot(&self) {
        self.wants_snapshot.store(true, Ordering::Relaxed);
    }

    /// Whether a snapshot is wanted; asked once for each.
    pub(super) fn take_wish(&self) -> bool {
        self.wants_snapshot.load(Ordering::Relaxed)
            && self.wants_snapshot.swap(false, Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // A panic aborts the process; a poisoned lock cannot be met.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing;
    use super::*;

    #[test]
    fn what_finds_no_room_is_counted_and_the_rest_comes_in_order() {
        let queue = Queue::default();
        let one = testing::ended("api", 1, 1);
        let room = MOST / one.cost();
        let mut records = vec![one; room + 3];
        queue.push(&mut records, None);
        assert!(records.is_empty());
        let batch = queue.take(None);
        assert_eq!((batch.items.len(), batch.lost, batch.closed), (room, 3, false));
        queue.push(&mut vec![testing::ended("api", 1, 2)], Some(Vec::new()));
        queue.close();
        let batch = queue.take(None);
        assert!(matches!(batch.items[..], [Item::Record(_), Item::Snapshot(_)]) && batch.closed);
    }

    #[test]
    fn a_wish_is_granted_once() {
        let queue = Queue::default();
        assert!(!queue.take_wish());
        queue.want_snapshot();
        assert!(queue.take_wish() && !queue.take_wish());
    }
}
