//! Sizes with units: `"64KiB"`, `"256MiB"`.

use super::{Value, quoted};
use crate::diagnostic::Problem;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use std::borrow::Cow;
use std::ops::RangeInclusive;
use toml::de::DeValue;

pub(crate) const KIB: u64 = 1024;
pub(crate) const MIB: u64 = 1024 * KIB;
pub(crate) const GIB: u64 = 1024 * MIB;

/// The units, the largest first. Those of a thousand are left out: `MB` means either, depending on
/// whom one asks.
const UNITS: [(&str, u64); 5] =
    [("TiB", 1024 * GIB), ("GiB", GIB), ("MiB", MIB), ("KiB", KIB), ("B", 1)];

/// The size as a config would write it.
pub(crate) fn show(bytes: u64) -> String {
    let fits = |(_, size): &&(&str, u64)| bytes >= *size && bytes.is_multiple_of(*size);
    match UNITS.iter().find(fits) {
        Some((unit, size)) => format!("{}{unit}", bytes / size),
        None => format!("{bytes}B"),
    }
}

/// The size that `value` is, in bytes, if it lies in `range`.
pub(crate) fn bytes(value: Value<'_>, range: RangeInclusive<u64>) -> Result<u64, Problem> {
    let key = value.key;
    let (low, high) = (show(*range.start()), show(*range.end()));
    let DeValue::String(text) = value.toml else {
        let help = match value.toml {
            DeValue::Integer(number) => format!(
                "give it a unit: {key} = \"{number}B\" for bytes, \"{number}MiB\" for 1024 * 1024 \
                 of them"
            ),
            DeValue::String(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_)
            | DeValue::Array(_)
            | DeValue::Table(_) => format!("write {key} = \"64MiB\""),
        };
        return Err(value.wrong_type("a size such as \"64MiB\"", help));
    };
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(end);
    let known = UNITS.iter().find(|(name, _)| *name == unit);
    let (false, Some((_, size))) = (digits.is_empty(), known) else {
        let message = format!("{} is no size for {}", quoted(text), value.name());
        return Err(Problem::new(value.span, message, write_it(key, digits, unit)));
    };
    let found = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(*size));
    found.filter(|found| range.contains(found)).ok_or_else(|| {
        let message =
            format!("{} must be from \"{low}\" to \"{high}\", not {}", value.name(), quoted(text));
        Problem::new(value.span, message, format!("write a size from \"{low}\" to \"{high}\""))
    })
}

/// How a size that could not be read is written.
fn write_it(key: &str, digits: &str, unit: &str) -> String {
    let first = unit.chars().next().map(|c| c.to_ascii_uppercase());
    let meant = UNITS.iter().find(|(name, _)| name.chars().next() == first);
    match meant {
        _ if digits.is_empty() || digits.len() > 20 => format!("write {key} = \"64MiB\""),
        Some((meant, _)) if unit.len() <= 3 => format!("write {key} = \"{digits}{meant}\""),
        _ if unit.is_empty() => format!("give it a unit: {key} = \"{digits}MiB\""),
        Some(_) | None => "the units are B, KiB, MiB, GiB and TiB: \"64KiB\", \"256MiB\"".into(),
    }
}

/// The shape of a size in the schema.
pub(crate) struct BytesShape;

impl JsonSchema for BytesShape {
    fn schema_name() -> Cow<'static, str> {
        "Size".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A size with its unit: B, KiB, MiB, GiB, TiB.",
            "type": "string",
            "pattern": "^[0-9]+([KMGT]i)?B$",
            "examples": ["64KiB", "256MiB", "1GiB"],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{pool, refuses_pool};

    #[test]
    fn sizes_are_shown_in_the_largest_unit_that_fits() {
        let table = [
            (0, "0B"),
            (1, "1B"),
            (1023, "1023B"),
            (KIB, "1KiB"),
            (1536 * KIB, "1536KiB"),
            (64 * MIB, "64MiB"),
            (2 * GIB, "2GiB"),
            (1024 * GIB, "1TiB"),
        ];
        for (bytes, shown) in table {
            assert_eq!(show(bytes), shown);
        }
    }

    #[test]
    fn good_sizes() {
        let table = [
            ("1B", 1),
            ("1023B", 1023),
            ("64KiB", 64 * KIB),
            ("15MiB", 15 * MIB),
            ("007MiB", 7 * MIB),
        ];
        for (text, expected) in table {
            assert_eq!(pool(&format!("max_payload = \"{text}\"")).max_payload, expected, "{text}");
        }
    }

    #[test]
    fn bad_sizes() {
        let table = [
            ("64", "`max_payload` must be a size", "\"64B\" for bytes, \"64MiB\""),
            ("1.5", "not a float", "max_payload = \"64MiB\""),
            ("true", "not a boolean", "max_payload = \"64MiB\""),
            ("\"64\"", "`64` is no size for `max_payload`", "a unit: max_payload = \"64MiB\""),
            ("\"64MB\"", "`64MB` is no size", "max_payload = \"64MiB\""),
            ("\"64k\"", "`64k` is no size", "max_payload = \"64KiB\""),
            ("\"64mib\"", "`64mib` is no size", "max_payload = \"64MiB\""),
            ("\"1.5MiB\"", "`1.5MiB` is no size", "the units are B, KiB"),
            ("\"1 MiB\"", "`1 MiB` is no size", "the units are B, KiB"),
            ("\"-1B\"", "`-1B` is no size", "max_payload = \"64MiB\""),
            ("\"\"", "`` is no size", "max_payload = \"64MiB\""),
            ("\"unlimited\"", "`unlimited` is no size", "max_payload = \"64MiB\""),
            ("\"64 lightyears\"", "is no size", "the units are B, KiB"),
            ("\"0B\"", "from \"1B\" to \"15MiB\", not `0B`", "from \"1B\" to \"15MiB\""),
            ("\"1GiB\"", "from \"1B\" to \"15MiB\", not `1GiB`", "\"15MiB\""),
            ("\"99999999999999999999TiB\"", "must be from", "\"15MiB\""),
            ("\"18446744073709551615TiB\"", "must be from", "\"15MiB\""),
        ];
        for (given, message, help) in table {
            refuses_pool(&format!("max_payload = {given}"), ["3:15", given, message, help]);
        }
    }
}
