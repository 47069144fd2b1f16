//! Tasks, batches and pools as the API shows them.

use super::problem::Problem;
use super::value::{self, Held};
use crate::tasks::{Client, Live};
use hearken_core::task::{BatchPolicy, TaskState};
use hearken_proto::Raw;
use hearken_store::{Attempt, BatchRecord, Count, History, Listed, Record, ResultMeta, UnixMs};
use jiff::Timestamp;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The longest payload that is shown with its task, in bytes of MessagePack.
const PAYLOAD_MAX: usize = 64 * 1024;

/// A moment: RFC 3339, to the millisecond. One beyond the calendar is none.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment(UnixMs);

impl Moment {
    pub(super) fn at(moment: UnixMs) -> Option<Self> {
        let ms = i64::try_from(moment.get()).ok()?;
        Timestamp::from_millisecond(ms).is_ok().then_some(Self(moment))
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let ms = i64::try_from(self.0.get()).unwrap_or(i64::MAX);
        let moment = Timestamp::from_millisecond(ms).unwrap_or(Timestamp::MAX);
        to.collect_str(&format_args!("{moment:.3}"))
    }
}

/// A text that is JSON already.
pub(super) fn json(text: &str) -> Option<Box<RawValue>> {
    RawValue::from_string(text.to_owned()).ok()
}

/// A task, without its history.
#[derive(Debug, Serialize)]
pub(super) struct TaskShown {
    id: String,
    pool: Arc<str>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<Arc<str>>,
    state: &'static str,
    priority: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<Arc<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fairness_key: Option<Arc<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    batch: Option<String>,
    created: Option<Moment>,
    /// Only while it waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    not_before: Option<Moment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<Moment>,
    /// How often it was handed out; the other three say how those tries are counted.
    tries: u32,
    attempts: u32,
    crashes: u32,
    snoozes: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    worker: Option<Arc<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended: Option<Moment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    decided_by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Box<RawValue>>,
}

impl TaskShown {
    pub(super) fn new(record: Record, error: Option<&str>) -> Self {
        let waits = match record.state {
            TaskState::Held | TaskState::Waiting => true,
            TaskState::Running
            | TaskState::Succeeded
            | TaskState::Dead
            | TaskState::Cancelled
            | TaskState::Expired => false,
        };
        Self {
            id: record.id.to_string(),
            pool: record.pool,
            kind: record.kind,
            state: record.state.as_str(),
            priority: record.priority.get(),
            key: record.unique_key,
            fairness_key: record.fairness_key,
            batch: record.batch.map(|batch| batch.to_string()),
            created: Moment::at(record.created),
            not_before: waits.then_some(record.not_before).and_then(Moment::at),
            expires: record.expires.and_then(Moment::at),
            tries: record.counters.leases,
            attempts: record.counters.attempts,
            crashes: record.counters.crashes,
            snoozes: record.counters.snoozes,
            worker: record.holder.map(|holder| holder.worker),
            ended: record.ended.and_then(Moment::at),
            decided_by: record.ended_by.map(Into::into),
            error: error.and_then(json),
        }
    }
}

impl From<Listed> for TaskShown {
    fn from(listed: Listed) -> Self {
        Self::new(listed.record, listed.last_error.as_deref())
    }
}

/// A task with everything that is kept of it.
#[derive(Debug, Serialize)]
pub(super) struct HistoryShown {
    #[serde(flatten)]
    task: TaskShown,
    #[serde(flatten)]
    payload: PayloadShown,
    #[serde(skip_serializing_if = "Option::is_none")]
    headers: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    traceparent: Option<Arc<str>>,
    /// How many bytes an earlier try left for the next.
    #[serde(skip_serializing_if = "Option::is_none")]
    checkpoint_bytes: Option<usize>,
    history: Vec<AttemptShown>,
    #[serde(skip_serializing_if = "Option::is_none")]
    live: Option<LiveShown>,
    /// The batch it belongs to, and how that stands.
    #[serde(rename = "in_batch", skip_serializing_if = "Option::is_none")]
    batch: Option<BatchShown>,
}

