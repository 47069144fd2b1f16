//! `delay` and `backoff` of a rule: when it is started again.

use crate::diagnostic::Problem;
use crate::read::Reader;
use crate::read::duration::{DurationShape, duration};
use crate::read::keys::Keys;
use crate::read::table::Table;
use crate::source::Span;
use crate::unit::backoff::{self, Bounds};
use hearken_core::backoff::DELAY_MAX;
use hearken_core::rule::RulePace;
use schemars::JsonSchema;
use std::time::Duration;

pub(crate) const KEYS: Keys = Keys {
    place: "backoff = { … } of a rule",
    shape: "Backoff",
    known: &["delay", "max_delay"],
    later: &["factor", "jitter"],
    aliases: &[
        ("initial", "delay"),
        ("min", "delay"),
        ("base", "delay"),
        ("max", "max_delay"),
        ("cap", "max_delay"),
        ("maximum", "max_delay"),
    ],
};

/// A wait that doubles from failure to failure.
#[derive(JsonSchema)]
#[schemars(rename = "Backoff", deny_unknown_fields, transform = crate::schema::optional)]
#[expect(dead_code, reason = "only its shape is used")]
pub(super) struct BackoffShape {
    /// The first wait.
    #[schemars(extend("default" = "200ms"))]
    delay: DurationShape,
    /// The longest wait.
    #[schemars(extend("default" = "1m"))]
    max_delay: DurationShape,
}

/// A pace, and where it stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    pub(super) name: &'static str,
    pub(super) key: Span,
    pub(super) pace: RulePace,
}

/// `None` if it could not be read, `None` inside if none is given.
pub(super) fn read(reader: &mut Reader<'_>, rule: &mut Table<'_>) -> Option<Option<Pace>> {
    match (rule.take("delay"), rule.take("backoff")) {
        (None, None) => Some(None),
        (Some(delay), Some(backoff)) => {
            let message = format!("{} has both `delay` and `backoff`", rule.title());
            let help = "keep one: `delay` is the same each time, `backoff` grows";
            let (first, second) =
                if delay.key_span < backoff.key_span { (delay, backoff) } else { (backoff, delay) };
            let problem = Problem::new(second.key_span, message, help).label("one too many");
            reader.error(problem.also(first.key_span, "the other"));
            None
        }
        (Some(value), None) => {
            let delay = reader.keep(duration(value, Duration::ZERO..=DELAY_MAX))?;
            let pace = RulePace::Delay(delay);
            Some(Some(Pace { name: "delay", key: value.key_span, pace }))
        }
        (None, Some(value)) => {
            let Some(mut table) = Table::of(value, &KEYS) else {
                let help = "write backoff = { delay = \"1s\", max_delay = \"1m\" }, or delay = \
                            \"5s\" for the same each time";
                reader.error(value.wrong_type("a table", help));
                return None;
            };
            let read = backoff::read(reader, &mut table, Bounds::OF_RESTARTS);
            table.close(reader);
            let pace = RulePace::Backoff(read?);
            Some(Some(Pace { name: "backoff", key: value.key_span, pace }))
        }
    }
}
