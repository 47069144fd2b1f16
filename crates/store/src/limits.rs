//! How much of anything is kept. All are checked before anything is written.

use crate::{Finish, NewBatch, NewTask, Refusal, ResultBody};

/// The longest payload, in bytes: that of the largest frame.
pub const MAX_PAYLOAD: usize = 16 * 1024 * 1024;
/// The longest headers, in bytes.
pub const MAX_HEADERS: usize = 64 * 1024;
/// The longest name of a pool, a type, a worker, a rule or a media type, in bytes.
pub const MAX_NAME: usize = 255;
/// The longest unique or fairness key, in bytes.
pub const MAX_KEY: usize = 1024;
/// The longest checkpoint, in bytes (protocol 1).
pub const MAX_CHECKPOINT: usize = 64 * 1024;
/// The longest piece of a spooled result, in bytes.
pub const MAX_PIECE: usize = 1024 * 1024;
/// The longest result that is kept beside its task, in bytes; a longer one is spooled.
pub const MAX_INLINE: usize = 1024 * 1024;
/// The longest error, logs, progress or summary of one attempt, in bytes: what a pool keeps of a log
/// at most, which is 1 MiB, and as much again as it takes to say what was left out.
pub const MAX_TEXT: usize = 1024 * 1024 + 1024;
/// How many attempts of a task its history holds; beyond, the oldest go.
pub const MAX_ATTEMPTS: u32 = 100;
/// How many tasks one page of a list holds at most.
pub const MAX_PAGE: usize = 1000;
/// How many tasks are looked at for one page of a list; a page may end early, or empty, for it.
pub const QUERY_SCAN: usize = 100_000;
/// How many tasks one [`Purge`](crate::Purge) looks at.
pub const PURGE_SCAN: usize = 1000;

/// What does not fit is refused by its name.
pub(crate) fn at_most(what: &'static str, length: usize, limit: usize) -> Result<(), Refusal> {
    if length <= limit { Ok(()) } else { Err(Refusal::TooLong { what, length, limit }) }
}

fn text(what: &'static str, text: Option<&str>, limit: usize) -> Result<(), Refusal> {
    at_most(what, text.map_or(0, str::len), limit)
}

pub(crate) fn new_task(task: &NewTask) -> Result<(), Refusal> {
    at_most("the pool's name", task.pool.len(), MAX_NAME)?;
    text("the type", task.kind.as_deref(), MAX_NAME)?;
    text("the unique key", task.unique_key.as_deref(), MAX_KEY)?;
    text("the fairness key", task.fairness_key.as_deref(), MAX_KEY)?;
    text("the content type", task.input.content_type.as_deref(), MAX_NAME)?;
    text("the traceparent", task.input.traceparent.as_deref(), MAX_NAME)?;
    at_most("the headers", task.input.headers.as_ref().map_or(0, |it| it.len()), MAX_HEADERS)?;
    at_most("the payload", task.input.payload.len(), MAX_PAYLOAD)
}

pub(crate) fn new_batch(batch: &NewBatch) -> Result<(), Refusal> {
    at_most("the pool's name", batch.pool.len(), MAX_NAME)
}

pub(crate) fn finish(finish: &Finish) -> Result<(), Refusal> {
    text("the rule's label", finish.rule.as_deref(), MAX_NAME)?;
    text("the error", finish.error.as_deref(), MAX_TEXT)?;
    text("the logs", finish.logs.as_deref(), MAX_TEXT)?;
    text("the progress", finish.progress.as_deref(), MAX_TEXT)?;
    let Some(result) = &finish.result else { return Ok(()) };
    text("the content type", result.content_type.as_deref(), MAX_NAME)?;
    at_most("the summary", result.summary.as_ref().map_or(0, |it| it.len()), MAX_TEXT)?;
    match &result.body {
        ResultBody::Inline(bytes) => at_most("the result", bytes.len(), MAX_INLINE),
        ResultBody::Spooled { .. } => Ok(()),
    }
}
