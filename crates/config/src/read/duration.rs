//! Durations with units: `"200ms"`, `"30s"`, `"1h30m"`.

use super::{Value, quoted};
use crate::diagnostic::Problem;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use std::borrow::Cow;
use std::ops::RangeInclusive;
use std::time::Duration;
use toml::de::DeValue;

/// The units, the largest first, in milliseconds.
const UNITS: [(&str, u64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// The shortest duration that is not zero.
pub(crate) const TICK: Duration = Duration::from_millis(1);

/// A day: the longest that most knobs take.
pub(crate) const DAY: Duration = Duration::from_secs(86_400);

/// Why a text is no duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DurationError {
    #[error("it is empty")]
    Empty,
    #[error("a duration is never negative")]
    Negative,
    #[error("it has a space in it")]
    Space,
    #[error("{0} has no unit")]
    NoUnit(String),
    #[error("{0} is no unit")]
    Unit(String),
    #[error("it is not a whole number of anything")]
    Fraction,
    #[error("the larger unit comes first, and each only once")]
    Order,
    #[error("a number with a unit was expected")]
    NoNumber,
    #[error("it is too long for any clock")]
    Overflow,
}

/// Reads a duration.
pub(crate) fn parse(text: &str) -> Result<Duration, DurationError> {
    if text.is_empty() {
        return Err(DurationError::Empty);
    }
    if text.starts_with('-') {
        return Err(DurationError::Negative);
    }
    if text.contains(char::is_whitespace) {
        return Err(DurationError::Space);
    }
    let (mut rest, mut sum, mut below) = (text, 0_u64, u64::MAX);
    while !rest.is_empty() {
        let (digits, after) = split(rest, |c| !c.is_ascii_digit());
        if after.starts_with(['.', ',']) && !digits.is_empty() {
            return Err(DurationError::Fraction);
        }
        if digits.is_empty() {
            return Err(DurationError::NoNumber);
        }
        let (unit, after) = split(after, |c| c.is_ascii_digit());
        if unit.is_empty() {
            return Err(DurationError::NoUnit(quoted(digits)));
        }
        let known = UNITS.iter().find(|(name, _)| *name == unit);
        let (_, size) = known.ok_or_else(|| DurationError::Unit(quoted(unit)))?;
        if *size >= below {
            return Err(DurationError::Order);
        }
        let number = digits.parse::<u64>().map_err(|_| DurationError::Overflow)?;
        let part = number.checked_mul(*size).ok_or(DurationError::Overflow)?;
        sum = sum.checked_add(part).ok_or(DurationError::Overflow)?;
        (rest, below) = (after, *size);
    }
    Ok(Duration::from_millis(sum))
}

fn split(text: &str, at: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(at).unwrap_or(text.len()))
}

/// The duration as a config would write it; parts below a millisecond are left out.
pub(crate) fn show(duration: Duration) -> String {
    let mut left = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let mut shown = String::new();
    for (unit, size) in UNITS {
        if left >= size {
            shown += &format!("{}{unit}", left / size);
            left %= size;
        }
    }
    if shown.is_empty() { "0s".into() } else { shown }
}

/// The duration that `value` is, if it lies in `range`.
pub(crate) fn duration(
    value: Value<'_>,
    range: RangeInclusive<Duration>,
) -> Result<Duration, Problem> {
    read(value, range, "")
}

/// The duration that `value` is, or `None` for `"never"`.
pub(crate) fn duration_or_never(
    value: Value<'_>,
    range: RangeInclusive<Duration>,
) -> Result<Option<Duration>, Problem> {
    if value.toml.as_str() == Some("never") {
        return Ok(None);
    }
    read(value, range, ", or \"never\"").map(Some)
}

fn read(value: Value<'_>, range: RangeInclusive<Duration>, or: &str) -> Result<Duration, Problem> {
    let key = value.key;
    let text = match value.toml {
        DeValue::String(text) => text,
        DeValue::Integer(number) => {
            let n = number.as_str();
            let help = if n.trim_start_matches(['0', '-', '+']).is_empty() || n.starts_with('-') {
                format!("write {key} = \"30s\"{or}")
            } else {
                format!(
                    "give it a unit: {key} = \"{n}s\" for seconds, \"{n}ms\" for milliseconds{or}"
                )
            };
            return Err(value.wrong_type("a duration such as \"30s\"", help));
        }
        DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_)
        | DeValue::Array(_)
        | DeValue::Table(_) => {
            let help = format!("write {key} = \"30s\"{or}");
            return Err(value.wrong_type("a duration such as \"30s\"", help));
        }
    };
    let found = parse(text).map_err(|error| bad(value, text, &error, or))?;
    let (low, high) = (*range.start(), *range.end());
    if range.contains(&found) {
        return Ok(found);
    }
    let bounds = format!("from \"{}\" to \"{}\"", show(low), show(high));
    let message = format!("{} must be {bounds}, not \"{}\"", value.name(), show(found));
    let mut help = format!("write a duration {bounds}{or}");
    if found.is_zero() && !or.is_empty() {
        help = format!("0 does not mean \"never\": if that is meant, write {key} = \"never\"");
    }
    Err(Problem::new(value.span, message, help))
}

