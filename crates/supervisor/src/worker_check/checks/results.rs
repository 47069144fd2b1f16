//! Much in one task.

use super::super::Bench;
use super::super::conversation::{Conversation, welcome};
use super::super::fault::Setback;
use super::super::report::Section;
use super::super::task_record::{Ending, Piece, TaskRecord};
use super::super::work::Work;
use super::{Check, Needs};
use hearken_proto::{Raw, ToChild};

pub(super) const CHECKS: &[Check] = &[
    Check {
        name: "large_task",
        tries: "a task whose headers fill a frame of 900 KiB succeeds",
        section: Section::Frame,
        needs: Needs::Nothing,
        after: Some("result"),
        run: large_task,
    },
    Check {
        name: "large_payload",
        tries: "a payload of 900 KiB is accepted and answered",
        section: Section::Frame,
        needs: Needs::Nothing,
        after: Some("result"),
        run: large_payload,
    },
    Check {
        name: "large_result",
        tries: "a result over 1 MiB comes in chunks of at most 256 KiB, in order and counted",
        section: Section::FromChild,
        needs: Needs::Large,
        after: Some("result"),
        run: large_result,
    },
    Check {
        name: "max_frame",
        tries: "a result over 1 MiB keeps to a welcome.max_frame of 128 KiB",
        section: Section::ToChild,
        needs: Needs::Large,
        after: Some("large_result"),
        run: max_frame,
    },
];

const LARGE: usize = 900 * 1024;

/// What `--large` must be longer than.
const MEBIBYTE: usize = 1024 * 1024;

const SMALL_FRAME: u32 = 128 * 1024;

fn large_task(bench: &Bench<'_>) -> Result<(), Setback> {
    let mut talk = Conversation::open(bench)?;
    let mut task = talk.make(&bench.asked.payload);
    let handle = task.handle;
    task.headers = Raw::from_value(&serde_json::json!({ "padding": "x".repeat(LARGE) })).ok();
    talk.say(ToChild::Task(Box::new(task)));
    talk.result(handle).map(|_| ())
}

/// What the worker makes of such a payload is its own affair, as long as it says it.
fn large_payload(bench: &Bench<'_>) -> Result<(), Setback> {
    let mut talk = Conversation::open(bench)?;
    let mut task = talk.make(&bench.asked.payload);
    let handle = task.handle;
    task.payload = Raw::string(&"x".repeat(LARGE));
    talk.say(ToChild::Task(Box::new(task)));
    talk.ended(handle)?;
    talk.still_works()
}

fn large_result(bench: &Bench<'_>) -> Result<(), Setback> {
    let mut talk = Conversation::open(bench)?;
    large_result_in(&mut talk, bench.asked.large.as_ref().unwrap_or(&bench.asked.payload))
}

fn max_frame(bench: &Bench<'_>) -> Result<(), Setback> {
    let mut welcome = welcome();
    welcome.max_frame = SMALL_FRAME;
    let mut talk = Conversation::open_with(bench, welcome)?;
    large_result_in(&mut talk, bench.asked.large.as_ref().unwrap_or(&bench.asked.payload))
}

/// A longer piece, or a longer frame, has ended the line before this.
fn large_result_in(talk: &mut Conversation<'_>, work: &Work) -> Result<(), Setback> {
    let handle = talk.give(work);
    let record = talk.result(handle)?;
    let length = record.bytes.len();
    if !record.pieces.is_empty() && length <= MEBIBYTE {
        let reason = format!("the result of --large is {length} bytes; give one over 1 MiB");
        return Err(Setback::NotApplicable(reason));
    }
    wrong_with(&record).map_or(Ok(()), |(expected, came)| Err(talk.fault(&expected, came)))
}

/// What was expected and what came, if they differ.
fn wrong_with(record: &TaskRecord) -> Option<(String, String)> {
    let Some(Ending::Result(result)) = &record.ending else {
        return None;
    };
    let count = record.pieces.len();
    for (place, piece) in record.pieces.iter().enumerate() {
        let right = (place, place + 1 == count);
        if (usize::try_from(piece.sequence).ok(), piece.last) != (Some(right.0), right.1) {
            let Piece { sequence, last } = piece;
            return Some((
                format!(
                    "chunk {} of {count} with sequence {}, last {}",
                    place + 1,
                    right.0,
                    right.1
                ),
                format!("sequence {sequence}, last {last}"),
            ));
        }
    }
    let counted = result.chunks.and_then(|chunks| usize::try_from(chunks).ok());
    if count == 0 || counted != Some(count) {
        let came = match counted {
            Some(counted) => format!("{count} chunks, of which result counts {counted}"),
            None => format!("{count} chunks, and a result that counts none"),
        };
        return Some(("chunks, and a result that counts them".to_owned(), came));
    }
    if result.data.is_some() {
        let came = "a result with data besides its chunks".to_owned();
        return Some(("a result without data behind its chunks".to_owned(), came));
    }
    let says_value = result.content_type.as_deref() == Some("application/msgpack");
    match says_value.then(|| Raw::from_msgpack(record.bytes.clone())) {
        Some(Err(violation)) => Some((
            "chunks that make one MessagePack value, as content_type says".to_owned(),
            violation.to_string(),
        )),
        Some(Ok(_)) | None => None,
    }
}
