//! `input` and `result`: how a process of an exec pool gets its task, and what becomes of what it
//! writes.

use super::arguments::ArgumentTemplate;
use super::mode::Mode;
use crate::diagnostic::Problem;
use crate::read::choice::{Choice, choice};
use crate::read::table::Table;
use crate::read::{Reader, Value, quoted};
use crate::unit::program::Program;
use hearken_core::pool::WorkMode;

/// What only exec pools have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exec {
    /// Where the payload of a task goes.
    pub input: Input,
    /// What its result is made of.
    pub result: ResultForm,
}

/// Where the payload of a task goes in an exec pool. A text and bytes go there as they are, any other
/// value as JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// To standard input.
    Stdin,
    /// Into the arguments; standard input is empty.
    Arguments(ArgumentTemplate),
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

/// A word for [`Input`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum InputWord {
    Stdin,
    Arguments,
}

impl Choice for InputWord {
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
    given: Option<(InputWord, Value<'_>)>,
) -> Option<Input> {
    if matches!(given, Some((InputWord::Stdin, _))) {
        return Some(Input::Stdin);
    }
    if let Some(program) = words.first().filter(|word| ArgumentTemplate::has_place(word)) {
        let message =
            format!("{} cannot be the program: no task says what is run", quoted(program));
        let help = "write the program as it is called, and {} in its arguments";
        reader.error(Problem::new(command.span, message, help));
        return None;
    }
    match (ArgumentTemplate::of(words), given) {
        (Some(template), _) => Some(Input::Arguments(template)),
        (None, None) => Some(Input::Stdin),
        (None, Some((_, value))) => {
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
fn of_shell(reader: &mut Reader<'_>, given: Option<(InputWord, Value<'_>)>) -> Option<Input> {
    let Some((InputWord::Arguments, value)) = given else {
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
        loaded.config.pools[0].exec.clone().unwrap()
    }

    #[test]
    fn where_the_payload_goes_follows_from_the_command() {
        let table = [
            ("command = [\"x\"]", 0),
            ("command = [\"x\", \"{}\"]", 1),
            ("command = [\"x\", \"{.}.png\", \"--to={//}{/}\"]", 3),
            ("command = [\"x\", \"{}\"]\ninput = \"arguments\"", 1),
            ("command = [\"jq\", \"{}\"]\ninput = \"stdin\"", 0),
            ("command = [\"{}\"]\ninput = \"stdin\"", 0),
            ("shell = \"wc -w\"", 0),
            ("shell = \"find . -exec cat {} +\"", 0),
        ];
        for (lines, places) in table {
            let found = match exec(lines).input {
                Input::Stdin => 0,
                Input::Arguments(template) => template.places(),
            };
            assert_eq!(found, places, "{lines}");
        }
    }

    #[test]
    fn variables_are_replaced_before_places_are_looked_for() {
        let Input::Arguments(template) = exec("command = [\"x\", \"${HOST}/{}\"]").input else {
            panic!("there is a place");
        };
        assert_eq!(template.fill(b"a").unwrap()[1].as_bytes(), b"db1/a");
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
