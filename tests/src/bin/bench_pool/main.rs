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
        [mode @ ("line" | "exec"), tasks, workers, command @ ..] => {
            local(mode, number(tasks), number(workers), command)
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

/// The pool that is measured.
const POOL: &str = "bench";

/// A supervisor of one pool that keeps its tasks in memory, with `front` beside it.
fn supervise<F: Future<Output = ()> + Send + 'static>(
    mode: &str,
    workers: u32,
    command: &[&str],
    front: impl FnOnce(Client) -> F,
) {
    let folder = std::env::temp_dir().join(format!("hearken-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder of its own");
    let result = if mode == "exec" { "result = \"none\"\n" } else { "" };
    let text = format!(
        "[supervisor]\nstate_directory = {folder:?}\nlog = {{ level = \"warn\" }}\n\
         [pool.{POOL}]\ncommand = {command:?}\nmode = {mode:?}\nworkers = {workers}\n{result}\
         durability = \"memory\"\nqueue = \"unlimited\"\ntask_timeout = \"never\"\nretry = 1\n",
    );
    let config = folder.join("bench.toml");
    std::fs::write(&config, text).expect("a config");
    up_beside(&Up { config, insecure: true }, front).expect("a supervisor");
    std::fs::remove_dir_all(&folder).expect("nobody else has it");
}

fn local(mode: &str, tasks: u64, workers: u32, command: &[&str]) -> Measured {
    let (tell, told) = channel();
    let front = move |client| tasks_of(client, POOL, Amount::of(tasks, workers), tell);
    supervise(mode, workers, command, front);
    first(&told)
}

/// Counts frames, not tasks.
fn progress(frames: u64, workers: u32, command: &[&str]) -> Measured {
    let (tell, told) = channel();
    let amount = Amount { tasks: workers.into(), before: 0, workers };
    let front = move |client| tasks_of(client, POOL, amount, tell);
    supervise("line", workers, command, front);
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
