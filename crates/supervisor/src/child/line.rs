//! The supervisor's end of one line.

use super::coalesce::Coalesced;
use super::codec::{LineCodec, LineError};
use super::{Manner, Signs, TaskWord, Who, Word, Work, hear};
use crate::convert;
use crate::events::{FramesIgnored, ProtocolViolation};
use bytes::{Buf, Bytes, BytesMut};
use futures_util::StreamExt;
use hearken_core::evidence::Said;
use hearken_proto::{
    FRAME_COMPLETION, Handle, Heard, Message, Mode, Progress, SecondLook, Session, ToChild,
    Violation, Welcome, decode_frame, decode_json, encode_frame, encode_json, excerpt,
};
use std::future::poll_fn;
use std::io;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::net::UnixStream;
use tokio::time::Instant;
use tokio_util::codec::FramedRead;

/// The room for reading, made when a child says its first word: most programs never do.
const READ_ROOM: usize = 8 * 1024;
/// A deadline noticed later than this was slept through, by a supervisor that was stopped or starved.
const LATE: Duration = Duration::from_millis(100);
/// The number of the task that a process of one task was started with.
const ONLY_TASK: Handle = Handle(1);
/// How much may wait to be written to a child that does not read, before nothing more is said: one
/// message of any length goes beyond it.
const WRITE_ROOM: usize = 256 * 1024;

/// The supervisor's end of one line.
#[derive(Debug)]
pub(super) struct Line {
    mode: Mode,
    session: Session,
    stream: Stream,
    outgoing: BytesMut,
    half_since: Option<Instant>,
    /// An error was said and nothing since that takes it back.
    error_stands: bool,
    /// Progress that came too fast to be told.
    progress: Coalesced,
    work: Work,
    heartbeat: Option<Duration>,
    signs: Signs,
    stale: u64,
    ancillary: u64,
}

#[derive(Debug)]
enum Stream {
    /// Nothing was said yet, and nothing is held for it.
    Silent(UnixStream),
    Framed(Box<FramedRead<UnixStream, LineCodec>>),
    Closed,
}

/// What came of waiting for a line.
#[derive(Debug)]
pub(super) enum Came {
    /// A body to be heard.
    Body(Bytes),
    /// The first bytes of a frame: its deadline runs.
    Begun,
    /// What waited to be written can go on.
    Writable,
    /// The child hung up between two frames.
    End,
    /// The child hung up in the middle of a frame, as a process does that dies while it speaks.
    Truncated(Violation),
    /// The child broke the protocol.
    Broken(Violation),
}

impl Line {
    pub(super) fn new(stream: StdUnixStream, mode: Mode, manner: &Manner) -> io::Result<Self> {
        let &Manner { work, signs, max_frame, heartbeat, .. } = manner;
        let mut session = Session::new(mode, max_frame);
        if work == Work::OneTask {
            session.open(ONLY_TASK);
        }
        Ok(Self {
            mode,
            session,
            stream: Stream::Silent(UnixStream::from_std(stream)?),
            outgoing: BytesMut::new(),
            half_since: None,
            error_stands: false,
            progress: Coalesced::default(),
            work,
            heartbeat,
            signs,
            stale: 0,
            ancillary: 0,
        })
    }

    pub(super) fn mode(&self) -> Mode {
        self.mode
    }

    pub(super) fn is_open(&self) -> bool {
        !matches!(self.stream, Stream::Closed)
    }

