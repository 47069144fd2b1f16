//! MessagePack, shown as JSON: strictly for the line, leniently and bounded for the log.

use std::fmt::Write;

use super::{ERROR_KIND, KIND};
use crate::frame::EncodeError;
use crate::kind::Kind;
use crate::msgpack::read::{Broken, Head, Reader};
use crate::text::CUT_MARK;

/// `{"kind": …, …fields}` on one line, whole, or the reason why JSON cannot carry it.
pub(super) fn strict(kind: Kind, fields: &[u8]) -> Result<String, EncodeError> {
    let mut page = Page { out: String::new(), limit: usize::MAX, rule: Rule::Strict };
    let mut reader = Reader::new(fields);
    page.show(format_args!("{{\"{KIND}\":\"{kind}\""));
    if let Head::Map(count) = reader.head().map_err(stop)? {
        for _ in 0..count {
            page.out.push(',');
            match reader.value().map_err(stop)? {
                b"\xa4kind" => page.show(format_args!("\"{ERROR_KIND}\":")),
                key => page.key(&mut Reader::new(key)).map_err(stop)?,
            }
            page.value(&mut reader).map_err(stop)?;
        }
    }
    page.out.push('}');
    Ok(page.out)
}

/// The value on one line, whole, or the reason why JSON cannot carry it.
pub(crate) fn exact(value: &[u8]) -> Result<String, EncodeError> {
    let mut page = Page { out: String::new(), limit: usize::MAX, rule: Rule::Strict };
    page.value(&mut Reader::new(value)).map_err(stop)?;
    Ok(page.out)
}

