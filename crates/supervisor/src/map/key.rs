//! What the job log knows an input by: what is done, and with what.

use sha2::{Digest, Sha256};
use std::ffi::OsStr;
use std::fmt;
use std::str::FromStr;

/// The SHA-256 of a command and what it is given of one input.
///
/// A place in a list would be the wrong name: lists are sorted anew, cut and grown, and then the
/// wrong inputs would be skipped.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Key([u8; 32]);

/// Why a text is no key: it is not 64 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NoKey;

/// Makes the keys of one command.
#[derive(Debug, Clone)]
pub(super) struct Keys {
    command: Sha256,
}

impl Keys {
    /// Of a command whose words say all that makes its results: the way it is run, its arguments.
    #[must_use]
    pub(super) fn of<'w>(words: impl IntoIterator<Item = &'w OsStr>) -> Self {
        let mut command = Sha256::new_with_prefix(b"hearken map 1\0");
        for word in words {
            let bytes = word.as_encoded_bytes();
            // With its length: `a b` is not `ab`.
            command.update((bytes.len() as u64).to_be_bytes());
            command.update(bytes);
        }
        // No word is as long as this says: what follows is the input.
        command.update(u64::MAX.to_be_bytes());
        Self { command }
    }

    /// The key of the input that is given as this message.
    #[must_use]
    pub(super) fn key(&self, content: &[u8]) -> Key {
        Key(self.command.clone().chain_update(content).finalize().into())
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({self})")
    }
}

impl FromStr for Key {
    type Err = NoKey;

    fn from_str(text: &str) -> Result<Self, NoKey> {
        let digits = text.as_bytes();
        let mut key = [0; 32];
        if digits.len() != 2 * key.len() {
            return Err(NoKey);
        }
        for (byte, pair) in key.iter_mut().zip(digits.chunks_exact(2)) {
            for digit in pair {
                let value = char::from(*digit).to_digit(16).ok_or(NoKey)?;
                *byte = *byte << 4 | u8::try_from(value).map_err(|_more_than_15| NoKey)?;
            }
        }
        Ok(Self(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(words: &[&str], content: &str) -> Key {
        Keys::of(words.iter().map(OsStr::new)).key(content.as_bytes())
    }

    #[test]
    fn a_key_is_of_the_command_and_the_content_and_of_nothing_else() {
        let one = key(&["php", "worker.php"], "a");
        assert_eq!(one, key(&["php", "worker.php"], "a"));
        for (words, content) in [
            (&["php", "worker.php"][..], "b"),
            (&["php", "other.php"], "a"),
            (&["phpworker.php"], "a"),
            (&["php", "worker", ".php"], "a"),
            (&["php", "worker.phpa"], ""),
            (&["php"], "a"),
            (&[], "phpworker.phpa"),
        ] {
            assert_ne!(one, key(words, content), "{words:?} {content}");
        }
    }

    #[test]
    fn a_key_is_read_back_as_it_was_written() {
        let key = key(&["x"], "y");
        assert_eq!(key.to_string().parse(), Ok(key));
        assert_eq!(key.to_string().len(), 64);
        for text in ["", "00", &"g".repeat(64), &"0".repeat(63), &"0".repeat(65), &"ü".repeat(32)]
        {
            assert_eq!(text.parse::<Key>(), Err(NoKey), "{text}");
        }
    }

    #[test]
    fn a_key_is_the_same_in_every_version_of_hearken() {
        // sha256 of 'hearken map 1\0', each word behind its length, 8 × ff, the content.
        let expected = "21a5b5379649290692fabfbb103c3d98feff3540b30940b7048dc659f8b4c769";
        assert_eq!(key(&["echo", "{}"], "a").to_string(), expected);
    }
}
