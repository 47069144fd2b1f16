//! What can go wrong inside, and what it means for the whole store.

use crate::{Refusal, StoreError};
use rusqlite::ffi;
use std::io;
use std::path::{Path, PathBuf};

/// Why a step of a commit, or of a read, did not succeed.
#[derive(Debug)]
pub(super) enum Failure {
    /// The command is wrong; nothing of it was written.
    Refused(Refusal),
    /// A row is not what was written; said as "the row of …".
    Damaged(String),
    /// It cannot be opened.
    Unusable(String),
    /// SQLite's word.
    Sqlite(rusqlite::Error),
    /// A file beside the database could not be written.
    Write(PathBuf, io::Error),
    /// A file beside the database could not be brought to disk.
    Sync(PathBuf, io::Error),
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl Failure {
    /// What it means for the store in this file.
    pub(super) fn into_error(self, path: &Path) -> StoreError {
        let path = path.to_owned();
        match self {
            Self::Damaged(what) => StoreError::Corrupt { path, what },
            Self::Unusable(reason) => StoreError::Unusable { path, reason },
            Self::Sqlite(error) => of_sqlite(&error, path),
            Self::Write(path, error) => StoreError::Full { path, reason: error.to_string() },
            Self::Sync(path, error) => StoreError::Broken { path, reason: error.to_string() },
            // A refusal is answered to its command; it never fails a commit.
            Self::Refused(refusal) => StoreError::Broken { path, reason: refusal.to_string() },
        }
    }
}

/// The meaning of SQLite's result codes (<https://www.sqlite.org/rescode.html>). What is not known
/// here is taken for the worst: that nobody knows what is on disk.
fn of_sqlite(error: &rusqlite::Error, path: PathBuf) -> StoreError {
    let reason = error.to_string();
    let code = error.sqlite_error().map(|error| error.extended_code);
    match code {
        // A write that fails puts nothing to disk, and the commit is rolled back.
        Some(
            ffi::SQLITE_FULL
            | ffi::SQLITE_IOERR_WRITE
            | ffi::SQLITE_IOERR_TRUNCATE
            | ffi::SQLITE_IOERR_SHMSIZE
            | ffi::SQLITE_IOERR_SHMMAP
            | ffi::SQLITE_IOERR_SHMOPEN,
        ) => StoreError::Full { reason: why_no_write(&path).unwrap_or(reason), path },
        Some(ffi::SQLITE_IOERR_SHORT_READ) => {
            StoreError::Corrupt { path, what: "it is shorter than it was".to_owned() }
        }
        Some(code) => match code & 0xff {
            ffi::SQLITE_BUSY | ffi::SQLITE_LOCKED | ffi::SQLITE_PROTOCOL => {
                StoreError::Busy { path }
            }
            ffi::SQLITE_READONLY | ffi::SQLITE_PERM => {
                StoreError::Full { reason: why_no_write(&path).unwrap_or(reason), path }
            }
            ffi::SQLITE_CORRUPT => StoreError::Corrupt { path, what: reason },
            ffi::SQLITE_NOTADB => StoreError::Foreign { path },
            ffi::SQLITE_CANTOPEN => StoreError::Unusable { path, reason },
            _ => StoreError::Broken { path, reason },
        },
        None => StoreError::Broken { path, reason },
    }
}

/// SQLite keeps the errno to itself; the file system says what is wrong with it.
fn why_no_write(path: &Path) -> Option<String> {
    let folder = path.parent()?;
    let found = rustix::fs::statvfs(folder).ok()?;
    if found.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY) {
        return Some("its file system is mounted read-only (EROFS)".to_owned());
    }
    let few = found.f_bavail.saturating_mul(found.f_frsize) < 64 * 1024;
    few.then(|| "no space left on the device (ENOSPC)".to_owned())
}
