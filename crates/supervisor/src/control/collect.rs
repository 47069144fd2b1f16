//! The results of a batch together: a row for each of its tasks, written while they are read.

mod csv;

use super::connection::Visit;
use super::problem::Problem;
use super::results;
use super::shown::{Moment, json};
use super::tasks::page;
use super::value::{self, Held, MESSAGEPACK, VALUE_MAX};
use axum::body::Body;
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream;
use hearken_core::task::{BatchId, TaskState};
use hearken_proto::Raw;
use hearken_store::{Filter, Listed, StoreError, StoredResult};
use serde::Serialize;
use serde_json::value::RawValue;
use std::collections::VecDeque;
use std::io;
use std::str::FromStr;
use std::sync::Arc;

/// How the rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Format {
    /// One JSON object a line.
    #[default]
    Ndjson,
    /// One JSON array.
    Json,
    /// RFC 4180, with a line of names.
    Csv,
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "ndjson" => Ok(Self::Ndjson),
            "json" => Ok(Self::Json),
            "csv" => Ok(Self::Csv),
            other => Err(format!("{other:?} is no format")),
        }
    }
}

/// In which order they come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Order {
    /// That of submission.
    #[default]
    Input,
    /// That in which they ended; what has not ended comes last.
    Completion,
}

impl FromStr for Order {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "input" => Ok(Self::Input),
            "completion" => Ok(Self::Completion),
            other => Err(format!("{other:?} is no order")),
        }
    }
}

/// A task and what came out of it.
#[derive(Debug, Serialize)]
struct Row {
    /// The how-manieth of its batch, from 0.
    index: usize,
    id: String,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<Arc<str>>,
    state: &'static str,
    attempts: u32,
    crashes: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended: Option<Moment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<Box<RawValue>>,
    /// Bytes; with the content type `application/msgpack` a value that JSON cannot say.
    #[serde(skip_serializing_if = "Option::is_none")]
    result_base64: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_type: Option<Arc<str>>,
    /// In the place of a result over 16 MiB: `GET /v1/tasks/{id}/result` has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    result_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Box<RawValue>>,
}

/// A result up to this length, in bytes, lies beside its task and is turned into JSON in no time.
const SMALL: u64 = 64 * 1024;

/// The longest summary, in bytes of JSON.
const SUMMARY_MAX: usize = 64 * 1024;

impl Row {
    fn new(index: usize, task: Listed, result: Option<StoredResult>) -> Result<Self, StoreError> {
        let Listed { record, last_error } = task;
        let mut row = Self {
            index,
            id: record.id.to_string(),
            kind: record.kind,
            state: record.state.as_str(),
            attempts: record.counters.attempts,
            crashes: record.counters.crashes,
            ended: record.ended.and_then(Moment::at),
            result: None,
            result_base64: None,
            content_type: None,
            result_bytes: None,
            summary: None,
            // That of a try before the one that succeeded says nothing of its result.
            error: last_error.filter(|_| record.result_attempt.is_none()).as_deref().and_then(json),
        };
        let Some(result) = result else { return Ok(row) };
        let summary = result.summary.clone().and_then(|it| Raw::from_msgpack(it).ok());
        row.summary = summary.and_then(|summary| json(&summary.to_json(SUMMARY_MAX)));
        row.content_type.clone_from(&result.content_type);
        if result.length > VALUE_MAX {
            row.result_bytes = Some(result.length);
            return Ok(row);
        }
        let bytes = value::whole(result)?;
        match value::in_json(row.content_type.as_deref(), &bytes) {
            Held::Json(value) => row.result = Some(value),
            Held::Bytes(base64) => row.result_base64 = Some(base64),
            Held::Value(base64) => {
                row.result_base64 = Some(base64);
                row.content_type = Some(MESSAGEPACK.into());
            }
        }
        Ok(row)
    }
}

