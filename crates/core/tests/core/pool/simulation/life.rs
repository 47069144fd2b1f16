//! The world of one seed, and how time goes by in it.

use super::book::{At, Book};
use super::disk::{Answer, Command, Disk};
use super::plan::Plan;
use super::process::{Process, ToWorker};
use super::slots::Is;
use crate::simulation::dice::Dice;
use crate::world::Trace;
use crate::world::s;
use hearken_core::evidence::End;
use hearken_core::identity::Token;
use hearken_core::moment::Moment;
use hearken_core::pool::{Action, Event, Pool, TaskNext, Waiting};
use hearken_core::task::TaskState;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// So much can happen in one stretch of time, and no more: a ring that brings nothing forward would
/// never end.
const MUCH: u32 = 50_000;

pub(super) struct Life {
    pub(super) plan: Plan,
    pub(super) dice: Dice,
    pub(super) now: Moment,
    pub(super) pool: Pool,
    pub(super) book: Book,
    pub(super) disk: Disk,
    pub(super) slots: BTreeMap<u32, Is>,
    pub(super) processes: BTreeMap<Token, Process>,
    pub(super) told: VecDeque<Event>,
    pub(super) trace: Trace,
    pub(super) last_token: u64,
    pub(super) last_task: u128,
    /// The unit of the pool runs.
    pub(super) going: bool,
    /// No more faults: whoever is born from now on does everything right.
    pub(super) calm: bool,
}

impl Life {
    pub(super) fn begin(plan: Plan, dice: Dice, trace: Trace) -> Self {
        let mut life = Self {
            pool: Pool::new(plan.policy.clone(), plan.slots, 1, plan.seed),
            book: Book::new(&plan),
            disk: Disk::new(),
            plan,
            dice,
            now: Moment::at(s(100)),
            slots: BTreeMap::new(),
            processes: BTreeMap::new(),
            told: VecDeque::new(),
            trace,
            last_token: 0,
            last_task: 0,
            going: false,
            calm: false,
        };
        life.boot();
        life
    }

    fn boot(&mut self) {
        self.slots = (1..=self.plan.slots).map(|it| (it, Is::Down { barred: false })).collect();
        self.start_unit();
        self.deliver();
    }

    /// The machine is gone, and every process with it. The next life has the disk, and nothing else.
    pub(super) fn crash(&mut self) {
        self.trace.input(self.now, &"the machine is gone, and starts again");
        let committed = self.dice.index(8);
        self.disk.crash(committed, self.now);
        self.processes.clear();
        self.told.clear();
        self.check_acknowledged();
        let (policy, slots) = (self.plan.policy.clone(), self.plan.slots);
        self.pool = Pool::new(policy, slots, self.disk.epoch, self.plan.seed);
        self.book = Book::new(&self.plan);
        for (id, row) in &self.disk.batches {
            if row.ended.is_none() {
                self.told.push_back(Event::Batch(*id, row.batch));
            }
        }
        let waits = |state| state == TaskState::Waiting;
        for row in self.disk.rows.values().filter(|row| waits(row.state)) {
            self.told.push_back(Event::Added(row.waiting.clone()));
        }
        self.deliver();
        self.boot();
    }

    /// What was acknowledged is kept in some state, unless a rule said to forget it.
    pub(super) fn check_acknowledged(&self) {
        for id in &self.disk.acknowledged {
            let kept = self.disk.rows.contains_key(id) || self.disk.discarded.contains(id);
            assert!(kept, "{id} was acknowledged, and is lost");
        }
    }

    pub(super) fn tell(&mut self, event: Event) {
        self.told.push_back(event);
        self.deliver();
    }

    pub(super) fn deliver(&mut self) {
        while let Some(event) = self.told.pop_front() {
            self.trace.input(self.now, &event);
            self.book.hear(self.now, &event);
            self.pool.handle(self.now, event);
            self.take_in();
        }
    }

    pub(super) fn ring(&mut self) {
        self.trace.input(self.now, &"the timer rings");
        self.pool.handle_timeout(self.now);
        let due = self.pool.poll_timeout();
        assert!(due.is_none_or(|due| due > self.now), "it still rings at {due:?}: a busy loop");
        self.take_in();
        self.deliver();
    }

    fn take_in(&mut self) {
        while let Some(action) = self.pool.poll_action() {
            self.trace.action(&action);
            self.book.check(self.now, &action);
            self.perform(action);
        }
        self.pool.assert_books_are_right(self.now);
        self.book.check_debts(self.now);
        let counts = self.pool.counts();
        let waiting = self.book.seats.values().filter(|seat| seat.at == At::Waiting).count() as u64;
        assert_eq!(counts.delayed + counts.ready + counts.paused, waiting, "tasks that wait");
    }

    fn latency(&mut self) -> Duration {
        match self.dice.below(100) {
            _ if self.calm => Duration::ZERO,
            0..5 => self.dice.millis(0, 2_000),
            5..40 => self.dice.millis(0, 30),
            _ => Duration::ZERO,
        }
    }

    pub(super) fn order(&mut self, command: Command) {
        let due = self.now + self.latency();
        self.disk.order(due, command);
    }

