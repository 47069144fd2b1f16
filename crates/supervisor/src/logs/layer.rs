//! From a tracing event to one line.

use super::queue::{Dropped, Queue};
use super::{PLACE, Place, human, json};
use std::fmt;
use std::sync::Arc;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

/// How lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// One JSON object a line, for machines.
    Json,
    /// For people.
    Human {
        /// With colours (ANSI escapes).
        colour: bool,
    },
}

/// Fields whose text is JSON already, made by `Raw::to_json`: they are set in as they are.
pub(super) const JSON_FIELDS: [&str; 3] = ["fields", "details", "labels"];

/// One value of an event.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Text(String),
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Bool(bool),
}

/// An event, taken apart.
#[derive(Debug, Default)]
pub(super) struct Fields {
    pub(super) name: String,
    pub(super) message: String,
    pub(super) unit: Option<String>,
    pub(super) instance: Option<u64>,
    pub(super) others: Vec<(&'static str, Value)>,
}

impl Fields {
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.others.iter().find_map(|(key, value)| match value {
            Value::Text(text) if *key == name => Some(text.as_str()),
            Value::Text(_)
            | Value::Unsigned(_)
            | Value::Signed(_)
            | Value::Float(_)
            | Value::Bool(_) => None,
        })
    }

    fn set(&mut self, field: &Field, value: Value) {
        match (field.name(), value) {
            ("event", Value::Text(name)) => self.name = name,
            ("message", Value::Text(message)) => self.message = message,
            ("unit", Value::Text(unit)) => self.unit = Some(unit),
            ("instance", Value::Unsigned(instance)) => self.instance = Some(instance),
            (name, value) => self.others.push((name, value)),
        }
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field, Value::Text(value.to_owned()));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.set(field, Value::Unsigned(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field, Value::Signed(value));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.set(field, Value::Float(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field, Value::Bool(value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.set(field, Value::Text(format!("{value:?}")));
    }
}

/// Renders events and puts them into the queue.
#[derive(Debug)]
pub(super) struct LogLayer {
    queue: Arc<Queue>,
    style: Style,
    unsaid: &'static [&'static str],
}

impl LogLayer {
    /// `unsaid`: the names of events that are left out.
    pub(super) fn new(queue: Arc<Queue>, style: Style, unsaid: &'static [&'static str]) -> Self {
        Self { queue, style, unsaid }
    }
}

impl<S: Subscriber> Layer<S> for LogLayer {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let permit = match PLACE.take() {
            Place::Own => None,
            Place::Granted(permit) => Some(permit),
            Place::Refused => return,
        };
        let mut fields = Fields::default();
        event.record(&mut fields);
        if self.unsaid.contains(&fields.name.as_str()) {
            return;
        }
        let line = render(self.style, *event.metadata().level(), &fields, jiff::Timestamp::now());
        self.queue.push(line, permit);
    }
}

pub(super) fn render(style: Style, level: Level, fields: &Fields, at: jiff::Timestamp) -> Vec<u8> {
    match style {
        Style::Json => json::line(level, fields, at),
        Style::Human { colour } => human::line(level, fields, at, colour),
    }
}

/// The line that tells what was dropped. It cannot come through the queue: that was the trouble.
pub(super) fn dropped_line(style: Style, dropped: Dropped) -> Vec<u8> {
    let fields = Fields {
        name: "logs_dropped".into(),
        message: format!(
            "{} log lines ({} bytes) were dropped: standard error does not take them fast enough",
            dropped.lines, dropped.bytes
        ),
        others: vec![
            ("lines", Value::Unsigned(dropped.lines)),
            ("bytes", Value::Unsigned(dropped.bytes)),
        ],
        ..Fields::default()
    };
    render(style, Level::WARN, &fields, jiff::Timestamp::now())
}