/// What the worker gets; left out if it is long.
#[derive(Debug, Serialize)]
struct PayloadShown {
    payload_bytes: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload_base64: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_type: Option<Arc<str>>,
}

impl HistoryShown {
    pub(super) fn new(history: History, live: Option<Live>) -> Self {
        let History { record, input, checkpoint, attempts, batch } = history;
        let last_error = record.error_attempt.and_then(|number| {
            attempts.iter().rfind(|attempt| attempt.number == number)?.error.as_deref()
        });
        let task = TaskShown::new(record, last_error);
        let payload_bytes = input.payload.len();
        let shown = (payload_bytes <= PAYLOAD_MAX)
            .then(|| Raw::from_msgpack(input.payload).ok())
            .flatten()
            .map(value::held);
        let (payload, payload_base64) = match shown {
            Some(Held::Json(value)) => (Some(value), None),
            Some(Held::Bytes(base64) | Held::Value(base64)) => (None, Some(base64)),
            None => (None, None),
        };
        let headers = input.headers.and_then(|headers| Raw::from_msgpack(headers).ok());
        Self {
            task,
            payload: PayloadShown {
                payload_bytes,
                payload,
                payload_base64,
                content_type: input.content_type,
            },
            headers: headers.and_then(|headers| json(&headers.to_json(PAYLOAD_MAX))),
            traceparent: input.traceparent,
            checkpoint_bytes: checkpoint.map(|checkpoint| checkpoint.len()),
            history: attempts.into_iter().map(AttemptShown::new).collect(),
            live: live.map(LiveShown::new),
            batch: batch.map(BatchShown::new),
        }
    }
}

/// One try.
#[derive(Debug, Serialize)]
struct AttemptShown {
    attempt: u32,
    worker: Arc<str>,
    started: Option<Moment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended: Option<Moment>,
    took_ms: u64,
    outcome: String,
    decided_by: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<Arc<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    progress: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    logs: Option<Box<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<ResultShown>,
}

impl AttemptShown {
    fn new(attempt: Attempt) -> Self {
        Self {
            attempt: attempt.number,
            worker: attempt.worker,
            started: Moment::at(attempt.started),
            ended: attempt.ended.and_then(Moment::at),
            took_ms: crate::events::ms(attempt.took),
            outcome: attempt.outcome.into(),
            decided_by: attempt.decided_by.into(),
            rule: attempt.rule,
            error: attempt.error.as_deref().and_then(json),
            progress: attempt.progress.as_deref().and_then(json),
            logs: attempt.logs,
            result: attempt.result.map(ResultShown::new),
        }
    }
}

/// What is known of a result without reading it.
#[derive(Debug, Serialize)]
struct ResultShown {
    bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_type: Option<Arc<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<Box<RawValue>>,
}

impl ResultShown {
    fn new(meta: ResultMeta) -> Self {
        let summary = meta.summary.and_then(|summary| Raw::from_msgpack(summary).ok());
        Self {
            bytes: meta.length,
            content_type: meta.content_type,
            summary: summary.and_then(|summary| json(&summary.to_json(PAYLOAD_MAX))),
        }
    }
}

/// A task in the hands of a worker.
#[derive(Debug, Serialize)]
struct LiveShown {
    worker: Arc<str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pid: Option<i32>,
    worked_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    progress: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "str::is_empty")]
    logs: Arc<str>,
}

impl LiveShown {
    fn new(live: Live) -> Self {
        Self {
            worker: live.worker,
            pid: live.pid,
            worked_ms: crate::events::ms(live.worked),
            progress: live.progress.as_deref().and_then(json),
            logs: live.logs,
        }
    }
}

/// A batch and how its tasks stand.
#[derive(Debug, Serialize)]
pub(super) struct BatchShown {
    id: String,
    pool: Arc<str>,
    policy: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    quorum: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    halt_percent: Option<u8>,
    /// The task that waits for its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    on_complete: Option<String>,
    created: Option<Moment>,
    /// `open`, `succeeded` or `failed`.
    state: &'static str,
    total: u64,
    open: u64,
    succeeded: u64,
    failed: u64,
    cancelled: u64,
    /// How many of its tasks are no longer kept.
    removed: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended: Option<Moment>,
}

