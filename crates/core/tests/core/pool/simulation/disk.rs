//! A store that answers late, goes down and comes back, and is all that is left after a crash.

use hearken_core::moment::Moment;
use hearken_core::pool::{TaskNext, Waiting};
use hearken_core::task::{Batch, BatchCounts, BatchEnd, BatchId, Lease, TaskId, TaskState};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// A task as it is kept.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) state: TaskState,
    /// What a pool is told of it.
    pub(super) waiting: Waiting,
    lease: Option<Lease>,
}

#[derive(Debug)]
pub(super) struct BatchRow {
    pub(super) batch: Batch,
    pub(super) completion: Option<TaskId>,
    pub(super) ended: Option<BatchEnd>,
}

#[derive(Debug, Clone)]
pub(super) enum Command {
    /// Tasks of one batch or of none; the batch, with its completion task, if it is new.
    Enqueue {
        tasks: Vec<Waiting>,
        new: Option<(BatchId, Batch, Option<Waiting>)>,
    },
    Claim {
        task: TaskId,
        lease: Lease,
    },
    Finish {
        lease: Lease,
        next: TaskNext,
        waiting: Box<Waiting>,
    },
    Drop {
        task: TaskId,
        next: TaskNext,
    },
    EndBatch {
        batch: BatchId,
        end: BatchEnd,
        told: u64,
    },
}

/// What the shell hears of a commit.
#[derive(Debug, Clone)]
pub(super) enum Answer {
    Enqueued { batch: Option<(BatchId, Batch)>, tasks: Vec<Waiting> },
    Claimed(Lease),
    NotClaimed(Lease),
    Finished(Lease),
    Released(Waiting),
    Down,
    Up,
}

#[derive(Debug, Default)]
pub(super) struct Disk {
    pub(super) epoch: u64,
    pub(super) rows: BTreeMap<TaskId, Row>,
    pub(super) batches: BTreeMap<BatchId, BatchRow>,
    /// Tasks that a rule gave up and forgot.
    pub(super) discarded: BTreeSet<TaskId>,
    /// Tasks whose submitter was told that they are kept.
    pub(super) acknowledged: BTreeSet<TaskId>,
    /// Tasks that somebody else may have ended: another machine, say.
    pub(super) foreign: BTreeSet<TaskId>,
    commands: VecDeque<(Moment, Command)>,
    answers: VecDeque<(Moment, Answer)>,
    pub(super) down: bool,
}

impl Disk {
    pub(super) fn new() -> Self {
        Self { epoch: 1, ..Self::default() }
    }

    pub(super) fn order(&mut self, due: Moment, command: Command) {
        let due = self.commands.back().map_or(due, |(last, _)| due.max(*last));
        self.commands.push_back((due, command));
    }

    fn answer(&mut self, due: Moment, answer: Answer) {
        let due = self.answers.back().map_or(due, |(last, _)| due.max(*last));
        self.answers.push_back((due, answer));
    }

    /// When something happens here by itself.
    pub(super) fn next(&self) -> Moment {
        let command = self.commands.front().filter(|_| !self.down).map(|(due, _)| *due);
        let answer = self.answers.front().map(|(due, _)| *due);
        command.into_iter().chain(answer).min().unwrap_or(Moment::NEVER)
    }

    pub(super) fn is_quiet(&self) -> bool {
        self.commands.is_empty() && self.answers.is_empty()
    }

    pub(super) fn take_answer(&mut self, now: Moment) -> Option<Answer> {
        self.answers.front().filter(|(due, _)| *due <= now)?;
        self.answers.pop_front().map(|(_, answer)| answer)
    }

    pub(super) fn goes_down(&mut self, now: Moment) {
        if !std::mem::replace(&mut self.down, true) {
            self.answer(now, Answer::Down);
        }
    }

    pub(super) fn comes_back(&mut self, now: Moment) {
        if std::mem::replace(&mut self.down, false) {
            self.answer(now, Answer::Up);
        }
    }

    /// The machine is gone: what was not committed is lost, and so is every answer.
    pub(super) fn crash(&mut self, committed: usize, now: Moment) {
        let committed = committed.min(self.commands.len());
        for _ in 0..committed {
            let Some((_, command)) = self.commands.pop_front() else { break };
            self.apply(now, command);
        }
        self.commands.clear();
        self.answers.clear();
        self.down = false;
        self.epoch += 1;
        for row in self.rows.values_mut().filter(|row| row.state == TaskState::Running) {
            row.state = TaskState::Waiting;
        }
    }

    /// Somebody else ends a task that waits.
    pub(super) fn lose(&mut self, task: TaskId) {
        if let Some(row) = self.rows.get_mut(&task)
            && row.state == TaskState::Waiting
            && row.waiting.batch.is_none()
        {
            row.state = TaskState::Cancelled;
            self.foreign.insert(task);
        }
    }

    pub(super) fn commit(&mut self, now: Moment, answered: Moment) {
        while !self.down && self.commands.front().is_some_and(|(due, _)| *due <= now) {
            let Some((_, command)) = self.commands.pop_front() else { break };
            if let Some(answer) = self.apply(now, command) {
                self.answer(answered, answer);
            }
        }
    }

