//! How many tasks a second each store takes from enqueue to finish, beside plain SQLite:
//!
//! `cargo run --release -p hearken-store --example store_speed -- [FOLDER] [IN_FLIGHT] [SECONDS]`
//!
//! FOLDER (default: the current one) must lie on the disk that is to be measured. IN_FLIGHT tasks are
//! under way at any time (64), each in one of three commands: enqueue, claim, finish with a short result.
//! Plain SQLite inserts three rows a task, IN_FLIGHT rows a transaction, with `synchronous = FULL`. All
//! take turns, three times, for SECONDS (3) each, so that a disk that is busy is so for all.
#![expect(clippy::print_stdout, reason = "the numbers are what it is for")]

use bytes::Bytes;
use hearken_core::pool::{TaskDecidedBy, TaskNext};
use hearken_core::task::{Counters, Lease, Priority, TaskId};
use hearken_store::{
    Command, Durability, Finish, Input, MemoryStore, NewTask, Reply, ResultBody, SqliteStore,
    Store, StoreThread, TaskResult, Ticket, UnixMs,
};
use std::collections::VecDeque;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

type Outcome = Result<f64, Box<dyn Error>>;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().map_or_else(|| PathBuf::from("."), PathBuf::from);
    let in_flight = arguments.next().map_or(Ok(64), |it| it.parse())?;
    let time = Duration::from_secs(arguments.next().map_or(Ok(3), |it| it.parse())?);
    println!(
        "{in_flight} in flight, thousand tasks a second; commit = what a store alone would do"
    );
    println!(
        "{:>14} {:>14} {:>10} {:>14} {:>10}",
        "plain, full", "strict", "ratio", "relaxed", "memory"
    );
    for _ in 0..3 {
        let folder = tempfile::tempdir_in(&folder)?;
        let floor = plain_sqlite(&folder.path().join("plain.db"), in_flight, time)?;
        let strict = on_disk(folder.path(), Durability::Strict, in_flight, time)?;
        let folder = tempfile::tempdir_in(folder.path())?;
        let relaxed = on_disk(folder.path(), Durability::Relaxed, in_flight, time)?;
        let memory = in_memory(in_flight, time)?;
        let ratio = strict / floor;
        println!("{floor:>14.1} {strict:>14.1} {ratio:>10.2} {relaxed:>14.1} {memory:>10.1}");
    }
    Ok(())
}

/// The floor: rows as small as ours, in tables as plain as can be.
fn plain_sqlite(path: &Path, in_flight: u64, time: Duration) -> Outcome {
    let connection = rusqlite::Connection::open(path)?;
    connection.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
         CREATE TABLE a (id INTEGER PRIMARY KEY, record BLOB);
         CREATE TABLE b (id INTEGER PRIMARY KEY, record BLOB);
         CREATE TABLE c (id INTEGER PRIMARY KEY, record BLOB);",
    )?;
    let row = [7_u8; 120];
    let start = Instant::now();
    let mut tasks: u64 = 0;
    while start.elapsed() < time {
        connection.execute_batch("BEGIN IMMEDIATE")?;
        for table in ["a", "b", "c"] {
            let sql = format!("INSERT INTO {table} (record) VALUES (?1)");
            let mut insert = connection.prepare_cached(&sql)?;
            for _ in 0..in_flight.div_ceil(3) {
                insert.execute([&row])?;
            }
        }
        connection.execute_batch("COMMIT")?;
        tasks += in_flight.div_ceil(3);
    }
    Ok(rate(tasks, start))
}

fn on_disk(folder: &Path, durability: Durability, in_flight: u64, time: Duration) -> Outcome {
    let store = SqliteStore::open(folder, durability, 0)?;
    let (epoch, reader) = (store.epoch(), store.reader()?);
    let (answers, mut answered) = mpsc::unbounded_channel();
    let thread = StoreThread::start(store, reader, answers)?;
    let mut course = Course::new(epoch);
    let start = Instant::now();
    for _ in 0..in_flight {
        let (ticket, command) = course.begin();
        thread.submit(ticket, command)?;
    }
    while start.elapsed() < time {
        for (ticket, reply) in answered.blocking_recv().ok_or("the store is gone")? {
            let (ticket, command) = course.next(ticket, &reply?);
            thread.submit(ticket, command)?;
        }
    }
    let rate = rate(course.done, start);
    thread.close();
    Ok(rate)
}

