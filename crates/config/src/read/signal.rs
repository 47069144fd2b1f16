//! Signals by name.

use super::choice::{Choice, choice, words};
use super::{Value, quoted};
use crate::diagnostic::Problem;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use std::borrow::Cow;
use std::marker::PhantomData;
use toml::de::DeValue;

/// A closed set of signals. SIG may stand before each word.
pub(crate) trait Signal: Choice {
    /// Its number on Linux.
    fn number(self) -> i32;
}

/// The signal that `value` names.
pub(crate) fn signal<T: Signal>(value: Value<'_>) -> Result<T, Problem> {
    let DeValue::String(given) = value.toml else {
        let help = format!(
            "write {} = \"{}\"; the signals are {}",
            value.key,
            meant::<T>(value),
            words::<T>()
        );
        return Err(value.wrong_type("the name of a signal", help));
    };
    let bare = given.strip_prefix("SIG").unwrap_or(given);
    if let Some((_, signal, _)) = T::WORDS.iter().find(|(word, _, _)| *word == bare) {
        return Ok(*signal);
    }
    if let Some((_, why)) = T::REFUSED.iter().find(|(word, _)| *word == bare) {
        let message = format!("{} cannot be {}", value.name(), quoted(given));
        return Err(Problem::new(value.span, message, *why));
    }
    // Neither: the closed set has words for that.
    choice(value)
}

/// The name of the signal whose number was written; the first of the set, if it is none.
fn meant<T: Signal>(value: Value<'_>) -> &'static str {
    let number = match value.toml {
        DeValue::Integer(digits) => i32::from_str_radix(digits.as_str(), digits.radix()).ok(),
        DeValue::String(_)
        | DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_)
        | DeValue::Array(_)
        | DeValue::Table(_) => None,
    };
    let same = T::WORDS.iter().find(|(_, signal, _)| Some(signal.number()) == number);
    same.or(T::WORDS.first()).map_or("", |(word, _, _)| word)
}

/// The shape of a signal in the schema: its names with and without SIG.
pub(crate) struct SignalShape<T>(PhantomData<T>);

impl<T: Signal> JsonSchema for SignalShape<T> {
    fn schema_name() -> Cow<'static, str> {
        T::NAME.into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let plain = T::WORDS.iter().map(|(word, _, _)| (*word).to_owned());
        let prefixed = T::WORDS.iter().map(|(word, _, _)| format!("SIG{word}"));
        let names: Vec<String> = plain.chain(prefixed).collect();
        json_schema!({ "type": "string", "enum": names })
    }
}
