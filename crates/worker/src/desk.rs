//! Where the thread that works and the listener meet: tasks are laid down and taken up here, and so is the ear.
//!
//! Reading the line from one thread and working in another would cost every task two thread switches. So the ear goes
//! from hand to hand:
//!
//! ```text
//!               a task has come, and the worker is idle
//!      listener ───────────────────────────────▶ desk ──▶ worker, which reads for itself between two tasks
//!         ▲                                       │ ▲         │
//!         └───────────────────────────────────────┘ └─────────┘
//!           the worker is idle, or the same task        a task begins, or nothing came for a while
//!           runs at two looks in a row
//! ```
//!
//! Tasks that follow closely on one another are read, run and answered by one thread. The listener only looks in now
//! and then; it reads while a task takes long, and while there is nothing to do, so that cancellations, pings and
//! SIGTERM never wait for a handler, and an idle program is never woken.

use std::sync::PoisonError;
use std::time::Duration;

use hearken_proto::{Ack, Acked, Cancel, CancelReason, Handle, Task};

use crate::ear::Ear;
use crate::error::LineError;
use crate::heard::{HeardSoFar, Said};
use crate::held::Held;
use crate::voice::Voice;

/// How long the worker listens for the next task before it leaves the ear to the listener, and how often the listener
/// looks in meanwhile. A cancellation waits for at most two looks.
pub(crate) const LOOK: Duration = Duration::from_millis(10);

#[derive(Debug, Default)]
pub(crate) struct Desk {
    /// Nothing for a service, which takes no tasks.
    held: Option<Held>,
    /// Lies here while nobody reads.
    ear: Option<Ear>,
    /// The worker waits to be woken, and leaves the ear to the listener.
    is_idle: bool,
    /// The worker has asked to be replaced, and begins nothing more.
    is_broken: bool,
    /// Counts the tasks that were begun: the same number twice means the same task.
    begun: u64,
}

impl Desk {
    /// A desk that takes tasks, at most `credits` of them.
    pub(crate) fn for_tasks(credits: u16) -> Self {
        Desk { held: Some(Held::new(credits)), ..Desk::default() }
    }

    pub(crate) fn handles(&self) -> Option<Vec<Handle>> {
        self.held.as_ref().map(Held::handles)
    }

    fn has_waiting(&self) -> bool {
        self.held.as_ref().is_some_and(Held::has_waiting)
    }

    fn is_acknowledged(&self) -> bool {
        self.held.as_ref().is_none_or(Held::is_acknowledged)
    }
}

/// What became of a task that has come.
pub(crate) enum Taken {
    /// It waits for its turn.
    Held,
    /// A service takes none.
    Refused,
    /// It is not for this worker, or not now.
    HandedBack { reason: &'static str },
}

/// What the worker does next.
enum Turn {
    Run(Box<Task>),
    Listen(Ear),
    Wait,
    Finish,
}

/// For whoever reads the line.
impl HeardSoFar {
    pub(crate) fn take(&self, task: Box<Task>) -> Result<Taken, LineError> {
        let mut said = self.lock();
        let is_draining = said.is_draining();
        let is_broken = said.desk.is_broken;
        let Some(held) = &mut said.desk.held else {
            return Ok(Taken::Refused);
        };
        Ok(if is_draining {
            Taken::HandedBack { reason: "this worker is draining" }
        } else if is_broken {
            Taken::HandedBack { reason: "this worker is broken" }
        } else if held.take(task)? {
            Taken::Held
        } else {
            Taken::HandedBack { reason: "this worker has no credit left" }
        })
    }

    /// Gives whether the task had not begun and must be answered now.
    pub(crate) fn cancel(&self, cancel: &Cancel) -> bool {
        self.lock().desk.held.as_mut().is_some_and(|held| held.cancel(cancel))
    }

    pub(crate) fn acknowledged(&self, ack: &Ack) {
        let mut said = self.lock();
        if let Some(held) = &mut said.desk.held {
            held.acknowledged(ack);
        }
        // Only the end of a drain waits for it.
        if said.desk.is_idle && said.is_draining() {
            self.changed.notify_all();
        }
    }
}

/// For the listener.
impl HeardSoFar {
    /// Leaves the ear to the worker if it waits and there is something to do; else gives it back.
    pub(crate) fn hand_over(&self, ear: Ear) -> Option<Ear> {
        let mut said = self.lock();
        if !(said.desk.is_idle && said.desk.has_waiting()) {
            return Some(ear);
        }
        said.desk.ear = Some(ear);
        // Or the listener, which is awake already, would be the first to find the ear.
        said.desk.is_idle = false;
        drop(said);
        self.changed.notify_all();
        None
    }

