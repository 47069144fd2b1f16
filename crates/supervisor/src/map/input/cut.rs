//! Cuts a stream into inputs.

use super::json::{Byte, Scan};
use super::{Form, Unfit, json_value, text};
use hearken_proto::Raw;
use std::io::{self, BufRead};

/// One input.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::map) struct Cut {
    /// Its bytes, without what ended it; empty if it is too long.
    pub(in crate::map) content: Vec<u8>,
    /// What a worker is given.
    pub(in crate::map) payload: Result<Raw, Unfit>,
}

/// Why no more inputs can be cut off a stream.
#[derive(Debug, thiserror::Error)]
pub(in crate::map) enum CutError {
    /// It cannot be read.
    #[error("the inputs cannot be read: {0}")]
    Read(#[from] io::Error),
    /// What follows is no JSON, so nobody can say where the next value begins.
    #[error(
        "the inputs are not JSON from byte {0} on; say --input ndjson, lines or nul if they are one of these"
    )]
    NoJson(u64),
}

/// Cuts a stream into inputs. Holds one of them at a time, of `limit` bytes at most.
#[derive(Debug)]
pub(in crate::map) struct Cutter<R> {
    from: R,
    form: Form,
    limit: usize,
    /// How many bytes were read in the form `json`.
    read: u64,
    scan: Scan,
}

/// What came up to a delimiter.
enum Piece {
    Whole(Vec<u8>),
    TooLong,
}

impl<R: BufRead> Cutter<R> {
    /// Of what is to come `from` there.
    pub(in crate::map) fn new(from: R, form: Form, limit: usize) -> Self {
        Self { from, form, limit, read: 0, scan: Scan::default() }
    }

    /// The next input; `None` at the end.
    pub(in crate::map) fn next(&mut self) -> Result<Option<Cut>, CutError> {
        match self.form {
            Form::Lines => self.text(b'\n'),
            Form::Nul => self.text(0),
            Form::Ndjson => self.ndjson(),
            Form::Json => self.json(),
            Form::Auto => self.first(),
        }
    }

    fn text(&mut self, delimiter: u8) -> Result<Option<Cut>, CutError> {
        let piece = self.piece(delimiter)?;
        Ok(piece.map(|piece| self.cut(piece, |content| Ok(text(content)))))
    }

    fn ndjson(&mut self) -> Result<Option<Cut>, CutError> {
        while let Some(piece) = self.piece(b'\n')? {
            if let Some(cut) = self.json_line(piece) {
                return Ok(Some(cut));
            }
        }
        Ok(None)
    }

    fn json_line(&self, piece: Piece) -> Option<Cut> {
        match piece {
            Piece::Whole(line) => {
                let value = line.trim_ascii();
                (!value.is_empty()).then(|| self.cut(Piece::Whole(value.to_vec()), json_value))
            }
            Piece::TooLong => Some(self.cut(piece, json_value)),
        }
    }

    /// The first line says what all of them are. A number or a word alone does not: `2024` may well
    /// be the name of a folder, and `1.0` is not what `1` is.
    fn first(&mut self) -> Result<Option<Cut>, CutError> {
        let Some(piece) = self.piece(b'\n')? else { return Ok(None) };
        let speaks = match &piece {
            Piece::Whole(line) => {
                matches!(line.trim_ascii_start().first(), Some(b'{' | b'[' | b'"'))
                    && serde_json::from_slice::<serde::de::IgnoredAny>(line).is_ok()
            }
            Piece::TooLong => false,
        };
        self.form = if speaks { Form::Ndjson } else { Form::Lines };
        Ok(match speaks {
            true => self.json_line(piece),
            false => Some(self.cut(piece, |content| Ok(text(content)))),
        })
    }

    fn cut(&self, piece: Piece, payload: impl Fn(&[u8]) -> Result<Raw, Unfit>) -> Cut {
        match piece {
            Piece::Whole(content) => Cut { payload: payload(&content), content },
            Piece::TooLong => {
                Cut { content: Vec::new(), payload: Err(Unfit::TooLong { limit: self.limit }) }
            }
        }
    }

    /// What comes up to the delimiter, or to the end of the stream.
    fn piece(&mut self, delimiter: u8) -> io::Result<Option<Piece>> {
        let mut piece = Vec::new();
        // With the delimiter, and one byte that shows that it is too long.
        let room = (self.limit as u64).saturating_add(1);
        let read = io::Read::take(&mut self.from, room).read_until(delimiter, &mut piece)?;
        if read == 0 {
            return Ok(None);
        }
        if piece.last() == Some(&delimiter) {
            piece.pop();
            return Ok(Some(Piece::Whole(piece)));
        }
        if piece.len() <= self.limit {
            return Ok(Some(Piece::Whole(piece)));
        }
        self.from.skip_until(delimiter)?;
        Ok(Some(Piece::TooLong))
    }

