//! How results are written.
//!
//! One object a finished input, whatever became of it:
//!
//! ```json
//! {"index":2,"status":"failed","error":{"kind":"unavailable","code":"db.down","message":"…"},
//!  "attempts":3,"crashes":0,"started":"2026-11-22T20:23:36.136Z","seconds":0.012,"worker":"map#1"}
//! ```
//!
//! `result` is there if something came out. Bytes that are not UTF-8 stand in `result_base64`
//! instead; a value that JSON cannot say exactly (NaN, bytes inside it) is shown as near as it goes,
//! beside `"inexact":true`. `input` and `input_base64` are the same for the input, if asked for.

mod csv;
mod json;

use super::finished::{Finished, Outcome, Status};
use csv::Csv;
use json::object;

/// How results are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One JSON object a line.
    Ndjson,
    /// One JSON array of them.
    Json,
    /// RFC 4180, with a header.
    Csv,
    /// The results alone: texts as they are, other values as JSON, a line each; nothing for inputs
    /// that failed.
    Raw,
}

/// Writes results.
#[derive(Debug)]
pub(super) struct Writing {
    format: Format,
    /// What comes out are the bytes a program wrote: nothing is added to them.
    verbatim: bool,
    /// Inputs stand beside their results.
    inputs: bool,
    /// Something was written already.
    begun: bool,
}

impl Writing {
    /// Nothing yet.
    #[must_use]
    pub(super) fn new(format: Format, inputs: bool, verbatim: bool) -> Self {
        Self { format, verbatim, inputs, begun: false }
    }

    /// What stands before all results.
    #[must_use]
    pub(super) fn head(&self) -> Vec<u8> {
        match self.format {
            Format::Ndjson | Format::Raw => Vec::new(),
            Format::Json => b"[".to_vec(),
            Format::Csv => csv::head(self.inputs),
        }
    }

    /// Appends one result.
    pub(super) fn write(&mut self, finished: &Finished, out: &mut Vec<u8>) {
        match self.format {
            Format::Ndjson => {
                object(finished, out);
                out.push(b'\n');
            }
            Format::Json => {
                out.extend_from_slice(if self.begun { b",\n" } else { b"\n" });
                object(finished, out);
            }
            Format::Csv => Csv(out).row(finished, self.inputs),
            Format::Raw => self.raw(finished, out),
        }
        self.begun = true;
    }

