//! One line for people.

use super::json::level_name;
use super::layer::Fields;
use crate::hash::fnv1a;
use std::fmt::Write as _;
use tracing::Level;

const NAME_WIDTH: usize = 14;

/// Renders an event as `time  name  message`. Warnings and errors say so; the fields stay out,
/// because the message is a sentence that holds what matters.
pub(super) fn line(level: Level, fields: &Fields, at: jiff::Timestamp, colour: bool) -> Vec<u8> {
    let paint = |code: &'static str| if colour { code } else { "" };
    let (dim, plain) = (paint("\x1b[2m"), paint("\x1b[0m"));
    let time = at.to_zoned(jiff::tz::TimeZone::system()).strftime("%H:%M:%S%.3f");
    let name = match (&fields.unit, fields.instance) {
        (Some(unit), Some(instance)) => format!("{unit}#{instance}"),
        (Some(unit), None) => unit.clone(),
        (None, _) => "hearken".to_owned(),
    };
    let hue = if fields.unit.is_some() { hue_of(&name) } else { "\x1b[1m" };
    let mut out = format!("{dim}{time}{plain} {}{name:<NAME_WIDTH$}{plain} ", paint(hue));
    let _infallible = match level {
        Level::ERROR => write!(out, "{}error{plain}: ", paint("\x1b[1;31m")),
        Level::WARN => write!(out, "{}warning{plain}: ", paint("\x1b[1;33m")),
        Level::DEBUG | Level::TRACE => write!(out, "{dim}{}:{plain} ", level_name(level)),
        Level::INFO => Ok(()),
    };
    if fields.name == "child_output" {
        let bar = if fields.text("stream") == Some("stderr") { "\u{2551}" } else { "\u{2502}" };
        let _infallible = write!(out, "{dim}{bar}{plain} ");
    }
    push_visible(&mut out, &fields.message);
    out.push('\n');
    out.into_bytes()
}

/// A colour by name, so that one instance keeps one colour.
fn hue_of(name: &str) -> &'static str {
    const HUES: [&str; 6] =
        ["\x1b[36m", "\x1b[32m", "\x1b[33m", "\x1b[35m", "\x1b[34m", "\x1b[96m"];
    let place = fnv1a(name.as_bytes()) % HUES.len() as u64;
    usize::try_from(place).ok().and_then(|place| HUES.get(place)).copied().unwrap_or_default()
}

/// A child's bytes must not steer the operator's terminal: control characters become visible.
fn push_visible(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '\t' => out.push(c),
            '\n' => out.push_str("\n    "),
            c if c.is_control() => out.extend(c.escape_default()),
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_of_a_child_do_not_reach_the_terminal() {
        let fields = Fields { message: "\x1b]0;owned\x07 hi\ttab".into(), ..Fields::default() };
        let line = line(Level::INFO, &fields, jiff::Timestamp::UNIX_EPOCH, false);
        let text = String::from_utf8(line).unwrap();
        assert!(text.ends_with("\\u{1b}]0;owned\\u{7} hi\ttab\n"), "{text:?}");
    }
}
