//! The thread beside the work: it keeps the pulse, and reads the line whenever the work does not.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::desk::LOOK;
use crate::ear::Ear;
use crate::error::LineError;
use crate::heard::HeardSoFar;
use crate::voice::Voice;

pub(crate) struct Listener {
    voice: Arc<Voice>,
    heard: Arc<HeardSoFar>,
    /// When the next heartbeat is due, once hearken has said how often it wants one.
    due: Option<Instant>,
}

impl Listener {
    pub(crate) fn new(voice: Arc<Voice>, heard: Arc<HeardSoFar>) -> Self {
        Listener { voice, heard, due: None }
    }

    /// Listens until the line ends, and notes why it did.
    pub(crate) fn run(mut self, ear: Ear) {
        let Err(reason) = self.listen(ear);
        self.heard.ended(reason);
    }

    fn listen(&mut self, mut ear: Ear) -> Result<Infallible, LineError> {
        loop {
            self.beat()?;
            ear.listen(self.until_due(), &self.voice, &self.heard)?;
            ear = match self.heard.hand_over(ear) {
                Some(ear) => ear,
                None => self.look_in()?,
            };
        }
    }

    /// Waits for the ear while the worker reads for itself.
    fn look_in(&mut self) -> Result<Ear, LineError> {
        let mut begun = None;
        loop {
            self.beat()?;
            let timeout = self.until_due().map_or(LOOK, |due| due.min(LOOK));
            if let Some(ear) = self.heard.look(timeout, &mut begun)? {
                return Ok(ear);
            }
        }
    }

    fn until_due(&self) -> Option<Duration> {
        self.due.map(|due| due.saturating_duration_since(Instant::now()))
    }

    fn beat(&mut self) -> Result<(), LineError> {
        let Some(every) = self.heard.heartbeat_every() else {
            return Ok(());
        };
        let now = Instant::now();
        if self.due.is_some_and(|due| now < due) {
            return Ok(());
        }
        // From now on, not from when it was due: a process that was stopped need not catch up. The first one is due
        // an interval after the welcome.
        let is_first = self.due.replace(now + every).is_none();
        if is_first { Ok(()) } else { self.voice.heartbeat() }
    }
}
