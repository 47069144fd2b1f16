//! Whether what is in the file is what was written: asked when it is opened.
//!
//! Every task is read, and its seal checked; all tables are counted and compared with the counts that were
//! committed with them. What a task brings along (its input, its tries, its checkpoint) is checked when it
//! is read, and its absence is seen then: the task's own row says what there must be.

use super::failure::Failure;
use super::meta::Meta;
use super::table::{self, Table, Tables, Walk};
use crate::tally::Tally;
use crate::{BatchRecord, Record};
use hearken_core::task::{TaskId, TaskState};

/// Checks the whole. Answers the tasks that were running when the last supervisor ended.
pub(super) fn verify(tables: &Tables, meta: &Meta) -> Result<Vec<Record>, Failure> {
    let all = Walk::Up(&[], table::LAST_KEY);
    let mut tally = Tally::default();
    let mut running = Vec::new();
    let (mut in_batches, mut with_keys, mut checkpoints) = (0, 0, 0);
    tables.walk(Table::Task, all, |key, record: Record| {
        if table::task_key(record.id) != key {
            return Err(Failure::Damaged(format!(
                "the task {} lies in another's place",
                record.id
            )));
        }
        tally.shift(&record.pool, None, Some(record.state));
        in_batches += i64::from(record.batch.is_some());
        with_keys += i64::from(record.unique_key.is_some());
        checkpoints += i64::from(record.checkpoint.is_some());
        if record.state == TaskState::Running {
            running.push(record);
        }
        Ok(table::until(false))
    })?;
    if !tally.iter().eq(meta.tally.iter()) {
        let what = format!(
            "it holds {} tasks, by pool and state, where {} were written",
            tally.total(),
            meta.tally.total()
        );
        return Err(Failure::Damaged(what));
    }
    let mut batches = 0;
    tables.walk(Table::Batch, all, |_, _: BatchRecord| {
        batches += 1;
        Ok(table::until(false))
    })?;
    for (index, expected) in [(Table::BatchTask, in_batches), (Table::UniqueKey, with_keys)] {
        let mut rows = 0;
        tables.walk(index, all, |_, _: TaskId| {
            rows += 1;
            Ok(table::until(false))
        })?;
        same_count(index, rows, expected)?;
    }
    let tasks = tally.total();
    for (table, written) in Table::COUNTED.into_iter().zip(meta.rows) {
        let found = match table {
            Table::Task => tasks,
            Table::Batch => batches,
            Table::BatchTask => in_batches,
            Table::UniqueKey => with_keys,
            Table::Input | Table::Attempt | Table::Checkpoint | Table::Meta => {
                i64::try_from(tables.count(table)?).unwrap_or(i64::MAX)
            }
        };
        same_count(table, found, written)?;
        match table {
            Table::Input => same_count(table, found, tasks)?,
            Table::Checkpoint => same_count(table, found, checkpoints)?,
            Table::Task
            | Table::Attempt
            | Table::Batch
            | Table::BatchTask
            | Table::UniqueKey
            | Table::Meta => {}
        }
    }
    Ok(running)
}

fn same_count(table: Table, found: i64, written: i64) -> Result<(), Failure> {
    if found == written {
        return Ok(());
    }
    let table = table.name();
    Err(Failure::Damaged(format!("{table} holds {found} rows where {written} were written")))
}
