//! `input` and `result`: how a process of an exec pool gets its task, and what becomes of what it
//! writes.

use super::mode::Mode;
use super::placeholder::has_place;
use crate::diagnostic::Problem;
use crate::read::choice::{Choice, choice};
use crate::read::table::Table;
use crate::read::{Reader, Value, quoted};
use crate::unit::program::Program;
use hearken_core::pool::WorkMode;

/// What only exec pools have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exec {
    /// Where the payload of a task goes.
    pub input: Input,
    /// What its result is made of.
    pub result: ResultForm,
}

/// Where the payload of a task goes in an exec pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// To standard input, whatever stands in the arguments.
    Stdin,
    /// Into the arguments, one of which at least has a [`placeholder`](super::placeholder) for it;
    /// standard input is empty.
    Arguments,
}

/// How standard output becomes the result of a task in an exec pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ResultForm {
    /// A text, without the newline it ends in. What is no UTF-8 is an error of kind `bug`, code
    /// `result.not_text`.
    #[default]
    Text,
    /// A JSON value. What is none is an error of kind `bug`, code `result.not_json`.
    Json,
    /// Its bytes.
    Bytes,
    /// There is none: standard output goes to the log.
    None,
}

impl Choice for ResultForm {
    const NAME: &'static str = "ResultForm";
    const WORDS: &'static [(&'static str, Self, &'static str)] = &[
        ("text", Self::Text, "a text, without the newline it ends in"),
        ("json", Self::Json, "a JSON value"),
        ("bytes", Self::Bytes, "its bytes"),
        ("none", Self::None, "there is no result: standard output goes to the log"),
    ];
    const REFUSED: &'static [(&'static str, &'static str)] =
        &[("stdout", "write how to read it: \"text\", \"json\" or \"bytes\"")];
}

impl Choice for Input {
    const NAME: &'static str = "Input";
    const WORDS: &'static [(&'static str, Self, &'static str)] = &[
        ("stdin", Self::Stdin, "the payload is on standard input, and {} in `command` stays"),
        ("arguments", Self::Arguments, "the payload stands where {} is in `command`"),
    ];
}

