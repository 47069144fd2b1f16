//! One commit: what its commands change, counted along, and written as a whole.

use super::failure::Failure;
use super::meta::Meta;
use super::rows::{AttemptRow, Row};
use super::spool::Spools;
use super::table::{self, Table, Tables};
use crate::limits::MAX_ATTEMPTS;
use crate::{Attempt, BatchRecord, Record, ResultBody, lifecycle};
use hearken_core::task::{BatchId, Lease, TaskId, TaskState};
use std::collections::BTreeMap;

/// A commit under way. Nothing of it is to be seen outside before its end.
#[derive(Debug)]
pub(super) struct Commit<'a> {
    pub(super) tables: &'a Tables,
    pub(super) spools: &'a mut Spools,
    /// As it will be.
    pub(super) meta: Meta,
    /// Batches whose counts change: written once, at the end, however many of their tasks change.
    batches: BTreeMap<BatchId, BatchRecord>,
    /// Tries that are over, and whether their spooled result stays.
    closing: Vec<(TaskId, Lease, bool)>,
    /// Results whose tasks are removed.
    removed: Vec<(TaskId, Lease)>,
    /// The command under way has written something.
    pub(super) written: bool,
    /// Some command has.
    changed: bool,
}

/// What is done to files once the commit is on disk, and never if it fails.
#[derive(Debug)]
pub(super) struct Afterwards {
    pub(super) meta: Meta,
    closing: Vec<(TaskId, Lease, bool)>,
    removed: Vec<(TaskId, Lease)>,
}

impl Afterwards {
    pub(super) fn tidy(&self, spools: &mut Spools) {
        spools.keep();
        for (id, lease, keep) in &self.closing {
            spools.close(*id, *lease, *keep);
        }
        for (id, lease) in &self.removed {
            spools.remove(*id, *lease);
        }
    }
}

impl<'a> Commit<'a> {
    pub(super) fn new(tables: &'a Tables, spools: &'a mut Spools, meta: Meta) -> Self {
        let (batches, closing, removed) = (BTreeMap::new(), Vec::new(), Vec::new());
        Self { tables, spools, meta, batches, closing, removed, written: false, changed: false }
    }

    /// A new life of the store begins.
    pub(super) fn begin_epoch(&mut self) {
        self.meta.epoch += 1;
        self.written = true;
    }

    /// The command under way is done.
    pub(super) fn next(&mut self) {
        self.changed |= std::mem::take(&mut self.written);
    }

    /// Writes what was counted. A commit that changed nothing needs no disk.
    pub(super) fn end(mut self) -> Result<Afterwards, Failure> {
        self.next();
        for (id, batch) in &self.batches {
            self.tables.update(Table::Batch, &table::batch_key(*id), batch)?;
        }
        if self.changed {
            self.meta.commits += 1;
            self.meta.save(self.tables)?;
        }
        Ok(Afterwards { meta: self.meta, closing: self.closing, removed: self.removed })
    }

    pub(super) fn insert(&mut self, to: Table, key: &[u8], row: &impl Row) -> Result<(), Failure> {
        self.written = true;
        self.tables.insert(to, key, row)?;
        self.count(to, 1);
        Ok(())
    }

    /// Removes the rows from the first key to the second.
    pub(super) fn delete(&mut self, from: Table, first: &[u8], last: &[u8]) -> Result<(), Failure> {
        self.written = true;
        let gone = self.tables.delete(from, first, last)?;
        self.count(from, -i64::try_from(gone).unwrap_or(i64::MAX));
        Ok(())
    }

    fn count(&mut self, table: Table, rows: i64) {
        if let Some(count) = table.place().and_then(|place| self.meta.rows.get_mut(place)) {
            *count += rows;
        }
    }

    pub(super) fn task(&self, id: TaskId) -> Result<Option<Record>, Failure> {
        self.tables.get(Table::Task, &table::task_key(id))
    }

    /// The task, if this lease of it holds.
    pub(super) fn leased(&self, id: TaskId, lease: Lease) -> Result<Option<Record>, Failure> {
        Ok(self.task(id)?.filter(|record| lifecycle::holds(record, lease)))
    }

