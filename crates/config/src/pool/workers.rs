//! `workers`: how many processes work on the tasks of a pool.

use super::mode::Mode;
use crate::diagnostic::Problem;
use crate::read::duration::{DAY, DurationShape, TICK, duration};
use crate::read::keys::Keys;
use crate::read::number::integer;
use crate::read::table::Table;
use crate::read::{Reader, Value};
use crate::source::Span;
use hearken_core::policy::INSTANCES_MAX;
use hearken_core::pool::{Recycle, WorkMode};
use schemars::JsonSchema;
use std::time::Duration;
use toml::de::DeValue;

const WORKERS: u32 = 4;
const MIN: u32 = 1;
const GROW_AFTER: Duration = Duration::from_secs(1);
const SHRINK_AFTER: Duration = Duration::from_secs(60);

pub(crate) const KEYS: Keys = Keys {
    place: "workers = { … } of a pool",
    shape: "WorkersTable",
    known: &["min", "max", "grow_after", "shrink_after"],
    later: &["per_processor"],
    aliases: &[
        ("minimum", "min"),
        ("maximum", "max"),
        ("count", "max"),
        ("scale_up_after", "grow_after"),
        ("scale_down_after", "shrink_after"),
        ("idle_timeout", "shrink_after"),
    ],
};

/// How many processes work on its tasks; a number alone is as many at all times.
#[derive(JsonSchema)]
#[schemars(rename = "Workers", untagged)]
#[expect(dead_code, reason = "only its shape is used")]
pub(crate) enum WorkersShape {
    Number(#[schemars(range(min = 1, max = INSTANCES_MAX))] u32),
    Table(WorkersTable),
}

/// Between how many and how many processes work on its tasks.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, transform = crate::schema::optional, extend("x-required" = ["max"]))]
#[expect(dead_code, reason = "only its shape is used")]
pub(crate) struct WorkersTable {
    /// How many there are whatever there is to do. Not with mode = "exec", where it is none.
    #[schemars(range(min = 0, max = INSTANCES_MAX), extend("default" = 1))]
    min: u32,
    /// How many there are at most.
    #[schemars(range(min = 1, max = INSTANCES_MAX))]
    max: u32,
    /// How long a task waits for a worker before one more is started. Not with mode = "exec".
    #[schemars(extend("default" = "1s"))]
    grow_after: DurationShape,
    /// How long a worker above `min` is idle before it is stopped. Not with mode = "exec".
    #[schemars(extend("default" = "1m"))]
    shrink_after: DurationShape,
}

/// What `workers` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Workers {
    pub(super) min: u32,
    pub(super) max: u32,
    pub(super) grow_after: Duration,
    pub(super) shrink_after: Duration,
}

impl Workers {
    fn fixed(count: u32, mode: Mode) -> Self {
        let min = if mode.is(WorkMode::Exec) { 0 } else { count };
        Self { min, max: count, grow_after: GROW_AFTER, shrink_after: SHRINK_AFTER }
    }

    /// How many instances the supervisor keeps room for: one more than there are workers where one
    /// may be replaced, because the new one is there before the old one goes. `at` is where `workers`
    /// stands, `recycled` where `recycle` does.
    pub(super) fn slots(
        self,
        recycle: Recycle,
        at: Option<Span>,
        recycled: Option<Span>,
    ) -> Result<u32, Problem> {
        match (recycle.is_ever(), at, recycled) {
            (true, Some(at), Some(recycled)) if self.max >= INSTANCES_MAX => {
                let most = INSTANCES_MAX - 1;
                let message = format!(
                    "`workers` leaves no room for `recycle`: of {INSTANCES_MAX} processes one is \
                     for the next that replaces another"
                );
                let help = format!("write at most {most} workers, or remove `recycle`");
                Err(Problem::new(at, message, help).also(recycled, "replaces workers"))
            }
            (true, _, _) => Ok(self.max + 1),
            (false, _, _) => Ok(self.max),
        }
    }
}

