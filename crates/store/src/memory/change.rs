//! What commands do to the tasks in memory.

use super::{EPOCH, Kept, MemoryStore, Spool};
use crate::lifecycle::{self, ClaimError};
use crate::limits::{self, MAX_ATTEMPTS, MAX_CHECKPOINT, MAX_PIECE, PURGE_SCAN};
use crate::{
    BatchRecord, Claimed, Enqueued, Fenced, Finish, NewBatch, NewTask, Purge, Purged, Record,
    Refusal, Reply, ResultBody, UnixMs,
};
use bytes::Bytes;
use hearken_core::pool::TaskDecidedBy;
use hearken_core::task::{BatchEnd, BatchId, Lease, TaskId, TaskState};
use std::collections::HashSet;
use std::ops::Bound;
use std::sync::Arc;

impl MemoryStore {
    pub(super) fn enqueue(
        &mut self,
        tasks: Vec<NewTask>,
        batch: Option<NewBatch>,
    ) -> Result<Reply, Refusal> {
        lifecycle::admit(&tasks, batch.as_ref())?;
        let mut ids = HashSet::with_capacity(tasks.len());
        for task in &tasks {
            if self.tasks.contains_key(&task.id) || !ids.insert(task.id) {
                return Err(Refusal::TaskExists(task.id));
            }
            let Some(wanted) = task.batch else { continue };
            if batch.as_ref().is_some_and(|batch| batch.id == wanted) {
                continue;
            }
            match self.batches.get(&wanted) {
                Some(batch) if batch.ended.is_some() => return Err(Refusal::BatchOver(wanted)),
                Some(_) => {}
                None => return Err(Refusal::NoBatch(wanted)),
            }
        }
        if let Some(batch) = batch {
            if self.batches.contains_key(&batch.id) {
                return Err(Refusal::BatchExists(batch.id));
            }
            self.batches.insert(batch.id, BatchRecord::new(&batch));
        }
        Ok(Reply::Enqueued(tasks.into_iter().map(|task| self.insert(task)).collect()))
    }

    fn insert(&mut self, task: NewTask) -> Enqueued {
        let id = task.id;
        if let Some(key) = &task.unique_key {
            let key = (task.pool.clone(), key.clone());
            if let Some(earlier) = self.unique.get(&key) {
                return Enqueued::Duplicate(*earlier);
            }
            self.unique.insert(key, id);
        }
        let record = Record::new(&task);
        if let Some(batch) = task.batch.and_then(|batch| self.batches.get_mut(&batch)) {
            batch.counts.total += 1;
        }
        self.tally.shift(&record.pool, None, Some(record.state));
        let (checkpoint, attempts, result) = (None, Vec::new(), Vec::new());
        self.tasks.insert(id, Kept { record, input: task.input, checkpoint, attempts, result });
        Enqueued::Inserted(id)
    }

    pub(super) fn claim(
        &mut self,
        id: TaskId,
        lease: Lease,
        worker: Arc<str>,
        at: UnixMs,
    ) -> Result<Reply, Refusal> {
        limits::at_most("the worker's name", worker.len(), limits::MAX_NAME)?;
        let epoch = EPOCH;
        let Some(kept) = self.tasks.get_mut(&id) else { return Ok(Reply::Unchanged(None)) };
        match lifecycle::claim(&mut kept.record, lease, epoch, worker, at) {
            Ok(()) => {}
            Err(ClaimError::State(state)) => return Ok(Reply::Unchanged(Some(state))),
            Err(ClaimError::Lease) => return Err(Refusal::LeaseUnfit { lease, epoch }),
        }
        self.tally.shift(&kept.record.pool, Some(TaskState::Waiting), Some(TaskState::Running));
        Ok(Reply::Claimed(Box::new(Claimed {
            record: kept.record.clone(),
            input: kept.input.clone(),
            checkpoint: kept.checkpoint.clone(),
            last_error: kept.last_error().map(Into::into),
        })))
    }

