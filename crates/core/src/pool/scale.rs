//! How many workers there are.
//!
//! The pool grows when tasks wait for a worker, and shrinks when workers wait for a task. A worker
//! it needs no more is stopped once it holds nothing, so shrinking cuts no task short; a task that
//! made the pool grow simply waits until one of the new workers, or of the old ones, is free.

use super::worker::Is;
use super::{Action, Pool, Report, WorkMode};
use crate::evidence::StopCause;
use crate::moment::Moment;
use std::time::Duration;

/// The pool looks no more often than this whether it is to grow.
const LOOK_AGAIN: Duration = Duration::from_millis(1);

impl Pool {
    /// Starts and stops slots, until there are as many as the tasks want.
    pub(super) fn scale(&mut self, now: Moment) {
        if self.policy.mode == WorkMode::Exec {
            return;
        }
        while self.counts.workers < self.policy.min && self.start_one(now).is_some() {}
        self.start_successors(now);
        while self.shrink_at().is_some_and(|at| at <= now) {
            let Some((_, slot)) = self.idle.first().copied() else { break };
            self.drain(now, slot);
            let to = self.counts.workers;
            self.report(Report::Shrinking { to });
        }
        // The supervisor may have started one of its own accord.
        while self.counts.workers > self.policy.max
            && let Some(slot) = self.one_too_many()
        {
            self.drain(now, slot);
        }
        // Last, for what was let go may be missed.
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
    }

    /// The worker that is missed least.
    fn one_too_many(&self) -> Option<u32> {
        let ready = (1..).zip(&self.workers).filter(|(_, it)| it.is == Is::Ready && it.serves());
        ready.min_by_key(|(_, worker)| worker.held.len()).map(|(slot, _)| slot)
    }

    /// When the pool is to grow, if nothing changes.
    pub(super) fn grow_at(&self) -> Option<Moment> {
        let may = self.policy.mode == WorkMode::Line
            && !(self.closing || self.shut)
            && self.counts.workers < self.policy.max;
        let after = self.policy.grow_after.max(LOOK_AGAIN);
        self.starved_since.filter(|_| may).map(|since| since + after)
    }

    /// When the pool is to shrink, if nothing changes.
    pub(super) fn shrink_at(&self) -> Option<Moment> {
        let may = self.policy.mode == WorkMode::Line
            && !(self.closing || self.shut)
            // Who is idle while tasks wait has no credit for now, or is not the one they wait for.
            && self.starved_since.is_none()
            && self.counts.workers > self.policy.min;
        let (since, _) = self.idle.first().filter(|_| may)?;
        Some(*since + self.policy.shrink_after)
    }

    /// Asks for a process in a slot that has none.
    pub(super) fn start_one(&mut self, now: Moment) -> Option<u32> {
        let place = self.workers.iter().position(|worker| worker.is_vacant(now))?;
        let slot = u32::try_from(place).ok()?.checked_add(1)?;
        if let Some(worker) = self.worker(slot) {
            worker.ask();
        }
        self.settle(slot, now);
        self.actions.push_back(Action::Start { slot });
        Some(slot)
    }

    /// A worker takes no more tasks, and is stopped once it holds none.
    pub(super) fn drain(&mut self, now: Moment, slot: u32) {
        if let Some(worker) = self.worker(slot)
            && matches!(worker.is, Is::Starting | Is::Ready)
        {
            worker.is = Is::Draining;
        }
        self.settle(slot, now);
    }

    /// A worker that was to be drained holds nothing any more.
    pub(super) fn stop_drained(&mut self, slot: u32) {
        let Some(worker) = self.worker(slot) else { return };
        worker.dismissed = true;
        let replaced = worker.replaced_for.is_some() || worker.successor.is_some();
        let cause = if replaced { StopCause::Recycle } else { StopCause::Scale };
        self.actions.push_back(Action::Stop { slot, cause, kill: false });
    }
}
