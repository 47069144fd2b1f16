//! Opening a store: what it finds, what it refuses, and what it does first.

use super::commits_file::{self, CommitsFile, Told};
use super::create;
use super::failure::Failure;
use super::meta::Meta;
use super::read::SqliteReader;
use super::schema::{self, Version};
use super::spool::Spools;
use super::table::{self, Table, Tables};
use super::verify;
use super::{Durability, SqliteStore};
use crate::{Record, StoreError, lifecycle};
use rusqlite::{Connection, OpenFlags};
use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The database, in the state directory.
const NAME: &str = "tasks.db";
/// How long somebody else's lock on the file is waited for: a moment's look at it with a database
/// shell must fail nothing, and a commit must not hang behind one.
const PATIENCE: Duration = Duration::from_secs(1);

/// What was found when a store was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opened {
    /// The epoch that began.
    pub epoch: u64,
    /// How many tasks were running when the last supervisor ended; they wait again.
    pub lost_leases: u64,
    /// How many commits a power cut took from a relaxed store.
    pub lost_commits: u64,
    /// The file that knows how many commits were acknowledged is gone: whether some are missing
    /// cannot be told.
    pub unwitnessed: bool,
    /// How many files of results that nobody finished were removed.
    pub orphans: u64,
}

impl SqliteStore {
    /// Opens the store in this folder, or makes one. Takes time in proportion to the number of tasks
    /// that are kept: each is read and checked.
    ///
    /// The folder must be locked by the caller: two stores over one file would give out the same
    /// leases.
    ///
    /// # Errors
    /// If it cannot be read and written, is damaged, was written by a later hearken, or is something
    /// else; then it is left as it is.
    pub fn open(
        folder: &Path,
        durability: Durability,
        max_result: u64,
    ) -> Result<Self, StoreError> {
        let path = folder.join(NAME);
        let told = commits_file::read(folder)
            .map_err(|error| unusable(folder.join(commits_file::NAME), &error))?;
        if told == Told::Damaged {
            return Err(StoreError::Corrupt {
                path: folder.join(commits_file::NAME),
                what: "it is not what was written; remove it to open the store without knowing whether commits are missing".to_owned(),
            });
        }
        let fails = |failure| failed(failure, &path);
        let found = look(&path)?;
        let known = accept(found, told, &path)?;
        let unwitnessed = known.is_some() && told == Told::Nothing;
        let version = match known {
            Some(version) => version,
            None => create::create(folder, NAME).map_err(fails)?,
        };
        let tables = Tables(connect(&path).map_err(fails)?);
        let (meta, running) = load(&tables, version).map_err(fails)?;
        let lost_commits = compare(told, meta.commits, folder)?;
        let spools = Spools::open(folder, max_result).map_err(fails)?;
        let commits_file = CommitsFile::open(folder, meta.commits, durability)
            .map_err(|error| unusable(folder.join(commits_file::NAME), &error))?;
        let opened = Opened {
            epoch: meta.epoch + 1,
            lost_leases: running.len() as u64,
            lost_commits,
            unwitnessed,
            orphans: 0,
        };
        let reader = SqliteReader { tables, path };
        let mut store =
            Self { reader, spools, meta, commits_file, opened, broken: None, uncheckpointed: 0 };
        store.begin_epoch(running)?;
        store.opened.orphans = store.remove_orphans();
        store.set_durability(durability)?;
        Ok(store)
    }

    /// A second connection to the same store, for questions.
    ///
    /// # Errors
    /// If the file cannot be opened.
    pub fn reader(&self) -> Result<SqliteReader, StoreError> {
        let path = self.reader.path.clone();
        let connect = || -> Result<Connection, Failure> {
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let connection = Connection::open_with_flags(&path, flags)?;
            tune(&connection)?;
            Ok(connection)
        };
        match connect() {
            Ok(connection) => Ok(SqliteReader { tables: Tables(connection), path }),
            Err(failure) => Err(failure.into_error(&path)),
        }
    }

    /// Every running task waits again: whoever held it is gone with the supervisor that gave the lease.
    /// In the same commit the epoch begins, so no lease of this one is given before the next cannot
    /// be it.
    fn begin_epoch(&mut self, running: Vec<Record>) -> Result<(), StoreError> {
        self.reader
            .tables
            .0
            .pragma_update(None, "synchronous", "FULL")
            .map_err(|error| Failure::from(error).into_error(&self.reader.path))?;
        self.transact(|commit| {
            commit.begin_epoch();
            for mut record in running {
                let from = record.state;
                if let Some(attempt) = lifecycle::lose_lease(&mut record) {
                    commit.keep(from, &record)?;
                    commit.add_attempt(record.id, attempt, None)?;
                }
            }
            Ok(())
        })
    }

    fn set_durability(&mut self, durability: Durability) -> Result<(), StoreError> {
        let synchronous = match durability {
            Durability::Strict => "FULL",
            Durability::Relaxed => "NORMAL",
        };
        self.reader
            .tables
            .0
            .pragma_update(None, "synchronous", synchronous)
            .map_err(|error| Failure::from(error).into_error(&self.reader.path))
    }

