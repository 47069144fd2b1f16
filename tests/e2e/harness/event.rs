//! A line of the log, and what a test wants of one.

use serde_json::Value;
use std::fmt;
use std::time::Duration;

/// A line of the log.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    /// The how-manieth line it is.
    pub(crate) index: usize,
    value: Value,
}

impl Event {
    /// Reads a line; the error says what is wrong with it.
    pub(super) fn read(index: usize, line: &str) -> Result<Event, String> {
        let value: Value = serde_json::from_str(line).map_err(|error| error.to_string())?;
        let mut event = Event { index, value };
        for field in ["time", "level", "event"] {
            if event.value.get(field).and_then(Value::as_str).is_none() {
                return Err(format!("it has no {field}"));
            }
        }
        // A flood is counted, not kept.
        if let Some(Value::String(text)) = event.value.get_mut("message")
            && text.len() > 4096
        {
            *text =
                format!("{} characters: {}", text.len(), text.chars().take(60).collect::<String>());
        }
        Ok(event)
    }

    pub(crate) fn name(&self) -> &str {
        self.text("event")
    }

    /// A field that is text; empty if it is not there.
    pub(crate) fn text(&self, field: &str) -> &str {
        self.value.get(field).and_then(Value::as_str).unwrap_or_default()
    }

    pub(crate) fn has(&self, field: &str) -> bool {
        self.value.get(field).is_some()
    }

    /// A field that is a number.
    #[track_caller]
    pub(crate) fn number(&self, field: &str) -> i64 {
        let number = self.value.get(field).and_then(Value::as_i64);
        number.unwrap_or_else(|| panic!("no number {field} in {self}"))
    }

    #[track_caller]
    pub(crate) fn pid(&self) -> i32 {
        i32::try_from(self.number("pid")).unwrap()
    }

    pub(crate) fn field(&self, field: &str) -> Option<&Value> {
        self.value.get(field)
    }

    /// How much later than `earlier` this happened, by the clock of the log.
    ///
    /// A line is stamped when it is told, which on a busy machine is some milliseconds after it
    /// happened: who expects at least a time leaves it a twentieth of a second.
    #[track_caller]
    pub(crate) fn since(&self, earlier: &Event) -> Duration {
        const DAY: u64 = 86_400_000_000;
        let (then, now) = (earlier.time_of_day(), self.time_of_day());
        let passed = (now + DAY - then) % DAY;
        // Lines are stamped one after the other; half a day is a line that came before.
        assert!(passed < DAY / 2, "{self}\ncame before\n{earlier}");
        Duration::from_micros(passed)
    }

    fn time_of_day(&self) -> u64 {
        // 2026-11-22T16:39:19.123456Z
        let clock = self.text("time").split_once('T').map_or("", |(_, clock)| clock);
        let (whole, fraction) = clock.trim_end_matches('Z').split_once('.').unwrap_or((clock, "0"));
        let seconds = whole.split(':').fold(0, |sum, part| sum * 60 + part.parse::<u64>().unwrap());
        seconds * 1_000_000 + format!("{fraction:0<6}").parse::<u64>().unwrap()
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>5} {}", self.index, self.value)
    }
}

/// What a test wants of an event.
#[derive(Debug, Clone)]
pub(crate) struct Want {
    name: &'static str,
    equal: Vec<(&'static str, Value)>,
    containing: Vec<(&'static str, String)>,
}

/// An event of this name.
pub(crate) fn event(name: &'static str) -> Want {
    Want { name, equal: Vec::new(), containing: Vec::new() }
}

impl Want {
    /// A field with this value.
    pub(crate) fn is(mut self, field: &'static str, value: impl Into<Value>) -> Self {
        self.equal.push((field, value.into()));
        self
    }

    pub(crate) fn unit(self, unit: impl Into<Value>) -> Self {
        self.is("unit", unit)
    }

    pub(crate) fn instance(self, instance: u32) -> Self {
        self.is("instance", instance)
    }

    pub(crate) fn incarnation(self, incarnation: u32) -> Self {
        self.is("incarnation", incarnation)
    }

    /// A field that contains this text.
    pub(crate) fn has(mut self, field: &'static str, text: impl Into<String>) -> Self {
        self.containing.push((field, text.into()));
        self
    }

    pub(super) fn fits(&self, event: &Event) -> bool {
        event.name() == self.name
            && self.equal.iter().all(|(field, value)| event.field(field) == Some(value))
            && self.containing.iter().all(|(field, text)| event.text(field).contains(text))
    }
}

impl fmt::Display for Want {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an event {:?}", self.name)?;
        for (field, value) in &self.equal {
            write!(f, ", {field} = {value}")?;
        }
        for (field, text) in &self.containing {
            write!(f, ", {field} with {text:?}")?;
        }
        Ok(())
    }
}
