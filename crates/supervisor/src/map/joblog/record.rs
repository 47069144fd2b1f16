//! One line of a job log.

use crate::map::finished::{Finished, Status};
use crate::map::key::Key;
use std::time::{Duration, SystemTime};

/// The first line of a file: what it is, in which version.
pub(super) const MAGIC: &str = "#hearken-map-joblog 1";
/// The second: what its columns are.
pub(super) const COLUMNS: &str =
    "Seq\tStarttime\tJobRuntime\tAttempts\tCrashes\tAgain\tStatus\tCode\tKey";

/// How much of an error's code is kept, in characters.
const CODE_LENGTH: usize = 64;

/// An input that has ended, as a job log keeps it.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::map) struct Record {
    /// The how-manieth input of its run it was, from 1.
    index: u64,
    /// When its last try began.
    started: Option<SystemTime>,
    took: Duration,
    attempts: u32,
    crashes: u32,
    /// It takes the place of a line that says it failed.
    pub(super) again: bool,
    /// How it ended.
    pub(super) status: Status,
    code: String,
    /// What it was.
    pub(super) key: Key,
}

impl Record {
    /// What is kept of an input; nothing if the next run is to look at it again.
    #[must_use]
    pub(in crate::map) fn of(finished: &Finished) -> Option<Self> {
        match finished.status {
            Status::Ok | Status::Failed | Status::Timeout => {}
            Status::Cancelled => return None,
        }
        Some(Self {
            index: finished.index,
            started: finished.started,
            took: finished.took,
            attempts: finished.attempts,
            crashes: finished.crashes,
            again: finished.again,
            status: finished.status,
            code: finished.error.as_ref().map(|error| error.code.clone()).unwrap_or_default(),
            key: finished.key?,
        })
    }

    /// The line, with its end.
    #[must_use]
    pub(super) fn line(&self) -> String {
        let started = self.started.and_then(|at| at.duration_since(SystemTime::UNIX_EPOCH).ok());
        format!(
            "{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\n",
            self.index,
            seconds(started.unwrap_or_default()),
            seconds(self.took),
            self.attempts,
            self.crashes,
            u8::from(self.again),
            self.status.as_str(),
            column(&self.code),
            self.key,
        )
    }

    /// What a later run has to know of a line without its end; nothing if it is none.
    #[must_use]
    pub(super) fn read(line: &str) -> Option<(Key, Status, bool)> {
        let columns: Vec<_> = line.split('\t').collect();
        let [index, _, _, _, _, again, status, _, key] = *columns else { return None };
        index.parse::<u64>().ok()?;
        let again = match again {
            "0" => false,
            "1" => true,
            _ => return None,
        };
        Some((key.parse().ok()?, Status::named(status)?, again))
    }
}

/// Seconds with three decimals, as GNU parallel writes times.
fn seconds(time: Duration) -> String {
    format!("{}.{:03}", time.as_secs(), time.subsec_millis())
}

/// A text of a worker, made fit for a column; `-` if there is none.
fn column(text: &str) -> String {
    if text.is_empty() {
        return "-".to_owned();
    }
    let plain = |c: char| if c.is_control() || c.is_whitespace() { '_' } else { c };
    text.chars().take(CODE_LENGTH).map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::map::finished::testing::{cancelled, failed, ok};
    use crate::map::key::Keys;

    fn key() -> Key {
        Keys::of([]).key(b"x")
    }

    fn record(finished: Finished) -> Option<Record> {
        Record::of(&Finished { key: Some(key()), ..finished })
    }

    #[test]
    fn a_line_has_the_columns_that_are_named() {
        let line = record(failed(7, "db.down")).unwrap().line();
        let expected = format!("7\t1.500\t0.020\t1\t0\t0\tfailed\tdb.down\t{}\n", key());
        assert_eq!(line, expected);
        assert_eq!(line.split('\t').count(), COLUMNS.split('\t').count());
        let line = record(Finished { again: true, ..ok(7) }).unwrap().line();
        assert_eq!(Record::read(line.trim_end()), Some((key(), Status::Ok, true)));
    }

    #[test]
    fn a_worker_cannot_write_lines_of_its_own_into_the_log() {
        let code = format!("a\tb\nc\r{}", "x".repeat(100));
        let line = record(failed(1, &code)).unwrap().line();
        assert_eq!(line.matches('\n').count(), 1);
        assert!(line.contains(&format!("\ta_b_c_{}\t", "x".repeat(58))), "{line}");
        assert_eq!(Record::read(line.trim_end()), Some((key(), Status::Failed, false)));
    }

    #[test]
    fn what_is_to_be_looked_at_again_is_not_kept() {
        assert_eq!(record(cancelled(1)), None);
        assert_eq!(Record::of(&ok(1)), None, "nobody asked for a log");
    }

    #[test]
    fn what_is_no_line_is_told_from_one() {
        let whole = record(ok(7)).unwrap().line();
        let whole = whole.trim_end();
        assert!(Record::read(whole).is_some());
        for cut in 0..whole.len() {
            assert_eq!(Record::read(&whole[..cut]), None, "{:?}", &whole[..cut]);
        }
        for line in ["", "x", &whole.replace("\t0\t0\t", "\t0\t2\t"), &format!("{whole}\tx")] {
            assert_eq!(Record::read(line), None, "{line}");
        }
    }
}
