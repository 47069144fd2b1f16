//! Which token is which process.
//!
//! The kernel tells of a death by pid, the fork server of a birth by token, and the two come by
//! different ways: the exit of a short-lived child is usually seen *before* the reply that names
//! its pid. This register joins them, so that everybody else sees each start before its end, and
//! each once.
//!
//! ```text
//!   asked ─▶ Asked ── forked ─▶ Forked ── execed ─▶ Running ── exit ─▶ Ended ── released ─▶ gone
//!               │                  │                                 ▲
//!               └── failed ────────┴── failed: SpawnFailed, and the exit that follows is swallowed
//!
//!   an exit of an unknown pid, while somebody is Asked: kept until the reply names the pid;
//!   while nobody is: an orphan that was adopted (we are a subreaper, or PID 1).
//! ```
//!
//! An exit of a child that is only Forked waits for the fork server's word on the exec: "it could
//! not be started" and "it ran and failed" are different endings.
//!
//! A child can name another process as its main one; see `main_process.rs`.

mod main_process;

pub(crate) use main_process::{Gone, MainRefused};

use hearken_core::evidence::{Ending, SpawnFailure};
use hearken_core::identity::Token;
use hearken_core::supervision::Event;
use hearken_sys::Pid;
use main_process::Main;
use std::collections::{HashMap, VecDeque};

#[derive(Debug)]
enum Stage {
    Asked,
    Forked {
        pid: Pid,
        ended: Option<Ending>,
    },
    Running {
        pid: Pid,
    },
    /// It ended, but the main process it named has not, or how that ended is not known yet.
    Left {
        pid: Pid,
        ending: Ending,
    },
    Ended {
        pid: Pid,
    },
    /// The exec failed; its process has only to be reaped.
    Failed {
        pid: Pid,
    },
}

#[derive(Debug)]
struct Entry<H> {
    stage: Stage,
    handle: Option<H>,
    main: Option<Main<H>>,
    kill_when_known: bool,
}

/// The join of births and deaths. `H` is what a process is held by: a pidfd, or a number in tests.
#[derive(Debug)]
pub(crate) struct Register<H> {
    entries: HashMap<Token, Entry<H>>,
    /// Processes that live, or are not reaped yet: those we started, and main processes.
    by_pid: HashMap<Pid, Token>,
    /// The same by number until they are released: groups and sessions outlive their leaders.
    led_by: HashMap<Pid, Token>,
    /// Exits of pids nobody has named yet, per pid in the order they came: a number may be used
    /// again while replies are still under way.
    unclaimed: HashMap<Pid, VecDeque<Ending>>,
    /// Whose main process went without a wait status, and waits for what was started.
    gone: Vec<Token>,
    asked: usize,
}

impl<H> Default for Register<H> {
    fn default() -> Self {
        Self {
            entries: HashMap::new(),
            by_pid: HashMap::new(),
            led_by: HashMap::new(),
            unclaimed: HashMap::new(),
            gone: Vec::new(),
            asked: 0,
        }
    }
}

impl<H> Entry<H> {
    /// The process that was started.
    fn pid(&self) -> Option<Pid> {
        match self.stage {
            Stage::Asked => None,
            Stage::Forked { pid, .. }
            | Stage::Running { pid }
            | Stage::Left { pid, .. }
            | Stage::Ended { pid }
            | Stage::Failed { pid } => Some(pid),
        }
    }
}

/// What an exit turned out to be.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Reaped {
    /// An event for the core.
    Event(Event),
    /// It is kept until the fork server has said more.
    Kept,
    /// It belonged to a start that failed, which was reported already.
    Swallowed,
    /// A process that was never ours: adopted from a dead parent.
    Orphan(Pid),
}

impl<H> Register<H> {
    /// A spawn of this token was sent to the fork server.
    pub(crate) fn asked(&mut self, token: Token) {
        self.asked += 1;
        let entry = Entry { stage: Stage::Asked, handle: None, main: None, kill_when_known: false };
        self.entries.insert(token, entry);
    }

    /// Whether it is to be killed as soon as it is known, because that was asked for before.
    #[must_use]
    pub(crate) fn is_unwanted(&self, token: Token) -> bool {
        self.entries.get(&token).is_none_or(|entry| entry.kill_when_known)
    }

    /// The fork server forked it.
    pub(crate) fn forked(&mut self, token: Token, pid: Pid, handle: H) {
        let Some(entry) = self.entries.get_mut(&token) else { return };
        self.asked = self.asked.saturating_sub(1);
        let ended = self.unclaimed.get_mut(&pid).and_then(VecDeque::pop_front);
        if self.unclaimed.get(&pid).is_some_and(VecDeque::is_empty) {
            self.unclaimed.remove(&pid);
        }
        if ended.is_none() {
            self.by_pid.insert(pid, token);
        }
        self.led_by.insert(pid, token);
        entry.stage = Stage::Forked { pid, ended };
        entry.handle = Some(handle);
    }

