//! What `tests/bench/run pools` measures of hearken, and of SQLite alone. Each prints one JSON object.
//!
//! ```text
//!   bench_pool line|exec TASKS WORKERS COMMAND…     tasks of a pool that keeps them in memory
//!   bench_pool progress FRAMES WORKERS COMMAND…     one task a worker, that says FRAMES frames
//!   bench_pool durable CONFIG STATE TASKS           tasks of the pool of a config, kept in STATE
//!   bench_pool rows FOLDER TASKS COMMITS            what is written for as many tasks, by SQLite alone
//!   bench_pool echo CREDITS                         a worker that takes tasks and does nothing
//! ```

mod drive;
mod rows;

use drive::{Amount, Measured};
use hearken_config::{Input, ResultForm};
use hearken_core::pool::WorkMode;
use hearken_supervisor::local::{LocalPool, POOL, run_local};
use hearken_supervisor::tasks::Client;
use hearken_supervisor::{Up, up_beside};
use hearken_worker::{Tasks, run_tasks};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, Sender, channel};

fn main() -> ExitCode {
    hearken_supervisor::become_fork_server_if_asked();
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let measured = match words.as_slice() {
        ["echo", credits] => {
            let nothing = Tasks::all(|_| Ok(())).with_credits(number(credits));
            return run_tasks(nothing);
        }
        ["line", tasks, workers, command @ ..] => {
            local(WorkMode::Line, number(tasks), number(workers), command)
        }
        ["exec", tasks, workers, command @ ..] => {
            local(WorkMode::Exec, number(tasks), number(workers), command)
        }
        ["progress", frames, workers, command @ ..] => {
            progress(number(frames), number(workers), command)
        }
        ["durable", config, state, tasks] => {
            durable(config.into(), Path::new(state), number(tasks))
        }
        ["rows", folder, tasks, commits] => {
            rows::measure(Path::new(folder), number(tasks), number(commits))
        }
        _ => panic!("see the head of the source for what it takes"),
    };
    print(&measured);
    ExitCode::SUCCESS
}

fn number<T: std::str::FromStr>(word: &str) -> T {
    word.parse().unwrap_or_else(|_| panic!("{word:?} is no such number"))
}

#[expect(clippy::print_stdout, reason = "a program that measures, and says what")]
fn print(measured: &Measured) {
    let Measured { count, seconds, processor, commits } = measured;
    println!(
        "{{\"count\": {count}, \"seconds\": {seconds:.6}, \"processor\": {processor:.6}, \"commits\": {commits}}}"
    );
}

fn pool(mode: WorkMode, workers: u32, command: &[&str]) -> LocalPool {
    let input = match command.contains(&"{}") {
        true => Input::Arguments,
        false => Input::Stdin,
    };
    LocalPool {
        command: command.iter().map(|&word| word.to_owned()).collect(),
        mode,
        directory: std::env::temp_dir(),
        environment: std::env::vars().collect(),
        workers,
        attempts: 1,
        timeout: None,
        input,
        result: ResultForm::None,
        log: "warn",
    }
}

fn local(mode: WorkMode, tasks: u64, workers: u32, command: &[&str]) -> Measured {
    let (tell, told) = channel();
    let front = move |client| tasks_of(client, POOL, Amount::of(tasks, workers), tell);
    run_local(pool(mode, workers, command), front).expect("a supervisor");
    first(&told)
}

/// Counts frames, not tasks.
fn progress(frames: u64, workers: u32, command: &[&str]) -> Measured {
    let (tell, told) = channel();
    let amount = Amount { tasks: workers.into(), before: 0, workers };
    let front = move |client| tasks_of(client, POOL, amount, tell);
    run_local(pool(WorkMode::Line, workers, command), front).expect("a supervisor");
    Measured { count: frames * u64::from(workers), ..first(&told) }
}

fn durable(config: PathBuf, state: &Path, tasks: u64) -> Measured {
    let (tell, told) = channel();
    let front = move |client| tasks_of(client, "durable", Amount::of(tasks, 2), tell);
    up_beside(&Up { config, insecure: true }, front).expect("a supervisor");
    Measured { commits: rows::commits(state), ..first(&told) }
}

async fn tasks_of(client: Client, pool: &'static str, amount: Amount, tell: Sender<Measured>) {
    let measured = drive::measure(&client, pool, amount).await;
    // The receiver waits in main for the supervisor's end.
    let _always_there = tell.send(measured);
    client.shut_down().await;
}

fn first(told: &Receiver<Measured>) -> Measured {
    told.recv().expect("what was measured")
}
