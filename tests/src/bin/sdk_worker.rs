//! What `hearken worker-check` asks of a worker, in Rust: the task types `echo`, `fail`, `slow` and
//! `large`. Those of the other SDKs are in `tests/workers`.

use hearken_worker::{Outcome, Task, Tasks, WorkerError, run_tasks};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// How often a slow task looks whether it is still wanted.
const LOOK: Duration = Duration::from_millis(10);

fn main() -> ExitCode {
    let tasks = Tasks::new()
        .on("echo", |task| Ok(task.raw_payload().clone()))
        .on("fail", |_| Err::<(), _>(WorkerError::invalid("check.asked", "as the task asks for")))
        .on("slow", slow)
        .on("large", |_| Ok(Outcome::bytes(b"0123456789abcdef".repeat(96 * 1024))));
    run_tasks(tasks.with_credits(2))
}

/// So many milliseconds, or until it is cancelled.
fn slow(task: &Task) -> Result<Outcome, WorkerError> {
    let milliseconds: u64 = task.payload()?;
    let until = Instant::now() + Duration::from_millis(milliseconds);
    while Instant::now() < until {
        task.check()?;
        std::thread::sleep(LOOK);
    }
    Outcome::value(&milliseconds)
}
