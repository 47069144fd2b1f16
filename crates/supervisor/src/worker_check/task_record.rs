//! What a worker has said about one task.

use hearken_proto::{Chunk, ErrorKind, ErrorMessage, Snooze, TaskResult};

/// The longest result that is put together, in bytes: what comes beyond it is dropped.
const MAX_KEPT: usize = 64 * 1024 * 1024;

/// How many pieces are remembered: no result that is kept whole needs as many.
const MAX_PIECES: usize = 100_000;

/// One task from its handing out on.
#[derive(Debug, Default)]
pub(super) struct TaskRecord {
    /// How often it was accepted.
    pub(super) accepted: u32,
    /// The pieces of its result, in the order they came in.
    pub(super) pieces: Vec<Piece>,
    /// The pieces put together.
    pub(super) bytes: Vec<u8>,
    /// How it ended.
    pub(super) ending: Option<Ending>,
}

/// One chunk, without its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) sequence: u32,
    pub(super) last: bool,
}

/// What a worker ends a task with.
#[derive(Debug)]
pub(super) enum Ending {
    Result(TaskResult),
    Error(Box<ErrorMessage>),
    Snooze(Snooze),
}

impl TaskRecord {
    pub(super) fn add(&mut self, chunk: &Chunk) {
        if self.pieces.len() < MAX_PIECES {
            self.pieces.push(Piece { sequence: chunk.sequence, last: chunk.last });
        }
        if self.bytes.len() + chunk.data.len() <= MAX_KEPT {
            self.bytes.extend_from_slice(&chunk.data);
        }
    }
}

impl Ending {
    /// Which message it was, for the sentence that says what came.
    pub(super) fn describe(&self) -> String {
        match self {
            Ending::Result(_) => "a result".to_owned(),
            Ending::Error(error) => format!("the error {error}"),
            Ending::Snooze(snooze) => format!("a snooze: {}", snooze.reason.as_str()),
        }
    }

    pub(super) fn is_result(&self) -> bool {
        match self {
            Ending::Result(_) => true,
            Ending::Error(_) | Ending::Snooze(_) => false,
        }
    }

    pub(super) fn is_cancelled(&self) -> bool {
        match self {
            Ending::Error(error) => error.kind == ErrorKind::Cancelled,
            Ending::Result(_) | Ending::Snooze(_) => false,
        }
    }
}
