//! What `hearken map` is told, and what follows from it.

use super::course::Terms;
use super::format::{Format, Writing};
use super::halt::Halt;
use super::input::{Form, Source};
use super::joblog::Resume;
use super::jobs::Jobs;
use super::key::Keys;
use super::progress::Show;
use crate::local::LocalPool;
use hearken_config::placeholder::has_place;
use hearken_config::{Input, ResultForm};
use hearken_core::pool::WorkMode;
use std::ffi::OsStr;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::time::Duration;

/// How long a payload may be on a line or on standard input: 15 MiB, what a frame has room for.
pub(super) const PAYLOAD: usize = 15 * 1024 * 1024;
/// How long an input has to give up, and a worker to end, until it is killed.
const GRACE: Duration = Duration::from_secs(2);

/// How the program gets its inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// It is a worker: its processes live through many inputs.
    Line,
    /// It has a process for each, and the input is among its arguments.
    Arguments(ResultForm),
    /// It has a process for each, and the input is on its standard input.
    Stdin(ResultForm),
}

/// What `hearken map` is told.
#[derive(Debug, Clone)]
pub struct Map {
    /// The program and its arguments.
    pub command: Vec<String>,
    /// How it gets its inputs.
    pub mode: Mode,
    /// Where they come from.
    pub source: Source,
    /// How they are cut.
    pub form: Form,
    /// How many are worked on at once.
    pub jobs: Jobs,
    /// How often an input is tried again, whatever it fails by.
    pub retries: u32,
    /// How long it waits before the first time; it doubles from failure to failure.
    pub retry_delay: Duration,
    /// How long one try may take; `None` is for ever.
    pub timeout: Option<Duration>,
    /// The type of all tasks.
    pub task_type: Option<String>,
    /// When the run ends early.
    pub halt: Halt,
    /// Results come in the order of the inputs.
    pub ordered: bool,
    /// How results are written.
    pub format: Format,
    /// Inputs stand beside their results.
    pub inputs: bool,
    /// Where each input that ended is logged.
    pub joblog: Option<PathBuf>,
    /// What of an earlier run is left out.
    pub resume: Option<Resume>,
    /// Whether progress is shown; `None`: if standard error is a terminal.
    pub progress: Option<bool>,
    /// Hearken tells more than warnings.
    pub verbose: bool,
    /// What workers write to standard error is not shown.
    pub quiet: bool,
}

impl Map {
    /// The command as it is run: a program that gets its input as an argument and does not say where
    /// gets it as the last one, as with xargs(1).
    fn whole_command(&self) -> Vec<String> {
        let mut command = self.command.clone();
        let arguments = command.iter().skip(1);
        if matches!(self.mode, Mode::Arguments(_))
            && !arguments.map(String::as_bytes).any(has_place)
        {
            command.push("{}".to_owned());
        }
        command
    }

    /// The pool that does it, with so many workers, in this directory.
    pub(super) fn pool(&self, workers: u32, directory: PathBuf) -> LocalPool {
        let (mode, input, result) = match self.mode {
            Mode::Line => (WorkMode::Line, Input::Stdin, ResultForm::default()),
            Mode::Arguments(result) => (WorkMode::Exec, Input::Arguments, result),
            Mode::Stdin(result) => (WorkMode::Exec, Input::Stdin, result),
        };
        // What no text can say no config could set.
        let variable = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        LocalPool {
            command: self.whole_command(),
            mode,
            directory,
            environment: std::env::vars_os().filter_map(variable).collect(),
            workers,
            attempts: self.retries.saturating_add(1),
            retry_delay: self.retry_delay,
            timeout: self.timeout,
            grace: GRACE,
            max_payload: PAYLOAD as u64,
            input,
            result,
        }
    }

    /// The keys of the job log: of everything that makes a result what it is.
    pub(super) fn keys(&self) -> Keys {
        let mode = match self.mode {
            Mode::Line => "line",
            Mode::Arguments(_) => "arguments",
            Mode::Stdin(_) => "stdin",
        };
        let task_type = self.task_type.as_deref().unwrap_or_default();
        let command = self.whole_command();
        let words = [mode, task_type].into_iter().chain(command.iter().map(String::as_str));
        Keys::of(words.map(OsStr::new))
    }

