//! How a run went so far: what the bar shows, what `--halt` asks and what the last line says.

use super::finished::{Finished, Status};
use std::collections::BTreeMap;

/// How many codes of errors are told apart; those of further ones are counted together. A code is
/// the worker's own word: it may be another for every input.
const CODES: usize = 64;

/// How a run went so far.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Tally {
    /// Inputs that succeeded.
    pub(super) ok: u64,
    /// Inputs that failed, those that took too long included.
    pub(super) failed: u64,
    /// Inputs that were taken back, because the run ends early.
    pub(super) cancelled: u64,
    /// Tries that failed and are made again.
    pub(super) retried: u64,
    /// Inputs that an earlier run did.
    pub(super) skipped: u64,
    codes: BTreeMap<Box<str>, u64>,
    other_codes: u64,
}

impl Tally {
    /// One more has ended.
    pub(super) fn count(&mut self, finished: &Finished) {
        match finished.status {
            Status::Ok => self.ok += 1,
            Status::Failed | Status::Timeout => {
                self.failed += 1;
                self.count_code(finished.error.as_ref().map_or("", |error| &error.code));
            }
            Status::Cancelled => self.cancelled += 1,
        }
    }

    fn count_code(&mut self, code: &str) {
        if let Some(times) = self.codes.get_mut(code) {
            *times += 1;
        } else if self.codes.len() < CODES {
            self.codes.insert(code.into(), 1);
        } else {
            self.other_codes += 1;
        }
    }

    /// How many have ended by themselves.
    #[must_use]
    pub(super) fn done(&self) -> u64 {
        self.ok + self.failed
    }

    /// How many failed, by code, most frequent first: `db.timeout ×3, exit.1 ×1`.
    #[must_use]
    pub(super) fn codes(&self) -> String {
        let mut codes: Vec<_> = self.codes.iter().collect();
        codes.sort_by_key(|(_, times)| std::cmp::Reverse(**times));
        let mut words: Vec<_> = codes
            .into_iter()
            .map(|(code, times)| {
                let code = if code.is_empty() { "without a code" } else { code };
                format!("{code} ×{times}")
            })
            .collect();
        if self.other_codes > 0 {
            words.push(format!("others ×{}", self.other_codes));
        }
        words.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::map::finished::testing::{cancelled, failed, ok};

    #[test]
    fn failures_are_counted_by_code_and_the_most_frequent_comes_first() {
        let mut tally = Tally::default();
        for finished in [ok(1), failed(2, "a"), failed(3, "b"), failed(4, "b"), cancelled(5)] {
            tally.count(&finished);
        }
        assert_eq!((tally.ok, tally.failed, tally.cancelled, tally.done()), (1, 3, 1, 4));
        assert_eq!(tally.codes(), "b ×2, a ×1");
    }

    #[test]
    fn a_worker_that_thinks_of_ever_new_codes_fills_no_memory() {
        let mut tally = Tally::default();
        for index in 0..1_000 {
            tally.count(&failed(index, &format!("c{index:04}")));
        }
        assert_eq!(tally.codes.len(), CODES);
        assert!(tally.codes().ends_with(", others ×936"), "{}", tally.codes());
    }
}
