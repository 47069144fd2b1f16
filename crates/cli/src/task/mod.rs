//! `hearken task`: tasks of a running hearken, over its control socket.

mod add;
mod answers;
mod batch;
mod change;
mod daemon;
mod failure;
mod list;
mod payload;
mod place;
mod result;
mod show;
mod wait;

use crate::exit::Exit;
use clap::{Args, Subcommand};
use failure::Failure;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hearken task add thumbnails --json '{\"file\":\"a.png\"}' --wait
  hearken task add thumbnails --ndjson @files.ndjson --batch halt=10%
  hearken task list --state dead
  hearken task show 0192f0c1-7a3b-7c4d-8e5f-0123456789ab
  hearken task retry 0192f0c1-7a3b-7c4d-8e5f-0123456789ab

Exit codes: 0; 1 if a task failed, or something cannot be done now; 2 if something makes no sense \
or is not there; 69 if no hearken answers; 78 if the config has problems.")]
pub(crate) struct TaskArguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Give tasks to a pool, and print their ids.
    ///
    /// What was printed is kept: hearken answers when it is on disk (or in memory, as the
    /// durability of the pool says).
    Add(Box<add::Add>),
    /// Show a task with its whole history.
    Show(show::Show),
    /// List tasks, the last submitted first, and how the pools stand.
    List(list::List),
    /// Print the result of a task.
    Result(result::ResultOf),
    /// Have dead, cancelled or expired tasks done after all.
    Retry(change::Retry),
    /// Take tasks back. One that runs is asked to stop.
    Cancel(change::Cancel),
    /// Show a batch, or print the results of all its tasks.
    Batch(batch::Batch),
}

/// Asks the daemon, and says how it went.
pub(crate) fn run(arguments: TaskArguments) -> Exit {
    let done = match arguments.what {
        What::Add(add) => add::run(*add),
        What::Show(show) => show::run(&show),
        What::List(list) => list::run(&list),
        What::Result(result) => result::run(&result),
        What::Retry(retry) => change::retry(&retry),
        What::Cancel(cancel) => change::cancel(&cancel),
        What::Batch(batch) => batch::run(&batch),
    };
    done.unwrap_or_else(Failure::report)
}
