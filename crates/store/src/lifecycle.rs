//! What each command does to the record of a task, whatever store keeps it.
//!
//! The stores load a record, ask here, and keep what comes out; so they cannot differ in what they
//! allow. (The picture of the states stands in [`mod@hearken_core::task`].)

use crate::UnixMs;
use crate::limits::{self, MAX_ATTEMPTS};
use crate::{Attempt, BatchRecord, Finish, Holder, NewBatch, NewTask, Record, Refusal, ResultMeta};
use hearken_core::pool::{TaskDecidedBy, TaskNext};
use hearken_core::task::{BatchCounts, Counters, Lease, TaskState};
use std::borrow::Cow;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

/// Checks everything about new tasks that can be seen without looking at what is kept already.
pub(crate) fn admit(tasks: &[NewTask], batch: Option<&NewBatch>) -> Result<(), Refusal> {
    for task in tasks {
        limits::new_task(task)?;
        if task.held && batch.and_then(|batch| batch.completion) != Some(task.id) {
            return Err(Refusal::HeldForNobody(task.id));
        }
    }
    let Some(batch) = batch else { return Ok(()) };
    limits::new_batch(batch)?;
    let Some(completion) = batch.completion else { return Ok(()) };
    let fits = |task: &NewTask| {
        task.id == completion
            && task.held
            // Were it a duplicate of another task, the batch would wait for a stranger.
            && task.unique_key.is_none()
            && task.batch != Some(batch.id)
    };
    if tasks.iter().any(fits) { Ok(()) } else { Err(Refusal::NoCompletion(batch.id)) }
}

/// Why a task is not handed out.
pub(crate) enum ClaimError {
    /// It does not wait.
    State(TaskState),
    /// The lease may not be given.
    Lease,
}

/// Hands a task out.
pub(crate) fn claim(
    record: &mut Record,
    lease: Lease,
    epoch: u64,
    worker: Arc<str>,
    at: UnixMs,
) -> Result<(), ClaimError> {
    if record.state != TaskState::Waiting {
        return Err(ClaimError::State(record.state));
    }
    if lease.epoch != epoch || record.holder.as_ref().is_some_and(|last| last.lease >= lease) {
        return Err(ClaimError::Lease);
    }
    record.state = TaskState::Running;
    record.counters.leases = record.counters.next_attempt();
    record.holder = Some(Holder { lease, worker, since: at });
    record.first_try.get_or_insert(at);
    Ok(())
}

/// Whether this lease is the one that was given out last, and nothing ended it yet.
pub(crate) fn holds(record: &Record, lease: Lease) -> bool {
    record.state == TaskState::Running && record.holder.as_ref().map(|it| it.lease) == Some(lease)
}

/// Ends a try whose lease holds. Answers its line in the history; `None` if the task is to be
/// forgotten altogether.
pub(crate) fn finish(record: &mut Record, finish: Finish) -> Option<Attempt> {
    let holder = record.holder.clone()?;
    let leases = record.counters.leases;
    record.counters = Counters { leases, ..finish.counters };
    let state = match finish.next {
        TaskNext::Succeeded => TaskState::Succeeded,
        TaskNext::Again { .. } | TaskNext::Released => TaskState::Waiting,
        TaskNext::Dead(_) => TaskState::Dead,
        TaskNext::Discarded => return None,
        TaskNext::Cancelled => TaskState::Cancelled,
        TaskNext::Expired => TaskState::Expired,
    };
    record.state = state;
    if finish.error.is_some() {
        record.error_attempt = Some(leases);
    }
    // Only a result that stands is kept.
    let result = finish.result.filter(|_| state == TaskState::Succeeded);
    record.result_attempt = result.is_some().then_some(leases);
    if state.is_final() {
        record.ended = Some(finish.at);
        record.ended_by = Some(Cow::Borrowed(finish.decided_by.as_str()));
    } else {
        record.not_before = finish.not_before;
    }
    if state == TaskState::Succeeded {
        record.checkpoint = None;
    }
    Some(Attempt {
        number: leases,
        lease: holder.lease,
        worker: holder.worker,
        started: holder.since,
        ended: Some(finish.at),
        took: finish.took,
        outcome: Cow::Borrowed(finish.next.as_str()),
        decided_by: Cow::Borrowed(finish.decided_by.as_str()),
        rule: finish.rule,
        error: finish.error,
        logs: finish.logs,
        progress: finish.progress,
        result: result.map(|result| ResultMeta {
            length: result.body.length(),
            content_type: result.content_type,
            summary: result.summary,
        }),
    })
}