    fn apply(&mut self, now: Moment, command: Command) -> Option<Answer> {
        match command {
            Command::Enqueue { tasks, new } => Some(self.enqueue(tasks, new)),
            Command::Claim { task, lease } => Some(self.claim(now, task, lease)),
            Command::Finish { lease, next, waiting } => {
                self.finish(lease, next, *waiting);
                Some(Answer::Finished(lease))
            }
            Command::Drop { task, next } => {
                let state = match next {
                    TaskNext::Expired => TaskState::Expired,
                    TaskNext::Cancelled => TaskState::Cancelled,
                    other => panic!("{task} is dropped as {other:?}"),
                };
                let row = &self.rows[&task];
                if !self.foreign.contains(&task) {
                    assert_eq!(row.state, TaskState::Waiting, "{task} is dropped");
                    self.ends(task, state);
                }
                None
            }
            Command::EndBatch { batch, end, told } => self.end_batch(batch, end, told),
        }
    }

    fn enqueue(
        &mut self,
        tasks: Vec<Waiting>,
        new: Option<(BatchId, Batch, Option<Waiting>)>,
    ) -> Answer {
        if let Some((id, batch, completion)) = new {
            let held = completion.as_ref().map(|it| it.id);
            self.batches.insert(id, BatchRow { batch, completion: held, ended: None });
            if let Some(waiting) = completion {
                let row = Row { state: TaskState::Held, waiting, lease: None };
                self.rows.insert(row.waiting.id, row);
            }
        }
        let into = tasks.first().and_then(|task| task.batch);
        let mut batch = None;
        if let Some((id, row)) = into.and_then(|id| Some((id, self.batches.get_mut(&id)?))) {
            if row.ended.is_some() {
                return Answer::Enqueued { batch: None, tasks: Vec::new() };
            }
            row.batch.counts.total += tasks.len() as u64;
            batch = Some((id, row.batch));
        }
        for waiting in &tasks {
            let row = Row { state: TaskState::Waiting, waiting: waiting.clone(), lease: None };
            assert!(self.rows.insert(waiting.id, row).is_none(), "an id is given once");
        }
        Answer::Enqueued { batch, tasks }
    }

    fn claim(&mut self, now: Moment, task: TaskId, lease: Lease) -> Answer {
        let Some(row) = self.rows.get_mut(&task) else { panic!("{task} is claimed and not there") };
        if row.state != TaskState::Waiting {
            assert!(self.foreign.contains(&task), "{task} is claimed: {row:?}");
            return Answer::NotClaimed(lease);
        }
        assert_eq!(lease.epoch, self.epoch, "a lease of this life");
        assert!(row.lease.is_none_or(|last| last < lease), "{task} had {:?}", row.lease);
        row.state = TaskState::Running;
        row.lease = Some(lease);
        row.waiting.counters.leases += 1;
        row.waiting.first_try.get_or_insert(now);
        Answer::Claimed(lease)
    }

    fn finish(&mut self, lease: Lease, next: TaskNext, waiting: Waiting) {
        let task = waiting.id;
        let row = self.rows.get_mut(&task).expect("what is finished is there");
        assert_eq!((row.state, row.lease), (TaskState::Running, Some(lease)), "{task} is finished");
        let leases = row.waiting.counters.leases;
        assert_eq!(leases, waiting.counters.leases, "the pool counts the leases as the store does");
        row.waiting.counters = waiting.counters;
        let state = match next {
            TaskNext::Succeeded => TaskState::Succeeded,
            TaskNext::Dead(_) => TaskState::Dead,
            TaskNext::Cancelled => TaskState::Cancelled,
            TaskNext::Expired => TaskState::Expired,
            TaskNext::Again { .. } | TaskNext::Released => {
                row.state = TaskState::Waiting;
                row.waiting.not_before = waiting.not_before;
                return;
            }
            TaskNext::Discarded => {
                self.ends(task, TaskState::Cancelled);
                self.rows.remove(&task);
                self.discarded.insert(task);
                return;
            }
        };
        self.ends(task, state);
    }

    fn ends(&mut self, task: TaskId, state: TaskState) {
        let row = self.rows.get_mut(&task).expect("what ends is there");
        row.state = state;
        let Some(batch) = row.waiting.batch else { return };
        let counts = &mut self.batches.get_mut(&batch).expect("its batch is there").batch.counts;
        match state {
            TaskState::Succeeded => counts.succeeded += 1,
            TaskState::Dead | TaskState::Expired => counts.failed += 1,
            _ => counts.cancelled += 1,
        }
    }

    /// `told`: how many tasks the pool knew it to have.
    fn end_batch(&mut self, id: BatchId, end: BatchEnd, told: u64) -> Option<Answer> {
        let row = self.batches.get_mut(&id).expect("it ends, so it is there");
        let counts = BatchCounts { total: told, ..row.batch.counts };
        let judged = Batch { counts, ..row.batch };
        assert!(
            row.batch.counts.total != told || judged.end() == Some(end),
            "{id} ends as {end:?}, and the store has {judged:?}"
        );
        if row.ended.is_some() {
            return None;
        }
        row.ended = Some(end);
        let completion = row.completion?;
        let row = self.rows.get_mut(&completion)?;
        row.state = TaskState::Waiting;
        Some(Answer::Released(row.waiting.clone()))
    }
}
