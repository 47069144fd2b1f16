//! Durations and signals as people type and read them.

use hearken_core::evidence::{Intent, Scope, SpawnFailure};
use hearken_core::kind::Kind;
use hearken_sys::{Errno, Signal, Stage};
use std::time::Duration;

const UNITS: [(&str, u64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// The longest time a scenario may speak of: a year.
const LONGEST: Duration = Duration::from_secs(366 * 86_400);

/// Reads `200ms`, `30s`, `1h30m`: the same words as in the config.
///
/// # Errors
/// What is wrong with it, and how to write it.
pub fn duration(text: &str) -> Result<Duration, String> {
    let help = "write it as in the config: 200ms, 30s, 1h30m";
    let (mut rest, mut sum, mut below) = (text, 0_u64, u64::MAX);
    if text.is_empty() {
        return Err(format!("it is empty; {help}"));
    }
    while !rest.is_empty() {
        let (digits, after) = split(rest, |c| !c.is_ascii_digit());
        let (unit, after) = split(after, |c| c.is_ascii_digit());
        if digits.is_empty() || unit.is_empty() {
            return Err(format!("{} is no duration; {help}", visible(text)));
        }
        let Some((_, size)) = UNITS.iter().find(|(name, _)| *name == unit) else {
            return Err(format!("{} is no unit of time; {help}", visible(unit)));
        };
        if *size >= below {
            return Err(format!("the larger unit comes first, and each only once; {help}"));
        }
        let part = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(*size));
        let whole = part.and_then(|part| sum.checked_add(part));
        sum = whole.ok_or_else(|| "that is too long for any clock".to_owned())?;
        (rest, below) = (after, *size);
    }
    let read = Duration::from_millis(sum);
    if read > LONGEST { Err("it is longer than a year".to_owned()) } else { Ok(read) }
}

fn split(text: &str, at: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(at).unwrap_or(text.len()))
}

/// A length of time for people: `200 ms`, `30 s`, `3 m 12.345 s`.
pub(super) fn show(time: Duration) -> String {
    let (seconds, ms) = (time.as_secs(), time.subsec_millis());
    let (d, h, m, s) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60);
    if seconds == 0 {
        return format!("{ms} ms");
    }
    let mut parts = Vec::new();
    for (number, unit) in [(d, "d"), (h, "h"), (m, "m")] {
        if number > 0 {
            parts.push(format!("{number} {unit}"));
        }
    }
    if ms > 0 {
        parts.push(format!("{s}.{ms:03} s"));
    } else if s > 0 {
        parts.push(format!("{s} s"));
    }
    parts.join(" ")
}

/// A moment since the start, to the millisecond, always: `+3 m 12.345 s`.
pub(super) fn clock(time: Duration) -> String {
    let (seconds, ms) = (time.as_secs(), time.subsec_millis());
    let (h, m, s) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    match (h, m) {
        (0, 0) => format!("+{s}.{ms:03} s"),
        (0, m) => format!("+{m} m {s:02}.{ms:03} s"),
        (h, m) => format!("+{h} h {m:02} m {s:02}.{ms:03} s"),
    }
}

/// A text from outside (a child, a ledger, a file): whatever could steer a terminal becomes
/// visible, control characters and the marks that turn the direction of writing alike.
pub(super) fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{2069}'
            | '\u{feff}' => {
                shown.extend(c.escape_unicode());
            }
            c if c.is_control() => shown.extend(c.escape_default()),
            c => shown.push(c),
        }
    }
    shown
}

/// Reads a kind that a child may say.
///
/// # Errors
/// Which kinds there are, and which one was probably meant.
pub fn kind(word: &str) -> Result<Kind, String> {
    one_of("kind", word, said_kinds().map(|kind| (kind.as_str(), kind)))
}

/// The kinds a child may say: not those that only the supervisor finds.
pub(super) fn said_kinds() -> impl Iterator<Item = Kind> + Clone {
    let found = [Kind::Crashed, Kind::Oom, Kind::Lost, Kind::Protocol, Kind::StartFailed];
    Kind::ALL.into_iter().filter(move |kind| !found.contains(kind))
}

/// Reads what an error is about.
///
/// # Errors
/// Which words there are, and which one was probably meant.
pub fn scope(word: &str) -> Result<Scope, String> {
    one_of("scope", word, Scope::ALL.into_iter().map(|scope| (scope.as_str(), scope)))
}

/// Reads what a child announces with `exiting`.
///
/// # Errors
/// Which words there are, and which one was probably meant.
pub fn intent(word: &str) -> Result<Intent, String> {
    let all = [Intent::Done, Intent::Retry, Intent::RestartNow, Intent::StayDown];
    one_of("intent", word, all.into_iter().map(|intent| (intent.as_str(), intent)))
}