    pub(super) fn extend(&self, id: TaskId, lease: Lease) -> Fenced {
        let holds = self.tasks.get(&id).is_some_and(|kept| lifecycle::holds(&kept.record, lease));
        if holds { Fenced::Kept } else { Fenced::Stale }
    }

    pub(super) fn finish(&mut self, finish: Finish) -> Result<Reply, Refusal> {
        limits::finish(&finish)?;
        let id = finish.id;
        if self.extend(id, finish.lease) == Fenced::Stale {
            return Ok(Reply::Fenced(Fenced::Stale));
        }
        let body = finish.result.as_ref().map(|result| result.body.clone());
        let result = match body {
            None => Vec::new(),
            Some(ResultBody::Inline(bytes)) => vec![bytes],
            Some(ResultBody::Spooled { pieces, length }) => {
                let spool = self.spools.get(&id);
                let spooled = spool.map_or((0, 0), |it| (it.pieces.len(), it.length));
                let spooled = (u32::try_from(spooled.0).unwrap_or(u32::MAX), spooled.1);
                if spooled != (pieces, length) {
                    let (spooled_pieces, spooled_length) = spooled;
                    return Err(Refusal::SpoolDiffers {
                        pieces,
                        length,
                        spooled_pieces,
                        spooled_length,
                    });
                }
                spool.map(|spool| spool.pieces.clone()).unwrap_or_default()
            }
        };
        self.spools.remove(&id);
        let Some(kept) = self.tasks.get_mut(&id) else {
            return Ok(Reply::Fenced(Fenced::Stale));
        };
        match lifecycle::finish(&mut kept.record, finish) {
            Some(attempt) => {
                if attempt.result.is_some() {
                    kept.result = result;
                }
                if kept.record.checkpoint.is_none() {
                    kept.checkpoint = None;
                }
                kept.attempts.push(attempt);
                if kept.attempts.len() > MAX_ATTEMPTS as usize {
                    kept.attempts.remove(0);
                }
                self.moved(id, TaskState::Running);
            }
            None => self.remove(id, true),
        }
        Ok(Reply::Fenced(Fenced::Kept))
    }

    pub(super) fn drop_unclaimed(
        &mut self,
        id: TaskId,
        end: TaskState,
        at: UnixMs,
        decided_by: TaskDecidedBy,
    ) -> Reply {
        let Some(kept) = self.tasks.get_mut(&id) else { return Reply::Unchanged(None) };
        let from = kept.record.state;
        if !lifecycle::drop_unclaimed(&mut kept.record, end, at, decided_by) {
            return Reply::Unchanged(Some(from));
        }
        self.moved(id, from);
        Reply::Dropped
    }

    pub(super) fn checkpoint(
        &mut self,
        id: TaskId,
        lease: Lease,
        sequence: u32,
        data: Bytes,
    ) -> Result<Reply, Refusal> {
        limits::at_most("the checkpoint", data.len(), MAX_CHECKPOINT)?;
        let Some(kept) = self.tasks.get_mut(&id) else { return Ok(Reply::Fenced(Fenced::Stale)) };
        if !lifecycle::checkpoint(&mut kept.record, lease, sequence) {
            return Ok(Reply::Fenced(Fenced::Stale));
        }
        kept.checkpoint = Some(data);
        Ok(Reply::Fenced(Fenced::Kept))
    }

    pub(super) fn spool(
        &mut self,
        id: TaskId,
        lease: Lease,
        sequence: u32,
        data: Bytes,
    ) -> Result<Reply, Refusal> {
        limits::at_most("the piece", data.len(), MAX_PIECE)?;
        if self.extend(id, lease) == Fenced::Stale {
            return Ok(Reply::Fenced(Fenced::Stale));
        }
        let fresh = || Spool { lease, pieces: Vec::new(), length: 0 };
        let spool = self.spools.entry(id).or_insert_with(fresh);
        if spool.lease != lease {
            *spool = fresh();
        }
        let expected = u32::try_from(spool.pieces.len()).unwrap_or(u32::MAX);
        if sequence != expected {
            return Err(Refusal::PieceOutOfOrder { sequence, expected });
        }
        let length = spool.length + data.len() as u64;
        if length > self.max_result {
            return Err(Refusal::ResultTooLong { limit: self.max_result });
        }
        spool.length = length;
        spool.pieces.push(data);
        Ok(Reply::Fenced(Fenced::Kept))
    }

