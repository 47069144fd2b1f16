//! Which waiting task goes to which worker, and its way into the worker's hands.

use super::task::{Place, taken_back};
use super::worker::{Held, Is, Stage};
use super::{Action, Handle, Pending, Pool, Report, TaskDecidedBy, TaskNext, WorkMode};
use crate::identity::Token;
use crate::moment::Moment;
use crate::task::{Lease, TaskId};

/// How many tasks are passed over because they had better go to another worker than the free one;
/// others after them go to it all the same, so that a long queue of them costs no time.
const SHY_MOST: usize = 64;

impl Pool {
    /// Gives out tasks as long as there are some and a worker is free.
    pub(super) fn dispatch(&mut self, now: Moment) {
        let mut shy: Vec<(TaskId, Moment)> = Vec::new();
        while !self.store_down
            && let Some((_, slot)) = self.free.first().copied()
        {
            let tasks = &self.tasks;
            let counts =
                |id, ticket| tasks.get(&id).is_some_and(|task| task.place == Place::Ready(ticket));
            let Some(id) = self.ready.take(counts) else { break };
            if self.waits_for_dependency(now, id) {
                continue;
            }
            let slot = match self.slot_for(now, id, slot) {
                Ok(slot) => slot,
                Err(until) if shy.len() < SHY_MOST => {
                    shy.push((id, until));
                    continue;
                }
                Err(_) => slot,
            };
            // The budget comes last: what it grants is spent.
            if !self.waits_for_budget(now, id) {
                self.claim(now, id, slot);
            }
        }
        // Those that wait for another worker while one is free look again when their time is over.
        self.patience = shy.iter().map(|(_, until)| *until).min();
        for (id, _) in shy {
            self.make_ready(id);
        }
        // More workers would be of no use to a store that gives nothing out.
        let starved = self.counts.ready > 0 && !self.store_down;
        self.starved_since = starved.then(|| self.starved_since.unwrap_or(now));
    }

    /// `free`, or another free slot if this task had better not go to that one. Where there is no
    /// other worker, and none to come, it goes back to the one that had it.
    ///
    /// # Errors
    /// Until when it waits for another, if one may come.
    fn slot_for(&self, now: Moment, id: TaskId, free: u32) -> Result<u32, Moment> {
        let avoid = self.tasks.get(&id).and_then(|task| task.avoid);
        let Some((token, until)) = avoid.filter(|(_, until)| *until > now) else { return Ok(free) };
        let avoided =
            |slot: &u32| self.seen(*slot).is_some_and(|worker| worker.token == Some(token));
        if !avoided(&free) {
            return Ok(free);
        }
        let other = self.free.iter().map(|(_, slot)| *slot).find(|slot| !avoided(slot));
        let alone = self.counts.workers <= 1 && self.policy.max <= 1;
        other.or(alone.then_some(free)).ok_or(until)
    }

    /// Whether it is a retry, and there are too many of those for now.
    fn waits_for_budget(&mut self, now: Moment, id: TaskId) -> bool {
        let Some(budget) = self.policy.retry.budget else { return false };
        let Some(counters) = self.tasks.get(&id).map(|task| task.counters) else { return false };
        if !counters.has_failed() {
            if counters.leases == 0 {
                self.tries.first(&budget, now);
            }
            return false;
        }
        let Err(later) = self.tries.retry(&budget, now) else {
            self.held_back = false;
            return false;
        };
        self.put(id, Place::Delayed(later));
        if !std::mem::replace(&mut self.held_back, true) {
            self.report(Report::RetryBudgetSpent);
        }
        true
    }

    fn claim(&mut self, now: Moment, id: TaskId, slot: u32) {
        self.last_lease += 1;
        let lease = Lease { epoch: self.epoch, number: self.last_lease };
        let Some(task) = self.tasks.get(&id) else { return };
        let attempt = task.counters.next_attempt();
        self.put(id, Place::InHand(slot));
        self.pending.insert(lease, Pending::Claim(id, slot));
        if let Some(worker) = self.worker(slot) {
            worker.held.push(Held::claiming(id, lease));
        }
        self.settle(slot, now);
        self.actions.push_back(Action::Claim { task: id, lease, attempt, slot });
    }

