//! The reading half of the line: one thread that hears, answers and keeps the pulse.

use std::io::{self, ErrorKind, Read};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hearken_proto::{
    Decoded, ErrorMessage, FrameReader, FromChild, Heartbeat, MAX_FRAME, Task, ToChild, Welcome,
    decode_frame_for_child,
};

use crate::error::LineError;
use crate::heard::HeardSoFar;
use crate::voice::Voice;

/// How much is read at once: most of what hearken says fits many times.
const READ: usize = 4096;

pub(crate) struct Listener {
    line: UnixStream,
    voice: Arc<Voice>,
    heard: Arc<HeardSoFar>,
    pulse: Option<Pulse>,
}

/// When the next heartbeat is due.
struct Pulse {
    every: Duration,
    due: Instant,
}

impl Listener {
    pub(crate) fn new(line: UnixStream, voice: Arc<Voice>, heard: Arc<HeardSoFar>) -> Self {
        Listener { line, voice, heard, pulse: None }
    }

    /// Listens until the line ends, and notes why it did.
    pub(crate) fn run(mut self) {
        let Err(reason) = self.listen() else {
            return;
        };
        self.heard.ended(reason);
    }

    fn listen(&mut self) -> Result<(), LineError> {
        let mut reader = FrameReader::new(MAX_FRAME);
        let mut buffer = [0; READ];
        loop {
            self.beat()?;
            match self.read(&mut buffer) {
                Ok([]) => return Err(LineError::Closed),
                Ok(bytes) => reader.push(bytes),
                // The next heartbeat is due, or a signal came.
                Err(error) if is_pause(&error) => {}
                Err(error) => return Err(error.into()),
            }
            while let Some(body) = reader.pop().map_err(LineError::NotUnderstood)? {
                match decode_frame_for_child(&body).map_err(LineError::NotUnderstood)? {
                    Decoded::Message(message) => self.hear(message)?,
                    Decoded::Ancillary { .. } => {}
                }
            }
        }
    }

    fn read<'b>(&mut self, buffer: &'b mut [u8]) -> io::Result<&'b [u8]> {
        let until_due = self.pulse.as_ref().map(|pulse| {
            // Zero would mean for ever.
            pulse.due.saturating_duration_since(Instant::now()).max(Duration::from_millis(1))
        });
        self.line.set_read_timeout(until_due)?;
        let length = self.line.read(buffer)?;
        Ok(buffer.get(..length).unwrap_or_default())
    }

    fn beat(&mut self) -> Result<(), LineError> {
        let Some(pulse) = &mut self.pulse else {
            return Ok(());
        };
        let now = Instant::now();
        if now >= pulse.due {
            // From now on, not from when it was due: a process that was stopped need not catch up.
            pulse.due = now + pulse.every;
            self.voice.heartbeat()?;
        }
        Ok(())
    }

    fn hear(&mut self, message: ToChild) -> Result<(), LineError> {
        match message {
            ToChild::Welcome(welcome) => {
                self.welcome(welcome);
                Ok(())
            }
            ToChild::Reject(reject) => Err(LineError::Rejected {
                code: reject.code,
                message: reject.message.into_string(),
            }),
            ToChild::Drain(drain) => {
                self.heard.drain(drain);
                Ok(())
            }
            ToChild::Ping(ping) => {
                let sequence = ping.sequence;
                let answer = Heartbeat { sequence, busy: None, memory: None };
                self.voice.say(&FromChild::Heartbeat(answer))
            }
            ToChild::Task(task) => self.refuse(&task),
            // About tasks, of which we hold none.
            ToChild::Cancel(_) | ToChild::Ack(_) => Ok(()),
        }
    }

    fn welcome(&mut self, welcome: Welcome) {
        self.voice.set_max_frame(welcome.max_frame.min(MAX_FRAME));
        self.pulse = welcome.heartbeat_ms.map(|every| {
            let every = Duration::from_millis(u64::from(every).max(1));
            Pulse { every, due: Instant::now() + every }
        });
        self.heard.welcome(welcome);
    }

    /// This crate serves services. A pool that runs one hears so at once, instead of at its deadline.
    fn refuse(&self, task: &Task) -> Result<(), LineError> {
        let mut error = ErrorMessage::new(
            hearken_proto::ErrorKind::Config,
            "worker.no_tasks",
            "this program is a service and takes no tasks",
        );
        error.handle = Some(task.handle);
        match self.voice.say(&FromChild::Error(Box::new(error))) {
            // It has said its last word; the task comes too late and is hearken's to give away again.
            Err(LineError::AfterExiting { .. }) => Ok(()),
            said => said,
        }
    }
}

fn is_pause(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}
