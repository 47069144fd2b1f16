//! `--halt`: when a run ends before its inputs do.

use super::tally::Tally;
use std::str::FromStr;

/// How many must have failed (or succeeded) before a share of them means anything.
const SHARE_FLOOR: u64 = 3;

/// When a run ends before its inputs do. The words are those of GNU parallel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Halt {
    /// Whatever happens, all inputs are worked on.
    #[default]
    Never,
    /// Once enough of them ended in some way.
    Once {
        /// What becomes of those that are being worked on.
        urgency: Urgency,
        /// Which ends are counted.
        of: Counted,
        /// How many are enough.
        threshold: Threshold,
    },
}

/// What becomes of the inputs that are being worked on when a run ends early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Urgency {
    /// They are taken back.
    Now,
    /// They are finished; no others are begun.
    Soon,
}

/// Which ends count towards the end of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    /// Failures, timeouts included.
    Failed,
    /// Successes.
    Succeeded,
    /// Both.
    Done,
}

/// How many are enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Threshold {
    /// So many: 1 or more.
    Count(u64),
    /// So many of a hundred that have ended, 1 to 100; and at least three.
    Percent(u8),
}

/// Why a text says nothing about when to halt.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} does not say when to halt; write never, now,fail=1, soon,fail=10%, now,success=3 or soon,done=100"
)]
pub struct HaltError(String);

impl FromStr for Halt {
    type Err = HaltError;

    fn from_str(text: &str) -> Result<Self, HaltError> {
        if text == "never" {
            return Ok(Self::Never);
        }
        read(text).ok_or_else(|| HaltError(text.to_owned()))
    }
}

fn read(text: &str) -> Option<Halt> {
    let (urgency, why) = text.split_once(',')?;
    let urgency = match urgency {
        "now" => Urgency::Now,
        "soon" => Urgency::Soon,
        _ => return None,
    };
    let (of, many) = why.split_once('=')?;
    let of = match of {
        "fail" => Counted::Failed,
        "success" => Counted::Succeeded,
        "done" => Counted::Done,
        _ => return None,
    };
    let digits = many.strip_suffix('%').unwrap_or(many);
    // A sign would be taken, too.
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    let threshold = if many.ends_with('%') {
        let percent = digits.parse().ok().filter(|percent| (1..=100).contains(percent));
        Threshold::Percent(percent?)
    } else {
        Threshold::Count(digits.parse().ok().filter(|count| *count > 0)?)
    };
    plain.then_some(Halt::Once { urgency, of, threshold })
}

impl Halt {
    /// Whether the run ends now, and how.
    ///
    /// GNU parallel reads all inputs to know of how many a share is; here it is of those that have
    /// ended, so that an endless input has shares, too.
    #[must_use]
    pub(super) fn reached(self, tally: &Tally) -> Option<Urgency> {
        let Self::Once { urgency, of, threshold } = self else { return None };
        let counted = match of {
            Counted::Failed => tally.failed,
            Counted::Succeeded => tally.ok,
            Counted::Done => tally.done(),
        };
        let enough = match threshold {
            Threshold::Count(count) => counted >= count,
            Threshold::Percent(percent) => {
                let share = u128::from(counted) * 100;
                counted >= SHARE_FLOOR && share >= u128::from(tally.done()) * u128::from(percent)
            }
        };
        enough.then_some(urgency)
    }

    /// Whether a run that ended early for this did what was asked: so many successes were wanted, or
    /// so many ends of whatever kind.
    #[must_use]
    pub(super) fn is_wanted(self) -> bool {
        match self {
            Self::Never | Self::Once { of: Counted::Failed | Counted::Done, .. } => false,
            Self::Once { of: Counted::Succeeded, .. } => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(ok: u64, failed: u64) -> Tally {
        let mut tally = Tally::default();
        (tally.ok, tally.failed) = (ok, failed);
        tally
    }

    #[test]
    fn a_run_halts_when_enough_have_ended_that_way() {
        let (now, soon) = (Some(Urgency::Now), Some(Urgency::Soon));
        let table = [
            ("never", tally(0, 1_000), None),
            ("now,fail=1", tally(5, 0), None),
            ("now,fail=1", tally(5, 1), now),
            ("soon,fail=2", tally(0, 1), None),
            ("soon,fail=2", tally(0, 3), soon),
            ("now,success=3", tally(2, 9), None),
            ("now,success=3", tally(3, 0), now),
            ("soon,done=4", tally(1, 2), None),
            ("soon,done=4", tally(2, 2), soon),
            ("soon,fail=10%", tally(0, 2), None),
            ("soon,fail=10%", tally(0, 3), soon),
            ("soon,fail=10%", tally(28, 3), None),
            ("soon,fail=10%", tally(27, 3), soon),
            ("now,success=100%", tally(3, 1), None),
            ("now,success=100%", tally(3, 0), now),
        ];
        for (text, tally, urgency) in table {
            assert_eq!(text.parse::<Halt>().unwrap().reached(&tally), urgency, "{text} {tally:?}");
        }
    }

    #[test]
    fn what_says_nothing_about_halting_is_refused_with_what_would() {
        for text in [
            "",
            "now",
            "2",
            "later,fail=1",
            "now,fail",
            "now,fail=",
            "now,fail=0",
            "now,fail=0%",
            "now,fail=101%",
            "now,fail=+1",
            "now,fail=-1",
            "now,fail=1.5%",
            "now,crash=1",
            "now, fail=1",
            "never,fail=1",
        ] {
            let error = text.parse::<Halt>().unwrap_err().to_string();
            assert!(error.contains("soon,fail=10%"), "{text}: {error}");
        }
    }
}
