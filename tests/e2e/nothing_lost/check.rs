//! Holds a hearken to what was acknowledged by those before it.

use super::promise::{Broken, Seen, of_batch, of_task};
use super::submitter::{Acknowledged, Book};
use crate::harness::Hearken;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::fs;

/// A broken promise, with whose it is and what hearken tells of it.
#[derive(Debug)]
pub(super) struct Breach {
    pub(super) id: String,
    pub(super) broken: Broken,
    #[expect(dead_code, reason = "it is printed when a test fails")]
    told: Option<Value>,
}

/// Waits for the end of everything in the book, which must be as it was promised.
#[track_caller]
pub(super) fn check(hearken: &Hearken, book: &Book) {
    let breaches = breaches(hearken, book);
    assert!(breaches.is_empty(), "{breaches:#?}\n{}", hearken.dump());
}

/// Waits for the end of everything in the book, and gives what is not as it was promised.
#[track_caller]
pub(super) fn breaches(hearken: &Hearken, book: &Book) -> Vec<Breach> {
    let ends: Vec<_> = book.tasks.iter().map(|task| end(hearken, task)).collect();
    // Only now: each trace is there before its task has ended.
    let mut traces = traces(hearken);
    let on_the_way = |(id, broken): &(String, Broken)| Breach {
        id: id.clone(),
        broken: broken.clone(),
        told: None,
    };
    let mut breaches: Vec<_> = book.broken.iter().map(on_the_way).collect();
    for (task, (told, result)) in book.tasks.iter().zip(ends) {
        let seen = Seen { told, result, runs: traces.remove(&task.id).unwrap_or_default() };
        let breach = |broken| Breach { id: task.id.clone(), broken, told: seen.told.clone() };
        breaches.extend(of_task(task, &seen).into_iter().map(breach));
    }
    for batch in &book.batches {
        let told = told(hearken, "GET", &format!("/v1/batches/{}", batch.id));
        let breach = |broken| Breach { id: batch.id.clone(), broken, told: told.clone() };
        breaches.extend(of_batch(batch, told.as_ref()).into_iter().map(breach));
    }
    breaches
}

/// What hearken tells of a task once it has ended, and its result if there is one.
#[track_caller]
fn end(hearken: &Hearken, task: &Acknowledged) -> (Option<Value>, Option<Value>) {
    let path = format!("/v1/tasks/{}", task.id);
    if task.kind == "cancelled" {
        // The answer to its cancelling may have been lost, or the question.
        told(hearken, "POST", &format!("{path}/cancel"));
    }
    let end = told(hearken, "GET", &format!("{path}?wait=30s"));
    let has_result = end.as_ref().is_some_and(|end| end["state"] == "succeeded");
    let result = has_result.then(|| told(hearken, "GET", &format!("{path}/result"))).flatten();
    (end, result)
}

/// What it says of something; none if it does not know it.
#[track_caller]
fn told(hearken: &Hearken, method: &str, path: &str) -> Option<Value> {
    let answered = hearken.ask(method, path, "");
    let fits = matches!(answered.status, 200 | 404 | 409);
    assert!(fits, "{path}: {} {}\n{}", answered.status, answered.json(), hearken.dump());
    (answered.status != 404).then(|| answered.json())
}

/// The traces that tasks left outside of hearken: by task and attempt, how often it was done.
fn traces(hearken: &Hearken) -> HashMap<String, BTreeMap<u64, usize>> {
    let mut traces: HashMap<String, BTreeMap<u64, usize>> = HashMap::new();
    for trace in fs::read_dir(hearken.folder().join("effects")).unwrap() {
        let path = trace.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        let Some((task, attempt)) = name.split_once('.') else { continue };
        let runs = fs::read(&path).unwrap().len();
        traces.entry(task.to_owned()).or_default().insert(attempt.parse().unwrap(), runs);
    }
    traces
}
