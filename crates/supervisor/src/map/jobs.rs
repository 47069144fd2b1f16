//! `-j`: how many inputs are worked on at once.

use std::num::NonZero;
use std::str::FromStr;

/// The most that may be asked for.
pub const JOBS_MAX: u32 = 10_000;
/// How many descriptors a job takes: line, two pipes, pidfd, and what its start takes for a moment.
const DESCRIPTORS_EACH: u64 = 5;
/// How many the supervisor needs for itself.
const DESCRIPTORS_OWN: u64 = 32;
/// What `-j 0` stands for, "as many as possible": more would only wait for one another.
const JOBS_MANY: u32 = 256;

/// How many inputs are worked on at once. The words are those of GNU parallel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Jobs {
    /// `4`: so many; `0`: as many as make sense, 256.
    Count(u32),
    /// `50%`: of the processors, at least one.
    Percent(u32),
    /// `+2`: so many more than processors.
    More(u32),
    /// `-1`: so many fewer than processors, at least one.
    Fewer(u32),
}

/// Why a text is no number of jobs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JobsError {
    /// It is none of the four forms.
    #[error(
        "{0:?} is no number of jobs; write a number (4), a share of the processors (50%), or so many more or fewer than processors (+2, -1)"
    )]
    Form(String),
    /// It is too large.
    #[error("at most {JOBS_MAX} can run at once")]
    TooMany,
    /// Nothing would run.
    #[error("0% is nothing at all; write 0 for as many as make sense")]
    Nothing,
}

impl Default for Jobs {
    /// One a processor.
    fn default() -> Self {
        Self::Percent(100)
    }
}

impl FromStr for Jobs {
    type Err = JobsError;

    fn from_str(text: &str) -> Result<Self, JobsError> {
        let (make, digits): (fn(u32) -> Self, _) = if let Some(more) = text.strip_prefix('+') {
            (Self::More, more)
        } else if let Some(fewer) = text.strip_prefix('-') {
            (Self::Fewer, fewer)
        } else if let Some(percent) = text.strip_suffix('%') {
            (Self::Percent, percent)
        } else {
            (Self::Count, text)
        };
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(JobsError::Form(text.to_owned()));
        }
        // Nothing but digits that does not fit is too large, whatever it is.
        let number = digits.parse().ok().filter(|number| *number <= JOBS_MAX);
        let jobs = make(number.ok_or(JobsError::TooMany)?);
        if jobs == Self::Percent(0) { Err(JobsError::Nothing) } else { Ok(jobs) }
    }
}

impl Jobs {
    /// How many that is where there are so many processors: 1 to [`JOBS_MAX`].
    #[must_use]
    pub fn on(self, processors: NonZero<u32>) -> u32 {
        let processors = processors.get();
        let jobs = match self {
            Self::Count(0) => JOBS_MANY,
            Self::Count(count) => count,
            Self::Percent(percent) => {
                let hundredfold = u64::from(processors) * u64::from(percent);
                u32::try_from(hundredfold.div_ceil(100)).unwrap_or(JOBS_MAX)
            }
            Self::More(more) => processors.saturating_add(more),
            Self::Fewer(fewer) => processors.saturating_sub(fewer),
        };
        jobs.clamp(1, JOBS_MAX)
    }

    /// As many of so many as there are descriptors for: whoever is to be started beyond that is only
    /// waited for.
    #[must_use]
    pub fn fitting(jobs: u32, descriptors: Option<u64>) -> u32 {
        let room = descriptors.map(|all| all.saturating_sub(DESCRIPTORS_OWN) / DESCRIPTORS_EACH);
        let room = room.map_or(JOBS_MAX, |room| u32::try_from(room).unwrap_or(JOBS_MAX));
        jobs.min(room).max(1)
    }

    /// How many that is here: processors are those this process may run on.
    #[must_use]
    pub fn here(self) -> u32 {
        let processors = std::thread::available_parallelism().ok();
        let processors = processors.and_then(|many| NonZero::<u32>::try_from(many).ok());
        self.on(processors.unwrap_or(NonZero::<u32>::MIN))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_are_said_as_gnu_parallel_says_them() {
        let table = [
            ("1", 1),
            ("4", 4),
            ("0", 256),
            ("100%", 8),
            ("50%", 4),
            ("1%", 1),
            ("70%", 6),
            ("200%", 16),
            ("+0", 8),
            ("+2", 10),
            ("-1", 7),
            ("-8", 1),
            ("-100", 1),
            ("10000", 10_000),
            ("10000%", 800),
            ("+10000", 10_000),
        ];
        let eight = NonZero::new(8).unwrap();
        for (text, jobs) in table {
            assert_eq!(text.parse::<Jobs>().unwrap().on(eight), jobs, "{text}");
        }
    }

    #[test]
    fn what_is_no_number_of_jobs_is_refused_with_what_would_be() {
        let form = |text: &str| JobsError::Form(text.to_owned());
        let table = [
            ("", form("")),
            ("many", form("many")),
            ("1.5", form("1.5")),
            ("+", form("+")),
            ("+-1", form("+-1")),
            ("%", form("%")),
            ("4 %", form("4 %")),
            ("-1%", form("-1%")),
            ("٣", form("٣")),
            ("10001", JobsError::TooMany),
            ("99999999999999999999", JobsError::TooMany),
            ("0%", JobsError::Nothing),
        ];
        for (text, error) in table {
            assert_eq!(text.parse::<Jobs>(), Err(error), "{text}");
        }
    }

    #[test]
    fn there_are_no_more_than_descriptors_allow_and_never_none() {
        let table = [
            (4, None, 4),
            (4, Some(1024), 4),
            (256, Some(1024), 198),
            (256, Some(64), 6),
            (4, Some(12), 1),
            (JOBS_MAX, Some(u64::MAX), JOBS_MAX),
        ];
        for (jobs, descriptors, fitting) in table {
            assert_eq!(Jobs::fitting(jobs, descriptors), fitting, "{jobs} {descriptors:?}");
        }
    }
}
