//! The fork server's own side: one loop over the control socket and the status pipes.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno as Refusal;
use rustix::net::SendFlags;
use rustix::pipe::{PipeFlags, pipe_with};

use super::MAX_REQUEST;
use super::child::{self, Given, Plan, REPORT, Terms};
use super::janitor;
use super::settle::{FIRST_OWN_FD, settle_in};
use super::socket::{self, Received};
use super::spawn::Stage;
use super::wire::{Answer, Request, SpawnRequest, decode_request};
use crate::clone::{self, Forked, Parent};
use crate::{Errno, PidFd};

/// The supervisor died and its children are cleared away.
const EXIT_DONE: i32 = 0;
/// The supervisor's request was not one: EX_SOFTWARE of sysexits.h.
const EXIT_MALFORMED: i32 = 70;
/// The kernel refused what the fork server needs to begin: EX_OSERR.
const EXIT_NOT_STARTED: i32 = 71;

/// More requests than a socket holds.
const MAX_WILL: usize = 65_536;

/// The most children between clone and exec. Further requests wait in the socket.
const MAX_FLIGHTS: usize = 256;

/// Why the loop ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    SupervisorGone,
    Malformed,
}

/// Why a spawn made no process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unforked {
    Malformed,
    At(Stage, Errno),
}

/// A child between clone and exec.
#[derive(Debug)]
struct Flight {
    token: u64,
    status: OwnedFd,
}

#[derive(Debug)]
struct Server {
    control: OwnedFd,
    terms: Terms,
    flights: Vec<Flight>,
    /// Those that the janitor would clear away.
    children: BTreeMap<u64, PidFd>,
    buffer: Box<[u8]>,
    legacy_clone_told: Cell<bool>,
    /// The supervisor is gone.
    orphaned: bool,
}

/// Is the fork server until the supervisor is gone.
pub(super) fn run(control: OwnedFd, terms: Terms) -> ! {
    // A panic may not unwind into what this process was forked from.
    let _never_dropped_but_by_a_panic = ExitOnUnwind;
    // To its own place first, so that a refusal after this can still be told.
    let control = match rustix::io::fcntl_dupfd_cloexec(&control, FIRST_OWN_FD) {
        Ok(moved) => moved,
        Err(errno) => not_started(control.as_fd(), errno.into()),
    };
    if let Err(errno) = settle_in(&control) {
        not_started(control.as_fd(), errno);
    }
    let mut server = Server {
        control,
        terms,
        flights: Vec::with_capacity(MAX_FLIGHTS),
        children: BTreeMap::new(),
        buffer: vec![0; MAX_REQUEST].into(),
        legacy_clone_told: Cell::new(false),
        orphaned: false,
    };
    let code = match server.serve() {
        Err(End::SupervisorGone) => {
            janitor::clear_away(server.children.values());
            EXIT_DONE
        }
        // The children live on: the supervisor does, and will adopt them to the next one.
        Err(End::Malformed) => EXIT_MALFORMED,
        Ok(never) => match never {},
    };
    child::exit(code)
}

/// Says why there will be no fork server, and exits. Async-signal-safe.
pub(super) fn not_started(control: BorrowedFd<'_>, errno: Errno) -> ! {
    let answer = Answer::NotStarted { errno }.encode();
    // If even this fails, the end of the socket says the rest.
    let _ = socket::send(control, &answer, &[], SendFlags::DONTWAIT);
    child::exit(EXIT_NOT_STARTED)
}

struct ExitOnUnwind;

impl Drop for ExitOnUnwind {
    fn drop(&mut self) {
        child::exit(EXIT_MALFORMED)
    }
}

impl Server {
    fn serve(&mut self) -> Result<std::convert::Infallible, End> {
        loop {
            let (control, ended) = self.wait();
            if control.intersects(PollFlags::HUP | PollFlags::ERR) {
                self.read_the_will();
                return Err(End::SupervisorGone);
            }
            for index in ended.into_iter().rev() {
                let flight = self.flights.swap_remove(index);
                self.land(flight)?;
            }
            if control.contains(PollFlags::IN) {
                self.take_request()?;
            }
        }
    }

