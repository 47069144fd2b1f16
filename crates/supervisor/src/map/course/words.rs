//! What goes into the course of a run, and what comes out of it.

use crate::map::finished::Finished;
use crate::map::halt::Halt;
use crate::map::input::Fed;
use crate::tasks::Told;
use bytes::Bytes;
use hearken_core::task::TaskId;
use std::sync::Arc;

/// What a run is to do, beside its inputs.
#[derive(Debug, Clone)]
pub(in crate::map) struct Terms {
    pub(in crate::map) halt: Halt,
    pub(in crate::map) ordered: bool,
    /// Inputs stand beside their results.
    pub(in crate::map) inputs: bool,
    /// The type of all tasks.
    pub(in crate::map) task_type: Option<Arc<str>>,
    /// Each input has a process of its own, whose output is its result.
    pub(in crate::map) programs: bool,
    /// Makes the ids of this run differ from those of others.
    pub(in crate::map) seed: u64,
}

/// Something that happened to a run.
#[derive(Debug)]
pub(in crate::map) enum Event {
    /// The reader has something.
    Fed(Fed),
    /// The pool tells of a task.
    Told(Told),
    /// A large result was fetched; `None`: it is gone.
    Fetched(TaskId, Option<Bytes>),
    /// Tasks were not taken.
    Refused(Vec<TaskId>, String),
    /// What was finished cannot be written any more.
    Lost(Loss),
    /// It is time that a first worker was ready.
    Waited,
    /// A signal asks for the end.
    Asked,
    /// The supervisor is gone.
    Gone,
}

/// Why results cannot be written any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::map) enum Loss {
    /// Nobody reads them: `| head`.
    Closed,
    /// Something else is wrong, in a sentence.
    Failed(String),
}

/// Something to be done.
#[derive(Debug, PartialEq)]
pub(in crate::map) enum Action {
    /// Get the large result of this task from the store.
    Fetch(TaskId),
    /// Nobody will ask for this task any more.
    Forget(TaskId),
    /// A result of so many bytes is held until it is written.
    Hold(usize),
    /// Write this.
    Write(Box<Finished>),
    /// Take this task back.
    Cancel(TaskId),
    /// Read no more inputs.
    StopReading,
    /// Say this to people.
    Say(String),
    /// Let the supervisor go, in order.
    ShutDown,
    /// Let it go at once.
    Kill,
}

/// Why a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::map) enum EndedBy {
    /// There was nothing left to do.
    Inputs,
    /// `--halt`; with whether that is what was wanted.
    Halted { wanted: bool },
    /// A signal.
    Interrupted,
    /// The inputs could not be read to their end.
    InputFailed(String),
    /// The results or the job log could not be written.
    Lost(Loss),
    /// The program cannot be run.
    PoolFailed(Arc<str>),
    /// The supervisor is gone, and nobody asked it to.
    Gone,
}

/// How a run stands, for people.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::map) struct Standing {
    pub(in crate::map) done: u64,
    /// How many inputs there are, once that is known.
    pub(in crate::map) total: Option<u64>,
    pub(in crate::map) running: u64,
    pub(in crate::map) retried: u64,
    pub(in crate::map) failed: u64,
    pub(in crate::map) skipped: u64,
    pub(in crate::map) last_failure: Option<Arc<str>>,
}
