//! A worker of a pool that does with a task just what its payload says.
//!
//! A payload is a list of steps. One is a message of the protocol as JSON mode has it, which is
//! said with the handle of the task if it names no other (`{"kind":"progress","done":1}`), or a
//! verb with its arguments (`["exit", 3]`); what each does stands beside its name in [`steps`]. A
//! task that was not answered when no step is left gets a result that tells what its worker was
//! told. It is written without an SDK, so that it can be wrong where an SDK would not let it.
//!
//! Its arguments: `credits N`, `ready-after MILLISECONDS`, `deaf` (it never reads a task),
//! `die-on-term`, `memory BYTES`.

#![expect(clippy::print_stderr, reason = "last words are heard by standard error")]

mod steps;

use bytes::BytesMut;
use hearken_proto::{
    Accepted, Decoded, Exiting, FrameReader, FromChild, Handle, Heartbeat, Hello, Intent,
    MAX_FRAME, ProtocolRange, Ready, Task, ToChild, decode_frame_for_child, encode_frame,
};
use std::collections::VecDeque;
use std::io::{Read as _, Write as _};
use std::os::fd::FromRawFd as _;
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// What its arguments ask of it.
#[derive(Debug, Default)]
struct Manners {
    credits: u16,
    ready_after: Duration,
    deaf: bool,
    die_on_term: bool,
    memory: Option<u64>,
}

impl Manners {
    fn asked() -> Manners {
        let mut manners = Manners { credits: 1, ..Manners::default() };
        let mut words = std::env::args().skip(1);
        while let Some(word) = words.next() {
            let mut number = || words.next().and_then(|it| it.parse().ok()).expect("a number");
            match word.as_str() {
                "credits" => manners.credits = u16::try_from(number()).expect("not so many"),
                "ready-after" => manners.ready_after = Duration::from_millis(number()),
                "memory" => manners.memory = Some(number()),
                "deaf" => manners.deaf = true,
                "die-on-term" => manners.die_on_term = true,
                _ => panic!("no such argument: {word}"),
            }
        }
        manners
    }
}

/// The worker's end of the line.
struct Line {
    stream: UnixStream,
    reader: FrameReader,
    tasks: VecDeque<Task>,
    cancelled: Vec<Handle>,
    acked: Vec<Handle>,
    draining: bool,
}

fn main() {
    let manners = Manners::asked();
    if !manners.die_on_term {
        ignore_term();
    }
    let mut line = Line {
        stream: descriptor(),
        reader: FrameReader::new(MAX_FRAME),
        tasks: VecDeque::new(),
        cancelled: Vec::new(),
        acked: Vec::new(),
        draining: false,
    };
    line.hello();
    std::thread::sleep(manners.ready_after);
    line.say(&FromChild::Ready(Ready { credits: manners.credits }));
    if let Some(memory) = manners.memory {
        line.beat(Some(memory));
    }
    loop {
        if manners.deaf {
            std::thread::sleep(Duration::from_secs(3600));
            continue;
        }
        match line.tasks.pop_front() {
            Some(task) => steps::work(&mut line, &task),
            None if line.draining => line.leave(),
            None => line.hear(),
        }
    }
}

impl Line {
    /// Says one message. A line that the supervisor closed swallows it.
    fn say(&mut self, message: &FromChild) {
        let mut frame = BytesMut::new();
        encode_frame(message, &mut frame).expect("a message that fits");
        let _closed = self.stream.write_all(&frame);
    }

    /// A frame that holds no MessagePack.
    fn garbage(&mut self) {
        let _closed = self.stream.write_all(b"\0\0\0\x05hello");
    }

    fn hello(&mut self) {
        self.say(&FromChild::Hello(Hello {
            protocol: ProtocolRange::new(1, 1).expect("a range"),
            sdk: "hearken-tasker/1".to_owned(),
            language: "rust".to_owned(),
            pid: std::process::id(),
            build: None,
            task_types: None,
        }));
    }

    fn beat(&mut self, memory: Option<u64>) {
        self.say(&FromChild::Heartbeat(Heartbeat { sequence: 1, busy: None, memory }));
    }

    fn accept(&mut self, handle: Handle) {
        self.say(&FromChild::Accepted(Accepted { handle }));
    }

    /// Waits for the next words of the supervisor, and takes them in.
    fn hear(&mut self) {
        let mut room = [0; 64 * 1024];
        let read = self.stream.read(&mut room).unwrap_or(0);
        if read == 0 {
            std::process::exit(0);
        }
        self.reader.push(&room[..read]);
        while let Some(body) = self.reader.pop().expect("the supervisor keeps to the protocol") {
            match decode_frame_for_child(&body).expect("a message") {
                Decoded::Message(message) => self.take(message),
                Decoded::Ancillary { .. } => {}
            }
        }
    }

    fn take(&mut self, message: ToChild) {
        match message {
            ToChild::Task(task) => self.tasks.push_back(*task),
            ToChild::Cancel(cancel) => self.cancelled.push(cancel.handle),
            ToChild::Drain(_) => self.draining = true,
            ToChild::Ping(_) => self.beat(None),
            ToChild::Reject(_) => std::process::exit(78),
            ToChild::Ack(ack) => self.acked.push(ack.handle),
            ToChild::Welcome(_) => {}
        }
    }

    fn leave(&mut self) -> ! {
        self.say(&FromChild::Exiting(Exiting { intent: Intent::Done, reason: None }));
        std::process::exit(0);
    }
}

#[expect(unsafe_code, reason = "a descriptor named by its number")]
fn descriptor() -> UnixStream {
    let number = std::env::var("HEARKEN_FD").expect("there is no line: HEARKEN_FD is not set");
    // SAFETY: hearken gave us this descriptor, and nobody else uses it.
    unsafe { UnixStream::from_raw_fd(number.parse().expect("HEARKEN_FD is a number")) }
}

/// As an SDK does: the word to drain says more.
#[expect(unsafe_code, reason = "SIG_IGN runs no code")]
fn ignore_term() {
    use nix::sys::signal::{SigHandler, Signal, signal};
    // SAFETY: no handler of ours ever runs.
    unsafe { signal(Signal::SIGTERM, SigHandler::SigIgn) }.expect("SIGTERM can be ignored");
}
