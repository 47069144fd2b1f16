//! A second witness of how many commits were acknowledged.
//!
//! A damaged write-ahead log ends, for SQLite, where the damage begins: what was committed behind it is
//! gone, and nothing in the database says so. So the number of commits is written to a small file of its own
//! as well, after each commit and before its answers. It is not brought to disk by itself; it may stay
//! behind, and never runs ahead of what was acknowledged. A database with fewer commits than the file
//! says has lost some.
//!
//! In a relaxed life of the store a power cut may take commits and leave the file: then it only tells how
//! many. So it says, too, which life wrote it.

use super::Durability;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

/// Beside the database.
pub(super) const NAME: &str = "tasks.commits";

/// The number, the durability, and a checksum.
const LENGTH: usize = 13;

/// The open file.
#[derive(Debug)]
pub(super) struct CommitsFile {
    file: File,
    durability: Durability,
}

/// What it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    /// There is none.
    Nothing,
    /// So many commits, acknowledged so durably.
    Commits(u64, Durability),
    /// It is not what was written.
    Damaged,
}

/// Reads what the file in this folder says.
pub(super) fn read(folder: &Path) -> io::Result<Told> {
    match fs::read(folder.join(NAME)) {
        Ok(bytes) => Ok(decode(&bytes).unwrap_or(Told::Damaged)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Told::Nothing),
        Err(error) => Err(error),
    }
}

impl CommitsFile {
    /// Makes it anew and brings this number to disk, so that later numbers only take the place of an
    /// earlier one.
    pub(super) fn open(folder: &Path, commits: u64, durability: Durability) -> io::Result<Self> {
        // Under another name first: a power cut must not leave one that looks damaged.
        let unfinished = folder.join(format!("{NAME}.new"));
        let mut open = OpenOptions::new();
        let file = open.write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
        file.write_all_at(&encode(commits, durability), 0)?;
        file.sync_all()?;
        fs::rename(unfinished, folder.join(NAME))?;
        File::open(folder)?.sync_all()?;
        Ok(Self { file, durability })
    }

    /// Takes note that this was committed. A number that cannot be written stays behind, which is no harm.
    pub(super) fn note(&self, commits: u64) {
        let _behind = self.file.write_all_at(&encode(commits, self.durability), 0);
    }
}

fn encode(commits: u64, durability: Durability) -> [u8; LENGTH] {
    let [a, b, c, d, e, f, g, h] = commits.to_le_bytes();
    let mode = match durability {
        Durability::Strict => 0,
        Durability::Relaxed => 1,
    };
    let [w, x, y, z] = crc32fast::hash(&[a, b, c, d, e, f, g, h, mode]).to_le_bytes();
    [a, b, c, d, e, f, g, h, mode, w, x, y, z]
}

fn decode(bytes: &[u8]) -> Option<Told> {
    let commits = u64::from_le_bytes(*bytes.first_chunk()?);
    [Durability::Strict, Durability::Relaxed]
        .into_iter()
        .find(|durability| encode(commits, *durability) == *bytes)
        .map(|durability| Told::Commits(commits, durability))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_the_last_number_or_that_it_is_damaged() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(read(folder.path()).unwrap(), Told::Nothing);
        let file = CommitsFile::open(folder.path(), 1, Durability::Relaxed).unwrap();
        file.note(0x0102_0304_0506_0708);
        let told = Told::Commits(0x0102_0304_0506_0708, Durability::Relaxed);
        assert_eq!(read(folder.path()).unwrap(), told);
        let path = folder.path().join(NAME);
        let whole = std::fs::read(&path).unwrap();
        for bit in 0..whole.len() * 8 {
            let mut bytes = whole.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            std::fs::write(&path, bytes).unwrap();
            assert_eq!(read(folder.path()).unwrap(), Told::Damaged, "bit {bit}");
        }
        for length in 0..whole.len() {
            std::fs::write(&path, &whole[..length]).unwrap();
            assert_eq!(read(folder.path()).unwrap(), Told::Damaged, "{length} bytes");
        }
    }
}
