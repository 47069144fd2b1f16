//! Waiting for the end of a task or a batch, and showing meanwhile how far it is.

use super::answers::{Batch, Error, Progress, Task};
use super::daemon::{Asked, Daemon};
use super::failure::Failure;
use super::result;
use crate::complain;
use crate::exit::Exit;
use hearken_supervisor::events::spoken;
use hearken_supervisor::why::safe;
use std::io::{IsTerminal, Write, stderr};
use std::time::{Duration, Instant};

/// How long the daemon is waited for at once; shorter where somebody looks on.
const SLICE: Duration = Duration::from_secs(30);
const GLANCE: Duration = Duration::from_millis(500);

/// Waits for a task, prints its result, and says whether it succeeded.
pub(super) fn for_task(daemon: &Daemon, id: &str, time: Duration) -> Result<Exit, Failure> {
    let mut line = Line::new();
    let until = Instant::now() + time;
    let task = loop {
        let asked = Instant::now();
        let left = until.saturating_duration_since(asked);
        let slice = left.min(if line.shown { GLANCE } else { SLICE });
        let path = format!("/v1/tasks/{id}?wait={}ms", slice.as_millis());
        let task: Task = daemon.json(&Asked::get(path))?;
        if task.is_over() || until <= Instant::now() {
            break task;
        }
        line.show(&glance(&task));
        // Too many wait there: it answered at once, and is asked again when the time is over.
        daemon.pause(slice.min(GLANCE).saturating_sub(asked.elapsed()));
    };
    line.clear();
    if task.succeeded() {
        return result::print_of(daemon, id);
    }
    if task.is_over() {
        complain(&format!(
            "error: the task {id} is {}{}",
            task.state,
            because(task.error.as_ref())
        ));
        complain(&format!("help: hearken task show {id} shows every try"));
    } else {
        complain(&format!("error: the task {id} is still {}", task.state));
        complain(&format!("help: it goes on; hearken task result {id} prints what comes out"));
    }
    Ok(Exit::Failure)
}

/// Waits for a batch, prints a line for each of its tasks, and says whether it succeeded.
pub(super) fn for_batch(daemon: &Daemon, id: &str, time: Duration) -> Result<Exit, Failure> {
    let mut line = Line::new();
    let until = Instant::now() + time;
    let batch = loop {
        let batch: Batch = daemon.json(&Asked::get(format!("/v1/batches/{id}")))?;
        if batch.state != "open" || until <= Instant::now() {
            break batch;
        }
        line.show(&format!(
            "{} of {} done, {} failed",
            batch.total - batch.open,
            batch.total,
            batch.failed
        ));
        daemon.pause(GLANCE.min(until.saturating_duration_since(Instant::now())));
    };
    line.clear();
    if batch.state == "open" {
        complain(&format!("error: the batch {id} is still open: {} to do", batch.open));
        complain(&format!(
            "help: it goes on; hearken task batch {id} --results ndjson prints what came out"
        ));
        return Ok(Exit::Failure);
    }
    let printed = result::copy(daemon, &Asked::get(format!("/v1/batches/{id}/results")))?;
    if batch.state != "succeeded" {
        complain(&format!("error: the batch {id} has failed: {} of {}", batch.failed, batch.total));
        return Ok(Exit::Failure);
    }
    Ok(printed)
}

/// `: invalid file.missing: there is no a.png`
pub(super) fn because(error: Option<&Error>) -> String {
    error.map_or_else(String::new, |error| {
        safe(&format!(": {} {}: {}", error.kind, error.code, error.message))
    })
}

/// How far it is, in a few words.
fn glance(task: &Task) -> String {
    let Some(live) = &task.live else {
        let tried = match task.tries {
            0 => String::new(),
            1 => ", tried once".to_owned(),
            many => format!(", tried {many} times"),
        };
        return format!("{}{tried}", task.state);
    };
    let mut words = format!("{} works on it for {}", live.worker, spoken(live.worked_ms));
    if let Some(progress) = &live.progress {
        words += &format!(": {}", progress_words(progress));
    }
    words
}

/// `3 of 9 pages, layout: page 3`
pub(super) fn progress_words(progress: &Progress) -> String {
    let count = match (progress.done, progress.total) {
        (Some(done), Some(total)) => Some(format!("{done} of {total}")),
        (Some(done), None) => Some(done.to_string()),
        (None, _) => None,
    };
    let unit = progress.unit.as_ref().filter(|_| count.is_some());
    let count = count.map(|count| unit.map_or(count.clone(), |unit| format!("{count} {unit}")));
    let parts = [count, progress.stage.clone(), progress.message.clone()];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// A line on standard error that is written over and over; none where that is no terminal.
struct Line {
    shown: bool,
}

impl Line {
    fn new() -> Self {
        Self { shown: stderr().is_terminal() }
    }

    fn show(&mut self, text: &str) {
        self.write(&safe(text));
    }

    fn clear(&mut self) {
        self.write("");
    }

    fn write(&mut self, text: &str) {
        if self.shown {
            let mut stderr = stderr();
            // Nobody looks on any more.
            let _gone = write!(stderr, "\r\x1b[K{text}").and_then(|()| stderr.flush());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_said_in_a_few_words() {
        let said = |json: &str| progress_words(&serde_json::from_str(json).unwrap());
        assert_eq!(
            said(r#"{"done":3,"total":9,"unit":"pages","stage":"layout"}"#),
            "3 of 9 pages, layout"
        );
        assert_eq!(said(r#"{"done":3}"#), "3");
        assert_eq!(said(r#"{"message":"warming up","unit":"x"}"#), "warming up");
        assert_eq!(said("{}"), "");
    }
}
