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

/// Reads the one of `command` and `shell` that is given; `name` is where a service without either
/// is pointed at.
pub(super) fn read(
    reader: &mut Reader<'_>,
    service: &mut Table<'_>,
    name: Span,
) -> Option<Program> {
    match (service.take("command"), service.take("shell")) {
        (Some(command), None) => self::command(reader, command),
        (None, Some(shell)) => self::shell(reader, shell),
        (Some(command), Some(shell)) => {
            let message = format!("{} has both `command` and `shell`", service.title());
            let help = "remove one: `command` runs a program as it is, `shell` a text for /bin/sh";
            let problem = Problem::new(shell.key_span, message, help).label("one too many");
            reader.error(problem.also(command.key_span, "the other"));
            None
        }
        (None, None) => {
            let message = format!("{} has no `command`", service.title());
            let help = "say what to run: command = [\"program\", \"argument\"], or shell = \"…\"";
            reader.error(Problem::new(name, message, help));
            None
        }
    }
}

fn command(reader: &mut Reader<'_>, value: Value<'_>) -> Option<Program> {
    let Some(words) = elements(value) else {
        let help = match value.toml {
            DeValue::String(text) => in_words(text),
            DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_)
            | DeValue::Array(_)
            | DeValue::Table(_) => "write command = [\"program\", \"argument\"]".into(),
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
            Some(Program::Command(words.into_iter().map(|(_, word)| word).collect()))
        }
        first => {
            let span = first.map_or(value.span, |(word, _)| word.span);
            let help = "the first word is the program: command = [\"program\", \"argument\"]";
            reader.error(Problem::new(span, "`command` names no program", help));
            None
        }
    }
}

/// How a command written as one string is written as words.
fn in_words(text: &str) -> String {
    let shell_only = |c: char| "'\"\\|&;<>()$`*?[]#~=%\n".contains(c);
    if text.contains(shell_only) || text.len() > 80 || text.trim().is_empty() {
        return "write command = [\"program\", \"argument\"], or shell = \"…\" for a text".into();
    }
    let words: Vec<String> = text.split_whitespace().map(|word| format!("\"{word}\"")).collect();
    format!("write command = [{}], or shell = \"{text}\"", words.join(", "))
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
