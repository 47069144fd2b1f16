//! What earlier runs did, and what is therefore left to do.

use crate::map::finished::Status;
use crate::map::key::Key;
use std::collections::HashMap;

/// Which inputs of earlier runs are left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resume {
    /// All that ended, whether well or not.
    Ended,
    /// Those that succeeded; those that failed are run again.
    Succeeded,
}

/// What is to be done with an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::map) enum Step {
    /// It was done.
    Skip,
    /// It is run, for the first time or (`again`) because it failed.
    Run {
        /// Its line takes the place of the one that says it failed.
        again: bool,
    },
}

/// How often one input was done: it may stand in the list several times.
#[derive(Debug, Clone, Copy, Default)]
struct Times {
    ended: u64,
    succeeded: u64,
    /// How many of it have come in this run.
    met: u64,
}

/// What earlier runs did.
#[derive(Debug, Clone, Default)]
pub(in crate::map) struct Past {
    times: HashMap<Key, Times>,
}

impl Past {
    /// Notes a line of the log.
    pub(super) fn note(&mut self, key: Key, status: Status, again: bool) {
        let times = self.times.entry(key).or_default();
        // One that was run again is the same one still.
        times.ended += u64::from(!again);
        times.succeeded += u64::from(status == Status::Ok);
    }

    /// How many inputs have ended, and how many of those well.
    #[must_use]
    pub(in crate::map) fn counts(&self) -> (u64, u64) {
        let times = self.times.values();
        times.fold((0, 0), |(ended, succeeded), it| (ended + it.ended, succeeded + it.succeeded))
    }

    /// What is to be done with the next input of this key. Inputs with the same content are one as
    /// good as the other: the first so many of them are those that were done.
    pub(in crate::map) fn step(&mut self, key: Key, resume: Resume) -> Step {
        let Some(times) = self.times.get_mut(&key) else { return Step::Run { again: false } };
        let place = times.met;
        times.met += 1;
        let skipped = match resume {
            Resume::Ended => times.ended,
            Resume::Succeeded => times.succeeded.min(times.ended),
        };
        if place < skipped { Step::Skip } else { Step::Run { again: place < times.ended } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::map::key::Keys;
    use Status::{Failed, Ok, Timeout};

    const SKIP: Step = Step::Skip;
    const NEW: Step = Step::Run { again: false };
    const AGAIN: Step = Step::Run { again: true };

    fn key(content: u8) -> Key {
        Keys::of([]).key(&[content])
    }

    /// What becomes of three inputs with the content 1, after lines about it.
    fn steps(lines: &[(Status, bool)], resume: Resume) -> [Step; 3] {
        let mut past = Past::default();
        for (status, again) in lines {
            past.note(key(1), *status, *again);
        }
        [(); 3].map(|()| past.step(key(1), resume))
    }

    #[test]
    fn as_many_of_the_same_are_skipped_as_were_done() {
        type Row = (&'static [(Status, bool)], [Step; 3], [Step; 3]);
        let table: &[Row] = &[
            (&[], [NEW, NEW, NEW], [NEW, NEW, NEW]),
            (&[(Ok, false)], [SKIP, NEW, NEW], [SKIP, NEW, NEW]),
            (&[(Ok, false), (Ok, false)], [SKIP, SKIP, NEW], [SKIP, SKIP, NEW]),
            (&[(Failed, false)], [SKIP, NEW, NEW], [AGAIN, NEW, NEW]),
            (&[(Timeout, false), (Ok, false)], [SKIP, SKIP, NEW], [SKIP, AGAIN, NEW]),
            // The second try of the same one.
            (&[(Failed, false), (Ok, true)], [SKIP, NEW, NEW], [SKIP, NEW, NEW]),
            (&[(Failed, false), (Failed, true)], [SKIP, NEW, NEW], [AGAIN, NEW, NEW]),
            (
                &[(Failed, false), (Failed, false), (Failed, true), (Ok, true)],
                [SKIP, SKIP, NEW],
                [SKIP, AGAIN, NEW],
            ),
        ];
        for (lines, ended, succeeded) in table {
            assert_eq!(steps(lines, Resume::Ended), *ended, "{lines:?}");
            assert_eq!(steps(lines, Resume::Succeeded), *succeeded, "{lines:?}");
        }
    }

    #[test]
    fn another_input_is_never_skipped() {
        let mut past = Past::default();
        past.note(key(1), Ok, false);
        assert_eq!(past.step(key(2), Resume::Ended), NEW);
        assert_eq!(past.step(key(1), Resume::Ended), SKIP);
        assert_eq!(past.counts(), (1, 1));
    }
}
