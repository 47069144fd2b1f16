//! A worker without a supervisor.

use super::super::WorkerCheck;
use super::super::fault::{Fault, Setback};
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

fn argument(asked: &WorkerCheck) -> Result<(), Setback> {
    succeeds(asked, Standalone::Argument(&asked.payload.json))
}

fn input(asked: &WorkerCheck) -> Result<(), Setback> {
    succeeds(asked, Standalone::Input(&asked.payload.json))
}

fn succeeds(asked: &WorkerCheck, payload: Standalone<'_>) -> Result<(), Setback> {
    let (worker, status) = run(asked, &asked.payload, payload)?;
    if status.code() != Some(0) {
        return Err(fault(&worker, "the exit code 0", status.to_string()));
    }
    if !worker.has_written() {
        return Err(fault(&worker, "what it would have said, printed", "no output".to_owned()));
    }
    Ok(())
}

fn error(asked: &WorkerCheck) -> Result<(), Setback> {
    let work = asked.fail.as_ref().unwrap_or(&asked.payload);
    let (worker, status) = run(asked, work, Standalone::Argument(&work.json))?;
    match status.code() {
        Some(1..) => Ok(()),
        Some(_) | None => Err(fault(&worker, "an exit code from 1 on", status.to_string())),
    }
}

fn run(
    asked: &WorkerCheck,
    work: &Work,
    payload: Standalone<'_>,
) -> Result<(Worker, ExitStatus), Setback> {
    let task_type = work.task_type(asked.task_type.as_deref());
    let mut worker = start::standalone(&asked.command, task_type, payload)?;
    let until = Instant::now() + asked.timeout;
    while Instant::now() < until && worker.turn(until)? == Turn::Moved {
        let Some(status) = worker.ended() else {
            continue;
        };
        // What it printed last still lies in the pipe.
        let now = Instant::now();
        while worker.has_output() && worker.turn(now)? == Turn::Moved {}
        return Ok((worker, status));
    }
    let came = format!("it runs on after {} s", asked.timeout.as_secs_f32());
    Err(fault(&worker, "that it ends", came))
}

fn fault(worker: &Worker, expected: &str, came: String) -> Setback {
    Fault { expected: expected.to_owned(), came, output: worker.output() }.into()
}
