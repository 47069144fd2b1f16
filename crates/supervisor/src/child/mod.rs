//! Everything the supervisor does for one child while it lives: its line, its two outputs, and its
//! readiness descriptor.
//!
//! ```text
//!   line   ─▶ LineCodec ─▶ decode ─▶ Session ─▶ log events, and words for the core
//!   stdout ─▶ Splitter ─▶ log events          (dropped and counted when nobody takes them)
//!         or  Capture ─▶ the loop             (the result of a task: nothing is ever dropped)
//!   stderr ─▶ Splitter ─▶ log events
//!   newline ─▶ ready                          (where the config asks for it)
//! ```
//!
//! One task a child ([`tend`]). It decides nothing: what bears on the child's fate goes to the
//! core as a [`Word`], everything else ends in the log.

mod capture;
mod coalesce;
mod codec;
mod hear;
mod line;
mod output;
mod readiness;
mod signs;
mod splitter;
mod tail;
mod tend;

pub(crate) use capture::Portion;
pub(crate) use signs::Signs;
pub(crate) use tend::{Ends, Manner, Order, StandardOutput, Tended, Work, tend};

use hearken_core::evidence::Said;
use hearken_core::identity::Token;
use hearken_proto::{Checkpoint, Chunk, ErrorMessage, Handle, Log, Progress, Snooze, TaskResult};
use hearken_sys::Pid;
use std::sync::Arc;

/// Whose child it is.
#[derive(Debug, Clone)]
pub(crate) struct Who {
    /// The unit's name.
    pub(crate) unit: Arc<str>,
    /// The slot in the unit.
    pub(crate) instance: u32,
    /// The how-manieth process of the slot.
    pub(crate) incarnation: u32,
}

/// Something a child's task has to tell.
#[derive(Debug)]
pub(crate) struct Heard {
    /// Which child.
    pub(crate) token: Token,
    /// What.
    pub(crate) word: Word,
}

/// What a child's task has to tell.
#[derive(Debug)]
pub(crate) enum Word {
    /// The child said something that bears on its fate.
    Said(Said),
    /// The main process it named, of this number, has ended.
    MainEnded(Pid),
    /// More of its result came on standard output.
    Output(Portion),
    /// All that it wrote itself to its standard output has come. Told at the end of the pipe, or
    /// after [`Order::Ended`] where a descendant still holds that; no later than `Drained`.
    OutputWhole,
    /// The child broke the protocol, by this; its line is closed.
    Violated(Box<str>),
    /// The line is at its end, in good order.
    LineClosed,
    /// Line and outputs are at their end: there is nothing more to hear. With the last lines of
    /// standard error.
    Drained(Box<[Box<str>]>),
    /// It said something about tasks.
    Task(TaskWord),
}

/// What a worker said about tasks.
#[derive(Debug)]
pub(crate) enum TaskWord {
    /// It is ready, and takes so many at once.
    Ready(u16),
    /// It takes no more.
    Draining,
    /// It uses so many bytes of memory.
    Memory(u64),
    /// It began with this one.
    Accepted(Handle),
    /// How far this one is.
    Progress(Handle, Box<Progress>),
    /// A word about this one.
    Log(Handle, Box<Log>),
    /// A piece of a result.
    Chunk(Box<Chunk>),
    /// What another try may go on from.
    Checkpoint(Box<Checkpoint>),
    /// This one is done.
    Done(Box<TaskResult>),
    /// This one failed.
    Failed(Handle, Box<ErrorMessage>),
    /// This one is put off.
    Snoozed(Box<Snooze>),
}
