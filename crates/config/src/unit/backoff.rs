//! `delay` and `max_delay`: how long to wait before the next try. What is tried again in
//! any way shares them.

use crate::diagnostic::Problem;
use crate::read::duration::{TICK, duration, show};
use crate::read::table::Table;
use crate::read::{Reader, Value};
use crate::source::Span;
use hearken_core::backoff::{Backoff, BackoffError, DELAY_MAX};
use std::time::Duration;

/// The backoff where a config says nothing of one bound or of both.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) delay: Duration,
    pub(crate) max_delay: Duration,
}

impl Bounds {
    /// That of restarts, and of rules.
    pub(crate) const OF_RESTARTS: Self =
        Self { delay: Duration::from_millis(200), max_delay: Duration::from_secs(60) };

    /// Both of them.
    pub(crate) fn backoff(self) -> Option<Backoff> {
        Backoff::new(self.delay, self.max_delay).ok()
    }
}

/// Reads `delay` and `max_delay` out of `table`.
pub(crate) fn read(
    reader: &mut Reader<'_>,
    table: &mut Table<'_>,
    unsaid: Bounds,
) -> Option<Backoff> {
    let delay_value = table.take("delay");
    let delay = match delay_value {
        Some(value) => reader.keep(duration(value, Duration::ZERO..=DELAY_MAX)),
        None => Some(unsaid.delay),
    };
    let max_value = table.take("max_delay");
    let max_delay = match max_value {
        Some(value) => reader.keep(duration(value, TICK..=DELAY_MAX)),
        None => Some(unsaid.max_delay),
    };
    let made = Backoff::new(delay?, max_delay?);
    let at = delay_value.or(max_value).map_or(table.span(), |value| value.span);
    reader.keep(made.map_err(|error| refused(error, at, delay_value, max_value)))
}

fn refused(
    error: BackoffError,
    at: Span,
    delay: Option<Value<'_>>,
    max: Option<Value<'_>>,
) -> Problem {
    let BackoffError::Inverted { delay: low, max_delay: high } = error else {
        return Problem::new(at, error.to_string(), "write \"24h\" or less");
    };
    let (low, high) = (show(low), show(high));
    let default = |given: Option<Value<'_>>| if given.is_none() { ", the default" } else { "" };
    let message = format!(
        "`max_delay` (\"{high}\"{}) is shorter than `delay` (\"{low}\"{})",
        default(max),
        default(delay),
    );
    let help = match (delay, max) {
        (Some(_), None) => format!("also write max_delay = \"{low}\", or more"),
        (None, Some(_)) => format!("also write delay = \"{high}\", or less"),
        (Some(_), Some(_)) | (None, None) => {
            format!("write max_delay = \"{low}\" or more, or delay = \"{high}\" or less")
        }
    };
    let problem = Problem::new(at, message, help);
    match (delay, max) {
        (Some(_), Some(max)) => problem.also(max.span, "shorter"),
        (Some(_) | None, None) | (None, Some(_)) => problem,
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{refuses_service, service};

    #[test]
    fn good_backoffs() {
        let table = [
            ("", 200, 60_000),
            ("restart.delay = \"0s\"", 0, 60_000),
            ("restart.delay = \"1m\"", 60_000, 60_000),
            ("restart.max_delay = \"200ms\"", 200, 200),
            ("restart = { delay = \"2m\", max_delay = \"24h\" }", 120_000, 86_400_000),
        ];
        for (lines, low, high) in table {
            let backoff = service(lines).policy.restart.backoff;
            let shown = (backoff.delay().as_millis(), backoff.max_delay().as_millis());
            assert_eq!(shown, (low, high), "{lines}");
        }
    }

    #[test]
    fn bad_backoffs() {
        let table = [
            (
                "restart.delay = 200",
                ["3:17", "200", "`delay` must be a duration", "\"200ms\" for milliseconds"],
            ),
            (
                "restart.delay = \"200\"",
                ["3:17", "\"200\"", "`200` has no unit", "delay = \"200s\""],
            ),
            ("restart.delay = \"-1s\"", ["3:17", "\"-1s\"", "never negative", "\"1h30m\""]),
            ("restart.delay = -1", ["3:17", "-1", "not an integer", "delay = \"30s\""]),
            ("restart.delay = 0.5", ["3:17", "0.5", "not a float", "delay = \"30s\""]),
            ("restart.delay = \"0.5s\"", ["3:17", "\"0.5s\"", "not a whole number", "\"1500ms\""]),
            ("restart.delay = \"1h 5m\"", ["3:17", "\"1h 5m\"", "a space", "\"1h5m\""]),
            (
                "restart.delay = \"99999999999999999999d\"",
                ["3:17", "\"99999999999999999999d\"", "too long", "ms, s, m, h and d"],
            ),
            (
                "restart.max_delay = \"25h\"",
                ["3:21", "\"25h\"", "from \"1ms\" to \"1d\", not \"1d1h\"", "\"1d\""],
            ),
            (
                "restart.max_delay = \"0s\"",
                ["3:21", "\"0s\"", "`max_delay` must be from", "\"1ms\""],
            ),
            (
                "restart.delay = \"5m\"",
                [
                    "3:17",
                    "\"5m\"",
                    "`max_delay` (\"1m\", the default) is shorter than `delay` (\"5m\")",
                    "also write max_delay = \"5m\"",
                ],
            ),
            (
                "restart.max_delay = \"100ms\"",
                [
                    "3:21",
                    "\"100ms\"",
                    "`delay` (\"200ms\", the default)",
                    "also write delay = \"100ms\"",
                ],
            ),
            (
                "restart = { delay = \"5s\", max_delay = \"1s\" }",
                [
                    "3:21",
                    "\"5s\"",
                    "`max_delay` (\"1s\") is shorter than `delay` (\"5s\")",
                    "max_delay = \"5s\" or more",
                ],
            ),
        ];
        for (lines, expected) in table {
            refuses_service(lines, expected);
        }
    }
}
