//! One slot of a unit, and the process in it.
//!
//! ```text
//!            start                  spawned               ready
//!   Down ───────────▶ Spawning ───────────────▶ Starting ────────▶ Ready
//!    ▲  ▲                │  ▲  (or straight to Ready)  │               │
//!    │  │   spawn failed │  │ due                      │ exited,       │ exited,
//!    │  │       ┌────────┘  │                          │ stop, late    │ stop
//!    │  │       ▼           │                          ▼               ▼
//!    │  │    (judged) ──▶ Backoff              Stopping ── exited ──▶ Judging
//!    │  │       ▲                                 │  asked, then killed  │
//!    │  └───────┼─────────────────────────────────┼──────────────────────┘ line drained,
//!    │          └─────────────────────────────────┼──────── (judged) ◀──── or 250 ms
//!    └──────────────── exited at last ── Abandoned ◀ would not die
//! ```
//!
//! The happy path: Down, `Start`, Spawning, `Spawned`, Starting, `Said(Ready)`, Ready,
//! `Stop(Shutdown)`, Stopping, `Exited`, Judging, `LineDrained`, Down.
//!
//! `is` says where it stands, `wanted` what it should become; every event is answered from both.
//! An exit is judged only when the line is drained as well: the last frame of a child that failed
//! is often read after its exit was reaped.

use crate::action::{Action, Report};
mod steps;

use crate::budget::Budget;
use crate::evidence::{End, Ending, Said, SpawnFailure, StopCause, Words};
use crate::gate::StartGate;
use crate::identity::{InstanceId, Token};
use crate::jitter::Jitter;
use crate::moment::Moment;
use crate::policy::UnitPolicy;
use std::collections::VecDeque;
use std::time::Duration;

/// How long an exit waits for the rest of the line before it is judged without it.
pub const DRAIN_TIMEOUT: Duration = Duration::from_millis(250);
/// How long SIGKILL may take before a process is given up as abandoned.
pub const KILL_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a child that spoke the protocol may run on after closing its line.
pub const LINE_LOST_GRACE: Duration = Duration::from_secs(5);

/// What can happen to an instance. (The shell's events, after their token was looked up.)
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// It shall run. Forgives past failures.
    Start,
    /// It shall not run.
    Stop(StopCause),
    /// Whatever runs shall be replaced.
    Restart,
    /// No more patience: what still runs is killed now.
    Kill,
    /// The program runs.
    Spawned(i32),
    /// The program could not be started.
    SpawnFailed(SpawnFailure),
    /// The child said something.
    Said(Said),
    /// The child broke the protocol of its line.
    Violated,
    /// Its line is at its end: everything it said has been heard.
    LineClosed,
    /// Line and outputs are at their end.
    Drained,
    /// Its process was reaped.
    Exited(Ending),
    /// The moment given by [`Instance::due`] has come.
    Due,
}

/// Why an instance has no process and none to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rest {
    /// It was never started.
    New,
    /// Somebody stopped it.
    Stopped,
    /// It did what it was there for.
    Finished,
    /// It failed and stays down until an operator starts it.
    Failed,
}

/// Where an instance stands, for everybody else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// No process and none to come.
    Down(Rest),
    /// Waiting for its next start.
    Backoff,
    /// Asked for, or running but not ready.
    Starting {
        /// Whether its program runs.
        running: bool,
    },
    /// Running and ready.
    Ready,
    /// On its way down.
    Stopping,
    /// Left behind with a process that would not die.
    Abandoned,
}

/// What an instance needs from around it while it answers an event.
#[derive(Debug)]
pub struct Context<'a> {
    /// When it happens.
    pub now: Moment,
    /// What the config asks of its unit.
    pub policy: &'a UnitPolicy,
    /// The shared rate limit of restarts.
    pub gate: &'a mut StartGate,
    /// Where jitter comes from.
    pub jitter: &'a mut Jitter,
    /// The last token given out.
    pub last_token: &'a mut u64,
    /// Where actions go.
    pub actions: &'a mut VecDeque<Action>,
    /// Set when the config wants this end to bring the daemon down.
    pub shut_down: &'a mut bool,
}

impl Context<'_> {
    fn act(&mut self, action: Action) {
        self.actions.push_back(action);
    }

    fn report(&mut self, report: Report) {
        self.act(Action::Report(report));
    }
}

/// What it should become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Up,
    Down(StopCause),
}

