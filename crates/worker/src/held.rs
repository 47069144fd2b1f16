//! The tasks this worker holds: those that wait, the one that runs, and the answers nobody has acknowledged yet.
//!
//! ```text
//!   task ──▶ waiting ──▶ running ──▶ unacknowledged ──▶ forgotten
//!              │ begin      answer  ▲    ack
//!              └────────────────────┘
//!                cancelled, handed back
//! ```

use std::collections::{BTreeMap, VecDeque};

use hearken_proto::{Ack, Acked, Cancel, CancelReason, Handle, Task};

use crate::error::LineError;

/// How many answers may wait for their `ack`, some megabytes of them. hearken acknowledges what its disk has, and without
/// its disk it hands out nothing either; so far behind is only one that never does.
const MOST_UNACKNOWLEDGED: usize = 1 << 18;

#[derive(Debug)]
pub(crate) struct Held {
    /// How many may wait or run at once.
    credits: usize,
    waiting: VecDeque<Box<Task>>,
    running: Option<Running>,
    /// By handle, which message is to be acknowledged. It grows by tasks alone, which `take` bounds.
    unacknowledged: BTreeMap<Handle, Acked>,
}

#[derive(Debug)]
struct Running {
    handle: Handle,
    cancelled: Option<CancelReason>,
}

impl Held {
    pub(crate) fn new(credits: u16) -> Self {
        Held {
            credits: credits.into(),
            waiting: VecDeque::new(),
            running: None,
            unacknowledged: BTreeMap::new(),
        }
    }

    /// Takes a task in. `false` if it is one more than there are credits for: what waits must not grow by the wish
    /// of the other side.
    ///
    /// # Errors
    ///
    /// A handle that is in use: whatever is said about it could be about either task. And one more task while
    /// hundreds of thousands of answers are not acknowledged: what waits for that must not grow without a bound.
    pub(crate) fn take(&mut self, task: Box<Task>) -> Result<bool, LineError> {
        let handle = task.handle;
        if self.holds(handle) || self.unacknowledged.contains_key(&handle) {
            return Err(LineError::HandleReused { handle });
        }
        if self.unacknowledged.len() >= MOST_UNACKNOWLEDGED {
            return Err(LineError::NotAcknowledged { answers: self.unacknowledged.len() });
        }
        let has_room = self.waiting.len() + usize::from(self.running.is_some()) < self.credits;
        if has_room {
            self.waiting.push_back(task);
        }
        Ok(has_room)
    }

    fn holds(&self, handle: Handle) -> bool {
        self.running.as_ref().is_some_and(|running| running.handle == handle)
            || self.waiting.iter().any(|task| task.handle == handle)
    }

    /// Takes the oldest task out of those that wait; it runs from here on.
    pub(crate) fn begin(&mut self) -> Option<Box<Task>> {
        let task = self.waiting.pop_front()?;
        self.running = Some(Running { handle: task.handle, cancelled: None });
        Some(task)
    }

    /// Notes a cancellation. Gives whether the task had not begun: it is out now and must be answered.
    pub(crate) fn cancel(&mut self, cancel: &Cancel) -> bool {
        let waiting = self.waiting.len();
        self.waiting.retain(|task| task.handle != cancel.handle);
        if let Some(running) = self.running.as_mut().filter(|it| it.handle == cancel.handle) {
            running.cancelled.get_or_insert(cancel.reason);
        }
        self.waiting.len() < waiting
    }

    /// Why the task that runs should stop, if it should.
    pub(crate) fn cancelled(&self, handle: Handle) -> Option<CancelReason> {
        self.running.as_ref().filter(|running| running.handle == handle)?.cancelled
    }

    /// Takes out all that have not begun.
    pub(crate) fn give_up_waiting(&mut self) -> Vec<Handle> {
        self.waiting.drain(..).map(|task| task.handle).collect()
    }

    /// Notes that an answer is about to be said. Before it is: its `ack` must not come first.
    pub(crate) fn answering(&mut self, handle: Handle, with: Acked) {
        if self.running.as_ref().is_some_and(|running| running.handle == handle) {
            self.running = None;
        }
        self.unacknowledged.insert(handle, with);
    }

