//! TOML itself: what cannot be parsed, and what stands there twice.

use crate::diagnostic::Problem;
use crate::read::{Reader, Value, quoted};
use crate::source::Span;
use serde_spanned::Spanned;
use std::collections::BTreeSet;
use toml::de::{DeTable, DeValue, Error};

/// A parsed text, as far as it could be.
#[derive(Debug)]
pub(crate) struct Document<'t> {
    pub(crate) table: Spanned<DeTable<'t>>,
    /// Where the text is no TOML.
    broken: Vec<usize>,
}

/// Which tables hold a mistake of syntax. What was parsed of them may be anything, so nothing more
/// is said about them until the mistake is mended.
#[derive(Debug)]
pub(crate) struct Damage(BTreeSet<usize>);

impl Document<'_> {
    /// Whether all of the text is there.
    pub(crate) fn is_whole(&self) -> bool {
        self.broken.is_empty()
    }

    /// Which of `tables` are damaged: a mistake belongs to the last one that starts before it.
    pub(crate) fn damage(&self, tables: &[Value<'_>]) -> Damage {
        let starts: BTreeSet<usize> = tables.iter().map(|value| value.key_span.start).collect();
        let owner = |at: &usize| starts.range(..=*at).next_back().copied();
        Damage(self.broken.iter().filter_map(owner).collect())
    }
}

impl Damage {
    /// Whether `table` holds a mistake of syntax.
    pub(crate) fn hits(&self, table: Value<'_>) -> bool {
        self.0.contains(&table.key_span.start)
    }
}

/// Parses a text and reports all that is wrong with it as TOML.
pub(crate) fn parse<'t>(reader: &mut Reader<'_>, text: &'t str) -> Document<'t> {
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut broken = Vec::new();
    let mut lines = BTreeSet::new();
    let mut doubled: Option<Span> = None;
    let mut errors: Vec<(Span, &Error)> = errors.iter().map(|error| (span(error), error)).collect();
    errors.sort_by_key(|(span, _)| *span);
    for (span, error) in errors {
        if error.message() == DUPLICATE {
            // In a table that stands there twice, so does probably every key.
            if doubled.is_some_and(|table| {
                next_header(text, table.end).is_none_or(|header| header >= span.start)
            }) {
                continue;
            }
            let found = duplicate(text, span);
            if found.header {
                doubled = Some(span);
            }
            reader.error(found.problem);
            continue;
        }
        broken.push(span.start);
        // One mistake makes several errors; the first on a line is the one to mend.
        let line = reader.source().line(reader.source().fit(span).start);
        if lines.insert(line) {
            let message = format!("invalid TOML: {}", error.message());
            let help = help(error.message(), reader.source().slice(span));
            reader.error(Problem::new(span, message, help));
        }
    }
    Document { table, broken }
}

fn span(error: &Error) -> Span {
    error.span().unwrap_or(0..0).into()
}

/// What the parser calls it.
const DUPLICATE: &str = "duplicate key";

fn help(message: &str, found: &str) -> String {
    let has = |part: &str| message.contains(part);
    if has("must be quoted") {
        return format!("put it in quotes: {}", quoted(found).replace('`', "\""));
    }
    if has("escape") {
        return "in \"…\" a backslash starts an escape: write \\\\, or use '…'".into();
    }
    if has("unclosed array") || has("array elements") {
        return "an array is [\"a\", \"b\"]: a comma between two elements, closed with `]`".into();
    }
    if has("unclosed inline table") || has("between key-value pairs") {
        return "an inline table is { a = \"x\", b = 1 }: closed with `}`".into();
    }
    if has("unclosed table") || has("unclosed array table") {
        return "close the header with `]`: [service.web]".into();
    }
    if has("string") {
        return "close the text with the same quotes it was opened with, on the same line".into();
    }
    if has("key with no value") || has("missing value") || has("missing assignment") {
        return "write key = value; a text needs quotes: key = \"text\"".into();
    }
    if has("leading zero") || has("`_` may") || has("radix") || has("sign") {
        return "numbers are written like 30 or 1_000; durations like \"30s\"".into();
    }
    if has("recurs") {
        return "nothing in a config is nested that deep".into();
    }
    "config/reference.toml shows every key; https://toml.io shows how TOML is written".into()
}

struct Duplicate {
    problem: Problem,
    header: bool,
}

/// A key that was given before; `again` is where it is given once more.
fn duplicate(text: &str, again: Span) -> Duplicate {
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

/// Where the next line that looks like a header starts.
fn next_header(text: &str, from: usize) -> Option<usize> {
    let rest = text.get(from..)?;
    rest.match_indices('\n').map(|(at, _)| from + at + 1).find(|at| {
        text.get(*at..).is_some_and(|line| line.trim_start_matches([' ', '\t']).starts_with('['))
    })
}