    /// What stands behind all results.
    #[must_use]
    pub(super) fn tail(&self) -> &'static [u8] {
        match self.format {
            Format::Ndjson | Format::Csv | Format::Raw => b"",
            Format::Json if self.begun => b"\n]\n",
            Format::Json => b"]\n",
        }
    }

    fn raw(&self, finished: &Finished, out: &mut Vec<u8>) {
        if finished.status != Status::Ok {
            return;
        }
        match (finished.outcome.content(), &finished.outcome) {
            (Some(content), _) => out.extend_from_slice(content),
            (None, Outcome::Value(value)) => out.extend_from_slice(json::of(value).0.as_bytes()),
            (None, Outcome::Nothing | Outcome::Bytes(_)) => return,
        }
        if !self.verbatim {
            out.push(b'\n');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::map::finished::testing::{cancelled, failed, ok};
    use bytes::Bytes;
    use hearken_proto::Raw;

    fn written(mut writing: Writing, all: &[Finished]) -> String {
        let mut out = writing.head();
        all.iter().for_each(|finished| writing.write(finished, &mut out));
        out.extend_from_slice(writing.tail());
        String::from_utf8(out).unwrap()
    }

    fn three() -> [Finished; 3] {
        [ok(1), failed(2, "db.down"), cancelled(3)]
    }

    const FIRST: &str = r#"{"index":1,"status":"ok","result":"1","attempts":1,"crashes":0,"started":"1970-01-01T00:00:01.500Z","seconds":0.020,"worker":"map#1"}"#;
    const SECOND: &str = r#"{"index":2,"status":"failed","error":{"code":"db.down","kind":"transient","message":"it did not work"},"attempts":1,"crashes":0,"started":"1970-01-01T00:00:01.500Z","seconds":0.020,"worker":"map#1"}"#;
    const THIRD: &str = r#"{"index":3,"status":"cancelled","attempts":0,"crashes":0}"#;

    #[test]
    fn ndjson_is_an_object_a_line() {
        let text = written(Writing::new(Format::Ndjson, false, false), &three());
        assert_eq!(text, format!("{FIRST}\n{SECOND}\n{THIRD}\n"));
        assert_eq!(written(Writing::new(Format::Ndjson, false, false), &[]), "");
    }

    #[test]
    fn json_is_one_array() {
        let text = written(Writing::new(Format::Json, false, false), &three());
        assert_eq!(text, format!("[\n{FIRST},\n{SECOND},\n{THIRD}\n]\n"));
        assert_eq!(written(Writing::new(Format::Json, false, false), &[]), "[]\n");
    }

    #[test]
    fn every_object_is_json_whatever_came_out() {
        let table = [
            (Outcome::Nothing, r#"{"#),
            (Outcome::Value(Raw::nil()), r#""result":null"#),
            (Outcome::Value(Raw::from_value(&[1, 2]).unwrap()), r#""result":[1,2]"#),
            (Outcome::Value(Raw::binary(b"text")), r#""result":"text""#),
            (Outcome::Value(Raw::binary(b"\xff\x00")), r#""result_base64":"/wA=""#),
            (Outcome::Bytes(Bytes::from_static(b"a\"b")), r#""result":"a\"b""#),
            (Outcome::Bytes(Bytes::from_static(b"\xff")), r#""result_base64":"/w==""#),
            (
                Outcome::Value(Raw::from_value(&[f64::NAN]).unwrap()),
                r#""result":["NaN"],"inexact":true"#,
            ),
        ];
        for (outcome, part) in table {
            let finished = Finished { outcome, input: Some(Raw::binary(b"\xfe")), ..ok(1) };
            let text = written(Writing::new(Format::Ndjson, true, false), &[finished]);
            assert!(text.contains(part), "{text}");
            assert!(text.contains(r#""input_base64":"/g==""#), "{text}");
            serde_json::from_str::<serde_json::Value>(&text).unwrap();
        }
    }

    #[test]
    fn csv_has_a_header_and_quotes_what_needs_it() {
        let text = Outcome::Value(Raw::string("a,\"b\"\nc"));
        let rows = [Finished { outcome: text, ..ok(1) }, failed(2, "x"), cancelled(3)];
        assert_eq!(
            written(Writing::new(Format::Csv, false, false), &rows),
            "index,status,result,kind,code,message,attempts,crashes,started,seconds,worker\r\n\
             1,ok,\"a,\"\"b\"\"\nc\",,,,1,0,1970-01-01T00:00:01.500Z,0.020,map#1\r\n\
             2,failed,,transient,x,it did not work,1,0,1970-01-01T00:00:01.500Z,0.020,map#1\r\n\
             3,cancelled,,,,,0,0,,,\r\n"
        );
        let value = Outcome::Value(Raw::from_value(&["x"]).unwrap());
        let row = Finished { outcome: value, input: Some(Raw::string("in")), ..ok(1) };
        let text = written(Writing::new(Format::Csv, true, false), &[row]);
        assert!(text.starts_with("index,status,input,result,"), "{text}");
        assert!(text.contains("1,ok,in,\"[\"\"x\"\"]\","), "{text}");
    }

    #[test]
    fn raw_is_what_came_out_and_nothing_else() {
        let value = Outcome::Value(Raw::from_value(&[1]).unwrap());
        let rows = [ok(1), failed(2, "x"), Finished { outcome: value, ..ok(3) }];
        assert_eq!(written(Writing::new(Format::Raw, false, false), &rows), "1\n[1]\n");
        let program =
            |text| Finished { outcome: Outcome::Bytes(Bytes::from_static(text)), ..ok(1) };
        let rows = [program(b"a\nb\n"), program(b""), program(b"c")];
        assert_eq!(written(Writing::new(Format::Raw, false, true), &rows), "a\nb\nc");
    }
}