fn in_memory(in_flight: u64, time: Duration) -> Outcome {
    let mut store = MemoryStore::new(0);
    let mut course = Course::new(store.epoch());
    let mut queue: VecDeque<_> = (0..in_flight).map(|_| course.begin()).collect();
    let start = Instant::now();
    while start.elapsed() < time {
        for _ in 0..1000 {
            let Some((ticket, command)) = queue.pop_front() else { continue };
            let reply = store.apply_one(command)?;
            queue.push_back(course.next(ticket, &reply));
        }
    }
    Ok(rate(course.done, start))
}

fn rate(tasks: u64, start: Instant) -> f64 {
    let tasks = u32::try_from(tasks).map_or(f64::INFINITY, f64::from);
    tasks / start.elapsed().as_secs_f64() / 1000.0
}

/// Tasks on their way. The ticket of a command is the number of its task.
struct Course {
    epoch: u64,
    begun: u64,
    done: u64,
    pool: Arc<str>,
    worker: Arc<str>,
    payload: Bytes,
    result: Bytes,
}

impl Course {
    fn new(epoch: u64) -> Self {
        Self {
            epoch,
            begun: 0,
            done: 0,
            pool: "thumbnails".into(),
            worker: "thumbnails#3".into(),
            payload: Bytes::from_static(&[1; 60]),
            result: Bytes::from_static(&[2; 20]),
        }
    }

    /// The first command of a new task.
    fn begin(&mut self) -> (Ticket, Command) {
        self.begun += 1;
        let at = UnixMs::new(1_700_000_000_000 + self.begun / 32);
        let task = NewTask {
            id: id(self.begun),
            pool: self.pool.clone(),
            kind: None,
            unique_key: None,
            fairness_key: None,
            priority: Priority::DEFAULT,
            not_before: at,
            expires: None,
            batch: None,
            created: at,
            held: false,
            input: Input { payload: self.payload.clone(), ..Input::default() },
        };
        (Ticket(self.begun), Command::Enqueue { tasks: vec![task], batch: None })
    }

    /// The command after the one that was answered so.
    fn next(&mut self, ticket: Ticket, reply: &Reply) -> (Ticket, Command) {
        let at = UnixMs::new(1_700_000_000_000 + self.begun / 32);
        let (id, lease) = (id(ticket.0), Lease { epoch: self.epoch, number: ticket.0 });
        match reply {
            Reply::Enqueued(_) => {
                (ticket, Command::Claim { id, lease, worker: self.worker.clone(), at })
            }
            Reply::Claimed(claimed) => {
                let body = ResultBody::Inline(self.result.clone());
                let finish = Finish {
                    next: TaskNext::Succeeded,
                    decided_by: TaskDecidedBy::Worker,
                    result: Some(TaskResult { body, content_type: None, summary: None }),
                    counters: Counters { attempts: 0, ..claimed.record.counters },
                    ..Finish::released(id, lease, Counters::default(), at)
                };
                (ticket, Command::Finish(Box::new(finish)))
            }
            Reply::Fenced(_)
            | Reply::Dropped
            | Reply::BatchEnded(_)
            | Reply::Requeued(_)
            | Reply::Purged(_)
            | Reply::Unchanged(_)
            | Reply::Refused(_) => {
                self.done += 1;
                self.begin()
            }
        }
    }
}

/// Ids as a clock would give them: 32 a millisecond.
fn id(number: u64) -> TaskId {
    TaskId::new(1_700_000_000_000 + number / 32, u128::from(number) * 0x9e37_79b9_7f4a_7c15)
}
