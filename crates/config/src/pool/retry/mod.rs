//! `retry`: when a task is tried again.

pub(crate) mod budget;

use crate::diagnostic::Problem;
use crate::read::duration::{DurationOrNeverShape, DurationShape, TICK, duration_or_never, show};
use crate::read::keys::Keys;
use crate::read::number::integer_or_unlimited;
use crate::read::table::Table;
use crate::read::{Reader, Value};
use crate::unit::backoff::{self, Bounds};
use budget::BudgetShape;
use hearken_core::backoff::Backoff;
use hearken_core::pool::RetryPolicy;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use std::borrow::Cow;
use std::time::Duration;
use toml::de::DeValue;

const ATTEMPTS: u32 = 3;
const CRASHES: u32 = 2;
const SNOOZES: u32 = 1000;
const BOUNDS: Bounds =
    Bounds { delay: Duration::from_secs(1), max_delay: Duration::from_secs(300) };

/// The largest count that can be written.
const COUNT_MAX: u32 = 1_000_000;

/// The longest that a task may be tried again: a year.
const ELAPSED_MAX: Duration = Duration::from_secs(365 * 86_400);

pub(crate) const KEYS: Keys = Keys {
    place: "retry = { … } of a pool",
    shape: "RetryTable",
    known: &["attempts", "crashes", "snoozes", "delay", "max_delay", "max_elapsed", "budget"],
    later: &["jitter", "factor", "schedule"],
    aliases: &[
        ("max_attempts", "attempts"),
        ("tries", "attempts"),
        ("max_tries", "attempts"),
        ("limit", "attempts"),
        ("retries", "attempts"),
        ("max_retries", "attempts"),
        ("count", "attempts"),
        ("max_crashes", "crashes"),
        ("backoff", "delay"),
        ("initial_delay", "delay"),
        ("max_interval", "max_delay"),
        ("max_age", "max_elapsed"),
        ("timeout", "max_elapsed"),
        ("max_snoozes", "snoozes"),
        ("retry_budget", "budget"),
    ],
};

/// When a task is tried again; a number alone is how many tries may end in an error.
#[derive(JsonSchema)]
#[schemars(rename = "Retry", untagged)]
#[expect(dead_code, reason = "only its shape is used")]
pub(crate) enum RetryShape {
    Attempts(CountShape),
    Table(RetryTable),
}

/// When a task is tried again.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, transform = crate::schema::optional)]
#[expect(dead_code, reason = "only its shape is used")]
pub(crate) struct RetryTable {
    /// How many of its tries may end in an error; 1 is the first and only.
    #[schemars(extend("default" = 3))]
    attempts: CountShape,
    /// How many workers it may take along.
    #[schemars(extend("default" = 2))]
    crashes: CountShape,
    /// How often it may be put off without having failed.
    #[schemars(extend("default" = 1000))]
    snoozes: CountShape,
    /// The wait before the next try; it doubles from failure to failure.
    #[schemars(extend("default" = "1s"))]
    delay: DurationShape,
    /// The longest wait.
    #[schemars(extend("default" = "5m"))]
    max_delay: DurationShape,
    /// How long after its first try the last one may begin.
    #[schemars(extend("default" = "never"))]
    max_elapsed: DurationOrNeverShape,
    /// How many retries all tasks together may have; the share alone is enough: budget = "20%".
    #[schemars(extend("default" = "unlimited"))]
    budget: BudgetShape,
}

/// The shape of a count that may be `"unlimited"`.
pub(crate) struct CountShape;

impl JsonSchema for CountShape {
    fn schema_name() -> Cow<'static, str> {
        "Count".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "oneOf": [
            { "type": "integer", "minimum": 1, "maximum": COUNT_MAX },
            { "const": "unlimited" },
        ]})
    }
}

fn count(value: Value<'_>) -> Result<Option<u32>, Problem> {
    integer_or_unlimited(value, 1..=COUNT_MAX)
}

/// The policy of a config that says nothing but how many attempts.
fn with(attempts: Option<u32>) -> Option<RetryPolicy> {
    Some(RetryPolicy {
        attempts,
        crashes: Some(CRASHES),
        snoozes: Some(SNOOZES),
        backoff: BOUNDS.backoff()?,
        max_elapsed: None,
        budget: None,
    })
}

pub(super) fn read(reader: &mut Reader<'_>, value: Option<Value<'_>>) -> Option<RetryPolicy> {
    let Some(value) = value else {
        return with(Some(ATTEMPTS));
    };
    if matches!(value.toml, DeValue::Integer(_) | DeValue::String(_)) {
        return with(reader.keep(attempts(value))?);
    }
    let Some(mut table) = Table::of(value, &KEYS) else {
        let help = "write retry = 3, or retry = { attempts = 3, delay = \"1s\" }";
        reader.error(value.wrong_type("a number of attempts or a table", help));
        return None;
    };
    let attempts = match table.take("attempts") {
        Some(value) => reader.keep(attempts(value)),
        None => Some(Some(ATTEMPTS)),
    };
    let mut number = |key, default| match table.take(key) {
        Some(value) => reader.keep(count(value)),
        None => Some(Some(default)),
    };
    let (crashes, snoozes) = (number("crashes", CRASHES), number("snoozes", SNOOZES));
    let backoff = backoff::read(reader, &mut table, BOUNDS);
    let elapsed_value = table.take("max_elapsed");
    let max_elapsed = match elapsed_value {
        Some(value) => reader.keep(duration_or_never(value, TICK..=ELAPSED_MAX)),
        None => Some(None),
    };
    let budget = match table.take("budget") {
        Some(value) => budget::read(reader, value),
        None => Some(None),
    };
    table.close(reader);
    if let (Some(Some(elapsed)), Some(backoff), Some(at)) = (max_elapsed, backoff, elapsed_value) {
        warn_too_short(reader, elapsed, backoff, at);
    }
    Some(RetryPolicy {
        attempts: attempts?,
        crashes: crashes?,
        snoozes: snoozes?,
        backoff: backoff?,
        max_elapsed: max_elapsed?,
        budget: budget?,
    })
}

