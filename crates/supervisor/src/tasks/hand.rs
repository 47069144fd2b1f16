//! A task in the hands of a worker, as the shell has to know it: what came of it so far.

use super::error::TaskError;
use bytes::{Bytes, BytesMut};
use hearken_core::moment::Moment;
use hearken_core::task::{Lease, TaskId};
use hearken_proto::{Chunk, MAX_CHUNK, Raw};
use hearken_store::{Command, MAX_INLINE, MAX_NAME, MAX_TEXT, ResultBody, TaskResult};
use std::fmt::Write;
use std::sync::Arc;

/// A task in the hands of a worker.
#[derive(Debug)]
pub(super) struct Hand {
    pub(super) task: TaskId,
    pub(super) lease: Lease,
    pub(super) slot: u32,
    pub(super) attempt: u32,
    /// When its worker began with it.
    pub(super) began: Option<Moment>,
    /// What was wrong, in the worker's words.
    pub(super) error: Option<TaskError>,
    /// What it said it needs and did not find.
    pub(super) dependency: Option<Arc<str>>,
    /// Its last progress: JSON.
    pub(super) progress: Option<Arc<str>>,
    pub(super) logs: Logs,
    pub(super) result: Assembly,
}

/// What a worker logged about a task: the first half of what may be kept, and the last.
#[derive(Debug)]
pub(super) struct Logs {
    text: String,
    limit: usize,
    dropped: u64,
}

impl Logs {
    pub(super) fn new(limit: usize) -> Self {
        Self { text: String::new(), limit, dropped: 0 }
    }

    /// Adds a line; one that finds no room is counted.
    pub(super) fn push(&mut self, level: &str, line: &str) {
        let line = line.trim_end_matches('\n');
        if self.text.len() + level.len() + line.len() + 2 > self.limit {
            self.dropped += 1;
            return;
        }
        // Writing into a String cannot fail.
        let _infallible = writeln!(self.text, "{level} {line}");
    }

    /// What was logged; with a last line that says how much is missing.
    pub(super) fn text(&self) -> Option<Box<str>> {
        match (self.text.is_empty(), self.dropped) {
            (true, 0) => None,
            (false, 0) => Some(self.text.as_str().into()),
            (_, dropped) => {
                Some(format!("{}({dropped} more lines found no room)\n", self.text).into())
            }
        }
    }
}

/// A result on its way: whole, or piece by piece.
#[derive(Debug)]
pub(super) struct Assembly {
    /// The value, if the worker sent it whole.
    pub(super) value: Option<Bytes>,
    pub(super) content_type: Option<Arc<str>>,
    pub(super) summary: Option<Bytes>,
    /// Whether the output of the process, in exec mode, was read to its end.
    pub(super) whole: bool,
    /// What came in pieces and was not spooled.
    room: BytesMut,
    /// How many pieces came from the worker.
    came: u32,
    /// How many pieces went to the store.
    spooled: u32,
    length: u64,
    limit: u64,
    /// Why it is no result.
    pub(super) trouble: Option<Trouble>,
}

/// Why what came is no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    /// It is longer than the pool takes.
    TooLarge,
    /// A piece is missing, or came twice.
    OutOfOrder,
    /// What is said about it is longer than is kept.
    Wordy,
}

impl Assembly {
    /// Nothing yet, of at most `limit` bytes.
    pub(super) fn new(limit: u64) -> Self {
        Self {
            value: None,
            content_type: None,
            summary: None,
            whole: false,
            room: BytesMut::new(),
            came: 0,
            spooled: 0,
            length: 0,
            limit,
            trouble: None,
        }
    }

    /// Takes in a piece that the worker numbered.
    pub(super) fn chunk(&mut self, chunk: &Chunk, spool: impl FnMut(u32, Bytes)) {
        if chunk.sequence != self.came {
            self.trouble.get_or_insert(Trouble::OutOfOrder);
        }
        self.came = self.came.saturating_add(1);
        self.push(&chunk.data, spool);
    }

    /// Takes in the next bytes. What is too much to be held goes to `spool`, with its number.
    pub(super) fn push(&mut self, bytes: &[u8], mut spool: impl FnMut(u32, Bytes)) {
        self.length = self.length.saturating_add(bytes.len() as u64);
        if self.length > self.limit {
            self.trouble.get_or_insert(Trouble::TooLarge);
        }
        if self.trouble.is_some() {
            self.room = BytesMut::new();
            return;
        }
        self.room.extend_from_slice(bytes);
        if self.length > MAX_INLINE as u64 {
            self.spool(MAX_CHUNK, &mut spool);
        }
    }

