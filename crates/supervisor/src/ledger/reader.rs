//! Reading the ledger back: every whole line, and what is wrong with the others.

use super::record::Record;
use super::{OLDER, file_name};
use std::fmt;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What a ledger holds.
#[derive(Debug, Clone, Default)]
pub struct Reading {
    /// Its records, oldest first.
    pub records: Vec<Arc<Record>>,
    /// The lines that are none.
    pub flaws: Vec<Flaw>,
}

/// A line that is no record. It is skipped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flaw {
    /// In which file.
    pub file: PathBuf,
    /// On which line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub why: String,
    /// It is the last of its file and has no newline: it was being written when hearken ended, or
    /// it is being written now.
    pub torn: bool,
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file.display(), self.line, self.why)
    }
}

/// Why a ledger cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// There is none.
    #[error(
        "there is no ledger at {path}: hearken writes one into the state directory of its config from its first start on; name the config with -c, or the directory with --state-directory"
    )]
    Missing {
        /// Where it should be.
        path: PathBuf,
    },
    /// Something is there that is no file: reading it could wait, or go on, for ever.
    #[error("{path} is no file, so it is no ledger: name one, or a state directory")]
    NoFile {
        /// What was named, or found.
        path: PathBuf,
    },
    /// It is there, and the kernel does not let us.
    #[error("the ledger {path}: {error}; it belongs to the user hearken runs as")]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What the kernel said.
        error: std::io::Error,
    },
}

/// Reads a ledger: one file, or all files of a state directory, the oldest first.
///
/// # Errors
/// If there is none, or the kernel does not let us read it. A line that is no record is no error:
/// it is skipped, and stands among the flaws.
pub fn read(path: &Path) -> Result<Reading, ReadError> {
    let mut reading = Reading::default();
    if !path.is_dir() {
        read_file(path, &mut reading)?;
        return Ok(reading);
    }
    let mut found = false;
    for age in (0..=OLDER).rev() {
        match read_file(&path.join(file_name(age)), &mut reading) {
            Ok(()) => found = true,
            Err(ReadError::Missing { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    if found { Ok(reading) } else { Err(ReadError::Missing { path: path.join(file_name(0)) }) }
}

/// Reads what is needed to know where all stand now: the file that is written, and those before it
/// until enough is known.
///
/// # Errors
/// As [`read`].
pub fn read_current(directory: &Path) -> Result<Reading, ReadError> {
    let mut reading = Reading::default();
    read_file(&directory.join(file_name(0)), &mut reading)?;
    Ok(reading)
}

fn read_file(path: &Path, into: &mut Reading) -> Result<(), ReadError> {
    let path = path.to_owned();
    let looked = std::fs::metadata(&path).and_then(|found| match found.is_file() {
        true => std::fs::read(&path).map(Some),
        false => Ok(None),
    });
    let bytes = match looked {
        Ok(Some(bytes)) => bytes,
        Ok(None) => return Err(ReadError::NoFile { path }),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(ReadError::Missing { path });
        }
        Err(error) => return Err(ReadError::Unreadable { path, error }),
    };
    for (line, bytes) in (1..).zip(bytes.split_inclusive(|byte| *byte == b'\n')) {
        let whole = bytes.strip_suffix(b"\n");
        let flaw = |why: String| Flaw { file: path.clone(), line, why, torn: whole.is_none() };
        match whole {
            None => into.flaws.push(flaw("the last line is cut short".into())),
            Some(b"") => {}
            Some(text) => match serde_json::from_slice(text) {
                Ok(record) => into.records.push(Arc::new(record)),
                Err(error) => into.flaws.push(flaw(error.to_string())),
            },
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::testing;
    use super::*;
    use std::fs;

    fn lines(incarnations: std::ops::RangeInclusive<u32>) -> String {
        let line = |n| serde_json::to_string(&*testing::ended("api", 1, n)).unwrap() + "\n";
        incarnations.map(line).collect()
    }

    fn incarnations(reading: &Reading) -> Vec<u32> {
        reading.records.iter().map(|record| testing::incarnation(record)).collect()
    }

    #[test]
    fn files_are_read_oldest_first_and_flaws_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let write = |age, text: String| fs::write(folder.path().join(file_name(age)), text);
        write(2, lines(1..=2)).unwrap();
        write(1, lines(3..=3) + "{\"time\":\n" + &lines(4..=4)).unwrap();
        write(0, lines(5..=6) + "{\"time\":\"2026").unwrap();
        let reading = read(folder.path()).unwrap();
        assert_eq!(incarnations(&reading), [1, 2, 3, 4, 5, 6]);
        let [middle, last] = &reading.flaws[..] else { panic!("{:?}", reading.flaws) };
        assert!(middle.to_string().contains("ledger.1.jsonl:2: EOF"), "{middle}");
        assert!(last.to_string().contains("ledger.jsonl:3: the last line is cut short"), "{last}");
        assert!(last.torn && !middle.torn);
    }

    /// A pipe that nobody writes to, or a device, would be read for ever.
    #[test]
    fn what_is_no_file_is_refused_and_not_read() {
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/dev/zero", folder.path().join(file_name(0))).unwrap();
        for path in [folder.path().to_owned(), folder.path().join(file_name(0))] {
            let refused = read(&path).unwrap_err();
            assert!(matches!(refused, ReadError::NoFile { .. }), "{refused}");
        }
    }

    /// Row 85 of the faults.
    #[test]
    fn cut_at_any_byte_all_whole_lines_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(file_name(0));
        let text = lines(1..=3);
        for cut in 0..=text.len() {
            fs::write(&path, &text[..cut]).unwrap();
            let reading = read(&path).unwrap();
            let whole = text[..cut].matches('\n').count();
            assert_eq!(reading.records.len(), whole);
            let torn = !text[..cut].is_empty() && !text[..cut].ends_with('\n');
            assert_eq!(reading.flaws.len(), usize::from(torn));
        }
    }

    #[test]
    fn no_ledger_says_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let error = read(folder.path()).unwrap_err().to_string();
        assert!(error.contains("ledger.jsonl") && error.contains("--state-directory"), "{error}");
    }
}
