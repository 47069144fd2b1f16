//! The bounded queue between those who log and the thread that writes.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// How many bytes of one child's output may wait to be written: enough for all the lines, however
/// short, of a few reads.
const SHARE: usize = 4 << 20;
/// How many bytes of all children's output may wait.
const CHILDREN: usize = 32 << 20;
/// How many bytes may wait in all: what is above [`CHILDREN`] belongs to the supervisor's own events.
const ALL: usize = 40 << 20;
/// What a waiting line costs beside its bytes.
const OVERHEAD: usize = 64;

/// Lines that wait to be written.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    waiting: Mutex<Waiting>,
    /// Rung when the first line comes, and at the end.
    wake: Condvar,
    /// Rung when the last line was taken.
    emptied: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    lines: VecDeque<Line>,
    bytes: usize,
    children: Arc<AtomicUsize>,
    dropped: Dropped,
    /// The writer sleeps until somebody wakes it.
    asleep: bool,
    closed: bool,
}

/// What had to be dropped because nobody took it in time.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Dropped {
    /// How many lines.
    pub(crate) lines: u64,
    /// How many bytes.
    pub(crate) bytes: u64,
}

#[derive(Debug)]
struct Line {
    bytes: Vec<u8>,
    /// Given back when the line is written.
    _permit: Option<Permit>,
}

/// One child's share of the queue.
#[derive(Debug, Clone)]
pub(crate) struct Share {
    own: Arc<AtomicUsize>,
    children: Arc<AtomicUsize>,
}

/// A place in the queue for one line of a child; given back when dropped.
#[derive(Debug)]
pub(crate) struct Permit {
    share: Share,
    bytes: usize,
}

impl Share {
    /// Asks for a place for `bytes` bytes. `None`: the child's share, or what all children have
    /// together, is used up, and the line is to be dropped and counted.
    #[must_use]
    pub(crate) fn permit(&self, bytes: usize) -> Option<Permit> {
        let bytes = bytes + OVERHEAD;
        let own = self.own.load(Ordering::Relaxed);
        let children = self.children.load(Ordering::Relaxed);
        if own + bytes > SHARE || children + bytes > CHILDREN {
            return None;
        }
        self.own.fetch_add(bytes, Ordering::Relaxed);
        self.children.fetch_add(bytes, Ordering::Relaxed);
        Some(Permit { share: self.clone(), bytes })
    }
}

