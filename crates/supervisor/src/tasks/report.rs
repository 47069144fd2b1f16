//! What happens to tasks, as log events.

use super::desk::End;
use super::error::TaskError;
use crate::events::{
    DependencyAway, DependencyBack, EndRefused, PoolGrowing, PoolShrinking, RetryBudgetSpent,
    StaleHandle, TaskCancelling, TaskDead, TaskEnded, TaskNotAccepted, TaskOverrun, TaskRetrying,
    TaskSnoozed, TaskSucceeded, WorkerRecycling, ms,
};
use hearken_core::pool::{CancelReason, Report, TaskDecidedBy, TaskNext};
use hearken_core::task::TaskId;
use hearken_store::Refusal;

/// Logs what a pool reports.
pub(super) fn tell(unit: &str, report: &Report) {
    match report {
        Report::Growing { to, waited } => {
            PoolGrowing { unit, workers: *to, waited_ms: ms(*waited) }.emit();
        }
        Report::Shrinking { to } => PoolShrinking { unit, workers: *to }.emit(),
        Report::Recycling { slot, because, successor } => {
            let because = because.as_str();
            WorkerRecycling { unit, instance: *slot, because, successor: *successor }.emit();
        }
        Report::DependencyPaused { dependency, length } => {
            DependencyAway { unit, dependency, for_ms: ms(*length) }.emit();
        }
        Report::DependencyBack { dependency, tasks } => {
            DependencyBack { unit, dependency, tasks: *tasks as u64 }.emit();
        }
        Report::RetryBudgetSpent => RetryBudgetSpent { unit }.emit(),
        Report::NotAccepted { slot, task, after } => {
            let task = task.to_string();
            TaskNotAccepted { unit, instance: *slot, task: &task, after_ms: ms(*after) }.emit();
        }
        Report::Cancelling { slot, task, reason } => {
            let (task, reason) = (task.to_string(), reason_name(*reason));
            TaskCancelling { unit, instance: *slot, task: &task, reason }.emit();
        }
        Report::Overrun { slot, task, after } => {
            let task = task.to_string();
            TaskOverrun { unit, instance: *slot, task: &task, after_ms: ms(*after) }.emit();
        }
        Report::Stale { slot, handle } => {
            StaleHandle { unit, instance: *slot, handle: handle.0 }.emit();
        }
    }
}

fn reason_name(reason: CancelReason) -> &'static str {
    match reason {
        CancelReason::Timeout => "timeout",
        CancelReason::Operator => "operator",
        CancelReason::Batch => "batch",
        CancelReason::LeaseLost => "lease_lost",
        CancelReason::Shutdown => "shutdown",
    }
}

/// Logs that the end of a try was not kept.
pub(super) fn end_refused(unit: &str, task: TaskId, why: &Refusal) {
    let (task, error) = (task.to_string(), why.to_string());
    let help = "it stays running, and is tried again when hearken is started the next time; please report this line";
    EndRefused { unit, task: &task, error: &error, help }.emit();
}

/// Logs what became of a try.
pub(super) fn end(unit: &str, end: &End, attempt: u32, error: Option<&TaskError>) {
    let task = end.task.to_string();
    let (task, instance) = (&*task, end.slot);
    let kind = error.map(|error| &*error.kind);
    let code = error.map(|error| &*error.code);
    let (decided_by, rule) = (end.decided_by.as_str(), end.rule.as_deref());
    let error = error.map(|error| &*error.message);
    match end.next {
        TaskNext::Succeeded => {
            TaskSucceeded { unit, instance, task, attempt, took_ms: ms(end.took) }.emit();
        }
        TaskNext::Again { delay, .. } if error.is_none() => {
            let delay_ms = ms(delay);
            TaskSnoozed { unit, instance, task, delay_ms, decided_by }.emit();
        }
        TaskNext::Again { delay, .. } => TaskRetrying {
            unit,
            instance,
            task,
            attempt,
            kind,
            code,
            error,
            decided_by,
            rule,
            delay_ms: ms(delay),
        }
        .emit(),
        TaskNext::Released => {}
        TaskNext::Dead(_) => {
            TaskDead { unit, instance, task, attempt, kind, code, error, decided_by, rule }.emit();
        }
        TaskNext::Discarded | TaskNext::Cancelled | TaskNext::Expired => {
            TaskEnded { unit, task, outcome: end.next.as_str(), decided_by }.emit();
        }
    }
}

/// Logs the end of a task that no worker had.
pub(super) fn dropped(unit: &str, task: TaskId, next: TaskNext, decided_by: TaskDecidedBy) {
    let (task, outcome, decided_by) = (task.to_string(), next.as_str(), decided_by.as_str());
    TaskEnded { unit, task: &task, outcome, decided_by }.emit();
}
