//! What follows from what a worker says.

use super::ending::Verdict;
use super::worker::{Is, Recall};
use super::{
    Action, CancelReason, Ceiling, DeadBy, Handle, Pool, RecycleCause, Report, Said, TaskDecidedBy,
    TaskNext, WorkMode,
};
use crate::backoff::DELAY_MAX;
use crate::evidence::TypedError;
use crate::identity::Token;
use crate::kind::Kind;
use crate::moment::Moment;
use crate::rule::Circumstances;
use crate::task::{self, Counters};
use std::sync::Arc;
use std::time::Duration;

impl Pool {
    /// The slot and the place of the task a worker speaks of; tells it if it holds none of that name.
    fn held_by(&mut self, token: Token, handle: Handle) -> Option<(u32, usize)> {
        let slot = self.tokens.get(&token).copied()?;
        let place = self.seen(slot)?.position(handle);
        if place.is_none() {
            self.report(Report::Stale { slot, handle });
        }
        Some((slot, place?))
    }

    /// The worker takes so many tasks at once.
    pub(super) fn worker_ready(&mut self, now: Moment, token: Token, credits: u32) {
        let Some(slot) = self.tokens.get(&token).copied() else { return };
        let recycle = self.policy.recycle;
        let done_most = recycle.tasks.map(|tasks| self.about(tasks));
        let age = recycle.age.map(|age| {
            let tenth = age / 10;
            age - tenth + self.jitter.up_to(tenth * 2)
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
        number - tenth + u32::try_from(drawn).unwrap_or(0)
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
        let Some((slot, place)) = self.held_by(token, handle) else { return };
        let clocks = self.policy.clocks;
        let Some(worker) = self.worker(slot) else { return };
        worker.stirred_at = now;
        let Some(held) = worker.held.get_mut(place) else { return };
        if !held.is_accepted() {
            held.accept(now, &clocks);
            let id = held.task;
            if let Some(task) = self.tasks.get_mut(&id) {
                task.first_try.get_or_insert(now);
            }
        }
        self.settle(slot, now);
    }

    /// The task is done. In exec mode it is not: the exit has the last word.
    pub(super) fn done(&mut self, now: Moment, token: Token, handle: Handle) {
        let Some((slot, place)) = self.held_by(token, handle) else { return };
        if self.policy.mode == WorkMode::Exec {
            return;
        }
        let verdict = Verdict {
            next: TaskNext::Succeeded,
            counters: None,
            decided_by: TaskDecidedBy::Worker,
            error: None,
            dependency: None,
            elsewhere: false,
        };
        self.finish(now, slot, place, verdict, Some(Said::Result));
    }

    /// The task failed.
    pub(super) fn failed(
        &mut self,
        now: Moment,
        token: Token,
        handle: Handle,
        error: &TypedError,
        dependency: Option<Arc<str>>,
    ) {
        let Some((slot, place)) = self.held_by(token, handle) else { return };
        let Some(held) = self.seen(slot).and_then(|worker| worker.held.get(place)) else { return };
        let gave_up = error.kind == Kind::Cancelled;
        let verdict = match held.recall {
            Some(Recall::Slow) if gave_up => {
                let error = too_slow(held.worked(now));
                self.judge(now, slot, place, &error, None)
            }
            None | Some(Recall::Slow) => self.judge(now, slot, place, error, dependency),
            Some(recall @ (Recall::Operator | Recall::Batch | Recall::Expired)) => {
                Verdict::recalled(recall, (!gave_up).then(|| error.clone()))
            }
        };
        self.finish(now, slot, place, verdict, Some(Said::Error));
    }

    /// What an error of a task comes to, by the rules and the table.
    pub(super) fn judge(
        &mut self,
        now: Moment,
        slot: u32,
        place: usize,
        error: &TypedError,
        dependency: Option<Arc<str>>,
    ) -> Verdict {
        let Some(held) = self.seen(slot).and_then(|worker| worker.held.get(place)) else {
            return Verdict::released();
        };
        let (id, uptime) = (held.task, held.worked(now));
        let counters = self.tasks.get(&id).map(|task| task.counters).unwrap_or_default();
        let circumstances = Circumstances::of_error(error, uptime, failures(counters));
        self.judge_as(now, slot, place, error, &circumstances, dependency)
    }

    /// [`Pool::judge`], with circumstances of one's own.
    pub(super) fn judge_as(
        &mut self,
        now: Moment,
        slot: u32,
        place: usize,
        error: &TypedError,
        circumstances: &Circumstances<'_>,
        dependency: Option<Arc<str>>,
    ) -> Verdict {
        let held = self.seen(slot).and_then(|worker| worker.held.get(place));
        let Some(task) = held.and_then(|held| self.tasks.get(&held.task)) else {
            return Verdict::released();
        };
        let counters = task.counters;
        let elapsed = task.first_try.map_or(Duration::ZERO, |first| now.since(first));
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
        let Some((slot, place)) = self.held_by(token, handle) else { return };
        if self.policy.mode == WorkMode::Exec {
            let held = self.worker(slot).and_then(|worker| worker.held.get_mut(place));
            if let Some(held) = held {
                held.snoozed = Some(delay);
            }
            return;
        }
        let verdict = self.snooze(slot, place, delay);
        self.finish(now, slot, place, verdict, Some(Said::Snooze));
    }

    /// What a wish to be put off comes to: it costs no attempt, but is not granted without end.
    pub(super) fn snooze(&self, slot: u32, place: usize, delay: Duration) -> Verdict {
        let Some(held) = self.seen(slot).and_then(|worker| worker.held.get(place)) else {
            return Verdict::released();
        };
        if let Some(recall @ (Recall::Operator | Recall::Batch | Recall::Expired)) = held.recall {
            return Verdict::recalled(recall, None);
        }
        let mut counters = self.tasks.get(&held.task).map(|task| task.counters).unwrap_or_default();
        counters.snoozes = counters.snoozes.saturating_add(1);
        let exhausted = self.policy.retry.snoozes.is_some_and(|most| counters.snoozes >= most);
        let (next, decided_by) = if exhausted {
            let ceiling = Ceiling::Snoozes;
            (TaskNext::Dead(DeadBy::Ceiling(ceiling)), TaskDecidedBy::Ceiling(ceiling))
        } else {
            let delay = delay.min(DELAY_MAX);
            (TaskNext::Again { delay, elsewhere: false }, TaskDecidedBy::Worker)
        };
        Verdict {
            next,
            counters: Some(counters),
            decided_by,
            error: None,
            dependency: None,
            elsewhere: false,
        }
    }

    /// Asks a worker to give a task up.
    pub(super) fn ask_back(&mut self, now: Moment, slot: u32, place: usize, recall: Recall) {
        let exec = self.policy.mode == WorkMode::Exec;
        let grace = self.policy.clocks.cancel_grace;
        let Some(worker) = self.worker(slot) else { return };
        let token = worker.token;
        let Some(held) = worker.held.get_mut(place) else { return };
        held.recall = Some(recall);
        held.soft_at = Moment::NEVER;
        let was_killed_at = held.kill_at;
        held.kill_at = match recall {
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

/// How often a task has failed, for rules that match by `attempt`.
pub(super) fn failures(counters: Counters) -> u32 {
    counters.attempts.saturating_add(counters.crashes)
}

/// The error of a try that took too long.
pub(super) fn too_slow(worked: Duration) -> TypedError {
    TypedError {
        kind: Kind::Timeout,
        code: "task.timeout".to_owned(),
        message: format!("the try was stopped after {worked:.1?}"),
        retryable: None,
        retry_after: None,
        scope: None,
    }
}
