//! `dependency_pause`: how long tasks are held whose dependency is away.

use crate::read::duration::DurationShape;
use crate::read::keys::Keys;
use crate::read::table::Table;
use crate::read::{Reader, Value};
use crate::unit::backoff::{self, Bounds};
use hearken_core::backoff::Backoff;
use schemars::JsonSchema;
use std::time::Duration;

const DEFAULT: Bounds =
    Bounds { delay: Duration::from_secs(5), max_delay: Duration::from_secs(300) };

pub(crate) const KEYS: Keys = Keys {
    place: "dependency_pause = { … } of a pool",
    shape: "DependencyPause",
    known: &["delay", "max_delay"],
    later: &["jitter"],
    aliases: &[("initial", "delay"), ("min", "delay"), ("max", "max_delay"), ("cap", "max_delay")],
};

/// How long tasks are held after an error that named something they depend on. Then one of them is
/// tried; if it meets the same, they are held twice as long.
#[derive(JsonSchema)]
#[schemars(rename = "DependencyPause", deny_unknown_fields, transform = crate::schema::optional)]
#[expect(dead_code, reason = "only its shape is used")]
pub(crate) struct DependencyPauseShape {
    /// The first pause.
    #[schemars(extend("default" = "5s"))]
    delay: DurationShape,
    /// The longest.
    #[schemars(extend("default" = "5m"))]
    max_delay: DurationShape,
}

pub(super) fn read(reader: &mut Reader<'_>, value: Option<Value<'_>>) -> Option<Backoff> {
    let Some(value) = value else {
        return DEFAULT.backoff();
    };
    let Some(mut table) = Table::of(value, &KEYS) else {
        let help = "write dependency_pause = { delay = \"5s\", max_delay = \"5m\" }";
        reader.error(value.wrong_type("a table", help));
        return None;
    };
    let read = backoff::read(reader, &mut table, DEFAULT);
    table.close(reader);
    read
}

#[cfg(test)]
mod tests {
    use crate::testing::{pool, refuses_pool};

    #[test]
    fn good_pauses() {
        let table = [
            ("", 5, 300),
            ("dependency_pause = {}", 5, 300),
            ("dependency_pause.delay = \"1m\"", 60, 300),
            ("dependency_pause = { delay = \"10m\", max_delay = \"1h\" }", 600, 3_600),
        ];
        for (lines, low, high) in table {
            let pause = pool(lines).policy.dependency_pause;
            assert_eq!((pause.delay().as_secs(), pause.max_delay().as_secs()), (low, high));
        }
    }

    #[test]
    fn bad_pauses() {
        let table = [
            ("dependency_pause = \"5s\"", ["3:20", "\"5s\"", "a table", "delay = \"5s\""]),
            (
                "dependency_pause.delay = \"10m\"",
                [
                    "3:26",
                    "\"10m\"",
                    "`max_delay` (\"5m\", the default) is shorter than `delay` (\"10m\")",
                    "also write max_delay = \"10m\"",
                ],
            ),
            (
                "dependency_pause.max = \"1m\"",
                ["3:18", "max", "unknown key `max`", "hearken calls it `max_delay`"],
            ),
        ];
        for (lines, expected) in table {
            refuses_pool(lines, expected);
        }
    }
}
