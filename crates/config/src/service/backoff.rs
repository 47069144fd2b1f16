//! `delay` and `max_delay` of `restart`: how long to wait before the next try.

use crate::diagnostic::Problem;
use crate::read::duration::{TICK, duration, show};
use crate::read::table::Table;
use crate::read::{Reader, Value};
use crate::source::Span;
use hearken_core::backoff::{Backoff, BackoffError, DELAY_MAX};
use std::time::Duration;

const DELAY: Duration = Duration::from_millis(200);
const MAX_DELAY: Duration = Duration::from_secs(60);

/// The backoff of a config that says nothing of it.
pub(super) fn default() -> Option<Backoff> {
    Backoff::new(DELAY, MAX_DELAY).ok()
}

pub(super) fn read(reader: &mut Reader<'_>, restart: &mut Table<'_>) -> Option<Backoff> {
    let delay_value = restart.take("delay");
    let delay = match delay_value {
        Some(value) => reader.keep(duration(value, Duration::ZERO..=DELAY_MAX)),
        None => Some(DELAY),
    };
    let max_value = restart.take("max_delay");
    let max_delay = match max_value {
        Some(value) => reader.keep(duration(value, TICK..=DELAY_MAX)),
        None => Some(MAX_DELAY),
    };
    let made = Backoff::new(delay?, max_delay?);
    let at = delay_value.or(max_value).map_or(restart.span(), |value| value.span);
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