    /// Its program runs: the start, and the end too if that was seen before.
    pub(crate) fn execed(&mut self, token: Token) -> Vec<Event> {
        let Some(entry) = self.entries.get_mut(&token) else { return Vec::new() };
        let Stage::Forked { pid, ended } = entry.stage else { return Vec::new() };
        let mut events = vec![Event::Spawned(token, pid.get())];
        events.extend(entry.run(token, pid, ended));
        events
    }

    /// It could not be started.
    pub(crate) fn failed(&mut self, token: Token, failure: SpawnFailure) -> Option<Event> {
        let entry = self.entries.get_mut(&token)?;
        match entry.stage {
            Stage::Asked => {
                self.asked = self.asked.saturating_sub(1);
                self.remove(token);
            }
            Stage::Forked { ended: Some(_), .. } => self.remove(token),
            Stage::Forked { pid, ended: None } => entry.stage = Stage::Failed { pid },
            Stage::Running { .. }
            | Stage::Left { .. }
            | Stage::Ended { .. }
            | Stage::Failed { .. } => return None,
        }
        Some(Event::SpawnFailed(token, failure))
    }

    /// A process was reaped.
    pub(crate) fn reaped(&mut self, pid: Pid, ending: Ending) -> Reaped {
        let Some(token) = self.by_pid.remove(&pid) else {
            if self.asked == 0 {
                return Reaped::Orphan(pid);
            }
            self.unclaimed.entry(pid).or_default().push_back(ending);
            return Reaped::Kept;
        };
        let Some(entry) = self.entries.get_mut(&token) else { return Reaped::Swallowed };
        if entry.main.as_ref().is_some_and(|main| main.pid == pid) {
            return entry.main_reaped(token, ending);
        }
        match entry.stage {
            Stage::Forked { .. } => {
                entry.stage = Stage::Forked { pid, ended: Some(ending) };
                Reaped::Kept
            }
            Stage::Running { .. } => {
                entry.run(token, pid, Some(ending)).map_or(Reaped::Kept, Reaped::Event)
            }
            Stage::Failed { .. } => {
                self.remove(token);
                Reaped::Swallowed
            }
            Stage::Asked | Stage::Left { .. } | Stage::Ended { .. } => Reaped::Swallowed,
        }
    }

    /// Once nobody is waiting for a fork, an exit that is still unclaimed was an orphan's.
    pub(crate) fn orphans(&mut self) -> Vec<Pid> {
        if self.asked > 0 || self.unclaimed.is_empty() {
            return Vec::new();
        }
        self.unclaimed
            .drain()
            .flat_map(|(pid, endings)| endings.into_iter().map(move |_| pid))
            .collect()
    }

    /// The fork server is gone. What it had not forked has failed, for now; what it had forked is
    /// alive and ours, and taken for started: its exit will tell if it was not.
    pub(crate) fn server_lost(&mut self, failure: SpawnFailure) -> Vec<Event> {
        let mut tokens: Vec<_> = self.entries.keys().copied().collect();
        tokens.sort_unstable();
        let mut events = Vec::new();
        for token in tokens {
            match self.entries.get(&token).map(|entry| &entry.stage) {
                Some(Stage::Asked) => events.extend(self.failed(token, failure)),
                Some(Stage::Forked { .. }) => events.extend(self.execed(token)),
                Some(
                    Stage::Running { .. }
                    | Stage::Left { .. }
                    | Stage::Ended { .. }
                    | Stage::Failed { .. },
                )
                | None => {}
            }
        }
        events
    }

    /// Who this pid is, while it lives.
    #[must_use]
    pub(crate) fn token_of(&self, pid: Pid) -> Option<Token> {
        self.by_pid.get(&pid).copied()
    }

    /// Whether this pid is known to be one of ours and not yet reaped.
    #[must_use]
    pub(crate) fn knows(&self, pid: Pid) -> bool {
        self.by_pid.contains_key(&pid)
    }

    /// Every process that was started and is held, by token.
    pub(crate) fn handles(&self) -> impl Iterator<Item = (Token, &H)> {
        self.entries.iter().filter_map(|(token, entry)| Some((*token, entry.handle.as_ref()?)))
    }

    /// What the process that was started is held by, and its pid.
    #[must_use]
    pub(crate) fn handle(&self, token: Token) -> Option<(&H, Pid)> {
        let entry = self.entries.get(&token)?;
        Some((entry.handle.as_ref()?, entry.pid()?))
    }

    /// Kill it as soon as it is known. Answers whether it is known already (and the caller kills).
    pub(crate) fn kill_when_known(&mut self, token: Token) -> bool {
        match self.entries.get_mut(&token) {
            Some(entry) => {
                entry.kill_when_known = true;
                entry.handle.is_some()
            }
            None => false,
        }
    }

    /// Whether it ran and its exit was reaped.
    #[must_use]
    pub(crate) fn has_ended(&self, token: Token) -> bool {
        matches!(self.entries.get(&token).map(|entry| &entry.stage), Some(Stage::Ended { .. }))
    }

