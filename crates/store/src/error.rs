//! Why a store cannot do what it is asked, although there is nothing wrong with the asking.

use std::path::PathBuf;

/// Why nothing was done. It concerns the store as a whole, never one command (that is a
/// [`Refusal`](crate::Refusal)).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// There is no room, or no right to write. Nothing of the commit happened; the next may go
    /// well, without anything being done to the store.
    #[error(
        "{path} cannot be written: {reason}; make room or mount it writable: what was refused may be submitted again"
    )]
    Full {
        /// Which file or folder.
        path: PathBuf,
        /// What the kernel said.
        reason: String,
    },
    /// Somebody else holds the file. Nothing of the commit happened; the next may go well.
    #[error(
        "{path} is held by another program; end that one (a database shell, a backup), and submit again"
    )]
    Busy {
        /// Which file.
        path: PathBuf,
    },
    /// The disk did not keep what it was given, or an error came that leaves no knowing what it
    /// kept. Every later command gets the same answer, until the store is opened anew: after a
    /// failed fsync(2) the kernel may call pages clean that never reached the disk (the thread
    /// "fsyncgate", PostgreSQL, 2018), so that a second try would only seem to go well.
    #[error(
        "{path} is no longer trusted: {reason}; look at the disk, then restart hearken: what was acknowledged before is read back from disk"
    )]
    Broken {
        /// Which file.
        path: PathBuf,
        /// What the kernel said.
        reason: String,
    },
    /// What was read is not what was once written.
    #[error(
        "{path} is damaged: {what}; look at the disk, and restore the task store from a backup, or move its files (tasks.*, spool) away to begin with an empty one"
    )]
    Corrupt {
        /// Which file.
        path: PathBuf,
        /// What is wrong, and with which task.
        what: String,
    },
    /// It cannot be opened.
    #[error("{path} cannot be opened: {reason}")]
    Unusable {
        /// Which file or folder.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// It was written by a later hearken. It is left as it is.
    #[error(
        "{path} is of schema {found}, and this hearken knows up to {known}; start the hearken that wrote it, or a later one"
    )]
    Newer {
        /// Which file.
        path: PathBuf,
        /// Its schema.
        found: i64,
        /// The newest schema we know.
        known: i64,
    },
    /// It is something else than a store.
    #[error("{path} is no task store of hearken; move it away, or choose another state_directory")]
    Foreign {
        /// Which file.
        path: PathBuf,
    },
}
