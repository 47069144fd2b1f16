//! A word of a closed set.

use super::suggest::nearest;
use super::{Value, quoted};
use crate::diagnostic::Problem;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use std::borrow::Cow;
use std::marker::PhantomData;
use toml::de::DeValue;

/// A value that is a word of a closed set. Reader and schema use the same set.
pub(crate) trait Choice: Copy + 'static {
    /// The name of the set in the schema.
    const NAME: &'static str;
    /// Every word, what it stands for, and what it means.
    const WORDS: &'static [(&'static str, Self, &'static str)];
    /// Words that are refused, and why.
    const REFUSED: &'static [(&'static str, &'static str)] = &[];
}

/// The word that `value` is.
pub(crate) fn choice<T: Choice>(value: Value<'_>) -> Result<T, Problem> {
    let DeValue::String(word) = value.toml else {
        let example = T::WORDS.first().map_or("", |(word, _, _)| word);
        let help = format!("write {} = \"{example}\"; the words are {}", value.key, words::<T>());
        return Err(value.wrong_type("a word in quotes", help));
    };
    if let Some((_, found, _)) = T::WORDS.iter().find(|(known, _, _)| known == word) {
        return Ok(*found);
    }
    if let Some((_, why)) = T::REFUSED.iter().find(|(refused, _)| refused == word) {
        let message = format!("{} cannot be {}", value.name(), quoted(word));
        return Err(Problem::new(value.span, message, *why));
    }
    let help = match nearest(word, T::WORDS.iter().map(|(known, _, _)| *known)) {
        Some(near) => format!("did you mean \"{near}\"? The words are {}", words::<T>()),
        None => format!("the words are {}", words::<T>()),
    };
    let message = format!("{} cannot be {}", value.name(), quoted(word));
    Err(Problem::new(value.span, message, help))
}

/// `"a", "b" or "c"`.
pub(crate) fn words<T: Choice>() -> String {
    let words: Vec<String> = T::WORDS.iter().map(|(word, _, _)| format!("\"{word}\"")).collect();
    match words.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        Some((only, _)) => only.clone(),
        None => String::new(),
    }
}

/// The shape of a [`Choice`] in the schema.
pub(crate) struct OneOf<T>(PhantomData<T>);

impl<T: Choice> JsonSchema for OneOf<T> {
    fn schema_name() -> Cow<'static, str> {
        T::NAME.into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let words: Vec<&str> = T::WORDS.iter().map(|(word, _, _)| *word).collect();
        let meanings: Vec<&str> = T::WORDS.iter().map(|(_, _, meaning)| *meaning).collect();
        // `enumDescriptions` is what editors show beside each word; validators pass it over.
        json_schema!({ "type": "string", "enum": words, "enumDescriptions": meanings })
    }
}
