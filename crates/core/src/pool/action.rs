//! What a pool is told, what it asks of the shell, and what it tells the world.

use crate::evidence::{Evidence, StopCause, TypedError};
use crate::identity::Token;
use crate::moment::Moment;
use crate::task::{Batch, BatchEnd, BatchId, Counters, Lease, Priority, TaskId};
use std::sync::Arc;
use std::time::Duration;

/// The number by which a line speaks of a task; never used twice on one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Handle(pub u32);

impl Handle {
    /// That of the only task a process has, in exec mode.
    pub const ONLY: Self = Self(1);
}

/// A task that waits, as the pool has to know it. Its payload stays in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Which task.
    pub id: TaskId,
    /// How soon it is dispatched.
    pub priority: Priority,
    /// Tasks of different keys take turns; those without one are a key of their own.
    pub fairness_key: Option<Arc<str>>,
    /// Its type, if it has one.
    pub kind: Option<Arc<str>>,
    /// The batch it belongs to.
    pub batch: Option<BatchId>,
    /// Not dispatched before.
    pub not_before: Moment,
    /// When its total clock runs out; [`Moment::NEVER`] if it has none.
    pub expires: Moment,
    /// How it was tried so far.
    pub counters: Counters,
    /// When its first try began, if one has.
    pub first_try: Option<Moment>,
}

/// What the shell tells a pool.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A batch that tasks belong to, with those counted that are told next. Told before its tasks;
    /// told again when it has grown, before those that came to it.
    Batch(BatchId, Batch),
    /// A task is on disk, and waits.
    Added(Waiting),
    /// Somebody wants this task back.
    Cancel(TaskId),
    /// Somebody wants the tasks of this batch back.
    CancelBatch(BatchId),
    /// The store gave this lease out: the task may be sent.
    Claimed(Lease),
    /// The store did not: the task is no longer there to be done.
    Gone(Lease),
    /// What was to be kept under this lease is kept, or dropped as stale.
    Kept(Lease),
    /// The store takes nothing for now; nothing is dispatched.
    StoreDown,
    /// The store takes commands again.
    StoreUp,
    /// Its unit runs from now on: slots may be started, whatever stood against that before.
    Opened,
    /// Its unit does not run: no slot is started.
    Shut,
    /// This slot has asked for a process.
    Spawning {
        /// Which slot.
        slot: u32,
        /// The process to be.
        token: Token,
    },
    /// The process runs.
    Started(Token),
    /// The worker takes so many tasks at once; may come again.
    Ready(Token, u32),
    /// The worker takes no more tasks; it wants to be replaced when it has done what it holds.
    Draining(Token),
    /// The worker uses so many bytes of memory.
    Memory(Token, u64),
    /// It began to work on this task.
    Accepted(Token, Handle),
    /// The task is done.
    Done(Token, Handle),
    /// The task failed, in the worker's words; with the name of what it depends on, if that is why.
    /// In exec mode, where the exit has the last word, it is the shell that says so: the program
    /// cannot be given its task, or what it wrote is no result.
    Failed(Token, Handle, TypedError, Option<Arc<str>>),
    /// The worker puts the task off.
    Snoozed(Token, Handle, Duration),
    /// The supervisor stops this slot: it gets no more tasks.
    Stopping(u32),
    /// The process of this slot has ended, was heard to its last word and judged; with what it
    /// held against something it depends on. (In exec mode this is the end of its task.)
    Ended(u32, Box<Evidence>, Option<Arc<str>>),
    /// The slot will not be started again by itself; or what runs there would not die, and was left
    /// behind.
    Down {
        /// Which slot.
        slot: u32,
        /// It is to be left alone until something else starts it: it failed for good, or somebody
        /// wants it down.
        barred: bool,
    },
    /// Everything is to end: nothing more is dispatched.
    Closing,
}

