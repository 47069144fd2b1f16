//! `attempt` of a rule: the how-manieth failure in a row it was.

use crate::diagnostic::Problem;
use crate::read::keys::Keys;
use crate::read::number::integer;
use crate::read::table::Table;
use crate::read::{Reader, Value};
use schemars::JsonSchema;
use std::ops::RangeInclusive;
use toml::de::DeValue;

/// The largest number that can be written; what has no end goes on beyond it.
const ATTEMPT_MAX: u32 = 1_000_000;

pub(crate) const KEYS: Keys = Keys {
    place: "attempt = { … } of a rule",
    shape: "AttemptTable",
    known: &["at_least", "at_most"],
    later: &[],
    aliases: &[
        ("min", "at_least"),
        ("from", "at_least"),
        ("max", "at_most"),
        ("to", "at_most"),
        ("until", "at_most"),
    ],
};

/// The how-manieth failure in a row it is; a number alone is just that one.
#[derive(JsonSchema)]
#[schemars(rename = "Attempt", untagged)]
#[expect(dead_code, reason = "only its shape is used")]
pub(super) enum AttemptShape {
    Just(#[schemars(range(min = 1, max = ATTEMPT_MAX))] u32),
    Table(AttemptTable),
}

/// The how-manieth failures in a row it is about.
#[derive(JsonSchema)]
#[schemars(
    deny_unknown_fields,
    transform = crate::schema::optional,
    extend("minProperties" = 1),
)]
#[expect(dead_code, reason = "only its shape is used")]
pub(super) struct AttemptTable {
    /// From this one on.
    #[schemars(range(min = 1, max = ATTEMPT_MAX))]
    at_least: u32,
    /// Up to this one.
    #[schemars(range(min = 1, max = ATTEMPT_MAX))]
    at_most: u32,
}

pub(super) fn read(reader: &mut Reader<'_>, value: Value<'_>) -> Option<RangeInclusive<u32>> {
    if matches!(value.toml, DeValue::Integer(_)) {
        let just = reader.keep(integer(value, 1..=ATTEMPT_MAX))?;
        return Some(just..=just);
    }
    let help = "write attempt = 3, or attempt = { at_least = 3, at_most = 5 }";
    let Some(mut table) = Table::of(value, &KEYS) else {
        reader.error(value.wrong_type("a whole number or a table", help));
        return None;
    };
    let (from_value, to_value) = (table.take("at_least"), table.take("at_most"));
    let unknown = table.left().next().is_some();
    table.close(reader);
    if from_value.is_none() && to_value.is_none() {
        if !unknown {
            reader.error(Problem::new(value.span, "`attempt` says nothing", help));
        }
        return None;
    }
    let mut bound = |value, default| match value {
        Some(value) => reader.keep(integer(value, 1..=ATTEMPT_MAX)),
        None => Some(default),
    };
    let (from, to) = (bound(from_value, 1), bound(to_value, u32::MAX));
    let (from, to) = (from?, to?);
    if let (true, Some(from_value), Some(to_value)) = (from > to, from_value, to_value) {
        let message = format!("`at_least` ({from}) is above `at_most` ({to})");
        let help = format!("write at_least = {to}, at_most = {from}");
        let problem = Problem::new(from_value.span, message, help).label("above");
        reader.error(problem.also(to_value.span, "the end"));
        return None;
    }
    Some(from..=to)
}
