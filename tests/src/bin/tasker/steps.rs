//! What a payload may ask for.

use crate::Line;
use hearken_proto::{
    Chunk, Decoded, ErrorKind, ErrorMessage, FromChild, Handle, Raw, Task, TaskResult, decode_json,
};
use serde_json::{Value, json};
use std::fs::File;
use std::io::Read as _;
use std::time::Duration;

/// What is left to do for a task.
struct Work<'l> {
    line: &'l mut Line,
    task: &'l Task,
    accepted: bool,
    answered: bool,
}

/// Does what the payload of this task says.
pub(crate) fn work(line: &mut Line, task: &Task) {
    let payload = task.payload.to_exact_json().expect("a payload that JSON can carry");
    let payload: Value = serde_json::from_str(&payload).expect("JSON");
    let mut work = Work { line, task, accepted: false, answered: false };
    match payload.as_array() {
        Some(steps) => work.steps(steps),
        None => work.result(&payload),
    }
    if !work.answered {
        let told = work.told();
        work.result(&told);
    }
}

impl Work<'_> {
    fn steps(&mut self, steps: &[Value]) {
        for step in steps {
            if self.answered {
                return;
            }
            match step {
                Value::Object(_) => self.message(step.clone()),
                Value::Array(words) => self.act(words),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                    panic!("a step is a message or a list of words: {step}")
                }
            }
        }
    }

    fn act(&mut self, words: &[Value]) {
        let text = |at: usize| words[at].as_str().expect("a text");
        let number = |at: usize| words[at].as_u64().expect("a number");
        let milliseconds = |at: usize| Duration::from_millis(number(at));
        match text(0) {
            // Before it accepts the task; all other steps come after.
            "late" => return std::thread::sleep(milliseconds(1)),
            "exit-unaccepted" => std::process::exit(code(number(1))),
            _ => self.accept(),
        }
        match text(0) {
            "sleep" => std::thread::sleep(milliseconds(1)),
            // Until there is a byte for it in this pipe.
            "gate" => pass(text(1)),
            // Until it is cancelled; then it gives up.
            "until-cancelled" => self.until_cancelled(),
            // The steps are for this attempt only.
            "attempt" if number(1) == u64::from(self.task.attempt) => {
                self.steps(words[2].as_array().expect("steps"));
            }
            "attempt" => {}
            "complain" => eprintln!("{}", text(1)),
            "chunks" => {
                self.chunks(count(number(1)), count(number(2)));
                self.result_in(count(number(1)));
            }
            // The result is never said.
            "some-chunks" => self.chunks(count(number(1)), count(number(2))),
            // The second piece comes first.
            "chunks-shuffled" => {
                self.chunk(1, 16);
                self.chunk(0, 16);
                self.result_in(2);
            }
            "twice" => {
                self.result(&json!("once"));
                self.result(&json!("twice"));
            }
            "answer-and-die" => {
                self.result(&json!("my last words"));
                raise(9);
            }
            // Said as it is, and the task goes on.
            "say-only" => {
                self.message(words[1].clone());
                self.answered = false;
            }
            // Until what was said last is kept.
            "acked" => self.until_acked(),
            "garbage" => self.line.garbage(),
            "inline" => self.bytes(count(number(1)) as usize),
            "flood" => self.flood(number(1)),
            "exit" => std::process::exit(code(number(1))),
            "signal" => raise(number(1)),
            verb => panic!("no such verb: {verb}"),
        }
    }

    fn accept(&mut self) {
        if !std::mem::replace(&mut self.accepted, true) {
            self.line.accept(self.task.handle);
        }
    }

    fn message(&mut self, mut message: Value) {
        self.accept();
        let kind = message["kind"].as_str().expect("a message has a kind").to_owned();
        let about_a_task = !matches!(kind.as_str(), "heartbeat" | "draining" | "ready" | "status");
        if about_a_task && message.get("handle").is_none() {
            message["handle"] = json!(self.task.handle.0);
        }
        self.answered |= matches!(kind.as_str(), "result" | "error" | "snooze");
        match decode_json(message.to_string().as_bytes()) {
            Ok(Decoded::Message(message)) => self.line.say(&message),
            Ok(Decoded::Ancillary { .. }) | Err(_) => panic!("no message: {message}"),
        }
    }

    /// What this worker was told about the task, and who it is.
    fn told(&self) -> Value {
        let task = self.task;
        let text = |bytes: &Vec<u8>| String::from_utf8_lossy(bytes).into_owned();
        json!({
            "id": task.id,
            "attempt": task.attempt,
            "crashes": task.crashes,
            "checkpoint": task.checkpoint.as_ref().map(text),
            "last_error": task.last_error.as_ref().map(|error| &*error.code),
            "batch": task.batch,
            "key": task.key,
            "soft_ms": task.soft_ms,
            "hard_ms": task.hard_ms,
            "pid": std::process::id(),
        })
    }

    fn result(&mut self, value: &Value) {
        self.accept();
        let data = Some(Raw::from_value(value).expect("a value"));
        self.line.say(&FromChild::Result(TaskResult { data, ..empty(self.task.handle) }));
        self.answered = true;
    }

    fn bytes(&mut self, length: usize) {
        let data = Some(Raw::binary(&vec![b'x'; length]));
        self.line.say(&FromChild::Result(TaskResult { data, ..empty(self.task.handle) }));
        self.answered = true;
    }

    fn chunks(&mut self, count: u32, length: u32) {
        for sequence in 0..count {
            self.chunk(sequence, length);
        }
    }

    /// A piece full of its own number.
    fn chunk(&mut self, sequence: u32, length: u32) {
        let number = u8::try_from(sequence % 251).expect("less than 251");
        let data = vec![number; length as usize];
        let handle = self.task.handle;
        self.line.say(&FromChild::Chunk(Chunk { handle, sequence, data, last: false }));
    }

    fn result_in(&mut self, pieces: u32) {
        let result = TaskResult { chunks: Some(pieces), ..empty(self.task.handle) };
        self.line.say(&FromChild::Result(result));
        self.answered = true;
    }

    fn flood(&mut self, frames: u64) {
        for done in 0..frames {
            self.message(json!({"kind": "progress", "done": done, "total": frames}));
        }
    }

    fn until_acked(&mut self) {
        while !self.line.acked.contains(&self.task.handle) {
            self.line.hear();
        }
    }

    fn until_cancelled(&mut self) {
        let handle = self.task.handle;
        while !self.line.cancelled.contains(&handle) {
            self.line.hear();
        }
        let mut error = ErrorMessage::new(ErrorKind::Cancelled, "task.cancelled", "as asked");
        error.handle = Some(handle);
        self.line.say(&FromChild::Error(Box::new(error)));
        self.answered = true;
    }
}

fn pass(gate: &str) {
    let mut pipe = File::open(gate).expect("a pipe");
    pipe.read_exact(&mut [0]).expect("a byte");
}

fn empty(handle: Handle) -> TaskResult {
    TaskResult { handle, data: None, content_type: None, chunks: None, summary: None }
}

fn count(number: u64) -> u32 {
    u32::try_from(number).expect("not so many")
}

fn code(number: u64) -> i32 {
    i32::try_from(number).expect("an exit code")
}

fn raise(number: u64) {
    let signal = nix::sys::signal::Signal::try_from(code(number)).expect("a signal");
    nix::sys::signal::raise(signal).expect("a signal to oneself");
}
