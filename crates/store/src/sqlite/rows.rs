//! What stands in the rows of each table: the fields, in their order.

use super::codec::{Reader, Writer};
use crate::{
    Attempt, BatchRecord, Holder, Input, Record, ResultBody, ResultMeta, TaskResult, UnixMs,
};
use bytes::Bytes;
use hearken_core::task::{
    BatchCounts, BatchEnd, BatchId, BatchPolicy, Counters, Lease, Priority, Share, TaskId,
    TaskState,
};
use std::borrow::Cow;
use std::time::Duration;

/// A value that stands in a row.
pub(super) trait Row: Sized {
    fn write(&self, to: &mut Writer);
    fn read(from: &mut Reader<'_>) -> Option<Self>;
}

fn put_lease(to: &mut Writer, lease: Lease) {
    to.u64(lease.epoch);
    to.u64(lease.number);
}

fn lease(from: &mut Reader<'_>) -> Option<Lease> {
    Some(Lease { epoch: from.u64()?, number: from.u64()? })
}

fn put_moment(to: &mut Writer, moment: UnixMs) {
    to.u64(moment.get());
}

fn moment(from: &mut Reader<'_>) -> Option<UnixMs> {
    from.u64().map(UnixMs::new)
}

fn state_number(state: TaskState) -> u8 {
    match state {
        TaskState::Held => 0,
        TaskState::Waiting => 1,
        TaskState::Running => 2,
        TaskState::Succeeded => 3,
        TaskState::Dead => 4,
        TaskState::Cancelled => 5,
        TaskState::Expired => 6,
    }
}

/// The state a row or a count is of.
pub(super) fn state(from: &mut Reader<'_>) -> Option<TaskState> {
    let number = from.u8()?;
    TaskState::ALL.into_iter().find(|state| state_number(*state) == number)
}

pub(super) fn put_state(to: &mut Writer, state: TaskState) {
    to.u8(state_number(state));
}

impl Row for Record {
    fn write(&self, to: &mut Writer) {
        to.bytes(self.pool.as_bytes());
        put_state(to, self.state);
        to.text(self.kind.as_deref());
        to.text(self.unique_key.as_deref());
        to.text(self.fairness_key.as_deref());
        to.u8(self.priority.get());
        to.option(self.batch, |to, batch| to.u128(batch.to_u128()));
        put_moment(to, self.created);
        to.option(self.expires, put_moment);
        put_moment(to, self.not_before);
        to.u32(self.counters.attempts);
        to.u32(self.counters.crashes);
        to.u32(self.counters.snoozes);
        to.u32(self.counters.leases);
        to.option(self.holder.as_ref(), |to, holder| {
            put_lease(to, holder.lease);
            to.bytes(holder.worker.as_bytes());
            put_moment(to, holder.since);
        });
        to.option(self.first_try, put_moment);
        to.option(self.ended, put_moment);
        to.text(self.ended_by.as_deref());
        to.option(self.error_attempt, Writer::u32);
        to.option(self.result_attempt, Writer::u32);
        to.option(self.checkpoint, |to, (lease, sequence)| {
            put_lease(to, lease);
            to.u32(sequence);
        });
        to.u128(self.id.to_u128());
    }

    fn read(from: &mut Reader<'_>) -> Option<Self> {
        let pool = from.str()?.into();
        let state = state(from)?;
        let (kind, unique_key, fairness_key) = (from.text()?, from.text()?, from.text()?);
        Some(Self {
            pool,
            state,
            kind,
            unique_key,
            fairness_key,
            priority: Priority::new(from.u8()?)?,
            batch: from.option(|from| from.u128().map(BatchId::from_u128))?,
            created: moment(from)?,
            expires: from.option(moment)?,
            not_before: moment(from)?,
            counters: Counters {
                attempts: from.u32()?,
                crashes: from.u32()?,
                snoozes: from.u32()?,
                leases: from.u32()?,
            },
            holder: from.option(|from| {
                let lease = lease(from)?;
                Some(Holder { lease, worker: from.str()?.into(), since: moment(from)? })
            })?,
            first_try: from.option(moment)?,
            ended: from.option(moment)?,
            ended_by: from.text::<String>()?.map(Cow::Owned),
            error_attempt: from.option(Reader::u32)?,
            result_attempt: from.option(Reader::u32)?,
            checkpoint: from.option(|from| Some((lease(from)?, from.u32()?)))?,
            id: TaskId::from_u128(from.u128()?),
        })
    }
}

impl Row for Input {
    fn write(&self, to: &mut Writer) {
        to.text(self.content_type.as_deref());
        to.option(self.headers.as_ref(), |to, headers| to.bytes(headers));
        to.text(self.traceparent.as_deref());
        to.bytes(&self.payload);
    }

    fn read(from: &mut Reader<'_>) -> Option<Self> {
        Some(Self {
            content_type: from.text()?,
            headers: from.blob()?,
            traceparent: from.text()?,
            payload: Bytes::copy_from_slice(from.bytes()?),
        })
    }
}

/// A line of a task's history, and the result that came with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AttemptRow {
    pub(super) attempt: Attempt,
    pub(super) body: Option<ResultBody>,
}