    fn spool(&mut self, least: usize, spool: &mut impl FnMut(u32, Bytes)) {
        while !self.room.is_empty() && self.room.len() >= least {
            let piece = self.room.split_to(self.room.len().min(MAX_CHUNK)).freeze();
            spool(self.spooled, piece);
            self.spooled += 1;
        }
    }

    /// Whether so many pieces came.
    pub(super) fn has(&self, pieces: u32) -> bool {
        self.came == pieces
    }

    /// What came in pieces, if all of it is here.
    pub(super) fn bytes(&mut self) -> Option<Bytes> {
        (self.spooled == 0).then(|| self.room.split().freeze())
    }

    /// Gives back what [`Assembly::bytes`] took.
    pub(super) fn give_back(&mut self, bytes: Bytes) {
        self.room = bytes.into();
    }

    /// What is wrong with a result that a worker sent whole, or with what it said about it. The
    /// store would refuse the end of the try for it, and nobody could tell that any more.
    pub(super) fn misfit(&self) -> Option<Trouble> {
        let length = |it: &Option<Bytes>| it.as_ref().map_or(0, Bytes::len);
        if length(&self.value) as u64 > self.limit {
            return Some(Trouble::TooLarge);
        }
        let media_type = self.content_type.as_ref().map_or(0, |it| it.len());
        let wordy = length(&self.summary) > MAX_TEXT || media_type > MAX_NAME;
        wordy.then_some(Trouble::Wordy)
    }

    /// The result as the store takes it.
    pub(super) fn finish(&mut self, mut spool: impl FnMut(u32, Bytes)) -> TaskResult {
        // A result in pieces may be empty; so may the output of a process, which is in none.
        let pieces = self.came > 0 || self.length > 0;
        let summary = self.summary.take();
        let content_type = self.content_type.take();
        let body = match self.value.take() {
            Some(value) if value.len() <= MAX_INLINE => ResultBody::Inline(value),
            Some(value) => {
                self.length = value.len() as u64;
                self.room = BytesMut::from(value);
                self.spool(1, &mut spool);
                ResultBody::Spooled { pieces: self.spooled, length: self.length }
            }
            None if pieces && self.spooled > 0 => {
                self.spool(1, &mut spool);
                ResultBody::Spooled { pieces: self.spooled, length: self.length }
            }
            None if pieces => ResultBody::Inline(self.room.split().freeze()),
            None => ResultBody::Inline(Raw::nil().into_msgpack()),
        };
        TaskResult { body, content_type, summary }
    }
}

/// The command that spools a piece.
pub(super) fn spool(task: TaskId, lease: Lease, sequence: u32, data: Bytes) -> Command {
    Command::Spool { id: task, lease, sequence, data }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_that_the_store_would_refuse_is_known_before() {
        let with = |change: &dyn Fn(&mut Assembly)| {
            let mut result = Assembly::new(100);
            change(&mut result);
            result.misfit()
        };
        let bytes = |length| Some(Bytes::from(vec![0; length]));
        assert_eq!(with(&|_| {}), None);
        assert_eq!(with(&|it| it.value = bytes(100)), None);
        assert_eq!(with(&|it| it.value = bytes(101)), Some(Trouble::TooLarge));
        assert_eq!(with(&|it| it.summary = bytes(MAX_TEXT)), None);
        assert_eq!(with(&|it| it.summary = bytes(MAX_TEXT + 1)), Some(Trouble::Wordy));
        let media_type = |length: usize| Some(Arc::from("x".repeat(length)));
        assert_eq!(with(&|it| it.content_type = media_type(MAX_NAME)), None);
        assert_eq!(with(&|it| it.content_type = media_type(MAX_NAME + 1)), Some(Trouble::Wordy));
    }

    #[test]
    fn a_full_log_says_how_much_found_no_room_and_can_be_kept() {
        let mut logs = Logs::new(MAX_TEXT - 1024);
        let line = "x".repeat(1000);
        for _ in 0..2000 {
            logs.push("info", &line);
        }
        let text = logs.text().unwrap();
        assert!(text.ends_with("more lines found no room)\n"));
        assert!(text.len() <= MAX_TEXT, "{}", text.len());
    }
}
