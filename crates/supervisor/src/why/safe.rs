//! Nothing a child says may drive the terminal of whoever asks.

use std::fmt::Write as _;

/// The text with everything that a terminal would obey written out: control characters (C0, DEL,
/// C1) and what turns the direction of writing around.
#[must_use]
pub fn safe(text: &str) -> String {
    escaped(text, |out, c| {
        let _infallible = match c {
            '\n' => write!(out, "\\n"),
            '\t' => write!(out, "\\t"),
            '\r' => write!(out, "\\r"),
            c if u32::from(c) < 0x100 => write!(out, "\\x{:02x}", u32::from(c)),
            c => write!(out, "\\u{{{:x}}}", u32::from(c)),
        };
    })
}

/// The same for a JSON text: what JSON leaves as it is becomes an escape of JSON. (Such characters
/// stand only inside its strings.)
#[must_use]
pub fn safe_json(json: &str) -> String {
    escaped(json, |out, c| match c {
        // Between its values.
        '\n' => out.push(c),
        c => {
            let _infallible = write!(out, "\\u{:04x}", u32::from(c));
        }
    })
}

fn escaped(text: &str, mut escape: impl FnMut(&mut String, char)) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let turns = matches!(
            c,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        );
        if c.is_control() || turns { escape(&mut out, c) } else { out.push(c) }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_written_out() {
        let hostile = "\x1b[2J\x07 caf\u{e9}\u{9b}31m\u{7f}\n\u{202e}txt";
        assert_eq!(safe(hostile), "\\x1b[2J\\x07 caf\u{e9}\\x9b31m\\x7f\\n\\u{202e}txt");
    }

    #[test]
    fn json_stays_the_same_json() {
        let value = serde_json::json!({ "message": "\x1b[2J\u{9b}31m\u{7f}\u{202e} caf\u{e9}" });
        let safe = safe_json(&serde_json::to_string_pretty(&value).unwrap());
        assert!(safe.chars().all(|c| !c.is_control() || c == '\n'), "{safe:?}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&safe).unwrap(), value);
    }
}