    /// How inputs are cut: those of programs that have one as an argument are texts.
    pub(super) fn form(&self) -> Form {
        match (self.form, self.mode) {
            (Form::Auto, Mode::Arguments(_) | Mode::Stdin(_)) => Form::Lines,
            (form, _) => form,
        }
    }

    /// What the course of the run has to know.
    pub(super) fn terms(&self) -> Terms {
        Terms {
            halt: self.halt,
            ordered: self.ordered,
            inputs: self.inputs,
            task_type: self.task_type.as_deref().map(Into::into),
            programs: !matches!(self.mode, Mode::Line),
            seed: RandomState::new().build_hasher().finish(),
        }
    }

    /// How results are written.
    pub(super) fn writing(&self) -> Writing {
        let verbatim = match self.mode {
            Mode::Arguments(result) | Mode::Stdin(result) => result == ResultForm::Bytes,
            Mode::Line => false,
        };
        Writing::new(self.format, self.inputs, verbatim)
    }

    /// How progress is shown.
    pub(super) fn show(&self) -> Show {
        match (self.progress, io::stderr().is_terminal()) {
            (Some(true) | None, true) => Show::Bar,
            (Some(true), false) => Show::Lines,
            (None, false) | (Some(false), _) => Show::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(mode: Mode, command: &[&str]) -> Map {
        Map {
            command: command.iter().map(|&word| word.to_owned()).collect(),
            mode,
            source: Source::Stdin,
            form: Form::Auto,
            jobs: Jobs::default(),
            retries: 0,
            retry_delay: Duration::from_millis(200),
            timeout: None,
            task_type: None,
            halt: Halt::Never,
            ordered: false,
            format: Format::Ndjson,
            inputs: false,
            joblog: None,
            resume: None,
            progress: None,
            verbose: false,
            quiet: false,
        }
    }

    #[test]
    fn a_program_that_does_not_say_where_gets_its_input_last() {
        let text = ResultForm::Text;
        let table = [
            (Mode::Arguments(text), &["gzip"][..], &["gzip", "{}"][..]),
            (Mode::Arguments(text), &["cp", "{}", "{.}.b"], &["cp", "{}", "{.}.b"]),
            (Mode::Arguments(text), &["tool", "--in={/}"], &["tool", "--in={/}"]),
            (Mode::Stdin(text), &["wc"], &["wc"]),
            (Mode::Line, &["php", "worker.php"], &["php", "worker.php"]),
        ];
        for (mode, command, whole) in table {
            assert_eq!(map(mode, command).whole_command(), whole, "{command:?}");
        }
    }

    #[test]
    fn what_makes_a_result_another_makes_another_key() {
        let text = ResultForm::Text;
        let key = |map: &Map| map.keys().key(b"x");
        let one = map(Mode::Arguments(text), &["gzip"]);
        assert_eq!(key(&one), key(&map(Mode::Arguments(text), &["gzip", "{}"])));
        assert_eq!(key(&one), key(&Map { retries: 3, ..one.clone() }));
        for other in [
            map(Mode::Stdin(text), &["gzip", "{}"]),
            map(Mode::Line, &["gzip", "{}"]),
            map(Mode::Arguments(text), &["gzip", "-9"]),
            Map { task_type: Some("gzip".into()), ..one.clone() },
        ] {
            assert_ne!(key(&one), key(&other), "{other:?}");
        }
    }

    #[test]
    fn inputs_of_programs_are_texts_unless_something_else_is_said() {
        let (line, exec) = (map(Mode::Line, &["x"]), map(Mode::Stdin(ResultForm::Text), &["x"]));
        assert_eq!((line.form(), exec.form()), (Form::Auto, Form::Lines));
        assert_eq!(Map { form: Form::Nul, ..exec }.form(), Form::Nul);
    }
}
