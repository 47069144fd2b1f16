//! The command line.

use crate::emit::EmitArguments;
use crate::exit::Exit;
use crate::map::MapArguments;
use crate::simulate::SimulateArguments;
use crate::task::TaskArguments;
use crate::why::Why;
use crate::worker_check::WorkerCheckArguments;
use clap::{Args, Parser, Subcommand};
use std::fmt::Write as _;
use std::path::PathBuf;

/// A process supervisor that listens to its children.
#[derive(Debug, Parser)]
#[command(name = "hearken", version, about, after_help = exit_codes(), arg_required_else_help = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start everything the config names and keep it running, in the foreground.
    ///
    /// Logs go to standard error: readable on a terminal, JSON otherwise. SIGTERM or ^C shuts down
    /// in order, a second one at once.
    Up(ConfigFile),
    /// Check a config and print every problem, without starting anything.
    Check(ConfigFile),
    /// Say why a unit is as it is: what happened to it, who decided, and what comes next and when.
    ///
    /// It reads the ledger in the state directory, so it answers for a hearken that has ended, too.
    Why(Why),
    /// Show what a config would decide, to the millisecond, without starting anything.
    ///
    /// Give a service and what is wrong with it, a scenario with several services, or the ledger of
    /// a past run. It works beside a running hearken and touches nothing of it.
    Simulate(Box<SimulateArguments>),
    /// Add tasks to the pools of a running hearken, and ask how they are.
    Task(Box<TaskArguments>),
    /// Say something to hearken, from a script that hearken runs.
    ///
    /// It writes one message on the line of whoever runs it: how far the work is, what went wrong,
    /// what came out. Without hearken it prints to standard error what it would have said.
    Emit(Box<EmitArguments>),
    /// Check which parts of the protocol a worker gets right, in whatever language it is written.
    ///
    /// It starts the worker again and again, speaks hearken's side of the line to it, good words and
    /// bad ones, and prints a table of what it does right. No hearken needs to run.
    WorkerCheck(Box<WorkerCheckArguments>),
    /// Run a program over a list of inputs on many processes, and collect what comes out.
    ///
    /// It reads inputs from standard input and writes one JSON object for each to standard output. It
    /// runs a supervisor of its own: no daemon is needed, and no file is left behind.
    Map(Box<MapArguments>),
    /// Print the JSON schema of the config, for editors.
    Schema,
}

#[derive(Debug, Args)]
pub(crate) struct ConfigFile {
    /// The config file.
    #[arg(short, long, value_name = "FILE", default_value = "/etc/hearken/hearken.toml")]
    pub(crate) config: PathBuf,
    /// Take a config that others than root and you could have written.
    #[arg(long)]
    pub(crate) insecure_config: bool,
}

fn exit_codes() -> String {
    let mut text = String::from("Exit codes:");
    for (exit, meaning) in Exit::TABLE {
        let _infallible = write!(text, "\n  {:<3} {meaning}", exit.code());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        Arguments::command().debug_assert();
    }

    #[test]
    fn every_exit_code_is_in_the_help() {
        use clap::CommandFactory;
        let help = Arguments::command().render_help().to_string();
        for (exit, meaning) in Exit::TABLE {
            assert!(help.contains(&format!("{:<3} {meaning}", exit.code())), "{help}");
        }
    }
}
