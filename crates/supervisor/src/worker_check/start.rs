//! Starting a worker the plain way.

use super::Bench;
use super::fault::Setback;
use super::worker::Worker;
use hearken_sys::{line_pair, output_pipe, payload_file};
use rustix::io::{FdFlags, fcntl_dupfd_cloexec, fcntl_setfd};
use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};

/// The child's end of the line gets at least this number: a worker that takes 3 for granted, and
/// does not look at `HEARKEN_FD`, says nothing at all.
const LOWEST_LINE: i32 = 23;

/// What a supervisor may have told us is not for the worker.
const NOT_INHERITED: [&str; 6] = [
    "HEARKEN_FD",
    "HEARKEN_TASK_ID",
    "HEARKEN_TASK_ATTEMPT",
    "HEARKEN_TASK_TYPE",
    "HEARKEN_TASK_KEY",
    "NOTIFY_SOCKET",
];

/// Starts the worker with a line.
pub(super) fn on_a_line(bench: &Bench<'_>) -> Result<Worker, Setback> {
    let (ours, childs) = line_pair()?;
    // Both ends are close-on-exec; of this copy alone it is taken back.
    let inherited = fcntl_dupfd_cloexec(&childs, LOWEST_LINE).map_err(std::io::Error::from)?;
    drop(childs);
    fcntl_setfd(&inherited, FdFlags::empty()).map_err(std::io::Error::from)?;
    let mut start = prepared(&bench.asked.command)?;
    start.stdin(Stdio::null()).env("HEARKEN_FD", inherited.as_raw_fd().to_string());
    let worker = spawned(bench, start, Some(ours));
    // Before anything is read: as long as we held it, the line would never end.
    drop(inherited);
    worker
}

/// Starts the worker without a line, for one task.
pub(super) fn standalone(
    bench: &Bench<'_>,
    task_type: Option<&str>,
    payload: Standalone<'_>,
) -> Result<Worker, Setback> {
    let mut start = prepared(&bench.asked.command)?;
    match payload {
        Standalone::Argument(json) => start.arg(json).stdin(Stdio::null()),
        Standalone::Input(json) => start.stdin(payload_file(json.as_bytes())?),
    };
    if let Some(task_type) = task_type {
        start.env("HEARKEN_TASK_TYPE", task_type);
    }
    spawned(bench, start, None)
}

/// Where a worker without a line finds its task.
#[derive(Debug, Clone, Copy)]
pub(super) enum Standalone<'a> {
    /// As one more argument.
    Argument(&'a str),
    /// On standard input.
    Input(&'a str),
}

fn prepared(command: &[OsString]) -> Result<Command, Setback> {
    let (program, arguments) = command.split_first().ok_or(Setback::NoProgram)?;
    let mut start = new(program);
    start.args(arguments).process_group(0);
    for name in NOT_INHERITED {
        start.env_remove(name);
    }
    Ok(start)
}

#[expect(
    clippy::disallowed_methods,
    reason = "no daemon runs in this process: nobody else reaps, and there is no fork server"
)]
fn new(program: &OsStr) -> Command {
    Command::new(program)
}

fn spawned(
    bench: &Bench<'_>,
    mut start: Command,
    line: Option<std::os::unix::net::UnixStream>,
) -> Result<Worker, Setback> {
    let (output, write) = output_pipe()?;
    start.stdout(write.try_clone()?).stderr(write);
    let child = start.spawn().map_err(|source| Setback::Start {
        program: start.get_program().to_string_lossy().into_owned(),
        source,
    })?;
    Ok(Worker::new(child, line, output, bench.interruption.as_fd().try_clone_to_owned()?)?)
}
