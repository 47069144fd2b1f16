//! A running hearken.

use super::PATIENCE;
use super::event::{Event, Want, event};
use super::log::Log;
use super::proc::{Process, processes_at_home};
use super::setup::Setup;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::path::Path;
use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

/// A running hearken. Dropped, it is killed, and must leave no process behind.
#[derive(Debug)]
pub(crate) struct Hearken {
    child: Child,
    log: Log,
    setup: Setup,
    ended: Option<ExitStatus>,
}

impl Hearken {
    pub(super) fn new(mut child: Child, setup: Setup) -> Hearken {
        let log = Log::read(child.stderr.take().unwrap());
        Hearken { child, log, setup, ended: None }
    }

    /// The first event that fits, from the start of the log on.
    #[track_caller]
    pub(crate) fn wait(&self, want: &Want) -> Event {
        self.log.wait(0, want, PATIENCE)
    }

    /// The first event that fits and comes after this one.
    #[track_caller]
    pub(crate) fn wait_after(&self, earlier: &Event, want: &Want) -> Event {
        self.log.wait(earlier.index + 1, want, PATIENCE)
    }

    /// The first event that fits, if it comes within this time.
    #[track_caller]
    pub(crate) fn wait_within(&self, within: Duration, want: &Want) -> Event {
        self.log.wait(0, want, within)
    }

    /// So many events that fit.
    #[track_caller]
    pub(crate) fn wait_for_many(&self, want: &Want, count: usize) -> Vec<Event> {
        self.log.wait_for_many(want, count, PATIENCE)
    }

    /// The first event that fits and comes from this line on; see [`Hearken::now`].
    #[track_caller]
    pub(crate) fn wait_from(&self, line: usize, want: &Want) -> Event {
        self.log.wait(line, want, PATIENCE)
    }

    /// How many lines the log has now.
    pub(crate) fn now(&self) -> usize {
        self.log.length()
    }

    /// Everything so far that fits.
    pub(crate) fn all(&self, want: &Want) -> Vec<Event> {
        self.log.all(want)
    }

    /// Every event so far.
    pub(crate) fn events(&self) -> Vec<Event> {
        self.log.events()
    }

    /// The log, for a message of failure.
    pub(crate) fn dump(&self) -> String {
        self.log.dump()
    }

    /// Stops reading standard error, and goes on again.
    pub(crate) fn pause_log(&self, pause: bool) {
        self.log.pause(pause);
    }

    pub(crate) fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).unwrap()
    }

    #[track_caller]
    pub(crate) fn fork_server(&self) -> i32 {
        let replaced = self.all(&event("fork_server_replaced"));
        match replaced.last() {
            Some(replaced) => replaced.pid(),
            None => {
                let started = self.wait(&event("supervisor_started"));
                i32::try_from(started.number("fork_server_pid")).unwrap()
            }
        }
    }

    /// One more hearken with the same config.
    pub(crate) fn another(&self) -> Hearken {
        self.setup.clone().start()
    }

    /// The next life in the same place, once nothing of this one is left.
    #[track_caller]
    pub(crate) fn again(self) -> Hearken {
        self.again_after(|| {})
    }

    /// The same; meanwhile something is done to what it left behind.
    #[track_caller]
    pub(crate) fn again_after(mut self, meanwhile: impl FnOnce()) -> Hearken {
        self.end_within(PATIENCE);
        self.tree_is_gone_within(Duration::from_secs(4));
        meanwhile();
        let setup = self.setup.clone();
        drop(self);
        setup.start()
    }

    pub(crate) fn folder(&self) -> &Path {
        self.setup.folder()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.pid()), signal).unwrap();
    }

    /// The live processes of its tree, itself included.
    pub(crate) fn tree(&self) -> Vec<Process> {
        let mut tree = processes_at_home(self.setup.folder());
        // A fork server that was started anew has no environment at all.
        let replaced = self.all(&event("fork_server_replaced"));
        let servers = replaced.iter().filter_map(|it| Process::look(it.pid()));
        tree.extend(servers.filter(|it| it.name == "hearken-fork" && it.state != 'Z'));
        tree
    }

    /// Its children that are dead and not reaped.
    pub(crate) fn zombies(&self) -> Vec<Process> {
        let all = super::proc::processes();
        all.into_iter().filter(|it| it.parent == self.pid() && it.state == 'Z').collect()
    }

    /// Waits for its end.
    #[track_caller]
    pub(crate) fn end_within(&mut self, within: Duration) -> ExitStatus {
        if let Some(ended) = self.ended {
            return ended;
        }
        let child = &mut self.child;
        let what = "the end of hearken";
        let deadline = Instant::now() + within;
        let ended = loop {
            if let Some(ended) = child.try_wait().unwrap() {
                break ended;
            }
            assert!(
                Instant::now() < deadline,
                "not within {within:?}: {what}\n{}",
                self.log.dump()
            );
            std::thread::sleep(Duration::from_millis(2));
        };
        self.ended = Some(ended);
        self.log.finish();
        ended
    }

    /// Waits for its end, and gives its exit code.
    #[track_caller]
    pub(crate) fn exit_code(&mut self) -> i32 {
        let ended = self.end_within(PATIENCE);
        ended.code().unwrap_or_else(|| panic!("{ended}\n{}", self.log.dump()))
    }

    /// SIGTERM, and its exit code.
    #[track_caller]
    pub(crate) fn shut_down(&mut self) -> i32 {
        self.signal(Signal::SIGTERM);
        self.exit_code()
    }

    /// SIGTERM, and all must be well: exit code 0 and nothing left.
    #[track_caller]
    pub(crate) fn shut_down_well(&mut self) {
        let code = self.shut_down();
        assert_eq!(code, 0, "{}", self.log.dump());
        // The fork server sees the end of its socket, and ends after us.
        self.tree_is_gone_within(Duration::from_secs(2));
    }

    /// Waits until none of its processes lives: the fork server leaves last.
    #[track_caller]
    pub(crate) fn tree_is_gone_within(&self, within: Duration) {
        let deadline = Instant::now() + within;
        loop {
            let left = self.tree();
            if left.is_empty() {
                return;
            }
            let late = Instant::now() >= deadline;
            assert!(!late, "alive after {within:?}: {left:#?}\n{}", self.log.dump());
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Hearken {
    fn drop(&mut self) {
        if self.ended.is_none() {
            let _gone = self.child.kill();
            let _gone = self.child.wait();
        }
        self.log.finish();
        let patience = Instant::now() + Duration::from_secs(4);
        let mut left = self.tree();
        while !left.is_empty() && Instant::now() < patience {
            std::thread::sleep(Duration::from_millis(5));
            left = self.tree();
        }
        for process in &left {
            let _gone = kill(Pid::from_raw(process.pid), Signal::SIGKILL);
        }
        if !std::thread::panicking() {
            let broken = self.log.broken();
            assert!(broken.is_empty(), "lines that are no events: {broken:#?}");
            assert!(left.is_empty() || self.setup.leaves.is_some(), "left behind: {left:?}");
        }
    }
}