    pub(super) fn end_batch(
        &mut self,
        id: BatchId,
        end: BatchEnd,
        at: UnixMs,
    ) -> Result<Reply, Refusal> {
        let batch = self.batches.get_mut(&id).ok_or(Refusal::NoBatch(id))?;
        if batch.ended.is_some() {
            return Ok(Reply::BatchEnded(None));
        }
        batch.ended = Some((end, at));
        let Some(completion) = batch.completion else { return Ok(Reply::BatchEnded(None)) };
        let Some(kept) = self.tasks.get_mut(&completion) else {
            return Ok(Reply::BatchEnded(None));
        };
        if !lifecycle::let_go(&mut kept.record) {
            return Ok(Reply::BatchEnded(None));
        }
        let pending = kept.record.pending();
        self.moved(completion, TaskState::Held);
        Ok(Reply::BatchEnded(Some(Box::new(pending))))
    }

    pub(super) fn requeue(&mut self, id: TaskId, at: UnixMs, expires: Option<UnixMs>) -> Reply {
        let Some(kept) = self.tasks.get_mut(&id) else { return Reply::Unchanged(None) };
        let from = kept.record.state;
        if !lifecycle::requeue(&mut kept.record, at, expires) {
            return Reply::Unchanged(Some(from));
        }
        let pending = kept.record.pending();
        self.moved(id, from);
        Reply::Requeued(Box::new(pending))
    }

    pub(super) fn forget(&mut self, ids: &[TaskId]) -> Purged {
        let mut purged = Purged::default();
        for id in ids {
            if self.tasks.get(id).is_some_and(|kept| kept.record.state.is_final()) {
                self.remove(*id, false);
                purged.tasks += 1;
            }
        }
        purged
    }

    pub(super) fn purge(&mut self, purge: &Purge) -> Purged {
        let from = purge.after.map_or(Bound::Unbounded, Bound::Excluded);
        let seen: Vec<TaskId> = self
            .tasks
            .range((from, Bound::Unbounded))
            .take(PURGE_SCAN)
            .map(|(id, _)| *id)
            .collect();
        let mut purged = Purged::default();
        if seen.len() == PURGE_SCAN {
            purged.next = seen.last().copied();
        }
        for id in seen {
            if self.tasks.get(&id).is_some_and(|kept| purge.removes(&kept.record)) {
                self.remove(id, false);
                purged.tasks += 1;
            }
        }
        if purged.next.is_none() {
            let before = self.batches.len();
            self.batches.retain(|_, batch| !batch.is_spent());
            purged.batches = (before - self.batches.len()) as u64;
        }
        purged
    }

    /// Counts anew a task that was in `from` until now.
    fn moved(&mut self, id: TaskId, from: TaskState) {
        let Some(Kept { record, .. }) = self.tasks.get(&id) else { return };
        self.tally.shift(&record.pool, Some(from), Some(record.state));
        if let Some(batch) = record.batch.and_then(|batch| self.batches.get_mut(&batch)) {
            lifecycle::recount(batch, from, record.state);
        }
    }

    /// Forgets a task: one that was given up, or one that ended long ago.
    fn remove(&mut self, id: TaskId, discarded: bool) {
        let Some(Kept { record, .. }) = self.tasks.remove(&id) else { return };
        self.tally.shift(&record.pool, Some(record.state), None);
        if let Some(key) = record.unique_key {
            self.unique.remove(&(record.pool, key));
        }
        if let Some(batch) = record.batch.and_then(|batch| self.batches.get_mut(&batch)) {
            lifecycle::removed(batch, discarded);
        }
    }
}
