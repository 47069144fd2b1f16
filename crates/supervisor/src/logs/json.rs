//! One JSON object a line.

use super::layer::{Fields, JSON_FIELDS, Value};
use tracing::Level;

/// Renders an event as one line. The order of the first keys is stable: `time`, `level`, `event`,
/// `unit`, `instance`, then the event's own, then `message`.
pub(super) fn line(level: Level, fields: &Fields, at: jiff::Timestamp) -> Vec<u8> {
    let mut out = Vec::with_capacity(192 + fields.message.len());
    out.push(b'{');
    text(&mut out, "time", &format!("{at:.6}"));
    text(&mut out, "level", level_name(level));
    if !fields.name.is_empty() {
        text(&mut out, "event", &fields.name);
    }
    if let Some(unit) = &fields.unit {
        text(&mut out, "unit", unit);
    }
    if let Some(instance) = fields.instance {
        raw(&mut out, "instance", instance.to_string().as_bytes());
    }
    for (name, value) in &fields.others {
        match value {
            Value::Text(json) if JSON_FIELDS.contains(name) => raw(&mut out, name, json.as_bytes()),
            Value::Text(value) => text(&mut out, name, value),
            Value::Unsigned(value) => raw(&mut out, name, value.to_string().as_bytes()),
            Value::Signed(value) => raw(&mut out, name, value.to_string().as_bytes()),
            // JSON knows no NaN and no infinity: they become null.
            Value::Float(value) => {
                raw(&mut out, name, serde_json::json!(value).to_string().as_bytes())
            }
            Value::Bool(value) => raw(&mut out, name, if *value { b"true" } else { b"false" }),
        }
    }
    if !fields.message.is_empty() {
        text(&mut out, "message", &fields.message);
    }
    out.extend_from_slice(b"}\n");
    out
}

pub(super) fn level_name(level: Level) -> &'static str {
    match level {
        Level::TRACE => "trace",
        Level::DEBUG => "debug",
        Level::INFO => "info",
        Level::WARN => "warn",
        Level::ERROR => "error",
    }
}

fn key(out: &mut Vec<u8>, name: &str) {
    if out.len() > 1 {
        out.push(b',');
    }
    out.push(b'"');
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
}

fn raw(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    key(out, name);
    out.extend_from_slice(value);
}

fn text(out: &mut Vec<u8>, name: &str, value: &str) {
    key(out, name);
    serde_json::to_writer(&mut *out, value).expect("a text can be written to memory");
}
