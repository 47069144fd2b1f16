//! The files of the ledger: appended to, cut where they are torn, moved aside when they are full.

use super::{CURRENT, OLDER, file_name};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The next file, while its snapshot is being written.
const NEXT: &str = "ledger.new";

/// The file that is written, and its folder.
#[derive(Debug)]
pub(super) struct LedgerFile {
    folder: PathBuf,
    file: File,
    /// How long it is, up to the last whole line.
    length: u64,
    /// How much of that is its snapshot.
    snapshot: u64,
    /// A write failed halfway: what is behind `length` has to go first.
    torn: bool,
}

impl LedgerFile {
    /// Opens the file in `folder`, and cuts off a last line that was never finished. Answers how
    /// many bytes that were.
    ///
    /// # Errors
    /// If it cannot be opened or cut.
    pub(super) fn open(folder: &Path) -> io::Result<(Self, u64)> {
        let mut file = appended(&folder.join(CURRENT), false)?;
        let end = file.metadata()?.len();
        let length = last_whole_line(&mut file, end)?;
        if length < end {
            file.set_len(length)?;
        }
        let folder = folder.to_owned();
        Ok((Self { folder, file, length, snapshot: 0, torn: false }, end - length))
    }

    /// One on a disk that is full.
    #[cfg(test)]
    pub(super) fn on_a_full_disk(folder: &Path) -> Self {
        let file = OpenOptions::new().write(true).open("/dev/full").expect("Linux has it");
        Self { folder: folder.to_owned(), file, length: 0, snapshot: 0, torn: false }
    }

    /// Where it is.
    pub(super) fn path(&self) -> PathBuf {
        self.folder.join(CURRENT)
    }

    /// How long it has grown since its snapshot, and how long that is.
    pub(super) fn grown(&self) -> (u64, u64) {
        (self.length - self.snapshot, self.snapshot)
    }

    /// Appends whole lines: all of them, or none.
    ///
    /// # Errors
    /// What the kernel said; the file ends where it did before.
    pub(super) fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        if self.torn {
            self.file.set_len(self.length)?;
            self.torn = false;
        }
        let written = write_all(&mut self.file, lines);
        match written {
            Ok(()) => self.length += lines.len() as u64,
            // A reader must not meet half a line with the next one behind it.
            Err(_) => self.torn = self.file.set_len(self.length).is_err(),
        }
        written
    }

    /// Begins a new file with `snapshot`, and moves this one aside.
    ///
    /// The new one takes the name only when its snapshot is whole, and the old one has its new name
    /// before: whoever looks, or comes up after a kill -9, finds a ledger at any moment.
    ///
    /// # Errors
    /// What the kernel said; the old file goes on.
    pub(super) fn rotate(
        &mut self,
        snapshot: impl FnOnce(&mut BufWriter<&File>) -> io::Result<()>,
    ) -> io::Result<()> {
        let (current, next) = (self.path(), self.folder.join(NEXT));
        let begin = || -> io::Result<File> {
            let file = appended(&next, true)?;
            // Piece by piece: a thousand instances make a long snapshot.
            let mut pieces = BufWriter::with_capacity(32 * 1024, &file);
            snapshot(&mut pieces)?;
            pieces.flush()?;
            drop(pieces);
            Ok(file)
        };
        let file = begin().inspect_err(|_| drop(fs::remove_file(&next)))?;
        let length = file.metadata()?.len();
        for age in (1..OLDER).rev() {
            let (from, to) = (file_name(age), file_name(age + 1));
            missing_is_fine(fs::rename(self.folder.join(from), self.folder.join(to)))?;
        }
        let aside = self.folder.join(file_name(1));
        if fs::hard_link(&current, &aside).is_err() {
            // Some file systems have no links; then there is no ledger for a moment.
            missing_is_fine(fs::rename(&current, &aside))?;
        }
        fs::rename(&next, &current)?;
        (self.file, self.length, self.snapshot, self.torn) = (file, length, length, false);
        Ok(())
    }
}

fn appended(path: &Path, anew: bool) -> io::Result<File> {
    if anew {
        missing_is_fine(fs::remove_file(path))?;
    }
    OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)
}

fn missing_is_fine(done: io::Result<()>) -> io::Result<()> {
    match done {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

fn write_all(file: &mut File, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match file.write(bytes) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Where the last whole line ends, looked for from the back.
fn last_whole_line(file: &mut File, end: u64) -> io::Result<u64> {
    const CHUNK: u64 = 16 * 1024;

    let mut chunk = Vec::new();
    let mut upto = end;
    while upto > 0 {
        let from = upto.saturating_sub(CHUNK);
        file.seek(SeekFrom::Start(from))?;
        chunk.clear();
        (&*file).take(upto - from).read_to_end(&mut chunk)?;
        if let Some(at) = chunk.iter().rposition(|byte| *byte == b'\n') {
            return Ok(from + at as u64 + 1);
        }
        upto = from;
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn text(folder: &Path, age: u32) -> String {
        fs::read_to_string(folder.join(file_name(age))).unwrap_or_default()
    }

    #[test]
    fn a_torn_line_is_cut_wherever_it_is_torn() {
        let folder = tempfile::tempdir().unwrap();
        let whole = "{\"a\":1}\n{\"b\":2}\n";
        let long = "x".repeat(40_000);
        for torn in ["", "{", "{\"c\":3}", &long] {
            fs::write(folder.path().join(CURRENT), format!("{whole}{torn}")).unwrap();
            let (mut file, cut) = LedgerFile::open(folder.path()).unwrap();
            assert_eq!(cut, torn.len() as u64);
            file.append(b"{\"d\":4}\n").unwrap();
            assert_eq!(text(folder.path(), 0), format!("{whole}{{\"d\":4}}\n"));
        }
        fs::write(folder.path().join(CURRENT), "never a whole line").unwrap();
        assert_eq!(LedgerFile::open(folder.path()).unwrap().1, 18);
        assert_eq!(text(folder.path(), 0), "");
    }

    #[test]
    fn four_old_files_are_kept_and_nobody_else_can_read_them() {
        let folder = tempfile::tempdir().unwrap();
        let (mut file, _) = LedgerFile::open(folder.path()).unwrap();
        for round in 0..7 {
            file.append(format!("line {round}\n").as_bytes()).unwrap();
            file.rotate(|to| writeln!(to, "snapshot {round}")).unwrap();
        }
        assert_eq!(text(folder.path(), 0), "snapshot 6\n");
        for age in 1..=OLDER {
            let round = 7 - age;
            assert_eq!(text(folder.path(), age), format!("snapshot {}\nline {round}\n", round - 1));
        }
        let mut names: Vec<_> =
            fs::read_dir(folder.path()).unwrap().map(|one| one.unwrap().path()).collect();
        assert_eq!(names.len(), 5, "{names:?}");
        names.sort();
        for name in names {
            assert_eq!(fs::metadata(&name).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn a_rotation_that_fails_leaves_the_file_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let (mut file, _) = LedgerFile::open(folder.path()).unwrap();
        fs::create_dir(folder.path().join(NEXT)).unwrap();
        file.append(b"one\n").unwrap();
        assert!(file.rotate(|to| to.write_all(b"snapshot\n")).is_err());
        file.append(b"two\n").unwrap();
        assert_eq!(text(folder.path(), 0), "one\ntwo\n");
        fs::remove_dir(folder.path().join(NEXT)).unwrap();
        file.rotate(|to| to.write_all(b"snapshot\n")).unwrap();
        assert_eq!(text(folder.path(), 0), "snapshot\n");
        assert_eq!(text(folder.path(), 1), "one\ntwo\n");
    }
}