pub(super) fn read(
    reader: &mut Reader<'_>,
    value: Option<Value<'_>>,
    mode: Mode,
) -> Option<Workers> {
    let Some(value) = value else {
        return Some(Workers::fixed(WORKERS, mode));
    };
    if matches!(value.toml, DeValue::Integer(_)) {
        let count = reader.keep(integer(value, 1..=INSTANCES_MAX))?;
        return Some(Workers::fixed(count, mode));
    }
    let Some(mut table) = Table::of(value, &KEYS) else {
        let help = match value.toml.as_str().map(str::parse::<u32>) {
            Some(Ok(count)) => format!("write it without quotes: workers = {count}"),
            Some(Err(_)) | None => "write workers = 4, or workers = { min = 2, max = 16 }".into(),
        };
        reader.error(value.wrong_type("a whole number or a table", help));
        return None;
    };
    let min_value = mode.take(reader, &mut table, "min", WorkMode::Line);
    let min = min_value.map(|value| reader.keep(integer(value, 0..=INSTANCES_MAX)));
    let max_value = table.take("max");
    let max = match max_value {
        Some(value) => reader.keep(integer(value, 1..=INSTANCES_MAX)),
        None => {
            // Otherwise an unknown key is probably why.
            if table.left().all(|value| KEYS.known.contains(&value.key)) {
                let message = "`workers` does not say how many there are at most";
                let help = "write workers = { min = 2, max = 16 }, or workers = 4";
                reader.error(Problem::new(value.span, message, help));
            }
            None
        }
    };
    let grow_value = mode.take(reader, &mut table, "grow_after", WorkMode::Line);
    let grow_after = match grow_value {
        Some(value) => reader.keep(duration(value, Duration::ZERO..=DAY)),
        None => Some(GROW_AFTER),
    };
    let shrink_value = mode.take(reader, &mut table, "shrink_after", WorkMode::Line);
    let shrink_after = match shrink_value {
        Some(value) => reader.keep(duration(value, TICK..=DAY)),
        None => Some(SHRINK_AFTER),
    };
    table.close(reader);

    let max = max?;
    let min = match min {
        Some(min) => min?,
        None if mode.is(WorkMode::Exec) => 0,
        None => MIN,
    };
    if let (true, Some(least), Some(most)) = (min > max, min_value, max_value) {
        let message = format!("`min` ({min}) is above `max` ({max})");
        let help = format!("write min = {max}, max = {min}");
        let problem = Problem::new(least.span, message, help).label("above");
        reader.error(problem.also(most.span, "the most"));
        return None;
    }
    if let (true, Some(idle)) = (min == max, grow_value.or(shrink_value)) {
        let message = format!("{} has no use: there are always {max} workers", idle.name());
        let help = format!("write workers = {max}, or a `min` below `max`");
        let problem = Problem::new(idle.key_span, message, help).label("not used");
        reader.warning(problem.also(max_value.map_or(value.span, |max| max.span), "as many"));
    }
    Some(Workers { min, max, grow_after: grow_after?, shrink_after: shrink_after? })
}

#[cfg(test)]
mod tests {
    use crate::testing::{pool, refuses_pool, warns_all, with_pool};
    use hearken_core::policy::Role;

