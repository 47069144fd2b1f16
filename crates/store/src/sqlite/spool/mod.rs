//! Results too long to lie beside their task: a file for each, in a folder of their own.
//!
//! A file is written piece by piece while the task runs, and brought to disk before the finish that
//! names it. A piece is its length, a CRC-32 over where it belongs and what it holds, and its bytes.
//! A file that no finish names is removed: when its try ends otherwise, or when the store is opened.

mod read;

pub(super) use read::pieces;

use super::failure::Failure;
use crate::Refusal;
use hearken_core::task::{Lease, TaskId};
use std::collections::HashMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Beside the database.
const FOLDER: &str = "spool";
/// Length and checksum, in front of each piece.
const HEAD: usize = 8;

/// The folder, and the files that are being written.
#[derive(Debug)]
pub(super) struct Spools {
    folder: PathBuf,
    /// The longest result that is taken, in bytes.
    max_result: u64,
    open: HashMap<(TaskId, Lease), Spool>,
    /// What this commit did, to be undone if it fails; the last step last.
    undo: Vec<((TaskId, Lease), Option<Mark>)>,
}

/// A file that is being written.
#[derive(Debug)]
struct Spool {
    file: File,
    mark: Mark,
}

/// How far a file has come.
#[derive(Debug, Clone, Copy, Default)]
struct Mark {
    pieces: u32,
    /// Bytes of the result.
    length: u64,
    /// Bytes of the file.
    end: u64,
}

impl Spools {
    /// Makes the folder if there is none.
    pub(super) fn open(state: &Path, max_result: u64) -> Result<Self, Failure> {
        let folder = state.join(FOLDER);
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&folder)
            .map_err(|error| Failure::Write(folder.clone(), error))?;
        Ok(Self { folder, max_result, open: HashMap::new(), undo: Vec::new() })
    }

    /// Where the result of this try lies.
    pub(super) fn path(&self, id: TaskId, lease: Lease) -> PathBuf {
        path(&self.folder, id, lease)
    }

    /// Writes one more piece.
    pub(super) fn append(
        &mut self,
        id: TaskId,
        lease: Lease,
        sequence: u32,
        data: &[u8],
    ) -> Result<(), Failure> {
        let before = self.open.get(&(id, lease)).map(|spool| spool.mark);
        let mark = before.unwrap_or_default();
        if sequence != mark.pieces {
            return Err(Refusal::PieceOutOfOrder { sequence, expected: mark.pieces }.into());
        }
        let length = mark.length + data.len() as u64;
        if length > self.max_result {
            return Err(Refusal::ResultTooLong { limit: self.max_result }.into());
        }
        let path = self.path(id, lease);
        if before.is_none() {
            let file = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(&path)
                .map_err(|error| Failure::Write(path.clone(), error))?;
            self.open.insert((id, lease), Spool { file, mark });
        }
        self.undo.push(((id, lease), before));
        let Some(spool) = self.open.get_mut(&(id, lease)) else { return Ok(()) };
        let mut bytes = Vec::with_capacity(HEAD + data.len());
        bytes.extend_from_slice(&u32::try_from(data.len()).unwrap_or(u32::MAX).to_le_bytes());
        bytes.extend_from_slice(&checksum(id, lease, sequence, data));
        bytes.extend_from_slice(data);
        spool.file.write_all_at(&bytes, mark.end).map_err(|error| Failure::Write(path, error))?;
        spool.mark = Mark { pieces: mark.pieces + 1, length, end: mark.end + bytes.len() as u64 };
        Ok(())
    }

    /// How many pieces, of how many bytes together, this try has spooled.
    pub(super) fn spooled(&self, id: TaskId, lease: Lease) -> (u32, u64) {
        let mark = self.open.get(&(id, lease)).map_or_else(Mark::default, |spool| spool.mark);
        (mark.pieces, mark.length)
    }

    /// Brings what was spooled to disk.
    pub(super) fn sync(&self, id: TaskId, lease: Lease) -> Result<(), Failure> {
        let Some(spool) = self.open.get(&(id, lease)) else { return Ok(()) };
        let path = self.path(id, lease);
        spool.file.sync_all().map_err(|error| Failure::Sync(path, error))?;
        // The file's name, too: it lies in the folder.
        File::open(&self.folder)
            .and_then(|folder| folder.sync_all())
            .map_err(|error| Failure::Sync(self.folder.clone(), error))
    }

    /// The commit is on disk: what it did is not undone any more.
    pub(super) fn keep(&mut self) {
        self.undo.clear();
    }

    /// The commit failed: every file is as it was before.
    pub(super) fn undo(&mut self) {
        while let Some(((id, lease), before)) = self.undo.pop() {
            match (before, self.open.get_mut(&(id, lease))) {
                (Some(mark), Some(spool)) => {
                    // What stays behind the mark is written over by the next piece.
                    let _longer = spool.file.set_len(mark.end);
                    spool.mark = mark;
                }
                (None, _) => self.close(id, lease, false),
                (Some(_), None) => {}
            }
        }
    }

    /// The try is over: its file is finished, or goes.
    pub(super) fn close(&mut self, id: TaskId, lease: Lease, keep: bool) {
        if self.open.remove(&(id, lease)).is_some() && !keep {
            self.remove(id, lease);
        }
    }

    /// Removes the result of a try, and tells whether it did. One that stays is found when the store is
    /// opened.
    pub(super) fn remove(&self, id: TaskId, lease: Lease) -> bool {
        fs::remove_file(self.path(id, lease)).is_ok()
    }

    /// The files there are, each with the try it is named after.
    pub(super) fn files(&self) -> io::Result<Vec<(TaskId, Lease)>> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            files.extend(entry?.file_name().to_str().and_then(parse));
        }
        Ok(files)
    }
}

/// Where the result of a try lies in this folder.
pub(super) fn path(folder: &Path, id: TaskId, lease: Lease) -> PathBuf {
    folder.join(format!("{id}.{lease}"))
}

/// The folder in this state directory.
pub(super) fn folder(state: &Path) -> PathBuf {
    state.join(FOLDER)
}

fn parse(name: &str) -> Option<(TaskId, Lease)> {
    let (id, lease) = name.split_once('.')?;
    let (epoch, number) = lease.split_once('.')?;
    Some((id.parse().ok()?, Lease { epoch: epoch.parse().ok()?, number: number.parse().ok()? }))
}

/// A piece that lies in another file, or at another place, does not fit.
fn checksum(id: TaskId, lease: Lease, sequence: u32, data: &[u8]) -> [u8; 4] {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&id.to_u128().to_le_bytes());
    hasher.update(&lease.epoch.to_le_bytes());
    hasher.update(&lease.number.to_le_bytes());
    hasher.update(&sequence.to_le_bytes());
    hasher.update(data);
    hasher.finalize().to_le_bytes()
}

/// Whether a file is simply not there.
fn is_missing(error: &io::Error) -> bool {
    error.kind() == ErrorKind::NotFound
}
