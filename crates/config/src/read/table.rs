//! A table of which every key must be asked for.

use super::keys::{ALL, Keys};
use super::suggest::nearest;
use super::{Reader, Value, quoted};
use crate::diagnostic::Problem;
use crate::source::Span;
use toml::de::{DeTable, DeValue};

/// A table of the config. What is left when it is closed was never asked for: an unknown key.
#[derive(Debug)]
pub(crate) struct Table<'t> {
    keys: &'static Keys,
    /// How messages call this one: `[service.api]`.
    title: String,
    /// Its header or braces; the key it stands under, where it has neither.
    span: Span,
    /// In the order of the text.
    left: Vec<Value<'t>>,
    #[cfg(debug_assertions)]
    asked: Vec<&'static str>,
}

impl<'t> Table<'t> {
    pub(crate) fn open(
        table: &'t DeTable<'t>,
        span: Span,
        title: impl Into<String>,
        keys: &'static Keys,
    ) -> Self {
        Self {
            keys,
            title: title.into(),
            span,
            left: entries(table),
            #[cfg(debug_assertions)]
            asked: Vec::new(),
        }
    }

    /// The table that `value` is, if it is one.
    pub(crate) fn of(value: Value<'t>, keys: &'static Keys) -> Option<Self> {
        value.toml.as_table().map(|table| Self::open(table, value.span, value.name(), keys))
    }

    pub(crate) fn span(&self) -> Span {
        self.span
    }

    pub(crate) fn title(&self) -> &str {
        &self.title
    }

    /// The value of a known key, if it is given.
    pub(crate) fn take(&mut self, key: &'static str) -> Option<Value<'t>> {
        #[cfg(debug_assertions)]
        {
            assert!(self.keys.known.contains(&key), "{key} is not in the keys of {}", self.title);
            self.asked.push(key);
        }
        self.take_foreign(key)
    }

    /// The value of a key that has no place here, if it is given all the same: whoever asks has a
    /// better word for it than "unknown".
    pub(crate) fn take_foreign(&mut self, key: &str) -> Option<Value<'t>> {
        let place = self.left.iter().position(|value| value.key == key)?;
        Some(self.left.remove(place))
    }

    /// What was not asked for yet.
    pub(crate) fn left(&self) -> impl Iterator<Item = &Value<'t>> {
        self.left.iter()
    }

    /// Every key that nobody asked for is a problem.
    pub(crate) fn close(self, reader: &mut Reader<'_>) {
        #[cfg(debug_assertions)]
        for key in self.keys.known {
            assert!(self.asked.contains(key), "nobody read {key} of {}", self.title);
        }
        for value in &self.left {
            if reader.has_room() {
                reader.error(self.unknown(value));
            }
        }
    }

    fn unknown(&self, value: &Value<'_>) -> Problem {
        let (key, title) = (value.name(), &self.title);
        if self.keys.later.contains(&value.key) {
            return not_yet(value.key_span, &format!("{key} in {title}"));
        }
        let message = format!("unknown key {key} in {title}");
        Problem::new(value.key_span, message, self.help(value.key))
    }

    fn help(&self, key: &str) -> String {
        let folded = key.to_lowercase().replace('-', "_");
        if let Some((_, ours)) = self.keys.aliases.iter().find(|(theirs, _)| *theirs == folded) {
            return format!("hearken calls it `{ours}`");
        }
        if let Some(keys) = ALL.iter().find(|keys| keys.known.contains(&key)) {
            return format!("{} belongs in {}", quoted(key), keys.place);
        }
        if let Some(near) = nearest(key, self.keys.known.iter().copied()) {
            return format!("did you mean `{near}`?");
        }
        format!("the keys here are {}", list(self.keys.known.iter().copied()))
    }
}

/// The entries of a table in the order of the text.
pub(crate) fn entries<'t>(table: &'t DeTable<'t>) -> Vec<Value<'t>> {
    let mut entries: Vec<Value<'t>> =
        table.iter().map(|(key, value)| Value::new(key, value)).collect();
    entries.sort_by_key(|value| (value.key_span, value.key));
    entries
}

/// The elements of an array.
pub(crate) fn elements<'t>(value: Value<'t>) -> Option<Vec<Value<'t>>> {
    match value.toml {
        DeValue::Array(array) => Some(array.iter().map(|e| value.element(e)).collect()),
        DeValue::String(_)
        | DeValue::Integer(_)
        | DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_)
        | DeValue::Table(_) => None,
    }
}

/// Something a later version will know.
fn not_yet(span: Span, what: &str) -> Problem {
    let message = format!("{what} is not supported yet by this version of hearken");
    let version = env!("CARGO_PKG_VERSION");
    let help =
        format!("remove it; config/reference.toml has every key that version {version} knows");
    Problem::new(span, message, help)
}

/// `` `a`, `b` and `c` ``.
pub(crate) fn list<'w>(words: impl Iterator<Item = &'w str>) -> String {
    let words: Vec<String> = words.map(|word| format!("`{word}`")).collect();
    match words.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        Some((only, _)) => only.clone(),
        None => String::new(),
    }
}
