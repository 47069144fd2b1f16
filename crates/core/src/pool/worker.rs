//! One slot of a pool, and what the process in it holds.
//!
//! ```text
//!             start                 ready                 idle too long, recycled
//!   Down ──────────────▶ Starting ─────────▶ Ready ─────────────────────────────▶ Leaving
//!    ▲                      ▲                  │ crashed: the supervisor               │
//!    │                      └──────────────────┘ starts it again                       │
//!    └─────────────────────────────────────────────────────────────────────────────────┘
//! ```
//!
//! In exec mode a slot is Down between two tasks; it is started for one, and never Ready.

use super::{CancelReason, Clocks, Handle, RecycleCause};
use crate::identity::Token;
use crate::moment::Moment;
use crate::task::{Lease, TaskId};
use std::time::Duration;

/// How long a slot rests after a process that came to nothing; twice as long after the next.
const REST: Duration = Duration::from_secs(1);

/// The longest rest.
const REST_MOST: Duration = Duration::from_secs(60);

/// Where a slot stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Is {
    /// It has no process; `barred` if the pool must not ask for one.
    Down { barred: bool },
    /// It has one, or will have one, that takes no tasks yet.
    Starting,
    /// It takes tasks.
    Ready,
    /// It takes no more tasks; it is stopped as soon as it holds none.
    Draining,
    /// It is being stopped.
    Leaving,
}

/// How far a task has come on its worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// The store was asked for it.
    Claiming,
    /// It was sent.
    Sent,
    /// The worker works on it, since then.
    Accepted(Moment),
}

/// Why a task is being taken back from its worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Recall {
    /// The try takes too long.
    Slow,
    /// The task has taken too long altogether.
    Expired,
    /// Somebody wants it back.
    Operator,
    /// Its batch is over.
    Batch,
}

impl Recall {
    pub(super) fn reason(self) -> CancelReason {
        match self {
            Self::Slow | Self::Expired => CancelReason::Timeout,
            Self::Operator => CancelReason::Operator,
            Self::Batch => CancelReason::Batch,
        }
    }
}

/// A task in the hands of a worker.
#[derive(Debug, Clone, Copy)]
pub(super) struct Held {
    pub(super) task: TaskId,
    pub(super) lease: Lease,
    pub(super) handle: Handle,
    pub(super) stage: Stage,
    /// It is wanted back.
    pub(super) recall: Option<Recall>,
    /// When it is wanted back by itself.
    pub(super) soft_at: Moment,
    /// When its worker is killed for it.
    pub(super) kill_at: Moment,
    /// In exec mode: the worker put it off by so much, and still has to exit.
    pub(super) snoozed: Option<Duration>,
}

impl Held {
    pub(super) fn claiming(task: TaskId, lease: Lease) -> Self {
        Self {
            task,
            lease,
            handle: Handle(0),
            stage: Stage::Claiming,
            recall: None,
            soft_at: Moment::NEVER,
            kill_at: Moment::NEVER,
            snoozed: None,
        }
    }

    /// The worker begins: its clocks run.
    pub(super) fn accept(&mut self, now: Moment, clocks: &Clocks) {
        self.stage = Stage::Accepted(now);
        self.kill_at = self.kill_at.min(clocks.hard.map_or(Moment::NEVER, |hard| now + hard));
        if self.recall.is_none() {
            self.soft_at = clocks.cancel_after().map_or(Moment::NEVER, |soft| now + soft);
        }
    }

    /// Nothing more happens to it by itself.
    pub(super) fn stop_clocks(&mut self) {
        (self.soft_at, self.kill_at) = (Moment::NEVER, Moment::NEVER);
    }

    /// What it comes to if somebody wants it back for good.
    pub(super) fn wanted_back(&self) -> Option<Recall> {
        self.recall.filter(|recall| *recall != Recall::Slow)
    }

    pub(super) fn is_accepted(&self) -> bool {
        matches!(self.stage, Stage::Accepted(_))
    }

    /// How long the worker has worked on it.
    pub(super) fn worked(&self, now: Moment) -> Duration {
        match self.stage {
            Stage::Accepted(since) => now.since(since),
            Stage::Claiming | Stage::Sent => Duration::ZERO,
        }
    }
}

/// One slot of a pool.
#[derive(Debug)]
pub(super) struct Worker {
    pub(super) is: Is,
    pub(super) token: Option<Token>,
    /// How many tasks it takes at once.
    pub(super) credits: u32,
    /// In the order they were given.
    pub(super) held: Vec<Held>,
    last_handle: u32,
    /// How many tasks its process has done.
    pub(super) done: u32,
    /// After how many it is replaced.
    pub(super) done_most: u32,
    /// When it is replaced for its age.
    pub(super) old_at: Moment,
    /// Since when it could have begun with the first task it was sent: it was handed one when it had
    /// nothing to do, or said something of the one before.
    pub(super) stirred_at: Moment,
    /// Why it is to be replaced, once there is a slot for its successor.
    pub(super) replaced_for: Option<RecycleCause>,
    /// The slot that takes its place.
    pub(super) successor: Option<u32>,
    /// The pool had it stopped because it needs it no more: who ends so does not come back.
    pub(super) dismissed: bool,
    /// The pool has it killed. Nothing its process still says starts a clock.
    pub(super) killed: bool,
    /// A process was asked for, and has not been heard of yet.
    asked: bool,
    /// How many of its processes in a row came to nothing.
    fruitless: u32,
    /// No process is asked for here before.
    pub(super) rests_until: Moment,
    /// How the pool's indexes know it.
    pub(super) listed: Listed,
}

