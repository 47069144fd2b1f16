//! Whole numbers and booleans.

use super::Value;
use crate::diagnostic::Problem;
use std::ops::RangeInclusive;
use toml::de::DeValue;

/// The whole number that `value` is, if it lies in `range`.
pub(crate) fn integer(value: Value<'_>, range: RangeInclusive<u32>) -> Result<u32, Problem> {
    let (low, high) = (*range.start(), *range.end());
    let DeValue::Integer(digits) = value.toml else {
        let help = match value.toml.as_str().map(str::parse::<u32>) {
            Some(Ok(number)) => format!("write it without quotes: {} = {number}", value.key),
            Some(Err(_)) | None => format!("write {} = {low}", value.key),
        };
        return Err(value.wrong_type(&format!("a whole number from {low} to {high}"), help));
    };
    // Too large even for 128 bits is as much out of range as any.
    let number = i128::from_str_radix(digits.as_str(), digits.radix()).ok();
    number
        .and_then(|number| u32::try_from(number).ok())
        .filter(|number| range.contains(number))
        .ok_or_else(|| {
            let given = super::quoted(&digits.to_string());
            let message = format!("{} must be from {low} to {high}, not {given}", value.name());
            Problem::new(value.span, message, format!("write a number from {low} to {high}"))
        })
}

/// The whole number that `value` is, or `None` for `"unlimited"`.
pub(crate) fn integer_or_unlimited(
    value: Value<'_>,
    range: RangeInclusive<u32>,
) -> Result<Option<u32>, Problem> {
    let (low, high, key) = (*range.start(), *range.end(), value.key);
    let word = value.toml.as_str();
    if word == Some("unlimited") {
        return Ok(None);
    }
    integer(value, range).map(Some).map_err(|problem| match word.map(str::parse::<u32>) {
        // That it goes without quotes is said already.
        Some(Ok(_)) => problem,
        Some(Err(_)) => problem.with_help(format!("write {key} = {low}, or {key} = \"unlimited\"")),
        None => problem
            .with_help(format!("write a number from {low} to {high}, or {key} = \"unlimited\"")),
    })
}

/// The boolean that `value` is.
pub(crate) fn boolean(value: Value<'_>) -> Result<bool, Problem> {
    if let DeValue::Boolean(given) = value.toml {
        return Ok(*given);
    }
    Err(value.wrong_type("true or false", format!("write {0} = true or {0} = false", value.key)))
}
