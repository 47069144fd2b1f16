//! What front ends want, and what becomes of it.

use super::Tasks;
use super::client::{Answer, Refused, Request, Submission, Submitted};
use super::desk::Desk;
use super::keeper::Ticket;
use super::submit::{self, Room, Submitting};
use super::when::When;
use hearken_config::Durability;
use hearken_core::pool::{Event, TaskDecidedBy};
use hearken_core::task::{BatchId, TaskId, TaskState};
use hearken_store::{Command, Read, Reply, StoreError};
use std::sync::Arc;

impl Tasks {
    /// Does what a front end wants. Answers whether it wants the supervisor to shut down.
    pub(super) fn request(&mut self, request: Request) -> bool {
        match request {
            Request::Submit(submission, answer) => self.submit(*submission, answer),
            Request::Cancel(task, answer) => self.cancel(task, answer),
            Request::CancelBatch(batch, answer) => self.cancel_batch(batch, answer),
            Request::Retry(task, answer) => self.retry(task, answer),
            Request::Forget(pool, tasks) => {
                if let Some(desk) = self.desks.iter_mut().find(|desk| desk.name == pool) {
                    desk.commands.push_back((Ticket::Forget, Command::Forget(tasks)));
                }
            }
            Request::Watch(watch, told) => self.watchers.add(watch, told),
            Request::Pools(answer) => {
                let trouble = self.disk.as_ref().and_then(super::Disk::trouble);
                let standings = self.desks.iter().map(|desk| {
                    let on_disk = desk.durability != hearken_config::Durability::Memory;
                    desk.standing(trouble.clone().filter(|_| on_disk))
                });
                // Whoever asked is gone: nobody misses it.
                let _gone = answer.send(standings.collect());
            }
            Request::Live(task, answer) => {
                let now = self.clock.now();
                let _gone = answer.send(self.desks.iter().find_map(|desk| desk.live(now, task)));
            }
            Request::Read(reading) => self.read(reading),
            Request::Shutdown => return true,
        }
        false
    }

    fn submit(&mut self, submission: Submission, answer: Answer<Submitted>) {
        let when = When::now(self.clock);
        let refuse = |answer: Answer<Submitted>, why| drop(answer.send(Err(why)));
        if self.closing {
            return refuse(answer, Refused::Closing);
        }
        let known = || self.desks.iter().map(|desk| Arc::clone(&desk.name)).collect();
        let named = |desk: &&mut Desk| desk.name == submission.pool;
        if !self.desks.iter().any(|desk| desk.name == submission.pool) {
            let pool = Arc::clone(&submission.pool);
            return refuse(answer, Refused::NoPool { pool, known: known() });
        }
        let Some(desk) = self.desks.iter_mut().find(named) else { return };
        let room = desk.core.room();
        if (submission.tasks.len() as u64) > room {
            let limit = desk.core.policy().queue;
            let (pool, waiting) = (Arc::clone(&desk.name), limit - room);
            return refuse(answer, Refused::QueueFull { pool, waiting, limit });
        }
        let entropy = &mut self.entropy;
        let total = desk.core.policy().clocks.total;
        let room = Room { max_payload: desk.max_payload, total };
        match submit::submitting(submission, room, when, |ms| entropy.next(ms)) {
            Ok((submitting, command)) => {
                desk.commands.push_back((Ticket::Submit(Box::new(submitting), answer), command));
            }
            Err(why) => refuse(answer, why),
        }
    }

    fn cancel(&mut self, task: TaskId, answer: Answer<TaskState>) {
        let when = When::now(self.clock);
        if let Some(desk) = self.desks.iter_mut().find(|desk| desk.core.knows(task)) {
            let running = desk.core.is_in_hand(task);
            desk.tell(when.now, Event::Cancel(task));
            let state = if running { TaskState::Running } else { TaskState::Cancelled };
            let _gone = answer.send(Ok(state));
            return;
        }
        // A pool that the config no longer has, or a task that has ended.
        let decided_by = TaskDecidedBy::Operator;
        let command = Command::Cancel { id: task, at: when.wall, decided_by };
        match self.desk_of_store_with(task) {
            Some(desk) => desk.commands.push_back((Ticket::Cancel(task, answer), command)),
            None => drop(answer.send(Err(Refused::NoTask(task)))),
        }
    }

