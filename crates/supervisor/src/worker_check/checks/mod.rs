//! The checks, in the order they run in: what others rest on comes first.

mod cancel;
mod drain;
mod framing;
mod handshake;
mod hostile;
mod liveness;
mod results;
mod standalone;
mod tasks;

use super::Bench;
use super::fault::Setback;
use super::report::Section;

/// One thing a worker must get right.
pub(super) struct Check {
    /// Its name, which stays.
    pub(super) name: &'static str,
    /// What is tried, for people.
    pub(super) tries: &'static str,
    /// What it rests on.
    pub(super) section: Section,
    /// The task it cannot do without.
    pub(super) needs: Needs,
    /// The check that must not have failed, or this one would only fail for the same reason.
    pub(super) after: Option<&'static str>,
    /// Tries it.
    pub(super) run: fn(&Bench<'_>) -> Result<(), Setback>,
}

/// A task that only the one who asks can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Needs {
    Nothing,
    Fail,
    Slow,
    Large,
}

/// All checks.
pub(super) fn all() -> impl Iterator<Item = &'static Check> {
    let groups = [
        handshake::CHECKS,
        liveness::CHECKS,
        tasks::CHECKS,
        liveness::WHILE_BUSY,
        cancel::CHECKS,
        framing::CHECKS,
        results::CHECKS,
        drain::CHECKS,
        hostile::CHECKS,
        standalone::CHECKS,
    ];
    groups.into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_there_once_and_what_a_check_rests_on_runs_before_it() {
        let mut before: Vec<&str> = Vec::new();
        for check in all() {
            assert!(!before.contains(&check.name), "{} twice", check.name);
            let rests = check.after.is_none_or(|after| before.contains(&after));
            assert!(rests, "{} runs before {:?}", check.name, check.after);
            before.push(check.name);
        }
    }
}
