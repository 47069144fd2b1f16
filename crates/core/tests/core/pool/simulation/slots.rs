//! A supervision that starts and stops what the pool asks for: late, and not always.

use super::life::Life;
use super::process::{Process, ToWorker, ending};
use hearken_core::evidence::{End, Ending, Evidence, Intent, SpawnFailure, StopCause};
use hearken_core::identity::Token;
use hearken_core::kind::Kind;
use hearken_core::moment::Moment;
use hearken_core::pool::{Event, Handle, WorkMode};
use std::time::Duration;

/// Where a slot stands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Is {
    Down {
        barred: bool,
    },
    /// It is started then, if nothing comes between.
    Backoff(Moment),
    /// The fork server answers then; and how.
    Spawning(Token, Moment, Fork),
    Running(Token),
    Stopping(Token, StopCause, Moment),
    /// It would not die, and ends long after it was given up.
    Abandoned(Moment),
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Fork {
    Works,
    Fails { permanent: bool },
}

impl Is {
    pub(super) fn next(self) -> Moment {
        match self {
            Self::Down { .. } | Self::Running(_) => Moment::NEVER,
            Self::Backoff(at) | Self::Spawning(_, at, _) | Self::Stopping(.., at) => at,
            Self::Abandoned(at) => at,
        }
    }

    pub(super) fn token(self) -> Option<Token> {
        match self {
            Self::Spawning(token, ..) | Self::Running(token) | Self::Stopping(token, ..) => {
                Some(token)
            }
            Self::Down { .. } | Self::Backoff(_) | Self::Abandoned(_) => None,
        }
    }
}

fn evidence(end: End, stopped_by: Option<StopCause>) -> Evidence {
    Evidence {
        end,
        stopped_by,
        error: None,
        intent: None,
        uptime: Duration::from_secs(1),
        ready_uptime: None,
        failures: 0,
        sentence: None,
    }
}

impl Life {
    /// The pool wants a process in this slot.
    pub(super) fn call(&mut self, slot: u32) {
        let is = self.slots[&slot];
        let Is::Down { barred } = is else { return };
        if !self.going || (!self.calm && self.dice.percent(4)) {
            let barred = barred || !self.going || self.dice.percent(30);
            return self.is_down(slot, barred);
        }
        if !self.calm && self.dice.percent(6) {
            let until = self.now + self.dice.millis(0, 4_000);
            self.slots.insert(slot, Is::Backoff(until));
            return;
        }
        self.spawn(slot);
    }

    pub(super) fn spawn(&mut self, slot: u32) {
        self.last_token += 1;
        let token = Token(self.last_token);
        let (at, fork) = match self.dice.below(100) {
            _ if self.calm => (self.now, Fork::Works),
            0..4 => (self.now + self.dice.millis(0, 50), Fork::Fails { permanent: false }),
            4 => (self.now + self.dice.millis(0, 50), Fork::Fails { permanent: true }),
            5..15 => (self.now + self.dice.millis(0, 4_000), Fork::Works),
            _ => (self.now + self.dice.millis(0, 20), Fork::Works),
        };
        self.slots.insert(slot, Is::Spawning(token, at, fork));
        self.told.push_back(Event::Spawning { slot, token });
    }

    /// The pool wants the process of this slot gone.
    pub(super) fn dismiss(&mut self, slot: u32, cause: StopCause, kill: bool) {
        match self.slots[&slot] {
            Is::Down { barred } => {
                self.told.push_back(Event::Down { slot, barred });
            }
            Is::Backoff(_) => self.is_down(slot, false),
            Is::Spawning(..) | Is::Running(_) => self.stop(slot, cause, kill),
            Is::Stopping(token, first, at) if kill => {
                let at = at.min(self.now + self.dice.millis(0, 50));
                self.slots.insert(slot, Is::Stopping(token, first, at));
            }
            Is::Stopping(..) | Is::Abandoned(_) => {}
        }
    }

    pub(super) fn stop(&mut self, slot: u32, cause: StopCause, kill: bool) {
        let Some(token) = self.slots[&slot].token() else { return };
        let most = if kill || self.calm { 50 } else { 3_000 };
        let dies_at = self.now + self.dice.millis(0, most);
        self.slots.insert(slot, Is::Stopping(token, cause, dies_at));
        self.told.push_back(Event::Stopping(slot));
    }

    pub(super) fn is_down(&mut self, slot: u32, barred: bool) {
        self.slots.insert(slot, Is::Down { barred });
        self.told.push_back(Event::Down { slot, barred });
    }

    /// A slot does what was to happen there by now.
    pub(super) fn slot_acts(&mut self, slot: u32) {
        match self.slots[&slot] {
            Is::Backoff(at) if at <= self.now => self.spawn(slot),
            Is::Spawning(token, at, fork) if at <= self.now => self.forked(slot, token, fork),
            Is::Stopping(_, cause, at) if at <= self.now => {
                if !self.calm && self.dice.percent(3) {
                    return self.abandon(slot);
                }
                // Most die of the signal; some make the best of it.
                let ending = match self.dice.below(3) {
                    0 => Ending::Exited(0),
                    1 => ending(&mut self.dice),
                    _ => Ending::Killed { signal: 15, core_dumped: false },
                };
                self.ends(slot, End::Process(ending), Some(cause));
            }
            Is::Abandoned(at) if at <= self.now => {
                let ending = Ending::Killed { signal: 9, core_dumped: false };
                let end = evidence(End::Process(ending), Some(StopCause::Operator));
                self.told.push_back(Event::Ended(slot, Box::new(end), None));
                self.is_down(slot, false);
            }
            Is::Down { .. }
            | Is::Backoff(_)
            | Is::Spawning(..)
            | Is::Running(_)
            | Is::Stopping(..)
            | Is::Abandoned(_) => {}
        }
    }

