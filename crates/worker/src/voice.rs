//! The writing half of the line: one message at a time, whole or not at all.

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::BytesMut;
use hearken_proto::{
    FromChild, HEAD_LENGTH, Heartbeat, Kind, MAX_FRAME_BEFORE_WELCOME, Message, Ping, encode_frame,
};

use crate::error::LineError;
use crate::heard::HeardSoFar;

/// How much is held back at most, in bytes, before one more message sends it off: a hostile peer could ask for more
/// answers in one breath than there is memory for.
const MOST_HELD_BACK: usize = 64 * 1024;

/// How many tasks a heartbeat names. A longer list might not fit a frame, and is left out.
const MOST_NAMED: usize = 1000;

/// Says messages, from whatever thread.
#[derive(Debug)]
pub(crate) struct Voice {
    speaking: Mutex<Speaking>,
    heard: Arc<HeardSoFar>,
}

#[derive(Debug)]
struct Speaking {
    line: UnixStream,
    /// What is held back for the next write. Kept between messages, so that a steady flow of them allocates nothing.
    frames: BytesMut,
    max_frame: u32,
    heartbeats: u64,
    said_exiting: bool,
}

impl Voice {
    pub(crate) fn new(line: UnixStream, heard: Arc<HeardSoFar>) -> Self {
        let speaking = Speaking {
            line,
            frames: BytesMut::new(),
            max_frame: MAX_FRAME_BEFORE_WELCOME,
            heartbeats: 0,
            said_exiting: false,
        };
        Voice { speaking: Mutex::new(speaking), heard }
    }

    /// Says a message, and what was held back before it.
    pub(crate) fn say(&self, message: &FromChild) -> Result<(), LineError> {
        let mut speaking = self.lock();
        self.hold_with(&mut speaking, message)?;
        self.flush_with(&mut speaking)
    }

    /// Holds a message back until the next write, whoever does it: two messages in one system call.
    pub(crate) fn hold(&self, message: &FromChild) -> Result<(), LineError> {
        let mut speaking = self.lock();
        self.hold_with(&mut speaking, message)?;
        if speaking.frames.len() > MOST_HELD_BACK {
            self.flush_with(&mut speaking)?;
        }
        Ok(())
    }

    /// Says what was held back, if anything was.
    pub(crate) fn flush(&self) -> Result<(), LineError> {
        self.flush_with(&mut self.lock())
    }

    /// A heartbeat of the next sequence number.
    pub(crate) fn heartbeat(&self) -> Result<(), LineError> {
        let mut speaking = self.lock();
        speaking.heartbeats += 1;
        let sequence = speaking.heartbeats;
        self.hold_with(&mut speaking, &self.alive(sequence))?;
        self.flush_with(&mut speaking)
    }

    /// Holds the answer to a ping back.
    pub(crate) fn answer(&self, ping: &Ping) -> Result<(), LineError> {
        self.hold(&self.alive(ping.sequence))
    }

    fn alive(&self, sequence: u64) -> FromChild {
        let busy = self.heard.busy().filter(|busy| busy.len() <= MOST_NAMED);
        FromChild::Heartbeat(Heartbeat { sequence, busy, memory: None })
    }

    pub(crate) fn max_frame(&self) -> u32 {
        self.lock().max_frame
    }

    pub(crate) fn set_max_frame(&self, max_frame: u32) {
        self.lock().max_frame = max_frame;
    }

    fn hold_with(&self, speaking: &mut Speaking, message: &FromChild) -> Result<(), LineError> {
        self.heard.end()?;
        let kind = message.kind();
        // hearken would end the line over it; better an error where the mistake was made.
        if speaking.said_exiting && !is_farewell(kind) {
            return Err(LineError::AfterExiting { said: kind });
        }
        let start = speaking.frames.len();
        encode_frame(message, &mut speaking.frames)?;
        let length = speaking.frames.len() - start - HEAD_LENGTH;
        if length > speaking.max_frame as usize {
            speaking.frames.truncate(start);
            return Err(LineError::TooLong { length, max: speaking.max_frame });
        }
        speaking.said_exiting |= kind == Kind::Exiting;
        Ok(())
    }

    fn flush_with(&self, speaking: &mut Speaking) -> Result<(), LineError> {
        if speaking.frames.is_empty() {
            return Ok(());
        }
        let written = speaking.line.write_all(&speaking.frames);
        speaking.frames.clear();
        written.map_err(|error| {
            // Part of a frame may be out: whatever followed would be read as the rest of it.
            let reason = LineError::from(error);
            self.heard.ended(reason.clone());
            reason
        })
    }

    /// No code panics while it holds this lock.
    fn lock(&self) -> MutexGuard<'_, Speaking> {
        self.speaking.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What hearken still hears after `exiting`.
fn is_farewell(kind: Kind) -> bool {
    [Kind::Log, Kind::Status, Kind::Heartbeat, Kind::Metric, Kind::Event].contains(&kind)
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use hearken_proto::{Accepted, Handle};

    use super::*;

    #[test]
    fn what_is_held_back_goes_out_with_the_next_word() {
        let (line, mut supervisor) = UnixStream::pair().unwrap();
        supervisor.set_nonblocking(true).unwrap();
        let voice = Voice::new(line, Arc::default());
        let accepted = |handle| FromChild::Accepted(Accepted { handle: Handle(handle) });
        let mut heard = [0; 100];
        voice.hold(&accepted(1)).unwrap();
        assert!(supervisor.read(&mut heard).is_err(), "nothing is out");
        voice.set_max_frame(1);
        assert!(matches!(voice.hold(&accepted(2)), Err(LineError::TooLong { .. })));
        voice.set_max_frame(100);
        voice.say(&accepted(3)).unwrap();
        let length = supervisor.read(&mut heard).unwrap();
        let handles = heard[..length].chunks(15).map(|frame| frame[14]);
        assert_eq!(handles.collect::<Vec<_>>(), [1, 3], "in order, without the one refused");
        voice.flush().unwrap();
        assert!(supervisor.read(&mut heard).is_err(), "nothing is said twice");
    }
}
