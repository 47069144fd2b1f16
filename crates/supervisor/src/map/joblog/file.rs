//! The file of a job log: opened, locked, read, appended to.

use super::past::Past;
use super::record::{COLUMNS, MAGIC, Record};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The longest line that is looked at: more than any that is written.
const LINE: u64 = 4096;

/// Whether a log may hold lines of an earlier run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::map) enum Opening {
    /// It must not.
    New,
    /// It may: this run goes on with it.
    Resumed,
}

/// Why there is no job log. Each names the next step.
#[derive(Debug, thiserror::Error)]
pub enum JobLogError {
    /// It cannot be opened, read or written.
    #[error("the job log {path}: {error}; name a file that this user can write")]
    Unusable {
        /// Which.
        path: PathBuf,
        /// What the kernel said.
        error: io::Error,
    },
    /// It is a folder, a pipe, a device.
    #[error("the job log {0} is no regular file; name one, or one that is not there yet")]
    NoFile(PathBuf),
    /// Another run writes it.
    #[error("the job log {0} is in use by another run; wait for its end, or name another file")]
    Taken(PathBuf),
    /// It holds an earlier run.
    #[error(
        "the job log {0} holds an earlier run; go on with it (--resume, or --resume-failed to run again what failed), or remove it"
    )]
    NotEmpty(PathBuf),
    /// It is something else, or of another version.
    #[error(
        "{path} begins with {found:?}: that is no job log of this version ({MAGIC}); name another file"
    )]
    NoJobLog {
        /// Which.
        path: PathBuf,
        /// Its first line, or the start of it.
        found: String,
    },
}

/// A job log that is written. The lock goes with the process, however it ends.
#[derive(Debug)]
pub(in crate::map) struct JobLog {
    path: PathBuf,
    file: File,
}

/// What an earlier run left in a job log.
#[derive(Debug, Default)]
pub(in crate::map) struct Found {
    /// What it did.
    pub(in crate::map) past: Past,
    /// The number of the last line, if that was not written to its end.
    torn: Option<u64>,
    /// How many other lines are none of ours, and the number of the first of them.
    strange: Option<(u64, u64)>,
    /// How many bytes of the file are whole lines.
    whole: u64,
}

impl Found {
    /// What of it could not be used, for people.
    pub(in crate::map) fn warnings(&self) -> impl Iterator<Item = String> {
        let torn = self.torn.map(|number| {
            format!(
                "the last line of the job log ({number}) was not written to its end: its input is \
                 run again"
            )
        });
        let strange = self.strange.map(|(many, first)| {
            format!(
                "{many} lines of the job log are none that hearken wrote, line {first} is the \
                 first: their inputs, if they had any, are run again"
            )
        });
        torn.into_iter().chain(strange)
    }
}

impl JobLog {
    /// Opens and locks a job log, and reads what is in it.
    ///
    /// A last line without an end was being written when its run was killed: it is cut off, so that
    /// the next does not grow together with it.
    ///
    /// # Errors
    /// If it cannot be used; then nothing of it was changed.
    pub(in crate::map) fn open(
        path: &Path,
        opening: Opening,
    ) -> Result<(Self, Found), JobLogError> {
        let unusable = |error| JobLogError::Unusable { path: path.to_owned(), error };
        // Without waiting for a reader, should it be a pipe.
        let mut file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed())
            .open(path)
            .map_err(unusable)?;
        if !file.metadata().map_err(unusable)?.is_file() {
            return Err(JobLogError::NoFile(path.to_owned()));
        }
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(JobLogError::Taken(path.to_owned())),
            Err(TryLockError::Error(error)) => return Err(unusable(error)),
        }
        let found = read(&file, path)?;
        let used = found.whole > head().len() as u64 || found.torn.is_some();
        if used && opening == Opening::New {
            return Err(JobLogError::NotEmpty(path.to_owned()));
        }
        file.set_len(found.whole).map_err(unusable)?;
        if found.whole == 0 {
            file.write_all(head().as_bytes()).map_err(unusable)?;
        }
        Ok((Self { path: path.to_owned(), file }, found))
    }

    /// Appends these, in one write: after it, they outlive this process. (A power cut is another
    /// matter: nothing is synced.)
    ///
    /// # Errors
    /// If they cannot be written.
    pub(in crate::map) fn append(&mut self, records: &[Record]) -> Result<(), JobLogError> {
        let lines: String = records.iter().map(Record::line).collect();
        self.file
            .write_all(lines.as_bytes())
            .map_err(|error| JobLogError::Unusable { path: self.path.clone(), error })
    }
}