impl BatchShown {
    pub(super) fn new(batch: BatchRecord) -> Self {
        let (policy, quorum, halt_percent) = match batch.policy {
            BatchPolicy::All => ("all", None, None),
            BatchPolicy::Any => ("any", None, None),
            BatchPolicy::Quorum(quorum) => ("quorum", Some(quorum), None),
            BatchPolicy::HaltOn(share) => ("halt", None, Some(share.get())),
        };
        Self {
            id: batch.id.to_string(),
            pool: batch.pool,
            policy,
            quorum,
            halt_percent,
            on_complete: batch.completion.map(|task| task.to_string()),
            created: Moment::at(batch.created),
            state: batch.ended.map_or("open", |(end, _)| end.as_str()),
            total: batch.counts.total,
            open: batch.counts.open(),
            succeeded: batch.counts.succeeded,
            failed: batch.counts.failed,
            cancelled: batch.counts.cancelled,
            removed: batch.removed,
            ended: batch.ended.and_then(|(_, at)| Moment::at(at)),
        }
    }
}

/// A pool, and how many tasks of it are kept in each state.
#[derive(Debug, Serialize)]
pub(super) struct PoolShown {
    pool: Arc<str>,
    /// What an acknowledged task outlives; left out for a pool that the config no longer has.
    #[serde(skip_serializing_if = "Option::is_none")]
    durability: Option<&'static str>,
    tasks: BTreeMap<&'static str, u64>,
    #[serde(flatten)]
    now: Option<StandingShown>,
}

#[derive(Debug, Serialize)]
struct StandingShown {
    workers: u32,
    idle: u32,
    ready: u64,
    delayed: u64,
    paused: u64,
    running: u64,
    /// How many tasks may wait.
    queue: u64,
    /// Why no tasks are taken, or none are done.
    #[serde(skip_serializing_if = "Option::is_none")]
    trouble: Option<Arc<str>>,
}

/// All pools: those of the config in its order, then those that only have tasks left.
///
/// # Errors
/// If they cannot be asked.
pub(super) async fn pools(client: &Client) -> Result<Vec<PoolShown>, Problem> {
    let standings = client.pools().await?;
    let counts: Vec<Count> = client
        .read(|store, all: &mut Vec<Count>| {
            all.extend(store.counts()?);
            Ok(())
        })
        .await?;
    let mut kept: BTreeMap<Arc<str>, BTreeMap<&'static str, u64>> = BTreeMap::new();
    for count in counts {
        *kept.entry(count.pool).or_default().entry(count.state.as_str()).or_default() +=
            count.tasks;
    }
    let mut shown = Vec::with_capacity(standings.len());
    for standing in standings {
        shown.push(PoolShown {
            tasks: kept.remove(&standing.pool).unwrap_or_default(),
            pool: standing.pool,
            durability: Some(standing.durability),
            now: Some(StandingShown {
                workers: standing.counts.workers,
                idle: standing.counts.idle,
                ready: standing.counts.ready,
                delayed: standing.counts.delayed,
                paused: standing.counts.paused,
                running: standing.counts.running,
                queue: standing.queue,
                trouble: standing.trouble,
            }),
        });
    }
    let left = kept.into_iter();
    shown.extend(left.map(|(pool, tasks)| PoolShown { pool, durability: None, tasks, now: None }));
    Ok(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_rfc_3339_to_the_millisecond_and_none_beyond_the_calendar() {
        let shown = |ms| Moment::at(UnixMs::new(ms)).map(|it| serde_json::to_string(&it).unwrap());
        assert_eq!(shown(0).as_deref(), Some("\"1970-01-01T00:00:00.000Z\""));
        assert_eq!(shown(1_795_341_786_805).as_deref(), Some("\"2026-11-22T10:03:06.805Z\""));
        assert_eq!(shown(u64::MAX), None);
    }
}
