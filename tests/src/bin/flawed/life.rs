//! The life of the worker on its line: one loop, one task at a time.

use crate::Flaw;
use crate::say::Mouth;
use hearken_proto::{
    Decoded, ErrorKind, FrameReader, Handle, MAX_FRAME_BEFORE_WELCOME, Task, ToChild,
    decode_frame_for_child,
};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::SignalFd;
use std::collections::VecDeque;
use std::io::Read as _;
use std::ops::ControlFlow;
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::time::{Duration, Instant};

struct Life {
    flaw: Flaw,
    mouth: Mouth,
    max_frame: usize,
    beat: Option<(Duration, Instant)>,
    waiting: VecDeque<Task>,
    running: Option<(Handle, Instant)>,
    unacknowledged: usize,
    draining: Option<Instant>,
    refuses: bool,
}

/// How long it stays for acks when a signal, which names no time, tells it to leave.
const GRACE: Duration = Duration::from_secs(10);

/// To the end of it, with the exit code.
type Flow = ControlFlow<ExitCode>;

pub(crate) fn live(flaw: Flaw, mut line: UnixStream) -> ExitCode {
    let mut terms = SigSet::empty();
    if !flaw.is("dies-of-term") {
        terms.add(Signal::SIGTERM);
    }
    terms.thread_block().expect("a mask");
    let signals = SignalFd::new(&terms).expect("a signalfd");
    let mouth = Mouth::new(flaw.clone(), line.try_clone().expect("a second hold"));
    let mut reader = FrameReader::new(MAX_FRAME_BEFORE_WELCOME);
    let mut life = Life {
        flaw,
        mouth,
        max_frame: 0,
        beat: None,
        waiting: VecDeque::new(),
        running: None,
        unacknowledged: 0,
        draining: None,
        refuses: false,
    };
    life.mouth.hello();
    loop {
        if let ControlFlow::Break(code) = life.work() {
            return code;
        }
        life.mouth.flush();
        let deaf = life.flaw.is("deaf-while-busy") && life.running.is_some();
        let wants = if deaf { PollFlags::empty() } else { PollFlags::POLLIN };
        let mut fds =
            [PollFd::new(line.as_fd(), wants), PollFd::new(signals.as_fd(), PollFlags::POLLIN)];
        poll(&mut fds, life.timeout()).expect("poll");
        let [heard, signalled] = fds.map(|fd| fd.any().expect("known flags"));
        if signalled {
            signals.read_signal().expect("a signal");
            life.draining = Some(Instant::now() + GRACE);
            if life.flaw.is("drops-tasks-at-term") {
                life.drop_tasks();
            }
        }
        if heard
            && !deaf
            && let ControlFlow::Break(code) = life.hear(&mut line, &mut reader)
        {
            life.mouth.flush();
            return code;
        }
    }
}

impl Life {
    /// Begins, ends, and leaves when there is nothing left to do.
    fn work(&mut self) -> Flow {
        let now = Instant::now();
        if let Some((every, due)) = self.beat.filter(|(_, due)| *due <= now) {
            self.beat = Some((every, due + every));
            let busy = self.busy();
            self.mouth.heartbeat(busy);
        }
        if let Some((handle, _)) = self.running.filter(|(_, until)| *until <= now) {
            self.running = None;
            self.ended();
            self.mouth.result(handle, None, None);
        }
        while self.running.is_none()
            && let Some(task) = self.waiting.pop_front()
        {
            self.begin(&task);
        }
        let Some(until) = self.draining.filter(|_| self.running.is_none()) else {
            return Flow::Continue(());
        };
        let in_time = now < until || self.flaw.is("awaits-acks-for-ever");
        if self.unacknowledged == 0 || self.flaw.is("awaits-no-ack") || !in_time {
            self.mouth.exiting();
            self.mouth.flush();
            let code = if self.flaw.is("leaves-with-1") { 1 } else { 0 };
            return Flow::Break(ExitCode::from(code));
        }
        Flow::Continue(())
    }

    fn begin(&mut self, task: &Task) {
        let handle = task.handle;
        if self.refuses {
            return;
        }
        if self.flaw.is("fears-checkpoints") && task.checkpoint.is_some() {
            self.ended();
            return self.mouth.error(handle, ErrorKind::Bug, "flawed.fear");
        }
        self.mouth.accepted(handle);
        match task.task_type.as_deref() {
            Some("slow") => {
                let time = Duration::from_millis(task.payload.decode().unwrap_or(1500));
                self.running = Some((handle, Instant::now() + time));
                return;
            }
            Some("fail") => {
                self.mouth.failed(handle);
                self.refuses = self.flaw.is("sulks");
            }
            Some("large") => self.mouth.large(handle, self.max_frame),
            Some(_) | None => self.mouth.result(handle, Some(task.payload.clone()), None),
        }
        self.ended();
    }

