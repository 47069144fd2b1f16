//! `log`: hearken's own log.

use crate::read::choice::{Choice, OneOf, choice, words};
use crate::read::keys::Keys;
use crate::read::table::Table;
use crate::read::{Reader, Value};
use schemars::JsonSchema;
use toml::de::DeValue;

/// What hearken itself logs, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Log {
    /// From which level on.
    pub level: LogLevel,
    /// In which form.
    pub format: LogFormat,
}

/// How much is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum LogLevel {
    /// Every step.
    Trace,
    /// Every decision.
    Debug,
    /// What happens to units.
    #[default]
    Info,
    /// What may need somebody.
    Warn,
    /// What needs somebody.
    Error,
}

/// How a log event is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// For people on a terminal, JSON elsewhere.
    #[default]
    Auto,
    /// One JSON object a line.
    Json,
    /// Lines for people.
    Human,
}

impl Choice for LogLevel {
    const NAME: &'static str = "LogLevel";
    const WORDS: &'static [(&'static str, Self, &'static str)] = &[
        ("trace", Self::Trace, "every step"),
        ("debug", Self::Debug, "every decision"),
        ("info", Self::Info, "what happens to units"),
        ("warn", Self::Warn, "what may need somebody"),
        ("error", Self::Error, "what needs somebody"),
    ];
}

impl Choice for LogFormat {
    const NAME: &'static str = "LogFormat";
    const WORDS: &'static [(&'static str, Self, &'static str)] = &[
        ("auto", Self::Auto, "for people on a terminal, JSON elsewhere"),
        ("json", Self::Json, "one JSON object a line"),
        ("human", Self::Human, "lines for people"),
    ];
}

pub(crate) const KEYS: Keys = Keys {
    place: "log = { … } of [supervisor]",
    shape: "LogTable",
    known: &["level", "format"],
    later: &["file", "rotate", "syslog", "journald"],
    aliases: &[],
};

/// Hearken's own log; the level alone is enough: log = "debug".
#[derive(JsonSchema)]
#[schemars(rename = "Log", untagged)]
#[expect(dead_code, reason = "only its shape is used")]
pub(crate) enum LogShape {
    Level(OneOf<LogLevel>),
    Table(LogTable),
}

/// Level and form of hearken's own log.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, transform = crate::schema::optional)]
#[expect(dead_code, reason = "only its shape is used")]
pub(crate) struct LogTable {
    /// The level from which on events are logged.
    #[schemars(extend("default" = "info"))]
    level: OneOf<LogLevel>,
    /// The form of an event.
    #[schemars(extend("default" = "auto"))]
    format: OneOf<LogFormat>,
}

pub(crate) fn read(reader: &mut Reader<'_>, value: Value<'_>) -> Log {
    if matches!(value.toml, DeValue::String(_)) {
        let level = reader.keep(choice(value)).unwrap_or_default();
        return Log { level, format: LogFormat::default() };
    }
    let Some(mut table) = Table::of(value, &KEYS) else {
        let help = format!("write log = {{ level = \"info\" }}; levels: {}", words::<LogLevel>());
        reader.error(value.wrong_type("a level or a table", help));
        return Log::default();
    };
    let level = table.take("level").and_then(|value| reader.keep(choice(value)));
    let format = table.take("format").and_then(|value| reader.keep(choice(value)));
    table.close(reader);
    Log { level: level.unwrap_or_default(), format: format.unwrap_or_default() }
}
