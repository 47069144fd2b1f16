//! Reading values out of spanned TOML, and keeping every problem on the way.
//!
//! A knob asks for a value in the form it wants ([`duration`], [`number`], [`choice`], [`text`] …)
//! and gets it or a [`Problem`]; the [`Reader`] keeps the problem and reading goes on.

pub(crate) mod bytes;
pub(crate) mod choice;
pub(crate) mod duration;
pub(crate) mod expand;
pub(crate) mod keys;
pub(crate) mod list;
pub(crate) mod number;
pub(crate) mod path;
pub(crate) mod signal;
pub(crate) mod suggest;
pub(crate) mod table;
pub(crate) mod text;
pub(crate) mod variables;

use crate::diagnostic::{Diagnostic, Problem, Severity};
use crate::source::{Source, Span};
use serde_spanned::Spanned;
use std::path::Path;
use std::sync::Arc;
use toml::de::{DeString, DeValue};
use variables::Variables;

/// One run over one text: what it may look at, and every problem found so far.
pub(crate) struct Reader<'a> {
    source: Arc<Source>,
    variables: &'a Variables,
    /// What relative paths start from.
    directory: &'a Path,
    found: Vec<Diagnostic>,
    secrets: Vec<Span>,
    errors: usize,
    warnings: usize,
}

/// How many errors, and how many warnings, are kept of one text. Who has more mends those first.
const KEPT_MAX: usize = 200;

impl<'a> Reader<'a> {
    pub(crate) fn new(source: Source, directory: &'a Path, variables: &'a Variables) -> Self {
        Self {
            source: Arc::new(source),
            variables,
            directory,
            found: Vec::new(),
            secrets: Vec::new(),
            errors: 0,
            warnings: 0,
        }
    }

    pub(crate) fn source(&self) -> &Arc<Source> {
        &self.source
    }

    pub(crate) fn directory(&self) -> &'a Path {
        self.directory
    }

    pub(crate) fn error(&mut self, problem: Problem) {
        self.errors += 1;
        if self.errors <= KEPT_MAX {
            self.found.push(problem.in_source(Severity::Error, &self.source));
        }
    }

    pub(crate) fn warning(&mut self, problem: Problem) {
        self.warnings += 1;
        if self.warnings <= KEPT_MAX {
            self.found.push(problem.in_source(Severity::Warning, &self.source));
        }
    }

    /// Keeps what stands at `span` out of every excerpt that is shown.
    pub(crate) fn secret(&mut self, span: Span) {
        self.secrets.push(span);
    }

    /// Takes a problem that is not at one place of the text.
    pub(crate) fn diagnostic(&mut self, diagnostic: Diagnostic) {
        self.found.push(diagnostic);
    }

    /// Whether there is any problem yet.
    pub(crate) fn has_found(&self) -> bool {
        !self.found.is_empty()
    }

    /// Whether a further problem would still be kept, and is worth looking into.
    pub(crate) fn has_room(&self) -> bool {
        self.errors <= KEPT_MAX
    }

    /// The value, or its problem kept.
    pub(crate) fn keep<T>(&mut self, read: Result<T, Problem>) -> Option<T> {
        read.map_err(|problem| self.error(problem)).ok()
    }

    /// Everything found, in the order of the text.
    pub(crate) fn into_found(mut self) -> Vec<Diagnostic> {
        if !self.secrets.is_empty() && !self.found.is_empty() {
            let masked = Arc::new(self.source.masked(&self.secrets));
            self.found.iter_mut().for_each(|diagnostic| diagnostic.show(&masked));
        }
        self.found.sort_by(|a, b| a.order().cmp(&b.order()));
        if self.errors > KEPT_MAX {
            let message = format!("there are more errors than these {KEPT_MAX}");
            let file = self.source.name();
            self.found.push(Diagnostic::of_file(
                Severity::Error,
                file,
                message,
                "mend these first",
            ));
        }
        self.found
    }
}

/// A value of the config with the key it stands under; for an element of an array, that of the
/// array.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Value<'t> {
    pub(crate) key: &'t str,
    pub(crate) key_span: Span,
    pub(crate) span: Span,
    pub(crate) toml: &'t DeValue<'t>,
    /// Whether it is an element of the array that stands under the key.
    element: bool,
}

impl<'t> Value<'t> {
    pub(crate) fn new(key: &'t Spanned<DeString<'t>>, value: &'t Spanned<DeValue<'t>>) -> Self {
        Self {
            key: key.get_ref(),
            key_span: key.span().into(),
            span: value.span().into(),
            toml: value.get_ref(),
            element: false,
        }
    }

    /// An element of this array.
    pub(crate) fn element(&self, element: &'t Spanned<DeValue<'t>>) -> Self {
        Self { span: element.span().into(), toml: element.get_ref(), element: true, ..*self }
    }

    /// What messages call it.
    pub(crate) fn name(&self) -> String {
        let key = quoted(self.key);
        if self.element { format!("an element of {key}") } else { key }
    }

    /// "`key` must be …, not …".
    pub(crate) fn wrong_type(&self, expected: &str, help: impl Into<String>) -> Problem {
        let found = article(self.toml);
        Problem::new(self.span, format!("{} must be {expected}, not {found}", self.name()), help)
    }
}

/// What a value is, with its article.
fn article(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a float",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    }
}

/// The longest piece of somebody's text that a message repeats.
const QUOTED_MAX: usize = 80;

/// A word of the config in backticks: shortened, and without anything a terminal would obey.
pub(crate) fn quoted(word: &str) -> String {
    let mut shown = String::from("`");
    for (place, c) in word.chars().enumerate() {
        if place == QUOTED_MAX {
            shown.push('…');
            break;
        }
        if c.is_control() {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown.push('`');
    shown
}
