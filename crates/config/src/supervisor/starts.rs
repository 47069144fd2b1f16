//! `starts`: the rate that all automatic restarts together keep to.

use crate::read::keys::Keys;
use crate::read::number::integer;
use crate::read::table::Table;
use crate::read::{Reader, Value};
use hearken_core::gate::StartRate;
use schemars::JsonSchema;

/// The most of either.
const MAX: u32 = 1_000_000;

pub(crate) const KEYS: Keys = Keys {
    place: "starts = { … } of [supervisor]",
    shape: "Starts",
    known: &["burst", "per_second"],
    later: &[],
    aliases: &[("rate", "per_second")],
};

/// A bucket of `burst` restarts, filled with `per_second`.
#[derive(JsonSchema)]
#[schemars(rename = "Starts", deny_unknown_fields, transform = crate::schema::optional)]
#[expect(dead_code, reason = "only its shape is used")]
pub(crate) struct StartsShape {
    /// How many may come at once.
    #[schemars(range(min = 1, max = 1_000_000), extend("default" = 1024))]
    burst: u32,
    /// How many follow each second.
    #[schemars(range(min = 1, max = 1_000_000), extend("default" = 256))]
    per_second: u32,
}

pub(crate) fn read(reader: &mut Reader<'_>, value: Value<'_>) -> StartRate {
    let default = StartRate::default();
    let Some(mut table) = Table::of(value, &KEYS) else {
        let help = "write starts = { burst = 1024, per_second = 256 }";
        reader.error(value.wrong_type("a table", help));
        return default;
    };
    let mut number = |key| table.take(key).and_then(|value| reader.keep(integer(value, 1..=MAX)));
    let (burst, per_second) = (number("burst"), number("per_second"));
    table.close(reader);
    StartRate {
        burst: burst.unwrap_or(default.burst),
        per_second: per_second.unwrap_or(default.per_second),
    }
}
