//! A key that is given twice: where it was given first.

use crate::diagnostic::Problem;
use crate::read::quoted;
use crate::source::Span;
use toml::de::{DeTable, DeValue};

/// A key that was given before.
#[derive(Debug)]
pub(super) struct Duplicate {
    pub(super) problem: Problem,
    /// Whether it is that of a whole table, `[service.web]`.
    pub(super) header: bool,
}

/// Describes the key at `again`, which was given before.
pub(super) fn duplicate(text: &str, again: Span) -> Duplicate {
    let line_start = text[..again.start].rfind('\n').map_or(0, |at| at + 1);
    let header = text[line_start..again.start].trim_start().starts_with('[');
    let key = text.get(again.start..again.end).unwrap_or_default();
    let (what, help) = if header {
        ("this table", "merge the two into one, or give one of them another name")
    } else {
        ("this key", "remove one of them")
    };
    let message = format!("{} is given twice", quoted(key));
    let mut problem = Problem::new(again, message, help).label("again");
    if let Some(first) = first_of(text, again, header) {
        problem = problem.also(first, format!("{what} was given here first"));
    }
    Duplicate { problem, header }
}

/// A key that nobody writes.
const MARKER: &str = "hearken-looks-for-this-place";

/// Where the key at `again` was given first. The parser does not tell: so parse what stands before
/// it once more, with a marker in its place, and look at what stands beside the marker.
fn first_of(text: &str, again: Span, header: bool) -> Option<Span> {
    let key = DeTable::parse_recoverable(text.get(again.start..again.end)?).0;
    let key = key.get_ref().keys().next().map(|key| key.get_ref().to_string());
    let key = key.unwrap_or_else(|| text[again.start..again.end].trim_matches(['"', '\'']).into());
    let before = text.get(..again.start)?;
    let end = if header { "]\n" } else { " = 0\n" };
    let probe = format!("{before}{MARKER}{end}");
    let document = DeTable::parse_recoverable(&probe).0;
    let table = with_marker(document.get_ref())?;
    let (first, _) = table.get_key_value(key.as_str())?;
    Some(first.span().into())
}

/// The table that holds the marker.
fn with_marker<'d, 't>(table: &'d DeTable<'t>) -> Option<&'d DeTable<'t>> {
    if table.contains_key(MARKER) {
        return Some(table);
    }
    table.iter().find_map(|(_, value)| within(value.get_ref()))
}

fn within<'d, 't>(value: &'d DeValue<'t>) -> Option<&'d DeTable<'t>> {
    match value {
        DeValue::Table(table) => with_marker(table),
        DeValue::Array(array) => array.iter().find_map(|element| within(element.get_ref())),
        DeValue::String(_)
        | DeValue::Integer(_)
        | DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_) => None,
    }
}
