//! What is wrong with a config, where, and what to do next.

use crate::source::{Source, Span};
use annotate_snippets::{
    Annotation, AnnotationKind, Group, Level, Origin, Renderer, Snippet, normalize_untrusted_str,
};
use serde::Serialize;
use std::fmt;
use std::sync::Arc;

/// Whether a config with this problem can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// It cannot.
    Error,
    /// It can, but it probably does not do what was meant.
    Warning,
}

/// One problem of a config: the structured view for logs and JSON, and [`Diagnostic::render`] for
/// people. It never holds what a `${VAR}` stood for; but the rendered line is the line of the
/// file, whatever stands there.
#[derive(Debug, Clone, Serialize)]
pub struct Diagnostic {
    /// Whether the config can be used all the same.
    pub severity: Severity,
    /// The file, as it was named to us.
    pub file: String,
    /// The line, from 1; `None` when the problem is the file as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// The column, from 1, counted in characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<usize>,
    /// What is wrong, in one sentence.
    pub message: String,
    /// The next step.
    pub help: String,
    /// The first mark is where the problem is, the others are what it has to do with.
    #[serde(skip)]
    marks: Vec<Mark>,
    #[serde(skip)]
    source: Option<Arc<Source>>,
}

#[derive(Debug, Clone)]
struct Mark {
    span: Span,
    label: String,
}

/// A problem that does not know yet which text it is in.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    message: String,
    help: String,
    marks: Vec<Mark>,
}

impl Problem {
    pub(crate) fn new(span: Span, message: impl Into<String>, help: impl Into<String>) -> Self {
        let mark = Mark { span, label: String::new() };
        Self { message: message.into(), help: help.into(), marks: vec![mark] }
    }

    /// Says beside the caret what is there.
    pub(crate) fn label(mut self, label: impl Into<String>) -> Self {
        if let Some(first) = self.marks.first_mut() {
            first.label = label.into();
        }
        self
    }

    /// Another next step.
    pub(crate) fn with_help(self, help: impl Into<String>) -> Self {
        Self { help: help.into(), ..self }
    }

    /// Another place this problem has to do with.
    pub(crate) fn also(mut self, span: Span, label: impl Into<String>) -> Self {
        self.marks.push(Mark { span, label: label.into() });
        self
    }

    pub(crate) fn in_source(self, severity: Severity, source: &Arc<Source>) -> Diagnostic {
        let marks: Vec<Mark> = self
            .marks
            .into_iter()
            .map(|mark| Mark { span: source.fit(mark.span), ..mark })
            .collect();
        let place = marks.first().map(|mark| source.place(mark.span.start));
        Diagnostic {
            severity,
            file: source.name().to_owned(),
            line: place.map(|(line, _)| line),
            column: place.map(|(_, column)| column),
            message: self.message,
            help: self.help,
            marks,
            source: Some(Arc::clone(source)),
        }
    }
}

impl Diagnostic {
    /// A problem of a file as a whole.
    pub(crate) fn of_file(
        severity: Severity,
        file: impl Into<String>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        Self {
            severity,
            file: file.into(),
            line: None,
            column: None,
            message: message.into(),
            help: help.into(),
            marks: Vec::new(),
            source: None,
        }
    }

    /// Shows this text in its place, which must be the same but for what it hides.
    pub(crate) fn show(&mut self, masked: &Arc<Source>) {
        if let Some(source) = &mut self.source {
            *source = Arc::clone(masked);
        }
    }

    /// By position; problems of the whole file come first.
    pub(crate) fn order(&self) -> (Option<Span>, &str) {
        (self.marks.first().map(|mark| mark.span), &self.message)
    }

    /// The problem as people read it, several lines without a newline at the end.
    #[must_use]
    pub fn render(&self, colour: bool) -> String {
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let mut group = Group::with_title(level.primary_title(&self.message));
        group = match &self.source {
            Some(source) if !self.marks.is_empty() => group.element(self.snippet(source)),
            Some(_) | None => group.element(Origin::path(&self.file)),
        };
        // A message element may carry styles, so it is not cleaned for us; and cleaning turns the
        // line breaks of an example into symbols, so it is done line by line.
        let help: Vec<String> = self.help.lines().map(normalize_untrusted_str).collect();
        group = group.element(Level::HELP.message(help.join("\n")));
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        renderer.render(&[group])
    }

    fn snippet<'a>(&'a self, source: &'a Source) -> Snippet<'a, Annotation<'a>> {
        let (from, line, text) = source.excerpt(self.marks.iter().map(|mark| mark.span));
        let annotations = self.marks.iter().enumerate().map(|(place, mark)| {
            let kind = if place == 0 { AnnotationKind::Primary } else { AnnotationKind::Context };
            let annotation = kind.span(mark.span.start - from..mark.span.end - from);
            if mark.label.is_empty() { annotation } else { annotation.label(&mark.label) }
        });
        Snippet::source(text).path(&self.file).line_start(line).annotations(annotations)
    }
}

/// `file:line:column: message`, in one line.
impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let (Some(line), Some(column)) = (self.line, self.column) {
            write!(f, ":{line}:{column}")?;
        }
        write!(f, ": {}", self.message)
    }
}

/// Everything that is wrong with a config, in the order of the text; warnings among them.
///
/// At least one of them is an error.
#[derive(Debug, Clone)]
pub struct ConfigErrors {
    diagnostics: Vec<Diagnostic>,
}

impl ConfigErrors {
    pub(crate) fn new(diagnostics: Vec<Diagnostic>) -> Self {
        Self { diagnostics }
    }

    /// All problems, in the order of the text.
    #[must_use]
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.diagnostics
    }

    /// How many of them are errors.
    #[must_use]
    pub fn error_count(&self) -> usize {
        self.diagnostics.iter().filter(|d| d.severity == Severity::Error).count()
    }

    /// All problems as people read them, with an empty line between two.
    #[must_use]
    pub fn render(&self, colour: bool) -> String {
        let parts: Vec<String> = self.diagnostics.iter().map(|d| d.render(colour)).collect();
        parts.join("\n\n") + "\n"
    }
}

/// One line a problem, for where there is no room for more.
impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, diagnostic) in self.diagnostics.iter().enumerate() {
            if place > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{diagnostic}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}
