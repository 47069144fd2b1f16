//! One datagram as sd_notify(3) has it: lines of `KEY=value`, read into words.
//!
//! A pure function. What cannot be understood changes nothing: a datagram that was cut off or is
//! no text says nothing at all, a line that is not as it should be is left out and counted, and a
//! key that nobody here knows (`X_…`, `FDSTORE`, those of a newer systemd) is not even that.

use hearken_sys::{Errno, Pid};
use std::str::{self, FromStr};
use std::time::Duration;

/// The highest number the kernel gives to an error (MAX_ERRNO).
const ERRNO_MAX: i32 = 4095;

/// One thing a datagram says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Word {
    /// `READY=1`
    Ready,
    /// `STATUS=…`, for people. No longer than the datagram: 4 KiB.
    Status(String),
    /// `STOPPING=1`
    Stopping,
    /// `RELOADING=1`. (`MONOTONIC_USEC` says when that began, for those who sent a signal and have
    /// to know which came first. hearken sends none.)
    Reloading,
    /// `WATCHDOG=1`
    Alive,
    /// `WATCHDOG=trigger`
    Trigger,
    /// `WATCHDOG_USEC=…`
    WatchdogPeriod(Duration),
    /// `EXTEND_TIMEOUT_USEC=…`
    Extend(Duration),
    /// `MAINPID=…`
    MainPid(Pid),
    /// `ERRNO=…`
    Errno(Errno),
    /// `BARRIER=1`, which always comes alone.
    Barrier,
}

/// What a datagram says, in its order.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Message {
    /// The words.
    pub(crate) words: Vec<Word>,
    /// How many lines were not as they should be.
    pub(crate) malformed: u64,
}

impl Message {
    /// What it says for people.
    pub(crate) fn status(&self) -> Option<&str> {
        self.words
            .iter()
            .find_map(|word| if let Word::Status(text) = word { Some(text.as_str()) } else { None })
    }
}

/// Why a datagram says nothing at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unreadable {
    /// It was longer than what is kept.
    #[error("it is longer than 4096 bytes")]
    Truncated,
    /// It is not UTF-8.
    #[error("it is no text")]
    NotText,
    /// The barrier came with something else.
    #[error("BARRIER=1 came with other keys")]
    MixedBarrier,
}

/// Reads a datagram.
///
/// # Errors
/// If nothing of it may be believed.
pub(crate) fn read(bytes: &[u8], truncated: bool) -> Result<Message, Unreadable> {
    if truncated {
        return Err(Unreadable::Truncated);
    }
    // Programs in C send the zero behind the text as well; for systemd the message ends there.
    let text = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
    let text = str::from_utf8(text).map_err(|_| Unreadable::NotText)?;
    let mut message = Message::default();
    for line in text.split('\n').filter(|line| !line.is_empty()) {
        match line.split_once('=').map(|(key, value)| word(key, value)) {
            Some(Line::Word(word)) => message.words.push(word),
            Some(Line::Ignored) => {}
            Some(Line::Malformed) | None => message.malformed += 1,
        }
    }
    let lines = text.split('\n').filter(|line| !line.is_empty()).count();
    if message.words.contains(&Word::Barrier) && lines > 1 {
        return Err(Unreadable::MixedBarrier);
    }
    Ok(message)
}

enum Line {
    Word(Word),
    Ignored,
    Malformed,
}

fn word(key: &str, value: &str) -> Line {
    let word = match (key, value) {
        ("READY", "1") => Some(Word::Ready),
        ("STATUS", text) => Some(Word::Status(text.to_owned())),
        ("STOPPING", "1") => Some(Word::Stopping),
        ("RELOADING", "1") => Some(Word::Reloading),
        ("WATCHDOG", "1") => Some(Word::Alive),
        ("WATCHDOG", "trigger") => Some(Word::Trigger),
        ("WATCHDOG_USEC", value) => microseconds(value)
            // It would turn the watchdog off, which is the operator's to say.
            .filter(|period| !period.is_zero())
            .map(Word::WatchdogPeriod),
        ("EXTEND_TIMEOUT_USEC", value) => microseconds(value).map(Word::Extend),
        ("MAINPID", value) => number(value).and_then(Pid::new).map(Word::MainPid),
        // No error: said by programs that fill it in whatever happened.
        ("ERRNO", "0") => return Line::Ignored,
        ("ERRNO", value) => number(value)
            .filter(|number| (1..=ERRNO_MAX).contains(number))
            .map(|number| Word::Errno(Errno::new(number))),
        ("BARRIER", "1") => Some(Word::Barrier),
        ("MONOTONIC_USEC", value) if microseconds(value).is_some() => return Line::Ignored,
        (
            "READY" | "STOPPING" | "RELOADING" | "WATCHDOG" | "BARRIER" | "MONOTONIC_USEC" | "",
            _,
        ) => None,
        _ => return Line::Ignored,
    };
    word.map_or(Line::Malformed, Line::Word)
}

fn microseconds(value: &str) -> Option<Duration> {
    number(value).map(Duration::from_micros)
}

