#![forbid(unsafe_code)]
//! The `hearken` command: arguments in, an exit code out.

mod arguments;
mod emit;
mod exit;
mod map;
mod simulate;
mod task;
mod why;
mod worker_check;

pub use exit::Exit;

use arguments::{Arguments, Command, ConfigFile};
use clap::Parser;
use hearken_config::{Config, ConfigErrors, LoadOptions, Loaded};
use hearken_supervisor::{Outcome, Up, UpError};
use std::io::{IsTerminal, Write};
use std::process::ExitCode;

/// The whole program, as a list.
#[must_use]
pub fn main() -> ExitCode {
    // First of all: in a fork server that was started anew, nothing below must ever run.
    hearken_supervisor::become_fork_server_if_asked();
    abort_on_panic();
    let exit = match Arguments::try_parse() {
        Ok(arguments) => run(arguments.command),
        Err(error) => {
            // Help and version come this way too, and are no failure.
            let _nobody_reads = error.print();
            if error.use_stderr() { Exit::Usage } else { Exit::Ok }
        }
    };
    exit.into()
}

fn run(command: Command) -> Exit {
    match command {
        Command::Up(file) => up(file),
        Command::Check(file) => check(&file),
        Command::Why(asked) => why::why(&asked),
        Command::Simulate(arguments) => simulate::run(*arguments),
        Command::Task(arguments) => task::run(*arguments),
        Command::Emit(arguments) => emit::run(*arguments),
        Command::WorkerCheck(arguments) => worker_check::run(*arguments),
        Command::Map(arguments) => map::run(*arguments),
        Command::Schema => print(&hearken_config::schema()),
    }
}

fn up(file: ConfigFile) -> Exit {
    match hearken_supervisor::up(&Up { config: file.config, insecure: file.insecure_config }) {
        Ok(Outcome::Clean) => Exit::Ok,
        Ok(
            Outcome::CriticalFailed(_)
            | Outcome::LimitReached(_)
            | Outcome::GroupLimitReached(_)
            | Outcome::RuleShutDown(_)
            | Outcome::Abandoned,
        ) => Exit::Failure,
        Err(UpError::Config(errors)) => invalid(&errors),
        Err(error) => {
            let exit = match error {
                UpError::Prepare(_) | UpError::ForkServer(_) | UpError::Probe(_) => {
                    Exit::Unavailable
                }
                UpError::State(_)
                | UpError::Notify(_)
                | UpError::Control(_)
                | UpError::Store(_)
                | UpError::Pools(_)
                | UpError::Runtime { .. }
                | UpError::Config(_) => Exit::Failure,
            };
            complain(&format!("error: {error}"));
            exit
        }
    }
}

fn check(file: &ConfigFile) -> Exit {
    let options = LoadOptions { insecure: file.insecure_config, ..LoadOptions::of_process() };
    match Config::load(&file.config, &options) {
        Ok(Loaded { config, warnings }) => {
            for warning in &warnings {
                complain(warning.render(colour()).trim_end());
            }
            let instances: u32 = config.units().map(|unit| unit.policy.instances).sum();
            let units = config.units().count();
            print(&format!(
                "{} is good: {units} unit{}, {instances} instance{}\n",
                file.config.display(),
                if units == 1 { "" } else { "s" },
                if instances == 1 { "" } else { "s" },
            ))
        }
        Err(errors) => invalid(&errors),
    }
}

fn invalid(errors: &ConfigErrors) -> Exit {
    complain(errors.render(colour()).trim_end());
    Exit::InvalidConfig
}

fn colour() -> bool {
    colour_of(&std::io::stderr())
}

/// Whether this stream takes colours.
fn colour_of(stream: &impl IsTerminal) -> bool {
    stream.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// What was asked for, on standard output. A reader that has gone away (`| head`) is no failure.
fn print(text: &str) -> Exit {
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => Exit::Ok,
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Exit::Ok,
        Err(error) => {
            complain(&format!("error: standard output: {error}"));
            Exit::Failure
        }
    }
}

/// What is wrong, on standard error. If nobody can read it there, nobody can be told.
fn complain(text: &str) {
    let _nobody_reads = writeln!(std::io::stderr(), "{text}");
}

/// A panic in any thread ends the whole process, whatever profile it was built with: half a
/// supervisor looks alive and supervises nothing. The fork server sees the end of its control
/// socket and clears the children away.
pub fn abort_on_panic() {
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        report(panic);
        complain(
            "hearken has a bug and stops here; its children are being stopped too.\n\
             Please report the lines above, with the config and the log before them.",
        );
        std::process::abort();
    }));
}
