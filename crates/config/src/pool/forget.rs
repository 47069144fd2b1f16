//! `forget`: when tasks that have ended are removed from the store.

use crate::read::duration::{DurationOrNeverShape, duration_or_never};
use crate::read::keys::Keys;
use crate::read::table::Table;
use crate::read::{Reader, Value};
use schemars::JsonSchema;
use std::ops::RangeInclusive;
use std::time::Duration;

/// How long after its end a task is removed with its result and history; `None` is never.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forget {
    /// One that succeeded.
    pub succeeded: Option<Duration>,
    /// One that was given up.
    pub dead: Option<Duration>,
    /// One that somebody took back.
    pub cancelled: Option<Duration>,
    /// One that was not done in time.
    pub expired: Option<Duration>,
}

const DEFAULT: Forget = Forget {
    succeeded: Some(Duration::from_secs(3600)),
    dead: None,
    cancelled: Some(Duration::from_secs(86_400)),
    expired: Some(Duration::from_secs(86_400)),
};

/// Shorter than a second, nobody could ask how it went; the longest is ten years.
const RANGE: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(3650 * 86_400);

pub(crate) const KEYS: Keys = Keys {
    place: "forget = { … } of a pool",
    shape: "Forget",
    known: &["succeeded", "dead", "cancelled", "expired"],
    later: &[],
    aliases: &[
        ("success", "succeeded"),
        ("done", "succeeded"),
        ("completed", "succeeded"),
        ("failed", "dead"),
        ("dead_letter", "dead"),
        ("canceled", "cancelled"),
    ],
};

/// How long after its end a task is removed, with its result and its history.
#[derive(JsonSchema)]
#[schemars(rename = "Forget", deny_unknown_fields, transform = crate::schema::optional)]
#[expect(dead_code, reason = "only its shape is used")]
pub(crate) struct ForgetShape {
    /// One that succeeded.
    #[schemars(extend("default" = "1h"))]
    succeeded: DurationOrNeverShape,
    /// One that was given up.
    #[schemars(extend("default" = "never"))]
    dead: DurationOrNeverShape,
    /// One that somebody took back.
    #[schemars(extend("default" = "1d"))]
    cancelled: DurationOrNeverShape,
    /// One that was not done in time.
    #[schemars(extend("default" = "1d"))]
    expired: DurationOrNeverShape,
}

pub(super) fn read(reader: &mut Reader<'_>, value: Option<Value<'_>>) -> Option<Forget> {
    let Some(value) = value else {
        return Some(DEFAULT);
    };
    let Some(mut table) = Table::of(value, &KEYS) else {
        let help = "write forget = { succeeded = \"1h\", dead = \"never\" }";
        reader.error(value.wrong_type("a table", help));
        return None;
    };
    let mut after = |key, default| match table.take(key) {
        Some(value) => reader.keep(duration_or_never(value, RANGE)),
        None => Some(default),
    };
    let succeeded = after("succeeded", DEFAULT.succeeded);
    let dead = after("dead", DEFAULT.dead);
    let cancelled = after("cancelled", DEFAULT.cancelled);
    let expired = after("expired", DEFAULT.expired);
    table.close(reader);
    Some(Forget { succeeded: succeeded?, dead: dead?, cancelled: cancelled?, expired: expired? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{pool, refuses_pool};

    #[test]
    fn good_forgets() {
        let secs = |secs| Some(Duration::from_secs(secs));
        let table = [
            ("", DEFAULT),
            ("forget = {}", DEFAULT),
            ("forget.succeeded = \"never\"", Forget { succeeded: None, ..DEFAULT }),
            ("forget.dead = \"30d\"", Forget { dead: secs(2_592_000), ..DEFAULT }),
            (
                "forget = { cancelled = \"1s\", expired = \"3650d\" }",
                Forget { cancelled: secs(1), expired: secs(315_360_000), ..DEFAULT },
            ),
        ];
        for (lines, expected) in table {
            assert_eq!(pool(lines).forget, expected, "{lines}");
        }
    }

    #[test]
    fn bad_forgets() {
        let table = [
            ("forget = \"1h\"", ["3:10", "\"1h\"", "must be a table", "succeeded = \"1h\""]),
            (
                "forget.succeeded = \"0s\"",
                ["3:20", "\"0s\"", "from \"1s\" to \"3650d\"", "succeeded = \"never\""],
            ),
            ("forget.failed = \"1h\"", ["3:8", "failed", "unknown key", "calls it `dead`"]),
            ("forget.succeded = \"1h\"", ["3:8", "succeded", "unknown key", "`succeeded`?"]),
            ("keep = { dead = \"1h\" }", ["3:1", "keep", "unknown key", "calls it `forget`"]),
        ];
        for (lines, expected) in table {
            refuses_pool(lines, expected);
        }
    }
}
