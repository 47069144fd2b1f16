//! Submitting tasks, once or again.

use super::body;
use super::connection::Visit;
use super::problem::Problem;
use super::query;
use super::results::blocking;
use super::routes::{Named, json, name};
use super::submission::{self, Notation};
use crate::tasks::{Refused, Submission, Submitted, TaskSpec};
use axum::extract::{Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use hearken_core::task::{BatchId, TaskId};
use hearken_store::{Enqueued, History, Refusal};
use serde::Serialize;
use std::collections::HashMap;
use std::sync::Arc;

/// A body up to this length, in bytes, is read in the runtime: that takes no time worth a thread.
const SMALL: usize = 64 * 1024;

#[derive(Debug, Serialize)]
struct Answer {
    tasks: Vec<Outcome>,
    #[serde(skip_serializing_if = "Option::is_none")]
    batch: Option<String>,
    /// Why nothing is done for now, if that is so.
    #[serde(skip_serializing_if = "Option::is_none")]
    trouble: Option<Arc<str>>,
}

#[derive(Debug, Serialize)]
struct Outcome {
    id: String,
    outcome: &'static str,
}

impl From<Enqueued> for Outcome {
    fn from(enqueued: Enqueued) -> Self {
        let (id, outcome) = match enqueued {
            Enqueued::Inserted(id) => (id, "inserted"),
            Enqueued::Duplicate(id) => (id, "duplicate"),
        };
        Self { id: id.to_string(), outcome }
    }
}

/// `POST /v1/pools/{pool}/tasks`.
pub(super) async fn submit(
    State(visit): State<Visit>,
    named: Named,
    request: Request,
) -> Result<Response, Problem> {
    let pool: Arc<str> = name(named)?.into();
    query::none(request.uri())?;
    let notation = notation(request.headers())?;
    let body = body::read(&visit, request).await?;
    let name = Arc::clone(&pool);
    let submission = if body.bytes.len() <= SMALL {
        submission::read(pool, notation, &body.bytes)?
    } else {
        let bytes = body.bytes.clone();
        blocking(move || submission::read(pool, notation, &bytes)).await?
    };
    let submitted = keep(&visit, submission).await?;
    let inserted = |it: &Enqueued| matches!(it, Enqueued::Inserted(_));
    let status = match submitted.tasks.iter().any(inserted) {
        true => StatusCode::CREATED,
        false => StatusCode::OK,
    };
    // What was kept is kept, whatever the answer to this would be.
    let pools = visit.client.pools().await.unwrap_or_default();
    let trouble = pools.into_iter().find(|it| it.pool == name).and_then(|it| it.trouble);
    let answer = Answer {
        trouble,
        tasks: submitted.tasks.into_iter().map(Outcome::from).collect(),
        batch: submitted.batch.map(|batch| batch.to_string()),
    };
    Ok(json(status, &answer))
}

/// Anything a form of a web page can send is none of these.
fn notation(headers: &HeaderMap) -> Result<Notation, Problem> {
    let content_type = headers.get(CONTENT_TYPE).map(|it| it.to_str().unwrap_or_default());
    let essence = content_type.map(|it| it.split(';').next().unwrap_or_default().trim());
    match essence.map(str::to_ascii_lowercase).as_deref() {
        Some("application/json") => Ok(Notation::Json),
        Some("application/x-ndjson") => Ok(Notation::Ndjson),
        other => {
            let message = format!("the content type is {:?}", other.unwrap_or_default());
            let help = "send application/json, or application/x-ndjson with one task a line";
            let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
            Err(Problem::new(status, "unknown_content_type", message, help))
        }
    }
}

/// Has a submission kept; what of it is kept already, from an earlier time it was sent, is kept once.
async fn keep(visit: &Visit, submission: Submission) -> Result<Submitted, Problem> {
    if submission.tasks.iter().all(|task| task.id.is_none()) {
        return Ok(visit.client.submit(submission).await?);
    }
    match visit.client.submit(submission.clone()).await {
        Err(Refused::NotKept(Refusal::TaskExists(id))) => again(visit, submission, id).await,
        other => Ok(other?),
    }
}

/// A submission, one task of which is there already.
async fn again(visit: &Visit, submission: Submission, first: TaskId) -> Result<Submitted, Problem> {
    let kept = kept(visit, &submission.tasks).await?;
    let is_kept = |task: &TaskSpec| task.id.and_then(|id| kept.get(&id));
    for task in &submission.tasks {
        if let Some(there) = is_kept(task)
            && !is_same(there, &submission.pool, task)
        {
            return Err(taken(there.record.id));
        }
    }
    if submission.batch.is_some() {
        // It was kept wholly or not at all: what is there of it is all of it.
        let batch = kept.get(&first).and_then(|there| there.record.batch);
        let is_of_it = |task: &TaskSpec| is_kept(task).is_some_and(|it| it.record.batch == batch);
        return match batch {
            Some(_) if submission.tasks.iter().all(is_of_it) => {
                Ok(duplicates(&kept, &submission, batch))
            }
            Some(_) | None => Err(differs(first)),
        };
    }
    let (left, known): (Vec<_>, Vec<_>) =
        submission.tasks.iter().cloned().partition(|task| is_kept(task).is_none());
    if left.is_empty() {
        return Ok(duplicates(&kept, &submission, None));
    }
    if known.is_empty() {
        return Err(taken(first));
    }
    let rest = Submission { pool: Arc::clone(&submission.pool), tasks: left, batch: None };
    let mut rest = visit.client.submit(rest).await?.tasks.into_iter();
    let tasks = submission.tasks.iter().filter_map(|task| match is_kept(task) {
        Some(there) => Some(Enqueued::Duplicate(there.record.id)),
        None => rest.next(),
    });
    Ok(Submitted { tasks: tasks.collect(), batch: None })
}

fn duplicates(
    kept: &HashMap<TaskId, Box<History>>,
    submission: &Submission,
    batch: Option<BatchId>,
) -> Submitted {
    let ids = submission.tasks.iter().filter_map(|task| task.id.filter(|id| kept.contains_key(id)));
    Submitted { tasks: ids.map(Enqueued::Duplicate).collect(), batch }
}

/// Those of the tasks that are there, by their ids.
async fn kept(visit: &Visit, tasks: &[TaskSpec]) -> Result<HashMap<TaskId, Box<History>>, Problem> {
    let ids: Vec<_> = tasks.iter().filter_map(|task| task.id).collect();
    let kept = visit.client.read(move |store, kept: &mut HashMap<TaskId, Box<History>>| {
        for id in &ids {
            if let Some(history) = store.show(*id)? {
                kept.insert(*id, history);
            }
        }
        Ok(())
    });
    Ok(kept.await?)
}

/// Whether this is what was sent before. (A delay or a priority may be another by now: what was kept
/// first stands.)
fn is_same(there: &History, pool: &Arc<str>, task: &TaskSpec) -> bool {
    there.record.pool == *pool
        && there.record.kind == task.kind
        && there.input.payload == task.payload.as_msgpack()
}

fn taken(id: TaskId) -> Problem {
    let message = format!("there is another task {id} already");
    let help = "give each task an id of its own, or leave it out";
    Problem::new(StatusCode::CONFLICT, "id_taken", message, help)
}

fn differs(id: TaskId) -> Problem {
    let message = format!("the task {id} is there already, and not as a part of this batch");
    let help = "send a batch again as it was, or with new ids";
    Problem::new(StatusCode::CONFLICT, "batch_differs", message, help)
}
