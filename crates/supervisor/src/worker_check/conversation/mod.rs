//! The supervisor's side of one line, said and heard step by step.
//!
//! ```text
//!   start ─▶ hello ─▶ welcome ─▶ ready ─▶ give, accepted, ending … ─▶ drain ─▶ farewell, exit
//! ```
//!
//! Every wait ends after the timeout that was asked for, with a fault that names what was awaited.
//! What is said meanwhile is taken in and remembered, so no step depends on the order of messages
//! that the protocol leaves open.

mod hear;

use super::Bench;
use super::fault::Setback;
use super::start;
use super::task_record::{Ending, TaskRecord};
use super::work::Work;
use super::worker::{Turn, Worker};
use bytes::BytesMut;
use hear::Word;
use hearken_proto::{
    DEFAULT_MAX_FRAME, Exiting, Handle, Heartbeat, Hello, Kind, Mode, PROTOCOL, Session, Task,
    ToChild, Welcome, encode_frame,
};
use hearken_sys::Signal;
use std::collections::BTreeMap;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

/// One worker, and everything it said.
pub(super) struct Conversation<'a> {
    bench: &'a Bench<'a>,
    worker: Worker,
    session: Session,
    next_handle: u32,
    last_word: Option<String>,
    hello: Option<Hello>,
    credits: Option<u16>,
    heartbeats: Vec<Heartbeat>,
    tasks: BTreeMap<Handle, TaskRecord>,
    beyond: Vec<(Kind, Handle)>,
    exiting: Option<Exiting>,
    acknowledges: bool,
}

impl<'a> Conversation<'a> {
    /// Starts a worker, and says nothing yet. `max_frame`, in bytes, applies from `welcome` on.
    pub(super) fn start(bench: &'a Bench<'a>, max_frame: u32) -> Result<Self, Setback> {
        Ok(Conversation {
            bench,
            worker: start::on_a_line(bench)?,
            session: Session::new(Mode::MessagePack, max_frame),
            next_handle: 1,
            last_word: None,
            hello: None,
            credits: None,
            heartbeats: Vec::new(),
            tasks: BTreeMap::new(),
            beyond: Vec::new(),
            exiting: None,
            acknowledges: true,
        })
    }

    /// The usual beginning: start, hello, welcome, ready.
    pub(super) fn open(bench: &'a Bench<'a>) -> Result<Self, Setback> {
        Self::open_with(bench, welcome())
    }

    /// The same with a welcome of one's own.
    pub(super) fn open_with(bench: &'a Bench<'a>, welcome: Welcome) -> Result<Self, Setback> {
        let mut talk = Self::start(bench, welcome.max_frame)?;
        talk.hello()?;
        talk.say(ToChild::Welcome(welcome));
        talk.ready()?;
        Ok(talk)
    }

    /// What is checked, with which tasks.
    pub(super) fn bench(&self) -> &'a Bench<'a> {
        self.bench
    }

    /// Waits for the first word.
    pub(super) fn hello(&mut self) -> Result<Hello, Setback> {
        self.until("hello", |talk| talk.hello.clone())
    }

    /// Waits for `ready` and gives its credits.
    pub(super) fn ready(&mut self) -> Result<u16, Setback> {
        self.until("ready", |talk| talk.credits)
    }

    /// Queues a message; it goes out with the next wait.
    pub(super) fn say(&mut self, message: ToChild) {
        let mut frame = BytesMut::new();
        encode_frame(&message, &mut frame).expect("our own messages are within the limits");
        self.worker.send(&frame);
    }

    /// Queues bytes as they are.
    pub(super) fn say_bytes(&mut self, bytes: &[u8]) {
        self.worker.send(bytes);
    }

    /// Writes all that is queued.
    pub(super) fn flush(&mut self) -> Result<(), Setback> {
        let until = self.deadline();
        while !self.worker.is_sent() {
            if Instant::now() >= until || self.worker.turn(until)? == Turn::Late {
                let came = "it reads nothing of what was sent".to_owned();
                return Err(self.fault("that it reads its line", came));
            }
        }
        Ok(())
    }

    /// The task of this work under a new handle, known as handed out but not queued.
    pub(super) fn make(&mut self, work: &Work) -> Task {
        let handle = Handle(self.next_handle);
        self.next_handle += 1;
        self.session.open(handle);
        self.tasks.insert(handle, TaskRecord::default());
        work.task(handle, self.bench.asked.task_type.as_deref())
    }

    /// Queues a task with this work.
    pub(super) fn give(&mut self, work: &Work) -> Handle {
        let task = self.make(work);
        let handle = task.handle;
        self.say(ToChild::Task(Box::new(task)));
        handle
    }

    /// Waits until work on the task begins.
    pub(super) fn accepted(&mut self, handle: Handle) -> Result<(), Setback> {
        let expected = format!("accepted, of task {handle}");
        self.until(&expected, |talk| {
            let begun = |task: &TaskRecord| task.accepted > 0 || task.ending.is_some();
            talk.tasks.get(&handle).is_some_and(begun).then_some(())
        })
    }

    /// Waits until the task has ended, and gives all that was said about it.
    pub(super) fn ended(&mut self, handle: Handle) -> Result<(TaskRecord, Ending), Setback> {
        let expected = format!("a result or an error of task {handle}");
        self.until(&expected, |talk| {
            let mut record = talk.tasks.remove(&handle)?;
            match record.ending.take() {
                Some(ending) => Some((record, ending)),
                None => {
                    talk.tasks.insert(handle, record);
                    None
                }
            }
        })
    }

