//! A started worker: its process, its line and its output, turned by one poll.

use super::fault::{Fault, Setback};
use bytes::{Buf as _, Bytes, BytesMut};
use hearken_proto::{FrameReader, MAX_FRAME_BEFORE_WELCOME, Violation};
use hearken_sys::{Pid, PidFd, Signal};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

/// How much is read at once.
const READ: usize = 64 * 1024;

/// How much of the output is kept, in bytes: its end.
const OUTPUT_KEPT: usize = 2048;

/// How much may lie unread between two looks at the line, in bytes, before it is left standing.
const MAX_UNREAD: usize = 32 * 1024 * 1024;

/// How long a killed process may take to be gone.
const DEATH: Duration = Duration::from_secs(2);

/// What a look at the worker brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// Something moved: look at what was awaited.
    Moved,
    /// The time was up first.
    Late,
}

/// A process in a group of its own, killed with all of the group when dropped.
#[derive(Debug)]
pub(super) struct Worker {
    child: Child,
    hold: PidFd,
    ended: Option<ExitStatus>,
    output: Option<OwnedFd>,
    said: Vec<u8>,
    wrote: bool,
    line: Option<UnixStream>,
    hears: bool,
    inbox: FrameReader,
    unread: usize,
    outbox: BytesMut,
    interruption: OwnedFd,
    interrupted: bool,
}

impl Worker {
    pub(super) fn new(
        mut child: Child,
        line: Option<UnixStream>,
        output: OwnedFd,
        interruption: OwnedFd,
    ) -> io::Result<Worker> {
        let pid = i32::try_from(child.id()).ok().and_then(Pid::new);
        let hold = pid.ok_or(ErrorKind::InvalidInput.into()).and_then(|pid| {
            PidFd::open(pid).map_err(|errno| io::Error::from_raw_os_error(errno.get()))
        });
        let hold = match hold {
            Ok(hold) => hold,
            Err(error) => {
                // Nobody could kill it later.
                let _gone_already = child.kill();
                return Err(error);
            }
        };
        Ok(Worker {
            child,
            hold,
            ended: None,
            output: Some(output),
            said: Vec::new(),
            wrote: false,
            hears: line.is_some(),
            line,
            inbox: FrameReader::new(MAX_FRAME_BEFORE_WELCOME),
            unread: 0,
            outbox: BytesMut::new(),
            interruption,
            interrupted: false,
        })
    }

    /// Waits until something moves, at most until then, and takes in what did.
    pub(super) fn turn(&mut self, until: Instant) -> Result<Turn, Setback> {
        let turn = self.poll(until)?;
        if self.interrupted { Err(Setback::Interrupted) } else { Ok(turn) }
    }

    fn poll(&mut self, until: Instant) -> io::Result<Turn> {
        let hears = self.hears && self.unread < MAX_UNREAD;
        let speaks = !self.outbox.is_empty();
        let mut line_wants = PollFlags::empty();
        line_wants.set(PollFlags::IN, hears);
        line_wants.set(PollFlags::OUT, speaks);
        let mut polled = Vec::with_capacity(4);
        if !self.interrupted {
            polled.push((Source::Interruption, PollFd::new(&self.interruption, PollFlags::IN)));
        }
        if self.ended.is_none() {
            polled.push((Source::Process, PollFd::new(&self.hold, PollFlags::IN)));
        }
        if let Some(output) = &self.output {
            polled.push((Source::Output, PollFd::new(output, PollFlags::IN)));
        }
        // A line that nobody wants anything of would still report its end, again and again.
        if let Some(line) = self.line.as_ref().filter(|_| !line_wants.is_empty()) {
            polled.push((Source::Line, PollFd::new(line, line_wants)));
        }
        let (sources, mut fds): (Vec<_>, Vec<_>) = polled.into_iter().unzip();
        let left = until.saturating_duration_since(Instant::now());
        let left = Timespec::try_from(left).unwrap_or(Timespec { tv_sec: i64::MAX, tv_nsec: 0 });
        match poll(&mut fds, Some(&left)) {
            Ok(0) => return Ok(Turn::Late),
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => return Ok(Turn::Moved),
            Err(error) => return Err(error.into()),
        }
        let ready: Vec<_> = sources
            .into_iter()
            .zip(fds.iter().map(PollFd::revents))
            .filter(|(_, events)| !events.is_empty())
            .collect();
        for (source, events) in ready {
            match source {
                Source::Interruption => self.interrupted = true,
                Source::Process => self.reap()?,
                Source::Output => self.read_output()?,
                Source::Line => {
                    if speaks && events.intersects(PollFlags::OUT | PollFlags::ERR) {
                        self.write_line()?;
                    }
                    if hears && events.intersects(PollFlags::IN | PollFlags::HUP | PollFlags::ERR) {
                        self.read_line()?;
                    }
                }
            }
        }
        Ok(Turn::Moved)
    }

