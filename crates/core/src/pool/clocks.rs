//! The clocks of tasks in hand, and taking tasks back.

use super::task::{Place, taken_back};
use super::worker::{Is, Recall, Stage};
use super::{Action, Pool, RecycleCause, Report, WorkMode};
use crate::evidence::StopCause;
use crate::moment::Moment;
use crate::task::TaskId;

impl Pool {
    /// The moment of a slot has come: one of its clocks ran out.
    pub(super) fn ring(&mut self, now: Moment, slot: u32) {
        let accept = self.policy.clocks.accept;
        let Some(worker) = self.worker(slot) else { return };
        if worker.old_at <= now {
            let age = self.policy.recycle.age.unwrap_or_default();
            let Some(worker) = self.worker(slot) else { return };
            worker.old_at = Moment::NEVER;
            self.recycle(now, slot, RecycleCause::Age(age));
        }
        if let Some((due, held)) = self.seen(slot).and_then(|worker| worker.overdue(accept))
            && due <= now
            && self.policy.mode == WorkMode::Line
        {
            let task = held.task;
            self.report(Report::NotAccepted { slot, task, after: accept });
            return self.kill(slot, StopCause::NotAccepted);
        }
        let mut place = 0;
        while let Some(held) = self.seen(slot).and_then(|worker| worker.held.get(place)) {
            let (task, recall, worked) = (held.task, held.recall, held.worked(now));
            if held.kill_at <= now {
                self.report(Report::Overrun { slot, task, after: worked });
                if let Some(held) = self.worker(slot).and_then(|it| it.held.get_mut(place)) {
                    (held.kill_at, held.soft_at) = (Moment::NEVER, Moment::NEVER);
                    held.recall.get_or_insert(Recall::Slow);
                }
                return self.kill(slot, recall.unwrap_or(Recall::Slow).stop_cause());
            }
            if held.soft_at <= now {
                self.ask_back(now, slot, place, Recall::Slow);
            }
            place += 1;
        }
    }

    /// Its process is killed: it does not answer. Everything it holds is settled at its end.
    fn kill(&mut self, slot: u32, cause: StopCause) {
        if let Some(worker) = self.worker(slot) {
            worker.is = Is::Leaving;
            for held in &mut worker.held {
                (held.kill_at, held.soft_at) = (Moment::NEVER, Moment::NEVER);
                // What it was sent and did not begin rings no more.
                if held.stage == Stage::Sent {
                    worker.stirred_at = Moment::NEVER;
                }
            }
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
