//! The environment variables that `${VAR}` may name.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;

/// The environment variables that `${VAR}` in a config may name.
#[derive(Clone, Default)]
pub struct Variables(BTreeMap<OsString, OsString>);

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lookup<'a> {
    Unset,
    Empty,
    NotUnicode,
    Set(&'a str),
}

impl Variables {
    /// Those of this process, as they are now.
    #[must_use]
    pub fn of_process() -> Self {
        Self(std::env::vars_os().collect())
    }

    pub(crate) fn get(&self, name: &str) -> Lookup<'_> {
        match self.0.get(OsStr::new(name)).map(|value| value.to_str()) {
            None => Lookup::Unset,
            Some(None) => Lookup::NotUnicode,
            Some(Some("")) => Lookup::Empty,
            Some(Some(value)) => Lookup::Set(value),
        }
    }

    /// The set name that was probably meant.
    pub(crate) fn nearest(&self, name: &str) -> Option<&str> {
        let others = self.0.keys().filter_map(|key| key.to_str()).filter(|key| *key != name);
        super::suggest::nearest(name, others)
    }
}

impl<K: Into<OsString>, V: Into<OsString>> FromIterator<(K, V)> for Variables {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        Self(pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

/// Without the values: they may be secrets.
impl fmt::Debug for Variables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.keys()).finish()
    }
}