/// Reads a signal: `SEGV`, `SIGSEGV` or `11`.
///
/// # Errors
/// How signals are written.
pub fn signal(word: &str) -> Result<i32, String> {
    word.parse::<Signal>().map(Signal::number).map_err(|error| visible(&error.to_string()))
}

/// Reads why a start fails: the name of an errno that exec gives.
///
/// # Errors
/// Which names there are.
pub fn start_failure(word: &str) -> Result<SpawnFailure, String> {
    let known = (1..=133).map(Errno::new).filter(|errno| errno.name() != "EUNKNOWN");
    let named: Vec<_> = known.map(|errno| (errno.name(), errno)).collect();
    let Some((_, errno)) = named.iter().find(|(name, _)| *name == word) else {
        let meant = nearest(word, named.iter().map(|(name, _)| *name));
        let meant = meant.map_or("write ENOENT, EACCES, EAGAIN …".to_owned(), did_you_mean);
        return Err(format!("no errno is called {}; {meant}", visible(word)));
    };
    // What a machine lacks, it lacks at the fork; what a program lacks, at the exec.
    let short = ["EAGAIN", "ENOMEM", "EMFILE", "ENFILE"].contains(&errno.name());
    let stage = if short { Stage::Fork } else { Stage::Exec };
    Ok(crate::convert::spawn_failure(stage, *errno))
}

pub(super) fn one_of<T>(
    what: &str,
    word: &str,
    all: impl Iterator<Item = (&'static str, T)> + Clone,
) -> Result<T, String> {
    if let Some((_, found)) = all.clone().find(|(name, _)| *name == word) {
        return Ok(found);
    }
    let names: Vec<&str> = all.map(|(name, _)| name).collect();
    let next = match nearest(word, names.iter().copied()) {
        Some(name) => did_you_mean(name),
        None => format!("there are {}", names.join(", ")),
    };
    Err(format!("no {what} is called {}; {next}", visible(word)))
}

fn did_you_mean(word: &str) -> String {
    format!("did you mean {word}?")
}

/// The known word nearest to an unknown one, if any is near.
pub(super) fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let word: String = word.chars().take(64).collect::<String>().to_lowercase();
    let scored =
        known.map(|known| (strsim::damerau_levenshtein(&word, &known.to_lowercase()), known));
    let (distance, known) = scored.min_by_key(|(distance, _)| *distance)?;
    (distance <= (known.len() / 3).max(1)).then_some(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_as_in_the_config() {
        let ms = Duration::from_millis;
        for (text, expected) in [("0s", 0), ("200ms", 200), ("1h30m", 5_400_000), ("2s5ms", 2_005)]
        {
            assert_eq!(duration(text), Ok(ms(expected)), "{text}");
        }
        for text in
            ["", "5", "s", "1s1m", "1.5s", "-1s", "1y", "1 s", "99999999999999999999s", "9999d"]
        {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn times_are_shown_to_the_millisecond() {
        let table = [
            (0, "0 ms", "+0.000 s"),
            (200, "200 ms", "+0.200 s"),
            (30_000, "30 s", "+30.000 s"),
            (60_000, "1 m", "+1 m 00.000 s"),
            (192_345, "3 m 12.345 s", "+3 m 12.345 s"),
            (3_723_004, "1 h 2 m 3.004 s", "+1 h 02 m 03.004 s"),
        ];
        for (ms, length, moment) in table {
            let time = Duration::from_millis(ms);
            assert_eq!((show(time).as_str(), clock(time).as_str()), (length, moment));
        }
    }

    #[test]
    fn a_wrong_word_names_the_one_that_was_meant() {
        assert!(kind("transiet").is_err_and(|error| error.contains("did you mean transient?")));
        assert!(kind("crashed").is_err(), "no child says that");
        assert!(scope("xyzzy").is_err_and(|error| error.contains("task, worker")));
        assert_eq!(signal("SEGV"), Ok(11));
        assert!(start_failure("ENOENT").is_ok_and(|failure| failure.permanent));
        assert!(start_failure("EAGAIN").is_ok_and(|failure| !failure.permanent));
        assert!(start_failure("ENOENTT").is_err_and(|error| error.contains("ENOENT?")));
    }

    #[test]
    fn nothing_of_a_text_from_outside_steers_the_terminal() {
        let shown = visible("\x1b]0;owned\x07\u{202e}");
        assert!(shown.chars().all(|c| !c.is_control() && c != '\u{202e}'), "{shown:?}");
    }
}