    fn forked(&mut self, slot: u32, token: Token, fork: Fork) {
        if let Fork::Fails { permanent } = fork {
            let failure = SpawnFailure { stage: "exec", errno: 2, permanent };
            return self.ends(slot, End::SpawnFailed(failure), None);
        }
        let mode = self.plan.policy.mode;
        let mut process = match self.calm {
            true => Process::good(token, mode, self.now),
            false => Process::new(&mut self.dice, token, mode, self.now),
        };
        if mode == WorkMode::Exec {
            process.begin(&mut self.dice, self.now, self.calm);
        }
        self.processes.insert(token, process);
        self.slots.insert(slot, Is::Running(token));
        self.told.push_back(Event::Started(token));
    }

    /// It will not die: what it held is not to wait for it.
    fn abandon(&mut self, slot: u32) {
        let Some(token) = self.slots[&slot].token() else { return };
        self.processes.remove(&token);
        let ending = Ending::Killed { signal: 9, core_dumped: false };
        let end = evidence(End::Process(ending), None);
        self.told.push_back(Event::Ended(slot, Box::new(end), None));
        self.told.push_back(Event::Down { slot, barred: true });
        let dies_at = self.now + self.dice.millis(0, 20_000);
        self.slots.insert(slot, Is::Abandoned(dies_at));
    }

    /// A process has ended: its last words are heard, then it is judged.
    pub(super) fn ends(&mut self, slot: u32, end: End, cause: Option<StopCause>) {
        let Some(token) = self.slots[&slot].token() else { return };
        let mut evidence = evidence(end, cause);
        if let Some(mut process) = self.processes.remove(&token) {
            while let Some(word) = process.heard(Moment::NEVER) {
                self.told.push_back(word);
            }
        }
        if !self.calm && cause.is_none() && self.dice.percent(10) {
            evidence.intent = Some(Intent::Done);
        }
        let exec = self.plan.policy.mode == WorkMode::Exec;
        // What a program put out is no result.
        if exec && !self.calm && self.dice.percent(5) {
            let error = super::process::error(Kind::Bug);
            self.told.push_back(Event::Failed(token, Handle::ONLY, error, None));
        }
        let kind = evidence.kind();
        let dependency = self.dice.maybe(5, |_| "db".into()).filter(|_| kind.is_some());
        self.told.push_back(Event::Ended(slot, Box::new(evidence), dependency));
        let permanent = matches!(end, End::SpawnFailed(failure) if failure.permanent);
        match cause {
            Some(StopCause::Scale | StopCause::Recycle) => self.is_down(slot, false),
            Some(StopCause::Operator | StopCause::Shutdown) => self.is_down(slot, true),
            _ if permanent || !self.going => self.is_down(slot, true),
            _ if exec => self.is_down(slot, false),
            Some(StopCause::TaskTimeout | StopCause::TaskCancelled | StopCause::Restart) => {
                self.spawn(slot);
            }
            // It did what it was there for, or failed once too often.
            _ if !self.calm && self.dice.percent(15) => {
                let barred = self.dice.percent(30);
                self.is_down(slot, barred);
            }
            _ => {
                let most = if self.calm { 10 } else { 2_000 };
                let until = self.now + self.dice.millis(0, most);
                self.slots.insert(slot, Is::Backoff(until));
            }
        }
    }

    /// Something is written on the line of a worker.
    pub(super) fn write(&mut self, token: Token, message: ToWorker) {
        let most = if self.calm { 1 } else { 20 };
        let at = self.now + self.dice.millis(0, most);
        if let Some(process) = self.processes.get_mut(&token) {
            process.tell(at, message);
        }
    }

    /// Somebody stops the unit.
    pub(super) fn stop_unit(&mut self) {
        self.going = false;
        for slot in 1..=self.plan.slots {
            match self.slots[&slot] {
                Is::Spawning(..) | Is::Running(_) => self.stop(slot, StopCause::Operator, false),
                // No end is told of what never was.
                Is::Backoff(_) => _ = self.slots.insert(slot, Is::Down { barred: true }),
                Is::Stopping(token, _, at) => {
                    self.slots.insert(slot, Is::Stopping(token, StopCause::Operator, at));
                }
                Is::Down { .. } | Is::Abandoned(_) => {}
            }
        }
        self.told.push_back(Event::Shut);
    }

    /// Somebody starts the unit: those it has ahead come up with it.
    pub(super) fn start_unit(&mut self) {
        self.going = true;
        for slot in 1..=self.plan.slots {
            match self.slots[&slot] {
                Is::Down { .. } if slot <= self.plan.policy.min => self.spawn(slot),
                Is::Stopping(token, _, at) => {
                    self.slots.insert(slot, Is::Stopping(token, StopCause::Restart, at));
                }
                Is::Down { .. } => _ = self.slots.insert(slot, Is::Down { barred: false }),
                Is::Backoff(_) | Is::Spawning(..) | Is::Running(_) | Is::Abandoned(_) => {}
            }
        }
        self.told.push_back(Event::Opened);
    }
}