    /// A batch as this commit has it so far.
    pub(super) fn batch(&mut self, id: BatchId) -> Result<Option<&mut BatchRecord>, Failure> {
        if !self.batches.contains_key(&id) {
            let Some(batch) = self.tables.get(Table::Batch, &table::batch_key(id))? else {
                return Ok(None);
            };
            self.batches.insert(id, batch);
        }
        Ok(self.batches.get_mut(&id))
    }

    /// Keeps a task that was in `from` until now.
    pub(super) fn keep(&mut self, from: TaskState, record: &Record) -> Result<(), Failure> {
        if let Some(id) = record.batch
            && let Some(batch) = self.batch(id)?
        {
            lifecycle::recount(batch, from, record.state);
        }
        self.written = true;
        self.tables.update(Table::Task, &table::task_key(record.id), record)?;
        self.meta.tally.shift(&record.pool, Some(from), Some(record.state));
        Ok(())
    }

    /// Adds a line to the history of a task; the oldest goes when there are too many.
    pub(super) fn add_attempt(
        &mut self,
        id: TaskId,
        attempt: Attempt,
        body: Option<ResultBody>,
    ) -> Result<(), Failure> {
        let number = attempt.number;
        let key = table::attempt_key(id, number);
        self.insert(Table::Attempt, &key, &AttemptRow { attempt, body })?;
        if let Some(oldest) = number.checked_sub(MAX_ATTEMPTS) {
            let key = table::attempt_key(id, oldest);
            self.delete(Table::Attempt, &key, &key)?;
        }
        Ok(())
    }

    /// The try is over; its spooled result stays, or goes with the commit.
    pub(super) fn close_spool(&mut self, id: TaskId, lease: Lease, keep: bool) {
        self.closing.push((id, lease, keep));
    }

    /// Forgets a task: one that was given up, or one that ended long ago.
    pub(super) fn remove(&mut self, record: &Record, discarded: bool) -> Result<(), Failure> {
        let (id, key) = (record.id, table::task_key(record.id));
        // A result comes from the last try there was; whether it was spooled, its file tells.
        if record.result_attempt.is_some()
            && let Some(holder) = &record.holder
        {
            self.removed.push((id, holder.lease));
        }
        if let Some(of) = record.batch
            && let Some(batch) = self.batch(of)?
        {
            lifecycle::removed(batch, discarded);
            let key = table::batch_task_key(of, id);
            self.delete(Table::BatchTask, &key, &key)?;
        }
        if let Some(unique) = &record.unique_key {
            let key = table::unique_key(&record.pool, unique);
            self.delete(Table::UniqueKey, &key, &key)?;
        }
        let (first, last) = (table::attempt_key(id, 0), table::attempt_key(id, u32::MAX));
        self.delete(Table::Attempt, &first, &last)?;
        if record.checkpoint.is_some() {
            self.delete(Table::Checkpoint, &key, &key)?;
        }
        self.delete(Table::Input, &key, &key)?;
        self.delete(Table::Task, &key, &key)?;
        self.meta.tally.shift(&record.pool, Some(record.state), None);
        Ok(())
    }

    /// Removes ended batches none of whose tasks is kept. Answers how many.
    pub(super) fn remove_spent_batches(&mut self, at_most: usize) -> Result<u64, Failure> {
        // What this commit counted must be in the rows that are looked at.
        for (id, batch) in std::mem::take(&mut self.batches) {
            self.tables.update(Table::Batch, &table::batch_key(id), &batch)?;
        }
        let mut spent = Vec::new();
        let all = table::Walk::Up(&[], table::LAST_KEY);
        self.tables.walk(Table::Batch, all, |key, batch: BatchRecord| {
            if batch.is_spent() {
                spent.push(key.to_vec());
            }
            Ok(table::until(spent.len() == at_most))
        })?;
        for key in &spent {
            self.delete(Table::Batch, key, key)?;
        }
        Ok(spent.len() as u64)
    }
}
