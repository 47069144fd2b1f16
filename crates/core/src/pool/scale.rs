//! How many workers there are, and the replacing of those that are due for it.
//!
//! A worker that is to be replaced works on until its successor is ready; then it takes no more
//! tasks, and is stopped once it holds none. So neither the replacing nor the shrinking ever cuts a
//! task short, and a task that made the pool grow simply waits until one of the new workers, or of
//! the old ones, is free.

use super::worker::Is;
use super::{Action, Pool, RecycleCause, Report, WorkMode};
use crate::evidence::StopCause;
use crate::moment::Moment;

impl Pool {
    /// Starts and stops slots, until there are as many as the tasks want.
    pub(super) fn scale(&mut self, now: Moment) {
        if self.policy.mode == WorkMode::Exec || !self.begun {
            return;
        }
        while self.counts.workers < self.policy.min && self.start_one(now).is_some() {}
        if self.grow_at().is_some_and(|at| at <= now) {
            let waited = self.starved_since.map(|since| now.since(since)).unwrap_or_default();
            let before = self.counts.workers;
            let starting =
                self.workers.iter().filter(|worker| worker.is == Is::Starting).count() as u64;
            let mut wanted = self.counts.ready.saturating_sub(starting);
            while wanted > 0
                && self.counts.workers < self.policy.max
                && self.start_one(now).is_some()
            {
                wanted -= 1;
            }
            let to = self.counts.workers;
            if to > before {
                self.report(Report::Growing { to, waited });
            }
            // The next look comes as long after this one as this after the first sign of want.
            self.starved_since = Some(now);
        }
        while self.shrink_at().is_some_and(|at| at <= now) {
            let Some((_, slot)) = self.idle.first().copied() else { return };
            self.drain(now, slot);
            let to = self.counts.workers;
            self.report(Report::Shrinking { to });
        }
    }

    /// When the pool is to grow, if nothing changes.
    pub(super) fn grow_at(&self) -> Option<Moment> {
        let may = self.policy.mode == WorkMode::Line
            && self.begun
            && !(self.closing || self.shut)
            && self.counts.workers < self.policy.max;
        self.starved_since.filter(|_| may).map(|since| since + self.policy.grow_after)
    }

    /// When the pool is to shrink, if nothing changes.
    pub(super) fn shrink_at(&self) -> Option<Moment> {
        let may = self.policy.mode == WorkMode::Line
            && !(self.closing || self.shut)
            && self.counts.workers > self.policy.min;
        let (since, _) = self.idle.first().filter(|_| may)?;
        Some(*since + self.policy.shrink_after)
    }

    /// Asks for a process in a slot that has none.
    fn start_one(&mut self, now: Moment) -> Option<u32> {
        let down = |is: Is| is == Is::Down { barred: false };
        let place = self.workers.iter().position(|worker| down(worker.is))?;
        let slot = u32::try_from(place).ok()?.checked_add(1)?;
        if let Some(worker) = self.worker(slot) {
            worker.is = Is::Starting;
        }
        self.settle(slot, now);
        self.actions.push_back(Action::Start { slot });
        Some(slot)
    }

    /// A worker is due to be replaced: somebody else is started first.
    pub(super) fn recycle(&mut self, now: Moment, slot: u32, because: RecycleCause) {
        if self.closing || self.policy.mode == WorkMode::Exec {
            return;
        }
        let due = self.seen(slot).is_some_and(|it| it.is == Is::Ready && it.successor.is_none());
        if !due {
            return;
        }
        let Some(successor) = self.start_one(now) else {
            // No slot is left to put a successor in: whoever asked for it drains first.
            if because == RecycleCause::Asked {
                self.drain(now, slot);
            }
            return;
        };
        if let Some(worker) = self.worker(slot) {
            worker.successor = Some(successor);
        }
        self.settle(slot, now);
        self.report(Report::Recycling { slot, because, successor });
    }

    /// A worker is ready: whoever it comes in place of may go.
    pub(super) fn succeed(&mut self, now: Moment, successor: u32) {
        let place = self.workers.iter().position(|it| it.successor == Some(successor));
        if let Some(slot) = place.and_then(|place| u32::try_from(place + 1).ok()) {
            self.drain(now, slot);
        }
    }

    /// Whoever waits for this slot to take its place waits for nobody.
    pub(super) fn lose_successor(&mut self, now: Moment, successor: u32) {
        let place = self.workers.iter().position(|it| it.successor == Some(successor));
        if let Some(slot) = place.and_then(|place| u32::try_from(place + 1).ok()) {
            if let Some(worker) = self.worker(slot) {
                worker.successor = None;
            }
            self.settle(slot, now);
        }
    }

    /// A worker takes no more tasks, and is stopped once it holds none.
    fn drain(&mut self, now: Moment, slot: u32) {
        if let Some(worker) = self.worker(slot)
            && worker.is == Is::Ready
        {
            worker.is = Is::Draining;
        }
        self.settle(slot, now);
    }

    /// A worker that was to be drained holds nothing any more.
    pub(super) fn stop_drained(&mut self, slot: u32) {
        let cause = match self.seen(slot).and_then(|worker| worker.successor) {
            Some(_) => StopCause::Recycle,
            None => StopCause::Scale,
        };
        self.actions.push_back(Action::Stop { slot, cause, kill: false });
    }
}
