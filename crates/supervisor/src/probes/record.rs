//! What the probes of one process came to, and what of it is worth a line of the log.

use std::fmt;

/// Why a probe failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    /// What went wrong, in words that stay the same for as long as it does.
    pub(crate) what: String,
    /// What the program said last, which may be different every time.
    pub(crate) said: Option<String>,
}

impl Failure {
    /// A failure of which nobody said anything.
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), said: None }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        self.said.as_ref().map_or(Ok(()), |said| write!(f, "; it said: {said}"))
    }
}

/// Why a probe did not pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// What was looked at is to blame.
    Failed(Failure),
    /// It could not be looked at, and that is not its fault: the supervisor lacks something.
    NotRun(String),
}

/// What is worth telling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tell {
    /// Nothing new: it passed again.
    Nothing,
    /// It failed, the how-manieth time in a row, for the same reason as the last time or not.
    Failed { failures: u64, new: bool },
    /// It passed, after so many failures in a row.
    Recovered { failures: u64 },
}

/// The probes of one process, for one purpose.
#[derive(Debug, Default)]
pub(crate) struct Record {
    failures: u64,
    what: Option<String>,
    not_run: Option<String>,
}

impl Record {
    /// Takes in what a probe came to.
    pub(super) fn note(&mut self, found: Result<(), &Failure>) -> Tell {
        self.not_run = None;
        match found {
            Ok(()) => {
                self.what = None;
                match std::mem::take(&mut self.failures) {
                    0 => Tell::Nothing,
                    failures => Tell::Recovered { failures },
                }
            }
            Err(Failure { what, .. }) => {
                self.failures = self.failures.saturating_add(1);
                let new = self.what.as_ref() != Some(what);
                if new {
                    self.what = Some(what.clone());
                }
                Tell::Failed { failures: self.failures, new }
            }
        }
    }

    /// Takes in that a probe could not be run. Answers whether that is news.
    pub(super) fn not_run(&mut self, why: &str) -> bool {
        let news = self.not_run.as_deref() != Some(why);
        if news {
            self.not_run = Some(why.to_owned());
        }
        news
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(what: &str, said: &str) -> Failure {
        Failure { what: what.into(), said: Some(said.into()) }
    }

    #[test]
    fn failures_are_counted_in_a_row_and_only_a_new_reason_is_new() {
        let mut record = Record::default();
        assert_eq!(record.note(Ok(())), Tell::Nothing);
        assert_eq!(
            record.note(Err(&failure("code 1", "12:00"))),
            Tell::Failed { failures: 1, new: true }
        );
        let again = Tell::Failed { failures: 2, new: false };
        assert_eq!(record.note(Err(&failure("code 1", "12:01"))), again, "what it says may change");
        assert_eq!(
            record.note(Err(&failure("code 2", ""))),
            Tell::Failed { failures: 3, new: true }
        );
        assert_eq!(record.note(Ok(())), Tell::Recovered { failures: 3 });
        assert_eq!(record.note(Ok(())), Tell::Nothing);
        assert_eq!(
            record.note(Err(&failure("code 2", ""))),
            Tell::Failed { failures: 1, new: true }
        );
    }

    #[test]
    fn a_failure_is_told_with_what_was_said() {
        assert_eq!(
            failure("code 1", "no such table").to_string(),
            "code 1; it said: no such table"
        );
        assert_eq!(Failure::new("late").to_string(), "late");
    }

    #[test]
    fn that_none_could_be_run_is_news_once() {
        let mut record = Record::default();
        assert!(record.not_run("no descriptors") && !record.not_run("no descriptors"));
        assert!(record.not_run("no fork server"));
        record.note(Ok(()));
        assert!(record.not_run("no fork server"));
    }
}
