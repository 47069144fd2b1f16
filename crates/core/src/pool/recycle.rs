//! The replacing of workers that nothing is wrong with.
//!
//! A worker that is to be replaced works on until its successor is ready; then it takes no more
//! tasks, and is stopped once it holds none. So no task is cut short, and there are never fewer
//! workers than before. For that the successor needs a slot that has no process: where several are
//! to be replaced and there are not so many, they wait for one another.

use super::worker::Is;
use super::{Pool, RecycleCause, Report, WorkMode};
use crate::moment::Moment;

impl Pool {
    /// A worker is due to be replaced.
    pub(super) fn recycle(&mut self, now: Moment, slot: u32, because: RecycleCause) {
        if self.policy.mode == WorkMode::Exec {
            return;
        }
        let Some(worker) = self.worker(slot).filter(|it| it.is == Is::Ready) else { return };
        // Whoever asks for it takes no more tasks: that is the reason that cannot wait.
        if worker.replaced_for.is_none() || because == RecycleCause::Asked {
            worker.replaced_for = Some(because);
        }
        self.settle(slot, now);
    }

    /// Starts the successors of those that are due to be replaced, as far as there are slots.
    pub(super) fn start_successors(&mut self, now: Moment) {
        while let Some(((), slot)) = self.leaving.first().copied() {
            let Some(because) = self.seen(slot).and_then(|worker| worker.replaced_for) else {
                return;
            };
            if let Some(successor) = self.start_one(now) {
                if let Some(worker) = self.worker(slot) {
                    worker.successor = Some(successor);
                }
                self.settle(slot, now);
                self.report(Report::Recycling { slot, because, successor });
            } else if let Some(slot) = self.goes_first() {
                self.drain(now, slot);
            } else {
                return;
            }
        }
    }

    /// Where no slot will come free for a successor by itself, somebody has to go before it comes:
    /// whoever takes no more tasks; or anybody, unless that would be one worker less for good.
    fn goes_first(&self) -> Option<u32> {
        let comes_free = self.workers.iter().any(|worker| match worker.is {
            Is::Down { barred } => !barred,
            Is::Draining | Is::Leaving => true,
            Is::Starting | Is::Ready => worker.successor.is_some(),
        });
        if comes_free {
            return None;
        }
        let barred = self.workers.iter().any(|worker| worker.is == Is::Down { barred: true });
        let goes = |slot: &u32| {
            let because = self.seen(*slot).and_then(|worker| worker.replaced_for);
            !barred || because == Some(RecycleCause::Asked)
        };
        self.leaving.iter().map(|((), slot)| *slot).find(goes)
    }

    /// A worker is ready: whoever it comes in place of may go.
    pub(super) fn succeed(&mut self, now: Moment, successor: u32) {
        if let Some(slot) = self.predecessor(successor) {
            self.drain(now, slot);
        }
    }

    /// Whoever waits for this slot to take its place waits for another.
    pub(super) fn lose_successor(&mut self, now: Moment, successor: u32) {
        if let Some(slot) = self.predecessor(successor) {
            if let Some(worker) = self.worker(slot) {
                worker.successor = None;
            }
            self.settle(slot, now);
        }
    }

    fn predecessor(&self, successor: u32) -> Option<u32> {
        let place = self.workers.iter().position(|it| it.successor == Some(successor))?;
        u32::try_from(place + 1).ok()
    }
}
