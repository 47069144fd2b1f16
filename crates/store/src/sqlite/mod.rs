//! The store on disk: SQLite, with a write-ahead log, a checksum on every row, and counts of all.

mod change;
mod codec;
mod commit;
mod commits_file;
mod create;
mod failure;
mod meta;
mod open;
mod read;
mod rows;
mod schema;
mod seal;
mod spool;
mod table;
mod verify;

pub use open::Opened;
pub use read::SqliteReader;

use crate::{
    BatchRecord, Command, Count, Filter, History, Page, Pending, Read, Reply, Store, StoreError,
    StoredResult,
};
use commit::Commit;
use commits_file::CommitsFile;
use failure::Failure;
use hearken_core::task::{BatchId, TaskId};
use meta::Meta;
use rusqlite::config::DbConfig;
use spool::Spools;

/// The write-ahead log is moved into the database after so many bytes.
const CHECKPOINT: u64 = 16 * 1024 * 1024;
/// About what a command writes to it, beside what it carries.
const PER_COMMAND: u64 = 2 * 1024;

/// When an answer of the store is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Once it is on disk: no power cut takes back what was answered.
    Strict,
    /// Once the kernel has it: a crash of the supervisor takes nothing back, but a power cut may take the
    /// last seconds, as a whole and never in part.
    Relaxed,
}

impl Durability {
    /// The name that stands in the config and in logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Strict => "strict",
            Self::Relaxed => "relaxed",
        }
    }
}

/// The store of `durability = "strict"` and `"relaxed"`. Its commits wait for the disk: it belongs on a
/// [thread](crate::StoreThread) of its own.
#[derive(Debug)]
pub struct SqliteStore {
    /// The connection that writes.
    reader: SqliteReader,
    spools: Spools,
    /// As of the last commit.
    meta: Meta,
    commits_file: CommitsFile,
    opened: Opened,
    /// Why nothing is done any more.
    broken: Option<StoreError>,
    /// About how many bytes are in the write-ahead log.
    uncheckpointed: u64,
}

impl SqliteStore {
    /// What was found when it was opened.
    #[must_use]
    pub fn opened(&self) -> Opened {
        self.opened
    }

    /// Does all of `change` in one commit, or nothing.
    fn transact<T>(
        &mut self,
        change: impl FnOnce(&mut Commit<'_>) -> Result<T, Failure>,
    ) -> Result<T, StoreError> {
        if let Some(broken) = &self.broken {
            return Err(broken.clone());
        }
        let tables = &self.reader.tables;
        let commit = || {
            tables.0.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
            let mut commit = Commit::new(tables, &mut self.spools, self.meta.clone());
            let answer = change(&mut commit)?;
            let afterwards = commit.end()?;
            tables.0.prepare_cached("COMMIT")?.execute([])?;
            Ok((answer, afterwards))
        };
        match commit() {
            Ok((answer, afterwards)) => {
                self.commits_file.note(afterwards.meta.commits);
                afterwards.tidy(&mut self.spools);
                self.meta = afterwards.meta;
                Ok(answer)
            }
            Err(failure) => Err(self.fail(failure)),
        }
    }

    /// Leaves everything as it was before the commit that failed.
    fn fail(&mut self, failure: Failure) -> StoreError {
        let error = failure.into_error(&self.reader.path);
        self.spools.undo();
        let connection = &self.reader.tables.0;
        // Some failures end the transaction by themselves.
        if !connection.is_autocommit()
            && let Err(error) = connection.execute_batch("ROLLBACK")
        {
            return self.give_up(Failure::from(error).into_error(&self.reader.path));
        }
        if let StoreError::Broken { .. } = error { self.give_up(error) } else { error }
    }

    /// Does nothing from now on, and not even a last fsync when it is closed.
    fn give_up(&mut self, error: StoreError) -> StoreError {
        let connection = &self.reader.tables.0;
        let _closed_as_it_is =
            connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
        self.broken = Some(error.clone());
        error
    }

    /// Moves the write-ahead log into the database when it has grown long. What does not go well
    /// now is tried again when it has grown as much once more; nothing is lost by it. After a failed
    /// fsync nothing more is done; the commit before stands.
    fn checkpoint(&mut self, written: u64) {
        self.uncheckpointed += written;
        if self.uncheckpointed < CHECKPOINT {
            return;
        }
        self.uncheckpointed = 0;
        let moved =
            self.reader.tables.0.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
        let Err(error) = moved else { return };
        let error = Failure::from(error).into_error(&self.reader.path);
        if let StoreError::Broken { .. } = error {
            self.give_up(error);
        }
    }
}

impl Store for SqliteStore {
    fn epoch(&self) -> u64 {
        self.meta.epoch
    }

    fn apply(&mut self, commands: Vec<Command>) -> Result<Vec<Reply>, StoreError> {
        let written = commands.iter().map(|command| PER_COMMAND + command.weight()).sum();
        let replies = self.transact(|commit| {
            commands.into_iter().map(|command| commit.change(command)).collect()
        })?;
        self.checkpoint(written);
        Ok(replies)
    }
}

impl Read for SqliteStore {
    fn waiting(&mut self, after: Option<TaskId>, limit: usize) -> Result<Vec<Pending>, StoreError> {
        self.reader.waiting(after, limit)
    }

    fn open_batches(
        &mut self,
        after: Option<BatchId>,
        limit: usize,
    ) -> Result<Vec<BatchRecord>, StoreError> {
        self.reader.open_batches(after, limit)
    }

    fn query(&mut self, filter: &Filter) -> Result<Page, StoreError> {
        self.reader.query(filter)
    }

    fn show(&mut self, id: TaskId) -> Result<Option<Box<History>>, StoreError> {
        self.reader.show(id)
    }

    fn batch(&mut self, id: BatchId) -> Result<Option<BatchRecord>, StoreError> {
        self.reader.batch(id)
    }

    fn result(&mut self, id: TaskId) -> Result<Option<StoredResult>, StoreError> {
        self.reader.result(id)
    }

    fn counts(&mut self) -> Result<Vec<Count>, StoreError> {
        self.reader.counts()
    }
}
