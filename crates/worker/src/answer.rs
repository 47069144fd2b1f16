//! How the end of a task is said. It is held back until the next write: the `accepted` of the task that follows.

use hearken_proto::{
    Acked, Chunk, ErrorMessage, FromChild, Handle, MAX_CHUNK, Raw, ShortText, Snooze, TaskResult,
    Text,
};

use crate::error::LineError;
use crate::failure::{WorkerError, milliseconds};
use crate::heard::HeardSoFar;
use crate::outcome::{Ended, Outcome};
use crate::voice::Voice;

/// What the other fields of a `result` or `chunk` take at most, in bytes, beside those of any length.
const FIELDS: usize = 128;

/// Answers a task, whatever comes: one that gets no answer is lost until its deadline.
///
/// # Errors
///
/// Why the line has ended, or that it does not even carry a short error.
pub(crate) fn answer(
    handle: Handle,
    ended: Result<Outcome, WorkerError>,
    voice: &Voice,
    heard: &HeardSoFar,
) -> Result<(), LineError> {
    let said = match ended {
        Ok(outcome) => success(handle, outcome, voice, heard),
        Err(error) => return failure(handle, &error, voice, heard),
    };
    match said {
        Err(error) if error.is_about_the_message() => {
            failure(handle, &WorkerError::from(error), voice, heard)
        }
        said => said,
    }
}

fn success(
    handle: Handle,
    outcome: Outcome,
    voice: &Voice,
    heard: &HeardSoFar,
) -> Result<(), LineError> {
    let Outcome { ended, content_type, summary } = outcome;
    let mut result = TaskResult { handle, data: None, content_type, chunks: None, summary };
    let room = room(&result, voice);
    match ended {
        Ended::Snooze { after, reason } => {
            let (delay_ms, reason) = (milliseconds(after), reason.into());
            heard.answering(handle, Acked::Snooze);
            return voice.hold(&FromChild::Snooze(Snooze { handle, delay_ms, reason }));
        }
        Ended::Nothing => {}
        Ended::Value(value) if value.as_msgpack().len() <= room => result.data = Some(value),
        Ended::Value(value) => {
            // The pieces are no value any more, so this is what they are, whatever the value is.
            result.content_type = Some("application/msgpack".to_owned());
            result.chunks = Some(pieces(handle, value.as_msgpack(), voice)?);
        }
        Ended::Bytes(bytes) if bytes.len() <= room => result.data = Some(Raw::binary(&bytes)),
        Ended::Bytes(bytes) => {
            let media_type = || "application/octet-stream".to_owned();
            result.content_type.get_or_insert_with(media_type);
            result.chunks = Some(pieces(handle, &bytes, voice)?);
        }
    }
    heard.answering(handle, Acked::Result);
    voice.hold(&FromChild::Result(result))
}

/// How many bytes of data the result itself has room for.
fn room(result: &TaskResult, voice: &Voice) -> usize {
    let content_type = result.content_type.as_ref().map_or(0, String::len);
    let summary = result.summary.as_ref().map_or(0, |summary| summary.as_msgpack().len());
    let frame = voice.max_frame() as usize;
    frame.saturating_sub(FIELDS + content_type + summary).min(MAX_CHUNK)
}

/// Says data in pieces and gives how many there were.
fn pieces(handle: Handle, data: &[u8], voice: &Voice) -> Result<u32, LineError> {
    let most = (voice.max_frame() as usize).saturating_sub(FIELDS).clamp(1, MAX_CHUNK);
    let mut sequence = 0;
    let mut left = data;
    loop {
        let (piece, after) = left.split_at(left.len().min(most));
        let last = after.is_empty();
        voice.say(&FromChild::Chunk(Chunk { handle, sequence, data: piece.to_vec(), last }))?;
        sequence += 1;
        if last {
            return Ok(sequence);
        }
        left = after;
    }
}

fn failure(
    handle: Handle,
    error: &WorkerError,
    voice: &Voice,
    heard: &HeardSoFar,
) -> Result<(), LineError> {
    let mut message = error.message().clone();
    message.handle = Some(handle);
    heard.answering(handle, Acked::Error);
    let message = FromChild::Error(Box::new(message));
    match voice.hold(&message) {
        Err(reason) if reason.is_about_the_message() => {
            let mut short = shortened(error.message());
            short.handle = Some(handle);
            voice.hold(&FromChild::Error(Box::new(short)))
        }
        said => said,
    }
}

/// The same error without whatever may be of any length.
fn shortened(message: &ErrorMessage) -> ErrorMessage {
    let sentence = format!("{} (the rest of the error cannot be sent)", message.message);
    ErrorMessage {
        retryable: message.retryable,
        retry_after_ms: message.retry_after_ms,
        scope: message.scope,
        ..ErrorMessage::new(
            message.kind,
            Text::<256>::from(message.code.as_str()).into_string(),
            ShortText::from(sentence),
        )
    }
}
