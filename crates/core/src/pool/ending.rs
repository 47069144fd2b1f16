//! The end of a try: by its worker's word, by its worker's end, or because somebody wants it back.

use super::hearing::{TOO_SLOW, too_slow};
use super::task::{Place, taken_back};
use super::worker::{Held, Is, Recall, Stage};
use super::{Action, Handle, Pending, Pool, RecycleCause, Said, TaskDecidedBy, TaskNext, WorkMode};
use crate::evidence::{End, Ending, Evidence, StopCause, TypedError};
use crate::identity::Token;
use crate::kind::Kind;
use crate::moment::Moment;
use crate::rule::Circumstances;
use crate::task::{Counters, Lease, TaskId};
use std::sync::Arc;
use std::time::Duration;

/// How long a task that failed on one worker waits for another, once its time has come.
const ELSEWHERE_WITHIN: Duration = Duration::from_secs(10);

/// What the end of a try comes to.
#[derive(Debug, Clone)]
pub(super) struct Verdict {
    pub(super) next: TaskNext,
    /// The task's counters from now on; `None` leaves them.
    pub(super) counters: Option<Counters>,
    pub(super) decided_by: TaskDecidedBy,
    pub(super) error: Option<TypedError>,
    /// What the error says is away.
    pub(super) dependency: Option<Arc<str>>,
    /// Not on this worker again.
    pub(super) elsewhere: bool,
}

impl Verdict {
    /// It goes back as if it had not been handed out.
    pub(super) fn released() -> Self {
        Self {
            next: TaskNext::Released,
            counters: None,
            decided_by: TaskDecidedBy::Supervisor,
            error: None,
            dependency: None,
            elsewhere: false,
        }
    }

    /// Somebody wanted it back.
    pub(super) fn recalled(recall: Recall, error: Option<TypedError>) -> Self {
        let (next, decided_by) = (taken_back(recall), recalled_by(Some(recall)));
        Self { next, decided_by, error, ..Self::released() }
    }

    /// Whether the try shows how what its task depends on stands: its worker had the time to find out,
    /// and lived to tell.
    pub(super) fn is_an_answer(&self) -> bool {
        let told = self.error.as_ref().is_none_or(|error| match error.kind {
            Kind::Crashed | Kind::Oom | Kind::Lost | Kind::Protocol | Kind::StartFailed => false,
            Kind::Timeout => error.code != TOO_SLOW,
            Kind::Transient
            | Kind::RateLimited
            | Kind::Unavailable
            | Kind::Conflict
            | Kind::Resource
            | Kind::Invalid
            | Kind::NotFound
            | Kind::Denied
            | Kind::Config
            | Kind::Bug
            | Kind::Cancelled => true,
        });
        let ended = match self.next {
            TaskNext::Released | TaskNext::Cancelled | TaskNext::Expired => false,
            TaskNext::Succeeded | TaskNext::Again { .. } => true,
            TaskNext::Dead(_) | TaskNext::Discarded => true,
        };
        told && ended
    }

    pub(super) fn succeeded() -> Self {
        let decided_by = TaskDecidedBy::Worker;
        Self { next: TaskNext::Succeeded, decided_by, ..Self::released() }
    }
}

/// Who decided about a task that was wanted back.
pub(super) fn recalled_by(recall: Option<Recall>) -> TaskDecidedBy {
    match recall {
        None => TaskDecidedBy::Supervisor,
        Some(Recall::Slow | Recall::Expired) => TaskDecidedBy::Clock,
        Some(Recall::Operator) => TaskDecidedBy::Operator,
        Some(Recall::Batch) => TaskDecidedBy::Batch,
    }
}

impl Recall {
    /// Why its worker is stopped, if there is no other way to get it back.
    pub(super) fn stop_cause(self) -> StopCause {
        match self {
            Self::Slow | Self::Expired => StopCause::TaskTimeout,
            Self::Operator | Self::Batch => StopCause::TaskCancelled,
        }
    }
}

impl Pool {
    /// A try has ended by its worker's word: the task leaves its hands, and what becomes of it is
    /// to be kept.
    pub(super) fn finish(
        &mut self,
        now: Moment,
        slot: u32,
        place: usize,
        verdict: Verdict,
        said: Option<Said>,
    ) {
        let Some(worker) = self.worker(slot) else { return };
        if place >= worker.held.len() {
            return;
        }
        let held = worker.held.remove(place);
        worker.stirred_at = now;
        worker.done = worker.done.saturating_add(1);
        let (token, old) = (worker.token, worker.done >= worker.done_most);
        let done = worker.done;
        let ack = token.zip(said).map(|(token, said)| (token, held.handle, said));
        self.end_try(now, slot, &held, verdict, ack);
        self.settle(slot, now);
        if old {
            self.recycle(now, slot, RecycleCause::Tasks(done));
        }
    }

