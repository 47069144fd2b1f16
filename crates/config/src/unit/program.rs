//! `command` and `shell`: what is run.

use crate::diagnostic::Problem;
use crate::read::table::{Table, elements};
use crate::read::text::{For, expanded};
use crate::read::{Reader, Value};
use crate::source::Span;
use toml::de::DeValue;

/// What is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Program {
    /// A program and its arguments, never empty; no shell sees them.
    Command(Vec<String>),
    /// A text for `/bin/sh -c`, as it is.
    Shell(String),
}

/// Reads the one of `command` and `shell` that is given; `name` is where a unit without either
/// is pointed at.
pub(crate) fn read(reader: &mut Reader<'_>, unit: &mut Table<'_>, name: Span) -> Option<Program> {
    match (unit.take("command"), unit.take("shell")) {
        (Some(command), None) => self::command(reader, command),
        (None, Some(shell)) => self::shell(reader, shell),
        (Some(command), Some(shell)) => {
            let message = format!("{} has both `command` and `shell`", unit.title());
            let help = "remove one: `command` runs a program as it is, `shell` a text for /bin/sh";
            let problem = Problem::new(shell.key_span, message, help).label("one too many");
            reader.error(problem.also(command.key_span, "the other"));
            None
        }
        (None, None) => {
            let message = format!("{} has no `command`", unit.title());
            let help = "say what to run: command = [\"program\", \"argument\"], or shell = \"…\"";
            reader.error(Problem::new(name, message, help));
            None
        }
    }
}

fn command(reader: &mut Reader<'_>, value: Value<'_>) -> Option<Program> {
    words(reader, value).map(Program::Command)
}

/// A program and its arguments: `command`, and the `exec` of a probe.
pub(crate) fn words(reader: &mut Reader<'_>, value: Value<'_>) -> Option<Vec<String>> {
    let key = value.key;
    let Some(words) = elements(value) else {
        let help = match value.toml {
            DeValue::String(text) => in_words(key, text),
            DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_)
            | DeValue::Array(_)
            | DeValue::Table(_) => format!("write {key} = [\"program\", \"argument\"]"),
        };
        reader.error(value.wrong_type("an array of strings", help));
        return None;
    };
    let count = words.len();
    let words: Vec<(Value<'_>, String)> = words
        .into_iter()
        .filter_map(|word| Some((word, expanded(reader, word, For::Program)?)))
        .collect();
    match words.first() {
        _ if words.len() < count => None,
        Some((_, program)) if !program.is_empty() => {
            Some(words.into_iter().map(|(_, word)| word).collect())
        }
        first => {
            let span = first.map_or(value.span, |(word, _)| word.span);
            let help =
                format!("the first word is the program: {key} = [\"program\", \"argument\"]");
            reader.error(Problem::new(span, format!("{} names no program", value.name()), help));
            None
        }
    }
}

/// How a command written as one string is written as words.
fn in_words(key: &str, text: &str) -> String {
    let of_shell = match key {
        "command" => "shell = \"…\"".to_owned(),
        _ => format!("{key} = [\"sh\", \"-c\", \"…\"]"),
    };
    let shell_only = |c: char| "'\"\\|&;<>()$`*?[]#~=%\n".contains(c);
    if text.contains(shell_only) || text.len() > 80 || text.trim().is_empty() {
        return format!("write {key} = [\"program\", \"argument\"], or {of_shell} for a text");
    }
    let words: Vec<String> = text.split_whitespace().map(|word| format!("\"{word}\"")).collect();
    format!("write {key} = [{}], or {}", words.join(", "), of_shell.replace('…', text))
}

