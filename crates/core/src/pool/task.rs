//! A task as its pool knows it: everything but what is in it.

use super::queue::Ticket;
use super::worker::Recall;
use super::{TaskNext, Waiting};
use crate::identity::Token;
use crate::moment::Moment;
use crate::task::{BatchId, Counters, Priority, TaskId};
use std::sync::Arc;
use std::time::Duration;

/// Where a task is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Its time has not come.
    Delayed(Moment),
    /// It waits for a worker.
    Ready(Ticket),
    /// What it depends on is away.
    Paused,
    /// This slot has it.
    InHand(u32),
    /// Its try has ended, and that is not kept yet.
    Keeping,
}

#[derive(Debug)]
pub(super) struct Task {
    pub(super) priority: Priority,
    pub(super) fairness_key: Option<Arc<str>>,
    pub(super) kind: Option<Arc<str>>,
    pub(super) batch: Option<BatchId>,
    pub(super) expires: Moment,
    pub(super) counters: Counters,
    pub(super) first_try: Option<Moment>,
    pub(super) place: Place,
    /// The process that had better not have it again, and until when others are waited for.
    pub(super) avoid: Option<(Token, Moment)>,
    /// It is wanted back, as soon as the end of its try is kept.
    pub(super) recall: Option<Recall>,
}

impl Task {
    pub(super) fn new(waiting: Waiting) -> (TaskId, Self) {
        let task = Self {
            priority: waiting.priority,
            fairness_key: waiting.fairness_key,
            kind: waiting.kind,
            batch: waiting.batch,
            expires: waiting.expires,
            counters: waiting.counters,
            first_try: waiting.first_try,
            place: Place::Delayed(waiting.not_before),
            avoid: None,
            recall: None,
        };
        (waiting.id, task)
    }

    /// How long ago its first try began.
    pub(super) fn elapsed(&self, now: Moment) -> Duration {
        self.first_try.map_or(Duration::ZERO, |first| now.since(first))
    }
}

/// The end of a task that somebody wants back.
pub(super) fn taken_back(recall: Recall) -> TaskNext {
    match recall {
        Recall::Slow | Recall::Expired => TaskNext::Expired,
        Recall::Operator | Recall::Batch => TaskNext::Cancelled,
    }
}
