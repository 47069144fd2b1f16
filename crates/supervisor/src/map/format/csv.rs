//! A finished input as one row of CSV (RFC 4180).

use super::json;
use crate::map::finished::{Finished, Outcome};
use hearken_proto::Raw;
use std::borrow::Cow;
use std::io::Write as _;

/// The columns, and whether they are there only if inputs are asked for.
const COLUMNS: [(&str, bool); 12] = [
    ("index", false),
    ("status", false),
    ("input", true),
    ("result", false),
    ("kind", false),
    ("code", false),
    ("message", false),
    ("attempts", false),
    ("crashes", false),
    ("started", false),
    ("seconds", false),
    ("worker", false),
];

/// The header.
pub(super) fn head(inputs: bool) -> Vec<u8> {
    let shown = COLUMNS.iter().filter(|(_, input)| inputs || !input);
    let names: Vec<_> = shown.map(|(name, _)| *name).collect();
    format!("{}\r\n", names.join(",")).into_bytes()
}

/// Appends rows.
pub(super) struct Csv<'o>(pub(super) &'o mut Vec<u8>);

impl Csv<'_> {
    pub(super) fn row(&mut self, finished: &Finished, inputs: bool) {
        // Writing to a Vec cannot fail, here and below.
        let _infallible = write!(self.0, "{},{},", finished.index, finished.status.as_str());
        if inputs {
            self.cell(&finished.input.as_ref().map(text).unwrap_or_default());
            self.0.push(b',');
        }
        self.cell(&match &finished.outcome {
            Outcome::Nothing => Cow::default(),
            Outcome::Value(value) => text(value),
            Outcome::Bytes(bytes) => Cow::Borrowed(&**bytes),
        });
        let error = finished.error.as_ref();
        for part in
            [error.map(|it| &it.kind), error.map(|it| &it.code), error.map(|it| &it.message)]
        {
            self.0.push(b',');
            self.cell(part.map(String::as_bytes).unwrap_or_default());
        }
        let _infallible = write!(self.0, ",{},{},", finished.attempts, finished.crashes);
        if let Some(started) = finished.started {
            let seconds = finished.took.as_secs_f64();
            let _infallible = write!(self.0, "{},{seconds:.3}", json::time(started));
        } else {
            self.0.push(b',');
        }
        let _infallible = write!(self.0, ",{}\r\n", finished.worker);
    }

    /// Quoted if it holds what would end it.
    fn cell(&mut self, content: &[u8]) {
        if !content.iter().any(|byte| matches!(byte, b',' | b'"' | b'\n' | b'\r')) {
            return self.0.extend_from_slice(content);
        }
        self.0.push(b'"');
        for byte in content {
            if *byte == b'"' {
                self.0.push(b'"');
            }
            self.0.push(*byte);
        }
        self.0.push(b'"');
    }
}

/// Texts and bytes as they are, other values as JSON; nothing for nil.
fn text(value: &Raw) -> Cow<'_, [u8]> {
    match value.content() {
        Some(content) => Cow::Borrowed(content),
        None if *value == Raw::nil() => Cow::default(),
        None => Cow::Owned(json::of(value).0.into_bytes()),
    }
}
