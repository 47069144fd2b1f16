//! `uptime` of a rule: how long it had run.

use crate::diagnostic::Problem;
use crate::read::duration::{DAY, DurationShape, TICK, duration, show};
use crate::read::keys::Keys;
use crate::read::table::Table;
use crate::read::{Reader, Value};
use hearken_core::rule::Span;
use schemars::JsonSchema;
use std::time::Duration;

/// A year.
const UPTIME_MAX: Duration = DAY.saturating_mul(365);

pub(crate) const KEYS: Keys = Keys {
    place: "uptime = { … } of a rule",
    shape: "Uptime",
    known: &["at_least", "below"],
    later: &[],
    aliases: &[
        ("min", "at_least"),
        ("from", "at_least"),
        ("above", "at_least"),
        ("over", "at_least"),
        ("max", "below"),
        ("at_most", "below"),
        ("under", "below"),
        ("less_than", "below"),
        ("until", "below"),
    ],
};

/// How long it ran, from its start to its end.
#[derive(JsonSchema)]
#[schemars(
    rename = "Uptime",
    deny_unknown_fields,
    transform = crate::schema::optional,
    extend("minProperties" = 1),
)]
#[expect(dead_code, reason = "only its shape is used")]
pub(super) struct UptimeShape {
    /// This long or longer.
    at_least: DurationShape,
    /// Shorter than this.
    below: DurationShape,
}

pub(super) fn read(reader: &mut Reader<'_>, value: Value<'_>) -> Option<Span> {
    let help = "write uptime = { at_least = \"10s\" }, { below = \"1m\" }, or both";
    let Some(mut table) = Table::of(value, &KEYS) else {
        reader.error(value.wrong_type("a table", help));
        return None;
    };
    let (from_value, below_value) = (table.take("at_least"), table.take("below"));
    let unknown = table.left().next().is_some();
    table.close(reader);
    if from_value.is_none() && below_value.is_none() {
        if !unknown {
            reader.error(Problem::new(value.span, "`uptime` says nothing", help));
        }
        return None;
    }
    let from = match from_value {
        Some(value) => reader.keep(duration(value, Duration::ZERO..=UPTIME_MAX)),
        None => Some(Duration::ZERO),
    };
    let below = match below_value {
        Some(value) => reader.keep(duration(value, TICK..=UPTIME_MAX)).map(Some),
        None => Some(None),
    };
    let (from, below) = (from?, below?);
    if let (Some(end), Some(below_value), Some(from_value)) = (below, below_value, from_value)
        && end <= from
    {
        let (low, high) = (show(from), show(end));
        let message =
            format!("no uptime is at least \"{low}\" and below \"{high}\": `at_least` and `below`");
        let help = format!("write a `below` of more than \"{low}\"");
        let problem = Problem::new(below_value.span, message, help).label("ends here");
        reader.error(problem.also(from_value.span, "starts here"));
        return None;
    }
    Some(Span { from, below })
}
