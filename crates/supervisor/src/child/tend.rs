//! The task of one child.

use super::capture::Capture;
use super::line::{self, Came, Line};
use super::output::{Output, say_dropped};
use super::readiness::{LogWatch, Newline};
use super::splitter::LINE_MAX;
use super::tail::Tail;
use super::{Heard, Signs, TaskWord, Who, Word};
use crate::events::FrameTruncated;
use crate::logs::{self, Share};
use hearken_config::LogPattern;
use hearken_core::evidence::Said;
use hearken_core::identity::Token;
use hearken_proto::{Drain, Handle, Mode, ShortText, ToChild, Violation};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// The supervisor's ends of what connects it to a child.
#[derive(Debug)]
pub(crate) struct Ends {
    /// The line and what is spoken on it.
    pub(crate) line: Option<(UnixStream, Mode)>,
    /// The read end of its standard output.
    pub(crate) stdout: OwnedFd,
    /// The read end of its standard error.
    pub(crate) stderr: OwnedFd,
    /// The read end of its readiness descriptor.
    pub(crate) newline: Option<OwnedFd>,
}

/// What to listen for, the same for all children of a unit.
#[derive(Debug, Clone)]
pub(crate) struct Manner {
    /// What it works on.
    pub(crate) work: Work,
    /// How often it is to say `heartbeat`, if it is to.
    pub(crate) heartbeat: Option<Duration>,
    /// How long a frame may be from `welcome` on, in bytes.
    pub(crate) max_frame: u32,
    /// The signs of life the core waits for.
    pub(crate) signs: Signs,
    /// The line of output that says `ready`.
    pub(crate) log: Option<LogPattern>,
    /// What its standard output is.
    pub(crate) stdout: StandardOutput,
}

/// What the standard output of a child is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StandardOutput {
    /// Lines for the log.
    Log,
    /// The result of its task: handed to the loop as [`Word::Output`].
    Result,
}

/// What a child's task is told. When the sender is dropped, the task hears what is still there
/// and ends.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Order {
    /// Say `drain`, to a child that speaks the protocol.
    Drain {
        /// How long the child has.
        grace: Duration,
        /// Why.
        reason: &'static str,
    },
    /// Its process has ended: hand on what it left behind of its result, and say when that is all.
    Ended,
}

/// What a child works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Work {
    /// Whatever a service does.
    Service,
    /// The tasks it is handed on its line.
    Tasks,
    /// One task, that it was started with.
    OneTask,
}

/// What a worker is told about tasks. It holds as much as its pool gives out to one worker, which is
/// bounded by the worker's credits.
pub(crate) type Tasks = Option<mpsc::UnboundedReceiver<ToChild>>;

/// A child under way.
#[derive(Debug)]
pub(crate) struct Tended {
    token: Token,
    who: Who,
    line: Option<Line>,
    stdout: Output,
    result: Capture,
    stderr: Output,
    newline: Newline,
    log_watch: LogWatch,
    share: Share,
    /// How many messages on the line were heard but not logged, and their bytes.
    unlogged: (u64, u64),
    heard: mpsc::Sender<Heard>,
}

impl Tended {
    /// Adopts the ends of a child. Must be called inside the runtime.
    ///
    /// # Errors
    /// If a descriptor cannot be watched.
    pub(crate) fn new(
        token: Token,
        who: Who,
        ends: Ends,
        manner: Manner,
        share: Share,
        heard: mpsc::Sender<Heard>,
    ) -> io::Result<Self> {
        let line = |(stream, mode)| Line::new(stream, mode, &manner);
        let line = ends.line.map(line).transpose()?;
        let (log, result) = match manner.stdout {
            StandardOutput::Log => (Some(ends.stdout), None),
            StandardOutput::Result => (None, Some(ends.stdout)),
        };
        let stdout = Output::new("stdout", log, None)?;
        let result = Capture::new(result)?;
        let stderr = Output::new("stderr", Some(ends.stderr), Some(Tail::default()))?;
        let newline = Newline::new(ends.newline)?;
        let log_watch = LogWatch::new(manner.log);
        let unlogged = (0, 0);
        Ok(Self {
            token,
            who,
            line,
            stdout,
            result,
            stderr,
            newline,
            log_watch,
            share,
            unlogged,
            heard,
        })
    }

    async fn tell(&self, word: Word) {
        // The receiver is gone only when the supervisor itself ends.
        let _ended = self.heard.send(Heard { token: self.token, word }).await;
    }

