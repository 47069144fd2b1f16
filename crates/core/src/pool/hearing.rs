//! What follows from what a worker says.

use super::ending::Verdict;
use super::worker::{Held, Is, Recall};
use super::{
    Action, CancelReason, DeadBy, Handle, Pool, RecycleCause, Report, Said, TaskDecidedBy,
    TaskNext, WorkMode,
};
use crate::backoff::DELAY_MAX;
use crate::evidence::TypedError;
use crate::identity::Token;
use crate::kind::Kind;
use crate::moment::Moment;
use crate::rule::Circumstances;
use crate::task::{self, Counted};
use std::sync::Arc;
use std::time::Duration;

impl Pool {
    /// The slot and the place of the task a worker speaks of; tells it if it holds none of that name.
    fn held_by(&mut self, token: Token, handle: Handle) -> Option<(u32, usize, Held)> {
        let slot = self.tokens.get(&token).copied()?;
        let worker = self.seen(slot)?;
        let found =
            worker.position(handle).and_then(|place| Some((slot, place, *worker.held.get(place)?)));
        if found.is_none() {
            self.report(Report::Stale { slot, handle });
        }
        found
    }

    /// The worker takes so many tasks at once.
    pub(super) fn worker_ready(&mut self, now: Moment, token: Token, credits: u32) {
        let Some(slot) = self.tokens.get(&token).copied() else { return };
        let recycle = self.policy.recycle;
        let done_most = recycle.tasks.map(|tasks| self.about(tasks));
        let age = recycle.age.map(|age| {
            let tenth = age / 10;
            (age - tenth).saturating_add(self.jitter.up_to(tenth * 2))
        });
        let Some(worker) = self.worker(slot) else { return };
        worker.credits = credits;
        if worker.is == Is::Starting {
            worker.is = Is::Ready;
            worker.stirred_at = now;
            worker.done_most = done_most.unwrap_or(u32::MAX);
            worker.old_at = age.map_or(Moment::NEVER, |age| now + age);
        }
        self.settle(slot, now);
        self.succeed(now, slot);
    }

    /// A number, give or take a tenth.
    fn about(&mut self, number: u32) -> u32 {
        let tenth = number / 10;
        let drawn = self.jitter.up_to(Duration::from_nanos(u64::from(tenth) * 2)).as_nanos();
        (number - tenth).saturating_add(u32::try_from(drawn).unwrap_or(0))
    }

    /// The worker takes no more tasks, and wants to be replaced.
    pub(super) fn asked_to_drain(&mut self, now: Moment, token: Token) {
        if let Some(slot) = self.tokens.get(&token).copied() {
            if let Some(worker) = self.worker(slot) {
                worker.credits = 0;
            }
            self.recycle(now, slot, RecycleCause::Asked);
        }
    }

    /// The worker uses so many bytes of memory.
    pub(super) fn memory(&mut self, now: Moment, token: Token, bytes: u64) {
        let most = self.policy.recycle.memory;
        if let Some(slot) = self.tokens.get(&token).copied()
            && most.is_some_and(|most| bytes >= most)
        {
            self.recycle(now, slot, RecycleCause::Memory(bytes));
        }
    }

    /// The supervisor stops this slot.
    pub(super) fn stopping(&mut self, now: Moment, slot: u32) {
        if let Some(worker) = self.worker(slot)
            && matches!(worker.is, Is::Starting | Is::Ready | Is::Draining)
        {
            worker.is = Is::Leaving;
            self.settle(slot, now);
        }
    }

    /// It began to work on a task.
    pub(super) fn accepted(&mut self, now: Moment, token: Token, handle: Handle) {
        let Some((slot, place, _)) = self.held_by(token, handle) else { return };
        let clocks = self.policy.clocks;
        let Some(worker) = self.worker(slot) else { return };
        worker.stirred_at = now;
        let killed = worker.killed;
        let Some(held) = worker.held.get_mut(place) else { return };
        if !held.is_accepted() {
            held.accept(now, &clocks);
            if killed {
                held.stop_clocks();
            }
            let id = held.task;
            if let Some(task) = self.tasks.get_mut(&id) {
                task.first_try.get_or_insert(now);
            }
        }
        self.settle(slot, now);
    }

    /// The task is done. In exec mode it is not: the exit has the last word.
    pub(super) fn done(&mut self, now: Moment, token: Token, handle: Handle) {
        let Some((slot, place, _)) = self.held_by(token, handle) else { return };
        if self.policy.mode == WorkMode::Line {
            self.finish(now, slot, place, Verdict::succeeded(), Some(Said::Result));
        }
    }

    /// The task failed. (In exec mode the shell found out, for the process cannot have it or what
    /// came out is no result; what a program says of itself explains its exit.)
    pub(super) fn failed(
        &mut self,
        now: Moment,
        token: Token,
        handle: Handle,
        error: &TypedError,
        dependency: Option<Arc<str>>,
    ) {
        let Some((slot, place, held)) = self.held_by(token, handle) else { return };
        let gave_up = error.kind == Kind::Cancelled;
        let verdict = match held.recall {
            Some(Recall::Slow) if gave_up => {
                self.judge(now, &held, &too_slow(held.worked(now)), None)
            }
            None | Some(Recall::Slow) => self.judge(now, &held, error, dependency),
            Some(recall @ (Recall::Operator | Recall::Batch | Recall::Expired)) => {
                Verdict::recalled(recall, (!gave_up).then(|| error.clone()))
            }
        };
        let said = (self.policy.mode == WorkMode::Line).then_some(Said::Error);
        self.finish(now, slot, place, verdict, said);
    }

