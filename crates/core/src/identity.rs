//! Names and numbers by which units, instances and processes are known.

use std::fmt;

/// The name of a unit: `[a-z0-9][a-z0-9._-]{0,63}`.
///
/// It becomes a directory, a log field and a word on the command line, so it can hold nothing
/// that any of these would take for something else.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnitName(Box<str>);

/// The longest name a unit may have, in bytes.
pub const NAME_MAX: usize = 64;

/// Why a text is no unit name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing there.
    #[error("a name must not be empty")]
    Empty,
    /// More than [`NAME_MAX`] bytes.
    #[error("a name has at most {NAME_MAX} characters, this one has {0}")]
    TooLong(usize),
    /// A character outside `a-z 0-9 . _ -`.
    #[error("a name is made of a-z, 0-9, '.', '_' and '-'; {0:?} is none of them")]
    Character(char),
    /// It starts with `.`, `_` or `-`.
    #[error("a name starts with a letter or a digit, not with {0:?}")]
    Start(char),
}

impl UnitName {
    /// Checks `text`.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn new(text: &str) -> Result<Self, NameError> {
        let first = text.chars().next().ok_or(NameError::Empty)?;
        let allowed = |c: char| matches!(c, 'a'..='z' | '0'..='9' | '.' | '_' | '-');
        if let Some(bad) = text.chars().find(|c| !allowed(*c)) {
            return Err(NameError::Character(bad));
        }
        if !first.is_ascii_alphanumeric() {
            return Err(NameError::Start(first));
        }
        if text.len() > NAME_MAX {
            return Err(NameError::TooLong(text.len()));
        }
        Ok(Self(text.into()))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UnitName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// The place of a unit in the plan, counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnitIndex(pub u32);

/// The place of a group in the plan, counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupIndex(pub u32);

/// One slot of a unit. Slots are counted from 1, as people do: `web#1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InstanceId {
    /// Its unit.
    pub unit: UnitIndex,
    /// Its slot in the unit, from 1.
    pub slot: u32,
}

/// Names one spawn, from the request on: before there is a pid, after the pid is gone, and never
/// again for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(pub u64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_names() {
        for name in ["a", "web", "web-2", "db.main_1", "0", &"x".repeat(64)] {
            assert_eq!(UnitName::new(name).unwrap().as_str(), name);
        }
    }

    #[test]
    fn bad_names_say_what_is_wrong() {
        let table = [
            ("", NameError::Empty),
            ("../x", NameError::Character('/')),
            ("web#2", NameError::Character('#')),
            ("Web", NameError::Character('W')),
            ("a\0b", NameError::Character('\0')),
            ("grün", NameError::Character('ü')),
            (".hidden", NameError::Start('.')),
            ("-c", NameError::Start('-')),
        ];
        for (name, error) in table {
            assert_eq!(UnitName::new(name), Err(error), "{name:?}");
        }
        assert_eq!(UnitName::new(&"x".repeat(300)), Err(NameError::TooLong(300)));
    }
}
