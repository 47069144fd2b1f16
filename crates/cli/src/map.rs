//! `hearken map`.

use crate::exit::Exit;
use clap::{Args, ValueEnum};
use hearken_supervisor::UpError;
use hearken_supervisor::map::{
    Form, Format, Halt, Jobs, Map, MapError, Mapped, Mode, ResultForm, Resume, Source, map,
};
use hearken_supervisor::simulate::duration;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::time::Duration;

/// What separates the command from inputs on the command line, as with GNU parallel.
const INPUTS: &str = ":::";

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hearken map -- php worker.php < in.ndjson > out.ndjson
  hearken map -j 8 --retries 3 --timeout 30s --joblog log --resume -- python3 worker.py < list
  hearken map --exec -- convert {} {.}.png ::: *.jpg
  find . -name '*.gz' -print0 | hearken map --exec -0 --format raw -- sh -c 'zcat \"$1\" | wc -l' sh

A worker (without --exec) is a program of an SDK of hearken: each of its processes lives through
many inputs, and says itself how many it holds at once (its credits). With --exec any program will
do: each input has a process of its own, in whose arguments {} is the input, {.} without its
extension, {/} its last part, {//} its folder, {/.} its last part without its extension; without
any of them the input is the last argument. No shell reads them.

Each input gives one JSON object: index, status (ok, failed, timeout, cancelled), result, error,
attempts, crashes, started, seconds, worker; as it ends, or in the order of the inputs (-k). What
workers write to standard error is shown there, and their names before it.

A job log names inputs by their content and the command: whatever the list is sorted, cut or grown
to, --resume runs what was not done, and only that. It is written after the result, so that a run
that is killed loses nothing; at most it does the last inputs again.

^C finishes what runs and begins nothing new; once more takes it back; once more kills it.

Those used to GNU parallel and xargs -P: no input is run by a shell; an empty list is a success;
one process has one input (no -n, -X, -L); the share in --halt is of those that have ended;
--retries counts tries after the first; --joblog refuses a file with an earlier run, unless one of
--resume and --resume-failed is given; empty lines are inputs.

Exit codes: 0 if all inputs succeeded (or --halt …success was reached), 1 if some failed, 2 if the
options make no sense, 69 if the program cannot be run, 74 if inputs, results or job log cannot be
read or written, 130 after ^C, 141 if nobody reads the results any more.")]
pub(crate) struct MapArguments {
    /// Any program, one process an input, instead of a worker.
    #[arg(long)]
    exec: bool,
    /// With --exec: the input goes to standard input, not among the arguments.
    #[arg(long, requires = "exec")]
    stdin: bool,
    /// How many inputs are worked on at once: 4, 50% of the processors, +2, -1, 0 for many.
    #[arg(short, long, value_name = "N", default_value = "100%", allow_hyphen_values = true)]
    jobs: Jobs,
    /// How often an input that failed is tried again, where that makes sense.
    #[arg(long, value_name = "N", default_value_t = 0,
        value_parser = clap::value_parser!(u32).range(0..1_000_000))]
    retries: u32,
    /// How long it waits before that; it doubles from failure to failure.
    #[arg(long, value_name = "TIME", default_value = "200ms", value_parser = some_time)]
    retry_delay: Duration,
    /// How long one try may take; its worker is killed then.
    #[arg(long, value_name = "TIME", value_parser = some_time)]
    timeout: Option<Duration>,
    /// When to end early: never, or now|soon,fail|success|done=N|N%.
    #[arg(long, value_name = "WHEN", default_value = "never")]
    halt: Halt,
    /// The type of the tasks that a worker is given.
    #[arg(long = "type", value_name = "NAME", conflicts_with = "exec")]
    task_type: Option<String>,

    /// Read inputs from a file.
    #[arg(short = 'a', long = "arg-file", value_name = "FILE")]
    file: Option<PathBuf>,
    /// How inputs are cut [default: ndjson if the first line is a JSON object, array or string, and
    /// not with --exec; else lines].
    #[arg(long, value_enum, value_name = "FORM")]
    input: Option<InputForm>,
    /// Inputs end with NUL: --input nul.
    #[arg(short = '0', long, conflicts_with = "input")]
    null: bool,

    /// Write results in the order of the inputs.
    #[arg(short = 'k', long, visible_alias = "keep-order")]
    ordered: bool,
    /// How results are written.
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "ndjson")]
    format: OutputFormat,
    /// With --exec: what a program's output is [default: text; bytes with --format raw].
    #[arg(long, value_enum, value_name = "FORM", requires = "exec")]
    result: Option<OutputForm>,
    /// Write each input beside its result.
    #[arg(long)]
    with_input: bool,

    /// Log each input that has ended in this file.
    #[arg(long, value_name = "FILE")]
    joblog: Option<PathBuf>,
    /// Leave out what the job log says has ended.
    #[arg(long, requires = "joblog")]
    resume: bool,
    /// Leave out what the job log says has succeeded, and run again what failed.
    #[arg(long, requires = "joblog", conflicts_with = "resume")]
    resume_failed: bool,

    /// Show progress, even where standard error is no terminal.
    #[arg(long, overrides_with = "no_progress")]
    progress: bool,
    /// Show no progress.
    #[arg(long)]
    no_progress: bool,
    /// Do not show what workers write to standard error.
    #[arg(short, long)]
    quiet: bool,
    /// Tell of every start and end, too.
    #[arg(short, long)]
    verbose: bool,

    /// The program and its arguments; behind ::: the inputs, if they do not come from elsewhere.
    #[arg(trailing_var_arg = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum InputForm {
    /// A line each, as text.
    Lines,
    /// A line of JSON each.
    Ndjson,
    /// A JSON array, or JSON values one behind the other.
    Json,
    /// Texts that end with NUL.
    Nul,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum OutputFormat {
    /// One JSON object a line.
    Ndjson,
    /// One JSON array.
    Json,
    /// With a header.
    Csv,
    /// The results alone.
    Raw,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum OutputForm {
    /// A text, without the newline it ends in.
    Text,
    /// A JSON value.
    Json,
    /// Bytes, in Base64 where they are not UTF-8.
    Bytes,
    /// Nothing: it is shown on standard error.
    None,
}

fn some_time(text: &str) -> Result<Duration, String> {
    let time = duration(text)?;
    if time.is_zero() { Err("it must be longer than nothing".to_owned()) } else { Ok(time) }
}

impl MapArguments {
    fn into_map(self) -> Result<Map, String> {
        let Words { command, inputs } = split(self.command)?;
        let source = match (self.file, inputs) {
            (Some(_), Some(_)) => {
                return Err(format!(
                    "inputs come from a file (-a) or from behind {INPUTS}, not both"
                ));
            }
            (Some(path), None) => Source::File(path),
            (None, Some(inputs)) => Source::Arguments(inputs),
            (None, None) => Source::Stdin,
        };
        let raw = matches!(self.format, OutputFormat::Raw);
        let result = match self.result {
            Some(OutputForm::Text) => ResultForm::Text,
            Some(OutputForm::Json) => ResultForm::Json,
            Some(OutputForm::Bytes) => ResultForm::Bytes,
            Some(OutputForm::None) => ResultForm::None,
            None if raw => ResultForm::Bytes,
            None => ResultForm::Text,
        };
        Ok(Map {
            command,
            mode: match (self.exec, self.stdin) {
                (true, true) => Mode::Stdin(result),
                (true, false) => Mode::Arguments(result),
                (false, _) => Mode::Line,
            },
            source,
            form: match (self.null, self.input) {
                (true, _) | (_, Some(InputForm::Nul)) => Form::Nul,
                (_, Some(InputForm::Lines)) => Form::Lines,
                (_, Some(InputForm::Ndjson)) => Form::Ndjson,
                (_, Some(InputForm::Json)) => Form::Json,
                (_, None) => Form::Auto,
            },
            jobs: self.jobs,
            retries: self.retries,
            retry_delay: self.retry_delay,
            timeout: self.timeout,
            task_type: self.task_type,
            halt: self.halt,
            ordered: self.ordered,
            format: match self.format {
                OutputFormat::Ndjson => Format::Ndjson,
                OutputFormat::Json => Format::Json,
                OutputFormat::Csv => Format::Csv,
                OutputFormat::Raw => Format::Raw,
            },
            inputs: self.with_input,
            joblog: self.joblog,
            resume: match (self.resume, self.resume_failed) {
                (true, _) => Some(Resume::Ended),
                (false, true) => Some(Resume::Succeeded),
                (false, false) => None,
            },
            progress: match (self.progress, self.no_progress) {
                (true, _) => Some(true),
                (false, true) => Some(false),
                (false, false) => None,
            },
            verbose: self.verbose,
            quiet: self.quiet,
        })
    }
}

/// What stands at the end of the command line.
struct Words {
    command: Vec<String>,
    inputs: Option<Vec<Vec<u8>>>,
}

/// The command, and the inputs behind it.
fn split(words: Vec<OsString>) -> Result<Words, String> {
    let end = words.iter().position(|word| word == INPUTS);
    let mut words = words.into_iter();
    let mut command = Vec::new();
    for word in words.by_ref().take(end.unwrap_or(usize::MAX)) {
        let word = word.into_string().map_err(|word| {
            format!("{word:?} is not UTF-8: a command must be; give it as an input instead")
        })?;
        command.push(word);
    }
    if command.is_empty() {
        return Err(format!("no command stands before {INPUTS}"));
    }
    // Nothing behind it is no input at all, and not standard input.
    let inputs = end.map(|_| words.skip(1).map(OsString::into_vec).collect());
    Ok(Words { command, inputs })
}

/// Maps, and says how it went.
pub(crate) fn run(arguments: MapArguments) -> Exit {
    let asked = match arguments.into_map() {
        Ok(asked) => asked,
        Err(why) => {
            crate::complain(&format!("error: {why}"));
            return Exit::Usage;
        }
    };
    let (exit, said) = match map(&asked) {
        Ok(Mapped::Done) => return Exit::Ok,
        Ok(Mapped::Unread) => return Exit::BrokenPipe,
        Ok(Mapped::Failed(said)) => (Exit::Failure, said),
        Ok(Mapped::NoProgram(said)) => (Exit::Unavailable, said),
        Ok(Mapped::Broken(said)) => (Exit::Io, said),
        Ok(Mapped::Interrupted(said)) => (Exit::Interrupted, said),
        Err(error) => (refused(&error), error.to_string()),
    };
    crate::complain(&format!("hearken map: {said}"));
    exit
}

fn refused(error: &MapError) -> Exit {
    match error {
        MapError::Up(UpError::Prepare(_) | UpError::ForkServer(_) | UpError::Probe(_)) => {
            Exit::Unavailable
        }
        MapError::Up(
            UpError::Config(_)
            | UpError::State(_)
            | UpError::Notify(_)
            | UpError::Control(_)
            | UpError::Store(_)
            | UpError::Pools(_)
            | UpError::Runtime { .. },
        )
        | MapError::Machine { .. } => Exit::Failure,
        MapError::Source { .. } | MapError::JobLog(_) => Exit::Io,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arguments::{Arguments, Command};
    use clap::Parser;

    fn asked(words: &[&str]) -> Result<Map, String> {
        let words = ["hearken", "map"].iter().chain(words);
        let parsed = Arguments::try_parse_from(words).map_err(|error| error.to_string())?;
        let Command::Map(arguments) = parsed.command else { panic!("map is map") };
        arguments.into_map()
    }

    fn command(words: &[&str]) -> Vec<String> {
        asked(words).unwrap().command
    }

    #[test]
    fn the_command_begins_with_the_first_word_that_is_no_option_and_ends_with_the_line() {
        let php = ["php", "w.php", "-v"];
        assert_eq!(command(&["-j4", "php", "w.php", "-v"]), php);
        assert_eq!(command(&["-j4", "--", "php", "w.php", "-v"]), php);
        assert_eq!(command(&["-j", "-1", "--", "php", "w.php", "-v"]), php);
        assert_eq!(command(&["--exec", "php", "w.php", "-v", ":::", "-a", "-b"]), php);
    }

    #[test]
    fn inputs_behind_three_colons_are_taken_as_they_are() {
        let source = |words: &[&str]| asked(words).unwrap().source;
        assert_eq!(source(&["x"]), Source::Stdin);
        assert_eq!(source(&["-a", "f", "x"]), Source::File("f".into()));
        let inputs = |inputs: &[&str]| {
            Source::Arguments(inputs.iter().map(|it| it.as_bytes().to_vec()).collect())
        };
        assert_eq!(source(&["x", ":::", "-a", ":::", ""]), inputs(&["-a", ":::", ""]));
        assert_eq!(source(&["x", ":::"]), inputs(&[]));
    }

    #[test]
    fn results_of_programs_are_texts_unless_only_they_are_written() {
        let mode = |words: &[&str]| asked(words).unwrap().mode;
        assert_eq!(mode(&["x"]), Mode::Line);
        assert_eq!(mode(&["--exec", "x"]), Mode::Arguments(ResultForm::Text));
        assert_eq!(mode(&["--exec", "--stdin", "x"]), Mode::Stdin(ResultForm::Text));
        assert_eq!(mode(&["--exec", "--format=raw", "x"]), Mode::Arguments(ResultForm::Bytes));
        let words = ["--exec", "--format=raw", "--result=json", "x"];
        assert_eq!(mode(&words), Mode::Arguments(ResultForm::Json));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let table: &[(&[&str], &str)] = &[
            (&[], "<COMMAND>"),
            (&["-j", "many", "x"], "no number of jobs"),
            (&["--halt", "soon", "x"], "now,fail=1"),
            (&["--timeout", "0s", "x"], "longer than nothing"),
            (&["--timeout", "5", "x"], "30s"),
            (&["--resume", "x"], "--joblog"),
            (&["--joblog", "l", "--resume", "--resume-failed", "x"], "cannot be used with"),
            (&["--stdin", "x"], "--exec"),
            (&["--result", "json", "x"], "--exec"),
            (&["--exec", "--type", "t", "x"], "cannot be used with"),
            (&["-0", "--input", "lines", "x"], "cannot be used with"),
            (&["-a", "f", "x", ":::", "y"], "not both"),
            (&["--", ":::", "y"], "no command"),
        ];
        for (words, says) in table {
            let refusal = asked(words).unwrap_err();
            assert!(refusal.contains(says), "{words:?}: {refusal}");
        }
    }
}
