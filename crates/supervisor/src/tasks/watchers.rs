//! Who wants to hear what happens to tasks.

use super::client::{Ended, Told, Watch};
use hearken_core::pool::TaskNext;
use hearken_core::task::TaskId;
use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::mpsc;

/// The loop's side of somebody who listens.
#[derive(Debug)]
pub(crate) struct Voice {
    told: mpsc::UnboundedSender<Told>,
    unread: Arc<AtomicUsize>,
    room: usize,
}

/// Hears what happens to tasks.
#[derive(Debug)]
pub struct Ears {
    told: mpsc::UnboundedReceiver<Told>,
    unread: Arc<AtomicUsize>,
}

impl Ears {
    /// A pair of both sides. While more than `room` words lie unread, only ends are told: those are
    /// as many at most as the listener has tasks under way.
    pub(super) fn new(room: usize) -> (Voice, Self) {
        let (tell, told) = mpsc::unbounded_channel();
        let unread = Arc::new(AtomicUsize::new(0));
        let voice = Voice { told: tell, unread: Arc::clone(&unread), room };
        (voice, Self { told, unread })
    }

    /// The next word; `None` when the supervisor has gone, or what was watched is over.
    pub async fn hear(&mut self) -> Option<Told> {
        let told = self.told.recv().await;
        self.unread.fetch_sub(usize::from(told.is_some()), Ordering::Relaxed);
        told
    }

    /// The next word, if it is there already.
    pub fn heard(&mut self) -> Option<Told> {
        let told = self.told.try_recv().ok();
        self.unread.fetch_sub(usize::from(told.is_some()), Ordering::Relaxed);
        told
    }

    /// The same for a thread outside the runtime.
    pub fn blocking_hear(&mut self) -> Option<Told> {
        let told = self.told.blocking_recv();
        self.unread.fetch_sub(usize::from(told.is_some()), Ordering::Relaxed);
        told
    }
}

impl Voice {
    /// Tells; answers whether anybody is still there.
    fn tell(&self, told: Told) -> bool {
        let must_be_told = match told {
            Told::Ended(_) | Told::PoolFailed(_) => true,
            Told::Started { .. } | Told::Progress { .. } | Told::Retrying { .. } => false,
        };
        if !must_be_told && self.unread.load(Ordering::Relaxed) >= self.room {
            return !self.told.is_closed();
        }
        self.unread.fetch_add(1, Ordering::Relaxed);
        self.told.send(told).is_ok()
    }
}

/// Everybody who listens.
#[derive(Debug, Default)]
pub(super) struct Watchers {
    tasks: HashMap<TaskId, Vec<Voice>>,
    pools: HashMap<Arc<str>, Vec<Voice>>,
}

impl Watchers {
    pub(super) fn add(&mut self, watch: Watch, voice: Voice) {
        match watch {
            Watch::Task(task) => self.tasks.entry(task).or_default().push(voice),
            Watch::Pool(pool) => self.pools.entry(pool).or_default().push(voice),
        }
    }

    /// Whether anybody wants to hear of this task.
    pub(super) fn wants(&self, pool: &str, task: TaskId) -> bool {
        !(self.tasks.is_empty() && self.pools.is_empty())
            && (self.pools.contains_key(pool) || self.tasks.contains_key(&task))
    }

    pub(super) fn tell(&mut self, pool: &str, task: TaskId, told: &Told) {
        tell_all(&mut self.pools, pool, told);
        tell_all(&mut self.tasks, &task, told);
    }

    /// Nothing more will come of this pool by itself.
    pub(super) fn pool_failed(&mut self, pool: &str, why: &str) {
        tell_all(&mut self.pools, pool, &Told::PoolFailed(why.into()));
    }

    /// A try has ended, and maybe the task with it.
    pub(super) fn tried(&mut self, pool: &str, ended: Ended) {
        match ended.next {
            TaskNext::Again { delay, .. } => {
                let Ended { task, counters, error, .. } = ended;
                self.tell(pool, task, &Told::Retrying { task, counters, error, delay });
            }
            TaskNext::Released => {}
            TaskNext::Succeeded
            | TaskNext::Dead(_)
            | TaskNext::Discarded
            | TaskNext::Cancelled
            | TaskNext::Expired => self.ended(pool, ended),
        }
    }

    pub(super) fn ended(&mut self, pool: &str, ended: Ended) {
        let task = ended.task;
        self.tell(pool, task, &Told::Ended(Arc::new(ended)));
        self.tasks.remove(&task);
    }

    /// Forgets who has gone.
    pub(super) fn tidy(&mut self) {
        let there = |voices: &mut Vec<Voice>| {
            voices.retain(|voice| !voice.told.is_closed());
            !voices.is_empty()
        };
        self.pools.retain(|_, voices| there(voices));
        self.tasks.retain(|_, voices| there(voices));
    }
}

fn tell_all<K, Q>(all: &mut HashMap<K, Vec<Voice>>, key: &Q, told: &Told)
where
    K: Borrow<Q> + Hash + Eq,
    Q: Hash + Eq + ?Sized,
{
    if let Some(voices) = all.get_mut(key) {
        voices.retain(|voice| voice.tell(told.clone()));
        if voices.is_empty() {
            all.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hearken_core::task::Counters;
    use std::time::Duration;

    fn ended(task: TaskId) -> Ended {
        Ended {
            task,
            next: TaskNext::Succeeded,
            counters: Counters::default(),
            decided_by: "worker",
            error: None,
            result: None,
            took: Duration::ZERO,
            worker: "p#1".into(),
        }
    }

    #[test]
    fn who_does_not_read_misses_progress_and_no_end() {
        let (mut all, task) = (Watchers::default(), TaskId::from_u128(7));
        let (voice, mut ears) = Ears::new(1);
        all.add(Watch::Pool("p".into()), voice);
        for _ in 0..10 {
            all.tell("p", task, &Told::Progress { task, progress: "{}".into() });
        }
        all.tried("p", ended(task));
        all.tried("p", ended(task));
        assert!(matches!(ears.blocking_hear(), Some(Told::Progress { .. })));
        assert!(matches!(ears.blocking_hear(), Some(Told::Ended(_))));
        assert!(matches!(ears.blocking_hear(), Some(Told::Ended(_))));
        drop(all);
        assert_eq!(ears.blocking_hear(), None);
    }

    #[test]
    fn who_watches_a_task_hears_of_its_end_and_then_no_more() {
        let (mut all, task) = (Watchers::default(), TaskId::from_u128(7));
        let (voice, mut ears) = Ears::new(8);
        all.add(Watch::Task(task), voice);
        assert!(all.wants("p", task) && !all.wants("p", TaskId::from_u128(8)));
        all.tried("p", ended(task));
        assert!(matches!(ears.blocking_hear(), Some(Told::Ended(_))));
        assert_eq!(ears.blocking_hear(), None);
        assert!(!all.wants("p", task));
    }

    #[test]
    fn who_has_gone_is_forgotten() {
        let (mut all, task) = (Watchers::default(), TaskId::from_u128(7));
        let (voice, ears) = Ears::new(8);
        all.add(Watch::Task(task), voice);
        drop(ears);
        all.tidy();
        assert!(!all.wants("p", task));
    }
}