    /// Hears one thing that came on the line.
    async fn hear(&mut self, came: Came) {
        let Some(line) = &mut self.line else { return };
        match came {
            Came::Begun => {}
            Came::Writable => line.write(),
            Came::Body(body) => {
                match log_within(&self.share, &body, &self.who, &mut self.unlogged, || {
                    line.hear(&body, &self.who)
                }) {
                    Ok(word) => {
                        let lost = !line.is_open();
                        if let Some(word) = word {
                            // What it said before of the same task is told before.
                            for earlier in last_of(&word)
                                .map(|handle| line.late_progress(Some(handle), &self.who))
                                .unwrap_or_default()
                            {
                                self.tell(earlier).await;
                            }
                            self.tell(word).await;
                        }
                        if lost {
                            self.close_line().await;
                        }
                    }
                    Err(violation) => self.broken(&violation, Some(&body)).await,
                }
            }
            Came::End => self.close_line().await,
            // What it said before counts, and its end has a reason of its own.
            Came::Truncated(violation) => {
                FrameTruncated {
                    unit: &self.who.unit,
                    instance: self.who.instance,
                    reason: &violation.to_string(),
                }
                .emit();
                self.close_line().await;
            }
            Came::Broken(violation) => self.broken(&violation, None).await,
        }
    }

    /// Tells progress that came too fast to be told when it came.
    async fn tell_late_progress(&mut self) {
        let Some(line) = &mut self.line else { return };
        for word in line.late_progress(None, &self.who) {
            self.tell(word).await;
        }
    }

    async fn broken(&mut self, violation: &Violation, body: Option<&[u8]>) {
        let Some(mut line) = self.line.take() else { return };
        let reason = line::report_violation(&self.who, line.mode(), violation, body);
        line.close_and_count(&self.who);
        say_dropped(&self.who, "line", &mut self.unlogged.0, &mut self.unlogged.1);
        self.tell(Word::Violated(reason)).await;
    }

    async fn close_line(&mut self) {
        self.tell_late_progress().await;
        if let Some(mut line) = self.line.take() {
            line.close_and_count(&self.who);
            say_dropped(&self.who, "line", &mut self.unlogged.0, &mut self.unlogged.1);
            self.tell(Word::LineClosed).await;
        }
    }

    /// The child was judged, or the time to listen is over: takes in what is there now, without
    /// waiting, and closes everything.
    async fn finish(&mut self) {
        for _ in 0..4096 {
            let Some(came) = self.line.as_mut().and_then(Line::ready_body) else { break };
            self.hear(came).await;
        }
        self.tell_late_progress().await;
        if let Some(line) = &mut self.line {
            line.close_and_count(&self.who);
            say_dropped(&self.who, "line", &mut self.unlogged.0, &mut self.unlogged.1);
        }
        for output in [&mut self.stdout, &mut self.stderr] {
            output.finish(&self.who, &self.share).await;
        }
        // What comes of a result now comes too late for its task.
        self.result.close();
    }
}