fn bad(value: Value<'_>, text: &str, error: &DurationError, or: &str) -> Problem {
    let message = format!("{} is no duration for {}: {error}", quoted(text), value.name());
    let write = value.key;
    let help = match error {
        DurationError::NoUnit(_) if text.bytes().all(|b| b.is_ascii_digit()) => {
            format!("give it a unit: {write} = \"{text}s\" for seconds{or}")
        }
        DurationError::Fraction => "use the next smaller unit: \"1500ms\", not \"1.5s\"".into(),
        DurationError::Space => {
            let tight: String = text.split_whitespace().collect();
            format!("write it in one piece: {}", quoted(&tight).replace('`', "\""))
        }
        DurationError::Empty
        | DurationError::Negative
        | DurationError::NoUnit(_)
        | DurationError::Unit(_)
        | DurationError::Order
        | DurationError::NoNumber
        | DurationError::Overflow => {
            let never = ["never", "none", "infinity", "infinite", "forever", "unlimited"];
            if never.contains(&text.to_lowercase().as_str()) {
                if or.is_empty() {
                    format!("{} has no \"never\"; write a duration such as \"1h\"", value.name())
                } else {
                    format!("write {write} = \"never\"")
                }
            } else {
                format!("the units are ms, s, m, h and d: \"200ms\", \"30s\", \"1h30m\"{or}")
            }
        }
    };
    Problem::new(value.span, message, help)
}

const PATTERN: &str = "(?=.)([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?";

/// The shape of a duration in the schema.
pub(crate) struct DurationShape;

impl JsonSchema for DurationShape {
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A duration with its units: ms, s, m, h, d.",
            "type": "string",
            "pattern": format!("^{PATTERN}$"),
            "examples": ["200ms", "30s", "1m", "1h30m", "2d"],
        })
    }
}

/// The shape of a duration that may be `"never"`.
pub(crate) struct DurationOrNeverShape;

impl JsonSchema for DurationOrNeverShape {
    fn schema_name() -> Cow<'static, str> {
        "DurationOrNever".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A duration with its units: ms, s, m, h, d; or \"never\".",
            "type": "string",
            "pattern": format!("^(never|{PATTERN})$"),
            "examples": ["30s", "5m", "never"],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_durations() {
        let table = [
            ("0s", 0),
            ("200ms", 200),
            ("30s", 30_000),
            ("1m", 60_000),
            ("1h30m", 5_400_000),
            ("2d", 172_800_000),
            ("1d1h1m1s1ms", 90_061_001),
            ("007s", 7_000),
        ];
        for (text, ms) in table {
            assert_eq!(parse(text), Ok(Duration::from_millis(ms)), "{text}");
        }
    }

    #[test]
    fn what_is_shown_is_read_again() {
        for ms in [0, 1, 999, 1_000, 60_000, 61_001, 5_400_000, 86_400_000, u64::MAX] {
            let duration = Duration::from_millis(ms);
            assert_eq!(parse(&show(duration)), Ok(duration), "{}", show(duration));
        }
    }

    #[test]
    fn bad_durations() {
        let unit = |text: &str| DurationError::Unit(format!("`{text}`"));
        let table = [
            ("", DurationError::Empty),
            ("-3s", DurationError::Negative),
            ("1h 30m", DurationError::Space),
            ("30", DurationError::NoUnit("`30`".into())),
            ("1h30", DurationError::NoUnit("`30`".into())),
            ("30sec", unit("sec")),
            ("30S", unit("S")),
            ("5µs", unit("µs")),
            ("1.5s", DurationError::Fraction),
            ("30m1h", DurationError::Order),
            ("1s1s", DurationError::Order),
            ("s", DurationError::NoNumber),
            ("+3s", DurationError::NoNumber),
            ("99999999999999999999s", DurationError::Overflow),
            ("18446744073709551615d", DurationError::Overflow),
        ];
        for (text, error) in table {
            assert_eq!(parse(text), Err(error), "{text}");
        }
    }
}
