//! Patterns for error codes and unit names.

use std::fmt;

/// A pattern: `*` stands for any run of characters (dots included, and none at all), `?` for one
/// character, everything else for itself. It has to match the whole word: `db.*` matches
/// `db.deadlock` and `db.pool.empty`, not `db`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Glob(Box<str>);

/// The longest pattern, in bytes.
pub const GLOB_MAX: usize = 256;

/// Why a text is no pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GlobError {
    /// Nothing there.
    #[error("a pattern must not be empty")]
    Empty,
    /// More than [`GLOB_MAX`] bytes.
    #[error("a pattern has at most {GLOB_MAX} bytes, this one has {0}")]
    TooLong(usize),
    /// Something that never stands in a code or a name.
    #[error("a pattern holds no spaces and no control characters; {0:?} is one")]
    Character(char),
}

impl Glob {
    /// Checks `text`.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn new(text: &str) -> Result<Self, GlobError> {
        if text.is_empty() {
            return Err(GlobError::Empty);
        }
        if text.len() > GLOB_MAX {
            return Err(GlobError::TooLong(text.len()));
        }
        match text.chars().find(|c| c.is_whitespace() || c.is_control()) {
            Some(bad) => Err(GlobError::Character(bad)),
            None => Ok(Self(text.into())),
        }
    }

    /// The pattern as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the whole of `word` fits. Takes at most as many steps as the product of the two
    /// lengths: nothing a child sends as a code can make it slow.
    #[must_use]
    pub fn matches(&self, word: &str) -> bool {
        fits(&self.0, word, |_| true)
    }

    /// Whether every word that fits `other` fits this too. A `false` may be wrong where the two
    /// patterns are intricate; a `true` never is.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        // Read as a word, a star of the other stands for any run of characters, and only a star of
        // ours can take that in.
        fits(&self.0, &other.0, |c| c != '*')
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Greedy matching that goes back to the last star only: an earlier one never has to take more.
/// `single` says what a `?` may stand for.
fn fits(pattern: &str, word: &str, single: impl Fn(char) -> bool) -> bool {
    let (mut pattern, mut word) = (pattern.chars(), word.chars());
    // The pattern after the last star, and the word from where that star has to take one more.
    let mut retry = None;
    loop {
        let here = word.clone();
        match (pattern.next(), word.next()) {
            (Some('*'), _) => {
                retry = Some((pattern.clone(), here.clone()));
                word = here;
            }
            (None, None) => return true,
            (Some('?'), Some(c)) if single(c) => {}
            (Some(p), Some(c)) if p == c && p != '?' => {}
            (Some(_) | None, _) => {
                let Some((after_star, mut rest)) = retry.take() else { return false };
                if rest.next().is_none() {
                    return false;
                }
                pattern = after_star.clone();
                word = rest.clone();
                retry = Some((after_star, rest));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn glob(text: &str) -> Glob {
        Glob::new(text).unwrap()
    }

    #[test]
    fn a_pattern_matches_whole_words() {
        let table = [
            ("db.deadlock", "db.deadlock", true),
            ("db.deadlock", "db.deadlocks", false),
            ("db.*", "db.deadlock", true),
            ("db.*", "db.pool.empty", true),
            ("db.*", "db.", true),
            ("db.*", "db", false),
            ("db.*", "mydb.x", false),
            ("*", "", true),
            ("*.timeout", "http.read.timeout", true),
            ("*.timeout", "timeout", false),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("?", "é", true),
        ];
        for (pattern, word, fits) in table {
            assert_eq!(glob(pattern).matches(word), fits, "{pattern} on {word}");
        }
    }

    #[test]
    fn one_pattern_hides_another() {
        let table = [
            ("db.*", "db.auth.*", true),
            ("db.auth.*", "db.*", false),
            ("*", "?", true),
            ("?", "*", false),
            ("?*", "*", false),
            ("a?", "ab", true),
            ("a?", "a*", false),
            ("*.x", "a*.x", true),
        ];
        for (wide, narrow, covers) in table {
            assert_eq!(glob(wide).covers(&glob(narrow)), covers, "{wide} over {narrow}");
        }
    }

    #[test]
    fn what_is_no_pattern() {
        assert_eq!(Glob::new(""), Err(GlobError::Empty));
        assert_eq!(Glob::new("a b"), Err(GlobError::Character(' ')));
        assert_eq!(Glob::new("a\0"), Err(GlobError::Character('\0')));
        assert_eq!(Glob::new(&"x".repeat(257)), Err(GlobError::TooLong(257)));
    }

    #[test]
    fn many_stars_are_no_trap() {
        assert!(!glob(&format!("{}c", "a*".repeat(100))).matches(&"a".repeat(10_000)));
    }

    proptest! {
        #[test]
        fn it_agrees_with_a_matcher_that_tries_everything(
            pattern in "[ab*?]{1,8}", word in "[ab]{0,8}",
        ) {
            fn slow(pattern: &[u8], word: &[u8]) -> bool {
                match (pattern.split_first(), word.split_first()) {
                    (None, None) => true,
                    (Some((b'*', rest)), None) => slow(rest, word),
                    (Some((b'*', rest)), Some((_, fewer))) => {
                        slow(rest, word) || slow(pattern, fewer)
                    }
                    (Some((b'?', rest)), Some((_, fewer))) => slow(rest, fewer),
                    (Some((p, rest)), Some((c, fewer))) => p == c && slow(rest, fewer),
                    (None, Some(_)) | (Some(_), None) => false,
                }
            }
            prop_assert_eq!(glob(&pattern).matches(&word), slow(pattern.as_bytes(), word.as_bytes()));
        }

        #[test]
        fn what_is_covered_is_matched(
            wide in "[ab*?]{1,5}", narrow in "[ab*?]{1,5}", word in "[ab]{0,6}",
        ) {
            if glob(&wide).covers(&glob(&narrow)) && glob(&narrow).matches(&word) {
                prop_assert!(glob(&wide).matches(&word));
            }
        }
    }
}