/// Tends a child until its line and its outputs are at their end, or `orders` is closed.
pub(crate) async fn tend(
    mut child: Tended,
    mut orders: watch::Receiver<Option<Order>>,
    tasks: Tasks,
) {
    let mut tasks = tasks;
    loop {
        // Before it is told that everything is at its end.
        if let Some(word) = child.result.take_whole() {
            child.tell(word).await;
        }
        let (has_line, has_room) = (child.line.is_some(), child.has_room());
        let deadline = child.line.as_ref().and_then(Line::deadline);
        let progress_due = child.line.as_ref().and_then(Line::progress_due);
        if !has_line && !child.writes() {
            let last_words = child.stderr.take_tail();
            return child.tell(Word::Drained(last_words)).await;
        }
        tokio::select! {
            changed = orders.changed() => {
                if changed.is_err() {
                    return child.finish().await;
                }
                let order = *orders.borrow_and_update();
                match order {
                    Some(Order::Drain { grace, reason }) => child.drain(grace, reason),
                    Some(Order::Ended) => child.result.process_ended(),
                    None => {}
                }
            }
            // What a child has no room for waits where it is: it may be at work and read later, and
            // whether it is late says the clock of its task.
            Some(message) = next_about_tasks(&mut tasks), if has_room => {
                child.prepare(&message);
                // Whatever else is there goes out in the same write.
                while child.has_room()
                    && let Some(message) = tasks.as_mut().and_then(|tasks| tasks.try_recv().ok())
                {
                    child.prepare(&message);
                }
                if let Some(line) = &mut child.line {
                    line.write();
                }
            }
            () = expire(progress_due) => child.tell_late_progress().await,
            came = next(&mut child.line) => {
                child.hear(came).await;
                // Frames that lie in the buffer already are no I/O, and would never yield.
                tokio::task::coop::consume_budget().await;
            }
            () = expire(deadline) => {
                let violation = child.line.as_mut().and_then(Line::left_half);
                if let Some(violation) = violation {
                    child.broken(&violation, None).await;
                }
            }
            // A pipe that is filled as fast as it is read never says that it would block, and
            // reading it costs the task no budget: one room full, then everybody else's turn.
            () = child.stdout.readable() => {
                child.stdout.read(&child.who, &child.share, &mut child.log_watch);
                child.after_output().await;
            }
            () = child.result.readable() => {
                if let Some(word) = child.result.read() {
                    child.tell(word).await;
                }
                tokio::task::yield_now().await;
            }
            () = child.stderr.readable() => {
                child.stderr.read(&child.who, &child.share, &mut child.log_watch);
                child.after_output().await;
            }
            () = child.newline.readable() => {
                if child.newline.read() {
                    child.tell(Word::Said(Said::Ready)).await;
                }
                tokio::task::yield_now().await;
            }
        }
    }
}

impl Tended {
    /// Whether any of its outputs can still bring something.
    fn writes(&self) -> bool {
        self.stdout.is_open() || self.result.is_open() || self.stderr.is_open()
    }

    async fn after_output(&mut self) {
        if self.log_watch.take_found() {
            self.tell(Word::Said(Said::Ready)).await;
        }
        tokio::task::yield_now().await;
    }

    /// Whether it can be told more about tasks; a line that is closed has all the room there is.
    fn has_room(&self) -> bool {
        self.line.as_ref().is_none_or(Line::has_room)
    }

    fn prepare(&mut self, message: &ToChild) {
        if let Some(line) = &mut self.line {
            line.prepare_task(message);
        }
    }

    fn drain(&mut self, grace: Duration, reason: &'static str) {
        if let Some(line) = &mut self.line
            && line.has_spoken()
        {
            let grace_ms = u64::try_from(grace.as_millis()).unwrap_or(u64::MAX);
            line.say(&ToChild::Drain(Drain { grace_ms, reason: ShortText::new(reason) }));
        }
    }
}

/// Hears with the child's own room in the log; what finds none is heard all the same, and counted.
fn log_within<T>(
    share: &Share,
    body: &[u8],
    who: &Who,
    unlogged: &mut (u64, u64),
    hear: impl FnOnce() -> T,
) -> T {
    let permit = share.permit(body.len().min(LINE_MAX));
    if permit.is_some() {
        say_dropped(who, "line", &mut unlogged.0, &mut unlogged.1);
    } else {
        unlogged.0 += 1;
        unlogged.1 += body.len() as u64;
    }
    logs::on_behalf(permit, hear)
}

/// The task a word is the last about.
fn last_of(word: &Word) -> Option<Handle> {
    match word {
        Word::Task(TaskWord::Done(result)) => Some(result.handle),
        Word::Task(TaskWord::Failed(handle, _)) => Some(*handle),
        Word::Task(TaskWord::Snoozed(snooze)) => Some(snooze.handle),
        Word::Task(
            TaskWord::Ready(_)
            | TaskWord::Draining
            | TaskWord::Memory(_)
            | TaskWord::Accepted(_)
            | TaskWord::Progress(..)
            | TaskWord::Log(..)
            | TaskWord::Chunk(_)
            | TaskWord::Checkpoint(_),
        )
        | Word::Said(_)
        | Word::MainEnded(_)
        | Word::Violated(_)
        | Word::LineClosed
        | Word::Output(_)
        | Word::OutputWhole
        | Word::Drained(_) => None,
    }
}

async fn next_about_tasks(tasks: &mut Tasks) -> Option<ToChild> {
    match tasks {
        Some(tasks) => tasks.recv().await,
        None => std::future::pending().await,
    }
}

async fn next(line: &mut Option<Line>) -> Came {
    match line {
        Some(line) => line.next().await,
        None => std::future::pending().await,
    }
}

async fn expire(deadline: Option<tokio::time::Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
