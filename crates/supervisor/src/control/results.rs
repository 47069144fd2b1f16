//! The result of one task, as it is.

use super::connection::Visit;
use super::problem::Problem;
use super::query;
use super::routes::{Named, name};
use super::tasks;
use super::value::{self, Form, MESSAGEPACK, VALUE_MAX};
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream;
use hearken_core::task::{TaskId, TaskState};
use hearken_proto::Raw;
use hearken_store::{Pieces, StoreError, StoredResult};
use std::io;
use tokio::task::spawn_blocking;

/// Bytes of which nobody said what they are.
const BYTES: &str = "application/octet-stream";

/// `GET /v1/tasks/{id}/result`.
pub(super) async fn of_task(
    State(visit): State<Visit>,
    named: Named,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    query::none(&uri)?;
    let id: TaskId = query::id(&name(named)?, Problem::no_task)?;
    let Some(result) = of(&visit, id).await? else { return Err(missing(&visit, id).await?) };
    let wants_msgpack = headers.get(ACCEPT).is_some_and(|it| it == MESSAGEPACK);
    let content_type = result.content_type.clone();
    match value::form(content_type.as_deref()) {
        Form::Value if wants_msgpack || result.length > VALUE_MAX => {
            Ok(streamed(MESSAGEPACK, result))
        }
        Form::Value => {
            let (media_type, bytes) = blocking(move || as_value(result)).await?;
            Ok(whole(media_type, bytes))
        }
        Form::Json | Form::Text | Form::Bytes => {
            Ok(streamed(content_type.as_deref().unwrap_or(BYTES), result))
        }
    }
}

/// The result of a task that has one.
///
/// # Errors
/// If a store cannot be read.
pub(super) async fn of(visit: &Visit, id: TaskId) -> Result<Option<StoredResult>, Problem> {
    let found = visit.client.read(move |store, found: &mut Option<StoredResult>| {
        if found.is_none() {
            *found = store.result(id)?;
        }
        Ok(())
    });
    Ok(found.await?)
}

/// Does what may wait for a disk, or takes long, outside of the runtime.
///
/// # Errors
/// Its own, or that the supervisor is on its way down.
pub(super) async fn blocking<T: Send + 'static, E: Into<Problem> + Send + 'static>(
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, Problem> {
    match spawn_blocking(work).await {
        Ok(done) => done.map_err(Into::into),
        Err(_cancelled) => Err(crate::tasks::Refused::Closing.into()),
    }
}

async fn missing(visit: &Visit, id: TaskId) -> Result<Problem, Problem> {
    let history = tasks::history(visit, id).await?.ok_or_else(|| Problem::no_task(id))?;
    let state = history.record.state;
    let message = format!("the task {id} is {state} and has no result");
    let help = match state {
        TaskState::Held | TaskState::Waiting | TaskState::Running => {
            "ask again when it has ended: GET /v1/tasks/{id}?wait=30s"
        }
        TaskState::Dead | TaskState::Cancelled | TaskState::Expired => {
            "GET /v1/tasks/{id} says why; POST /v1/tasks/{id}/retry has it done after all"
        }
        TaskState::Succeeded => "its worker returned none",
    };
    Ok(Problem::new(StatusCode::NOT_FOUND, "no_result", message, help))
}

/// A value as JSON, bytes as they are, and as it is kept what JSON cannot say.
fn as_value(result: StoredResult) -> Result<(&'static str, Bytes), StoreError> {
    let bytes = value::whole(result)?;
    let Ok(raw) = Raw::from_msgpack(bytes.clone()) else { return Ok((MESSAGEPACK, bytes)) };
    if let Ok(mut json) = raw.to_exact_json() {
        json.push('\n');
        return Ok(("application/json", json.into()));
    }
    Ok(match raw.content() {
        Some(content) => (BYTES, Bytes::copy_from_slice(content)),
        None => (MESSAGEPACK, bytes),
    })
}

fn whole(media_type: &str, bytes: Bytes) -> Response {
    let length = bytes.len() as u64;
    answer(media_type, length, Body::from(bytes))
}

fn streamed(media_type: &str, result: StoredResult) -> Response {
    let pieces = stream::unfold(Some(result.pieces), |pieces| async {
        let (piece, pieces) = next(pieces?).await?;
        Some((piece.map_err(io::Error::other), Some(pieces)))
    });
    answer(media_type, result.length, Body::from_stream(pieces))
}

/// The next piece, read where it may wait for a disk.
async fn next(mut pieces: Pieces) -> Option<(Result<Bytes, StoreError>, Pieces)> {
    let read = spawn_blocking(move || (pieces.next(), pieces)).await;
    let (piece, pieces) = read.ok()?;
    Some((piece?, pieces))
}

/// The length is said, so that whoever reads notices an answer that is cut short by a damaged file.
fn answer(media_type: &str, length: u64, body: Body) -> Response {
    let mut response = Response::new(body);
    let media_type =
        HeaderValue::from_str(media_type).unwrap_or_else(|_| HeaderValue::from_static(BYTES));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, media_type);
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    response
}