    /// What became of a try is to be kept.
    fn end_try(
        &mut self,
        now: Moment,
        slot: u32,
        held: &Held,
        verdict: Verdict,
        ack: Option<(Token, Handle, Said)>,
    ) {
        let id = held.task;
        self.note_dependency(now, id, &verdict);
        let token = self.seen(slot).and_then(|worker| worker.token);
        let Some(task) = self.tasks.get_mut(&id) else { return };
        task.counters = verdict.counters.unwrap_or(task.counters);
        task.avoid = token.filter(|_| verdict.elsewhere).map(|token| (token, Moment::NEVER));
        let counters = task.counters;
        self.put(id, Place::Keeping);
        let next = verdict.next;
        self.pending.insert(held.lease, Pending::Keep { task: id, next, ack });
        self.actions.push_back(Action::Keep {
            task: id,
            lease: held.lease,
            next,
            counters,
            decided_by: verdict.decided_by,
            error: verdict.error.map(Box::new),
            took: held.worked(now),
            slot,
        });
    }

    /// The end of a lease whose task was never sent.
    pub(super) fn keep(
        &mut self,
        id: TaskId,
        lease: Lease,
        next: TaskNext,
        decided_by: TaskDecidedBy,
        slot: u32,
    ) {
        let counters = self.tasks.get(&id).map(|task| task.counters).unwrap_or_default();
        self.put(id, Place::Keeping);
        self.pending.insert(lease, Pending::Keep { task: id, next, ack: None });
        self.actions.push_back(Action::Keep {
            task: id,
            lease,
            next,
            counters,
            decided_by,
            error: None,
            took: Duration::ZERO,
            slot,
        });
    }

    /// What became of a try is kept: the worker may forget it, and the task goes on.
    pub(super) fn kept(&mut self, now: Moment, lease: Lease) {
        let Some(pending) = self.pending.get(&lease) else { return };
        let Pending::Keep { task: id, next, ack } = *pending else { return };
        self.pending.remove(&lease);
        if let Some((token, handle, of)) = ack
            && self.tokens.contains_key(&token)
        {
            self.actions.push_back(Action::Ack { token, handle, of });
        }
        match next {
            TaskNext::Again { delay, .. } => {
                let due = now + delay;
                if let Some((_, until)) = self.tasks.get_mut(&id).and_then(|it| it.avoid.as_mut()) {
                    *until = due + ELSEWHERE_WITHIN;
                }
                self.put(id, Place::Delayed(due));
            }
            TaskNext::Released => self.put(id, Place::Delayed(now)),
            TaskNext::Succeeded
            | TaskNext::Dead(_)
            | TaskNext::Discarded
            | TaskNext::Cancelled
            | TaskNext::Expired => return self.forget(now, id, next),
        }
        // Somebody wanted it back while that was being kept.
        if let Some(recall) = self.tasks.get_mut(&id).and_then(|task| task.recall.take()) {
            return self.recall(now, id, recall);
        }
        if let Some(Place::Delayed(due)) = self.tasks.get(&id).map(|task| task.place)
            && due <= now
        {
            self.make_ready(id);
        }
    }

    /// A process has ended: whatever it held goes on without it.
    pub(super) fn ended(
        &mut self,
        now: Moment,
        slot: u32,
        evidence: &Evidence,
        dependency: Option<Arc<str>>,
    ) {
        let exec = self.policy.mode == WorkMode::Exec;
        let Some(worker) = self.worker(slot) else { return };
        // About most the supervisor says what comes next: another process, or none. Who is not
        // needed any more stays down, even one that ended for another reason before it was stopped.
        let unneeded = worker.dismissed || worker.is == Is::Draining;
        worker.is = if unneeded { Is::Leaving } else { Is::Starting };
        let stopped = matches!(evidence.stopped_by, Some(StopCause::Scale | StopCause::Recycle));
        let never_ran = matches!(evidence.end, End::SpawnFailed(_)) && !worker.held.is_empty();
        let idled = if exec { never_ran } else { worker.done == 0 };
        worker.came_to(idled && !unneeded && !was_ordered(evidence));
        let asked = worker.replaced_for == Some(RecycleCause::Asked);
        (worker.credits, worker.old_at, worker.killed) = (0, Moment::NEVER, false);
        let held = std::mem::take(&mut worker.held);
        if let Some(token) = worker.token.take() {
            self.tokens.remove(&token);
        }
        // Whoever dies with tasks it never began most likely died of the first; but one that said it
        // would leave, and did, has only left.
        let left = evidence.kind().is_none() && (asked || evidence.intent.is_some());
        let begun = held.iter().any(Held::is_accepted);
        let suspect = held.iter().position(|held| held.stage == Stage::Sent);
        let suspect = suspect.filter(|_| !begun && !left);
        for (place, held) in held.iter().enumerate() {
            let verdict = match (held.stage, held.wanted_back()) {
                (Stage::Claiming, _) => {
                    self.hand_back(now, slot, held);
                    continue;
                }
                (Stage::Sent, Some(recall)) => Verdict::recalled(recall, None),
                (Stage::Sent, None) if exec => Self::never_ran(evidence),
                (Stage::Sent, None) if suspect != Some(place) => Verdict::released(),
                (Stage::Sent, None) | (Stage::Accepted(_), _) => {
                    self.fate(now, held, evidence, dependency.clone())
                }
            };
            self.end_try(now, slot, held, verdict, None);
        }
        if unneeded && !stopped {
            self.stop_drained(slot);
        }
        self.settle(slot, now);
    }

