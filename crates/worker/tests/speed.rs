//! How many empty tasks a worker does in a second, beside a bare echo of the same sizes over the same kind of socket:
//! `cargo test --release -p hearken-worker --test speed -- --ignored --nocapture`.

#![expect(clippy::unwrap_used, reason = "a measurement stops at the first surprise")]

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use hearken_proto::{Ack, Acked, Handle, Raw, ToChild, encode_frame};
use hearken_worker::{Task, Tasks};

const SECOND: Duration = Duration::from_secs(1);

/// The first handle that takes five bytes: from here on all frames have the same length.
const FIRST: u32 = 0x1_0000;

/// A `result` without data, and an `accepted`, of such a handle.
const ANSWER: usize = 19;

fn frame(message: &ToChild) -> Vec<u8> {
    let mut out = BytesMut::new();
    encode_frame(message, &mut out).unwrap();
    out.to_vec()
}

/// A frame about [`FIRST`], and where its handle stands, so that the other side costs next to nothing.
fn stamped(message: &ToChild) -> (Vec<u8>, usize) {
    let frame = frame(message);
    let at = frame.windows(5).position(|bytes| bytes == [0xce, 0, 1, 0, 0]).unwrap() + 1;
    (frame, at)
}

struct Requests {
    ack: (Vec<u8>, usize),
    task: (Vec<u8>, usize),
    next: u32,
    out: Vec<u8>,
}

impl Requests {
    fn new() -> Self {
        let handle = Handle(FIRST);
        let payload = Raw::from_value(&[("image", "a.png"), ("width", "100")]).unwrap();
        let task = hearken_proto::Task {
            handle,
            id: "019aa7c2-5d3c-7000-8000-000000000001".to_owned(),
            task_type: None,
            attempt: 1,
            crashes: 0,
            payload,
            content_type: None,
            soft_ms: None,
            hard_ms: None,
            key: None,
            headers: None,
            traceparent: None,
            checkpoint: None,
            last_error: None,
            batch: None,
        };
        Requests {
            ack: stamped(&ToChild::Ack(Ack { handle, of: Acked::Result })),
            task: stamped(&ToChild::Task(Box::new(task))),
            next: FIRST,
            out: Vec::new(),
        }
    }

    fn put(out: &mut Vec<u8>, (frame, at): &(Vec<u8>, usize), handle: u32) {
        let start = out.len();
        out.extend_from_slice(frame);
        out[start + at..start + at + 4].copy_from_slice(&handle.to_be_bytes());
    }

    /// Acknowledges the oldest `done` tasks and hands out as many new ones, in one write.
    fn send(&mut self, line: &mut UnixStream, done: u32, in_flight: u32) {
        self.out.clear();
        for n in 0..done {
            Self::put(&mut self.out, &self.ack, self.next + n - in_flight);
        }
        for _ in 0..if done == 0 { in_flight } else { done } {
            Self::put(&mut self.out, &self.task, self.next);
            self.next += 1;
        }
        line.write_all(&self.out).unwrap();
    }
}

/// Keeps `in_flight` tasks with the other side for a second. Gives how many thousand it did in one, and how many in all.
fn drive(line: &mut UnixStream, in_flight: u32) -> (f64, u32) {
    let mut requests = Requests::new();
    requests.send(line, 0, in_flight);
    let (start, mut buffer) = (Instant::now(), [0; 4096]);
    let (mut bytes, mut tasks) = (0, 0_u32);
    while start.elapsed() < SECOND {
        bytes += line.read(&mut buffer).unwrap();
        let done = u32::try_from(bytes / (2 * ANSWER)).unwrap() - tasks;
        if done > 0 {
            requests.send(line, done, in_flight);
            tasks += done;
        }
    }
    (f64::from(tasks) / start.elapsed().as_secs_f64() / 1000.0, tasks)
}

/// The worker of this crate.
fn worker(in_flight: u32) -> f64 {
    let (child, mut line) = UnixStream::pair().unwrap();
    let credits = u16::try_from(in_flight).unwrap();
    let done = Arc::new(AtomicU32::new(0));
    let counter = Arc::clone(&done);
    let worker = thread::spawn(move || {
        let count = move |_: &Task| {
            counter.fetch_add(1, Ordering::Relaxed);
            Ok(())
        };
        Tasks::all(count).with_credits(credits).serve_over(child)
    });
    for _ in ["hello", "ready"] {
        let mut head = [0; 4];
        line.read_exact(&mut head).unwrap();
        let mut body = vec![0; u32::from_be_bytes(head).try_into().unwrap()];
        line.read_exact(&mut body).unwrap();
    }
    let (rate, answered) = drive(&mut line, in_flight);
    drop(line);
    assert!(worker.join().unwrap().is_err(), "the line was cut");
    let done = done.load(Ordering::Relaxed);
    assert!(answered <= done && done <= answered + in_flight, "{answered} answers to {done} tasks");
    rate
}

/// Reads requests and writes as many bytes as a worker would, in as many writes.
fn echo(in_flight: u32, writes: usize) -> f64 {
    let (mut child, mut line) = UnixStream::pair().unwrap();
    let requests = Requests::new();
    let (task, ack) = (requests.task.0.len(), requests.ack.0.len());
    let echo = thread::spawn(move || {
        let answer = [0; 2 * ANSWER];
        let mut buffer = [0; 16 * 1024];
        let (mut bytes, mut done) = (0, 0);
        loop {
            match child.read(&mut buffer) {
                Ok(0) | Err(_) => return,
                Ok(length) => bytes += length,
            }
            // The first tasks come without an `ack`.
            let first = in_flight as usize;
            let come = if bytes <= first * task {
                bytes / task
            } else {
                first + (bytes - first * task) / (task + ack)
            };
            for _ in done..come {
                for piece in answer.chunks(answer.len() / writes) {
                    if child.write_all(piece).is_err() {
                        return;
                    }
                }
            }
            done = come;
        }
    });
    let (rate, _) = drive(&mut line, in_flight);
    drop(line);
    echo.join().unwrap();
    rate
}

#[test]
#[ignore = "a measurement, for release builds"]
fn empty_tasks_a_second() {
    for round in 1..=3 {
        for in_flight in [1, 16] {
            let (one, two, tasks) = (echo(in_flight, 1), echo(in_flight, 2), worker(in_flight));
            println!(
                "round {round}, {in_flight:>2} in flight: echo {one:>4.0} k/s, in two writes {two:>4.0} k/s; tasks {tasks:>4.0} k/s"
            );
        }
    }
}