    /// When the frame that has begun must be whole.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.half_since.map(|since| since + FRAME_COMPLETION)
    }

    /// The deadline is over: what the child left half. `None` when it was noticed late: then it was
    /// the supervisor that did not look, the rest may lie there unread, and the time begins anew.
    pub(super) fn left_half(&mut self) -> Option<Violation> {
        let Stream::Framed(framed) = &self.stream else { return None };
        let now = Instant::now();
        if self.deadline()? + LATE < now {
            self.half_since = Some(now);
            return None;
        }
        Some(Violation::HalfFrame { have: framed.decoder().begun() })
    }

    /// Waits for whatever comes next on this line; for ever, once it is closed. Can be dropped and
    /// called again at any time.
    pub(super) async fn next(&mut self) -> Came {
        if let Stream::Silent(stream) = &self.stream {
            // An error shows again in the read.
            drop(stream.readable().await);
            self.frame();
        }
        poll_fn(|cx| self.poll(cx)).await
    }

    fn frame(&mut self) {
        if let Stream::Silent(stream) = std::mem::replace(&mut self.stream, Stream::Closed) {
            let codec = LineCodec::new(self.mode, self.session.max_frame());
            self.stream =
                Stream::Framed(Box::new(FramedRead::with_capacity(stream, codec, READ_ROOM)));
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Came> {
        let Stream::Framed(framed) = &mut self.stream else { return Poll::Pending };
        if let Poll::Ready(next) = framed.poll_next_unpin(cx) {
            self.half_since = None;
            return Poll::Ready(match next {
                Some(Ok(body)) => Came::Body(body),
                Some(Err(LineError::Violation(violation))) => Came::Broken(violation),
                Some(Err(LineError::Truncated(violation))) => Came::Truncated(violation),
                // A reset is a child that died with words of ours unread: an end like any other,
                // and like any other it may cut off a frame.
                Some(Err(LineError::Io(_))) if framed.decoder().is_half() => {
                    Came::Truncated(Violation::HalfFrame { have: framed.decoder().begun() })
                }
                Some(Err(LineError::Io(_))) | None => Came::End,
            });
        }
        if framed.decoder().is_half() && self.half_since.is_none() {
            self.half_since = Some(Instant::now());
            return Poll::Ready(Came::Begun);
        }
        if !self.outgoing.is_empty() && framed.get_ref().poll_write_ready(cx).is_ready() {
            return Poll::Ready(Came::Writable);
        }
        Poll::Pending
    }

    /// Writes what the socket takes of what waits. Never waits itself.
    pub(super) fn write(&mut self) {
        while !self.outgoing.is_empty() {
            let stream = match &self.stream {
                Stream::Silent(stream) => stream,
                Stream::Framed(framed) => framed.get_ref(),
                Stream::Closed => return self.outgoing.clear(),
            };
            match stream.try_write(&self.outgoing) {
                Ok(written) => self.outgoing.advance(written),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                // The child's end is gone; the read tells.
                Err(_gone) => self.outgoing.clear(),
            }
        }
        self.outgoing = BytesMut::new();
    }

    /// Says something to the child. A child that lets too much lie unread gets no more.
    pub(super) fn say<M: Message>(&mut self, message: &M) {
        if self.has_room() {
            self.prepare(message);
            self.write();
        }
    }

    /// Whether so little lies unread that more may be said.
    pub(super) fn has_room(&self) -> bool {
        self.outgoing.len() <= WRITE_ROOM
    }

    /// Says something about tasks with the next [`Line::write`], whether there is room or not.
    pub(super) fn prepare_task(&mut self, message: &ToChild) {
        if let ToChild::Task(task) = message {
            self.session.open(task.handle);
        }
        self.prepare(message);
    }

    fn prepare<M: Message>(&mut self, message: &M) {
        let encoded = match self.mode {
            Mode::MessagePack => encode_frame(message, &mut self.outgoing),
            Mode::Json => encode_json(message, &mut self.outgoing),
        };
        // What we say is made of checked names and numbers; it always fits.
        debug_assert!(encoded.is_ok(), "{encoded:?}");
    }

    /// Takes in one body: logs what it says, answers it, and gives what bears on the child's fate.
    ///
    /// # Errors
    /// What rule of the protocol the child broke.
    pub(super) fn hear(&mut self, body: &[u8], who: &Who) -> Result<Option<Word>, Violation> {
        let decoded = match self.mode {
            Mode::MessagePack => decode_frame(body),
            Mode::Json => decode_json(body),
        }?;
        let word = match self.session.receive(decoded)? {
            Heard::Hello { hello, protocol } => {
                hear::hello(who, &hello);
                let welcome = ToChild::Welcome(Welcome {
                    protocol,
                    unit: who.unit.to_string(),
                    instance: who.instance,
                    incarnation: who.incarnation,
                    max_frame: self.session.max_frame(),
                    heartbeat_ms: self.heartbeat.map(heartbeat_ms),
                    config: None,
                });
                if let Stream::Framed(framed) = &mut self.stream {
                    framed.decoder_mut().set_max_frame(self.session.max_frame());
                }
                self.say(&welcome);
                Some(Word::Said(Said::Hello))
            }
            Heard::Unsupported { hello, reject } => {
                hear::unsupported(who, &hello);
                self.say(&ToChild::Reject(reject));
                self.close();
                // The next incarnation would speak the same version: it is a matter of what is
                // installed, and stays down.
                Some(Word::Said(Said::Error(hear::unsupported_error(&hello))))
            }
            Heard::Ready(ready) => {
                self.error_stands = false;
                if ready.credits == 0 {
                    hear::no_credits(who);
                }
                Some(match self.work {
                    Work::Tasks => Word::Task(TaskWord::Ready(ready.credits)),
                    Work::Service | Work::OneTask => Word::Said(Said::Ready),
                })
            }
            Heard::Error(error) => {
                match (self.work, error.handle) {
                    // Its exit has the last word.
                    (Work::OneTask, _) => {
                        hear::error(who, &error);
                        self.error_stands = true;
                        Some(Word::Task(TaskWord::Failed(ONLY_TASK, error)))
                    }
                    // What becomes of the task is logged with it, and its history has the whole.
                    (Work::Service | Work::Tasks, Some(handle)) => {
                        self.session.close(handle);
                        Some(Word::Task(TaskWord::Failed(handle, error)))
                    }
                    (Work::Service | Work::Tasks, None) => {
                        hear::error(who, &error);
                        self.error_stands = true;
                        Some(Word::Said(Said::Error(convert::typed_error(&error))))
                    }
                }
            }
            Heard::Progress(mut progress) => {
                progress.handle = progress.handle.or(self.only_task());
                // The core has to know of work only if it takes an error back, or puts off a
                // deadline.
                let overcome = std::mem::take(&mut self.error_stands);
                let works = overcome || self.signs.working();
                let told = self.progress.take(progress, Instant::now());
                let told = told.and_then(|progress| tell_progress(who, progress));
                told.or_else(|| works.then_some(Word::Said(Said::Working)))
            }
            Heard::Exiting(exiting) => {
                hear::exiting(who, &exiting);
                Some(Word::Said(convert::exiting(exiting.intent)))
            }
            Heard::Log(log) => {
                hear::log(who, &log);
                let handle = log.handle.or(self.only_task());
                handle.map(|handle| Word::Task(TaskWord::Log(handle, Box::new(log))))
            }
            Heard::Status(status) => hear::status(who, &status),
            Heard::Draining(draining) => {
                hear::draining(who, &draining);
                (self.work == Work::Tasks).then_some(Word::Task(TaskWord::Draining))
            }
            Heard::Heartbeat(heartbeat) => {
                hear::heartbeat(who, &heartbeat);
                let memory = heartbeat.memory.filter(|_| self.work == Work::Tasks);
                memory.map(|memory| Word::Task(TaskWord::Memory(memory)))
            }
            Heard::Metric(metric) => hear::metric(who, &metric),
            Heard::Event(event) => hear::event(who, &event),
            Heard::Accepted(accepted) => Some(Word::Task(TaskWord::Accepted(accepted.handle))),
            Heard::Chunk(chunk) => Some(Word::Task(TaskWord::Chunk(Box::new(chunk)))),
            Heard::Checkpoint(it) => Some(Word::Task(TaskWord::Checkpoint(Box::new(it)))),
            Heard::Result(result) => {
                self.session.close(result.handle);
                Some(Word::Task(TaskWord::Done(Box::new(result))))
            }
            Heard::Snooze(snooze) => {
                self.session.close(snooze.handle);
                Some(Word::Task(TaskWord::Snoozed(Box::new(snooze))))
            }
            Heard::Stale { .. } => {
                self.stale += 1;
                None
            }
            Heard::Ancillary { .. } => {
                self.ancillary += 1;
                None
            }
        };
        // Whatever it was, it is a sign of life.
        Ok(word.or_else(|| self.signs.alive().then_some(Word::Said(Said::Alive))))
    }

    fn only_task(&self) -> Option<Handle> {
        (self.work == Work::OneTask).then_some(ONLY_TASK)
    }

    /// When progress that came too fast is to be told.
    pub(super) fn progress_due(&self) -> Option<Instant> {
        self.progress.due()
    }

    /// Tells the progress that came too fast: of this task only, or all of it.
    pub(super) fn late_progress(&mut self, of: Option<Handle>, who: &Who) -> Vec<Word> {
        let told: Vec<_> = match of {
            Some(handle) => self.progress.of(Some(handle)).into_iter().collect(),
            None => self.progress.all(Instant::now()).collect(),
        };
        told.into_iter().filter_map(|progress| tell_progress(who, progress)).collect()
    }

    /// Whether the child speaks the protocol, so that it makes sense to speak to it.
    pub(super) fn has_spoken(&self) -> bool {
        self.session.has_spoken()
    }

    /// The frames that are there now, without waiting; for the moment before the line is closed.
    pub(super) fn ready_body(&mut self) -> Option<Came> {
        if let Stream::Silent(_) = &self.stream {
            self.frame();
        }
        match self.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(came) => Some(came),
            Poll::Pending => None,
        }
    }

    /// Closes it, and says what was ignored on it.
    pub(super) fn close_and_count(&mut self, who: &Who) {
        self.close();
        let (unit, instance) = (&*who.unit, who.instance);
        for (count, reason) in [
            (&mut self.stale, "about a task this child does not hold"),
            (&mut self.ancillary, "unknown kinds of a newer protocol, which may be ignored"),
        ] {
            if *count > 0 {
                FramesIgnored { unit, instance, reason, count: std::mem::take(count) }.emit();
            }
        }
    }

    fn close(&mut self) {
        self.stream = Stream::Closed;
        self.half_since = None;
    }
}