    /// The supervisor is gone, but what it said last may lie here unread: of which children its
    /// janitor has to know. There is not one more child for it, though.
    fn read_the_will(&mut self) {
        self.orphaned = true;
        // The end of the socket is an error, and ends this.
        for _ in 0..MAX_WILL {
            if self.take_request().is_err() {
                return;
            }
        }
    }

    /// Waits until there is something to do: what the control socket says, and which flights.
    fn wait(&self) -> (PollFlags, Vec<usize>) {
        // HUP is told even where nothing is asked for.
        let wanted =
            if self.flights.len() < MAX_FLIGHTS { PollFlags::IN } else { PollFlags::empty() };
        let mut polled = Vec::with_capacity(1 + self.flights.len());
        polled.push(PollFd::new(&self.control, wanted));
        polled.extend(self.flights.iter().map(|one| PollFd::new(&one.status, PollFlags::IN)));
        if poll(&mut polled, None).is_err() {
            // EINTR by a SIGCONT, or ENOMEM for a moment: look again.
            return (PollFlags::empty(), Vec::new());
        }
        let ended = (0..self.flights.len()).filter(|at| !polled[at + 1].revents().is_empty());
        (polled[0].revents(), ended.collect())
    }

    /// Tells how an exec ended. End of file without a word is success: exec closed the pipe.
    fn land(&self, Flight { token, status }: Flight) -> Result<(), End> {
        let mut report = [0; REPORT];
        let told = match rustix::io::read(&status, &mut report) {
            Ok(0) => None,
            Ok(REPORT) => child::read_report(&report),
            Ok(_) => return Err(End::Malformed),
            Err(errno) => Some((Stage::StatusPipe, errno.into())),
        };
        drop(status);
        self.answer(match told {
            None => Answer::Execed { token },
            Some((stage, errno)) => Answer::Failed { token, stage, errno },
        })
    }

    fn take_request(&mut self) -> Result<(), End> {
        let mut buffer = std::mem::take(&mut self.buffer);
        let received = match socket::receive(self.control.as_fd(), &mut buffer) {
            Ok(received) => received,
            Err(Refusal::AGAIN | Refusal::NOMEM | Refusal::NOBUFS) => {
                self.buffer = buffer;
                return Ok(());
            }
            Err(_) => return Err(End::SupervisorGone),
        };
        let bytes = received.bytes.min(buffer.len());
        let done = match (bytes, received.cut, decode_request(&buffer[..bytes])) {
            (0, _, _) => Err(End::SupervisorGone),
            (_, false, Some(request)) => self.perform(request, received),
            (_, true, _) | (_, false, None) => Err(End::Malformed),
        };
        // The environment may hold secrets: it is not kept beyond the fork.
        buffer[..bytes].fill(0);
        self.buffer = buffer;
        done
    }

    fn perform(&mut self, request: Request<'_>, received: Received) -> Result<(), End> {
        match request {
            Request::Spawn(_) | Request::Probe { .. } if self.orphaned => Ok(()),
            Request::Spawn(spawn) => self.spawn(&spawn, received),
            Request::Forget(tokens) => {
                for token in tokens.iter() {
                    self.children.remove(&token);
                }
                Ok(())
            }
            Request::Probe { token, code } => self.probe(token, code),
            Request::Adopt { token, pid } => {
                // Without room for its pidfd the child is left to its death signal.
                let pidfd = received.descriptors.into_iter().next();
                let child = pidfd.map(|pidfd| (token, PidFd::from_parts(pidfd, pid)));
                self.children.extend(child);
                Ok(())
            }
        }
    }

    fn spawn(&mut self, spawn: &SpawnRequest<'_>, received: Received) -> Result<(), End> {
        let token = spawn.token;
        match self.fork(spawn, received) {
            Ok((child, status)) => {
                // Known to the janitor first: the answer may wait for long, and the supervisor
                // die before it has read it.
                self.flights.push(Flight { token, status });
                self.children.insert(token, child);
                self.forked(token, &self.children[&token])
            }
            Err(Unforked::Malformed) => Err(End::Malformed),
            Err(Unforked::At(stage, errno)) => {
                self.tell_legacy_clone()?;
                self.answer(Answer::Failed { token, stage, errno })
            }
        }
    }

