//! The fake fork server and the fake kernel.

use super::World;
use super::plan::*;
use hearken_core::action::Purpose;
use hearken_core::evidence::{Ending, Said, SpawnFailure, StopCause};
use hearken_core::identity::{InstanceId, Token};
use hearken_core::judge::Verdict;
use hearken_core::moment::Moment;
use hearken_core::supervision::Event;
use std::collections::VecDeque;
use std::time::Duration;

/// What a process does about signals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manners {
    /// Dies of the signal that asks it to stop.
    Obeys,
    /// Dies only of SIGKILL.
    IgnoresTerm,
    /// State D: dies of nothing until it is thawed.
    Unkillable,
}

/// What the fork server makes of a spawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Forks {
    AtOnce,
    Never,
    Fails(SpawnFailure),
}

/// One process, from the request for it until it is released.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) id: InstanceId,
    pub(crate) incarnation: u32,
    pub(crate) alive: bool,
    pub(crate) manners: Manners,
    /// The fork server has not answered yet.
    pub(crate) pending: bool,
    /// SIGSTOP: what asks it to stop stays pending until CONT.
    pub(crate) halted: bool,
    /// A grandchild holds its line and pipes open.
    pub(crate) held_open: bool,
    /// Its line is closed: nothing it says is heard any more.
    pub(crate) mute: bool,
    pub(super) drained: bool,
    pub(super) term_pending: bool,
    pub(super) kill_pending: bool,
    /// What the kernel has to tell: these keep their order.
    pub(crate) kernel: VecDeque<Event>,
    /// What is in the line: these keep theirs.
    pub(crate) line: VecDeque<Event>,
    /// What became of its probes.
    pub(crate) answers: VecDeque<Event>,
    /// The probe under way, and what for.
    pub(crate) probe: Option<(u32, Purpose)>,
    pub(crate) last_probe: u32,
    /// When a probe last started, was answered or ended.
    pub(crate) looked_at: Moment,
    /// When it was last heard.
    pub(crate) heard_at: Moment,
    /// When it was last heard to make progress.
    pub(crate) worked_at: Moment,
    /// The watchdog period it gave itself.
    pub(crate) period: Option<Duration>,
    /// Why it was asked to stop, unless somebody changed his mind since.
    pub(super) reason: Option<StopCause>,
    /// What it is stopped for, if it is for an error it said.
    pub(super) verdict: Option<Verdict>,
    pub(super) end_told: bool,
    pub(super) started: bool,
    pub(super) ended: bool,
    pub(super) released: bool,
    pub(super) asked: u32,
    pub(super) continued: u32,
    pub(super) killed: u32,
}

impl Process {
    pub(crate) fn says(&mut self, token: Token, said: Said) {
        if !self.mute {
            self.line.push_back(Event::Said(token, said));
        }
    }

    /// The next thing that is known of it.
    pub(crate) fn next_event(&mut self) -> Option<Event> {
        let told = self.kernel.pop_front().or_else(|| self.line.pop_front());
        told.or_else(|| self.answers.pop_front())
    }

    /// Its program runs, as far as the core knows, and is not on its way down.
    pub(crate) fn is_up(&self) -> bool {
        self.started && !self.end_told && self.asked == 0 && self.killed == 0
    }

    /// It was judged and released.
    pub(crate) fn is_history(&self) -> bool {
        self.released
    }

    pub(crate) fn breaks_the_protocol(&mut self, token: Token) {
        if !std::mem::replace(&mut self.mute, true) {
            self.line.push_back(Event::Violated(token));
        }
    }

    pub(crate) fn hangs_up(&mut self, token: Token) {
        if !std::mem::replace(&mut self.mute, true) {
            self.line.push_back(Event::LineClosed(token));
        }
    }

    /// Line and outputs.
    pub(crate) fn close_all(&mut self, token: Token) {
        self.hangs_up(token);
        if !std::mem::replace(&mut self.drained, true) {
            self.line.push_back(Event::Drained(token));
        }
    }
}

impl World {
    pub(crate) fn fork(&mut self, token: Token, failure: Option<SpawnFailure>) {
        let process = self.processes.get_mut(&token).unwrap();
        assert!(std::mem::take(&mut process.pending), "answered twice");
        if let Some(failure) = failure {
            process.kernel.push_back(Event::SpawnFailed(token, failure));
            return;
        }
        process.alive = true;
        let pid = i32::try_from(token.0).unwrap() + 1_000;
        process.kernel.push_back(Event::Spawned(token, pid));
        if self.healthy {
            process.says(token, Said::Ready);
        }
        if process.kill_pending {
            self.signal(token, KILL);
        }
    }

    pub(crate) fn die(&mut self, token: Token, ending: Ending) {
        let process = self.processes.get_mut(&token).unwrap();
        assert!(std::mem::take(&mut process.alive), "died twice");
        process.kernel.push_back(Event::Exited(token, ending));
        if !process.held_open {
            process.close_all(token);
        }
    }

    /// Whatever held it in state D is gone.
    pub(crate) fn thaw(&mut self, token: Token) {
        let process = self.processes.get_mut(&token).unwrap();
        process.manners = Manners::Obeys;
        if process.alive && process.killed > 0 {
            self.die(token, Ending::Killed { signal: KILL, core_dumped: false });
        }
    }

    pub(super) fn signal(&mut self, token: Token, signal: i32) {
        let process = self.processes.get_mut(&token).unwrap();
        if !process.alive {
            return;
        }
        if signal == CONT {
            process.halted = false;
        } else {
            process.term_pending = true;
        }
        let deadly = match process.manners {
            Manners::Unkillable => false,
            Manners::IgnoresTerm => signal == KILL,
            Manners::Obeys => signal == KILL || (process.term_pending && !process.halted),
        };
        if deadly {
            let signal = if signal == CONT { TERM } else { signal };
            self.die(token, Ending::Killed { signal, core_dumped: false });
        }
    }
}
