//! Reading a spooled result back, piece by piece, each checked before it is given away.

use super::{HEAD, checksum, is_missing, path};
use crate::limits::MAX_PIECE;
use crate::{Pieces, StoreError};
use bytes::Bytes;
use hearken_core::task::{Lease, TaskId};
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

/// The pieces of the result of a try: so many, of so many bytes together.
///
/// The file is open from now on: it stays readable when its task is removed.
///
/// # Errors
/// If it is not there, or cannot be opened.
pub(in super::super) fn pieces(
    folder: &Path,
    id: TaskId,
    lease: Lease,
    pieces: u32,
    length: u64,
) -> Result<Pieces, StoreError> {
    let path = path(folder, id, lease);
    let file = File::open(&path).map_err(|error| {
        let what = if is_missing(&error) {
            format!("the result of task {id} is missing")
        } else {
            format!("the result of task {id} cannot be read: {error}")
        };
        StoreError::Corrupt { path: path.clone(), what }
    })?;
    Ok(Pieces::new(Reading { file, path, id, lease, sequence: 0, pieces, left: length }))
}

#[derive(Debug)]
struct Reading {
    file: File,
    path: PathBuf,
    id: TaskId,
    lease: Lease,
    sequence: u32,
    pieces: u32,
    /// Bytes of the result that are still to come.
    left: u64,
}

impl Iterator for Reading {
    type Item = Result<Bytes, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.sequence == self.pieces {
            let left = std::mem::take(&mut self.left);
            return (left != 0).then(|| Err(self.damaged("is shorter than it was")));
        }
        let piece = self.piece();
        // After a damaged piece nothing can be trusted to begin where it should.
        self.sequence = if piece.is_ok() { self.sequence + 1 } else { self.pieces };
        if piece.is_err() {
            self.left = 0;
        }
        Some(piece)
    }
}

impl Reading {
    fn piece(&mut self) -> Result<Bytes, StoreError> {
        let mut head = [0; HEAD];
        self.read(&mut head)?;
        let [a, b, c, d, seal @ ..] = head;
        let length = u32::from_le_bytes([a, b, c, d]);
        let fits = usize::try_from(length).ok().filter(|length| *length <= MAX_PIECE);
        let left = self.left.checked_sub(u64::from(length));
        let (Some(length), Some(left)) = (fits, left) else {
            return Err(self.damaged("is not what was written"));
        };
        let mut data = vec![0; length];
        self.read(&mut data)?;
        if checksum(self.id, self.lease, self.sequence, &data) != seal {
            return Err(self.damaged("is not what was written"));
        }
        self.left = left;
        Ok(data.into())
    }

    fn read(&mut self, to: &mut [u8]) -> Result<(), StoreError> {
        self.file.read_exact(to).map_err(|error| {
            if error.kind() == ErrorKind::UnexpectedEof {
                self.damaged("is shorter than it was")
            } else {
                self.damaged(&format!("cannot be read: {error}"))
            }
        })
    }

    fn damaged(&self, how: &str) -> StoreError {
        let what = format!("piece {} of the result of task {} {how}", self.sequence, self.id);
        StoreError::Corrupt { path: self.path.clone(), what }
    }
}