    /// Puts bytes behind those not written yet.
    pub(super) fn send(&mut self, bytes: &[u8]) {
        if self.line.is_some() {
            self.outbox.extend_from_slice(bytes);
        }
    }

    /// Whether everything was written, or nobody is there to write to.
    pub(super) fn is_sent(&self) -> bool {
        self.outbox.is_empty()
    }

    /// The next whole frame body that came.
    pub(super) fn frame(&mut self) -> Result<Option<Bytes>, Violation> {
        let frame = self.inbox.pop()?;
        if frame.is_none() {
            self.unread = 0;
        }
        Ok(frame)
    }

    /// How long the bodies to come may be, in bytes.
    pub(super) fn set_max_frame(&mut self, max: u32) {
        self.inbox.set_max(max);
    }

    /// Whether the line has ended, from either side; what came before may still lie unread.
    pub(super) fn line_ended(&self) -> bool {
        !self.hears
    }

    /// What the end of the line means for the bytes that came before it.
    pub(super) fn half_frame(&self) -> Result<(), Violation> {
        self.inbox.end()
    }

    /// Ends the line from our side, once what was said is written.
    pub(super) fn hang_up(&mut self) {
        self.line = None;
        self.hears = false;
        self.outbox.clear();
    }

    /// Signals the process, and nobody else of its group: so does hearken.
    pub(super) fn signal(&self, signal: Signal) -> io::Result<()> {
        let sent = self.hold.signal(signal);
        sent.map(|_| ()).map_err(|errno| io::Error::from_raw_os_error(errno.get()))
    }

    /// How it ended, if it has.
    pub(super) fn ended(&self) -> Option<ExitStatus> {
        self.ended
    }

    /// Whether somebody could still write to its output.
    pub(super) fn has_output(&self) -> bool {
        self.output.is_some()
    }

    /// Whether it wrote anything to standard output or standard error.
    pub(super) fn has_written(&self) -> bool {
        self.wrote
    }

    /// A fault, with the end of the output so far.
    pub(super) fn fault(&self, expected: &str, came: String) -> Setback {
        let output = String::from_utf8_lossy(&self.said).into_owned();
        Fault::new(expected, came, output).into()
    }

    fn reap(&mut self) -> io::Result<()> {
        // Before its number is given back, so that the group is still its own.
        let _nobody_left = self.hold.signal_group(Signal::KILL);
        self.ended = Some(self.child.wait()?);
        Ok(())
    }

    fn read_output(&mut self) -> io::Result<()> {
        let Some(output) = &self.output else {
            return Ok(());
        };
        let mut buffer = [0; 4096];
        match rustix::io::read(output, &mut buffer) {
            Ok(0) => self.output = None,
            Ok(length) => {
                self.wrote = true;
                self.said.extend_from_slice(buffer.get(..length).unwrap_or_default());
                self.said.drain(..self.said.len().saturating_sub(OUTPUT_KEPT));
            }
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    fn read_line(&mut self) -> io::Result<()> {
        let Some(line) = &mut self.line else {
            return Ok(());
        };
        let mut buffer = vec![0; READ];
        match line.read(&mut buffer) {
            Ok(0) => self.hears = false,
            Ok(length) => {
                self.unread += length;
                self.inbox.push(buffer.get(..length).unwrap_or_default());
            }
            Err(error) if is_pause(&error) => {}
            // It left without reading all that was said to it.
            Err(error) if error.kind() == ErrorKind::ConnectionReset => self.hears = false,
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn write_line(&mut self) -> io::Result<()> {
        let Some(line) = &mut self.line else {
            return Ok(());
        };
        match line.write(&self.outbox) {
            Ok(length) => self.outbox.advance(length),
            Err(error) if is_pause(&error) => {}
            // Nobody reads; what it said before it left is read on.
            Err(error) if is_gone(&error) => self.outbox.clear(),
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if self.ended.is_some() {
            return;
        }
        let _not_ours_to_tell = self.hold.signal_group(Signal::KILL);
        self.hang_up();
        let until = Instant::now() + DEATH;
        while self.ended.is_none() {
            match self.poll(until) {
                Ok(Turn::Moved) => {}
                Ok(Turn::Late) | Err(_) => return,
            }
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Source {
    Interruption,
    Process,
    Output,
    Line,
}

fn is_pause(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

fn is_gone(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset)
}
