//! `hearken worker-check`.

use crate::exit::Exit;
use clap::Args;
use hearken_supervisor::simulate::duration;
use hearken_supervisor::worker_check::{Work, WorkerCheck, WorkerCheckError, check};
use std::ffi::OsString;
use std::time::Duration;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hearken worker-check -- php worker.php
  hearken worker-check --type resize --payload '{\"file\":\"a.png\"}' -- node worker.mjs
  hearken worker-check --payload echo=1 --fail fail=null --slow slow=2000 --large large=null \\
    --json -- python3 worker.py

A task is JSON, or TYPE=JSON with a type of its own. What is not given is not checked: without \
--fail nothing that is about errors, without --slow nothing that is about running tasks.

Each check starts the worker afresh, in a process group of its own that is killed at the end.

Exit codes: 0 if nothing failed; 1 if something did; 2 if the options make no sense; 69 if the \
program cannot be started.")]
pub(crate) struct WorkerCheckArguments {
    /// The type of the tasks that name none of their own.
    #[arg(long = "type", value_name = "NAME")]
    task_type: Option<String>,
    /// A task that succeeds.
    #[arg(long, value_name = "[TYPE=]JSON", default_value = "null", allow_hyphen_values = true)]
    payload: Work,
    /// A task that fails with an error.
    #[arg(long, value_name = "[TYPE=]JSON", allow_hyphen_values = true)]
    fail: Option<Work>,
    /// A task that takes one second or more and watches for its cancellation.
    #[arg(long, value_name = "[TYPE=]JSON", allow_hyphen_values = true)]
    slow: Option<Work>,
    /// A task with a result over 1 MiB.
    #[arg(long, value_name = "[TYPE=]JSON", allow_hyphen_values = true)]
    large: Option<Work>,
    /// How long to wait for each thing that must come.
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = duration)]
    timeout: Duration,
    /// Run this check only; may be given again.
    #[arg(long, value_name = "CHECK")]
    only: Vec<String>,
    /// Print one JSON object when all is done.
    #[arg(long)]
    json: bool,
    /// The worker: its program, and the arguments of that.
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// Checks, prints each row as it comes, and says how it went.
pub(crate) fn run(arguments: WorkerCheckArguments) -> Exit {
    let WorkerCheckArguments {
        task_type,
        payload,
        fail,
        slow,
        large,
        timeout,
        only,
        json,
        command,
    } = arguments;
    let asked = WorkerCheck { command, task_type, payload, fail, slow, large, timeout, only };
    let mut printed = Exit::Ok;
    let checked = check(&asked, &mut |row| {
        if !json && printed == Exit::Ok {
            printed = crate::print(&row.text());
        }
    });
    let report = match checked {
        Ok(report) => report,
        Err(error) => {
            crate::complain(&format!("error: {error}"));
            return match error {
                WorkerCheckError::UnknownCheck { .. } | WorkerCheckError::NoProgram => Exit::Usage,
                WorkerCheckError::Interrupted => Exit::Failure,
                WorkerCheckError::Start { .. } | WorkerCheckError::Machine(_) => Exit::Unavailable,
            };
        }
    };
    if printed == Exit::Ok {
        printed = crate::print(&if json { report.json() } else { report.summary() });
    }
    if report.failed > 0 { Exit::Failure } else { printed }
}