fn shell(reader: &mut Reader<'_>, value: Value<'_>) -> Option<Program> {
    let text = expanded(reader, value, For::Shell)?;
    if text.trim().is_empty() {
        let help = "write shell = \"…\", or command = [\"program\", \"argument\"]";
        reader.error(Problem::new(value.span, "`shell` has nothing to run", help));
        return None;
    }
    Some(Program::Shell(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{good, refuses, refuses_all};

    fn program(lines: &str) -> Program {
        let config = good(&format!("[service.web]\n{lines}\n")).config;
        config.services.into_iter().next().unwrap().program
    }

    #[test]
    fn good_programs() {
        let command =
            |words: &[&str]| Program::Command(words.iter().map(|w| (*w).into()).collect());
        let shell = |text: &str| Program::Shell(text.into());
        let table = [
            ("command = [\"php\", \"a b\", \"\"]", command(&["php", "a b", ""])),
            ("command = [\"x\", \"--host=${HOST}\"]", command(&["x", "--host=db1"])),
            ("command = [\"x\", \"$HOST $${HOST}\"]", command(&["x", "$HOST ${HOST}"])),
            ("command = [\n  \"x\", # why\n  \"y\",\n]", command(&["x", "y"])),
            ("shell = \"echo ${HOST} | cat; echo $${X}\"", shell("echo db1 | cat; echo ${X}")),
            ("shell = \"\"\"\na\nb\"\"\"", shell("a\nb")),
        ];
        for (lines, expected) in table {
            assert_eq!(program(lines), expected, "{lines}");
        }
    }

    #[test]
    fn bad_programs() {
        let table = [
            ("", ["1:10", "web", "[service.web] has no `command`", "command = ["]),
            ("command = []", ["2:11", "[]", "`command` names no program", "first word"]),
            ("command = [\"\"]", ["2:12", "\"\"", "`command` names no program", "first word"]),
            (
                "command = [\"${EMPTY:-}\"]",
                ["2:12", "\"${EMPTY:-}\"", "names no program", "first word"],
            ),
            (
                "command = \"php a.php\"",
                ["2:11", "\"php a.php\"", "not a string", "command = [\"php\", \"a.php\"]"],
            ),
            ("command = \"a | b\"", ["2:11", "\"a | b\"", "not a string", "shell = \"…\""]),
            ("command = 3", ["2:11", "3", "not an integer", "command = ["]),
            (
                "command = [\"x\", 80]",
                ["2:17", "80", "an element of `command` must be a string", "\"80\""],
            ),
            (
                "command = [\"x\", \"a\\u0000b\"]",
                ["2:17", "\"a\\u0000b\"", "holds a NUL", "remove it"],
            ),
            (
                "command = [\"x\", \"${PORT}\"]",
                ["2:18", "${PORT}", "PORT is not set", "${PORT:-…}"],
            ),
            (
                "command = [\"x\", \"é ${PORT}\"]",
                ["2:20", "${PORT}", "PORT is not set", "${PORT:-…}"],
            ),
            (
                "command = [\"x\", \"\\u0024{PORT}\"]",
                ["2:17", "\"\\u0024{PORT}\"", "PORT is not set", "${"],
            ),
            (
                "command = [\"x\", \"${PORT:?see the wiki}\"]",
                ["2:18", "${PORT:?see the wiki}", "PORT is not set", "see the wiki"],
            ),
            (
                "command = [\"x\", \"${HOTS}\"]",
                ["2:18", "${HOTS}", "HOTS is not set", "did you mean ${HOST}?"],
            ),
            (
                "command = [\"x\", \"${EMPTY}\"]",
                ["2:18", "${EMPTY}", "EMPTY is empty", "${EMPTY:-…}"],
            ),
            ("command = [\"x\", \"${HOST\"]", ["2:18", "${HOST", "never closed", "$${"]),
            ("shell = \" \"", ["2:9", "\" \"", "`shell` has nothing to run", "shell = "]),
            ("shell = \"${X%y}\"", ["2:10", "${X%y}", "no reference to a variable", "$${…}"]),
            (
                "shell = [\"x\"]",
                ["2:9", "[\"x\"]", "`shell` must be a string, not an array", "\"…\""],
            ),
            (
                "command = [\"x\"]\nshell = \"y\"",
                ["3:1", "shell", "[service.web] has both `command` and `shell`", "remove one"],
            ),
            (
                "cmd = [\"x\"]\ncommand = [\"x\"]",
                ["2:1", "cmd", "unknown key `cmd`", "hearken calls it `command`"],
            ),
        ];
        for (lines, expected) in table {
            refuses(&format!("[service.web]\n{lines}\n"), expected);
        }
    }

    #[test]
    fn every_bad_word_is_named() {
        refuses_all(
            "[service.web]\ncommand = [\"${A}\", 1, \"${B} ${C}\"]\n",
            &[
                ["2:13", "${A}", "A is not set", "${A:-…}"],
                ["2:20", "1", "must be a string", "\"1\""],
                ["2:24", "${B}", "B is not set", "${B:-…}"],
                ["2:29", "${C}", "C is not set", "${C:-…}"],
            ],
        );
    }
}
