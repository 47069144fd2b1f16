//! The clocks of tasks in hand, and taking tasks back.

use super::task::{Place, taken_back};
use super::worker::{Held, Is, Recall, Stage};
use super::{Action, Pool, RecycleCause, Report};
use crate::evidence::StopCause;
use crate::moment::Moment;
use crate::supervision::STALL;
use crate::task::TaskId;

impl Pool {
    /// The moment of a slot has come: one of its clocks ran out.
    pub(super) fn ring(&mut self, now: Moment, slot: u32) {
        let accept = self.policy.clocks.accept;
        let Some(worker) = self.worker(slot) else { return };
        if worker.rests_until <= now {
            worker.rests_until = Moment::START;
        }
        if worker.old_at <= now {
            worker.old_at = Moment::NEVER;
            let age = self.policy.recycle.age.unwrap_or_default();
            self.recycle(now, slot, RecycleCause::Age(age));
        }
        if let Some(worker) = self.worker(slot)
            && let Some((due, held)) = worker.overdue(accept)
            && due <= now
        {
            let task = held.task;
            if now.since(due) > STALL {
                // It may well have begun while nobody listened.
                worker.stirred_at = now;
            } else {
                self.report(Report::NotAccepted { slot, task, after: accept });
                return self.kill(slot, StopCause::NotAccepted);
            }
        }
        let mut place = 0;
        while let Some(held) = self.seen(slot).and_then(|worker| worker.held.get(place)) {
            let (task, recall, worked) = (held.task, held.recall, held.worked(now));
            if let Some(recall) = recall.filter(|_| held.kill_at <= now) {
                self.report(Report::Overrun { slot, task, after: worked });
                return self.kill(slot, recall.stop_cause());
            }
            // Nobody is killed who was not asked before, however late this timer is.
            if held.soft_at.min(held.kill_at) <= now {
                self.ask_back(now, slot, place, Recall::Slow);
            } else {
                place += 1;
            }
        }
    }

    /// Its process is killed: it does not answer. Everything it holds is settled at its end.
    fn kill(&mut self, slot: u32, cause: StopCause) {
        if let Some(worker) = self.worker(slot) {
            (worker.is, worker.killed) = (Is::Leaving, true);
            worker.held.iter_mut().for_each(Held::stop_clocks);
        }
        self.actions.push_back(Action::Stop { slot, cause, kill: true });
    }

    /// Somebody wants a task back, wherever it is.
    pub(super) fn recall(&mut self, now: Moment, id: TaskId, recall: Recall) {
        let Some(task) = self.tasks.get_mut(&id) else { return };
        match task.place {
            Place::Delayed(_) | Place::Ready(_) | Place::Paused => {
                let next = taken_back(recall);
                self.actions.push_back(Action::Drop { task: id, next });
                self.forget(now, id, next);
            }
            Place::Keeping => {
                task.recall.get_or_insert(recall);
            }
            Place::InHand(slot) => {
                let Some(worker) = self.seen(slot) else { return };
                let Some(place) = worker.held.iter().position(|held| held.task == id) else {
                    // It comes back from a process that is gone.
                    if let Some(task) = self.tasks.get_mut(&id) {
                        task.recall.get_or_insert(recall);
                    }
                    return;
                };
                let claiming =
                    worker.held.get(place).is_some_and(|held| held.stage == Stage::Claiming);
                let asked = worker.held.get(place).is_some_and(|held| held.recall.is_some());
                if claiming {
                    if let Some(held) = self.worker(slot).and_then(|it| it.held.get_mut(place)) {
                        held.recall.get_or_insert(recall);
                    }
                } else if !asked {
                    self.ask_back(now, slot, place, recall);
                } else if let Some(held) = self.worker(slot).and_then(|it| it.held.get_mut(place))
                    && held.recall == Some(Recall::Slow)
                {
                    // It is being given up already; now for good.
                    held.recall = Some(recall);
                }
                self.settle(slot, now);
            }
        }
    }
}
