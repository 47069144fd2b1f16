//! The reading half of the line. There is one, and whoever owns it hears: the listener, or the thread that works.

use std::io::{self, ErrorKind, Read};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use hearken_proto::{
    Acked, Cancel, Decoded, ErrorMessage, FrameReader, FromChild, Handle, MAX_FRAME, Snooze, Task,
    ToChild, Welcome, decode_frame_for_child,
};

use crate::desk::Taken;
use crate::error::LineError;
use crate::half::Half;
use crate::heard::HeardSoFar;
use crate::voice::Voice;

/// How much is read at once: sixteen tasks of a kilobyte.
const READ: usize = 16 * 1024;

#[derive(Debug)]
pub(crate) struct Ear {
    line: UnixStream,
    frames: FrameReader,
    half: Half,
    buffer: Box<[u8]>,
    /// What the socket has been told, so that it is told of changes only.
    patience: Option<Duration>,
}

impl Ear {
    pub(crate) fn new(line: UnixStream) -> Self {
        Ear {
            line,
            frames: FrameReader::new(MAX_FRAME),
            half: Half::default(),
            buffer: vec![0; READ].into_boxed_slice(),
            patience: None,
        }
    }

    /// Reads once and takes in all that is whole, answers included. Gives whether anything came within `patience`;
    /// without one it waits for as long as it takes.
    ///
    /// # Errors
    ///
    /// Why the line has ended.
    pub(crate) fn listen(
        &mut self,
        patience: Option<Duration>,
        voice: &Voice,
        heard: &HeardSoFar,
    ) -> Result<bool, LineError> {
        // A frame that is half there is waited for no longer than it may take.
        let rest = self.half.time_left(Instant::now());
        let patience = patience.into_iter().chain(rest).min();
        if self.patience != patience {
            // Zero would mean for ever.
            self.line.set_read_timeout(patience.map(|it| it.max(Duration::from_millis(1))))?;
            self.patience = patience;
        }
        match self.line.read(&mut self.buffer) {
            Ok(0) => return Err(LineError::Closed),
            Ok(length) => self.frames.push(self.buffer.get(..length).unwrap_or_default()),
            Err(error) if is_pause(&error) => return self.in_time().map(|()| false),
            Err(error) => return Err(error.into()),
        }
        let mut was_whole = false;
        while let Some(body) = self.frames.pop().map_err(LineError::NotUnderstood)? {
            was_whole = true;
            match decode_frame_for_child(&body).map_err(LineError::NotUnderstood)? {
                Decoded::Message(message) => {
                    if let ToChild::Welcome(welcome) = &message {
                        self.frames.set_max(welcome.max_frame);
                    }
                    hear(message, voice, heard)?;
                }
                Decoded::Ancillary { .. } => {}
            }
        }
        // The answers to all of it in one write.
        voice.flush()?;
        self.half.note(self.frames.is_half(), was_whole, Instant::now());
        self.in_time().map(|()| true)
    }

    /// A frame that was begun and left half ends the line, as it would end that of a child.
    fn in_time(&mut self) -> Result<(), LineError> {
        if self.half.is_over(Instant::now()) {
            self.frames.end().map_err(LineError::NotUnderstood)?;
        }
        Ok(())
    }
}

/// Nothing came in time, or a signal did.
fn is_pause(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

fn hear(message: ToChild, voice: &Voice, heard: &HeardSoFar) -> Result<(), LineError> {
    match message {
        ToChild::Welcome(welcome) => {
            welcomed(welcome, voice, heard);
            Ok(())
        }
        ToChild::Reject(reject) => {
            Err(LineError::Rejected { code: reject.code, message: reject.message.into_string() })
        }
        ToChild::Drain(drain) => {
            heard.drain(drain);
            Ok(())
        }
        ToChild::Ping(ping) => voice.answer(&ping),
        ToChild::Task(task) => take(task, voice, heard),
        ToChild::Cancel(cancel) => give_up(&cancel, voice, heard),
        ToChild::Ack(ack) => {
            heard.acknowledged(&ack);
            Ok(())
        }
    }
}

fn welcomed(welcome: Welcome, voice: &Voice, heard: &HeardSoFar) {
    voice.set_max_frame(welcome.max_frame.min(MAX_FRAME));
    heard.welcome(welcome);
}

fn take(task: Box<Task>, voice: &Voice, heard: &HeardSoFar) -> Result<(), LineError> {
    let handle = task.handle;
    match heard.take(task)? {
        Taken::Held => Ok(()),
        Taken::Refused => {
            // A pool that runs a service hears so at once, instead of at its deadline.
            let refusal = "this program is a service and takes no tasks";
            let error =
                ErrorMessage::new(hearken_proto::ErrorKind::Config, "worker.no_tasks", refusal);
            late(answer_with_error(handle, error, voice))
        }
        Taken::HandedBack { reason } => late(hand_back(handle, reason, voice, heard)),
    }
}

/// Gives a task back that was not begun: it costs no attempt.
pub(crate) fn hand_back(
    handle: Handle,
    reason: &str,
    voice: &Voice,
    heard: &HeardSoFar,
) -> Result<(), LineError> {
    heard.answering(handle, Acked::Snooze);
    voice.hold(&FromChild::Snooze(Snooze { handle, delay_ms: 0, reason: reason.into() }))
}

/// A task that runs is told when it asks; one that waits is answered for here.
fn give_up(cancel: &Cancel, voice: &Voice, heard: &HeardSoFar) -> Result<(), LineError> {
    if !heard.cancel(cancel) {
        return Ok(());
    }
    heard.answering(cancel.handle, Acked::Error);
    let error = ErrorMessage::new(
        hearken_proto::ErrorKind::Cancelled,
        "task.cancelled",
        "cancelled before it was begun",
    );
    answer_with_error(cancel.handle, error, voice)
}

fn answer_with_error(
    handle: Handle,
    mut error: ErrorMessage,
    voice: &Voice,
) -> Result<(), LineError> {
    error.handle = Some(handle);
    voice.hold(&FromChild::Error(Box::new(error)))
}

/// After its last word the program answers no task: it comes too late and is hearken's to give away again.
fn late(said: Result<(), LineError>) -> Result<(), LineError> {
    match said {
        Err(LineError::AfterExiting { .. }) => Ok(()),
        said => said,
    }
}