/// What `attempts` says. None at all would be a pool that does nothing.
fn attempts(value: Value<'_>) -> Result<Option<u32>, Problem> {
    count(value).map_err(|problem| match value.toml {
        DeValue::Integer(_) => problem.with_help(format!(
            "write a number from 1, which is the first try and no other, to {COUNT_MAX}, or {} = \
             \"unlimited\"",
            value.key
        )),
        DeValue::String(_)
        | DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_)
        | DeValue::Array(_)
        | DeValue::Table(_) => problem,
    })
}

/// A task whose last try has to begin before the first delay is over is never tried again.
fn warn_too_short(reader: &mut Reader<'_>, elapsed: Duration, backoff: Backoff, at: Value<'_>) {
    let delay = backoff.delay();
    if elapsed < delay {
        let message = format!(
            "nothing is ever tried again: `max_elapsed` (\"{}\") is over before the first `delay` \
             (\"{}\")",
            show(elapsed),
            show(delay),
        );
        let help = "write a longer max_elapsed, or attempts = 1 if no task shall be tried again";
        reader.warning(Problem::new(at.span, message, help));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{pool, refuses_pool, warns_all, with_pool};

    #[test]
    fn good_retries() {
        let unsaid = with(Some(ATTEMPTS)).unwrap();
        let backoff = |delay, max| {
            Backoff::new(Duration::from_secs(delay), Duration::from_secs(max)).unwrap()
        };
        assert_eq!(
            (unsaid.attempts, unsaid.crashes, unsaid.snoozes),
            (Some(3), Some(2), Some(1000))
        );
        assert_eq!((unsaid.backoff, unsaid.max_elapsed), (backoff(1, 300), None));
        let table = [
            ("", unsaid),
            ("retry = {}", unsaid),
            ("retry = 5", RetryPolicy { attempts: Some(5), ..unsaid }),
            ("retry = 1", RetryPolicy { attempts: Some(1), ..unsaid }),
            ("retry = \"unlimited\"", RetryPolicy { attempts: None, ..unsaid }),
            (
                "retry = { attempts = 9, crashes = 1, snoozes = \"unlimited\" }",
                RetryPolicy { attempts: Some(9), crashes: Some(1), snoozes: None, ..unsaid },
            ),
            (
                "retry = { delay = \"0s\", max_delay = \"1h\" }",
                RetryPolicy { backoff: backoff(0, 3_600), ..unsaid },
            ),
            (
                "[pool.jobs.retry]\nmax_elapsed = \"1d\"",
                RetryPolicy { max_elapsed: Some(Duration::from_secs(86_400)), ..unsaid },
            ),
            ("retry.max_elapsed = \"never\"", unsaid),
        ];
        for (lines, expected) in table {
            assert_eq!(pool(lines).policy.retry, expected, "{lines}");
        }
    }

    #[test]
    fn bad_retries() {
        let table = [
            ("retry = 0", ["3:9", "0", "from 1 to 1000000, not `0`", "the first try and no other"]),
            ("retry = -1", ["3:9", "-1", "not `-1`", "retry = \"unlimited\""]),
            ("retry = \"5\"", ["3:9", "\"5\"", "not a string", "without quotes: retry = 5"]),
            ("retry = true", ["3:9", "true", "a number of attempts or a table", "retry = 3"]),
            ("retry.attempts = 0", ["3:18", "0", "from 1", "or attempts = \"unlimited\""]),
            ("retry.crashes = 0", ["3:17", "0", "`crashes` must be from 1", "\"unlimited\""]),
            ("retry.snoozes = 1_000_001", ["3:17", "1_000_001", "not `1000001`", "1000000"]),
            (
                "retry.delay = \"10m\"",
                [
                    "3:15",
                    "\"10m\"",
                    "`max_delay` (\"5m\", the default) is shorter",
                    "also write max_delay = \"10m\"",
                ],
            ),
            (
                "retry.max_elapsed = \"0s\"",
                ["3:21", "\"0s\"", "must be from \"1ms\"", "max_elapsed = \"never\""],
            ),
            (
                "retry.max_attempts = 3",
                ["3:7", "max_attempts", "unknown key `max_attempts`", "calls it `attempts`"],
            ),
            ("max_retries = 3", ["3:1", "max_retries", "unknown key", "calls it `retry`"]),
            ("retry.jitter = 1", ["3:7", "jitter", "not supported yet", "remove it"]),
        ];
        for (lines, expected) in table {
            refuses_pool(lines, expected);
        }
    }

    #[test]
    fn a_time_that_ends_before_the_first_delay_is_warned_of() {
        warns_all(
            &with_pool("retry = { delay = \"1m\", max_elapsed = \"30s\" }"),
            &[[
                "3:39",
                "\"30s\"",
                "nothing is ever tried again: `max_elapsed` (\"30s\") is over before",
                "or attempts = 1",
            ]],
        );
    }
}
