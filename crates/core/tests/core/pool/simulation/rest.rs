//! Where everything comes to once faults cease.

use super::life::Life;
use super::slots::Is;
use crate::world::{ms, s};
use hearken_core::evidence::StopCause;
use hearken_core::pool::{Event, WorkMode};
use hearken_core::task::TaskState;

impl Life {
    fn calm_down(&mut self) {
        self.trace.input(self.now, &"from now on everything goes well");
        self.calm = true;
        self.disk.comes_back(self.now);
        for process in self.processes.values_mut() {
            process.calm_down(self.now);
        }
        self.start_unit();
        self.deliver();
    }

    fn is_at_rest(&self) -> bool {
        let quiet = self.disk.is_quiet() && self.pool.is_at_rest() && self.book.seats.is_empty();
        quiet && self.all_have_ended()
    }

    /// Every task ends, and the pool has as many workers as it shall have.
    pub(super) fn come_to_rest(&mut self) {
        self.calm_down();
        for _ in 0..1_000 {
            self.advance(s(1));
            if self.is_at_rest() {
                break;
            }
        }
        assert!(self.is_at_rest(), "it comes to no rest: {:?} {}", self.pool.counts(), self.left());
        self.check_acknowledged();
        self.check_batches();
        self.has_its_workers();
    }

    fn left(&self) -> String {
        let show = |text: String, line: String| format!("{text}\n  {line}");
        let seats = self.book.seats.values().map(|seat| format!("{seat:?}"));
        let slots = self.slots.iter().map(|(slot, is)| format!("slot {slot}: {is:?}"));
        seats.chain(slots).fold(String::new(), show)
    }

    /// A batch all of whose tasks have ended has ended, and its completion task was let go.
    fn check_batches(&self) {
        for (id, row) in &self.disk.batches {
            let over = row.batch.counts.open() == 0;
            assert_eq!(over, row.batch.counts.open() == 0 && row.ended.is_some(), "{id}: {row:?}");
            let completion = row.completion.and_then(|id| self.disk.rows.get(&id));
            let held = completion.is_some_and(|row| row.state == TaskState::Held);
            assert!(!held, "the completion task of {id} is held for ever");
        }
    }

    fn has_its_workers(&mut self) {
        let policy = self.plan.policy.clone();
        let (least, mut most) = match policy.mode {
            WorkMode::Line => (policy.min, policy.min),
            WorkMode::Exec => (0, 0),
        };
        // Who is replaced before it is idle for long enough is not let go.
        if policy.recycle.age.is_some_and(|age| age < policy.shrink_after * 2) {
            most = policy.max;
        }
        let wanted = least..=most;
        // Those above the least are let go; some are being replaced all the time.
        for _ in 0..1_200 {
            let down = |is: &Is| matches!(is, Is::Down { .. } | Is::Abandoned(_));
            let up = self.slots.values().filter(|is| !down(is)).count();
            let workers = self.pool.counts().workers;
            if wanted.contains(&workers) && up == workers as usize {
                return;
            }
            self.advance(ms(100));
        }
        panic!("{wanted:?} workers are wanted: {:?} {}", self.pool.counts(), self.left());
    }

    /// A shutdown: whatever is in hand comes back, and nothing is given out any more.
    pub(super) fn shut_down(&mut self) {
        self.tell(Event::Closing);
        self.going = false;
        for slot in 1..=self.plan.slots {
            self.stop(slot, StopCause::Shutdown, false);
            if matches!(self.slots[&slot], Is::Backoff(_)) {
                self.slots.insert(slot, Is::Down { barred: true });
            }
        }
        self.deliver();
        self.disk.comes_back(self.now);
        self.advance(s(60));
        assert!(self.pool.is_at_rest() || self.has_forgotten_starts(), "{}", self.left());
        self.check_acknowledged();
    }

    /// A process that was asked for and is not started any more holds its task until the end: the
    /// next life gives it out again.
    fn has_forgotten_starts(&self) -> bool {
        self.plan.policy.mode == WorkMode::Exec
    }
}
