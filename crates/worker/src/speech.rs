//! Where the messages go: over the line, or to people.

use std::os::unix::net::UnixStream;
use std::sync::Arc;

use hearken_proto::{Event, FromChild, Handle, Level, Log, Raw, ShortText};
use serde::Serialize;

use crate::console;
use crate::error::LineError;
use crate::failure::map;
use crate::voice::Voice;

#[derive(Debug, Clone)]
pub(crate) enum Speech {
    Line(Arc<Voice>, #[expect(dead_code, reason = "hangs up when dropped")] Arc<HangUp>),
    Console,
}

impl Speech {
    pub(crate) fn over(voice: Arc<Voice>, line: UnixStream) -> Self {
        Speech::Line(voice, Arc::new(HangUp(line)))
    }

    pub(crate) fn say(&self, message: &FromChild) -> Result<(), LineError> {
        match self {
            Speech::Line(voice, _) => voice.say(message),
            Speech::Console => {
                console::print(message);
                Ok(())
            }
        }
    }

    /// Logs a sentence with fields beside it, about a task if there is a handle.
    pub(crate) fn log<F: Serialize + ?Sized>(
        &self,
        handle: Option<Handle>,
        level: Level,
        message: ShortText,
        fields: &F,
    ) -> Result<(), LineError> {
        let fields = map(fields)?;
        self.say(&FromChild::Log(Log { handle, level, message, target: None, fields, time: None }))
    }

    /// Says that something happened, in a task if there is a handle.
    pub(crate) fn event<F: Serialize + ?Sized>(
        &self,
        handle: Option<Handle>,
        name: String,
        fields: &F,
    ) -> Result<(), LineError> {
        let fields = map(fields)?.unwrap_or_else(Raw::empty_map);
        self.say(&FromChild::Event(Event { handle, name, fields }))
    }
}

/// The ear has its own clone of the line: only a shutdown ends both.
#[derive(Debug)]
pub(crate) struct HangUp(UnixStream);

impl Drop for HangUp {
    fn drop(&mut self) {
        // It may have been closed from the other side.
        let _ = self.0.shutdown(std::net::Shutdown::Both);
    }
}
