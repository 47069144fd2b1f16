//! How a task reaches a program that knows nothing of hearken: in its arguments where the command
//! has a place for it, else on standard input; and by name in the environment.

use bytes::Bytes;
use hearken_config::placeholder::{Piece, pieces};
use hearken_core::evidence::TypedError;
use hearken_core::kind::Kind;
use hearken_core::task::TaskId;
use hearken_proto::{EncodeError, Raw};
use hearken_sys::MAX_REQUEST;
use std::ffi::CString;

/// What is kept free in a request for the fixed part and for the names: of the task (a type of 255
/// bytes and a key of 1,024 at most), of the instance, of the line.
const NAMES_ROOM: usize = 4 * 1024;

/// What one process gets of its task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ExecInput {
    /// The command and its arguments, with the payload where it belongs.
    pub(crate) argv: Vec<CString>,
    /// What it reads on standard input; without it, /dev/null.
    pub(crate) stdin: Option<Bytes>,
}

/// Why a program cannot be given a payload. Each says the next step.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InputError {
    /// It is no text.
    #[error(
        "the command has a place for the payload among its arguments, and the payload is no text \
         and no number: submit a string, or take `{{}}` out of `command` to get it as JSON on \
         standard input"
    )]
    NoText,
    /// It holds what no argument can.
    #[error(
        "byte {at} of the payload is NUL, which no argument can hold: take `{{}}` out of \
         `command` (hearken map: --stdin) to get the payload on standard input"
    )]
    Nul {
        /// Where the first is, from 0.
        at: usize,
    },
    /// There is no room for it.
    #[error(
        "with the payload the arguments take {bytes} bytes, and have room for {room}: submit a \
         shorter one, or take `{{}}` out of `command` (hearken map: --stdin) to get it on standard input"
    )]
    TooLong {
        /// What the arguments would take.
        bytes: usize,
        /// What they may take.
        room: usize,
    },
    /// It cannot be written to standard input.
    #[error(
        "the payload comes to standard input as JSON, and {0}: submit bytes, text, or a value that \
         JSON can say"
    )]
    NoJson(String),
}

impl InputError {
    /// The code that rules match.
    fn code(&self) -> &'static str {
        match self {
            Self::NoText | Self::Nul { .. } | Self::TooLong { .. } => "payload.not_an_argument",
            Self::NoJson(_) => "payload.not_json",
        }
    }

    /// As the error that this try of the task ends with.
    #[must_use]
    pub(crate) fn typed(&self) -> TypedError {
        TypedError {
            kind: Kind::Invalid,
            code: self.code().into(),
            message: self.to_string(),
            retryable: None,
            retry_after: None,
            scope: None,
        }
    }
}

/// How many bytes the arguments may take, with their NULs, where the rest of the command takes so
/// many. A request that is too long would look like a program that cannot be started, and stop the
/// whole pool for one payload.
///
/// (The kernel's own limit for one argument, MAX_ARG_STRLEN of execve(2), is 128 KiB: more.)
pub(super) fn room(beside: usize) -> usize {
    MAX_REQUEST.saturating_sub(NAMES_ROOM).saturating_sub(beside)
}

