//! The writing half of the line: one message at a time, whole or not at all.

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::BytesMut;
use hearken_proto::{
    FromChild, HEAD_LENGTH, Heartbeat, Kind, MAX_FRAME_BEFORE_WELCOME, Message, encode_frame,
};

use crate::error::LineError;
use crate::heard::HeardSoFar;

/// Says messages, from whatever thread.
#[derive(Debug)]
pub(crate) struct Voice {
    speaking: Mutex<Speaking>,
    heard: Arc<HeardSoFar>,
}

#[derive(Debug)]
struct Speaking {
    line: UnixStream,
    /// Kept between messages, so that a steady flow of progress allocates nothing.
    frame: BytesMut,
    max_frame: u32,
    heartbeats: u64,
    said_exiting: bool,
}

impl Voice {
    pub(crate) fn new(line: UnixStream, heard: Arc<HeardSoFar>) -> Self {
        let speaking = Speaking {
            line,
            frame: BytesMut::new(),
            max_frame: MAX_FRAME_BEFORE_WELCOME,
            heartbeats: 0,
            said_exiting: false,
        };
        Voice { speaking: Mutex::new(speaking), heard }
    }

    pub(crate) fn say(&self, message: &FromChild) -> Result<(), LineError> {
        self.say_with(&mut self.lock(), message)
    }

    /// A heartbeat of the next sequence number.
    pub(crate) fn heartbeat(&self) -> Result<(), LineError> {
        let mut speaking = self.lock();
        speaking.heartbeats += 1;
        let sequence = speaking.heartbeats;
        let heartbeat = Heartbeat { sequence, busy: None, memory: None };
        self.say_with(&mut speaking, &FromChild::Heartbeat(heartbeat))
    }

    pub(crate) fn set_max_frame(&self, max_frame: u32) {
        self.lock().max_frame = max_frame;
    }

    fn say_with(&self, speaking: &mut Speaking, message: &FromChild) -> Result<(), LineError> {
        if let Some(reason) = self.heard.end() {
            return Err(reason);
        }
        let kind = message.kind();
        // hearken would end the line over it; better an error where the mistake was made.
        if speaking.said_exiting && !is_farewell(kind) {
            return Err(LineError::AfterExiting { said: kind });
        }
        speaking.frame.clear();
        encode_frame(message, &mut speaking.frame)?;
        let length = speaking.frame.len() - HEAD_LENGTH;
        if length > speaking.max_frame as usize {
            return Err(LineError::TooLong { length, max: speaking.max_frame });
        }
        if let Err(error) = speaking.line.write_all(&speaking.frame) {
            // Part of the frame may be out: whatever followed would be read as the rest of it.
            let reason = LineError::from(error);
            self.heard.ended(reason.clone());
            return Err(reason);
        }
        speaking.said_exiting |= kind == Kind::Exiting;
        Ok(())
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
