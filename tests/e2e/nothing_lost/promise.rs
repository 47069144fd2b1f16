//! What is promised of a task and a batch that was acknowledged, and the ways to break it.

use super::submitter::{Acknowledged, AcknowledgedBatch};
use serde_json::Value;
use std::collections::BTreeMap;

/// A promise that was not kept.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Broken {
    /// Nobody knows the task or the batch.
    Lost,
    /// It had ended in one state, and is in another.
    Changed { before: String, now: String },
    /// It has not ended as it has to.
    Ended { due: String, state: String },
    /// So many tries were committed.
    Committed { due: usize, tries: usize },
    /// Something was tried after the try that was committed.
    NotLast,
    /// The tries are not numbered as they came.
    Numbered(Vec<u64>),
    /// The result is not that of the newest lease.
    Stale { newest: u64, result: Value },
    /// So many workers did the task on this lease.
    Runs { attempt: u64, runs: usize },
    /// The batch does not count right.
    Counted { field: String, due: Value, told: Value },
}

/// All that is known of a task in the end.
#[derive(Debug)]
pub(super) struct Seen {
    /// What hearken tells of it, if it knows it.
    pub(super) told: Option<Value>,
    /// Its result, if it has one.
    pub(super) result: Option<Value>,
    /// By attempt, how often it was done.
    pub(super) runs: BTreeMap<u64, usize>,
}

/// Which promises to a task were broken.
pub(super) fn of_task(task: &Acknowledged, seen: &Seen) -> Vec<Broken> {
    let Some(told) = &seen.told else { return vec![Broken::Lost] };
    let mut broken = Vec::new();
    let state = told["state"].as_str().unwrap_or_default().to_owned();
    if let Some(before) = task.seen.clone().filter(|before| *before != state) {
        broken.push(Broken::Changed { before, now: state.clone() });
    }
    if state != task.due() {
        broken.push(Broken::Ended { due: task.due().to_owned(), state });
    }
    let numbers: Vec<u64> = of(told, "attempt").filter_map(Value::as_u64).collect();
    if !numbers.windows(2).all(|pair| pair[0] < pair[1]) {
        broken.push(Broken::Numbered(numbers.clone()));
    }
    let due = usize::from(task.due() == "succeeded");
    let tries = of(told, "outcome").filter(|it| *it == "succeeded").count();
    if tries != due {
        broken.push(Broken::Committed { due, tries });
    }
    for (&attempt, &runs) in seen.runs.iter().filter(|(_, runs)| **runs > 1) {
        broken.push(Broken::Runs { attempt, runs });
    }
    if due == 1 {
        broken.extend(of_end(told, &numbers, seen));
    }
    broken
}

/// Which promises were broken to a task that succeeded.
fn of_end(told: &Value, numbers: &[u64], seen: &Seen) -> Vec<Broken> {
    let mut broken = Vec::new();
    if of(told, "outcome").last().is_none_or(|last| last != "succeeded") {
        broken.push(Broken::NotLast);
    }
    let newest = numbers.last().copied().unwrap_or(0);
    let result = seen.result.clone().unwrap_or_default();
    if result != newest {
        broken.push(Broken::Stale { newest, result });
    }
    if !seen.runs.contains_key(&newest) {
        broken.push(Broken::Runs { attempt: newest, runs: 0 });
    }
    broken
}

/// Which promises to a batch were broken, of all whose tasks have ended.
pub(super) fn of_batch(batch: &AcknowledgedBatch, told: Option<&Value>) -> Vec<Broken> {
    let Some(told) = told else { return vec![Broken::Lost] };
    let due = [
        ("on_complete", Value::from(batch.on_complete.as_str())),
        ("total", batch.tasks.into()),
        ("open", 0.into()),
        ("succeeded", (batch.tasks - batch.failing).into()),
        ("failed", batch.failing.into()),
        ("cancelled", 0.into()),
    ];
    let wrong = due.into_iter().filter(|(field, due)| told[field] != *due);
    let counted = |(field, due): (&str, Value)| Broken::Counted {
        field: field.to_owned(),
        told: told[field].clone(),
        due,
    };
    wrong.map(counted).collect()
}

/// A field of every try of a task, the first try first.
fn of<'v>(told: &'v Value, field: &'v str) -> impl Iterator<Item = &'v Value> {
    told["history"].as_array().into_iter().flatten().map(move |one| &one[field])
}