    /// Makes the child. Its ends close here as this returns: while this process has them, they
    /// are no ends; and the next child must not inherit them.
    fn fork(
        &self,
        spawn: &SpawnRequest<'_>,
        received: Received,
    ) -> Result<(PidFd, OwnedFd), Unforked> {
        if received.descriptors_lost {
            return Err(Unforked::At(Stage::Receive, Errno::new(libc::EMFILE)));
        }
        let mut came = received.descriptors.iter().map(OwnedFd::as_fd);
        let mut next = || came.next().ok_or(Unforked::Malformed);
        let output = [next()?, next()?];
        let stdin = spawn.along.stdin.then(&mut next).transpose()?;
        let line = spawn.along.line.then(&mut next).transpose()?;
        let placed = |number| next().map(|end| (number, end));
        let readiness = spawn.along.readiness.map(placed).transpose()?;
        if came.next().is_some() {
            return Err(Unforked::Malformed);
        }
        let (status, childs) = pipe_with(PipeFlags::CLOEXEC)
            .map_err(|errno| Unforked::At(Stage::StatusPipe, errno.into()))?;
        let given = Given { stdin, output, line, readiness, status: childs.as_fd() };
        let plan = Plan::new(self.terms, spawn, given);
        // SAFETY: the child only calls become_program, which is async-signal-safe.
        match unsafe { clone::fork(Parent::CallersParent) } {
            Ok(Forked::Child) => child::become_program(&plan),
            Ok(Forked::Parent(child)) => Ok((child, status)),
            Err(errno) => Err(Unforked::At(Stage::Fork, errno)),
        }
    }

    /// A child that only exits: the supervisor sees whether its end comes to it.
    fn probe(&self, token: u64, code: u8) -> Result<(), End> {
        // SAFETY: the child exits at once.
        match unsafe { clone::fork(Parent::CallersParent) } {
            Ok(Forked::Child) => child::exit(code.into()),
            Ok(Forked::Parent(child)) => self.forked(token, &child),
            Err(errno) => {
                self.tell_legacy_clone()?;
                self.answer(Answer::Failed { token, stage: Stage::Fork, errno })
            }
        }
    }

    fn forked(&self, token: u64, child: &PidFd) -> Result<(), End> {
        self.tell_legacy_clone()?;
        let answer = Answer::Forked { token, pid: child.pid() };
        self.answer_with(answer, &[child.as_fd()])
    }

    fn tell_legacy_clone(&self) -> Result<(), End> {
        match clone::clone3_refusal() {
            Some(errno) if !self.legacy_clone_told.replace(true) => {
                self.answer(Answer::LegacyClone { errno })
            }
            Some(_) | None => Ok(()),
        }
    }

    fn answer(&self, answer: Answer) -> Result<(), End> {
        self.answer_with(answer, &[])
    }

    /// Blocks while the supervisor does not read. Its death ends the wait.
    fn answer_with(&self, answer: Answer, descriptors: &[BorrowedFd<'_>]) -> Result<(), End> {
        const A_MOMENT: Timespec = Timespec { tv_sec: 0, tv_nsec: 10_000_000 };

        let bytes = answer.encode();
        loop {
            match socket::send(self.control.as_fd(), &bytes, descriptors, SendFlags::empty()) {
                Ok(()) => return Ok(()),
                // Out of memory, or too many descriptors in flight: both pass, or the supervisor
                // loses patience and ends this process.
                Err(Refusal::NOMEM | Refusal::NOBUFS | Refusal::TOOMANYREFS) => {
                    let _nothing_to_poll_for = poll(&mut [], Some(&A_MOMENT));
                }
                Err(_) => return Err(End::SupervisorGone),
            }
        }
    }
}
