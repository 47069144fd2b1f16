//! A small supervisor for the tests: it waits for replies and exits, with a deadline.

use std::collections::BTreeMap;
use std::ffi::CString;
use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, FromRawFd, OwnedFd};
use std::time::{Duration, Instant};

use hearken_sys::{
    Change, ChildEnds, Errno, ForkServer, Lost, Pid, PidFd, Prepared, Reply, SendError, Signal,
    Spawn, Stage, Status, next_change, output_pipe, prepare_supervisor,
};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::skip;

/// What every wait of these tests gives up after.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// What came, in the order it came; pidfds are kept in [`World::pidfds`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Forked(u64, Pid),
    Execed(u64),
    Failed(u64, Stage, i32),
    LegacyClone(Errno),
    Changed(Pid, Status),
    Lost(Lost),
}

/// A supervisor in miniature.
pub(crate) struct World {
    pub(crate) prepared: Prepared,
    pub(crate) server: ForkServer,
    pub(crate) pidfds: BTreeMap<u64, PidFd>,
    /// Ends that were seen while something else was awaited: an exit may overtake the reply.
    ended: BTreeMap<Pid, Status>,
    sigchld: OwnedFd,
    lost: bool,
    next_token: u64,
}

impl World {
    pub(crate) fn new() -> World {
        World::started(&prepare_supervisor().expect("prepare"))
    }

    pub(crate) fn started(prepared: &Prepared) -> World {
        World {
            prepared: prepared.clone(),
            server: ForkServer::start(prepared).expect("start"),
            pidfds: BTreeMap::new(),
            ended: BTreeMap::new(),
            sigchld: sigchld(),
            lost: false,
            next_token: 1,
        }
    }

    /// Replaces the fork server.
    pub(crate) fn respawn(&mut self) {
        self.server = ForkServer::respawn(&self.prepared).expect("respawn");
        self.expect_replies_again();
    }

    /// After the handle was replaced.
    pub(crate) fn expect_replies_again(&mut self) {
        self.lost = false;
    }

    pub(crate) fn spawn(&mut self, spawn: &Spawn) -> u64 {
        self.spawn_with(spawn, nowhere())
    }

    /// Sends the spawn; `false` if there is still no room after a while.
    pub(crate) fn spawn_now(&mut self, spawn: &Spawn) -> bool {
        const A_WHILE: Duration = Duration::from_millis(200);
        let mut ends = nowhere();
        self.next_token += 1;
        loop {
            match self.server.spawn(self.next_token - 1, spawn, ends) {
                Ok(()) => return true,
                Err(SendError::WouldBlock(back)) => ends = back,
                Err(error) => panic!("{error}"),
            }
            let mut control = [PollFd::new(&self.server, PollFlags::OUT)];
            if poll(&mut control, Some(&timespec(A_WHILE))) == Ok(0) {
                return false;
            }
        }
    }

    /// Sends the spawn, waiting for room if there is none.
    pub(crate) fn spawn_with(&mut self, spawn: &Spawn, mut ends: ChildEnds) -> u64 {
        let token = self.next_token;
        self.next_token += 1;
        loop {
            match self.server.spawn(token, spawn, ends) {
                Ok(()) => return token,
                Err(SendError::WouldBlock(back)) => ends = back,
                Err(error) => panic!("{error}"),
            }
            let mut control = [PollFd::new(&self.server, PollFlags::OUT)];
            assert_ne!(poll(&mut control, Some(&timespec(PATIENCE))), Ok(0), "no room");
        }
    }

    /// What comes next. An exit may come before the reply that names its pid.
    pub(crate) fn next(&mut self) -> Event {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(event) = self.next_now() {
                return event;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "nothing came within {PATIENCE:?}");
            let mut polled = vec![PollFd::new(&self.sigchld, PollFlags::IN)];
            if !self.lost {
                polled.push(PollFd::new(&self.server, PollFlags::IN));
            }
            poll(&mut polled, Some(&timespec(left))).expect("poll");
            // Which signal it was does not matter: the next round looks at everything.
            let mut read = [MaybeUninit::uninit(); 128];
            if !polled[0].revents().is_empty() {
                rustix::io::read(&self.sigchld, &mut read).expect("a siginfo");
            }
        }
    }

    fn next_now(&mut self) -> Option<Event> {
        if !self.lost {
            match self.server.receive() {
                Ok(Some(reply)) => return Some(self.simplify(reply)),
                Ok(None) => {}
                Err(lost) => {
                    self.lost = true;
                    return Some(Event::Lost(lost));
                }
            }
        }
        let Change { pid, what } = next_change().expect("waitid")?;
        match what {
            Status::Exited { .. } | Status::Killed { .. } => self.ended.insert(pid, what),
            Status::Stopped { .. } | Status::Continued => None,
        };
        Some(Event::Changed(pid, what))
    }

    fn simplify(&mut self, reply: Reply) -> Event {
        match reply {
            Reply::Forked { token, pid, pidfd } => {
                assert_eq!(pidfd.pid(), pid);
                self.pidfds.insert(token, pidfd);
                Event::Forked(token, pid)
            }
            Reply::Execed { token } => Event::Execed(token),
            Reply::Failed { token, stage, errno } => Event::Failed(token, stage, errno.get()),
            Reply::LegacyClone { errno } => Event::LegacyClone(errno),
        }
    }

    /// What the fork server says next; exits meanwhile are kept for [`World::end_of`].
    pub(crate) fn next_reply(&mut self) -> Event {
        loop {
            let event = self.next();
            if !matches!(event, Event::Changed(..)) {
                return event;
            }
        }
    }

    /// Every event up to the one wanted, that one included.
    pub(crate) fn until(&mut self, wanted: impl Fn(&Event) -> bool) -> Vec<Event> {
        let mut seen = Vec::new();
        loop {
            let event = self.next();
            seen.push(event);
            if wanted(&event) {
                return seen;
            }
        }
    }

    /// The pid of a child that was asked for, once its program runs.
    pub(crate) fn running(&mut self, token: u64) -> Pid {
        self.until(|event| *event == Event::Execed(token));
        self.pidfds[&token].pid()
    }

    pub(crate) fn start(&mut self, spawn: &Spawn) -> (u64, Pid) {
        let token = self.spawn(spawn);
        (token, self.running(token))
    }

    /// How this process ended, or will.
    pub(crate) fn end_of(&mut self, pid: Pid) -> Status {
        loop {
            if let Some(status) = self.ended.remove(&pid) {
                return status;
            }
            self.next();
        }
    }

    /// Kills the fork server; returns once both its end and its loss have been seen.
    pub(crate) fn kill_server(&mut self) {
        let pid = self.server.pid();
        self.server.kill();
        self.until(|event| *event == Event::Lost(Lost::Ended));
        let killed = Status::Killed { signal: Signal::KILL, core_dumped: false };
        assert_eq!(self.end_of(pid), killed);
    }

    pub(crate) fn signal(&self, token: u64, signal: Signal) {
        self.pidfds[&token].signal(signal).expect("our child");
    }

    /// Runs a program to its end; returns what it wrote and how it ended.
    pub(crate) fn output_of(&mut self, spawn: &Spawn) -> (String, Status) {
        self.output_with(spawn, None)
    }

    pub(crate) fn output_with(&mut self, spawn: &Spawn, line: Option<OwnedFd>) -> (String, Status) {
        let (read, stdout) = output_pipe().expect("pipe");
        let stderr = stdout.try_clone().expect("dup");
        let token = self
            .spawn_with(spawn, ChildEnds { stdin: None, line, stdout, stderr, readiness: None });
        let pid = self.running(token);
        let text = read_to_end(read);
        (text, self.end_of(pid))
    }
}

