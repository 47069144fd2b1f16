//! The tables. All have the same two columns: a key, and the sealed bytes of a row.
//!
//! They are `WITHOUT ROWID`, so that a table is one B-tree whose inner cells are rows too: when every
//! row is whole and the keys ascend, a look-up finds whatever a walk finds.

use super::failure::Failure;
use super::rows::Row;
use super::seal;
use hearken_core::task::{BatchId, TaskId};
use rusqlite::{Connection, OptionalExtension, params};
use std::ops::ControlFlow;

/// Which table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Table {
    /// Task id → where it stands.
    Task,
    /// Task id → what the worker gets. It never changes.
    Input,
    /// Task id, number → one try.
    Attempt,
    /// Task id → what the next try goes on from.
    Checkpoint,
    /// Batch id → how it stands.
    Batch,
    /// Batch id, task id → the task id: the tasks of a batch.
    BatchTask,
    /// Pool, unique key → the task that has it.
    UniqueKey,
    /// One row: what is true of the whole.
    Meta,
}

impl Table {
    /// Every table whose rows are counted.
    pub(super) const COUNTED: [Self; 7] = [
        Self::Task,
        Self::Input,
        Self::Attempt,
        Self::Checkpoint,
        Self::Batch,
        Self::BatchTask,
        Self::UniqueKey,
    ];

    /// Its name in the schema.
    pub(super) fn name(self) -> &'static str {
        self.sql().name
    }

    /// Its place among the counts.
    pub(super) fn place(self) -> Option<usize> {
        Self::COUNTED.into_iter().position(|table| table == self)
    }

    fn sql(self) -> Sql {
        macro_rules! sql {
            ($name:literal) => {
                Sql {
                    name: $name,
                    get: concat!("SELECT record FROM ", $name, " WHERE id = ?1"),
                    insert: concat!("INSERT INTO ", $name, " (id, record) VALUES (?1, ?2)"),
                    update: concat!("UPDATE ", $name, " SET record = ?2 WHERE id = ?1"),
                    delete: concat!("DELETE FROM ", $name, " WHERE id BETWEEN ?1 AND ?2"),
                    up: concat!(
                        "SELECT id, record FROM ",
                        $name,
                        " WHERE id > ?1 AND id <= ?2 ORDER BY id"
                    ),
                    down: concat!(
                        "SELECT id, record FROM ",
                        $name,
                        " WHERE id > ?1 AND id < ?2 ORDER BY id DESC"
                    ),
                    count: concat!("SELECT count(*) FROM ", $name),
                }
            };
        }
        match self {
            Self::Task => sql!("task"),
            Self::Input => sql!("input"),
            Self::Attempt => sql!("attempt"),
            Self::Checkpoint => sql!("checkpoint"),
            Self::Batch => sql!("batch"),
            Self::BatchTask => sql!("batch_task"),
            Self::UniqueKey => sql!("unique_key"),
            Self::Meta => sql!("meta"),
        }
    }

    /// What a key is about, for people.
    fn describe(self, key: &[u8]) -> String {
        let id = key.first_chunk().map(|id| u128::from_be_bytes(*id));
        let row = self.name();
        match (self, id) {
            (Self::Task | Self::Input | Self::Attempt | Self::Checkpoint, Some(id)) => {
                format!("the {row} of task {}", TaskId::from_u128(id))
            }
            (Self::Batch | Self::BatchTask, Some(id)) => {
                format!("the {row} of batch {}", BatchId::from_u128(id))
            }
            (_, _) => format!("a row of {row}"),
        }
    }

    fn damaged(self, key: &[u8], how: &str) -> Failure {
        Failure::Damaged(format!("{} {how}", self.describe(key)))
    }
}

/// The statements of a table.
struct Sql {
    name: &'static str,
    get: &'static str,
    insert: &'static str,
    update: &'static str,
    delete: &'static str,
    up: &'static str,
    down: &'static str,
    count: &'static str,
}

/// Which way a table is walked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Walk<'a> {
    /// From behind the first key up to the second, which belongs to it.
    Up(&'a [u8], &'a [u8]),
    /// From before the second key down to the first, neither of which belongs to it.
    Down(&'a [u8], &'a [u8]),
}

/// A key behind every other: ids are shorter, and no text holds such a byte.
pub(super) const LAST_KEY: &[u8] = &[0xff; 40];

/// The tables, over one connection.
#[derive(Debug)]
pub(super) struct Tables(pub(super) Connection);

impl Tables {
    /// What stands under this key.
    pub(super) fn get<T: Row>(&self, table: Table, key: &[u8]) -> Result<Option<T>, Failure> {
        let mut statement = self.0.prepare_cached(table.sql().get)?;
        let found = statement
            .query_row([key], |row| Ok(seal::open(table, key, blob(row, 0))))
            .optional()?;
        match found {
            None => Ok(None),
            Some(Some(row)) => Ok(Some(row)),
            Some(None) => Err(table.damaged(key, "is not what was written")),
        }
    }