impl Permit {
    /// The line turned out longer than what it was made of: names, times and escapes count as well.
    fn charge(&mut self, cost: usize) {
        let more = cost.saturating_sub(self.bytes);
        self.share.own.fetch_add(more, Ordering::Relaxed);
        self.share.children.fetch_add(more, Ordering::Relaxed);
        self.bytes += more;
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.share.own.fetch_sub(self.bytes, Ordering::Relaxed);
        self.share.children.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl Queue {
    /// A share for one more child.
    #[must_use]
    pub(crate) fn share(&self) -> Share {
        let children = Arc::clone(&self.lock().children);
        Share { own: Arc::default(), children }
    }

    /// Puts a line in, or drops and counts it when the queue is full. Never waits.
    pub(crate) fn push(&self, bytes: Vec<u8>, mut permit: Option<Permit>) {
        let cost = bytes.len() + OVERHEAD;
        let most = match &mut permit {
            Some(permit) => {
                permit.charge(cost);
                CHILDREN
            }
            None => ALL,
        };
        let mut waiting = self.lock();
        if waiting.bytes + cost > most {
            waiting.dropped.lines += 1;
            waiting.dropped.bytes += bytes.len() as u64;
            return;
        }
        waiting.bytes += cost;
        waiting.lines.push_back(Line { bytes, _permit: permit });
        let asleep = std::mem::take(&mut waiting.asleep);
        drop(waiting);
        if asleep {
            self.wake.notify_one();
        }
    }

    /// Moves up to about `most` bytes of lines to `batch`, waiting for the first. Answers what was
    /// dropped since the last call; `None` when the queue is closed and empty.
    pub(crate) fn take(&self, batch: &mut Batch, most: usize) -> Option<Dropped> {
        let mut waiting = self.lock();
        while waiting.lines.is_empty() {
            if waiting.closed {
                return None;
            }
            waiting.asleep = true;
            waiting = self.wake.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        waiting.asleep = false;
        while batch.bytes.len() < most {
            let Some(line) = waiting.lines.pop_front() else { break };
            waiting.bytes -= line.bytes.len() + OVERHEAD;
            batch.bytes.extend_from_slice(&line.bytes);
            batch.permits.extend(line._permit);
        }
        if waiting.lines.is_empty() {
            self.emptied.notify_all();
        }
        Some(std::mem::take(&mut waiting.dropped))
    }

    /// No more lines will come: the writer ends when it has written the rest.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.wake.notify_all();
    }

    /// Lets lines gather for `pause`, so that a burst of them costs few writes and few wake-ups;
    /// not once the queue is closed.
    pub(crate) fn gather(&self, pause: Duration) {
        let _guard = self
            .wake
            .wait_timeout_while(self.lock(), pause, |waiting| !waiting.closed)
            .unwrap_or_else(PoisonError::into_inner);
    }

    /// Waits until everything was taken, `bound` at most. Answers whether it was.
    #[must_use]
    pub(crate) fn is_empty_within(&self, bound: Duration) -> bool {
        let (waiting, _) = self
            .emptied
            .wait_timeout_while(self.lock(), bound, |waiting| !waiting.lines.is_empty())
            .unwrap_or_else(PoisonError::into_inner);
        waiting.lines.is_empty()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Waiting> {
        // A panic aborts the process; a poisoned lock cannot be met.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lines on their way out, with the places they hold until they are written.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// The lines, one after the other.
    pub(crate) bytes: Vec<u8>,
    permits: Vec<Permit>,
}

impl Batch {
    /// They are written, or given up: their places are free again.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.permits.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flooding_child_uses_up_its_own_share_only() {
        let queue = Queue::default();
        let (flood, quiet) = (queue.share(), queue.share());
        let mut held = Vec::new();
        while let Some(permit) = flood.permit(10_000) {
            held.push(permit);
        }
        assert!(held.len() > 90, "about a hundred lines fit into its share");
        assert!(quiet.permit(10_000).is_some(), "its neighbour is heard");
        drop(held);
        assert!(flood.permit(10_000).is_some(), "and it is heard again once its lines are written");
    }

    #[test]
    fn many_flooding_children_leave_room_for_the_supervisor() {
        let queue = Queue::default();
        let mut lines = 0;
        for _ in 0..40 {
            let share = queue.share();
            while let Some(permit) = share.permit(60_000) {
                queue.push(vec![b'x'; 60_000], Some(permit));
                lines += 1;
            }
        }
        assert!(lines * 60_000 <= CHILDREN);
        queue.push(b"the supervisor's own\n".to_vec(), None);
        assert_eq!(queue.lock().dropped, Dropped::default());
    }

    #[test]
    fn what_does_not_fit_is_counted() {
        let queue = Queue::default();
        while queue.lock().dropped.lines == 0 {
            queue.push(vec![b'x'; 1 << 20], None);
        }
        let mut batch = Batch::default();
        let dropped = queue.take(&mut batch, 1).unwrap();
        assert_eq!(dropped, Dropped { lines: 1, bytes: 1 << 20 });
    }

    #[test]
    fn a_closed_queue_is_emptied_first() {
        let queue = Queue::default();
        queue.push(b"last words\n".to_vec(), None);
        queue.close();
        let mut batch = Batch::default();
        assert!(queue.take(&mut batch, 1024).is_some());
        assert_eq!(batch.bytes, b"last words\n");
        assert!(queue.take(&mut batch, 1024).is_none());
    }
}