    /// Forgets an answer. An `ack` of anything else is stale, or of a checkpoint, and means nothing here.
    pub(crate) fn acknowledged(&mut self, ack: &Ack) {
        if self.unacknowledged.get(&ack.handle) == Some(&ack.of) {
            self.unacknowledged.remove(&ack.handle);
        }
    }

    pub(crate) fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Whether every answer has been acknowledged.
    pub(crate) fn is_acknowledged(&self) -> bool {
        self.unacknowledged.is_empty()
    }

    /// The tasks without an answer: the one that runs first.
    pub(crate) fn handles(&self) -> Vec<Handle> {
        let running = self.running.iter().map(|running| running.handle);
        running.chain(self.waiting.iter().map(|task| task.handle)).collect()
    }
}

#[cfg(test)]
mod tests {
    use hearken_proto::Raw;

    use super::*;

    fn task(handle: u32) -> Box<Task> {
        Box::new(Task {
            handle: Handle(handle),
            id: handle.to_string(),
            task_type: None,
            attempt: 1,
            crashes: 0,
            payload: Raw::nil(),
            content_type: None,
            soft_ms: None,
            hard_ms: None,
            key: None,
            headers: None,
            traceparent: None,
            checkpoint: None,
            last_error: None,
            batch: None,
        })
    }

    fn cancel(handle: u32) -> Cancel {
        Cancel { handle: Handle(handle), reason: CancelReason::Operator, grace_ms: 0 }
    }

    #[test]
    fn no_more_is_held_than_there_are_credits_for() {
        let mut held = Held::new(2);
        assert!(held.take(task(1)).unwrap());
        assert!(held.begin().is_some());
        assert!(held.take(task(2)).unwrap());
        assert!(!held.take(task(3)).unwrap());
        assert_eq!(held.handles(), [Handle(1), Handle(2)]);
        held.answering(Handle(1), Acked::Result);
        assert!(held.take(task(3)).unwrap());
    }

    #[test]
    fn a_handle_in_use_is_refused_until_its_answer_is_acknowledged() {
        let mut held = Held::new(9);
        let reused = |held: &mut Held| {
            matches!(held.take(task(1)), Err(LineError::HandleReused { handle: Handle(1) }))
        };
        held.take(task(1)).unwrap();
        assert!(reused(&mut held), "waiting");
        held.begin();
        assert!(reused(&mut held), "running");
        held.answering(Handle(1), Acked::Error);
        assert!(reused(&mut held), "unacknowledged");
        held.acknowledged(&Ack { handle: Handle(1), of: Acked::Result });
        assert!(!held.is_acknowledged(), "an ack of another message");
        held.acknowledged(&Ack { handle: Handle(1), of: Acked::Error });
        assert!(held.is_acknowledged());
    }

    #[test]
    fn a_supervisor_that_never_acknowledges_gets_no_further_task_done() {
        let mut held = Held::new(1);
        let most = u32::try_from(MOST_UNACKNOWLEDGED).unwrap();
        for handle in 0..most {
            assert!(held.take(task(handle)).is_ok());
            held.begin();
            held.answering(Handle(handle), Acked::Result);
        }
        let refused = held.take(task(most));
        assert!(
            matches!(refused, Err(LineError::NotAcknowledged { answers: MOST_UNACKNOWLEDGED })),
            "{refused:?}"
        );
        held.acknowledged(&Ack { handle: Handle(7), of: Acked::Result });
        assert!(held.take(task(most)).unwrap());
    }

    #[test]
    fn a_cancellation_finds_a_task_where_it_is() {
        let mut held = Held::new(9);
        held.take(task(1)).unwrap();
        held.take(task(2)).unwrap();
        held.begin();
        assert!(!held.cancel(&cancel(1)), "it runs, and answers for itself");
        assert_eq!(held.cancelled(Handle(1)), Some(CancelReason::Operator));
        assert!(held.cancel(&cancel(2)), "it waited, and is out");
        assert!(!held.cancel(&cancel(2)), "it is stale");
        assert!(!held.has_waiting());
    }
}
