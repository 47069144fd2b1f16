//! Waiting for what the worker says, and remembering it.

use super::{Conversation, Setback};
use crate::worker_check::task_record::{Ending, TaskRecord};
use crate::worker_check::worker::Turn;
use hearken_proto::{Ack, Acked, Handle, Heard, Kind, ToChild, Violation, decode_frame, excerpt};
use std::process::ExitStatus;
use std::time::{Duration, Instant};

/// How long a worker whose line ended is given to end too, before it is said that it lives on.
const AFTERMATH: Duration = Duration::from_secs(1);

/// How many words of one kind are remembered: more than any check awaits.
const REMEMBERED: usize = 10_000;

/// One word of the worker, or none.
pub(super) enum Word {
    Heard,
    LineEnd,
    Silence,
}

impl Conversation<'_> {
    /// Listens until `found` gives something, at most for the timeout that was asked for.
    pub(super) fn until<T>(
        &mut self,
        expected: &str,
        found: impl FnMut(&mut Self) -> Option<T>,
    ) -> Result<T, Setback> {
        self.until_then(expected, self.deadline(), found)
    }

    /// The same with a time of its own.
    pub(super) fn until_then<T>(
        &mut self,
        expected: &str,
        until: Instant,
        mut found: impl FnMut(&mut Self) -> Option<T>,
    ) -> Result<T, Setback> {
        loop {
            if let Some(found) = found(self) {
                return Ok(found);
            }
            match self.next(until, expected)? {
                Word::Heard => {}
                Word::Silence => {
                    let last = self.last_word.as_deref();
                    let came = match last {
                        Some(last) => format!("nothing of the kind in time; its last word: {last}"),
                        None => "nothing at all in time".to_owned(),
                    };
                    return Err(self.fault(expected, came));
                }
                Word::LineEnd => {
                    let came = match self.end_of_process(Instant::now() + AFTERMATH)? {
                        Some(status) => format!("the end of the line and of the process, {status}"),
                        None => "the end of the line, though the process lives on".to_owned(),
                    };
                    return Err(self.fault(expected, came));
                }
            }
        }
    }

    /// Waits for the end of the process and gives how it ended, or nothing if it lives on.
    pub(super) fn end_of_process(&mut self, until: Instant) -> Result<Option<ExitStatus>, Setback> {
        while self.worker.ended().is_none() && Instant::now() < until {
            // What it says now is not listened to, but must not stop it from ending either.
            while let Ok(Some(_)) = self.worker.frame() {}
            self.worker.turn(until)?;
        }
        Ok(self.worker.ended())
    }

    /// Takes in the next word, writing what is queued meanwhile. `expected` is for the fault, if
    /// the word ends the line.
    pub(super) fn next(&mut self, until: Instant, expected: &str) -> Result<Word, Setback> {
        loop {
            // The deadline is looked at here as well, or one who never falls silent would have no end;
            // later than usual, because what came in time may only be read now.
            if Instant::now() >= until + AFTERMATH {
                return Ok(Word::Silence);
            }
            if let Some(body) =
                self.worker.frame().map_err(|it| self.violated(expected, &it, &[]))?
            {
                let heard = decode_frame(&body)
                    .and_then(|decoded| self.session.receive(decoded))
                    .map_err(|violation| self.violated(expected, &violation, &body))?;
                self.worker.set_max_frame(self.session.max_frame());
                self.note(&heard);
                return Ok(Word::Heard);
            }
            if self.worker.line_ended() {
                return match self.worker.half_frame() {
                    Ok(()) => Ok(Word::LineEnd),
                    Err(violation) => Err(self.violated(expected, &violation, &[])),
                };
            }
            if Instant::now() >= until || self.worker.turn(until)? == Turn::Late {
                return Ok(Word::Silence);
            }
        }
    }

    fn violated(&self, expected: &str, violation: &Violation, body: &[u8]) -> Setback {
        let begins = if body.is_empty() {
            String::new()
        } else {
            format!("; the frame begins {}", excerpt(body))
        };
        self.fault(
            expected,
            format!("what ends the line, {}: {violation}{begins}", violation.code()),
        )
    }

    /// Remembers what was said, and acknowledges what is to be.
    fn note(&mut self, heard: &Heard) {
        self.last_word = Some(name(heard));
        match heard {
            Heard::Hello { hello, .. } | Heard::Unsupported { hello, .. } => {
                self.hello = Some(hello.clone());
            }
            Heard::Ready(ready) => self.credits = Some(ready.credits),
            Heard::Accepted(accepted) => {
                self.record(accepted.handle, |task| task.accepted += 1);
            }
            Heard::Chunk(chunk) => self.record(chunk.handle, |task| task.add(chunk)),
            Heard::Result(result) => {
                self.close(result.handle, Ending::Result(result.clone()), Acked::Result);
            }
            Heard::Error(error) => {
                if let Some(handle) = error.handle {
                    self.close(handle, Ending::Error(error.clone()), Acked::Error);
                }
            }
            Heard::Snooze(snooze) => {
                self.close(snooze.handle, Ending::Snooze(snooze.clone()), Acked::Snooze);
            }
            Heard::Checkpoint(checkpoint) => {
                self.say(ToChild::Ack(Ack { handle: checkpoint.handle, of: Acked::Checkpoint }));
            }
            Heard::Heartbeat(heartbeat) if self.heartbeats.len() < REMEMBERED => {
                self.heartbeats.push(heartbeat.clone());
            }
            Heard::Exiting(exiting) => self.exiting = Some(exiting.clone()),
            Heard::Stale { kind, handle } if self.beyond.len() < REMEMBERED => {
                self.beyond.push((*kind, *handle));
            }
            Heard::Heartbeat(_)
            | Heard::Stale { .. }
            | Heard::Progress(_)
            | Heard::Log(_)
            | Heard::Draining(_)
            | Heard::Status(_)
            | Heard::Metric(_)
            | Heard::Event(_)
            | Heard::Ancillary { .. } => {}
        }
    }

    fn record(&mut self, handle: Handle, change: impl FnOnce(&mut TaskRecord)) {
        if let Some(task) = self.tasks.get_mut(&handle) {
            change(task);
        }
    }

    fn close(&mut self, handle: Handle, ending: Ending, of: Acked) {
        self.record(handle, |task| task.ending = Some(ending));
        if self.acknowledges {
            self.say(ToChild::Ack(Ack { handle, of }));
        }
    }
}

fn name(heard: &Heard) -> String {
    let kind = match heard {
        Heard::Hello { .. } | Heard::Unsupported { .. } => Kind::Hello,
        Heard::Ready(_) => Kind::Ready,
        Heard::Accepted(_) => Kind::Accepted,
        Heard::Progress(_) => Kind::Progress,
        Heard::Log(_) => Kind::Log,
        Heard::Chunk(_) => Kind::Chunk,
        Heard::Result(_) => Kind::Result,
        Heard::Error(error) => return format!("the error {error}"),
        Heard::Heartbeat(_) => Kind::Heartbeat,
        Heard::Checkpoint(_) => Kind::Checkpoint,
        Heard::Snooze(_) => Kind::Snooze,
        Heard::Draining(_) => Kind::Draining,
        Heard::Exiting(_) => Kind::Exiting,
        Heard::Status(_) => Kind::Status,
        Heard::Metric(_) => Kind::Metric,
        Heard::Event(_) => Kind::Event,
        Heard::Stale { kind, .. } => *kind,
        Heard::Ancillary { kind } => return format!("a message of the unknown kind {kind}"),
    };
    kind.name().to_owned()
}
