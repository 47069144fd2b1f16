//! A worker without a supervisor.

use super::super::Bench;
use super::super::fault::Setback;
use super::super::report::Section;
use super::super::start::{self, Standalone};
use super::super::work::Work;
use super::super::worker::{Turn, Worker};
use super::{Check, Needs};
use std::process::ExitStatus;
use std::time::Instant;

pub(super) const CHECKS: &[Check] = &[
    Check {
        name: "standalone_argument",
        tries: "without HEARKEN_FD it runs the task of its argument, prints and exits with 0",
        section: Section::Line,
        needs: Needs::Nothing,
        after: None,
        run: argument,
    },
    Check {
        name: "standalone_input",
        tries: "without HEARKEN_FD and argument it runs the task of its standard input",
        section: Section::Line,
        needs: Needs::Nothing,
        after: None,
        run: input,
    },
    Check {
        name: "standalone_error",
        tries: "without HEARKEN_FD a task that fails makes it exit with another code than 0",
        section: Section::Line,
        needs: Needs::Fail,
        after: Some("standalone_argument"),
        run: error,
    },
];

fn argument(bench: &Bench<'_>) -> Result<(), Setback> {
    succeeds(bench, Standalone::Argument(&bench.asked.payload.json))
}

fn input(bench: &Bench<'_>) -> Result<(), Setback> {
    succeeds(bench, Standalone::Input(&bench.asked.payload.json))
}

fn succeeds(bench: &Bench<'_>, payload: Standalone<'_>) -> Result<(), Setback> {
    let (worker, status) = run(bench, &bench.asked.payload, payload)?;
    if status.code() != Some(0) {
        return Err(worker.fault("the exit code 0", status.to_string()));
    }
    if !worker.has_written() {
        return Err(worker.fault("what it would have said, printed", "no output".to_owned()));
    }
    Ok(())
}

fn error(bench: &Bench<'_>) -> Result<(), Setback> {
    let work = bench.asked.fail.as_ref().unwrap_or(&bench.asked.payload);
    let (worker, status) = run(bench, work, Standalone::Argument(&work.json))?;
    match status.code() {
        Some(1..) => Ok(()),
        Some(_) | None => Err(worker.fault("an exit code from 1 on", status.to_string())),
    }
}

fn run(
    bench: &Bench<'_>,
    work: &Work,
    payload: Standalone<'_>,
) -> Result<(Worker, ExitStatus), Setback> {
    let task_type = work.task_type(bench.asked.task_type.as_deref());
    let mut worker = start::standalone(bench, task_type, payload)?;
    let until = Instant::now() + bench.asked.timeout;
    while Instant::now() < until && worker.turn(until)? == Turn::Moved {
        let Some(status) = worker.ended() else {
            continue;
        };
        // What it printed last still lies in the pipe.
        let now = Instant::now();
        while worker.has_output() && worker.turn(now)? == Turn::Moved {}
        return Ok((worker, status));
    }
    let came = format!("it runs on after {} s", bench.asked.timeout.as_secs_f32());
    Err(worker.fault("that it ends", came))
}