    /// It was judged. A start that failed stays until its process is reaped.
    pub(crate) fn released(&mut self, token: Token) {
        if self.has_ended(token) {
            self.remove(token);
        }
    }

    fn remove(&mut self, token: Token) {
        let Some(entry) = self.entries.remove(&token) else { return };
        let main = entry.main.as_ref().map(|main| main.pid);
        for pid in entry.pid().into_iter().chain(main) {
            // The number may be somebody else's by now.
            if self.led_by.get(&pid) == Some(&token) {
                self.led_by.remove(&pid);
            }
        }
    }

    /// How many spawns were sent and are not forked yet.
    #[must_use]
    pub(crate) fn unanswered(&self) -> usize {
        self.asked
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAILURE: SpawnFailure = SpawnFailure { stage: "exec", errno: 2, permanent: true };
    const T: Token = Token(1);

    fn pid(number: i32) -> Pid {
        Pid::new(number).unwrap()
    }

    fn asked(tokens: &[Token]) -> Register<()> {
        let mut register = Register::default();
        for token in tokens {
            register.asked(*token);
        }
        register
    }

    #[test]
    fn an_exit_seen_before_the_fork_is_told_after_the_start() {
        let mut register = asked(&[T]);
        assert_eq!(register.reaped(pid(10), Ending::Exited(3)), Reaped::Kept);
        register.forked(T, pid(10), ());
        let events = register.execed(T);
        assert_eq!(events, [Event::Spawned(T, 10), Event::Exited(T, Ending::Exited(3))]);
        assert!(register.orphans().is_empty());
    }

    #[test]
    fn an_exit_between_fork_and_exec_waits_for_the_exec() {
        let mut register = asked(&[T]);
        register.forked(T, pid(10), ());
        assert_eq!(register.reaped(pid(10), Ending::Exited(0)), Reaped::Kept);
        assert_eq!(register.execed(T).len(), 2);
    }

    #[test]
    fn the_exit_of_a_failed_start_is_swallowed_whenever_it_comes() {
        let mut before = asked(&[T]);
        assert_eq!(before.reaped(pid(10), Ending::Exited(127)), Reaped::Kept);
        before.forked(T, pid(10), ());
        assert_eq!(before.failed(T, FAILURE), Some(Event::SpawnFailed(T, FAILURE)));
        assert!(before.handle(T).is_none());

        let mut after = asked(&[T]);
        after.forked(T, pid(10), ());
        assert!(after.failed(T, FAILURE).is_some());
        assert_eq!(after.reaped(pid(10), Ending::Exited(127)), Reaped::Swallowed);
        assert!(after.handle(T).is_none());
    }

    #[test]
    fn a_pid_used_twice_while_replies_are_under_way_is_joined_in_order() {
        let (first, second) = (Token(1), Token(2));
        let mut register = asked(&[first, second]);
        assert_eq!(register.reaped(pid(10), Ending::Exited(1)), Reaped::Kept);
        assert_eq!(register.reaped(pid(10), Ending::Exited(2)), Reaped::Kept);
        register.forked(first, pid(10), ());
        register.forked(second, pid(10), ());
        assert!(register.execed(first).contains(&Event::Exited(first, Ending::Exited(1))));
        assert!(register.execed(second).contains(&Event::Exited(second, Ending::Exited(2))));
    }

    #[test]
    fn strangers_are_orphans_once_nobody_waits_for_a_fork() {
        let mut register = asked(&[T]);
        assert_eq!(register.reaped(pid(99), Ending::Exited(0)), Reaped::Kept);
        assert!(register.orphans().is_empty(), "it might be the one that was asked for");
        register.forked(T, pid(10), ());
        assert_eq!(register.orphans(), [pid(99)]);
        assert_eq!(register.reaped(pid(98), Ending::Exited(0)), Reaped::Orphan(pid(98)));
    }

    #[test]
    fn a_lost_server_fails_what_was_asked_and_keeps_what_was_forked() {
        let (asked_only, forked) = (Token(1), Token(2));
        let mut register = asked(&[asked_only, forked]);
        register.forked(forked, pid(10), ());
        let events = register.server_lost(FAILURE);
        assert_eq!(events, [Event::SpawnFailed(asked_only, FAILURE), Event::Spawned(forked, 10)]);
        assert_eq!(register.unanswered(), 0);
    }

    #[test]
    fn a_kill_before_the_fork_is_carried_out_at_the_fork() {
        let mut register = asked(&[T]);
        assert!(!register.kill_when_known(T), "nothing to kill yet");
        assert!(register.is_unwanted(T));
    }

    #[test]
    fn nothing_is_kept_after_release() {
        let mut register = asked(&[T]);
        assert_eq!(register.unanswered(), 1);
        register.forked(T, pid(10), ());
        register.execed(T);
        assert!(register.knows(pid(10)));
        register.reaped(pid(10), Ending::Exited(0));
        register.released(T);
        assert!(register.entries.is_empty() && register.by_pid.is_empty());
        assert!(register.led_by.is_empty());
    }
}