    fn cancel_batch(&mut self, batch: BatchId, answer: Answer<u64>) {
        let now = self.clock.now();
        let open = self.desks.iter_mut().find_map(|desk| {
            let open = desk.core.open_in_batch(batch)?;
            desk.tell(now, Event::CancelBatch(batch));
            Some(open)
        });
        let _gone = answer.send(open.ok_or(Refused::NoBatch(batch)));
    }

    fn retry(&mut self, task: TaskId, answer: Answer<TaskState>) {
        let when = When::now(self.clock);
        if self.desks.iter().any(|desk| desk.core.knows(task)) {
            let help = "it is still on its way: there is nothing to retry";
            let state = TaskState::Waiting;
            let _gone = answer.send(Err(Refused::State { task, state, help }));
            return;
        }
        let command = Command::Requeue { id: task, at: when.wall, expires: None };
        match self.desk_of_store_with(task) {
            Some(desk) => desk.commands.push_back((Ticket::Requeue(task, answer), command)),
            None => drop(answer.send(Err(Refused::NoTask(task)))),
        }
    }

    /// Some desk of the store that has this task, by way of which it is told. The store in memory is
    /// asked; what it does not have is on the disk, if anywhere.
    fn desk_of_store_with(&mut self, task: TaskId) -> Option<&mut Desk> {
        let in_memory =
            self.memory.as_mut().is_some_and(|store| matches!(store.show(task), Ok(Some(_))));
        let kept_there = |desk: &Desk| (desk.durability == Durability::Memory) == in_memory;
        self.desks.iter_mut().find(|desk| kept_there(desk))
    }
}

/// A submission was kept, or not.
pub(super) fn submitted(
    desk: &mut Desk,
    when: When,
    submitting: Submitting,
    answer: Answer<Submitted>,
    reply: Result<Reply, StoreError>,
) {
    let answered = match reply {
        Ok(Reply::Enqueued(enqueued)) => {
            let (submitted, batch, tasks) = submitting.kept(enqueued);
            if let Some((id, batch)) = batch {
                desk.tell(when.now, Event::Batch(id, batch));
            }
            for task in tasks {
                desk.tell(when.now, Event::Added(task));
            }
            Ok(submitted)
        }
        Ok(Reply::Refused(refusal)) => Err(refusal.into()),
        Ok(_) => Err(Refused::Closing),
        Err(error) => Err(error.into()),
    };
    // Kept all the same: whoever asked will find it by its id.
    let _gone = answer.send(answered);
}

/// A task is to be done after all, or not.
pub(super) fn requeued(
    desks: &mut [Desk],
    when: When,
    task: TaskId,
    answer: Answer<TaskState>,
    reply: Result<Reply, StoreError>,
) {
    let answered = match reply {
        Ok(Reply::Requeued(pending)) => {
            // One of a pool that the config no longer has waits until it has it again.
            if let Some(desk) = desks.iter_mut().find(|desk| desk.name == pending.pool) {
                desk.tell(when.now, Event::Added(submit::pending(*pending, when)));
            }
            Ok(TaskState::Waiting)
        }
        other => Err(unchanged(task, other, "only a dead, cancelled or expired task is retried")),
    };
    let _gone = answer.send(answered);
}

/// A task that no pool knows was taken back, or not.
pub(super) fn cancelled(task: TaskId, answer: Answer<TaskState>, reply: Result<Reply, StoreError>) {
    let answered = match reply {
        Ok(Reply::Dropped) => Ok(TaskState::Cancelled),
        other => Err(unchanged(task, other, "it has ended: there is nothing to cancel")),
    };
    let _gone = answer.send(answered);
}

fn unchanged(task: TaskId, reply: Result<Reply, StoreError>, help: &'static str) -> Refused {
    match reply {
        Ok(Reply::Unchanged(Some(state))) => Refused::State { task, state, help },
        Ok(Reply::Refused(refusal)) => refusal.into(),
        Ok(_) => Refused::NoTask(task),
        Err(error) => error.into(),
    }
}