/// Outputs that nobody reads.
pub(crate) fn nowhere() -> ChildEnds {
    let null = || OwnedFd::from(File::options().write(true).open("/dev/null").expect("null"));
    ChildEnds { stdin: None, line: None, stdout: null(), stderr: null(), readiness: None }
}

/// Readable when a SIGCHLD is pending, which it makes blocked.
fn sigchld() -> OwnedFd {
    // SAFETY: an all-zero set is one; the pointers are to it; the descriptor is new.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigaddset(&raw mut set, libc::SIGCHLD);
        libc::sigprocmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut());
        let fd = libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC);
        assert!(fd >= 0);
        OwnedFd::from_raw_fd(fd)
    }
}

pub(crate) fn timespec(duration: Duration) -> Timespec {
    Timespec::try_from(duration).expect("short")
}

/// Reads a pipe until its last writer is gone.
pub(crate) fn read_to_end(pipe: OwnedFd) -> String {
    let mut file = File::from(pipe);
    let mut text = Vec::new();
    while file.read_to_end(&mut text).is_err() {
        assert!(readable(&file, PATIENCE), "no end of {text:?}");
    }
    String::from_utf8(text).expect("UTF-8")
}

/// Reads a pipe up to the end of a line.
pub(crate) fn read_line(pipe: &OwnedFd) -> String {
    let mut text = Vec::new();
    while !text.ends_with(b"\n") {
        assert!(readable(pipe, PATIENCE), "no line after {text:?}");
        let mut byte = [0];
        assert_eq!(rustix::io::read(pipe, &mut byte), Ok(1));
        text.extend(byte);
    }
    String::from_utf8(text).expect("UTF-8").trim().to_owned()
}

/// Whether the descriptor became readable in time; a pidfd does when its process ends.
pub(crate) fn readable(fd: &impl AsFd, patience: Duration) -> bool {
    poll(&mut [PollFd::new(fd, PollFlags::IN)], Some(&timespec(patience))) == Ok(1)
}

pub(crate) fn words(words: &[&str]) -> Vec<CString> {
    words.iter().map(|word| CString::new(*word).expect("no NUL")).collect()
}

/// A program with an environment of PATH alone.
pub(crate) fn program(argv: &[&str]) -> Spawn {
    Spawn { argv: words(argv), environment: words(&["PATH=/usr/bin:/bin"]), directory: None }
}

pub(crate) fn shell(script: &str) -> Spawn {
    program(&["/bin/sh", "-c", script])
}

pub(crate) const SUCCESS: Status = Status::Exited { code: 0 };

/// How many descriptors a process has open. Of the fork server, which is not dumpable, only root
/// is told.
pub(crate) fn descriptors_of(pid: Pid) -> usize {
    match fs::read_dir(format!("/proc/{pid}/fd")) {
        Ok(open) => open.count(),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            skip("reading /proc/PID/fd of the fork server is not permitted here")
        }
        Err(error) => panic!("our process: {error}"),
    }
}

/// A field of /proc/PID/status.
pub(crate) fn status_field(pid: Pid, field: &str) -> String {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("our process");
    let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    line.unwrap_or_default().trim().to_owned()
}

/// Sets a soft limit of descriptors, and returns the one before.
pub(crate) fn limit_descriptors(of: Pid, soft: u64) -> u64 {
    let mut before = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: live limits; the process is this one or its child.
    unsafe {
        let null = std::ptr::null();
        assert_eq!(libc::prlimit(of.get(), libc::RLIMIT_NOFILE, null, &raw mut before), 0);
        let after = libc::rlimit { rlim_cur: soft, ..before };
        let null = std::ptr::null_mut();
        assert_eq!(libc::prlimit(of.get(), libc::RLIMIT_NOFILE, &raw const after, null), 0);
    }
    before.rlim_cur
}
