//! What can be asked of the tables, over a connection that writes or over one that does not.

use super::failure::Failure;
use super::meta::Meta;
use super::rows::AttemptRow;
use super::spool;
use super::table::{self, Table, Tables, Walk};
use crate::limits::QUERY_SCAN;
use crate::{
    BatchRecord, Count, Filter, History, Listed, Page, Pending, Pieces, Read, Record, ResultBody,
    StoreError, StoredResult, lifecycle,
};
use hearken_core::task::{BatchId, TaskId, TaskState};
use std::path::{Path, PathBuf};

/// A second connection, for questions: a long list holds up no commit.
#[derive(Debug)]
pub struct SqliteReader {
    pub(super) tables: Tables,
    /// The database.
    pub(super) path: PathBuf,
}

impl SqliteReader {
    /// Asks within one snapshot: what is read first still fits what is read last.
    fn ask<T>(
        &mut self,
        question: impl FnOnce(&Tables, &Path) -> Result<T, Failure>,
    ) -> Result<T, StoreError> {
        let snapshot = || {
            let snapshot = self.tables.0.unchecked_transaction()?;
            let answer = question(&self.tables, &self.path)?;
            snapshot.commit()?;
            Ok(answer)
        };
        snapshot().map_err(|failure: Failure| failure.into_error(&self.path))
    }
}

impl Read for SqliteReader {
    fn waiting(&mut self, after: Option<TaskId>, limit: usize) -> Result<Vec<Pending>, StoreError> {
        self.ask(|tables, _| {
            let first = after.map(table::task_key);
            let mut waiting = Vec::new();
            tables.walk(Table::Task, behind(first.as_ref()), |_, record: Record| {
                if record.state == TaskState::Waiting && waiting.len() < limit {
                    waiting.push(record.pending());
                }
                Ok(table::until(waiting.len() >= limit))
            })?;
            Ok(waiting)
        })
    }

    fn open_batches(
        &mut self,
        after: Option<BatchId>,
        limit: usize,
    ) -> Result<Vec<BatchRecord>, StoreError> {
        self.ask(|tables, _| {
            let first = after.map(table::batch_key);
            let mut open = Vec::new();
            tables.walk(Table::Batch, behind(first.as_ref()), |_, batch: BatchRecord| {
                if batch.ended.is_none() && open.len() < limit {
                    open.push(batch);
                }
                Ok(table::until(open.len() >= limit))
            })?;
            Ok(open)
        })
    }

    fn query(&mut self, filter: &Filter) -> Result<Page, StoreError> {
        self.ask(|tables, _| page(tables, filter))
    }

    fn show(&mut self, id: TaskId) -> Result<Option<Box<History>>, StoreError> {
        self.ask(|tables, _| {
            let key = table::task_key(id);
            let Some(record) = tables.get::<Record>(Table::Task, &key)? else { return Ok(None) };
            let checkpoint = match record.checkpoint {
                Some(_) => Some(tables.expect(Table::Checkpoint, &key)?),
                None => None,
            };
            let attempts = lifecycle::kept_attempts(&record)
                .map(|number| {
                    let key = table::attempt_key(id, number);
                    Ok(tables.expect::<AttemptRow>(Table::Attempt, &key)?.attempt)
                })
                .collect::<Result<_, Failure>>()?;
            let batch = match record.batch {
                Some(batch) => tables.get(Table::Batch, &table::batch_key(batch))?,
                None => None,
            };
            let input = tables.expect(Table::Input, &key)?;
            Ok(Some(Box::new(History { record, input, checkpoint, attempts, batch })))
        })
    }

    fn batch(&mut self, id: BatchId) -> Result<Option<BatchRecord>, StoreError> {
        self.ask(|tables, _| tables.get(Table::Batch, &table::batch_key(id)))
    }

    fn result(&mut self, id: TaskId) -> Result<Option<StoredResult>, StoreError> {
        let found = self.ask(|tables, path| {
            let Some(record) = tables.get::<Record>(Table::Task, &table::task_key(id))? else {
                return Ok(None);
            };
            let Some(number) = record.result_attempt else { return Ok(None) };
            let key = table::attempt_key(id, number);
            let AttemptRow { attempt, body } = tables.expect(Table::Attempt, &key)?;
            let Some((meta, body)) = attempt.result.zip(body) else { return Ok(None) };
            let pieces = match body {
                ResultBody::Inline(bytes) => Ok(Pieces::new(std::iter::once(Ok(bytes)))),
                ResultBody::Spooled { pieces, length } => {
                    let folder = spool::folder(path.parent().unwrap_or(Path::new("")));
                    spool::pieces(&folder, id, attempt.lease, pieces, length)
                }
            };
            Ok(Some((meta, pieces)))
        })?;
        let Some((meta, pieces)) = found else { return Ok(None) };
        Ok(Some(StoredResult {
            content_type: meta.content_type,
            summary: meta.summary,
            length: meta.length,
            pieces: pieces?,
        }))
    }

    fn counts(&mut self) -> Result<Vec<Count>, StoreError> {
        self.ask(|tables, _| Ok(Meta::load(tables)?.tally.counts()))
    }
}

fn behind(first: Option<&[u8; 16]>) -> Walk<'_> {
    Walk::Up(first.map_or(&[], |key| key), table::LAST_KEY)
}

/// A page of a list: a walk over all tasks, or over those of a batch.
fn page(tables: &Tables, filter: &Filter) -> Result<Page, Failure> {
    let prefix = filter.batch.map(|batch| table::batch_key(batch).to_vec()).unwrap_or_default();
    let edge = filter.after.map(|id| [&prefix[..], &table::task_key(id)].concat());
    let end = [&prefix[..], table::LAST_KEY].concat();
    let walk = if filter.newest_first {
        Walk::Down(&prefix, edge.as_ref().unwrap_or(&end))
    } else {
        Walk::Up(edge.as_ref().unwrap_or(&prefix), &end)
    };
    let mut listing = Listing::new(filter);
    if filter.batch.is_some() {
        tables.walk(Table::BatchTask, walk, |_, id: TaskId| {
            let record = tables.expect(Table::Task, &table::task_key(id))?;
            Ok(table::until(listing.see(record)))
        })?;
    } else {
        tables.walk(Table::Task, walk, |_, record| Ok(table::until(listing.see(record))))?;
    }
    listing.into_page(tables)
}

/// A page as it grows.
struct Listing<'a> {
    filter: &'a Filter,
    found: Vec<Record>,
    seen: usize,
    last: Option<TaskId>,
    more: bool,
}

impl<'a> Listing<'a> {
    fn new(filter: &'a Filter) -> Self {
        Self { filter, found: Vec::new(), seen: 0, last: None, more: false }
    }

    /// Looks at one more task. Whether it was one too many.
    fn see(&mut self, record: Record) -> bool {
        let shown = self.filter.shows(&record);
        let full = self.found.len() == self.filter.page_size();
        self.more = self.seen == QUERY_SCAN || shown && full;
        if self.more {
            return true;
        }
        self.seen += 1;
        self.last = Some(record.id);
        if shown {
            self.found.push(record);
        }
        false
    }

    fn into_page(self, tables: &Tables) -> Result<Page, Failure> {
        let tasks = self.found.into_iter().map(|record| {
            let last_error = tables.last_error(&record)?;
            Ok(Listed { record, last_error })
        });
        Ok(Page {
            tasks: tasks.collect::<Result<_, Failure>>()?,
            next: self.last.filter(|_| self.more),
        })
    }
}
