//! A submission on its way into the store and from there into its pool.

use super::client::{BatchSpec, Refused, Submission, Submitted, TASKS_MAX, TaskSpec};
use super::when::When;
use hearken_core::moment::Moment;
use hearken_core::pool::Waiting;
use hearken_core::task::{Batch, BatchCounts, BatchId, BatchPolicy, Counters, TaskId};
use hearken_proto::Raw;
use hearken_store::{Command, Enqueued, Input, NewBatch, NewTask, Pending};
use std::sync::Arc;
use std::time::Duration;

/// A submission that the store has been told of.
#[derive(Debug)]
pub(crate) struct Submitting {
    batch: Option<(BatchId, Batch)>,
    tasks: Vec<Waiting>,
    /// How many of the tasks are the submitter's: the last may be a completion task.
    own: usize,
}

/// What the pool has for it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Room {
    pub(super) max_payload: u64,
    pub(super) total: Option<Duration>,
}

/// Checks a submission, and makes of it what the store is told.
///
/// # Errors
/// What is wrong with it: then nothing of it is taken.
pub(super) fn submitting(
    submission: Submission,
    room: Room,
    when: When,
    mut name: impl FnMut(u64) -> (u64, u128),
) -> Result<(Submitting, Command), Refused> {
    let Submission { pool, tasks, batch } = submission;
    if tasks.is_empty() {
        return Err(Refused::Unfit("there is no task in it: send one or more".to_owned()));
    }
    if tasks.len() > TASKS_MAX {
        return Err(Refused::TooLarge(format!(
            "it has {} tasks, and {TASKS_MAX} go into one submission: split it",
            tasks.len()
        )));
    }
    if let Some(BatchSpec { policy: BatchPolicy::Quorum(quorum), .. }) = &batch
        && *quorum > tasks.len() as u64
    {
        return Err(Refused::Unfit(format!(
            "{} tasks never make a quorum of {quorum}: ask for fewer, or send more",
            tasks.len()
        )));
    }
    let ms = when.wall.get();
    let batch_id = batch.as_ref().map(|_| {
        let (ms, random) = name(ms);
        BatchId::new(ms, random)
    });
    let mut new = Vec::with_capacity(tasks.len() + 1);
    for spec in tasks {
        new.push(task(spec, &pool, batch_id, room, when, &mut name)?);
    }
    let own = new.len();
    let mut made = None;
    if let (Some(id), Some(BatchSpec { policy, completion })) = (batch_id, batch) {
        let mut completes = None;
        if let Some(spec) = completion {
            let mut task = task(spec, &pool, None, room, when, &mut name)?;
            task.held = true;
            completes = Some(task.id);
            new.push(task);
        }
        made = Some((
            NewBatch { id, pool, policy, completion: completes, created: when.wall },
            policy,
        ));
    }
    let waiting = new.iter().map(|task| waiting(task, when)).collect();
    let counts = BatchCounts::default();
    let batch = made.as_ref().map(|(batch, policy)| (batch.id, Batch { policy: *policy, counts }));
    let command = Command::Enqueue { tasks: new, batch: made.map(|(batch, _)| batch) };
    Ok((Submitting { batch, tasks: waiting, own }, command))
}

fn task(
    spec: TaskSpec,
    pool: &Arc<str>,
    batch: Option<BatchId>,
    room: Room,
    when: When,
    name: &mut impl FnMut(u64) -> (u64, u128),
) -> Result<NewTask, Refused> {
    let length = spec.payload.as_msgpack().len() as u64;
    if length > room.max_payload {
        return Err(Refused::TooLarge(format!(
            "a payload has {length} bytes, and pool {pool} takes {}: send a reference to where it lies, or raise max_payload",
            room.max_payload
        )));
    }
    for (what, words) in [
        ("type", &spec.kind),
        ("key", &spec.unique_key),
        ("fairness_key", &spec.fairness_key),
        ("content_type", &spec.content_type),
        ("traceparent", &spec.traceparent),
    ] {
        one_line(what, words.as_deref())?;
    }
    Ok(NewTask {
        id: spec.id.unwrap_or_else(|| {
            let (ms, random) = name(when.wall.get());
            TaskId::new(ms, random)
        }),
        pool: Arc::clone(pool),
        kind: spec.kind,
        unique_key: spec.unique_key,
        fairness_key: spec.fairness_key,
        priority: spec.priority,
        not_before: when.wall.after(spec.delay),
        expires: spec.expires.or(room.total).map(|expires| when.wall.after(expires)),
        batch,
        created: when.wall,
        held: false,
        input: Input {
            payload: spec.payload.into_msgpack(),
            content_type: spec.content_type,
            headers: spec.headers.map(Raw::into_msgpack),
            traceparent: spec.traceparent,
        },
    })
}

/// What stands in the environment of programs and in lists for people has no control characters.
fn one_line(what: &str, words: Option<&str>) -> Result<(), Refused> {
    let control = words.and_then(|words| words.char_indices().find(|(_, it)| it.is_control()));
    control.map_or(Ok(()), |(at, it)| {
        Err(Refused::Unfit(format!("the {what} of a task has {it:?} at byte {at}: leave it out")))
    })
}

fn waiting(task: &NewTask, when: When) -> Waiting {
    Waiting {
        id: task.id,
        priority: task.priority,
        fairness_key: task.fairness_key.clone(),
        kind: task.kind.clone(),
        batch: task.batch,
        not_before: when.moment(task.not_before),
        expires: task.expires.map_or(Moment::NEVER, |at| when.moment(at)),
        counters: Counters::default(),
        first_try: None,
    }
}

/// A task that the store has, as its pool knows it.
pub(super) fn pending(task: Pending, when: When) -> Waiting {
    Waiting {
        id: task.id,
        priority: task.priority,
        fairness_key: task.fairness_key,
        kind: task.kind,
        batch: task.batch,
        not_before: when.moment(task.not_before),
        expires: task.expires.map_or(Moment::NEVER, |at| when.moment(at)),
        counters: task.counters,
        first_try: task.first_try.map(|at| when.earlier(at)),
    }
}

impl Submitting {
    /// The store has taken it: what its submitter is told, the batch, and the tasks that wait now.
    pub(super) fn kept(
        self,
        mut enqueued: Vec<Enqueued>,
    ) -> (Submitted, Option<(BatchId, Batch)>, Vec<Waiting>) {
        let inserted = |it: &Enqueued| matches!(it, Enqueued::Inserted(_));
        let own = self.own;
        let tasks: Vec<_> = self
            .tasks
            .into_iter()
            .zip(&enqueued)
            .take(own)
            .filter(|(_, became)| inserted(became))
            .map(|(task, _)| task)
            .collect();
        enqueued.truncate(own);
        let batch = self.batch.map(|(id, mut batch)| {
            batch.counts.total = tasks.len() as u64;
            (id, batch)
        });
        (Submitted { tasks: enqueued, batch: batch.map(|(id, _)| id) }, batch, tasks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_one_line_have_no_control_characters() {
        for good in [None, Some(""), Some("resize"), Some("größe k=1 \u{1f600}")] {
            assert_eq!(one_line("type", good), Ok(()));
        }
        for (bad, at) in [("a\0b", 1), ("\n", 0), ("é\u{9b}", 2)] {
            let refused = one_line("key", Some(bad)).unwrap_err();
            let Refused::Unfit(why) = refused else { panic!("{refused:?}") };
            assert!(
                why.starts_with("the key of a task has") && why.contains(&format!("byte {at}:")),
                "{why}"
            );
        }
    }
}