    /// The store gave the lease: the task goes to its worker, if that still wants it.
    pub(super) fn claimed(&mut self, now: Moment, lease: Lease) {
        let Some(pending) = self.pending.remove(&lease) else { return };
        let (id, slot) = match pending {
            Pending::Claim(id, slot) => (id, slot),
            Pending::Orphan(id) => {
                self.count_lease(id);
                return self.keep(id, lease, TaskNext::Released, TaskDecidedBy::Supervisor, 0);
            }
            Pending::Keep { .. } => {
                self.pending.insert(lease, pending);
                return;
            }
        };
        self.count_lease(id);
        let exec = self.policy.mode == WorkMode::Exec;
        let halted = self.closing || self.shut;
        let (soft, hard) = (self.policy.clocks.cancel_after(), self.policy.clocks.hard);
        let counters = self.tasks.get(&id).map(|task| task.counters).unwrap_or_default();
        let Some(worker) = self.worker(slot) else { return };
        let Some(place) = worker.held.iter().position(|it| it.lease == lease) else { return };
        let recall = worker.held.get(place).and_then(|held| held.recall);
        // It may have been told other things since the store was asked.
        let takes = !halted
            && match exec {
                true => worker.is == Is::Down { barred: false },
                // One that is to be replaced does what was claimed for it before that.
                false => {
                    matches!(worker.is, Is::Ready | Is::Draining)
                        && worker.in_hand() < worker.credits as usize
                }
            };
        if recall.is_some() || !takes {
            worker.held.remove(place);
            let next = recall.map_or(TaskNext::Released, taken_back);
            self.keep(id, lease, next, super::ending::recalled_by(recall), slot);
            return self.settle(slot, now);
        }
        if worker.in_hand() == 0 {
            worker.stirred_at = now;
        }
        let handle = if exec { Handle::ONLY } else { worker.next_handle() };
        let token = worker.token;
        if let Some(held) = worker.held.get_mut(place) {
            (held.stage, held.handle) = (Stage::Sent, handle);
        }
        if exec {
            worker.ask();
            self.actions.push_back(Action::Start { slot });
        } else if let Some(token) = token {
            self.actions.push_back(Action::Send {
                token,
                handle,
                task: id,
                lease,
                counters,
                soft,
                hard,
            });
        }
        self.settle(slot, now);
    }

    /// The number of the try is used up, whatever comes of it.
    fn count_lease(&mut self, id: TaskId) {
        if let Some(task) = self.tasks.get_mut(&id) {
            task.counters.leases = task.counters.leases.saturating_add(1);
        }
    }

    /// The store did not give the lease: somebody else ended the task.
    pub(super) fn gone(&mut self, now: Moment, lease: Lease) {
        let Some(pending) = self.pending.remove(&lease) else { return };
        match pending {
            Pending::Claim(id, slot) => {
                if let Some(worker) = self.worker(slot) {
                    worker.held.retain(|held| held.lease != lease);
                }
                // Somebody else ended it; how, the store knows.
                self.forget(now, id, TaskNext::Cancelled);
                self.settle(slot, now);
            }
            Pending::Orphan(id) => self.forget(now, id, TaskNext::Cancelled),
            Pending::Keep { .. } => {
                self.pending.insert(lease, pending);
            }
        }
    }

    /// Its unit runs: every slot may be asked for again. One whose next process was still to come
    /// when the unit was stopped has none to come.
    pub(super) fn opened(&mut self, now: Moment) {
        self.shut = false;
        for slot in 1..=u32::try_from(self.workers.len()).unwrap_or(u32::MAX) {
            if self.seen(slot).is_some_and(|worker| worker.token.is_none()) {
                self.down(now, slot, false);
            }
        }
    }

    /// A process was asked for in this slot.
    pub(super) fn spawning(&mut self, now: Moment, slot: u32, token: Token) {
        let Some(worker) = self.worker(slot) else { return };
        let before = worker.token;
        worker.renew(token);
        if let Some(before) = before {
            self.tokens.remove(&before);
        }
        self.tokens.insert(token, slot);
        self.settle(slot, now);
    }

    /// It runs: in exec mode it works on its task from here on.
    pub(super) fn started(&mut self, now: Moment, token: Token) {
        if self.policy.mode == WorkMode::Exec && self.tokens.contains_key(&token) {
            self.accepted(now, token, Handle::ONLY);
        }
    }

    /// A slot will not be started again by itself.
    pub(super) fn down(&mut self, now: Moment, slot: u32, barred: bool) {
        let Some(worker) = self.worker(slot) else { return };
        let held = std::mem::take(&mut worker.held);
        let token = worker.token.take();
        worker.lie_down(now, barred);
        if let Some(token) = token {
            self.tokens.remove(&token);
        }
        for held in held {
            self.hand_back(now, slot, &held);
        }
        self.settle(slot, now);
        self.lose_successor(now, slot);
    }
}