/// Ends a try that nobody can end any more: the supervisor that gave the lease is gone. `None` if
/// there was none.
pub(crate) fn lose_lease(record: &mut Record) -> Option<Attempt> {
    if record.state != TaskState::Running {
        return None;
    }
    let holder = record.holder.clone()?;
    record.state = TaskState::Waiting;
    Some(Attempt {
        number: record.counters.leases,
        lease: holder.lease,
        worker: holder.worker,
        started: holder.since,
        ended: None,
        took: Duration::ZERO,
        outcome: Cow::Borrowed(TaskNext::Released.as_str()),
        decided_by: Cow::Borrowed(TaskDecidedBy::Supervisor.as_str()),
        rule: None,
        error: None,
        logs: None,
        progress: None,
        result: None,
    })
}

/// The numbers of the tries that are in a task's history: of all that have ended, the last.
pub(crate) fn kept_attempts(record: &Record) -> RangeInclusive<u32> {
    let under_way = u32::from(record.state == TaskState::Running);
    let ended = record.counters.leases.saturating_sub(under_way);
    ended.saturating_sub(MAX_ATTEMPTS) + 1..=ended
}

/// Ends a task that nobody has a lease of. Whether it did.
pub(crate) fn drop_unclaimed(
    record: &mut Record,
    end: TaskState,
    at: UnixMs,
    decided_by: TaskDecidedBy,
) -> bool {
    match record.state {
        TaskState::Held | TaskState::Waiting => {
            record.state = end;
            record.ended = Some(at);
            record.ended_by = Some(Cow::Borrowed(decided_by.as_str()));
            true
        }
        TaskState::Running
        | TaskState::Succeeded
        | TaskState::Dead
        | TaskState::Cancelled
        | TaskState::Expired => false,
    }
}

/// Takes note of a checkpoint. Whether it is to be kept.
pub(crate) fn checkpoint(record: &mut Record, lease: Lease, sequence: u32) -> bool {
    let newer = match record.checkpoint {
        Some((by, last)) => by != lease || last < sequence,
        None => true,
    };
    let keep = holds(record, lease) && newer;
    if keep {
        record.checkpoint = Some((lease, sequence));
    }
    keep
}

/// Lets a completion task go. Whether it was held.
pub(crate) fn let_go(record: &mut Record) -> bool {
    let held = record.state == TaskState::Held;
    if held {
        record.state = TaskState::Waiting;
    }
    held
}

/// Has a task done after all. Whether it can be.
pub(crate) fn requeue(record: &mut Record, at: UnixMs, expires: Option<UnixMs>) -> bool {
    match record.state {
        TaskState::Dead | TaskState::Cancelled | TaskState::Expired => {
            let leases = record.counters.leases;
            record.counters = Counters { leases, ..Counters::default() };
            record.state = TaskState::Waiting;
            record.not_before = at;
            record.expires = expires;
            record.first_try = None;
            record.ended = None;
            record.ended_by = None;
            true
        }
        TaskState::Held | TaskState::Waiting | TaskState::Running | TaskState::Succeeded => false,
    }
}

/// Takes note that a task of this batch went from one state to another.
pub(crate) fn recount(batch: &mut BatchRecord, from: TaskState, to: TaskState) {
    let counts = &mut batch.counts;
    if let Some(count) = counted(counts, from) {
        *count = count.saturating_sub(1);
    }
    if let Some(count) = counted(counts, to) {
        *count += 1;
    }
}

/// Takes note that a task of this batch is no longer kept: it was discarded, or ended long ago.
pub(crate) fn removed(batch: &mut BatchRecord, discarded: bool) {
    batch.removed += 1;
    if discarded {
        batch.counts.cancelled += 1;
    }
}

/// The count a task in this state belongs to, beside the total.
fn counted(counts: &mut BatchCounts, state: TaskState) -> Option<&mut u64> {
    match state {
        TaskState::Held | TaskState::Waiting | TaskState::Running => None,
        TaskState::Succeeded => Some(&mut counts.succeeded),
        TaskState::Dead | TaskState::Expired => Some(&mut counts.failed),
        TaskState::Cancelled => Some(&mut counts.cancelled),
    }
}