/// `None` if it could not be read, `None` inside if the pool is none of mode exec.
#[expect(clippy::option_option, reason = "exec or not, and if so read or not")]
pub(super) fn read(
    reader: &mut Reader<'_>,
    pool: &mut Table<'_>,
    mode: Mode,
    program: Option<(&Program, Value<'_>)>,
) -> Option<Option<Exec>> {
    let input_value = mode.take(reader, pool, "input", WorkMode::Exec);
    let result = match mode.take(reader, pool, "result", WorkMode::Exec) {
        Some(value) => reader.keep(choice(value)),
        None => Some(ResultForm::default()),
    };
    if mode.mode? == WorkMode::Line {
        return Some(None);
    }
    let word = match input_value {
        Some(value) => Some(reader.keep(choice(value))?),
        None => None,
    };
    let input = match program? {
        (Program::Command(words), at) => of_command(reader, words, at, word.zip(input_value)),
        (Program::Shell(_), _) => of_shell(reader, word.zip(input_value)),
    };
    Some(Some(Exec { input: input?, result: result? }))
}

fn of_command(
    reader: &mut Reader<'_>,
    words: &[String],
    command: Value<'_>,
    given: Option<(Input, Value<'_>)>,
) -> Option<Input> {
    if matches!(given, Some((Input::Stdin, _))) {
        return Some(Input::Stdin);
    }
    if let Some(program) = words.first().filter(|word| has_place(word.as_bytes())) {
        let message =
            format!("{} cannot be the program: no task says what is run", quoted(program));
        let help = "write the program as it is called, and {} in its arguments";
        reader.error(Problem::new(command.span, message, help));
        return None;
    }
    let has_places = words.iter().any(|word| has_place(word.as_bytes()));
    match (has_places, given) {
        (true, _) => Some(Input::Arguments),
        (false, None) => Some(Input::Stdin),
        (false, Some((_, value))) => {
            let message =
                "`input` is \"arguments\", but no argument of `command` has a place for it";
            let help = "write {} where the payload goes: command = [\"convert\", \"{}\", \
                        \"{.}.png\"]";
            reader.error(Problem::new(value.span, message, help));
            None
        }
    }
}

/// A payload in the text of a shell would be run by it, whatever it says.
fn of_shell(reader: &mut Reader<'_>, given: Option<(Input, Value<'_>)>) -> Option<Input> {
    let Some((Input::Arguments, value)) = given else {
        return Some(Input::Stdin);
    };
    let message =
        "`input` cannot be \"arguments\" with `shell`: the shell would run what a task says";
    let help = "read the payload from standard input, or hand it to the shell as an argument: \
                command = [\"sh\", \"-c\", \"… \\\"$1\\\"\", \"sh\", \"{}\"]";
    reader.error(Problem::new(value.span, message, help));
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{good, refuses};

    fn text(lines: &str) -> String {
        format!("[pool.jobs]\nmode = \"exec\"\n{lines}\n")
    }

    fn exec(lines: &str) -> Exec {
        let loaded = good(&text(lines));
        assert!(loaded.warnings.is_empty(), "{lines}");
        loaded.config.pools[0].exec.unwrap()
    }

    #[test]
    fn where_the_payload_goes_follows_from_the_command() {
        let table = [
            ("command = [\"x\"]", Input::Stdin),
            ("command = [\"x\", \"{}\"]", Input::Arguments),
            ("command = [\"x\", \"${HOST}\", \"--to={//}/{/.}\"]", Input::Arguments),
            ("command = [\"x\", \"{}\"]\ninput = \"arguments\"", Input::Arguments),
            ("command = [\"jq\", \"{}\"]\ninput = \"stdin\"", Input::Stdin),
            ("command = [\"{}\"]\ninput = \"stdin\"", Input::Stdin),
            ("shell = \"wc -w\"", Input::Stdin),
            ("shell = \"find . -exec cat {} +\"", Input::Stdin),
        ];
        for (lines, expected) in table {
            assert_eq!(exec(lines).input, expected, "{lines}");
        }
    }

    #[test]
    fn good_results() {
        let table = [
            ("", ResultForm::Text),
            ("result = \"text\"", ResultForm::Text),
            ("result = \"json\"", ResultForm::Json),
            ("result = \"bytes\"", ResultForm::Bytes),
            ("result = \"none\"", ResultForm::None),
        ];
        for (line, expected) in table {
            assert_eq!(exec(&format!("command = [\"x\"]\n{line}")).result, expected, "{line}");
        }
    }

    #[test]
    fn bad_execs() {
        let table = [
            (
                "command = [\"x\"]\ninput = \"arguments\"",
                ["4:9", "\"arguments\"", "no argument of `command` has a place", "{.}.png"],
            ),
            (
                "shell = \"x\"\ninput = \"arguments\"",
                ["4:9", "\"arguments\"", "the shell would run what a task says", "$1"],
            ),
            (
                "command = [\"{}\", \"y\"]",
                ["3:11", "[\"{}\", \"y\"]", "`{}` cannot be the program", "in its arguments"],
            ),
            (
                "command = [\"x\"]\ninput = \"args\"",
                ["4:9", "\"args\"", "`input` cannot be `args`", "\"arguments\"?"],
            ),
            (
                "command = [\"x\"]\nresult = \"stdout\"",
                ["4:10", "\"stdout\"", "`result` cannot be `stdout`", "\"text\""],
            ),
            (
                "command = [\"x\"]\noutput = \"json\"",
                ["4:1", "output", "unknown key `output`", "hearken calls it `result`"],
            ),
        ];
        for (lines, expected) in table {
            refuses(&text(lines), expected);
        }
    }
}
