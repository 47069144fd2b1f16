//! A worker whose tasks leave a trace outside of hearken: before a try ends well, it writes a byte
//! into the file `TASK.ATTEMPT` in the folder of its first argument, so that a try that was given
//! out twice shows. The result is the number of the attempt.

use hearken_worker::{Level, Outcome, Task, Tasks, WorkerError, run_tasks};
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// How long a slow task takes: a kill shall often find one half done.
const SLOW: Duration = Duration::from_millis(40);

fn main() -> ExitCode {
    let folder = PathBuf::from(std::env::args_os().nth(1).expect("the folder for effects"));
    let effect = move |task: &Task| -> Result<Outcome, WorkerError> {
        match (task.task_type().unwrap_or_default(), task.attempt()) {
            ("fail_once", 1) => return Err(WorkerError::transient("effects.first", "at first")),
            ("crash_once", 1) => std::process::abort(),
            ("snooze_once", 1) => return Ok(Outcome::snooze(Duration::from_millis(10), "later")),
            ("fail", _) => return Err(WorkerError::invalid("effects.never", "it cannot be done")),
            ("slow", _) => std::thread::sleep(SLOW),
            ("wait", _) => wait(&folder, task)?,
            _ => {}
        }
        leave(&folder, task).map_err(failed)?;
        Outcome::value(&task.attempt())
    };
    run_tasks(Tasks::all(effect).with_credits(2))
}

/// Until the gate lets it through: a named pipe in the folder, of which it takes one byte.
fn wait(folder: &Path, task: &Task) -> Result<(), WorkerError> {
    task.log(Level::Info, "it waits", &())?;
    let mut gate = File::open(folder.join("gate")).map_err(failed)?;
    gate.read_exact(&mut [0]).map_err(failed)
}

fn leave(folder: &Path, task: &Task) -> std::io::Result<()> {
    let trace = folder.join(format!("{}.{}", task.id(), task.attempt()));
    OpenOptions::new().create(true).append(true).open(trace)?.write_all(&[0])
}

fn failed(error: std::io::Error) -> WorkerError {
    WorkerError::transient("effects.files", "the folder for effects").caused_by(&error)
}