    /// Waits for at most `timeout` until something has changed, and takes the ear if it lies there and the worker
    /// has not `begun` another task since the last look.
    pub(crate) fn look(
        &self,
        timeout: Duration,
        begun: &mut Option<u64>,
    ) -> Result<Option<Ear>, LineError> {
        let said = self.lock();
        let is_ours = |said: &Said| said.desk.is_idle && said.desk.ear.is_some();
        let waited = self
            .changed
            .wait_timeout_while(said, timeout, |said| said.end().is_ok() && !is_ours(said));
        let (mut said, _) = waited.unwrap_or_else(PoisonError::into_inner);
        said.end()?;
        let before = begun.replace(said.desk.begun);
        if is_ours(&said) || before == *begun { Ok(said.desk.ear.take()) } else { Ok(None) }
    }
}

/// For the worker.
impl HeardSoFar {
    /// The next task; nothing when a drain has come and none is left. What was held back is said before it waits.
    ///
    /// # Errors
    ///
    /// Why the line has ended. Tasks that were not begun then are not: nobody would hear of them.
    pub(crate) fn next(&self, voice: &Voice) -> Result<Option<Box<Task>>, LineError> {
        loop {
            match self.turn()? {
                Turn::Run(task) => return Ok(Some(task)),
                Turn::Finish => return Ok(None),
                Turn::Listen(ear) => self.listen(ear, voice)?,
                Turn::Wait => {
                    voice.flush()?;
                    self.wait_for_work();
                }
            }
        }
    }

    fn turn(&self) -> Result<Turn, LineError> {
        let mut said = self.lock();
        said.end()?;
        let is_draining = said.is_draining();
        let desk = &mut said.desk;
        if let Some(task) = desk.held.as_mut().and_then(Held::begin) {
            desk.is_idle = false;
            desk.begun += 1;
            return Ok(Turn::Run(task));
        }
        if is_draining {
            return Ok(Turn::Finish);
        }
        if desk.is_idle {
            return Ok(Turn::Wait);
        }
        Ok(desk.ear.take().map_or(Turn::Wait, Turn::Listen))
    }

    fn listen(&self, mut ear: Ear, voice: &Voice) -> Result<(), LineError> {
        let listened = voice.flush().and_then(|()| ear.listen(Some(LOOK), voice, self));
        let has_come = listened.inspect_err(|reason| self.ended(reason.clone()))?;
        let mut said = self.lock();
        said.desk.ear = Some(ear);
        if !has_come {
            said.desk.is_idle = true;
            drop(said);
            self.changed.notify_all();
        }
        Ok(())
    }

    fn wait_for_work(&self) {
        let mut said = self.lock();
        said.desk.is_idle = true;
        let waited =
            self.changed.wait_while(said, |said| !said.is_draining() && !said.desk.has_waiting());
        drop(waited);
    }

    /// Why the task should stop, if it should.
    pub(crate) fn cancelled(&self, handle: Handle) -> Option<CancelReason> {
        self.lock().desk.held.as_ref()?.cancelled(handle)
    }

    /// Notes that an answer is about to be said.
    pub(crate) fn answering(&self, handle: Handle, with: Acked) {
        if let Some(held) = &mut self.lock().desk.held {
            held.answering(handle, with);
        }
    }

    /// Nothing more is begun here. Gives the tasks that were not.
    pub(crate) fn broken(&self) -> Vec<Handle> {
        let mut said = self.lock();
        said.desk.is_broken = true;
        said.desk.held.as_mut().map(Held::give_up_waiting).unwrap_or_default()
    }

    /// Waits until every answer has been acknowledged, or the time for the drain is over.
    ///
    /// # Errors
    ///
    /// Why the line ended instead.
    pub(crate) fn wait_for_acknowledgement(&self) -> Result<(), LineError> {
        let mut said = self.lock();
        // The listener reads from here on.
        said.desk.is_idle = true;
        self.changed.notify_all();
        while said.end().is_ok() && !said.desk.is_acknowledged() {
            // Asked for again each time: a drain behind SIGTERM may give more.
            said = match said.time_left() {
                Some(Duration::ZERO) => break,
                Some(left) => {
                    let waited = self.changed.wait_timeout(said, left);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.changed.wait(said).unwrap_or_else(PoisonError::into_inner),
            };
        }
        said.end()
    }
}
