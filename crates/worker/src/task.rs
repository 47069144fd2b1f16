//! The task in a handler's hands.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use hearken_proto::{
    CancelReason, Checkpoint, ErrorMessage, FromChild, Level, Metric, Progress, Raw, ShortText,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::LineError;
use crate::failure::WorkerError;
use crate::worker::Worker;

/// A piece of work, and what can be said about it while it is done. Usable from every thread.
#[derive(Debug)]
pub struct Task {
    message: Box<hearken_proto::Task>,
    accepted: Instant,
    checkpoints: AtomicU32,
    worker: Worker,
}

impl Task {
    pub(crate) fn new(message: Box<hearken_proto::Task>, worker: Worker) -> Self {
        Task { message, accepted: Instant::now(), checkpoints: AtomicU32::new(0), worker }
    }

    /// What it is called everywhere, through all its attempts.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.message.id
    }

    /// What to do with the payload, if the submitter said so.
    #[must_use]
    pub fn task_type(&self) -> Option<&str> {
        self.message.task_type.as_deref()
    }

    /// The payload as a type of one's own.
    ///
    /// # Errors
    ///
    /// `invalid` with the code `task.payload` if it is something else: another try would not help.
    pub fn payload<T: DeserializeOwned>(&self) -> Result<T, WorkerError> {
        let payload = self.message.payload.decode();
        payload.map_err(|error| WorkerError::invalid("task.payload", error))
    }

    /// The payload as it came.
    #[must_use]
    pub fn raw_payload(&self) -> &Raw {
        &self.message.payload
    }

    /// The media type of the payload, if the submitter said one.
    #[must_use]
    pub fn content_type(&self) -> Option<&str> {
        self.message.content_type.as_deref()
    }

    /// The how-manieth attempt this is, from 1.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.message.attempt
    }

    /// How many attempts before ended in a crash.
    #[must_use]
    pub fn crashes(&self) -> u32 {
        self.message.crashes
    }

    /// The key by which the submitter wants work to be done once: its own if it gave one, else the
    /// [`id`](Self::id). The same for every attempt.
    #[must_use]
    pub fn key(&self) -> &str {
        self.message.key.as_deref().unwrap_or(&self.message.id)
    }

    /// Whatever the submitter attached, a map.
    #[must_use]
    pub fn headers(&self) -> Option<&Raw> {
        self.message.headers.as_ref()
    }

    /// The W3C trace context.
    #[must_use]
    pub fn traceparent(&self) -> Option<&str> {
        self.message.traceparent.as_deref()
    }

    /// The batch it belongs to.
    #[must_use]
    pub fn batch(&self) -> Option<&str> {
        self.message.batch.as_deref()
    }

    /// The last [`checkpoint`](Self::checkpoint) of an earlier attempt, to go on from.
    #[must_use]
    pub fn last_checkpoint(&self) -> Option<&[u8]> {
        self.message.checkpoint.as_deref()
    }

    /// How the last attempt ended.
    #[must_use]
    pub fn last_error(&self) -> Option<&ErrorMessage> {
        self.message.last_error.as_ref()
    }

    /// When hearken will ask for it to be given up.
    #[must_use]
    pub fn soft_deadline(&self) -> Option<Instant> {
        self.after(self.message.soft_ms)
    }

    /// When hearken will kill this program over it.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.after(self.message.hard_ms)
    }

    /// How long it is until the [`deadline`](Self::deadline); zero when that has passed.
    #[must_use]
    pub fn time_left(&self) -> Option<Duration> {
        Some(self.deadline()?.saturating_duration_since(Instant::now()))
    }

    /// Nothing if the clock does not reach so far.
    fn after(&self, milliseconds: Option<u64>) -> Option<Instant> {
        self.accepted.checked_add(Duration::from_millis(milliseconds?))
    }

    /// Why the task should be given up, if hearken has said so. It takes up to 20 ms to be heard.
    #[must_use]
    pub fn cancelled(&self) -> Option<CancelReason> {
        self.worker.heard().cancelled(self.message.handle)
    }

    /// A way out of a loop: `task.check()?` goes on unless the task has been cancelled.
    ///
    /// # Errors
    ///
    /// `cancelled` with the code `task.cancelled`; or why nobody would hear of a result: see [`LineError`].
    pub fn check(&self) -> Result<(), WorkerError> {
        self.worker.heard().end()?;
        let Some(reason) = self.cancelled() else {
            return Ok(());
        };
        let why = match reason {
            CancelReason::Timeout => "its time is up",
            CancelReason::Operator => "an operator asked for it",
            CancelReason::Batch => "its batch was cancelled",
            CancelReason::LeaseLost => "another supervisor has taken it over",
            CancelReason::Shutdown => "hearken is shutting down",
        };
        Err(WorkerError::cancelled("task.cancelled", why))
    }

    /// Says how far it is.
    ///
    /// # Errors
    ///
    /// [`LineError`], as of everything that is said.
    pub fn progress(&self, progress: Progress) -> Result<(), LineError> {
        let handle = Some(self.message.handle);
        self.worker.speech().say(&FromChild::Progress(Progress { handle, ..progress }))
    }

    /// Logs a sentence with fields beside it: a struct, a map with words for keys, or `&()` for none. It is kept with
    /// the task.
    ///
    /// # Errors
    ///
    /// [`LineError::NotAMap`] for other fields, and [`LineError`] as of everything that is said.
    pub fn log<F: Serialize + ?Sized>(
        &self,
        level: Level,
        message: impl Into<ShortText>,
        fields: &F,
    ) -> Result<(), LineError> {
        self.worker.speech().log(Some(self.message.handle), level, message.into(), fields)
    }

    /// Says that something happened which a program may want to know. Fields as of [`log`](Self::log).
    ///
    /// # Errors
    ///
    /// [`LineError::NotAMap`] for other fields, and [`LineError`] as of everything that is said.
    pub fn event<F: Serialize + ?Sized>(
        &self,
        name: impl Into<String>,
        fields: &F,
    ) -> Result<(), LineError> {
        self.worker.speech().event(Some(self.message.handle), name.into(), fields)
    }

    /// Counts or measures something.
    ///
    /// # Errors
    ///
    /// [`LineError`], as of everything that is said; a value that is not finite cannot be sent.
    pub fn metric(&self, metric: Metric) -> Result<(), LineError> {
        self.worker.metric(metric)
    }

    /// Saves something to go on from: at most 64 KiB, in a form of your own. The next attempt finds the last one in
    /// [`last_checkpoint`](Self::last_checkpoint).
    ///
    /// # Errors
    ///
    /// [`LineError::NotSendable`] if it is longer, and [`LineError`] as of everything that is said.
    pub fn checkpoint(&self, data: impl Into<Vec<u8>>) -> Result<(), LineError> {
        let sequence = self.checkpoints.fetch_add(1, Ordering::Relaxed);
        let (handle, data) = (self.message.handle, data.into());
        self.worker.speech().say(&FromChild::Checkpoint(Checkpoint { handle, sequence, data }))
    }
}