/// What the pool's indexes know of a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Listed {
    /// It counts as serving.
    pub(super) serves: bool,
    /// It can take a task, beside so many that it holds.
    pub(super) free: Option<usize>,
    /// It is ready and holds nothing, since then.
    pub(super) idle: Option<Moment>,
    /// It is to be looked at then.
    pub(super) rings_at: Moment,
    /// It is to be replaced, and has no successor yet.
    pub(super) leaves: Option<()>,
}

impl Listed {
    pub(super) const NOWHERE: Self =
        Self { serves: false, free: None, idle: None, rings_at: Moment::NEVER, leaves: None };
}

impl Worker {
    pub(super) fn new() -> Self {
        Self {
            is: Is::Down { barred: false },
            token: None,
            credits: 0,
            held: Vec::new(),
            last_handle: 0,
            done: 0,
            done_most: u32::MAX,
            old_at: Moment::NEVER,
            stirred_at: Moment::START,
            replaced_for: None,
            successor: None,
            dismissed: false,
            killed: false,
            asked: false,
            fruitless: 0,
            rests_until: Moment::START,
            listed: Listed::NOWHERE,
        }
    }

    /// A new process comes into the slot: nothing of the last one counts.
    pub(super) fn renew(&mut self, token: Token) {
        self.is = Is::Starting;
        self.token = Some(token);
        (self.credits, self.last_handle, self.done) = (0, 0, 0);
        (self.done_most, self.old_at) = (u32::MAX, Moment::NEVER);
        // If somebody came in its place meanwhile, there is one too many, and that is seen to.
        (self.replaced_for, self.successor) = (None, None);
        (self.dismissed, self.killed, self.asked) = (false, false, false);
    }

    /// A process is asked for.
    pub(super) fn ask(&mut self) {
        (self.is, self.asked) = (Is::Starting, true);
    }

    /// Its process has come to its end, and to nothing before it, or did what it was there for.
    pub(super) fn came_to(&mut self, nothing: bool) {
        self.fruitless = if nothing { self.fruitless.saturating_add(1) } else { 0 };
    }

    /// It has no process, and gets the next one not before it has rested, if the last ones came to
    /// nothing: so a program that leaves at once is not started as fast as it leaves.
    pub(super) fn lie_down(&mut self, now: Moment, barred: bool) {
        if std::mem::take(&mut self.asked) {
            self.came_to(true);
        }
        self.is = Is::Down { barred };
        (self.successor, self.replaced_for) = (None, None);
        (self.dismissed, self.killed) = (false, false);
        self.rests_until = match self.fruitless {
            0 => Moment::START,
            times => now + REST.saturating_mul(1 << (times - 1).min(30)).min(REST_MOST),
        };
    }

    /// Whether a process may be asked for here.
    pub(super) fn is_vacant(&self, now: Moment) -> bool {
        self.is == Is::Down { barred: false } && self.held.is_empty() && self.rests_until <= now
    }

    /// A number that this line has not seen.
    pub(super) fn next_handle(&mut self) -> Handle {
        self.last_handle = self.last_handle.wrapping_add(1);
        Handle(self.last_handle)
    }

    pub(super) fn position(&self, handle: Handle) -> Option<usize> {
        self.held.iter().position(|it| it.handle == handle && it.stage != Stage::Claiming)
    }

    /// Whether it can take one more task.
    pub(super) fn has_credit(&self) -> bool {
        self.is == Is::Ready && (self.held.len() as u64) < u64::from(self.credits)
    }

    /// Whether it counts as one that serves, now or soon: whoever is to be replaced does not, its
    /// successor does.
    pub(super) fn serves(&self) -> bool {
        matches!(self.is, Is::Starting | Is::Ready) && self.successor.is_none()
    }

    /// Whether it is to be replaced and nobody is on the way yet.
    pub(super) fn wants_successor(&self) -> bool {
        self.is == Is::Ready && self.replaced_for.is_some() && self.successor.is_none()
    }

    /// How many tasks were sent to it and have not ended.
    pub(super) fn in_hand(&self) -> usize {
        self.held.iter().filter(|it| it.stage != Stage::Claiming).count()
    }

    /// The task it should have begun by now, and by when: the first it was sent, counted from the
    /// moment it had nothing else to do. Who is being stopped owes no beginning, and in exec mode the
    /// start is one.
    pub(super) fn overdue(&self, accept: Duration) -> Option<(Moment, &Held)> {
        let works = matches!(self.is, Is::Ready | Is::Draining);
        if !works || self.held.iter().any(Held::is_accepted) {
            return None;
        }
        let first = self.held.iter().find(|it| it.stage == Stage::Sent)?;
        Some((self.stirred_at + accept, first))
    }

    /// When it wants to be looked at: for a task it holds, for its age, or because it has rested.
    pub(super) fn due(&self, accept: Duration) -> Moment {
        let held = self.held.iter().map(|it| it.soft_at.min(it.kill_at)).min();
        let overdue = self.overdue(accept).map(|(moment, _)| moment);
        let rests = self.is == Is::Down { barred: false } && self.rests_until != Moment::START;
        let rested = rests.then_some(self.rests_until);
        let due = held.into_iter().chain(overdue).chain(rested).chain([self.old_at]);
        due.min().unwrap_or(Moment::NEVER)
    }
}