/// Digits and nothing else: `parse` would take a sign too.
fn number<T: FromStr>(value: &str) -> Option<T> {
    value.bytes().all(|byte| byte.is_ascii_digit()).then(|| value.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn words(bytes: &[u8]) -> Vec<Word> {
        let message = read(bytes, false).unwrap();
        assert_eq!(message.malformed, 0, "{}", bytes.escape_ascii());
        message.words
    }

    #[test]
    fn every_key_is_read() {
        let pid = Pid::new(4711).unwrap();
        let micros = Duration::from_micros;
        let table: [(&[u8], &[Word]); 16] = [
            (b"READY=1", &[Word::Ready]),
            (b"READY=1\n", &[Word::Ready]),
            (b"READY=1\0", &[Word::Ready]),
            (b"READY=1\0STOPPING=1\xFF", &[Word::Ready]),
            (b"STATUS=", &[Word::Status(String::new())]),
            (b"STATUS=a=b \xC3\xA9", &[Word::Status("a=b \u{e9}".into())]),
            (b"STOPPING=1", &[Word::Stopping]),
            (b"RELOADING=1\nMONOTONIC_USEC=42", &[Word::Reloading]),
            (b"WATCHDOG=1", &[Word::Alive]),
            (b"WATCHDOG=trigger", &[Word::Trigger]),
            (b"WATCHDOG_USEC=2000000", &[Word::WatchdogPeriod(micros(2_000_000))]),
            (b"EXTEND_TIMEOUT_USEC=18446744073709551615", &[Word::Extend(micros(u64::MAX))]),
            (b"MAINPID=4711", &[Word::MainPid(pid)]),
            (b"ERRNO=2", &[Word::Errno(Errno::new(2))]),
            (b"BARRIER=1", &[Word::Barrier]),
            (b"ERRNO=0", &[]),
        ];
        for (bytes, expected) in table {
            assert_eq!(words(bytes), expected, "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn the_order_is_that_of_the_lines() {
        assert_eq!(
            words(b"STATUS=up\nX_OWN=1\nREADY=1\nFDSTORE=1\nNOTIFYACCESS=all\nWATCHDOG=1"),
            [Word::Status("up".into()), Word::Ready, Word::Alive]
        );
    }

    #[test]
    fn a_line_that_is_not_as_it_should_be_is_counted_and_the_others_stand() {
        let malformed = [
            "READY",
            "READY=0",
            "READY= 1",
            "=1",
            "RELOADING=yes",
            "STOPPING=",
            "WATCHDOG=2",
            "WATCHDOG_USEC=0",
            "WATCHDOG_USEC=-1",
            "WATCHDOG_USEC=1.5",
            "WATCHDOG_USEC=18446744073709551616",
            "EXTEND_TIMEOUT_USEC=",
            "EXTEND_TIMEOUT_USEC=+1",
            "MAINPID=0",
            "MAINPID=-1",
            "MAINPID=2147483648",
            "ERRNO=-2",
            "ERRNO=4096",
            "ERRNO=ENOENT",
            "BARRIER=2",
            "MONOTONIC_USEC=now",
        ];
        for line in malformed {
            let message = read(format!("{line}\nREADY=1").as_bytes(), false).unwrap();
            assert_eq!(message, Message { words: vec![Word::Ready], malformed: 1 }, "{line}");
        }
    }

    #[test]
    fn what_is_cut_off_or_no_text_says_nothing() {
        assert_eq!(read(b"", false), Ok(Message::default()));
        assert_eq!(read(b"\n\n\0", false), Ok(Message::default()));
        assert_eq!(read(b"READY=1", true), Err(Unreadable::Truncated));
        assert_eq!(read(b"READY=1\nSTATUS=\xFF", false), Err(Unreadable::NotText));
    }

    #[test]
    fn a_barrier_comes_alone() {
        for mixed in [
            "BARRIER=1\nREADY=1",
            "READY=1\nBARRIER=1",
            "BARRIER=1\nBARRIER=1",
            "X_Y=1\nBARRIER=1",
            "?\nBARRIER=1",
        ] {
            assert_eq!(read(mixed.as_bytes(), false), Err(Unreadable::MixedBarrier), "{mixed}");
        }
        assert_eq!(words(b"\nBARRIER=1\n"), [Word::Barrier]);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..4200), cut: bool) {
            let _read = read(&bytes, cut);
        }

        #[test]
        fn text_is_never_read_as_more_than_it_has_lines(text in "([A-Z_]{0,9}=?[0-9a-z]{0,6}\n?){0,30}") {
            if let Ok(message) = read(text.as_bytes(), false) {
                let lines = text.split('\n').filter(|line| !line.is_empty()).count() as u64;
                prop_assert!(message.words.len() as u64 + message.malformed <= lines);
            }
        }

        #[test]
        fn statuses_keep_their_order(texts in prop::collection::vec("[^\n\0]{0,40}", 0..20)) {
            let lines: Vec<_> = texts.iter().map(|text| format!("STATUS={text}")).collect();
            let expected: Vec<_> = texts.into_iter().map(Word::Status).collect();
            prop_assert_eq!(words(lines.join("\nX_BETWEEN=1\n").as_bytes()), expected);
        }
    }
}
