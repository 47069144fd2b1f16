//! Somebody who submits while hearken is killed again and again, and keeps a book of his own about
//! what was acknowledged to him.

use super::chance::Chance;
use super::promise::Broken;
use crate::harness::{Answered, ask};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Between two submissions, and between two tries of one.
const PACE: Duration = Duration::from_millis(10);

/// What the worker does, as `tests/src/bin/effects.rs` knows it.
const KINDS: [&str; 7] =
    ["succeed", "slow", "fail_once", "crash_once", "snooze_once", "fail", "cancelled"];

/// A task that was acknowledged.
#[derive(Debug, Clone)]
pub(super) struct Acknowledged {
    pub(super) id: String,
    pub(super) kind: &'static str,
    /// How it had ended when it was looked at.
    pub(super) seen: Option<String>,
}

impl Acknowledged {
    /// How it has to end.
    pub(super) fn due(&self) -> &'static str {
        match self.kind {
            "fail" => "dead",
            "cancelled" => "cancelled",
            _ => "succeeded",
        }
    }
}

/// A batch that was acknowledged.
#[derive(Debug)]
pub(super) struct AcknowledgedBatch {
    pub(super) id: String,
    pub(super) tasks: u64,
    pub(super) failing: u64,
    pub(super) on_complete: String,
}

/// What was acknowledged.
#[derive(Debug, Default)]
pub(super) struct Book {
    pub(super) tasks: Vec<Acknowledged>,
    pub(super) batches: Vec<AcknowledgedBatch>,
    /// How often a submission was sent again, because its answer did not come.
    pub(super) again: u64,
    /// How often it was there already then: it had been kept, and the answer was lost.
    pub(super) there: u64,
    /// What was found broken on the way.
    pub(super) broken: Vec<(String, Broken)>,
}

/// Somebody who submits.
#[derive(Debug)]
pub(super) struct Submitter {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Book>,
}

impl Submitter {
    pub(super) fn start(socket: &Path, seed: u64) -> Submitter {
        let stop = Arc::new(AtomicBool::new(false));
        let desk = Desk {
            socket: socket.to_owned(),
            chance: Chance::new(seed),
            book: Book::default(),
            stop: Arc::clone(&stop),
        };
        Submitter { stop, thread: std::thread::spawn(move || desk.work()) }
    }

    /// Whether he gave up, because something was lost.
    pub(super) fn has_ended(&self) -> bool {
        self.thread.is_finished()
    }

    /// Has him send to the end what he has begun, and gives his book.
    pub(super) fn finish(self) -> Book {
        self.stop.store(true, Ordering::SeqCst);
        self.thread.join().unwrap()
    }
}

struct Desk {
    socket: PathBuf,
    chance: Chance,
    book: Book,
    stop: Arc<AtomicBool>,
}

impl Desk {
    fn work(mut self) -> Book {
        while !self.stop.load(Ordering::SeqCst) && self.book.broken.is_empty() {
            match self.chance.within(0..10) {
                0 => self.submit_batch(),
                1..3 => {
                    let count = self.chance.within(2..9);
                    self.submit(count);
                }
                _ => self.submit(1),
            }
            self.look();
            std::thread::sleep(PACE);
        }
        self.book
    }

    fn submit(&mut self, count: u64) {
        let kinds: Vec<_> = (0..count).map(|_| *self.chance.one_of(&KINDS)).collect();
        let tasks: Vec<_> = kinds.iter().map(|kind| self.task(kind)).collect();
        self.send(&json!({"tasks": tasks}));
        self.note(&kinds, &tasks);
    }

    fn submit_batch(&mut self) {
        let count = self.chance.within(2..6);
        let kinds: Vec<_> = (0..count).map(|_| *self.chance.one_of(&KINDS[..6])).collect();
        let tasks: Vec<_> = kinds.iter().map(|kind| self.task(kind)).collect();
        let last = [self.task("succeed")];
        let batch = json!({"policy": "halt", "halt_percent": 100, "on_complete": last[0]});
        let answered = self.send(&json!({"tasks": tasks, "batch": batch}));
        self.note(&kinds, &tasks);
        self.note(&["succeed"], &last);
        self.book.batches.push(AcknowledgedBatch {
            id: answered.json()["batch"].as_str().unwrap().to_owned(),
            tasks: count,
            failing: kinds.iter().filter(|kind| **kind == "fail").count() as u64,
            on_complete: last[0]["id"].as_str().unwrap().to_owned(),
        });
    }

    fn task(&mut self, kind: &str) -> Value {
        let mut task = json!({"id": self.chance.id(), "type": kind, "payload": "p".repeat(100)});
        if kind == "cancelled" {
            // It is not begun before it is cancelled.
            task["delay"] = json!("24h");
        }
        task
    }

    /// Sends it until it is acknowledged. What is sent again has the ids it had, and was kept wholly
    /// or not at all.
    fn send(&mut self, submission: &Value) -> Answered {
        let body = submission.to_string();
        loop {
            match ask(&self.socket, "POST", "/v1/pools/work/tasks", &body) {
                Ok(answered) if matches!(answered.status, 200 | 201) => {
                    let said = answered.json();
                    let tasks = said["tasks"].as_array().unwrap();
                    assert_eq!(tasks.len(), submission["tasks"].as_array().unwrap().len());
                    let new = tasks.iter().filter(|task| task["outcome"] == "inserted").count();
                    assert!(new == 0 || new == tasks.len(), "half was kept: {said}");
                    self.book.there += u64::from(new == 0);
                    return answered;
                }
                // It has just begun, or is about to end.
                Ok(answered) if answered.status == 503 => {}
                Ok(answered) => panic!("{} is no answer to {body}", answered.json()),
                Err(_killed) => self.book.again += 1,
            }
            std::thread::sleep(PACE);
        }
    }

    fn note(&mut self, kinds: &[&'static str], tasks: &[Value]) {
        for (kind, task) in kinds.iter().zip(tasks) {
            let id = task["id"].as_str().unwrap().to_owned();
            if *kind == "cancelled" {
                // If no answer comes, it is cancelled in the end.
                let _killed = ask(&self.socket, "POST", &format!("/v1/tasks/{id}/cancel"), "");
            }
            self.book.tasks.push(Acknowledged { id, kind, seen: None });
        }
    }

    /// Looks at some task of earlier: it is there, and if it had ended, it has ended so still.
    fn look(&mut self) {
        let place = self.chance.number() % self.book.tasks.len() as u64;
        let task = &mut self.book.tasks[usize::try_from(place).unwrap()];
        let path = format!("/v1/tasks/{}", task.id);
        let Ok(answered) = ask(&self.socket, "GET", &path, "") else { return };
        match answered.status {
            200 => {}
            404 => return self.book.broken.push((task.id.clone(), Broken::Lost)),
            503 => return,
            _ => panic!("{} is no answer to {path}", answered.json()),
        }
        let now = answered.json()["state"].as_str().unwrap().to_owned();
        match &task.seen {
            Some(before) if *before != now => {
                let changed = Broken::Changed { before: before.clone(), now };
                self.book.broken.push((task.id.clone(), changed));
            }
            None if !matches!(now.as_str(), "held" | "waiting" | "running") => {
                task.seen = Some(now)
            }
            Some(_) | None => {}
        }
    }
}