    fn perform(&mut self, action: Action) {
        match action {
            Action::Claim { task, lease, .. } => self.order(Command::Claim { task, lease }),
            Action::Keep { task, lease, next, counters, .. } => {
                let delay = match next {
                    TaskNext::Again { delay, .. } => delay,
                    _ => Duration::ZERO,
                };
                let waiting = self.book.seats[&task].waiting.clone();
                let waiting = Waiting { counters, not_before: self.now + delay, ..waiting };
                self.order(Command::Finish { lease, next, waiting: Box::new(waiting) });
            }
            Action::Drop { task, next } => self.order(Command::Drop { task, next }),
            Action::EndBatch { batch, end } => {
                let told = self.book.totals[&batch];
                self.order(Command::EndBatch { batch, end, told });
            }
            Action::Send { token, handle, .. } => self.write(token, ToWorker::Task(handle)),
            Action::Cancel { token, handle, .. } => self.write(token, ToWorker::Cancel(handle)),
            Action::Start { slot } => self.call(slot),
            Action::Stop { slot, cause, kill } => self.dismiss(slot, cause, kill),
            Action::Ack { .. } | Action::Report(_) => {}
        }
    }

    fn answer(&mut self, answer: Answer) {
        match answer {
            Answer::Enqueued { batch, tasks } => {
                self.disk.acknowledged.extend(tasks.iter().map(|task| task.id));
                self.told.extend(batch.map(|(id, batch)| Event::Batch(id, batch)));
                self.told.extend(tasks.into_iter().map(Event::Added));
            }
            Answer::Claimed(lease) => self.told.push_back(Event::Claimed(lease)),
            Answer::NotClaimed(lease) => self.told.push_back(Event::Gone(lease)),
            Answer::Finished(lease) => self.told.push_back(Event::Kept(lease)),
            Answer::Released(waiting) => self.told.push_back(Event::Added(waiting)),
            Answer::Down => self.told.push_back(Event::StoreDown),
            Answer::Up => self.told.push_back(Event::StoreUp),
        }
        self.deliver();
    }

    /// When something happens by itself.
    fn next(&self) -> Moment {
        let slots = self.slots.values().map(|it| it.next());
        let processes = self.processes.values().map(Process::next);
        slots.chain(processes).chain([self.disk.next()]).min().unwrap_or(Moment::NEVER)
    }

    /// Whatever was to happen by now happens; who is first is a matter of luck.
    pub(super) fn happen(&mut self) {
        let answered = self.now + self.latency();
        self.disk.commit(self.now, answered);
        let store_first = self.dice.percent(50);
        if store_first {
            self.hear_store();
        }
        let slots: Vec<_> = self.slots.keys().copied().collect();
        for slot in slots {
            if self.slots[&slot].next() <= self.now {
                self.slot_acts(slot);
                self.deliver();
            }
        }
        let due = |process: &Process| process.next() <= self.now;
        let tokens: Vec<_> =
            self.processes.iter().filter(|(_, it)| due(it)).map(|(token, _)| *token).collect();
        for token in tokens {
            self.process_acts(token);
        }
        if !store_first {
            self.hear_store();
        }
    }

    fn hear_store(&mut self) {
        while let Some(answer) = self.disk.take_answer(self.now) {
            self.answer(answer);
        }
    }

    fn process_acts(&mut self, token: Token) {
        let Some(process) = self.processes.get_mut(&token) else { return };
        let end = process.act(&mut self.dice, self.now, self.calm);
        while let Some(word) = self.processes.get_mut(&token).and_then(|it| it.heard(self.now)) {
            self.tell(word);
        }
        let slot = self.slots.iter().find(|(_, is)| is.token() == Some(token)).map(|(it, _)| *it);
        let Some((ending, slot)) = end.zip(slot) else { return };
        let cause = match self.slots[&slot] {
            Is::Stopping(_, cause, _) => Some(cause),
            _ => None,
        };
        self.ends(slot, End::Process(ending), cause);
        self.deliver();
    }

    /// Lets `time` pass. Timers ring a moment late now and then.
    pub(super) fn advance(&mut self, time: Duration) {
        let end = self.now + time;
        for round in 0.. {
            assert!(round < MUCH, "it comes to no end");
            let due = self.pool.poll_timeout().unwrap_or(Moment::NEVER);
            if due <= self.now && self.dice.percent(50) {
                self.ring();
                continue;
            }
            let next = self.next();
            if next <= self.now {
                self.happen();
                continue;
            }
            if due <= self.now {
                self.ring();
                continue;
            }
            if next.min(due) >= end {
                break;
            }
            self.now = next.min(due);
            if due <= next && self.dice.percent(20) {
                self.now = self.now + self.dice.millis(0, 20);
            }
        }
        self.now = self.now.max(end);
    }

    /// The supervisor stands still while everything else goes on.
    pub(super) fn stall(&mut self, time: Duration) {
        self.now = self.now + time;
        self.book.stalled_at = self.now;
        if self.dice.percent(50) {
            self.ring();
        }
        self.happen();
        self.ring();
    }
}