    /// Removes results that no task has: their try was cut short. What cannot be looked at stays.
    fn remove_orphans(&self) -> u64 {
        let mut removed = 0;
        for (id, lease) in self.spools.files().unwrap_or_default() {
            let task = self.reader.tables.get::<Record>(Table::Task, &table::task_key(id));
            let Ok(task) = task else { continue };
            let wanted = task.is_some_and(|record| {
                record.result_attempt.is_some()
                    && record.holder.is_some_and(|holder| holder.lease == lease)
            });
            removed += u64::from(!wanted && self.spools.remove(id, lease));
        }
        removed
    }
}

/// What a failure means while the store is not open yet.
fn failed(failure: Failure, path: &Path) -> StoreError {
    match failure {
        Failure::Write(path, error) | Failure::Sync(path, error) => unusable(path, &error),
        Failure::Damaged(_) | Failure::Unusable(_) | Failure::Sqlite(_) | Failure::Refused(_) => {
            failure.into_error(path)
        }
    }
}

fn unusable(path: PathBuf, error: &std::io::Error) -> StoreError {
    let next = [
        (ErrorKind::PermissionDenied, "; give this user the right to read and write it"),
        (ErrorKind::ReadOnlyFilesystem, "; mount it writable, or choose another state_directory"),
        (ErrorKind::StorageFull, "; make room on its file system"),
    ];
    let next = next.into_iter().find(|(kind, _)| *kind == error.kind()).map_or("", |(_, it)| it);
    StoreError::Unusable { path, reason: format!("{error}{next}") }
}

/// What the file is, without changing a byte of it. That it can be written is seen first: SQLite would
/// open one it cannot write for reading only, and say so much later.
fn look(path: &Path) -> Result<Version, StoreError> {
    match OpenOptions::new().read(true).write(true).open(path) {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Version::Empty),
        Err(error) => return Err(unusable(path.to_owned(), &error)),
    }
    let look = || {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        schema::version(&connection)
    };
    look().map_err(|failure| failure.into_error(path))
}

/// The version to start from, if it is one we can; `None`: there is none yet.
fn accept(found: Version, told: Told, path: &Path) -> Result<Option<i64>, StoreError> {
    let path = path.to_owned();
    match found {
        Version::Foreign => Err(StoreError::Foreign { path }),
        Version::Empty => match told {
            Told::Commits(commits, _) => {
                let what = format!("it is empty, but {commits} commits were made to it");
                Err(StoreError::Corrupt { path, what })
            }
            Told::Nothing | Told::Damaged => Ok(None),
        },
        Version::Store(version @ 1..=schema::VERSION) => Ok(Some(version)),
        Version::Store(found) if found > schema::VERSION => {
            Err(StoreError::Newer { path, found, known: schema::VERSION })
        }
        Version::Store(found) => {
            Err(StoreError::Corrupt { path, what: format!("there is no schema {found}") })
        }
    }
}

/// The connection that writes.
fn connect(path: &Path) -> Result<Connection, Failure> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    tune(&connection)?;
    Ok(connection)
}

fn tune(connection: &Connection) -> Result<(), Failure> {
    connection.busy_timeout(PATIENCE)?;
    connection.set_prepared_statement_cache_capacity(64);
    connection.pragma_update(None, "cell_size_check", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    Ok(())
}

/// Brings the schema up to date, and checks everything that is there.
fn load(tables: &Tables, version: i64) -> Result<(Meta, Vec<Record>), Failure> {
    // The first look at the header, after which SQLite knows whether it may write.
    schema::version(&tables.0)?;
    if tables.0.is_readonly(rusqlite::MAIN_DB)? {
        let what = "its header says that it must not be written, and its rights say that it may";
        return Err(Failure::Damaged(what.to_owned()));
    }
    tables.0.pragma_update(None, "synchronous", "FULL")?;
    schema::migrate(tables, version)?;
    schema::check(&tables.0)?;
    let mode: String = tables.0.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    if mode != "wal" {
        return Err(Failure::Unusable(format!(
            "its file system does not allow a write-ahead log (SQLite stays in mode {mode}); choose a state_directory on a local disk"
        )));
    }
    // Each commit would do it otherwise, and keep to itself what went wrong.
    tables.0.pragma_update(None, "wal_autocheckpoint", 0)?;
    tables.0.pragma_update(None, "journal_size_limit", 64 * 1024 * 1024)?;
    let meta = Meta::load(tables)?;
    let running = verify::verify(tables, &meta)?;
    Ok((meta, running))
}

/// How many commits are missing of those that were acknowledged.
fn compare(told: Told, commits: u64, folder: &Path) -> Result<u64, StoreError> {
    let path = folder.join(NAME);
    match told {
        Told::Nothing | Told::Damaged => Ok(0),
        Told::Commits(told, _) if told <= commits => Ok(0),
        Told::Commits(told, Durability::Relaxed) => Ok(told - commits),
        Told::Commits(told, Durability::Strict) => {
            let what = format!(
                "{} of the {told} commits that were acknowledged are missing; to go on without them, remove {}",
                told - commits,
                commits_file::NAME
            );
            Err(StoreError::Corrupt { path, what })
        }
    }
}
