//! What commands do to the tables.
//!
//! Each looks at everything it needs before it writes anything: so a command that is refused, or meets
//! a damaged row, has changed nothing, and the others of its commit go on.

use super::commit::Commit;
use super::failure::Failure;
use super::rows::AttemptRow;
use super::table::{self, Table, Walk};
use crate::lifecycle::{self, ClaimError};
use crate::limits::{self, MAX_CHECKPOINT, MAX_NAME, MAX_PIECE, PURGE_SCAN};
use crate::{
    BatchRecord, Claimed, Command, Enqueued, Fenced, Finish, NewBatch, NewTask, Purge, Purged,
    Record, Refusal, Reply, ResultBody, UnixMs,
};
use bytes::Bytes;
use hearken_core::pool::TaskDecidedBy;
use hearken_core::task::{BatchEnd, BatchId, Lease, TaskId, TaskState};
use std::collections::HashSet;
use std::sync::Arc;

const STALE: Reply = Reply::Fenced(Fenced::Stale);
const KEPT: Reply = Reply::Fenced(Fenced::Kept);

impl Commit<'_> {
    /// Does one command.
    pub(super) fn change(&mut self, command: Command) -> Result<Reply, Failure> {
        self.next();
        let done = match command {
            Command::Enqueue { tasks, batch } => self.enqueue(tasks, batch),
            Command::Claim { id, lease, worker, at } => self.claim(id, lease, worker, at),
            Command::Extend { id, lease } => {
                self.leased(id, lease).map(|held| held.map_or(STALE, |_| KEPT))
            }
            Command::Finish(finish) => self.finish(*finish),
            Command::Cancel { id, at, decided_by } => {
                self.drop_unclaimed(id, TaskState::Cancelled, at, decided_by)
            }
            Command::Expire { id, at } => {
                self.drop_unclaimed(id, TaskState::Expired, at, TaskDecidedBy::Clock)
            }
            Command::Checkpoint { id, lease, sequence, data } => {
                self.checkpoint(id, lease, sequence, &data)
            }
            Command::Spool { id, lease, sequence, data } => self.spool(id, lease, sequence, &data),
            Command::EndBatch { id, end, at } => self.end_batch(id, end, at),
            Command::Requeue { id, at, expires } => self.requeue(id, at, expires),
            Command::Forget(ids) => self.forget(&ids),
            Command::Purge(purge) => self.purge(&purge),
        };
        match done {
            Err(Failure::Refused(refusal)) => Ok(Reply::Refused(refusal)),
            Err(Failure::Damaged(what)) if !self.written => {
                Ok(Reply::Refused(Refusal::Damaged(what)))
            }
            other => other,
        }
    }

    fn enqueue(&mut self, tasks: Vec<NewTask>, batch: Option<NewBatch>) -> Result<Reply, Failure> {
        lifecycle::admit(&tasks, batch.as_ref())?;
        let mut ids = HashSet::with_capacity(tasks.len());
        for task in &tasks {
            if !ids.insert(task.id) || self.tables.has(Table::Task, &table::task_key(task.id))? {
                return Err(Refusal::TaskExists(task.id).into());
            }
            let Some(wanted) = task.batch else { continue };
            if batch.as_ref().is_some_and(|batch| batch.id == wanted) {
                continue;
            }
            match self.batch(wanted)? {
                Some(batch) if batch.ended.is_some() => {
                    return Err(Refusal::BatchOver(wanted).into());
                }
                Some(_) => {}
                None => return Err(Refusal::NoBatch(wanted).into()),
            }
        }
        if let Some(batch) = batch {
            if self.batch(batch.id)?.is_some() {
                return Err(Refusal::BatchExists(batch.id).into());
            }
            let key = table::batch_key(batch.id);
            self.insert(Table::Batch, &key, &BatchRecord::new(&batch))?;
        }
        let enqueued = tasks.into_iter().map(|task| self.add(&task));
        Ok(Reply::Enqueued(enqueued.collect::<Result<_, _>>()?))
    }

    fn add(&mut self, task: &NewTask) -> Result<Enqueued, Failure> {
        let (id, key) = (task.id, table::task_key(task.id));
        if let Some(unique) = &task.unique_key {
            let key = table::unique_key(&task.pool, unique);
            if let Some(earlier) = self.tables.get(Table::UniqueKey, &key)? {
                return Ok(Enqueued::Duplicate(earlier));
            }
            self.insert(Table::UniqueKey, &key, &id)?;
        }
        if let Some(of) = task.batch
            && let Some(batch) = self.batch(of)?
        {
            batch.counts.total += 1;
            self.insert(Table::BatchTask, &table::batch_task_key(of, id), &id)?;
        }
        let record = Record::new(task);
        self.insert(Table::Task, &key, &record)?;
        self.insert(Table::Input, &key, &task.input)?;
        self.meta.tally.shift(&record.pool, None, Some(record.state));
        Ok(Enqueued::Inserted(id))
    }

    fn claim(
        &mut self,
        id: TaskId,
        lease: Lease,
        worker: Arc<str>,
        at: UnixMs,
    ) -> Result<Reply, Failure> {
        limits::at_most("the worker's name", worker.len(), MAX_NAME)?;
        let Some(mut record) = self.task(id)? else { return Ok(Reply::Unchanged(None)) };
        let epoch = self.meta.epoch;
        match lifecycle::claim(&mut record, lease, epoch, worker, at) {
            Ok(()) => {}
            Err(ClaimError::State(state)) => return Ok(Reply::Unchanged(Some(state))),
            Err(ClaimError::Lease) => return Err(Refusal::LeaseUnfit { lease, epoch }.into()),
        }
        let key = table::task_key(id);
        let input = self.tables.expect(Table::Input, &key)?;
        let checkpoint = match record.checkpoint {
            Some(_) => Some(self.tables.expect(Table::Checkpoint, &key)?),
            None => None,
        };
        let last_error = self.tables.last_error(&record)?;
        self.keep(TaskState::Waiting, &record)?;
        Ok(Reply::Claimed(Box::new(Claimed { record, input, checkpoint, last_error })))
    }

    fn finish(&mut self, finish: Finish) -> Result<Reply, Failure> {
        limits::finish(&finish)?;
        let (id, lease) = (finish.id, finish.lease);
        let Some(mut record) = self.leased(id, lease)? else { return Ok(STALE) };
        let body = finish.result.as_ref().map(|result| result.body.clone());
        if let Some(ResultBody::Spooled { pieces, length }) = body {
            let (spooled_pieces, spooled_length) = self.spools.spooled(id, lease);
            if (spooled_pieces, spooled_length) != (pieces, length) {
                let differs =
                    Refusal::SpoolDiffers { pieces, length, spooled_pieces, spooled_length };
                return Err(differs.into());
            }
        }
        let checkpoint = record.checkpoint;
        let Some(attempt) = lifecycle::finish(&mut record, finish) else {
            self.remove(&record, true)?;
            self.close_spool(id, lease, false);
            return Ok(KEPT);
        };
        let body = body.filter(|_| attempt.result.is_some());
        let spooled = matches!(body, Some(ResultBody::Spooled { .. }));
        if spooled {
            // Before the commit that names it: a result that is kept is there.
            self.spools.sync(id, lease)?;
        }
        self.keep(TaskState::Running, &record)?;
        self.add_attempt(id, attempt, body)?;
        if checkpoint.is_some() && record.checkpoint.is_none() {
            let key = table::task_key(id);
            self.delete(Table::Checkpoint, &key, &key)?;
        }
        self.close_spool(id, lease, spooled);
        Ok(KEPT)
    }

    fn drop_unclaimed(
        &mut self,
        id: TaskId,
        end: TaskState,
        at: UnixMs,
        decided_by: TaskDecidedBy,
    ) -> Result<Reply, Failure> {
        let Some(mut record) = self.task(id)? else { return Ok(Reply::Unchanged(None)) };
        let from = record.state;
        if !lifecycle::drop_unclaimed(&mut record, end, at, decided_by) {
            return Ok(Reply::Unchanged(Some(from)));
        }
        self.keep(from, &record)?;
        Ok(Reply::Dropped)
    }

    fn checkpoint(
        &mut self,
        id: TaskId,
        lease: Lease,
        sequence: u32,
        data: &Bytes,
    ) -> Result<Reply, Failure> {
        limits::at_most("the checkpoint", data.len(), MAX_CHECKPOINT)?;
        let Some(mut record) = self.task(id)? else { return Ok(STALE) };
        let is_first = record.checkpoint.is_none();
        if !lifecycle::checkpoint(&mut record, lease, sequence) {
            return Ok(STALE);
        }
        self.keep(TaskState::Running, &record)?;
        let key = table::task_key(id);
        if is_first {
            self.insert(Table::Checkpoint, &key, data)?;
        } else {
            self.tables.update(Table::Checkpoint, &key, data)?;
        }
        Ok(KEPT)
    }

    fn spool(
        &mut self,
        id: TaskId,
        lease: Lease,
        sequence: u32,
        data: &Bytes,
    ) -> Result<Reply, Failure> {
        limits::at_most("the piece", data.len(), MAX_PIECE)?;
        if self.leased(id, lease)?.is_none() {
            return Ok(STALE);
        }
        self.spools.append(id, lease, sequence, data)?;
        Ok(KEPT)
    }

    fn end_batch(&mut self, id: BatchId, end: BatchEnd, at: UnixMs) -> Result<Reply, Failure> {
        let batch = self.batch(id)?.ok_or(Refusal::NoBatch(id))?;
        if batch.ended.is_some() {
            return Ok(Reply::BatchEnded(None));
        }
        let completion = batch.completion;
        let mut held = match completion {
            Some(completion) => self.task(completion)?,
            None => None,
        };
        self.written = true;
        if let Some(batch) = self.batch(id)? {
            batch.ended = Some((end, at));
        }
        let Some(record) = held.as_mut().filter(|record| record.state == TaskState::Held) else {
            return Ok(Reply::BatchEnded(None));
        };
        lifecycle::let_go(record);
        self.keep(TaskState::Held, record)?;
        Ok(Reply::BatchEnded(Some(Box::new(record.pending()))))
    }

    fn requeue(
        &mut self,
        id: TaskId,
        at: UnixMs,
        expires: Option<UnixMs>,
    ) -> Result<Reply, Failure> {
        let Some(mut record) = self.task(id)? else { return Ok(Reply::Unchanged(None)) };
        let from = record.state;
        if !lifecycle::requeue(&mut record, at, expires) {
            return Ok(Reply::Unchanged(Some(from)));
        }
        self.keep(from, &record)?;
        Ok(Reply::Requeued(Box::new(record.pending())))
    }

    fn forget(&mut self, ids: &[TaskId]) -> Result<Reply, Failure> {
        let mut purged = Purged::default();
        for id in ids {
            if let Some(record) = self.task(*id)?.filter(|record| record.state.is_final()) {
                self.remove(&record, false)?;
                purged.tasks += 1;
            }
        }
        Ok(Reply::Purged(purged))
    }

    fn purge(&mut self, purge: &Purge) -> Result<Reply, Failure> {
        let mut seen = 0;
        let mut purged = Purged::default();
        let mut old = Vec::new();
        let first = purge.after.map(table::task_key);
        let first = first.as_ref().map_or(&[][..], |key| key);
        self.tables.walk(Table::Task, Walk::Up(first, table::LAST_KEY), |_, record: Record| {
            seen += 1;
            let full = seen == PURGE_SCAN;
            purged.next = full.then_some(record.id);
            if purge.removes(&record) {
                old.push(record);
            }
            Ok(table::until(full))
        })?;
        for record in &old {
            self.remove(record, false)?;
        }
        purged.tasks = old.len() as u64;
        if purged.next.is_none() {
            purged.batches = self.remove_spent_batches(PURGE_SCAN)?;
        }
        Ok(Reply::Purged(purged))
    }
}

impl table::Tables {
    /// The JSON of a task's last error, if that try is still in its history.
    pub(super) fn last_error(&self, record: &Record) -> Result<Option<Box<str>>, Failure> {
        let kept = lifecycle::kept_attempts(record);
        let Some(number) = record.error_attempt.filter(|number| kept.contains(number)) else {
            return Ok(None);
        };
        let key = table::attempt_key(record.id, number);
        Ok(self.expect::<AttemptRow>(Table::Attempt, &key)?.attempt.error)
    }
}
