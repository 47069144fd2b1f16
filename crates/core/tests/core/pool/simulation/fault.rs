//! What goes wrong, and what people do.

use super::disk::Command;
use super::life::Life;
use super::plan::batch_policy;
use super::process::{ending, error};
use super::slots::Is;
use hearken_core::evidence::{End, StopCause};
use hearken_core::identity::Token;
use hearken_core::kind::Kind;
use hearken_core::moment::Moment;
use hearken_core::pool::{Event, Handle, Waiting};
use hearken_core::task::{
    Batch, BatchCounts, BatchId, Counters, Lease, Priority, TaskId, TaskState,
};
use std::time::Duration;

impl Life {
    /// One thing happens.
    pub(super) fn step(&mut self) {
        match self.dice.below(100) {
            0..38 => {
                let time = self.dice.millis(0, 300);
                self.advance(time);
            }
            38..48 => {
                let time = self.dice.millis(0, 3_000);
                self.advance(time);
            }
            48..68 => self.submit(),
            68..74 => self.take_back(),
            74..77 => match self.disk.down {
                true => self.disk.comes_back(self.now),
                false => self.disk.goes_down(self.now),
            },
            77..79 => {
                if let Some(task) = self.any_task() {
                    self.trace.input(self.now, &("somebody else ends", task));
                    self.disk.lose(task);
                }
            }
            79..89 => self.deed(),
            89..91 => {
                match self.going && self.dice.percent(60) {
                    true => self.stop_unit(),
                    false => self.start_unit(),
                }
                self.deliver();
            }
            91..93 => {
                let most = self.dice.pick(&[1_500, 60_000]);
                let time = self.dice.millis(1_001, most);
                self.stall(time);
            }
            93 => self.crash(),
            94..97 => self.end_somebody(),
            _ => self.repeat_history(),
        }
    }

    fn any_task(&mut self) -> Option<TaskId> {
        let ids: Vec<_> = self.disk.rows.keys().copied().collect();
        (!ids.is_empty()).then(|| self.dice.pick(&ids))
    }

    fn any_slot(&mut self) -> u32 {
        self.dice.count(1, self.plan.slots)
    }

    fn any_token(&mut self) -> Option<(u32, Token)> {
        let slot = self.any_slot();
        self.slots[&slot].token().map(|token| (slot, token))
    }

    fn new_task(&mut self, batch: Option<BatchId>) -> Waiting {
        self.last_task += 1;
        let (now, dice) = (self.now, &mut self.dice);
        Waiting {
            id: TaskId::from_u128(self.last_task),
            priority: Priority::new(dice.pick(&[0, 5, 5, 9])).unwrap(),
            fairness_key: dice.maybe(40, |dice| dice.pick(&["a", "b"]).into()),
            kind: dice.maybe(60, |dice| dice.pick(&["mail", "fax"]).into()),
            batch,
            not_before: now + dice.millis(0, 1_000) * u32::from(dice.percent(20)),
            expires: match dice.percent(20) {
                true => now + dice.millis(0, 9_000),
                false => Moment::NEVER,
            },
            counters: Counters::default(),
            first_try: None,
        }
    }

    fn submit(&mut self) {
        let open: Vec<_> = self.disk.batches.keys().copied().collect();
        let mut new = None;
        let batch = match self.dice.below(100) {
            0..50 => None,
            50..60 if !open.is_empty() => Some(self.dice.pick(&open)),
            _ => {
                self.last_task += 1;
                let id = BatchId::from_u128(self.last_task);
                let policy = batch_policy(&mut self.dice);
                let batch = Batch { policy, counts: BatchCounts::default() };
                let completion = self.dice.percent(50).then(|| self.new_task(None));
                new = Some((id, batch, completion));
                Some(id)
            }
        };
        let count = self.dice.count(1, 4);
        let tasks = (0..count).map(|_| self.new_task(batch)).collect();
        // A store that is down refuses it, and nobody is told that it is kept.
        if !self.disk.down {
            self.order(Command::Enqueue { tasks, new });
        }
    }

    fn take_back(&mut self) {
        let batches: Vec<_> = self.disk.batches.keys().copied().collect();
        if self.dice.percent(20) && !batches.is_empty() {
            let batch = self.dice.pick(&batches);
            return self.tell(Event::CancelBatch(batch));
        }
        if let Some(task) = self.any_task() {
            self.tell(Event::Cancel(task));
        }
    }

    /// A worker says something nobody waits for.
    fn deed(&mut self) {
        let Some((_, token)) = self.any_token() else { return };
        let handle = Handle(self.dice.count(0, 5));
        let now = self.now;
        let event = match self.dice.below(12) {
            0..3 => Event::Draining(token),
            3..6 => Event::Memory(token, self.dice.pick(&[0, 1 << 20])),
            6..9 => {
                let credits = self.dice.count(0, 3);
                if let Some(process) = self.processes.get_mut(&token) {
                    process.announce(now, credits);
                }
                return;
            }
            9 => Event::Accepted(token, handle),
            10 => Event::Failed(token, handle, error(Kind::Transient), Some("net".into())),
            _ => Event::Snoozed(token, handle, Duration::ZERO),
        };
        if let Some(process) = self.processes.get_mut(&token) {
            process.say(now, event);
        }
    }

    fn end_somebody(&mut self) {
        let Some((slot, _)) = self.any_token() else { return };
        self.trace.input(self.now, &("an end of slot", slot));
        match self.slots[&slot] {
            Is::Running(_) if self.dice.percent(50) => {
                use StopCause::{Health, Restart, Violation, Watchdog};
                let cause = self.dice.pick(&[Restart, Watchdog, Violation, Health]);
                self.stop(slot, cause, false);
            }
            Is::Running(_) => {
                let ending = ending(&mut self.dice);
                self.ends(slot, End::Process(ending), None);
            }
            Is::Down { .. }
            | Is::Backoff(_)
            | Is::Spawning(..)
            | Is::Stopping(..)
            | Is::Abandoned(_) => {}
        }
        self.deliver();
    }

    /// What concerns somebody or something that is no more is told late.
    fn repeat_history(&mut self) {
        let token = Token(self.dice.below(self.last_token + 1));
        if self.slots.values().any(|is| is.token() == Some(token)) {
            return;
        }
        let handle = Handle(self.dice.count(0, 3));
        let lease = Lease { epoch: self.disk.epoch - 1, number: self.dice.below(9) };
        let waiting = self.book.seats.values().next().map(|seat| seat.waiting.clone());
        let event = match self.dice.below(9) {
            0 => Event::Started(token),
            1 => Event::Ready(token, 9),
            2 => Event::Accepted(token, handle),
            3 => Event::Done(token, handle),
            4 => Event::Failed(token, handle, error(Kind::Bug), Some("db".into())),
            5 => Event::Claimed(lease),
            6 => Event::Gone(lease),
            7 => Event::Kept(lease),
            _ => match waiting {
                Some(waiting) => Event::Added(waiting),
                None => return,
            },
        };
        self.tell(event);
    }

    /// Whether everything that was submitted has ended.
    pub(super) fn all_have_ended(&self) -> bool {
        let open = |state| matches!(state, TaskState::Waiting | TaskState::Running);
        !self.disk.rows.values().any(|row| open(row.state))
    }
}