    /// Whether the task has ended by what was heard so far.
    pub(super) fn has_ended(&self, handle: Handle) -> bool {
        self.tasks.get(&handle).is_none_or(|task| task.ending.is_some())
    }

    /// Waits until the task has ended with a result.
    pub(super) fn result(&mut self, handle: Handle) -> Result<TaskRecord, Setback> {
        let (record, ending) = self.ended(handle)?;
        if ending.is_result() {
            return Ok(TaskRecord { ending: Some(ending), ..record });
        }
        let expected = format!("a result of task {handle} (--payload gives one that it can do)");
        Err(self.fault(&expected, ending.describe()))
    }

    /// Gives it the task that succeeds and waits for the result: so it is as able as ever.
    pub(super) fn still_works(&mut self) -> Result<(), Setback> {
        let handle = self.give(&self.bench.asked.payload);
        self.result(handle).map(|_| ())
    }

    /// Waits for a heartbeat of this sequence.
    pub(super) fn heartbeat_of(&mut self, sequence: u64) -> Result<(), Setback> {
        let expected = format!("a heartbeat of sequence {sequence}");
        self.until(&expected, |talk| {
            talk.heartbeats.iter().any(|beat| beat.sequence == sequence).then_some(())
        })
    }

    /// Waits until so many heartbeats came, at most so long, and gives them.
    pub(super) fn heartbeats(
        &mut self,
        count: usize,
        within: Duration,
    ) -> Result<Vec<Heartbeat>, Setback> {
        self.heartbeats.clear();
        let expected = format!("{count} heartbeats within {within:?}");
        let until = Instant::now() + within;
        self.until_then(&expected, until, |talk| {
            (talk.heartbeats.len() >= count).then(|| std::mem::take(&mut talk.heartbeats))
        })
    }

    /// Waits for the last word.
    pub(super) fn farewell(&mut self) -> Result<Exiting, Setback> {
        self.until("exiting", |talk| talk.exiting.clone())
    }

    /// Takes in what comes in this time, and does not mind if nothing does.
    pub(super) fn listen(&mut self, time: Duration) -> Result<(), Setback> {
        let until = Instant::now() + time;
        loop {
            match self.next(until, "messages of protocol 1")? {
                Word::Heard => {}
                Word::Silence | Word::LineEnd => return Ok(()),
            }
        }
    }

    /// Whether it has said its last word, or hung up, or ended.
    pub(super) fn is_leaving(&self) -> bool {
        self.exiting.is_some() || self.worker.line_ended() || self.worker.ended().is_some()
    }

    /// Waits until the process has ended by itself. What it says meanwhile must be in turn.
    pub(super) fn exit(&mut self) -> Result<ExitStatus, Setback> {
        let until = self.deadline();
        let expected = "that the process ends by itself";
        loop {
            match self.next(until, expected)? {
                Word::Heard => {}
                Word::Silence => {
                    let came = format!("it lives on after {}", seconds(self.bench.asked.timeout));
                    return Err(self.fault(expected, came));
                }
                Word::LineEnd => match self.end_of_process(until)? {
                    Some(status) => return Ok(status),
                    None => {
                        let came = "the end of the line, but the process lives on".to_owned();
                        return Err(self.fault(expected, came));
                    }
                },
            }
        }
    }

    /// Waits until the process has ended by itself, whatever it says meanwhile.
    fn exit_unheard(&mut self) -> Result<ExitStatus, Setback> {
        let until = self.deadline();
        match self.end_of_process(until)? {
            Some(status) => Ok(status),
            None => {
                let came = format!("it lives on after {}", seconds(self.bench.asked.timeout));
                Err(self.fault("that the process ends by itself", came))
            }
        }
    }

    /// Waits until the worker has said anything beside hello.
    pub(super) fn speaks(&mut self) -> Result<(), Setback> {
        let expected = "ready, or the heartbeat that answers a ping";
        self.until(expected, |talk| {
            (talk.credits.is_some() || !talk.heartbeats.is_empty()).then_some(())
        })
    }

    /// Waits until the process has ended, with whatever exit code but by no signal.
    pub(super) fn ends_by_itself(&mut self) -> Result<(), Setback> {
        let status = self.exit_unheard()?;
        match status.code() {
            Some(_) => Ok(()),
            None => Err(self.fault("an exit of its own", status.to_string())),
        }
    }

    /// From now on a task that ends is not acknowledged.
    pub(super) fn withhold_acks(&mut self) {
        self.acknowledges = false;
    }

    /// What was said about tasks that it does not hold, or no longer.
    pub(super) fn beyond(&self) -> &[(Kind, Handle)] {
        &self.beyond
    }

    /// Ends the line from our side.
    pub(super) fn hang_up(&mut self) {
        self.worker.hang_up();
    }

    /// Signals the process.
    pub(super) fn signal(&self, signal: Signal) -> Result<(), Setback> {
        Ok(self.worker.signal(signal)?)
    }

    /// A fault, with the worker's output so far.
    pub(super) fn fault(&self, expected: &str, came: String) -> Setback {
        self.worker.fault(expected, came)
    }

    fn deadline(&self) -> Instant {
        Instant::now() + self.bench.asked.timeout
    }
}

/// The welcome that a pool's worker gets, with nothing but what must be there.
pub(super) fn welcome() -> Welcome {
    Welcome {
        protocol: PROTOCOL,
        unit: "worker-check".to_owned(),
        instance: 1,
        incarnation: 1,
        max_frame: DEFAULT_MAX_FRAME,
        heartbeat_ms: None,
        config: None,
    }
}

fn seconds(time: Duration) -> String {
    format!("{} s", time.as_secs_f32())
}