/// One incarnation, from the spawn on.
#[derive(Debug)]
struct Life {
    token: Token,
    pid: Option<i32>,
    asked_at: Moment,
    started_at: Option<Moment>,
    ready_at: Option<Moment>,
    words: Words,
    said_ready: bool,
    violated: bool,
    drained: bool,
    /// When it must be ready.
    start_by: Moment,
    /// When it must be gone after closing its line.
    leave_by: Moment,
}

/// How far a stop has come.
#[derive(Debug, Clone, Copy)]
enum Phase {
    /// It was asked at `since`, and is killed at `kill_at`.
    Asked { since: Moment, kill_at: Moment },
    /// It was killed, and is given up at `give_up_at`.
    Killed { give_up_at: Moment },
}

#[derive(Debug)]
enum Is {
    Down(Rest),
    Backoff {
        until: Moment,
    },
    Spawning(Life),
    Starting(Life),
    Ready(Life),
    Stopping(Life, StopCause, Phase),
    Judging {
        life: Life,
        ending: Ending,
        exited_at: Moment,
        cause: Option<StopCause>,
        judge_at: Moment,
    },
    Abandoned(Life),
}

/// One slot of a unit.
#[derive(Debug)]
pub struct Instance {
    id: InstanceId,
    is: Is,
    wanted: Wanted,
    incarnation: u32,
    failures: u32,
    budget: Budget,
}

impl Instance {
    /// A slot that holds nothing yet.
    #[must_use]
    pub fn new(id: InstanceId) -> Self {
        Self {
            id,
            is: Is::Down(Rest::New),
            wanted: Wanted::Down(StopCause::Operator),
            incarnation: 0,
            failures: 0,
            budget: Budget::default(),
        }
    }

    /// Its name among all instances.
    #[must_use]
    pub fn id(&self) -> InstanceId {
        self.id
    }

    /// Where it stands.
    #[must_use]
    pub fn standing(&self) -> Standing {
        match &self.is {
            Is::Down(rest) => Standing::Down(*rest),
            Is::Backoff { .. } => Standing::Backoff,
            Is::Spawning(_) => Standing::Starting { running: false },
            Is::Starting(_) => Standing::Starting { running: true },
            Is::Ready(_) => Standing::Ready,
            Is::Stopping(..) | Is::Judging { .. } => Standing::Stopping,
            Is::Abandoned(_) => Standing::Abandoned,
        }
    }

    /// The token of the process it holds or has asked for.
    #[must_use]
    pub fn token(&self) -> Option<Token> {
        match &self.is {
            Is::Down(_) | Is::Backoff { .. } => None,
            Is::Spawning(life)
            | Is::Starting(life)
            | Is::Ready(life)
            | Is::Stopping(life, ..)
            | Is::Judging { life, .. }
            | Is::Abandoned(life) => Some(life.token),
        }
    }

    /// When it wants to hear [`Event::Due`]; [`Moment::NEVER`] if it waits for no time.
    #[must_use]
    pub fn due(&self) -> Moment {
        match &self.is {
            Is::Down(_) | Is::Abandoned(_) => Moment::NEVER,
            Is::Backoff { until } => *until,
            Is::Spawning(life) => life.start_by,
            Is::Starting(life) => life.start_by.min(life.leave_by),
            Is::Ready(life) => life.leave_by,
            Is::Stopping(
                _,
                _,
                Phase::Asked { kill_at: at, .. } | Phase::Killed { give_up_at: at },
            ) => *at,
            Is::Judging { judge_at, .. } => *judge_at,
        }
    }

    /// The supervisor was stalled until `now`: what hangs on a word of the child that may be lying
    /// unread gets its whole time again. Answers whether a deadline moved.
    pub fn forgive_stall(&mut self, now: Moment, policy: &UnitPolicy) -> bool {
        match &mut self.is {
            Is::Spawning(life) | Is::Starting(life) | Is::Ready(life) => {
                let mut moved = false;
                if life.ready_at.is_none() && life.start_by != Moment::NEVER {
                    life.start_by = steps::start_by(now, policy);
                    moved = true;
                }
                if life.leave_by != Moment::NEVER {
                    life.leave_by = now + LINE_LOST_GRACE;
                    moved = true;
                }
                moved
            }
            Is::Judging { judge_at, .. } => {
                *judge_at = now + DRAIN_TIMEOUT;
                true
            }
            Is::Down(_) | Is::Backoff { .. } | Is::Stopping(..) | Is::Abandoned(_) => false,
        }
    }