/// One thing for the shell to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Give out this lease; answer with `Claimed` or `Gone`.
    Claim {
        /// Of which task.
        task: TaskId,
        /// Under what name.
        lease: Lease,
        /// The number of this try for the worker, from 1.
        attempt: u32,
        /// The slot it is for.
        slot: u32,
    },
    /// Hand the claimed task over on the line of this worker.
    Send {
        /// To whom.
        token: Token,
        /// The name it has on the line.
        handle: Handle,
        /// Which.
        task: TaskId,
        /// Under which lease.
        lease: Lease,
        /// How it was tried so far.
        counters: Counters,
        /// How long it has to the cancel message.
        soft: Option<Duration>,
        /// How long it has to the kill.
        hard: Option<Duration>,
    },
    /// Start a process in this slot; in exec mode, for the task claimed for it, whose handle is
    /// [`Handle::ONLY`].
    Start {
        /// Which slot.
        slot: u32,
    },
    /// Stop the process of this slot.
    Stop {
        /// Which slot.
        slot: u32,
        /// Why.
        cause: StopCause,
        /// Without asking first.
        kill: bool,
    },
    /// Tell the worker to give this task up.
    Cancel {
        /// Which worker.
        token: Token,
        /// Which task.
        handle: Handle,
        /// Why.
        reason: CancelReason,
        /// How long it has.
        grace: Duration,
    },
    /// Keep what became of this try; answer with `Kept`.
    Keep {
        /// Of which task.
        task: TaskId,
        /// Under which lease.
        lease: Lease,
        /// What became of it.
        next: TaskNext,
        /// Its counters from now on.
        counters: Counters,
        /// Who decided.
        decided_by: TaskDecidedBy,
        /// What was wrong, if something was.
        error: Option<Box<TypedError>>,
        /// How long the try took, from its `accepted`.
        took: Duration,
        /// The slot that tried it.
        slot: u32,
    },
    /// Keep the end of a task that nobody has a lease of: cancelled, or expired.
    Drop {
        /// Which task.
        task: TaskId,
        /// What becomes of it.
        next: TaskNext,
    },
    /// Keep the end of this batch, and let its completion task go.
    EndBatch {
        /// Which batch.
        batch: BatchId,
        /// How it ended.
        end: BatchEnd,
    },
    /// Tell the worker that what it said about this task is kept: it may forget it.
    Ack {
        /// Which worker.
        token: Token,
        /// Which task.
        handle: Handle,
        /// What is kept.
        of: Said,
    },
    /// Tell the world.
    Report(Report),
}

/// What a worker's last word about a task was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    /// A result.
    Result,
    /// An error.
    Error,
    /// A snooze.
    Snooze,
}

/// Why a worker is told to give up a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CancelReason {
    /// Its soft clock, or its total clock, ran out.
    Timeout,
    /// Somebody wants it back.
    Operator,
    /// Its batch is over.
    Batch,
    /// Another may have it now.
    LeaseLost,
    /// The supervisor shuts down.
    Shutdown,
}

/// What becomes of a task after a try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskNext {
    /// Its result stands.
    Succeeded,
    /// It is tried again.
    Again {
        /// How long from now.
        delay: Duration,
        /// Not on the worker that had it, if there is another.
        elsewhere: bool,
    },
    /// It goes back as if it had not been handed out: the try was cut short by others.
    Released,
    /// It is given up, and kept with its history.
    Dead(DeadBy),
    /// It is given up and forgotten.
    Discarded,
    /// Somebody took it back.
    Cancelled,
    /// Its time is over.
    Expired,
}

impl TaskNext {
    /// Whether the task has ended.
    #[must_use]
    pub fn is_final(self) -> bool {
        match self {
            Self::Again { .. } | Self::Released => false,
            Self::Succeeded | Self::Dead(_) | Self::Discarded | Self::Cancelled | Self::Expired => {
                true
            }
        }
    }

    /// The name that stands in logs, in the store and in the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Again { .. } => "again",
            Self::Released => "released",
            Self::Dead(_) => "dead",
            Self::Discarded => "discarded",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
        }
    }
}

