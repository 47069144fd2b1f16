//! `limit`, `window` and `on_limit`: how many restarts are too many. `restart` and groups share them.

use crate::diagnostic::Problem;
use crate::read::choice::{Choice, choice};
use crate::read::duration::{TICK, duration};
use crate::read::number::integer_or_unlimited;
use crate::read::table::Table;
use crate::read::{Reader, Value};
use crate::source::Span;
use hearken_core::budget::{LIMIT_MAX, Limit, LimitError};
use hearken_core::policy::OnLimit;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use std::borrow::Cow;
use std::time::Duration;

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
pub(crate) struct LimitShape;

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
pub(crate) fn default() -> Option<(Option<Limit>, OnLimit)> {
    Some((Some(Limit::new(LIMIT, WINDOW).ok()?), OnLimit::Fail))
}

/// What a table that counts restarts may ask for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Accounting<T> {
    /// What follows when the limit is reached, unless the config says otherwise.
    pub(crate) on_limit: T,
    /// How to say that there shall be no restart at all.
    pub(crate) no_restart: &'static str,
}

/// Reads `limit`, `window` and `on_limit`.
pub(crate) fn read<T: Choice>(
    reader: &mut Reader<'_>,
    table: &mut Table<'_>,
    accounting: Accounting<T>,
) -> Option<(Option<Limit>, T)> {
    let limit_value = table.take("limit");
    let count = match limit_value {
        Some(value) => reader.keep(count(value, accounting.no_restart)),
        None => Some(Some(LIMIT)),
    };
    let window_value = table.take("window");
    let window = match window_value {
        Some(value) => reader.keep(duration(value, TICK..=WINDOW_MAX)),
        None => Some(WINDOW),
    };
    let on_limit_value = table.take("on_limit");
    let on_limit = match on_limit_value {
        Some(value) => reader.keep(choice(value)),
        None => Some(accounting.on_limit),
    };
    let limit = match (count?, limit_value) {
        (None, Some(limit)) => {
            let idle = [window_value, on_limit_value];
            let idle: Vec<Value<'_>> = idle.into_iter().flatten().collect();
            for value in &idle {
                reader.error(needs_a_limit(*value, limit));
            }
            idle.is_empty().then_some(None)?
        }
        (None, None) => None,
        (Some(count), value) => {
            let at = value.or(window_value).map_or(table.span(), |value| value.span);
            let made = Limit::new(count, window?).map_err(|error| refused(at, error));
            Some(reader.keep(made)?)
        }
    };
    Some((limit, on_limit?))
}

/// What `limit` says; `None` is `"unlimited"`.
fn count(value: Value<'_>, no_restart: &str) -> Result<Option<u32>, Problem> {
    integer_or_unlimited(value, 1..=LIMIT_MAX).map_err(|problem| match value.toml.as_str() {
        Some(_) => problem,
        None => problem.with_help(format!(
            "write a number from 1 to {LIMIT_MAX}, or limit = \"unlimited\"; for no restart at all, \
             {no_restart}"
        )),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{problems, refuses_service, service};

    #[test]
    fn good_limits() {
        let table = [
            ("", Some((5, 60)), OnLimit::Fail),
            ("restart.limit = 10_000", Some((10_000, 60)), OnLimit::Fail),
            ("restart.window = \"30d\"", Some((5, 2_592_000)), OnLimit::Fail),
            ("restart.limit = \"unlimited\"", None, OnLimit::Fail),
            ("restart = { limit = 0x3, on_limit = \"wait\" }", Some((3, 60)), OnLimit::Wait),
            ("restart.on_limit = \"shut_down\"", Some((5, 60)), OnLimit::ShutDown),
        ];
        for (lines, expected, on_limit) in table {
            let restart = service(lines).policy.restart;
            let limit = restart.limit.map(|limit| (limit.count(), limit.window().as_secs()));
            assert_eq!((limit, restart.on_limit), (expected, on_limit), "{lines}");
        }
    }

    #[test]
    fn bad_limits() {
        let table = [
            ("restart.limit = 0", ["3:17", "0", "from 1 to 10000, not `0`", "policy = \"never\""]),
            ("restart.limit = -1", ["3:17", "-1", "from 1 to 10000, not `-1`", "\"unlimited\""]),
            ("restart.limit = 10_001", ["3:17", "10_001", "not `10001`", "10000"]),
            ("restart.limit = \"none\"", ["3:17", "\"none\"", "not a string", "\"unlimited\""]),
            (
                "restart.limit = \"7\"",
                ["3:17", "\"7\"", "not a string", "without quotes: limit = 7"],
            ),
            ("restart.limit = 1e3", ["3:17", "1e3", "not a float", "\"unlimited\""]),
            ("restart.window = \"0s\"", ["3:18", "\"0s\"", "`window` must be from", "\"30d\""]),
            (
                "restart.on_limit = \"stop\"",
                ["3:20", "\"stop\"", "`on_limit` cannot be `stop`", "\"shut_down\""],
            ),
            (
                "restart = { limit = \"unlimited\", window = \"1m\" }",
                [
                    "3:34",
                    "window",
                    "`window` has no meaning when `limit` is \"unlimited\"",
                    "remove `window`",
                ],
            ),
            (
                "restart = { on_limit = \"wait\", limit = \"unlimited\" }",
                ["3:13", "on_limit", "`on_limit` has no meaning when `limit`", "limit = 5"],
            ),
        ];
        for (lines, expected) in table {
            refuses_service(lines, expected);
        }
    }

    #[test]
    fn both_keys_are_shown() {
        let text = "[service.a]\ncommand = [\"x\"]\nrestart.window = \"1m\"\n\
                    restart.limit = \"unlimited\"\n";
        let shown = problems(text)[0].render(false);
        assert!(shown.contains("4 | restart.limit = \"unlimited\""), "{shown}");
        assert!(shown.contains("----------- no limit"), "{shown}");
    }
}
