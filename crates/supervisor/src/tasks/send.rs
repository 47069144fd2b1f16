//! What a worker is told about tasks, in the words of the line.

use super::error::TaskError;
use hearken_core::pool::{CancelReason, Handle, Said};
use hearken_core::task::Counters;
use hearken_proto::{self as proto, Acked, Raw, ToChild};
use hearken_store::Claimed;
use std::time::Duration;

fn ms(duration: Duration) -> u64 {
    crate::events::ms(duration)
}

/// A task that was claimed for this worker.
pub(super) fn task(
    handle: Handle,
    claimed: Claimed,
    counters: Counters,
    soft: Option<Duration>,
    hard: Option<Duration>,
) -> Box<proto::Task> {
    let Claimed { record, input, checkpoint, last_error } = claimed;
    let raw = |bytes| Raw::from_msgpack(bytes).ok();
    Box::new(proto::Task {
        handle: proto::Handle(handle.0),
        id: record.id.to_string(),
        task_type: record.kind.as_deref().map(str::to_owned),
        attempt: record.counters.leases,
        crashes: counters.crashes,
        // It was checked when it came in; should it be none all the same, the worker says so.
        payload: raw(input.payload).unwrap_or_else(Raw::nil),
        content_type: input.content_type.as_deref().map(str::to_owned),
        soft_ms: soft.map(ms),
        hard_ms: hard.map(ms),
        key: record.unique_key.as_deref().map(str::to_owned),
        headers: input.headers.and_then(raw),
        traceparent: input.traceparent.as_deref().map(str::to_owned),
        checkpoint: checkpoint.map(|bytes| bytes.to_vec()),
        last_error: last_error.as_deref().and_then(TaskError::last),
        batch: record.batch.map(|batch| batch.to_string()),
    })
}

/// That a task is wanted back.
pub(super) fn cancel(handle: Handle, reason: CancelReason, grace: Duration) -> ToChild {
    let reason = match reason {
        CancelReason::Timeout => proto::CancelReason::Timeout,
        CancelReason::Operator => proto::CancelReason::Operator,
        CancelReason::Batch => proto::CancelReason::Batch,
        CancelReason::LeaseLost => proto::CancelReason::LeaseLost,
        CancelReason::Shutdown => proto::CancelReason::Shutdown,
    };
    let handle = proto::Handle(handle.0);
    ToChild::Cancel(proto::Cancel { handle, reason, grace_ms: ms(grace) })
}

/// That its checkpoint is kept.
pub(super) fn checkpoint_ack(handle: u32) -> ToChild {
    ToChild::Ack(proto::Ack { handle: proto::Handle(handle), of: Acked::Checkpoint })
}

/// That what it said is kept.
pub(super) fn ack(handle: Handle, of: Said) -> ToChild {
    let of = match of {
        Said::Result => Acked::Result,
        Said::Error => Acked::Error,
        Said::Snooze => Acked::Snooze,
    };
    ToChild::Ack(proto::Ack { handle: proto::Handle(handle.0), of })
}