    /// What must stand under this key.
    pub(super) fn expect<T: Row>(&self, table: Table, key: &[u8]) -> Result<T, Failure> {
        self.get(table, key)?.ok_or_else(|| table.damaged(key, "is missing"))
    }

    /// Whether something stands under this key.
    pub(super) fn has(&self, table: Table, key: &[u8]) -> Result<bool, Failure> {
        Ok(self.0.prepare_cached(table.sql().get)?.exists([key])?)
    }

    /// Puts a row under a key that has none.
    pub(super) fn insert(&self, table: Table, key: &[u8], row: &impl Row) -> Result<(), Failure> {
        let bytes = seal::seal(table, key, row);
        self.0.prepare_cached(table.sql().insert)?.execute(params![key, bytes])?;
        Ok(())
    }

    /// Puts a row in place of the one under this key.
    pub(super) fn update(&self, table: Table, key: &[u8], row: &impl Row) -> Result<(), Failure> {
        let bytes = seal::seal(table, key, row);
        match self.0.prepare_cached(table.sql().update)?.execute(params![key, bytes])? {
            1 => Ok(()),
            _ => Err(table.damaged(key, "is missing")),
        }
    }

    /// Removes all rows from the first key to the second. Answers how many there were.
    pub(super) fn delete(&self, table: Table, from: &[u8], to: &[u8]) -> Result<u64, Failure> {
        let gone = self.0.prepare_cached(table.sql().delete)?.execute([from, to])?;
        Ok(gone as u64)
    }

    /// Shows rows one by one, in the order of their keys or against it, until told to stop.
    pub(super) fn walk<T: Row>(
        &self,
        table: Table,
        walk: Walk<'_>,
        mut each: impl FnMut(&[u8], T) -> Result<ControlFlow<()>, Failure>,
    ) -> Result<(), Failure> {
        let (sql, first, second) = match walk {
            Walk::Up(first, second) => (table.sql().up, first, second),
            Walk::Down(first, second) => (table.sql().down, first, second),
        };
        let mut statement = self.0.prepare_cached(sql)?;
        let mut rows = statement.query([first, second])?;
        let mut last: Option<Vec<u8>> = None;
        while let Some(row) = rows.next()? {
            let key = blob(row, 0);
            let in_order = last.as_deref().is_none_or(|last| match walk {
                Walk::Up(..) => last < key,
                Walk::Down(..) => last > key,
            });
            if !in_order {
                return Err(table.damaged(key, "is out of its order"));
            }
            let Some(value) = seal::open(table, key, blob(row, 1)) else {
                return Err(table.damaged(key, "is not what was written"));
            };
            if each(key, value)?.is_break() {
                break;
            }
            let last = last.get_or_insert_default();
            last.clear();
            last.extend_from_slice(key);
        }
        Ok(())
    }

    /// How many rows there are.
    pub(super) fn count(&self, table: Table) -> Result<u64, Failure> {
        let count: i64 = self.0.query_row(table.sql().count, [], |row| row.get(0))?;
        Ok(u64::try_from(count).unwrap_or_default())
    }
}

/// Whether a walk has seen enough.
pub(super) fn until(enough: bool) -> ControlFlow<()> {
    if enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
}

/// The bytes in a column. What was damaged into another type is no bytes, and fits no seal.
fn blob<'a>(row: &'a rusqlite::Row<'_>, column: usize) -> &'a [u8] {
    row.get_ref(column).ok().and_then(|value| value.as_blob().ok()).unwrap_or_default()
}

/// The key of what belongs to a task.
pub(super) fn task_key(id: TaskId) -> [u8; 16] {
    id.to_u128().to_be_bytes()
}

/// The key of a batch.
pub(super) fn batch_key(id: BatchId) -> [u8; 16] {
    id.to_u128().to_be_bytes()
}

/// The key of one try of a task.
pub(super) fn attempt_key(id: TaskId, number: u32) -> [u8; 20] {
    joined(&task_key(id), &number.to_be_bytes())
}

/// The key of a task of a batch.
pub(super) fn batch_task_key(batch: BatchId, task: TaskId) -> [u8; 32] {
    joined(&batch_key(batch), &task_key(task))
}

/// The key of what is unique in a pool. No text holds the byte between them.
pub(super) fn unique_key(pool: &str, key: &str) -> Vec<u8> {
    [pool.as_bytes(), &[0xff], key.as_bytes()].concat()
}

fn joined<const N: usize>(front: &[u8], back: &[u8]) -> [u8; N] {
    let mut key = [0; N];
    for (to, from) in key.iter_mut().zip(front.iter().chain(back)) {
        *to = *from;
    }
    key
}
