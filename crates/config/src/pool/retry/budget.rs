//! `budget` of `retry`: how many retries all tasks of a pool may have together.

use crate::diagnostic::Problem;
use crate::read::duration::{DurationShape, TICK, duration};
use crate::read::keys::Keys;
use crate::read::number::integer;
use crate::read::table::Table;
use crate::read::{Reader, Value, quoted};
use hearken_core::pool::RetryBudget;
use hearken_core::task::Share;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use std::borrow::Cow;
use std::time::Duration;

const SHARE: u64 = 20;
const WINDOW: Duration = Duration::from_secs(10);
const FLOOR: u32 = 10;

const WINDOW_MAX: Duration = Duration::from_secs(3600);
const FLOOR_MAX: u32 = 1_000_000;

pub(crate) const KEYS: Keys = Keys {
    place: "budget = { … } of retry",
    shape: "BudgetTable",
    known: &["share", "window", "floor"],
    later: &[],
    aliases: &[
        ("ratio", "share"),
        ("percent", "share"),
        ("retry_ratio", "share"),
        ("ttl", "window"),
        ("interval", "window"),
        ("period", "window"),
        ("min", "floor"),
        ("minimum", "floor"),
        ("min_retries", "floor"),
    ],
};

/// How many retries all tasks together may have: "unlimited", a share of the first tries, or a
/// table.
#[derive(JsonSchema)]
#[schemars(rename = "Budget", untagged)]
#[expect(dead_code, reason = "only its shape is used")]
pub(crate) enum BudgetShape {
    Unlimited(#[schemars(extend("const" = "unlimited"))] String),
    Share(ShareShape),
    Table(BudgetTable),
}

/// How many retries all tasks together may have. Those beyond it wait.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, transform = crate::schema::optional)]
#[expect(dead_code, reason = "only its shape is used")]
pub(crate) struct BudgetTable {
    /// How many retries there may be for a hundred first tries.
    #[schemars(extend("default" = "20%"))]
    share: ShareShape,
    /// The window both are counted in.
    #[schemars(extend("default" = "10s"))]
    window: DurationShape,
    /// How many retries a window may always hold.
    #[schemars(range(min = 0, max = FLOOR_MAX), extend("default" = 10))]
    floor: u32,
}

/// The shape of a share in the schema.
pub(crate) struct ShareShape;

impl JsonSchema for ShareShape {
    fn schema_name() -> Cow<'static, str> {
        "Share".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^(100|[1-9]?[0-9])%$" })
    }
}

/// `None` if it could not be read, `None` inside if it is `"unlimited"`.
#[expect(clippy::option_option, reason = "unlimited or not, and if not read or not")]
pub(super) fn read(reader: &mut Reader<'_>, value: Value<'_>) -> Option<Option<RetryBudget>> {
    match value.toml.as_str() {
        Some("unlimited") => return Some(None),
        Some(_) => {
            let share = reader.keep(share(value))?;
            return Some(Some(RetryBudget { share, window: WINDOW, floor: FLOOR }));
        }
        None => {}
    }
    let Some(mut table) = Table::of(value, &KEYS) else {
        let help = "write budget = \"20%\", budget = { share = \"20%\", window = \"10s\", floor = \
                    10 }, or budget = \"unlimited\"";
        reader.error(value.wrong_type("a share or a table", help));
        return None;
    };
    let share_value = table.take("share");
    let share = match share_value {
        Some(value) => reader.keep(share(value)),
        None => Share::percent(SHARE).ok(),
    };
    let window = match table.take("window") {
        Some(value) => reader.keep(duration(value, TICK..=WINDOW_MAX)),
        None => Some(WINDOW),
    };
    let floor_value = table.take("floor");
    let floor = match floor_value {
        Some(value) => reader.keep(integer(value, 0..=FLOOR_MAX)),
        None => Some(FLOOR),
    };
    table.close(reader);
    let budget = RetryBudget { share: share?, window: window?, floor: floor? };
    if budget.share.get() == 0 && budget.floor == 0 {
        let at = floor_value.or(share_value).unwrap_or(value);
        let message = "this budget has no retry at all: those that wait for it wait for ever";
        let help = "write a floor of 1 or more; if no task shall be tried again, attempts = 1";
        reader.error(Problem::new(at.span, message, help));
        return None;
    }
    Some(Some(budget))
}

fn share(value: Value<'_>) -> Result<Share, Problem> {
    let Some(text) = value.toml.as_str() else {
        return Err(value.wrong_type("a share such as \"20%\"", "write share = \"20%\""));
    };
    let number = text.strip_suffix('%').filter(|it| it.bytes().all(|b| b.is_ascii_digit()));
    let read = number.and_then(|it| it.parse().ok()).and_then(|it| Share::percent(it).ok());
    read.ok_or_else(|| {
        let message = format!("{} cannot be {}", value.name(), quoted(text));
        let help = format!("write a share from \"0%\" to \"100%\": {} = \"20%\"", value.key);
        Problem::new(value.span, message, help)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{pool, refuses_pool};

    #[test]
    fn good_budgets() {
        let budget = |percent, secs, floor| {
            let share = Share::percent(percent).unwrap();
            Some(RetryBudget { share, window: Duration::from_secs(secs), floor })
        };
        let table = [
            ("", None),
            ("retry.budget = \"unlimited\"", None),
            ("retry.budget = \"20%\"", budget(20, 10, 10)),
            ("retry.budget = \"0%\"", budget(0, 10, 10)),
            ("retry.budget = {}", budget(20, 10, 10)),
            (
                "retry.budget = { share = \"100%\", window = \"1h\", floor = 0 }",
                budget(100, 3_600, 0),
            ),
            ("[pool.jobs.retry.budget]\nfloor = 1_000_000", budget(20, 10, 1_000_000)),
        ];
        for (lines, expected) in table {
            assert_eq!(pool(lines).policy.retry.budget, expected, "{lines}");
        }
    }

    #[test]
    fn bad_budgets() {
        let table = [
            ("retry.budget = 20", ["3:16", "20", "a share or a table", "budget = \"20%\""]),
            ("retry.budget = \"101%\"", ["3:16", "\"101%\"", "cannot be `101%`", "\"100%\""]),
            ("retry.budget = \"20\"", ["3:16", "\"20\"", "cannot be `20`", "budget = \"20%\""]),
            ("retry.budget = \"+5%\"", ["3:16", "\"+5%\"", "cannot be `+5%`", "budget = \"20%\""]),
            ("retry.budget = \"%\"", ["3:16", "\"%\"", "cannot be `%`", "budget = \"20%\""]),
            ("retry.budget.share = 0.2", ["3:22", "0.2", "a share such as \"20%\"", "\"20%\""]),
            ("retry.budget.share = \"-1%\"", ["3:22", "\"-1%\"", "cannot be", "share = \"20%\""]),
            ("retry.budget.window = \"0s\"", ["3:23", "\"0s\"", "must be from", "\"1h\""]),
            ("retry.budget.floor = -1", ["3:22", "-1", "from 0 to 1000000", "1000000"]),
            (
                "retry.budget = { share = \"0%\", floor = 0 }",
                ["3:40", "0", "has no retry at all", "a floor of 1 or more"],
            ),
            ("retry.budget.ratio = 1", ["3:14", "ratio", "unknown key", "calls it `share`"]),
        ];
        for (lines, expected) in table {
            refuses_pool(lines, expected);
        }
    }
}
