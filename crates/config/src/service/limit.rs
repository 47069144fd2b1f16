//! `limit`, `window` and `on_limit` of `restart`: how many restarts are too many.

use crate::diagnostic::Problem;
use crate::read::choice::{Choice, choice};
use crate::read::duration::{TICK, duration};
use crate::read::number::integer;
use crate::read::table::Table;
use crate::read::{Reader, Value};
use crate::source::Span;
use hearken_core::budget::{LIMIT_MAX, Limit, LimitError};
use hearken_core::policy::OnLimit;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use std::borrow::Cow;
use std::time::Duration;
use toml::de::DeValue;

const LIMIT: u32 = 5;
const WINDOW: Duration = Duration::from_secs(60);
/// 30 days.
const WINDOW_MAX: Duration = Duration::from_secs(30 * 86_400);

impl Choice for OnLimit {
    const NAME: &'static str = "OnLimit";
    const WORDS: &'static [(&'static str, Self, &'static str)] = &[
        ("fail", Self::Fail, "it stays down until an operator starts it"),
        ("wait", Self::Wait, "it waits until the window has room again"),
        ("shut_down", Self::ShutDown, "hearken ends, with a non-zero exit code"),
    ];
}

/// The shape of `limit` in the schema.
pub(super) struct LimitShape;

impl JsonSchema for LimitShape {
    fn schema_name() -> Cow<'static, str> {
        "Limit".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "oneOf": [
            { "type": "integer", "minimum": 1, "maximum": LIMIT_MAX },
            { "const": "unlimited" },
        ]})
    }
}

/// The limit of a config that says nothing of it.
pub(super) fn default() -> Option<(Option<Limit>, OnLimit)> {
    Some((Some(Limit::new(LIMIT, WINDOW).ok()?), OnLimit::Fail))
}

/// What `limit` says.
enum Count {
    AtMost(u32),
    Unlimited,
}

pub(super) fn read(
    reader: &mut Reader<'_>,
    restart: &mut Table<'_>,
) -> Option<(Option<Limit>, OnLimit)> {
    let limit_value = restart.take("limit");
    let count = match limit_value {
        Some(value) => reader.keep(count(value)),
        None => Some(Count::AtMost(LIMIT)),
    };
    let window_value = restart.take("window");
    let window = match window_value {
        Some(value) => reader.keep(duration(value, TICK..=WINDOW_MAX)),
        None => Some(WINDOW),
    };
    let on_limit_value = restart.take("on_limit");
    let on_limit = match on_limit_value {
        Some(value) => reader.keep(choice(value)),
        None => Some(OnLimit::Fail),
    };
    let limit = match (count?, limit_value) {
        (Count::Unlimited, Some(limit)) => {
            let idle = [window_value, on_limit_value];
            let idle: Vec<Value<'_>> = idle.into_iter().flatten().collect();
            for value in &idle {
                reader.error(needs_a_limit(*value, limit));
            }
            idle.is_empty().then_some(None)?
        }
        (Count::Unlimited, None) => None,
        (Count::AtMost(count), value) => {
            let at = value.or(window_value).map_or(restart.span(), |value| value.span);
            let made = Limit::new(count, window?).map_err(|error| refused(at, error));
            Some(reader.keep(made)?)
        }
    };
    Some((limit, on_limit?))
}

fn count(value: Value<'_>) -> Result<Count, Problem> {
    let DeValue::String(word) = value.toml else {
        return integer(value, 1..=LIMIT_MAX).map(Count::AtMost).map_err(|problem| {
            let help = format!(
                "write a number from 1 to {LIMIT_MAX}, or limit = \"unlimited\"; for no restart at \
                 all, policy = \"never\""
            );
            problem.with_help(help)
        });
    };
    if word == "unlimited" {
        return Ok(Count::Unlimited);
    }
    let read = integer(value, 1..=LIMIT_MAX).map(Count::AtMost);
    read.map_err(|problem| match word.parse::<u32>() {
        Ok(_) => problem,
        Err(_) => problem.with_help(format!("write limit = {LIMIT}, or limit = \"unlimited\"")),
    })
}

fn needs_a_limit(value: Value<'_>, limit: Value<'_>) -> Problem {
    let message = format!("{} has no meaning when `limit` is \"unlimited\"", value.name());
    let help = format!("remove `{}`, or write limit = {LIMIT}", value.key);
    Problem::new(value.key_span, message, help).also(limit.span, "no limit")
}

/// The core's own checks; the ranges above leave them nothing to find.
fn refused(at: Span, error: LimitError) -> Problem {
    let help = match error {
        LimitError::Zero => "for no restart at all, write policy = \"never\"",
        LimitError::TooMany => "for no limit at all, write limit = \"unlimited\"",
        LimitError::NoWindow => "write window = \"1m\"",
    };
    Problem::new(at, error.to_string(), help)
}