fn heartbeat_ms(period: Duration) -> u32 {
    u32::try_from(period.as_millis()).unwrap_or(u32::MAX)
}

/// Logs progress; what is about a task is for its pool as well.
fn tell_progress(who: &Who, progress: Progress) -> Option<Word> {
    hear::progress(who, &progress);
    let handle = progress.handle?;
    Some(Word::Task(TaskWord::Progress(handle, Box::new(progress))))
}

/// Logs a broken rule, and says which.
pub(super) fn report_violation(
    who: &Who,
    mode: Mode,
    violation: &Violation,
    body: Option<&[u8]>,
) -> Box<str> {
    let mut reason = violation.to_string();
    let undecodable = !matches!(
        violation,
        Violation::HelloExpected { .. }
            | Violation::HelloExpectedBeforeAncillary { .. }
            | Violation::SecondHello
            | Violation::AfterExiting { .. }
            | Violation::LineEnded
    );
    if let (Some(body), Mode::MessagePack, true) = (body, mode, undecodable) {
        reason = format!("{reason} ({})", SecondLook::at(body));
    }
    ProtocolViolation {
        unit: &who.unit,
        instance: who.instance,
        code: violation.code(),
        reason: &reason,
        excerpt: body.map(excerpt).as_deref(),
    }
    .emit();
    reason.into()
}