    /// What an error of a task comes to, by the rules and the table.
    pub(super) fn judge(
        &mut self,
        now: Moment,
        held: &Held,
        error: &TypedError,
        dependency: Option<Arc<str>>,
    ) -> Verdict {
        let counters = self.tasks.get(&held.task).map(|task| task.counters).unwrap_or_default();
        let uptime = held.worked(now);
        let circumstances = Circumstances::of_error(error, uptime, counters.failures());
        self.judge_as(now, held, error, &circumstances, dependency)
    }

    /// [`Pool::judge`], with circumstances of one's own.
    pub(super) fn judge_as(
        &mut self,
        now: Moment,
        held: &Held,
        error: &TypedError,
        circumstances: &Circumstances<'_>,
        dependency: Option<Arc<str>>,
    ) -> Verdict {
        let Some(task) = self.tasks.get(&held.task) else { return Verdict::released() };
        let (counters, elapsed) = (task.counters, task.elapsed(now));
        let (retry, rules) = (&self.policy.retry, &self.policy.rules);
        let sentence =
            task::decide(error, circumstances, counters, elapsed, retry, rules, &mut self.jitter);
        let elsewhere = matches!(sentence.next, TaskNext::Again { elsewhere: true, .. });
        Verdict {
            next: sentence.next,
            counters: Some(sentence.counters),
            decided_by: sentence.decided_by,
            error: Some(error.clone()),
            dependency,
            elsewhere,
        }
    }

    /// The worker puts the task off.
    pub(super) fn snoozed(&mut self, now: Moment, token: Token, handle: Handle, delay: Duration) {
        let Some((slot, place, held)) = self.held_by(token, handle) else { return };
        if self.policy.mode == WorkMode::Exec {
            let held = self.worker(slot).and_then(|worker| worker.held.get_mut(place));
            if let Some(held) = held {
                held.snoozed = Some(delay);
            }
            return;
        }
        let verdict = self.snooze(now, &held, delay);
        self.finish(now, slot, place, verdict, Some(Said::Snooze));
    }

    /// What a wish to be put off comes to: it costs no attempt, but is not granted without end.
    pub(super) fn snooze(&self, now: Moment, held: &Held, delay: Duration) -> Verdict {
        if let Some(recall) = held.wanted_back() {
            return Verdict::recalled(recall, None);
        }
        let Some(task) = self.tasks.get(&held.task) else { return Verdict::released() };
        let (mut counters, delay) = (task.counters, delay.min(DELAY_MAX));
        counters.count(Counted::Snooze);
        let elapsed = task.elapsed(now).saturating_add(delay);
        let ceiling = self.policy.retry.ceiling(Counted::Snooze, counters, elapsed);
        let (next, decided_by) = match ceiling {
            Some(ceiling) => {
                (TaskNext::Dead(DeadBy::Ceiling(ceiling)), TaskDecidedBy::Ceiling(ceiling))
            }
            None => (TaskNext::Again { delay, elsewhere: false }, TaskDecidedBy::Worker),
        };
        Verdict { next, counters: Some(counters), decided_by, ..Verdict::released() }
    }

    /// Asks a worker to give a task up.
    pub(super) fn ask_back(&mut self, now: Moment, slot: u32, place: usize, recall: Recall) {
        let exec = self.policy.mode == WorkMode::Exec;
        let grace = self.policy.clocks.cancel_grace;
        let last_chance = self.policy.clocks.last_chance();
        let Some(worker) = self.worker(slot) else { return };
        let (token, killed) = (worker.token, worker.killed);
        let Some(held) = worker.held.get_mut(place) else { return };
        held.recall = Some(recall);
        if killed {
            return;
        }
        held.soft_at = Moment::NEVER;
        let was_killed_at = held.kill_at;
        held.kill_at = match recall {
            // Nobody looked at the clock for a while: what the worker said in the meantime is still
            // to be heard, and it has not been asked yet.
            _ if was_killed_at <= now => now + last_chance,
            // The hard clock says when, if there is one.
            Recall::Slow if was_killed_at != Moment::NEVER => was_killed_at,
            Recall::Slow | Recall::Expired | Recall::Operator | Recall::Batch => {
                was_killed_at.min(now + grace)
            }
        };
        let (handle, task, grace) = (held.handle, held.task, held.kill_at.since(now));
        let reason: CancelReason = recall.reason();
        self.report(Report::Cancelling { slot, task, reason });
        if exec {
            let cause = recall.stop_cause();
            self.actions.push_back(Action::Stop { slot, cause, kill: false });
        } else if let Some(token) = token {
            self.actions.push_back(Action::Cancel { token, handle, reason, grace });
        }
    }
}

/// The code of a try that took too long.
pub(super) const TOO_SLOW: &str = "task.timeout";

/// The error of a try that took too long.
pub(super) fn too_slow(worked: Duration) -> TypedError {
    TypedError {
        kind: Kind::Timeout,
        code: TOO_SLOW.to_owned(),
        message: format!("the try was stopped after {worked:.1?}"),
        retryable: None,
        retry_after: None,
        scope: None,
    }
}