fn head() -> String {
    format!("{MAGIC}\n{COLUMNS}\n")
}

fn read(file: &File, path: &Path) -> Result<Found, JobLogError> {
    let unusable = |error| JobLogError::Unusable { path: path.to_owned(), error };
    let mut lines = Lines { from: BufReader::new(file), line: Vec::new(), read: 0 };
    let mut found = Found::default();
    let mut first = Vec::new();
    for wanted in [MAGIC, COLUMNS] {
        let end = lines.next().map_err(unusable)?;
        first.extend_from_slice(&lines.line);
        if end != End::Whole || lines.line != wanted.as_bytes() {
            // A run that was killed at once may have left a piece of the head.
            if end == End::Cut && head().as_bytes().starts_with(&first) {
                return Ok(found);
            }
            let found = String::from_utf8_lossy(first.get(..60).unwrap_or(&first)).into_owned();
            return Err(JobLogError::NoJobLog { path: path.to_owned(), found });
        }
        first.push(b'\n');
    }
    for number in 3.. {
        found.whole = lines.read;
        let end = lines.next().map_err(unusable)?;
        let record = std::str::from_utf8(&lines.line).ok().and_then(Record::read);
        match (end, record) {
            (End::Cut, _) => {
                found.torn = (!lines.line.is_empty()).then_some(number);
                break;
            }
            (End::Whole, Some((key, status, again))) => found.past.note(key, status, again),
            (End::Whole, None) | (End::TooLong, _) => {
                let (many, first) = found.strange.unwrap_or((0, number));
                found.strange = Some((many + 1, first));
            }
        }
    }
    Ok(found)
}

/// How a line ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// With its newline.
    Whole,
    /// With its newline, beyond [`LINE`]: only its start was kept.
    TooLong,
    /// With the end of the file.
    Cut,
}

/// The lines of a file, whatever it holds.
struct Lines<R> {
    from: R,
    line: Vec<u8>,
    read: u64,
}

