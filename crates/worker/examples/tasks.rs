//! A worker of a pool, and a program of its own as well: `HEARKEN_TASK_TYPE=count tasks FILE`.

use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind};
use std::path::PathBuf;
use std::process::ExitCode;

use hearken_worker::{Outcome, Progress, Task, Tasks, WorkerError, run_tasks};

fn main() -> ExitCode {
    let tasks = Tasks::new().on("count", count).on("shout", shout).on("describe", describe);
    run_tasks(tasks.with_credits(4))
}

#[derive(Default, serde::Serialize)]
struct Counted {
    lines: u64,
    words: usize,
}

/// Counts the lines and words of the file whose path is the payload.
fn count(task: &Task) -> Result<Outcome, WorkerError> {
    let path: PathBuf = task.payload()?;
    let file = File::open(&path).map_err(|error| cannot_read(&error))?;
    let total = file.metadata().map_err(|error| cannot_read(&error))?.len();
    let mut counted = Counted::default();
    let (mut file, mut line, mut done) = (BufReader::new(file), Vec::new(), 0);
    loop {
        line.clear();
        let length = file.read_until(b'\n', &mut line).map_err(|error| cannot_read(&error))?;
        if length == 0 {
            break;
        }
        done += length as u64;
        counted.lines += 1;
        counted.words += String::from_utf8_lossy(&line).split_whitespace().count();
        if counted.lines % 10_000 == 0 {
            task.check()?;
            told(task, done, total)?;
        }
    }
    told(task, done, total)?;
    Outcome::value(&counted)
}

fn told(task: &Task, done: u64, total: u64) -> Result<(), WorkerError> {
    let unit = Some("bytes".to_owned());
    Ok(task.progress(Progress {
        done: Some(done),
        total: Some(total),
        unit,
        ..Progress::default()
    })?)
}

/// What is worth another try, and what is not, is for the program to know.
fn cannot_read(error: &std::io::Error) -> WorkerError {
    let failed = if error.kind() == ErrorKind::NotFound {
        WorkerError::not_found("file.missing", "there is no such file")
    } else if error.kind() == ErrorKind::PermissionDenied {
        WorkerError::denied("file.denied", "it may not be read")
    } else if error.kind() == ErrorKind::IsADirectory {
        WorkerError::fatal("file.directory", "it is a directory; name a file in it")
    } else {
        WorkerError::transient("file.read", "it could not be read")
    };
    failed.caused_by(error)
}

/// Text in capitals, as bytes.
fn shout(task: &Task) -> Result<Outcome, WorkerError> {
    let text: String = task.payload()?;
    Ok(Outcome::bytes(text.to_uppercase()).with_content_type("text/plain; charset=utf-8"))
}

/// Which task this is.
fn describe(task: &Task) -> Result<String, WorkerError> {
    let task_type = task.task_type().unwrap_or("a task");
    Ok(format!("{task_type} {}, attempt {}, key {}", task.id(), task.attempt(), task.key()))
}
