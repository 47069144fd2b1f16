//! Progress that comes faster than anybody can read it: only the last of it is told, ten times a
//! second.

use hearken_proto::{Handle, Progress};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

/// How often progress is told at most.
const PERIOD: Duration = Duration::from_millis(100);
/// How many tasks may have progress waiting; who speaks of more is told of at once.
const MOST: usize = 1024;

/// The progress of one child that has not been told yet.
#[derive(Debug, Default)]
pub(super) struct Coalesced {
    told_at: Option<Instant>,
    waiting: BTreeMap<Option<Handle>, Progress>,
}

impl Coalesced {
    /// Takes progress in; gives it back if it is to be told now.
    pub(super) fn take(&mut self, progress: Progress, now: Instant) -> Option<Progress> {
        let too_soon = self.told_at.is_some_and(|told| now < told + PERIOD);
        let known = self.waiting.contains_key(&progress.handle);
        if too_soon && (known || self.waiting.len() < MOST) {
            self.waiting.insert(progress.handle, progress);
            return None;
        }
        self.waiting.remove(&progress.handle);
        self.told_at = Some(now);
        Some(progress)
    }

    /// When what waits is to be told.
    pub(super) fn due(&self) -> Option<Instant> {
        self.told_at.filter(|_| !self.waiting.is_empty()).map(|told| told + PERIOD)
    }

    /// Everything that waits: it is to be told now.
    pub(super) fn all(&mut self, now: Instant) -> impl Iterator<Item = Progress> + use<> {
        self.told_at = Some(now);
        std::mem::take(&mut self.waiting).into_values()
    }

    /// What waits about this task, or about none: something else of it is told next.
    pub(super) fn of(&mut self, handle: Option<Handle>) -> Option<Progress> {
        self.waiting.remove(&handle)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(handle: Option<u32>, done: u64) -> Progress {
        Progress { handle: handle.map(Handle), done: Some(done), ..Progress::default() }
    }

    #[test]
    fn the_first_is_told_at_once_and_of_a_flood_the_last() {
        let (mut all, start) = (Coalesced::default(), Instant::now());
        assert_eq!(all.take(at(None, 0), start), Some(at(None, 0)));
        for done in 1..1_000 {
            assert_eq!(all.take(at(None, done), start), None);
        }
        assert_eq!(all.due(), Some(start + PERIOD));
        let told: Vec<_> = all.all(start + PERIOD).collect();
        assert_eq!(told, [at(None, 999)]);
        assert_eq!(all.due(), None);
    }

    #[test]
    fn tasks_do_not_hide_one_another() {
        let (mut all, start) = (Coalesced::default(), Instant::now());
        assert!(all.take(at(Some(1), 1), start).is_some());
        assert!(all.take(at(Some(1), 2), start).is_none());
        assert!(all.take(at(Some(2), 7), start).is_none());
        assert_eq!(all.of(Some(Handle(1))), Some(at(Some(1), 2)));
        assert_eq!(all.all(start).collect::<Vec<_>>(), [at(Some(2), 7)]);
    }

    #[test]
    fn what_is_slower_than_that_is_told_at_once() {
        let (mut all, start) = (Coalesced::default(), Instant::now());
        for done in 0..5 {
            let now = start + PERIOD * u32::try_from(done).unwrap();
            assert!(all.take(at(None, done), now).is_some());
        }
    }
}
