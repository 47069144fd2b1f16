//! Which waiting task goes to which worker, and its way into the worker's hands.

use super::task::{Place, taken_back};
use super::worker::{Held, Is, Stage};
use super::{Action, Pending, Pool, Report, TaskDecidedBy, TaskNext, WorkMode};
use crate::identity::Token;
use crate::moment::Moment;
use crate::task::{Lease, TaskId};

impl Pool {
    /// Gives out tasks as long as there are some and a worker is free.
    pub(super) fn dispatch(&mut self, now: Moment) {
        let mut shy = Vec::new();
        while !self.store_down
            && let Some((_, slot)) = self.free.first().copied()
        {
            let tasks = &self.tasks;
            let counts =
                |id, ticket| tasks.get(&id).is_some_and(|task| task.place == Place::Ready(ticket));
            let Some(id) = self.ready.take(counts) else { break };
            if self.waits_for_dependency(now, id) || self.waits_for_budget(now, id) {
                continue;
            }
            match self.slot_for(id, slot) {
                Some(slot) => self.claim(now, id, slot),
                None => shy.push(id),
            }
        }
        for id in shy {
            self.make_ready(id);
        }
        let starved = self.counts.ready > 0;
        self.starved_since = starved.then(|| self.starved_since.unwrap_or(now));
    }

    /// `free`, or another free slot if this task must not go to that one; none if it is to wait for
    /// another. Where there is no other worker, it goes back to the one that had it.
    fn slot_for(&self, id: TaskId, free: u32) -> Option<u32> {
        let avoid = self.tasks.get(&id).and_then(|task| task.avoid);
        let avoided = |slot: &u32| {
            avoid.is_some() && self.seen(*slot).is_some_and(|worker| worker.token == avoid)
        };
        if !avoided(&free) {
            return Some(free);
        }
        let other = self.free.iter().map(|(_, slot)| *slot).find(|slot| !avoided(slot));
        other.or_else(|| (self.counts.workers <= 1 && self.policy.max <= 1).then_some(free))
    }

    /// Whether it is a retry, and there are too many of those for now.
    fn waits_for_budget(&mut self, now: Moment, id: TaskId) -> bool {
        let Some(budget) = self.policy.retry.budget else { return false };
        let is_retry = self.tasks.get(&id).is_some_and(|task| task.has_failed());
        if !is_retry {
            self.tries.first(&budget, now);
            self.held_back = false;
            return false;
        }
        let Err(later) = self.tries.retry(&budget, now) else { return false };
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
        let (soft, hard) = (self.policy.clocks.cancel_after(), self.policy.clocks.hard);
        let counters = self.tasks.get(&id).map(|task| task.counters).unwrap_or_default();
        let Some(worker) = self.worker(slot) else { return };
        let Some(place) = worker.held.iter().position(|it| it.lease == lease) else { return };
        let recall = worker.held.get(place).and_then(|held| held.recall);
        let takes = match exec {
            true => worker.is == Is::Down { barred: false },
            false => worker.is == Is::Ready,
        };
        if recall.is_some() || !takes {
            worker.held.remove(place);
            let next = recall.map_or(TaskNext::Released, taken_back);
            self.keep(id, lease, next, super::ending::recalled_by(recall), slot);
            return self.settle(slot, now);
        }
        worker.stirred_at = now;
        let handle = worker.next_handle();
        let token = worker.token;
        if let Some(held) = worker.held.get_mut(place) {
            (held.stage, held.handle) = (Stage::Sent, handle);
        }
        if exec {
            worker.is = Is::Starting;
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
                self.forget(now, id, TaskNext::Cancelled);
                self.settle(slot, now);
            }
            Pending::Orphan(id) => self.forget(now, id, TaskNext::Cancelled),
            Pending::Keep { .. } => {
                self.pending.insert(lease, pending);
            }
        }
    }

    /// Its unit runs: every slot may be asked for again.
    pub(super) fn opened(&mut self, now: Moment) {
        self.shut = false;
        for slot in 1..=u32::try_from(self.workers.len()).unwrap_or(u32::MAX) {
            if let Some(worker) = self.worker(slot)
                && worker.is == (Is::Down { barred: true })
            {
                worker.is = Is::Down { barred: false };
            }
            self.settle(slot, now);
        }
    }

    /// A process was asked for in this slot.
    pub(super) fn spawning(&mut self, now: Moment, slot: u32, token: Token) {
        self.begun = true;
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
        if self.policy.mode == WorkMode::Exec
            && let Some(slot) = self.tokens.get(&token).copied()
            && let Some(handle) =
                self.seen(slot).and_then(|it| it.held.first()).map(|held| held.handle)
        {
            self.accepted(now, token, handle);
        }
    }

    /// A slot will not be started again by itself.
    pub(super) fn down(&mut self, now: Moment, slot: u32, barred: bool) {
        let Some(worker) = self.worker(slot) else { return };
        // What was given to it and never reached a process.
        let held = std::mem::take(&mut worker.held);
        worker.is = Is::Down { barred };
        worker.successor = None;
        let token = worker.token.take();
        if let Some(token) = token {
            self.tokens.remove(&token);
        }
        for held in held {
            self.hand_back(now, slot, held);
        }
        self.settle(slot, now);
        self.lose_successor(now, slot);
    }
}