    #[test]
    fn good_workers() {
        let (grow, shrink) = (1_000, 60_000);
        let table = [
            ("", (4, 4, grow, shrink), 4),
            ("workers = 1", (1, 1, grow, shrink), 1),
            ("workers = 10_000", (10_000, 10_000, grow, shrink), 10_000),
            ("workers = { max = 16 }", (1, 16, grow, shrink), 16),
            ("workers = { min = 0, max = 1 }", (0, 1, grow, shrink), 1),
            ("workers = { min = 3, max = 3 }", (3, 3, grow, shrink), 3),
            (
                "workers = { min = 2, max = 9, grow_after = \"0s\", shrink_after = \"1h\" }",
                (2, 9, 0, 3_600_000),
                9,
            ),
            // Room for the one that replaces another.
            ("recycle.tasks = 5", (4, 4, grow, shrink), 5),
            ("recycle.tasks = 5\nworkers = 9_999", (9_999, 9_999, grow, shrink), 10_000),
            ("recycle = \"never\"\nworkers = 10_000", (10_000, 10_000, grow, shrink), 10_000),
            ("mode = \"exec\"", (0, 4, grow, shrink), 4),
            ("mode = \"exec\"\nworkers = 8", (0, 8, grow, shrink), 8),
            ("mode = \"exec\"\nworkers = { max = 8 }", (0, 8, grow, shrink), 8),
        ];
        for (lines, expected, slots) in table {
            let pool = pool(lines);
            let policy = &pool.policy;
            let (grow, shrink) = (policy.grow_after.as_millis(), policy.shrink_after.as_millis());
            assert_eq!((policy.min, policy.max, grow, shrink), expected, "{lines}");
            assert_eq!(pool.unit.policy.instances, slots, "{lines}");
            assert_eq!(pool.unit.policy.role, Role::Pool { ahead: policy.min }, "{lines}");
        }
    }

    #[test]
    fn bad_workers() {
        let table = [
            ("workers = 0", ["3:11", "0", "from 1 to 10000, not `0`", "from 1 to 10000"]),
            ("workers = 10_001", ["3:11", "10_001", "not `10001`", "10000"]),
            ("workers = \"4\"", ["3:11", "\"4\"", "number or a table", "quotes: workers = 4"]),
            ("workers = \"auto\"", ["3:11", "\"auto\"", "number or a table", "{ min = 2, max"]),
            ("workers = 1.5", ["3:11", "1.5", "not a float", "workers = 4"]),
            ("workers = {}", ["3:11", "{}", "how many there are at most", "workers = { min = 2"]),
            (
                "workers = { min = 2 }",
                ["3:11", "{ min = 2 }", "how many there are at most", "or workers = 4"],
            ),
            (
                "workers = { maxx = 2 }",
                ["3:13", "maxx", "unknown key `maxx` in `workers`", "did you mean `max`?"],
            ),
            (
                "workers = { min = 5, max = 2 }",
                ["3:19", "5", "`min` (5) is above `max` (2)", "min = 2, max = 5"],
            ),
            (
                "workers = { max = 2, shrink_after = \"0s\" }",
                ["3:37", "\"0s\"", "`shrink_after` must be from", "\"1ms\""],
            ),
            (
                "workers = { max = 2, grow_after = \"never\" }",
                ["3:35", "\"never\"", "no duration", "write a duration such as"],
            ),
            (
                "workers = 10_000\nrecycle = { tasks = 5 }",
                ["3:11", "10_000", "leaves no room for `recycle`", "at most 9999 workers"],
            ),
            (
                "mode = \"exec\"\nworkers = { min = 1, max = 2 }",
                ["4:13", "min", "`min` has no meaning with mode = \"exec\"", "remove it"],
            ),
            (
                "mode = \"exec\"\nworkers = { max = 2, grow_after = \"1s\" }",
                ["4:22", "grow_after", "no meaning with mode = \"exec\"", "remove it"],
            ),
            ("instances = 2", ["3:1", "instances", "unknown key", "hearken calls it `workers`"]),
        ];
        for (lines, expected) in table {
            refuses_pool(lines, expected);
        }
    }

    #[test]
    fn a_number_that_never_changes_has_no_use_for_delays() {
        warns_all(
            &with_pool("workers = { min = 2, max = 2, shrink_after = \"1m\" }"),
            &[["3:31", "shrink_after", "`shrink_after` has no use: there are always 2", "= 2,"]],
        );
    }
}