    fn hear(&mut self, line: &mut UnixStream, reader: &mut FrameReader) -> Flow {
        let mut buffer = vec![0; 64 * 1024];
        let length = line.read(&mut buffer).unwrap_or(0);
        if length == 0 {
            return self.line_ended(reader.is_half());
        }
        reader.push(&buffer[..length]);
        let mut frames = 0;
        loop {
            let body = match reader.pop() {
                Ok(Some(body)) => body,
                Ok(None) => break,
                Err(_) => return self.bad_frame(),
            };
            frames += 1;
            if frames > 1 && self.flaw.is("one-frame-a-read") {
                continue;
            }
            let has = |bytes: &[u8]| body.windows(bytes.len()).any(|window| window == bytes);
            if (self.flaw.is("strict-fields") && has(b"later"))
                || (self.flaw.is("strict-values") && has(b"\xcb"))
                || (self.flaw.is("small-frames") && body.len() > 64 * 1024)
            {
                return Flow::Break(ExitCode::from(76));
            }
            match decode_frame_for_child(&body) {
                Ok(Decoded::Message(message)) => self.obey(message, reader)?,
                Ok(Decoded::Ancillary { .. }) if self.flaw.is("strict-kinds") => {
                    return Flow::Break(ExitCode::from(76));
                }
                Ok(Decoded::Ancillary { .. }) => {}
                Err(_) => self.bad_frame()?,
            }
        }
        if reader.is_half() && self.flaw.is("whole-reads-only") {
            return Flow::Break(ExitCode::from(76));
        }
        Flow::Continue(())
    }

    fn obey(&mut self, message: ToChild, reader: &mut FrameReader) -> Flow {
        match message {
            ToChild::Welcome(_) if self.flaw.is("ends-at-welcome") => {
                return Flow::Break(ExitCode::SUCCESS);
            }
            ToChild::Welcome(welcome) => {
                reader.set_max(welcome.max_frame);
                self.max_frame = usize::try_from(welcome.max_frame).expect("64 bits");
                self.beat = welcome.heartbeat_ms.map(|every| {
                    let every = Duration::from_millis(every.into());
                    (every, Instant::now() + every)
                });
                self.mouth.ready();
            }
            ToChild::Reject(_) if self.flaw.is("ignores-reject") => {}
            ToChild::Reject(_) => return Flow::Break(ExitCode::from(76)),
            ToChild::Task(_) if self.flaw.is("one-at-a-time") && !self.waiting.is_empty() => {}
            ToChild::Task(task) => self.waiting.push_back(*task),
            ToChild::Cancel(cancel) => self.cancel(cancel.handle)?,
            ToChild::Ack(_) if self.unacknowledged == 0 && self.flaw.is("strict-handles") => {
                return Flow::Break(ExitCode::from(76));
            }
            ToChild::Ack(_) => self.unacknowledged = self.unacknowledged.saturating_sub(1),
            ToChild::Drain(drain) => {
                let grace = Duration::from_millis(drain.grace_ms);
                self.draining = Some(Instant::now() + grace);
                if self.flaw.is("drops-tasks-at-drain") {
                    self.drop_tasks();
                }
            }
            ToChild::Ping(ping) => {
                let busy = self.busy();
                self.mouth.pong(ping.sequence, busy);
            }
        }
        Flow::Continue(())
    }

    fn cancel(&mut self, handle: Handle) -> Flow {
        let before = self.waiting.len();
        self.waiting.retain(|task| task.handle != handle);
        if self.waiting.len() < before && self.flaw.is("forgets-cancelled") {
            return Flow::Continue(());
        }
        let running = self.running.is_some_and(|(running, _)| running == handle);
        if running && !self.flaw.is("ignores-cancel") {
            self.running = None;
        }
        if self.waiting.len() < before || (running && self.running.is_none()) {
            self.ended();
            self.mouth.error(handle, ErrorKind::Cancelled, "flawed.cancelled");
        }
        Flow::Continue(())
    }

    fn line_ended(&self, half: bool) -> Flow {
        let stays = self.flaw.is("outlives-its-line") || (half && self.flaw.is("waits-for-halves"));
        if stays {
            loop {
                std::thread::park();
            }
        }
        Flow::Break(ExitCode::from(69))
    }

    fn bad_frame(&self) -> Flow {
        if self.flaw.is("aborts-at-bad-frames") {
            std::process::abort();
        }
        if self.flaw.is("skips-bad-frames") {
            return Flow::Continue(());
        }
        Flow::Break(ExitCode::from(76))
    }

    fn ended(&mut self) {
        self.unacknowledged += 1;
    }

    fn drop_tasks(&mut self) {
        self.waiting.clear();
        self.running = None;
    }

    fn busy(&self) -> Vec<Handle> {
        let running = self.running.map(|(handle, _)| handle);
        running.into_iter().chain(self.waiting.iter().map(|task| task.handle)).collect()
    }

    fn timeout(&self) -> PollTimeout {
        let next = self.beat.map(|(_, due)| due).into_iter();
        let next = next.chain(self.running.map(|(_, until)| until));
        // One that is past was waited for in vain.
        let grace = self.draining.filter(|until| *until > Instant::now());
        let next = next.chain(grace).min();
        let left = next.map(|next| next.saturating_duration_since(Instant::now()));
        // Rounded up: a poll that is early would come again at once.
        left.map_or(PollTimeout::NONE, |left| {
            PollTimeout::try_from(left + Duration::from_millis(1)).unwrap_or(PollTimeout::MAX)
        })
    }
}