impl<R: BufRead> Lines<R> {
    /// Puts the next line into `line`, without its newline.
    fn next(&mut self) -> io::Result<End> {
        self.line.clear();
        self.read += (&mut self.from).take(LINE).read_until(b'\n', &mut self.line)? as u64;
        if self.line.last() == Some(&b'\n') {
            self.line.pop();
            return Ok(End::Whole);
        }
        if (self.line.len() as u64) < LINE {
            return Ok(End::Cut);
        }
        loop {
            let mut piece = Vec::new();
            self.read += (&mut self.from).take(LINE).read_until(b'\n', &mut piece)? as u64;
            match piece.last() {
                Some(b'\n') => return Ok(End::TooLong),
                Some(_) => {}
                None => return Ok(End::Cut),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::map::finished::Finished;
    use crate::map::finished::testing::{failed, ok};
    use crate::map::joblog::{Resume, Step};
    use crate::map::key::{Key, Keys};

    fn key(content: &str) -> Key {
        Keys::of([]).key(content.as_bytes())
    }

    fn record(finished: Finished, content: &str) -> Record {
        Record::of(&Finished { key: Some(key(content)), ..finished }).unwrap()
    }

    /// A log in a folder of its own, with the lines for `a`, which succeeded, and `b`, which failed.
    fn written() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let (mut log, _) = JobLog::open(&path, Opening::New).unwrap();
        log.append(&[record(ok(1), "a"), record(failed(2, "x"), "b")]).unwrap();
        (folder, path)
    }

    #[test]
    fn a_log_is_read_by_the_next_run_and_gone_on_with() {
        let (_folder, path) = written();
        let (mut log, mut found) = JobLog::open(&path, Opening::Resumed).unwrap();
        assert_eq!(found.past.counts(), (2, 1));
        assert_eq!(found.past.step(key("a"), Resume::Succeeded), Step::Skip);
        assert_eq!(found.past.step(key("b"), Resume::Succeeded), Step::Run { again: true });
        assert_eq!(found.warnings().count(), 0);
        log.append(&[record(Finished { again: true, ..ok(2) }, "b")]).unwrap();
        drop(log);
        let (_, found) = JobLog::open(&path, Opening::Resumed).unwrap();
        assert_eq!(found.past.counts(), (2, 2));
    }

    #[test]
    fn an_earlier_run_is_not_overwritten() {
        let (_folder, path) = written();
        let before = std::fs::read(&path).unwrap();
        let refusal = JobLog::open(&path, Opening::New).unwrap_err().to_string();
        assert!(refusal.contains("--resume") && refusal.contains("remove it"), "{refusal}");
        assert_eq!(std::fs::read(&path).unwrap(), before);
    }

    #[test]
    fn two_runs_do_not_share_a_log() {
        let (_folder, path) = written();
        let (_first, _) = JobLog::open(&path, Opening::Resumed).unwrap();
        let refusal = JobLog::open(&path, Opening::Resumed).unwrap_err();
        assert!(matches!(refusal, JobLogError::Taken(_)), "{refusal}");
    }

    #[test]
    fn a_log_cut_at_any_byte_gives_every_whole_line_and_nothing_else() {
        let (_folder, path) = written();
        let whole = std::fs::read(&path).unwrap();
        for cut in 0..=whole.len() {
            std::fs::write(&path, &whole[..cut]).unwrap();
            let (mut log, found) = JobLog::open(&path, Opening::Resumed).unwrap();
            let lines = whole[..cut].iter().filter(|byte| **byte == b'\n').count() as u64;
            assert_eq!(found.past.counts().0, lines.saturating_sub(2), "cut at {cut}");
            let at_an_end = cut == 0 || whole[cut - 1] == b'\n';
            let torn = cut > head().len() && !at_an_end;
            assert_eq!(found.warnings().count(), usize::from(torn), "cut at {cut}");
            log.append(&[record(ok(3), "c")]).unwrap();
            drop(log);
            let (_, found) = JobLog::open(&path, Opening::Resumed).unwrap();
            assert_eq!(found.past.counts().0, lines.saturating_sub(2) + 1, "cut at {cut}");
            assert_eq!(found.warnings().count(), 0, "cut at {cut}");
        }
    }

    #[test]
    fn lines_that_are_none_are_said_and_the_others_count() {
        let (_folder, path) = written();
        let mut bytes = std::fs::read(&path).unwrap();
        bytes.extend_from_slice(b"nonsense\n\xff\n");
        bytes.extend(vec![b'x'; 100_000]);
        bytes.extend_from_slice(b"\n");
        bytes.extend_from_slice(record(ok(3), "c").line().as_bytes());
        std::fs::write(&path, &bytes).unwrap();
        let (_, found) = JobLog::open(&path, Opening::Resumed).unwrap();
        assert_eq!(found.past.counts(), (3, 2));
        let warnings: Vec<_> = found.warnings().collect();
        assert!(
            warnings[0].starts_with("3 lines") && warnings[0].contains("line 5"),
            "{warnings:?}"
        );
        assert_eq!(std::fs::read(&path).unwrap(), bytes, "nothing of it is thrown away");
    }

    #[test]
    fn another_file_is_refused_and_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        for content in ["precious\n", "#hearken-map-joblog 2\nx\n", "\n", "Seq\tHost\tStarttime"] {
            std::fs::write(&path, content).unwrap();
            let refusal = JobLog::open(&path, Opening::Resumed).unwrap_err();
            assert!(matches!(refusal, JobLogError::NoJobLog { .. }), "{refusal}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), content);
        }
        let refusal = JobLog::open(folder.path(), Opening::New).unwrap_err();
        assert!(matches!(refusal, JobLogError::Unusable { .. }), "{refusal}");
        let refusal = JobLog::open(Path::new("/dev/null"), Opening::New).unwrap_err();
        assert!(matches!(refusal, JobLogError::NoFile(_)), "{refusal}");
    }
}