/// Valid JSON for any well-formed value, cut and marked where it would be longer than `limit`.
pub(crate) fn lossy(value: &[u8], limit: usize) -> String {
    let mut page = Page { out: String::new(), limit, rule: Rule::Lossy };
    match page.value(&mut Reader::new(value)) {
        Ok(()) => page.out,
        // Cannot happen: the value was scanned when it was made. A log line is no place to find out.
        Err(_) => "null".to_owned(),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Rule {
    Strict,
    Lossy,
}

enum Stop {
    Broken,
    NotJson(&'static str),
}

impl From<Broken> for Stop {
    fn from(_: Broken) -> Self {
        Stop::Broken
    }
}

fn stop(stop: impl Into<Stop>) -> EncodeError {
    match stop.into() {
        Stop::Broken => EncodeError::Unsupported("fields that are not MessagePack".to_owned()),
        Stop::NotJson(what) => EncodeError::NotJson { what },
    }
}

struct Page {
    out: String,
    limit: usize,
    rule: Rule,
}

impl Page {
    fn is_full(&self) -> bool {
        self.out.len() >= self.limit
    }

    /// Recurses as deep as the value, which has been scanned to be at most 32 levels.
    fn value(&mut self, reader: &mut Reader<'_>) -> Result<(), Stop> {
        match reader.head()? {
            Head::Nil => self.out.push_str("null"),
            Head::Bool(value) => self.show(value),
            Head::Unsigned(value) => self.show(value),
            Head::Negative(value) => self.show(value),
            // `{:?}` is the shortest form that reads back as the same float.
            Head::Float(value) if value.is_finite() => self.show(format_args!("{value:?}")),
            Head::Float(value) => {
                self.only_lossy("a number that is not finite")?;
                self.show(format_args!("\"{value}\""));
            }
            Head::Str(bytes) => self.text(bytes, "a string that is not UTF-8")?,
            Head::Bin(bytes) => self.text(bytes, "binary that is not UTF-8")?,
            Head::Ext(tag, bytes) => {
                self.only_lossy("an extension")?;
                self.show(format_args!("\"ext {tag}, {} bytes\"", bytes.len()));
            }
            Head::Array(count) => {
                self.out.push('[');
                for index in 0..count {
                    self.comma(index);
                    if self.is_full() {
                        self.show(format_args!("\"{CUT_MARK}\""));
                        break;
                    }
                    self.value(reader)?;
                }
                self.out.push(']');
            }
            Head::Map(count) => {
                self.out.push('{');
                for index in 0..count {
                    self.comma(index);
                    if self.is_full() {
                        self.show(format_args!("\"{CUT_MARK}\":null"));
                        break;
                    }
                    self.key(reader)?;
                    self.value(reader)?;
                }
                self.out.push('}');
            }
        }
        Ok(())
    }

    fn key(&mut self, reader: &mut Reader<'_>) -> Result<(), Stop> {
        let whole = reader.value()?;
        match Reader::new(whole).head()? {
            Head::Str(bytes) => self.text(bytes, "a key that is not UTF-8")?,
            Head::Bin(_)
            | Head::Nil
            | Head::Bool(_)
            | Head::Unsigned(_)
            | Head::Negative(_)
            | Head::Float(_)
            | Head::Ext(..)
            | Head::Array(_)
            | Head::Map(_) => {
                self.only_lossy("a key that is no string")?;
                let left = self.limit.saturating_sub(self.out.len());
                self.string(&lossy(whole, left));
            }
        }
        self.out.push(':');
        Ok(())
    }

    fn comma(&mut self, index: u32) {
        if index > 0 {
            self.out.push(',');
        }
    }

    fn show(&mut self, value: impl std::fmt::Display) {
        // Writing to a String cannot fail.
        let _ = write!(self.out, "{value}");
    }

    fn only_lossy(&self, what: &'static str) -> Result<(), Stop> {
        match self.rule {
            Rule::Strict => Err(Stop::NotJson(what)),
            Rule::Lossy => Ok(()),
        }
    }

    fn text(&mut self, bytes: &[u8], what: &'static str) -> Result<(), Stop> {
        match std::str::from_utf8(bytes) {
            Ok(text) => self.string(text),
            Err(_) => {
                self.only_lossy(what)?;
                // Replacement characters are longer than what they replace: cut first.
                let shown = bytes.get(..self.limit).unwrap_or(bytes);
                self.string(&String::from_utf8_lossy(shown));
            }
        }
        Ok(())
    }

    /// A JSON string; what does not fit is cut between two characters.
    fn string(&mut self, text: &str) {
        self.out.push('"');
        for character in text.chars() {
            if self.is_full() {
                self.out.push_str(CUT_MARK);
                break;
            }
            match character {
                '"' => self.out.push_str("\\\""),
                '\\' => self.out.push_str("\\\\"),
                '\n' => self.out.push_str("\\n"),
                '\r' => self.out.push_str("\\r"),
                '\t' => self.out.push_str("\\t"),
                '\0'..='\x1f' | '\x7f' => {
                    self.show(format_args!("\\u{:04x}", u32::from(character)))
                }
                _ => self.out.push(character),
            }
        }
        self.out.push('"');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_json_cannot_say_is_shown_as_near_as_it_goes() {
        let value = [
            0x95, 0xcb, 0x7f, 0xf8, 0, 0, 0, 0, 0, 0, // NaN
            0xd4, 5, 0, // ext
            0xc4, 2, 0xff, b'a', // bin
            0x81, 0x01, 0xc0, // {1: nil}
            0xa2, b'\n', 0x1b,
        ];
        assert_eq!(lossy(&value, 1024), r#"["NaN","ext 5, 1 bytes","�a",{"1":null},"\n\u001b"]"#);
    }

    #[test]
    fn what_json_cannot_say_is_refused_where_nothing_may_be_lost() {
        for value in [
            &[0x91, 0xcb, 0x7f, 0xf8, 0, 0, 0, 0, 0, 0][..], // [NaN]
            &[0xd4, 5, 0],                                   // ext
            &[0xc4, 2, 0xff, b'a'],                          // bin
            &[0xa1, 0xff],                                   // str
            &[0x81, 0x01, 0xc0],                             // {1: nil}
        ] {
            assert!(matches!(exact(value), Err(EncodeError::NotJson { .. })), "{value:x?}");
        }
        let value = rmp_serde::to_vec_named(&("ä\n", -1, 1.5, None::<()>, true)).unwrap();
        assert_eq!(exact(&value).unwrap(), r#"["ä\n",-1,1.5,null,true]"#);
    }

    #[test]
    fn a_cut_leaves_valid_json() {
        let deep = serde_json::json!({"a": [["x".repeat(500), {"b": "ä".repeat(500), "c": [1, 2]}], 3], "d": 4});
        let value = rmp_serde::to_vec_named(&deep).unwrap();
        for limit in 0..1200 {
            let shown = lossy(&value, limit);
            assert!(shown.len() <= limit + 512, "{limit}: {}", shown.len());
            let parsed = serde_json::from_str::<serde_json::Value>(&shown);
            assert!(parsed.is_ok(), "{limit}: {shown}");
        }
    }
}