    fn json(&mut self) -> Result<Option<Cut>, CutError> {
        let mut value = Vec::new();
        let mut too_long = false;
        loop {
            let bytes = match self.from.fill_buf() {
                Ok(bytes) => bytes,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.into()),
            };
            if bytes.is_empty() {
                return match (self.scan.may_end(), value.is_empty() && !too_long) {
                    (true, true) => Ok(None),
                    (true, false) => Ok(Some(self.value(value, too_long))),
                    (false, _) => Err(CutError::NoJson(self.read)),
                };
            }
            let mut used = 0;
            let mut last = None;
            for byte in bytes {
                let is = self.scan.step(*byte);
                match is {
                    Byte::Behind => {
                        last = Some(is);
                        // It may begin the next one: it is looked at again.
                        break;
                    }
                    Byte::Inside | Byte::Last if value.len() < self.limit => value.push(*byte),
                    Byte::Inside | Byte::Last => too_long = true,
                    Byte::Between | Byte::End | Byte::Misplaced => {}
                }
                used += 1;
                if matches!(is, Byte::Last | Byte::Misplaced) {
                    last = Some(is);
                    break;
                }
            }
            self.from.consume(used);
            self.read += used as u64;
            match last {
                Some(Byte::Misplaced) => return Err(CutError::NoJson(self.read - 1)),
                Some(_) => return Ok(Some(self.value(value, too_long))),
                None => {}
            }
        }
    }

    fn value(&self, value: Vec<u8>, too_long: bool) -> Cut {
        self.cut(if too_long { Piece::TooLong } else { Piece::Whole(value) }, json_value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufReader, Cursor};

    const LIMIT: usize = 32;

    /// What a worker would be given, as JSON; `!code` where it would not.
    fn cut_in(form: Form, bytes: &[u8], room: usize) -> Vec<String> {
        let mut cutter =
            Cutter::new(BufReader::with_capacity(room, Cursor::new(bytes)), form, LIMIT);
        let mut all = Vec::new();
        loop {
            match cutter.next() {
                Ok(Some(Cut { payload: Ok(payload), .. })) => all.push(payload.to_json(1_000)),
                Ok(Some(Cut { payload: Err(unfit), .. })) => all.push(format!("!{}", unfit.code())),
                Ok(None) => return all,
                Err(error) => {
                    all.push(format!("!!{error}"));
                    return all;
                }
            }
        }
    }

    #[track_caller]
    fn gives(form: Form, bytes: impl AsRef<[u8]>, expected: &[&str]) {
        // Whatever a read brings at once.
        for room in [1, 2, 3, 7, 64] {
            let found = cut_in(form, bytes.as_ref(), room);
            assert_eq!(found, expected, "{:?}", String::from_utf8_lossy(bytes.as_ref()));
        }
    }

    #[test]
    fn lines_are_texts_whatever_they_hold() {
        gives(Form::Lines, "", &[]);
        gives(Form::Lines, "a\nb\n", &[r#""a""#, r#""b""#]);
        gives(Form::Lines, "a\n\nb", &[r#""a""#, r#""""#, r#""b""#]);
        gives(Form::Lines, "{}\n1\r\n", &[r#""{}""#, r#""1\r""#]);
        gives(Form::Lines, b"a\0b\n\xff\n", &[r#""a\u0000b""#, "\"\u{fffd}\""]);
    }

    #[test]
    fn nul_ends_what_may_hold_newlines() {
        gives(Form::Nul, "a\nb\0\0c", &[r#""a\nb""#, r#""""#, r#""c""#]);
    }

    #[test]
    fn a_text_that_is_not_utf8_is_given_as_the_bytes_it_is() {
        let mut cutter = Cutter::new(&b"\xff\xfe\n"[..], Form::Lines, LIMIT);
        let cut = cutter.next().unwrap().unwrap();
        assert_eq!(cut.content, b"\xff\xfe");
        assert_eq!(cut.payload.unwrap(), Raw::binary(b"\xff\xfe"));
    }

    #[test]
    fn lines_of_json_are_values_and_bad_ones_fail_alone() {
        gives(Form::Ndjson, "{\"a\":1}\n\n 2 \r\n\"x\"", &[r#"{"a":1}"#, "2", r#""x""#]);
        gives(
            Form::Ndjson,
            "1\nnope\n[1,\n2 3\n4\n",
            &["1", "!input.not_json", "!input.not_json", "!input.not_json", "4"],
        );
    }

    #[test]
    fn what_nests_deeper_than_a_message_may_fails_alone() {
        let deep = format!("{}{}\n1\n", "[".repeat(40), "]".repeat(40));
        let mut cutter = Cutter::new(deep.as_bytes(), Form::Ndjson, 1_000);
        let unfit = cutter.next().unwrap().unwrap().payload.unwrap_err();
        assert_eq!(unfit.code(), "input.not_sendable");
        assert!(cutter.next().unwrap().unwrap().payload.is_ok());
        let deeper = "[".repeat(100_000);
        let mut cutter = Cutter::new(deeper.as_bytes(), Form::Ndjson, 200_000);
        assert_eq!(
            cutter.next().unwrap().unwrap().payload.unwrap_err().code(),
            "input.not_sendable"
        );
    }

    #[test]
    fn what_is_too_long_is_read_over_and_the_next_is_whole() {
        let (fits, long) = ("x".repeat(LIMIT), "x".repeat(LIMIT + 1));
        let quoted = format!("\"{fits}\"");
        gives(Form::Lines, format!("{fits}\n{long}\nb\n"), &[&quoted, "!input.too_long", r#""b""#]);
        gives(Form::Lines, &fits, &[&quoted]);
        gives(Form::Lines, &long, &["!input.too_long"]);
        gives(Form::Ndjson, format!("\"{fits}\"\n1\n"), &["!input.too_long", "1"]);
        gives(Form::Json, format!("[\"{fits}\", 1]"), &["!input.too_long", "1"]);
        gives(Form::Json, format!("\"{fits}\""), &["!input.too_long"]);
    }

    #[test]
    fn the_first_line_says_whether_all_are_json() {
        gives(Form::Auto, "", &[]);
        gives(Form::Auto, "{\"a\":1}\nx\n2\n", &[r#"{"a":1}"#, "!input.not_json", "2"]);
        gives(Form::Auto, "\"a\"\n\n\"b\"", &[r#""a""#, r#""b""#]);
        gives(Form::Auto, "2024\n{}\n", &[r#""2024""#, r#""{}""#]);
        gives(Form::Auto, "null\n", &[r#""null""#]);
        gives(Form::Auto, "{x}\n[1]\n", &[r#""{x}""#, r#""[1]""#]);
        gives(Form::Auto, "\n{}\n", &[r#""""#, r#""{}""#]);
        gives(Form::Auto, format!("{}\n1\n", "x".repeat(99)), &["!input.too_long", r#""1""#]);
    }

    #[test]
    fn the_elements_of_an_array_are_inputs() {
        gives(Form::Json, "[]", &[]);
        gives(
            Form::Json,
            " [ 1 , [2,\"]\"] ,\n{\"a\":\"}\\\"\"}, \"x\", null ] \n",
            &["1", r#"[2,"]"]"#, r#"{"a":"}\""}"#, r#""x""#, "null"],
        );
    }

    #[test]
    fn values_one_behind_the_other_are_inputs() {
        gives(Form::Json, "", &[]);
        gives(Form::Json, " \n", &[]);
        gives(
            Form::Json,
            "{\"a\":\n 1}{\"b\":2}\n3 \"x\"true",
            &[r#"{"a":1}"#, r#"{"b":2}"#, "3", r#""x""#, "true"],
        );
    }

    #[test]
    fn a_bad_value_fails_alone_as_long_as_its_end_is_known() {
        gives(Form::Json, "[1, {a}, nope, 2]", &["1", "!input.not_json", "!input.not_json", "2"]);
    }

    #[test]
    fn where_no_end_is_known_nothing_more_is_read() {
        let at = |byte| {
            format!(
                "!!the inputs are not JSON from byte {byte} on; say --input ndjson, lines or nul if they are one of these"
            )
        };
        gives(Form::Json, "[1,,2]", &["1", &at(3)]);
        gives(Form::Json, "[1 2]", &["1", &at(3)]);
        gives(Form::Json, "[1, 2", &["1", &at(5)]);
        gives(Form::Json, "{\"a\":1", &[&at(6)]);
        gives(Form::Json, "[1] 2", &["1", &at(4)]);
        gives(Form::Json, "]", &[&at(0)]);
    }
}
