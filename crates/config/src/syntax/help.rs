//! Next steps for mistakes of syntax, and where they are drawn.

use crate::read::quoted;
use crate::source::Span;

/// Whether a mistake is something that was not closed: the parser takes what follows for a part of
/// it, until nothing fits any more or the file ends.
pub(super) fn is_noticed_late(message: &str) -> bool {
    let parts =
        ["unclosed array,", "unclosed inline table", "between", "invalid multi-line", "recurs"];
    parts.iter().any(|part| message.contains(part))
}

/// What is missing at the end of a line is noticed at the start of the next: drawn at the end.
pub(super) fn place(text: &str, span: Span, message: &str) -> Span {
    let before = text.get(..span.start).unwrap_or_default();
    if message.contains("invalid multi-line") {
        // What was opened last was never closed.
        let quotes = if message.contains("literal") { "'''" } else { "\"\"\"" };
        return before.rfind(quotes).map_or(span, |start| Span { start, end: start + 3 });
    }
    let end = before.trim_end().len();
    if message.contains("between") && before[end..].contains('\n') {
        return Span { start: end, end };
    }
    span
}

/// What the parser says, in other words where it took a word for a number.
pub(super) fn message<'m>(message: &'m str, found: &str) -> &'m str {
    if found.is_empty() && message.contains(UNQUOTED) {
        return "missing value";
    }
    let number = ["invalid float", "invalid boolean", "invalid integer", "invalid datetime"];
    let word = !found.is_empty() && found.chars().all(|c| c.is_ascii_alphabetic());
    if word && number.iter().any(|part| message.contains(part)) { UNQUOTED } else { message }
}

const UNQUOTED: &str = "string values must be quoted";

/// What other languages write for true and false.
const BOOLEANS: [&str; 6] = ["true", "false", "yes", "no", "on", "off"];

/// The next step after a mistake; `found` is the text it points at.
pub(super) fn help(message: &str, found: &str) -> String {
    let has = |part: &str| message.contains(part);
    if has(UNQUOTED) && BOOLEANS.contains(&found.to_lowercase().as_str()) {
        return "write true or false, without quotes and in small letters".into();
    }
    if has(UNQUOTED) {
        return format!("put it in quotes: {}", quoted(found).replace('`', "\""));
    }
    if has("escape") {
        return "in \"…\" a backslash starts an escape: write \\\\, or use '…'".into();
    }
    if has("array elements") || has("unclosed array,") {
        return "an array is [\"a\", \"b\"]: commas between, and closed with `]`".into();
    }
    if has("inline table") || has("between key-value pairs") {
        return "an inline table is { a = \"x\", b = 1 }: commas between, and closed with `}`"
            .into();
    }
    if has("unclosed") {
        return "close the header with `]`: [service.web]".into();
    }
    if has("multi-line") {
        return "close the text with the same three quotes it was opened with".into();
    }
    if has("string") {
        return "close the text with the same quote it was opened with, on the same line".into();
    }
    if has("no value") || has("missing value") || has("missing assignment") {
        return "write key = value; a text needs quotes: key = \"text\"".into();
    }
    if has("leading zero") || has("`_` may") || has("radix") || has("sign") {
        return "numbers are written like 30 or 1_000, durations like \"30s\"".into();
    }
    if has("recurs") {
        return "nothing in a config is nested that deep".into();
    }
    "config/reference.toml shows every key; https://toml.io shows how TOML is written".into()
}