/// The command with the payload in its places. The command itself is no argument: whoever submits
/// a task does not choose the program.
pub(super) fn arguments(
    argv: &[CString],
    payload: &Raw,
    room: usize,
) -> Result<Vec<CString>, InputError> {
    let number;
    let text = match payload.content() {
        Some(text) => text,
        None => {
            number = number_of(payload).ok_or(InputError::NoText)?;
            number.as_bytes()
        }
    };
    if let Some(at) = text.iter().position(|byte| *byte == 0) {
        return Err(InputError::Nul { at });
    }
    let (command, arguments) = argv.split_at(argv.len().min(1));
    // Counted before it is made: a long payload that stands in many places is a lot of memory.
    let filled = |argument| pieces(argument).map(|piece: Piece<'_>| piece.of(text));
    let command_length = command.iter().map(|command| command.as_bytes_with_nul().len()).sum();
    let lengths = arguments.iter().map(|argument| {
        filled(argument.to_bytes()).fold(1, |sum: usize, piece| sum.saturating_add(piece.len()))
    });
    let bytes = lengths.fold(command_length, usize::saturating_add);
    if bytes > room {
        return Err(InputError::TooLong { bytes, room });
    }
    let made = arguments
        .iter()
        .map(|argument| super::c_string(filled(argument.to_bytes()).collect::<Vec<_>>().concat()));
    Ok(command.iter().cloned().chain(made).collect())
}

/// A number, as JSON writes it.
fn number_of(payload: &Raw) -> Option<String> {
    payload.decode::<serde_json::Number>().ok().map(|number| number.to_string())
}

/// What the program reads: text and bytes as they are, nothing for nil, anything else as a line of
/// JSON.
pub(super) fn standard_input(payload: &Raw) -> Result<Option<Bytes>, InputError> {
    if *payload == Raw::nil() {
        return Ok(None);
    }
    if let Some(content) = payload.content() {
        return Ok(Some(Bytes::copy_from_slice(content)));
    }
    let no_json = |error: EncodeError| InputError::NoJson(error.to_string());
    let mut json = payload.to_exact_json().map_err(no_json)?;
    json.push('\n');
    Ok(Some(json.into()))
}

/// The variables by which a process knows its task.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TaskNames<'a> {
    /// Its id.
    pub(crate) id: TaskId,
    /// The how-manieth try, from 1.
    pub(crate) attempt: u32,
    /// Its type.
    pub(crate) task_type: Option<&'a str>,
    /// Its key.
    pub(crate) key: Option<&'a str>,
}