    /// Takes in one event. Returns nothing: what follows lies in the context's actions and in
    /// [`Instance::standing`].
    pub fn handle(&mut self, event: Event, cx: &mut Context<'_>) {
        match &event {
            Event::Start => {
                self.wanted = Wanted::Up;
                self.failures = 0;
                self.budget.clear();
            }
            Event::Restart => self.wanted = Wanted::Up,
            Event::Stop(cause) => self.wanted = Wanted::Down(*cause),
            Event::Kill
            | Event::Spawned(_)
            | Event::SpawnFailed(_)
            | Event::Said(_)
            | Event::Violated
            | Event::LineClosed
            | Event::Drained
            | Event::Exited(_)
            | Event::Due => {}
        }
        let is = std::mem::replace(&mut self.is, Is::Down(Rest::New));
        self.is = self.step(is, event, cx);
    }

    /// The table: every state × every event.
    fn step(&mut self, is: Is, event: Event, cx: &mut Context<'_>) -> Is {
        match (is, event) {
            // Nothing runs.
            (Is::Down(_) | Is::Backoff { .. }, Event::Start | Event::Restart) => self.spawn(cx),
            (Is::Backoff { .. }, Event::Stop(_) | Event::Kill) => Is::Down(Rest::Stopped),
            (Is::Backoff { until }, Event::Due) if until <= cx.now => self.spawn(cx),
            (
                is @ (Is::Down(_) | Is::Backoff { .. }),
                Event::Stop(_)
                | Event::Kill
                | Event::Spawned(_)
                | Event::SpawnFailed(_)
                | Event::Said(_)
                | Event::Violated
                | Event::LineClosed
                | Event::Drained
                | Event::Exited(_)
                | Event::Due,
            ) => is,

            // Asked for. A stop has to wait until there is something to stop.
            (Is::Spawning(life), Event::Spawned(pid)) => self.spawned(life, pid, cx),
            (Is::Spawning(life), Event::SpawnFailed(failure)) => {
                self.spawn_failed(life, failure, None, cx)
            }
            (Is::Spawning(mut life), Event::Violated) => {
                life.violated = true;
                Is::Spawning(life)
            }
            (Is::Spawning(life), Event::Kill) => {
                self.kill(life, StopCause::Shutdown, Duration::ZERO, cx)
            }
            (Is::Spawning(life), Event::Due) if life.start_by <= cx.now => {
                self.kill(life, StopCause::StartTimeout, Duration::ZERO, cx)
            }

            // It runs.
            (Is::Starting(life) | Is::Ready(life), Event::Stop(cause)) => {
                self.stop(life, cause, cx)
            }
            (Is::Starting(life) | Is::Ready(life), Event::Restart) => {
                self.stop(life, StopCause::Restart, cx)
            }
            (Is::Starting(life) | Is::Ready(life), Event::Violated) => {
                self.stop(life, StopCause::Violation, cx)
            }
            (Is::Starting(life) | Is::Ready(life), Event::Kill) => {
                self.kill(life, StopCause::Shutdown, Duration::ZERO, cx)
            }
            (Is::Starting(life) | Is::Ready(life), Event::Due) if life.leave_by <= cx.now => {
                self.stop(life, StopCause::LineLost, cx)
            }
            (Is::Starting(life), Event::Due) if life.start_by <= cx.now => {
                self.stop(life, StopCause::StartTimeout, cx)
            }
            (Is::Starting(mut life), Event::Said(said)) => {
                let ready = said == Said::Ready;
                life.words.hear(cx.now, said);
                if ready { self.ready(life, cx) } else { Is::Starting(life) }
            }
            (Is::Spawning(mut life), Event::Said(said)) => {
                life.said_ready |= said == Said::Ready;
                life.words.hear(cx.now, said);
                Is::Spawning(life)
            }
            (Is::Ready(mut life), Event::Said(said)) => {
                life.words.hear(cx.now, said);
                Is::Ready(life)
            }
            (Is::Starting(life), Event::LineClosed) => Is::Starting(self.line_closed(life, cx)),
            (Is::Ready(life), Event::LineClosed) => Is::Ready(self.line_closed(life, cx)),
            (Is::Spawning(mut life), Event::Drained) => {
                life.drained = true;
                Is::Spawning(life)
            }
            (Is::Starting(mut life), Event::Drained) => {
                life.drained = true;
                Is::Starting(life)
            }
            (Is::Ready(mut life), Event::Drained) => {
                life.drained = true;
                Is::Ready(life)
            }
            (Is::Spawning(life) | Is::Starting(life) | Is::Ready(life), Event::Exited(ending)) => {
                self.exited(life, ending, None, cx)
            }
            (
                is @ (Is::Spawning(_) | Is::Starting(_) | Is::Ready(_)),
                Event::Start
                | Event::Stop(_)
                | Event::Restart
                | Event::Spawned(_)
                | Event::SpawnFailed(_)
                | Event::LineClosed
                | Event::Due,
            ) => is,

            // On its way down. The last command wins: it decides what the end will mean.
            (Is::Stopping(life, _, phase), Event::Start | Event::Restart) => {
                Is::Stopping(life, StopCause::Restart, phase)
            }
            (Is::Stopping(life, _, phase), Event::Stop(cause)) => Is::Stopping(life, cause, phase),
            (Is::Stopping(life, cause, Phase::Asked { since, .. }), Event::Kill) => {
                self.kill(life, cause, cx.now.since(since), cx)
            }
            (Is::Stopping(life, cause, Phase::Asked { since, kill_at }), Event::Due)
                if kill_at <= cx.now =>
            {
                self.kill(life, cause, cx.now.since(since), cx)
            }
            (Is::Stopping(life, _, Phase::Killed { give_up_at }), Event::Due)
                if give_up_at <= cx.now =>
            {
                cx.report(Report::Abandoned { id: self.id, pid: life.pid });
                Is::Abandoned(life)
            }
            (Is::Stopping(mut life, cause, phase), Event::Said(said)) => {
                life.words.hear(cx.now, said);
                Is::Stopping(life, cause, phase)
            }
            (Is::Stopping(mut life, cause, phase), Event::Drained) => {
                life.drained = true;
                Is::Stopping(life, cause, phase)
            }
            (Is::Stopping(mut life, cause, phase), Event::Spawned(pid)) => {
                life.pid = Some(pid);
                life.started_at = Some(cx.now);
                cx.report(Report::Started { id: self.id, pid, incarnation: self.incarnation });
                Is::Stopping(life, cause, phase)
            }
            (Is::Stopping(life, cause, _), Event::SpawnFailed(failure)) => {
                self.spawn_failed(life, failure, Some(cause), cx)
            }
            (Is::Stopping(life, cause, _), Event::Exited(ending)) => {
                self.exited(life, ending, Some(cause), cx)
            }
            (
                is @ Is::Stopping(..),
                Event::Kill | Event::Violated | Event::LineClosed | Event::Due,
            ) => is,

            // Reaped; its last words may still be on the line.
            (
                Is::Judging { life, ending, exited_at, judge_at, .. },
                Event::Start | Event::Restart,
            ) => {
                let cause = Some(StopCause::Restart);
                Is::Judging { life, ending, exited_at, cause, judge_at }
            }
            (Is::Judging { life, ending, exited_at, judge_at, .. }, Event::Stop(cause)) => {
                Is::Judging { life, ending, exited_at, cause: Some(cause), judge_at }
            }
            (Is::Judging { mut life, ending, exited_at, cause, judge_at }, Event::Said(said)) => {
                life.words.hear(cx.now, said);
                Is::Judging { life, ending, exited_at, cause, judge_at }
            }
            (Is::Judging { life, ending, exited_at, cause, .. }, Event::Drained) => {
                self.judge(life, End::Process(ending), exited_at, cause, cx)
            }
            (Is::Judging { life, ending, exited_at, cause, judge_at }, Event::Due)
                if judge_at <= cx.now =>
            {
                self.judge(life, End::Process(ending), exited_at, cause, cx)
            }
            (
                is @ Is::Judging { .. },
                Event::Kill
                | Event::Spawned(_)
                | Event::SpawnFailed(_)
                | Event::Violated
                | Event::LineClosed
                | Event::Exited(_)
                | Event::Due,
            ) => is,

            // Left behind. Its slot stays taken until the process is gone.
            (Is::Abandoned(life), Event::Exited(_)) => {
                cx.report(Report::EndedLate { id: self.id, pid: life.pid });
                cx.act(Action::Release { token: life.token });
                match self.wanted {
                    Wanted::Up => self.spawn(cx),
                    Wanted::Down(_) => Is::Down(Rest::Stopped),
                }
            }
            (
                is @ Is::Abandoned(_),
                Event::Start
                | Event::Stop(_)
                | Event::Restart
                | Event::Kill
                | Event::Spawned(_)
                | Event::SpawnFailed(_)
                | Event::Said(_)
                | Event::Violated
                | Event::LineClosed
                | Event::Drained
                | Event::Due,
            ) => is,
        }
    }
}