/// Why a task was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeadBy {
    /// A rule, the worker's hint or the table says that another try makes no sense.
    Verdict,
    /// It had all the tries there are.
    Ceiling(Ceiling),
}

/// A hard bound on going on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ceiling {
    /// `retry.attempts`.
    Attempts,
    /// `retry.crashes`.
    Crashes,
    /// `retry.snoozes`.
    Snoozes,
    /// `retry.max_elapsed`.
    Elapsed,
}

impl Ceiling {
    /// The name of its key in the config.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Attempts => "retry.attempts",
            Self::Crashes => "retry.crashes",
            Self::Snoozes => "retry.snoozes",
            Self::Elapsed => "retry.max_elapsed",
        }
    }
}

/// Whose voice decided about a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskDecidedBy {
    /// Somebody cancelled it.
    Operator,
    /// Its batch is over.
    Batch,
    /// The supervisor shuts down, or stopped its worker for another reason.
    Supervisor,
    /// One of its clocks ran out.
    Clock,
    /// A hard bound.
    Ceiling(Ceiling),
    /// The rule at this place of the pool's rules, from 0.
    Rule(u32),
    /// The worker's `retryable`.
    Hint,
    /// The table of kinds.
    Error,
    /// The worker: it returned a result, or put it off.
    Worker,
}

impl TaskDecidedBy {
    /// The name that stands in logs, in the store and in the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Batch => "batch",
            Self::Supervisor => "supervisor",
            Self::Clock => "clock",
            Self::Ceiling(ceiling) => ceiling.as_str(),
            Self::Rule(_) => "rule",
            Self::Hint => "error_hint",
            Self::Error => "error_kind",
            Self::Worker => "worker",
        }
    }
}

/// Something that happened, for the logs. (What became of a try is told by [`Action::Keep`].)
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    /// The pool grows, because a task waited.
    Growing {
        /// To how many workers.
        to: u32,
        /// How long the oldest task has waited.
        waited: Duration,
    },
    /// The pool shrinks, because a worker was idle.
    Shrinking {
        /// To how many workers.
        to: u32,
    },
    /// A worker is to be replaced although nothing is wrong with it.
    Recycling {
        /// In which slot.
        slot: u32,
        /// Why.
        because: RecycleCause,
        /// The slot of the one that takes its place.
        successor: u32,
    },
    /// Tasks are held because what they depend on is away.
    DependencyPaused {
        /// Its name.
        dependency: Arc<str>,
        /// How long until one of them is tried.
        length: Duration,
    },
    /// A task found what it depends on back: those held go on.
    DependencyBack {
        /// Its name.
        dependency: Arc<str>,
        /// How many go on.
        tasks: usize,
    },
    /// Retries wait: too many for the tasks that are tried for the first time.
    RetryBudgetSpent,
    /// A worker took too long to begin with a task.
    NotAccepted {
        /// In which slot.
        slot: u32,
        /// Which task.
        task: TaskId,
        /// How long it was waited for.
        after: Duration,
    },
    /// A worker was told to give a task up.
    Cancelling {
        /// In which slot.
        slot: u32,
        /// Which task.
        task: TaskId,
        /// Why.
        reason: CancelReason,
    },
    /// A worker is killed: it did not give a task up in time.
    Overrun {
        /// In which slot.
        slot: u32,
        /// Which task.
        task: TaskId,
        /// How long it worked on it.
        after: Duration,
    },
    /// A worker spoke of a task it does not hold.
    Stale {
        /// In which slot.
        slot: u32,
        /// The handle it named.
        handle: Handle,
    },
}

/// Why a worker is replaced although nothing is wrong with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecycleCause {
    /// It did as many tasks as one may.
    Tasks(u32),
    /// It uses as much memory as one may, in bytes.
    Memory(u64),
    /// It is as old as one may be.
    Age(Duration),
    /// It asked for it.
    Asked,
}

impl RecycleCause {
    /// The name that stands in logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tasks(_) => "tasks",
            Self::Memory(_) => "memory",
            Self::Age(_) => "age",
            Self::Asked => "asked",
        }
    }
}