impl TaskNames<'_> {
    /// What has a NUL in it cannot stand in an environment, and is left out: a submitter chose it,
    /// and a program that asks for it finds that there is none.
    pub(super) fn variables(&self) -> impl Iterator<Item = CString> {
        let variables = [
            Some(format!("HEARKEN_TASK_ID={}", self.id)),
            Some(format!("HEARKEN_TASK_ATTEMPT={}", self.attempt)),
            self.task_type.map(|name| format!("HEARKEN_TASK_TYPE={name}")),
            self.key.map(|key| format!("HEARKEN_TASK_KEY={key}")),
        ];
        variables.into_iter().flatten().filter_map(|variable| CString::new(variable).ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn argv(words: &[&str]) -> Vec<CString> {
        words.iter().map(|word| CString::new(*word).unwrap()).collect()
    }

    fn filled(words: &[&str], payload: &Raw) -> Result<Vec<CString>, InputError> {
        arguments(&argv(words), payload, 1000)
    }

    fn json(text: &str) -> Raw {
        Raw::from_value(&serde_json::from_str::<serde_json::Value>(text).unwrap()).unwrap()
    }

    #[test]
    fn the_payload_stands_where_the_command_has_a_place_for_it() {
        let filled =
            filled(&["convert", "-size", "1x1", "{}", "out/{/.}.png"], &Raw::string("in/a.jpg"));
        assert_eq!(filled, Ok(argv(&["convert", "-size", "1x1", "in/a.jpg", "out/a.png"])));
    }

    #[test]
    fn a_payload_stays_one_argument_whatever_is_in_it() {
        for payload in ["two words", "$(rm -rf /); `x` | y > z", "-rf", "", "a\nb", "\u{1b}[2J"] {
            let expected = argv(&["program", payload, "end"]);
            assert_eq!(filled(&["program", "{}", "end"], &Raw::string(payload)), Ok(expected));
        }
    }

    #[test]
    fn text_numbers_and_bytes_are_arguments() {
        for (payload, text) in [
            (Raw::string("ä"), "ä"),
            (Raw::binary(b"bytes"), "bytes"),
            (json("42"), "42"),
            (json("-7"), "-7"),
            (json("1.5"), "1.5"),
            (json("18446744073709551615"), "18446744073709551615"),
        ] {
            assert_eq!(filled(&["x", "{}"], &payload), Ok(argv(&["x", text])));
        }
        let bytes = filled(&["x", "{}"], &Raw::binary(b"\xff\x80")).unwrap();
        assert_eq!(bytes[1].as_bytes(), b"\xff\x80");
    }

    #[test]
    fn anything_else_is_no_argument() {
        for payload in [json("null"), json("true"), json("[1]"), json("{}"), json(r#"{"a":"b"}"#)] {
            assert_eq!(filled(&["x", "{}"], &payload), Err(InputError::NoText));
        }
        for not_finite in [f64::NAN, f64::INFINITY] {
            let payload = Raw::from_value(&not_finite).unwrap();
            assert_eq!(filled(&["x", "{}"], &payload), Err(InputError::NoText));
        }
        let nul = filled(&["x", "{}"], &Raw::binary(b"ab\0"));
        assert_eq!(nul, Err(InputError::Nul { at: 2 }));
    }

    #[test]
    fn the_command_itself_is_no_place_for_a_payload() {
        assert_eq!(filled(&["{}", "{}"], &Raw::string("rm")), Ok(argv(&["{}", "rm"])));
    }

    #[test]
    fn arguments_have_room_to_the_byte_and_no_further() {
        let words = ["program", "--in={}", "{}"];
        // `program` 8, `--in=` and 4 and a NUL 10, 4 and a NUL 5.
        let payload = Raw::string("abcd");
        assert!(arguments(&argv(&words), &payload, 23).is_ok());
        let refused = arguments(&argv(&words), &payload, 22);
        assert_eq!(refused, Err(InputError::TooLong { bytes: 23, room: 22 }));
        let large = Raw::string(&"x".repeat(1 << 20));
        let many = vec!["{}"; 1000];
        let refused = filled(&many, &large);
        assert_eq!(
            refused,
            Err(InputError::TooLong { bytes: 3 + 999 * ((1 << 20) + 1), room: 1000 })
        );
    }

    #[test]
    fn a_command_without_a_place_reads_the_payload_on_standard_input() {
        let read = |payload: &Raw| standard_input(payload).unwrap().map(|bytes| bytes.to_vec());
        assert_eq!(read(&Raw::string("as it is")), Some(b"as it is".to_vec()));
        assert_eq!(read(&Raw::binary(b"\0\xff")), Some(b"\0\xff".to_vec()));
        assert_eq!(read(&Raw::string("")), Some(Vec::new()));
        assert_eq!(read(&json(r#"{"a":[1,null]}"#)), Some(b"{\"a\":[1,null]}\n".to_vec()));
        assert_eq!(read(&json("3")), Some(b"3\n".to_vec()));
        assert_eq!(read(&Raw::nil()), None);
    }

    #[test]
    fn what_json_cannot_say_is_refused_and_not_bent() {
        for value in [vec![0x91, 0xc4, 1, 0xff], vec![0xd4, 5, 0], vec![0x81, 1, 2]] {
            let refused = standard_input(&Raw::from_msgpack(value).unwrap()).unwrap_err();
            assert_eq!(refused.typed().code, "payload.not_json");
            assert!(refused.to_string().contains("JSON cannot carry"), "{refused}");
        }
    }

    #[test]
    fn a_refusal_is_an_invalid_input_that_says_what_to_do() {
        for refused in [
            InputError::NoText,
            InputError::Nul { at: 3 },
            InputError::TooLong { bytes: 2, room: 1 },
        ] {
            let error = refused.typed();
            assert_eq!((error.kind, &*error.code), (Kind::Invalid, "payload.not_an_argument"));
            assert!(error.message.contains("take `{}` out of `command`"), "{}", error.message);
        }
    }

    #[test]
    fn a_task_is_known_by_its_variables() {
        let id = TaskId::from_u128(7);
        let of = |task_type, key| {
            let names = TaskNames { id, attempt: 2, task_type, key };
            names.variables().map(|variable| variable.into_string().unwrap()).collect::<Vec<_>>()
        };
        let always = [format!("HEARKEN_TASK_ID={id}"), "HEARKEN_TASK_ATTEMPT=2".to_owned()];
        assert_eq!(of(None, None), always);
        assert_eq!(of(Some("a\0b"), Some("\0")), always);
        let all = of(Some("resize"), Some("k=1"));
        assert_eq!(all[2..], ["HEARKEN_TASK_TYPE=resize", "HEARKEN_TASK_KEY=k=1"]);
    }
}