/// Answers with the rows of a batch.
///
/// # Errors
/// If its tasks cannot be listed. What goes wrong later ends the answer before its time.
pub(super) async fn answer(
    visit: &Visit,
    batch: BatchId,
    format: Format,
    order: Order,
) -> Result<Response, Problem> {
    let mut tasks = all(visit, batch).await?;
    if order == Order::Completion {
        // A stable sort: what ended in the same millisecond stays in the order of its submission.
        let ended = |(_, task): &(usize, Listed)| {
            task.record.ended.map_or((true, None), |at| (false, Some(at)))
        };
        tasks.make_contiguous().sort_by_key(ended);
    }
    let rows = Rows { visit: visit.clone(), tasks, format, begun: false, over: false };
    let rows = stream::unfold(rows, |mut rows| async {
        let piece = rows.next().await?;
        Some((piece, rows))
    });
    let media_type = match format {
        Format::Ndjson => "application/x-ndjson",
        Format::Json => "application/json",
        Format::Csv => "text/csv; charset=utf-8; header=present",
    };
    let mut response = Response::new(Body::from_stream(rows));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    Ok(response)
}

/// All tasks of a batch, without their results.
async fn all(visit: &Visit, batch: BatchId) -> Result<VecDeque<(usize, Listed)>, Problem> {
    let mut filter = Filter { batch: Some(batch), ..Filter::all() };
    let mut tasks = VecDeque::new();
    loop {
        let found = page(visit, filter.clone()).await?;
        for task in found.tasks {
            tasks.push_back((tasks.len(), task));
        }
        match found.next {
            Some(next) => filter.after = Some(next),
            None => return Ok(tasks),
        }
    }
}

/// The rows that are still to be written.
struct Rows {
    visit: Visit,
    tasks: VecDeque<(usize, Listed)>,
    format: Format,
    begun: bool,
    over: bool,
}

impl Rows {
    /// The next piece of the answer; `None` at its end. After an error there is none.
    async fn next(&mut self) -> Option<io::Result<Bytes>> {
        if self.over {
            return None;
        }
        let mut out = Vec::new();
        let first = !std::mem::replace(&mut self.begun, true);
        if first {
            out.extend_from_slice(match self.format {
                Format::Ndjson => b"",
                Format::Json => b"[\n",
                Format::Csv => csv::NAMES.as_bytes(),
            });
        }
        let Some((index, task)) = self.tasks.pop_front() else {
            self.over = true;
            out.extend_from_slice(match self.format {
                Format::Json => b"]\n",
                Format::Ndjson | Format::Csv => b"",
            });
            return Some(Ok(out.into()));
        };
        match self.row(index, task).await {
            Ok(row) => {
                let last = self.tasks.is_empty();
                write(&row, self.format, last, &mut out);
                Some(Ok(out.into()))
            }
            Err(problem) => {
                self.over = true;
                Some(Err(io::Error::other(problem.message)))
            }
        }
    }

    async fn row(&self, index: usize, task: Listed) -> Result<Row, Problem> {
        let result = match task.record.state {
            TaskState::Succeeded => results::of(&self.visit, task.record.id).await?,
            TaskState::Held
            | TaskState::Waiting
            | TaskState::Running
            | TaskState::Dead
            | TaskState::Cancelled
            | TaskState::Expired => None,
        };
        if result.as_ref().is_none_or(|result| result.length <= SMALL) {
            return Ok(Row::new(index, task, result)?);
        }
        results::blocking(move || Row::new(index, task, result)).await
    }
}

fn write(row: &Row, format: Format, last: bool, out: &mut Vec<u8>) {
    match format {
        Format::Csv => csv::write(row, out),
        Format::Ndjson | Format::Json => {
            // Its keys are texts, and its values JSON already: nothing is left that could fail.
            out.extend_from_slice(&serde_json::to_vec(row).unwrap_or_default());
            let between: &[u8] = if format == Format::Json && !last { b",\n" } else { b"\n" };
            out.extend_from_slice(between);
        }
    }
}
