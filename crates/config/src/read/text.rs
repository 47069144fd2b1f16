//! Strings, with `${VAR}` in them.

use super::expand::expand;
use super::{Reader, Value};
use crate::diagnostic::Problem;
use crate::source::Span;
use std::sync::Arc;
use toml::de::DeValue;

/// Whether an expanded text goes to a shell, which has a `${VAR}` of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum For {
    Program,
    Shell,
}

/// The string that `value` is.
pub(crate) fn text<'t>(value: Value<'t>) -> Result<&'t str, Problem> {
    match value.toml {
        DeValue::String(text) => Ok(text),
        DeValue::Integer(number) => Err(in_quotes(value, &number.to_string())),
        DeValue::Float(number) => Err(in_quotes(value, &number.to_string())),
        DeValue::Boolean(given) => Err(in_quotes(value, &given.to_string())),
        DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => {
            Err(value.wrong_type("a string", "write it as \"…\""))
        }
    }
}

fn in_quotes(value: Value<'_>, given: &str) -> Problem {
    value.wrong_type("a string", format!("put it in quotes: \"{given}\""))
}

/// The string that `value` is, with every `${VAR}` replaced. Every problem in it is kept.
pub(crate) fn expanded(reader: &mut Reader<'_>, value: Value<'_>, to: For) -> Option<String> {
    let text = text(value);
    let text = reader.keep(text)?;
    let (expanded, faults) = expand(text, reader.variables, to);
    let fine = faults.is_empty();
    let source = Arc::clone(reader.source());
    for fault in faults {
        if !reader.has_room() {
            break;
        }
        let span = locate(source.slice(value.span), text, &fault.at).map_or(value.span, |found| {
            Span { start: value.span.start + found.start, end: value.span.start + found.end }
        });
        reader.error(Problem::new(span, fault.message, fault.help));
    }
    if fine && expanded.contains('\0') {
        let message = format!("{} holds a NUL character", value.name());
        reader.error(Problem::new(value.span, message, "remove it: no program could receive it"));
        return None;
    }
    fine.then_some(expanded)
}

/// Where a reference of the parsed text stands in the text as written, which may hold escapes.
fn locate(written: &str, parsed: &str, at: &std::ops::Range<usize>) -> Option<Span> {
    let reference = parsed.get(at.clone())?;
    if written.matches("${").count() != parsed.matches("${").count() {
        return None;
    }
    let nth = parsed.get(..at.start)?.matches("${").count();
    let (start, _) = written.match_indices("${").nth(nth)?;
    let end = start + reference.len();
    (written.get(start..end) == Some(reference)).then_some(Span { start, end })
}