impl Row for AttemptRow {
    fn write(&self, to: &mut Writer) {
        let Attempt { number, lease, worker, started, ended, took, .. } = &self.attempt;
        to.u32(*number);
        put_lease(to, *lease);
        to.bytes(worker.as_bytes());
        put_moment(to, *started);
        to.option(*ended, put_moment);
        to.u64(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
        to.bytes(self.attempt.outcome.as_bytes());
        to.bytes(self.attempt.decided_by.as_bytes());
        to.text(self.attempt.rule.as_deref());
        to.text(self.attempt.error.as_deref());
        to.text(self.attempt.logs.as_deref());
        to.text(self.attempt.progress.as_deref());
        to.option(self.body.as_ref().zip(self.attempt.result.as_ref()), |to, (body, meta)| {
            to.text(meta.content_type.as_deref());
            to.option(meta.summary.as_ref(), |to, summary| to.bytes(summary));
            match body {
                ResultBody::Inline(bytes) => {
                    to.u8(0);
                    to.bytes(bytes);
                }
                ResultBody::Spooled { pieces, length } => {
                    to.u8(1);
                    to.u32(*pieces);
                    to.u64(*length);
                }
            }
        });
    }

    fn read(from: &mut Reader<'_>) -> Option<Self> {
        let mut attempt = Attempt {
            number: from.u32()?,
            lease: lease(from)?,
            worker: from.str()?.into(),
            started: moment(from)?,
            ended: from.option(moment)?,
            took: Duration::from_micros(from.u64()?),
            outcome: Cow::Owned(from.str()?.to_owned()),
            decided_by: Cow::Owned(from.str()?.to_owned()),
            rule: from.text()?,
            error: from.text()?,
            logs: from.text()?,
            progress: from.text()?,
            result: None,
        };
        let result = from.option(|from| {
            let (content_type, summary) = (from.text()?, from.blob()?);
            let body = match from.u8()? {
                0 => ResultBody::Inline(Bytes::copy_from_slice(from.bytes()?)),
                1 => ResultBody::Spooled { pieces: from.u32()?, length: from.u64()? },
                _ => return None,
            };
            Some(TaskResult { body, content_type, summary })
        })?;
        let body = result.map(|TaskResult { body, content_type, summary }| {
            let length = body.length();
            attempt.result = Some(ResultMeta { length, content_type, summary });
            body
        });
        Some(Self { attempt, body })
    }
}

impl Row for BatchRecord {
    fn write(&self, to: &mut Writer) {
        to.u128(self.id.to_u128());
        to.bytes(self.pool.as_bytes());
        let (policy, number) = match self.policy {
            BatchPolicy::All => (0, 0),
            BatchPolicy::Any => (1, 0),
            BatchPolicy::Quorum(needed) => (2, needed),
            BatchPolicy::HaltOn(share) => (3, u64::from(share.get())),
        };
        to.u8(policy);
        to.u64(number);
        to.option(self.completion, |to, id| to.u128(id.to_u128()));
        put_moment(to, self.created);
        let BatchCounts { total, succeeded, failed, cancelled } = self.counts;
        for count in [total, succeeded, failed, cancelled, self.removed] {
            to.u64(count);
        }
        to.option(self.ended, |to, (end, at)| {
            to.u8(match end {
                BatchEnd::Succeeded => 0,
                BatchEnd::Failed => 1,
            });
            put_moment(to, at);
        });
    }

    fn read(from: &mut Reader<'_>) -> Option<Self> {
        let id = BatchId::from_u128(from.u128()?);
        let pool = from.str()?.into();
        let policy = match (from.u8()?, from.u64()?) {
            (0, _) => BatchPolicy::All,
            (1, _) => BatchPolicy::Any,
            (2, needed) => BatchPolicy::Quorum(needed),
            (3, share) => BatchPolicy::HaltOn(Share::percent(share).ok()?),
            (_, _) => return None,
        };
        Some(Self {
            id,
            pool,
            policy,
            completion: from.option(|from| from.u128().map(TaskId::from_u128))?,
            created: moment(from)?,
            counts: BatchCounts {
                total: from.u64()?,
                succeeded: from.u64()?,
                failed: from.u64()?,
                cancelled: from.u64()?,
            },
            removed: from.u64()?,
            ended: from.option(|from| {
                let end = match from.u8()? {
                    0 => BatchEnd::Succeeded,
                    1 => BatchEnd::Failed,
                    _ => return None,
                };
                Some((end, moment(from)?))
            })?,
        })
    }
}

/// Bytes that are a row by themselves.
impl Row for Bytes {
    fn write(&self, to: &mut Writer) {
        to.bytes(self);
    }

    fn read(from: &mut Reader<'_>) -> Option<Self> {
        from.bytes().map(Bytes::copy_from_slice)
    }
}

/// The task a key leads to.
impl Row for TaskId {
    fn write(&self, to: &mut Writer) {
        to.u128(self.to_u128());
    }

    fn read(from: &mut Reader<'_>) -> Option<Self> {
        from.u128().map(TaskId::from_u128)
    }
}
