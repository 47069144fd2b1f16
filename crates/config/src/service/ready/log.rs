//! `log` of `ready`: what a program writes when it is ready.

use crate::diagnostic::Problem;
use crate::read::text::{For, expanded};
use crate::read::{Reader, Value};
use regex::bytes::{Regex, RegexBuilder};
use std::fmt;

/// A regular expression that a line of output has to match, anywhere in it.
#[derive(Clone)]
pub struct LogPattern(Regex);

/// The longest pattern, in bytes.
const PATTERN_MAX: usize = 1024;

/// The most memory a compiled pattern may take, in bytes.
const COMPILED_MAX: usize = 256 * 1024;

/// How deep its groups may lie in each other.
const DEPTH_MAX: u32 = 50;

impl LogPattern {
    /// Compiles `text`, or says what is wrong with it and what to do: never with the text itself,
    /// which may hold what a variable stood for.
    fn new(text: &str) -> Result<Self, (String, &'static str)> {
        if text.is_empty() {
            return Err(("an empty one matches every line".into(), "write what the line holds"));
        }
        let shorter = "look for less: a few words of the line are enough";
        if text.len() > PATTERN_MAX {
            return Err((format!("it is longer than {PATTERN_MAX} bytes"), shorter));
        }
        let compiled =
            RegexBuilder::new(text).size_limit(COMPILED_MAX).nest_limit(DEPTH_MAX).build();
        compiled.map(Self).map_err(|error| {
            if let regex::Error::CompiledTooBig(_) = error {
                return ("it takes too much memory when it is compiled".into(), shorter);
            }
            // The last line says what is wrong, those above it repeat the pattern.
            let shown = error.to_string();
            let last = shown.lines().last().unwrap_or_default();
            let help = "https://docs.rs/regex says how they are written; a backslash before it \
                        makes any sign stand for itself";
            (last.trim_start_matches("error: ").to_owned(), help)
        })
    }

    /// The pattern as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Whether a line of output matches. Its time is linear in the length of the line.
    #[must_use]
    pub fn matches(&self, line: &[u8]) -> bool {
        self.0.is_match(line)
    }
}

impl PartialEq for LogPattern {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for LogPattern {}

impl fmt::Debug for LogPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LogPattern").field(&self.as_str()).finish()
    }
}

/// Reads the pattern under `log`.
pub(super) fn read(reader: &mut Reader<'_>, value: Value<'_>) -> Option<LogPattern> {
    let text = expanded(reader, value, For::Program)?;
    let read = LogPattern::new(&text).map_err(|(error, help)| {
        let message = format!("`log` is no regular expression: {error}");
        Problem::new(value.span, message, help)
    });
    reader.keep(read)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_matches_anywhere_and_need_not_be_a_text() {
        let pattern = LogPattern::new(r"listening on :\d+$").unwrap();
        assert!(pattern.matches(b"INFO listening on :8080"));
        assert!(!pattern.matches(b"not yet listening on :8080."));
        assert!(pattern.matches(b"\xff\xfe listening on :1"));
        assert!(LogPattern::new("(?i)größe").unwrap().matches("GRÖSSE GRÖßE".as_bytes()));
    }

    #[test]
    fn what_is_no_pattern() {
        let deep = "(".repeat(60) + "x" + &")".repeat(60);
        let table = [
            ("", "matches every line"),
            ("(ready", "unclosed group"),
            ("ready)", "unopened group"),
            ("*", "repetition operator missing expression"),
            ("[z-a]", "invalid character class range"),
            (r"\y", "unrecognized escape sequence"),
            (r"(a)\1", "backreferences are not supported"),
            (r"a(?=b)", "look-around"),
            (r"\p{Klingon}", "Unicode property not found"),
            ("(?:x{1000}){1000}", "too much memory"),
            (&deep, "nest"),
            (&"x".repeat(1025), "longer than 1024"),
        ];
        for (text, expected) in table {
            let (error, help) = LogPattern::new(text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
            assert!(!help.is_empty() && !error.contains('\n'), "{text}: {error}");
        }
    }

    #[test]
    fn no_pattern_makes_a_long_line_slow() {
        let pattern = LogPattern::new("(a+)+$").unwrap();
        let line = "a".repeat(100_000) + "b";
        assert!(!pattern.matches(line.as_bytes()));
    }
}