    /// What the end of a worker comes to for a task it held.
    fn fate(
        &mut self,
        now: Moment,
        held: &Held,
        evidence: &Evidence,
        dependency: Option<Arc<str>>,
    ) -> Verdict {
        let exec = self.policy.mode == WorkMode::Exec;
        let succeeded = exec && evidence.kind().is_none() && evidence.stopped_by.is_none();
        match (held.recall, held.snoozed) {
            (_, Some(delay)) if succeeded => return self.snooze(now, held, delay),
            // Who is done before the wish to have it back arrives is done.
            (_, None) if succeeded => return Verdict::succeeded(),
            (Some(Recall::Slow), _) => {
                return self.judge(now, held, &too_slow(held.worked(now)), None);
            }
            (Some(recall), _) => return Verdict::recalled(recall, None),
            (None, _) => {}
        }
        // Stopped for others: whatever it exits with says nothing about the task.
        if was_ordered(evidence) {
            return Verdict::released();
        }
        let counters = self.tasks.get(&held.task).map(|task| task.counters).unwrap_or_default();
        let mut error = of_an_end(evidence);
        // A program that says by its exit code that it failed has not crashed.
        let exited = matches!(evidence.end, End::Process(Ending::Exited(_)));
        if exec && exited && error.kind == Kind::Crashed {
            error.kind = Kind::Transient;
        }
        let circumstances = Circumstances {
            kind: Some(error.kind),
            code: Some(&error.code),
            attempt: counters.failures().saturating_add(1),
            ..Circumstances::of_end(evidence)
        };
        self.judge_as(now, held, &error, &circumstances, dependency)
    }

    /// An exec task whose program never ran: that says something of the program, not of the task.
    fn never_ran(evidence: &Evidence) -> Verdict {
        let error = matches!(evidence.end, End::SpawnFailed(_)).then(|| of_an_end(evidence));
        Verdict { error, ..Verdict::released() }
    }

    /// A task comes back from a slot that never got it to a process, or whose process will not die.
    pub(super) fn hand_back(&mut self, now: Moment, slot: u32, held: &Held) {
        if held.stage == Stage::Claiming {
            self.pending.insert(held.lease, Pending::Orphan(held.task));
            if let Some(task) = self.tasks.get_mut(&held.task) {
                task.recall = task.recall.or(held.recall);
            }
            return;
        }
        let verdict = match held.recall {
            None => Verdict::released(),
            Some(Recall::Slow) => self.judge(now, held, &too_slow(held.worked(now)), None),
            Some(recall) => Verdict::recalled(recall, None),
        };
        self.end_try(now, slot, held, verdict, None);
    }
}

/// Whether it was stopped for others, and not for anything it did.
fn was_ordered(evidence: &Evidence) -> bool {
    evidence.stopped_by.is_some_and(|cause| cause.fault().is_none())
}

/// The one shape of every end: an error.
fn of_an_end(evidence: &Evidence) -> TypedError {
    if let Some(error) = evidence.explaining_error() {
        return error.clone();
    }
    let (code, message) = match evidence.end {
        End::Process(Ending::Exited(0)) => {
            ("worker.left".to_owned(), "the worker exited while it held the task".to_owned())
        }
        End::Process(Ending::Exited(code)) => {
            (format!("exit.{code}"), format!("exited with {code}"))
        }
        End::Process(Ending::Killed { signal, core_dumped }) => {
            let core = if core_dumped { " and left a core dump" } else { "" };
            (format!("signal.{signal}"), format!("killed by signal {signal}{core}"))
        }
        End::SpawnFailed(failure) => (
            format!("start.{}", failure.stage),
            format!("could not be started: step {}, errno {}", failure.stage, failure.errno),
        ),
    };
    let code = evidence.code().map_or(code, str::to_owned);
    TypedError {
        kind: evidence.kind().unwrap_or(Kind::Lost),
        code,
        message,
        retryable: None,
        retry_after: None,
        scope: None,
    }
}
