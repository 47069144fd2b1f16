//! One slot of a unit, and the process in it.
//!
//! ```text
//!   Down ── start ──▶ Spawning ── spawned ──▶ Starting ── ready ──▶ Ready
//!    ▲                 ▲    │                     │                   │
//!    │             due │    │ failed              ├───────────────────┤
//!    │                 │    │                     │ exited            │ stop, or a fault
//!    │              Backoff │                     ▼                   ▼
//!    │                 ▲    │                  Judging ◀─ exited ─ Stopping: asked, then killed
//!    │                 │    ▼                     │                   │ would not die
//!    └─────────────────┴─ judged ◀── line drained ┘                   ▼
//!                           ▲         or 250 ms                    Abandoned
//!                           └─────────────────────── exited at last ──┘
//! ```
//!
//! (With `ready = "started"`, Spawning goes straight to Ready. A spawn that is not answered in time
//! goes to Stopping, killed as soon as it is known. What is stopped for the sake of others, a group
//! or something it comes after, goes to Held instead of Down or Backoff, and on at `Resume`.)
//!
//! The happy path: Down, `Start`, Spawning, `Spawned`, Starting, `Said(Ready)`, Ready,
//! `Stop(Shutdown)`, Stopping, `Exited`, Judging, `Drained`, Down.
//!
//! `is` says where it stands, `wanted` what it should become; every event is answered from both.
//! Once a process is on its way down, the cause of the stop says what is wanted: the last command
//! replaces it. An exit is judged only when the line is drained as well: the last frame of a child
//! that failed is often read after its exit was reaped.
//!
//! Here stand the events and the table; what is remembered in `state.rs`, what is done on the way
//! from one state to the next in `steps.rs`, what follows from what a child says in `hearing.rs`,
//! what it owes while it is ready in `liveness.rs`, and what follows an end in `ending.rs`.

mod ending;
mod hearing;
mod liveness;
mod prober;
mod state;
mod steps;

pub use hearing::EXTENSION_MAX;
pub use liveness::SIGNS_PER_PERIOD;
pub use state::{Consequence, Context, Rest, Standing};

use crate::account::Account;
use crate::action::Report;
use crate::evidence::{End, Ending, Said, SpawnFailure, StopCause};
use crate::identity::{InstanceId, Token};
use crate::moment::Moment;
use crate::policy::UnitPolicy;
use hearing::Stage;
use state::{Is, Life, Phase, Reaped, Wanted};
use std::time::Duration;

/// How long an exit waits for the rest of the line before it is judged without it.
pub const DRAIN_TIMEOUT: Duration = Duration::from_millis(250);
/// How long SIGKILL may take before a process is given up as abandoned.
pub const KILL_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a child that spoke the protocol may run on after closing its line.
pub const LINE_LOST_GRACE: Duration = Duration::from_secs(5);
/// A child on its way down may ask for more time (`EXTEND_TIMEOUT_USEC`): up to so many times what
/// the config gives it. A shutdown has to end.
pub const STOP_EXTENSIONS: u32 = 10;

/// What can happen to an instance. (The shell's events, after their token was looked up.)
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// It shall run. Forgives past failures.
    Start,
    /// It shall not run.
    Stop(StopCause),
    /// It shall run, and whatever runs now shall be replaced. Forgives past failures.
    Restart,
    /// Those for whose sake it was stopped let it start again. Forgives nothing.
    Resume,
    /// Its pool needs a process here. Forgives nothing.
    Call,
    /// Its pool wants this process gone, asked first or killed. Whether another follows says the
    /// cause.
    Dismiss {
        /// Why.
        cause: StopCause,
        /// Without asking first.
        kill: bool,
    },
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
    /// The probe of this number passed, or failed.
    Probed(u32, bool),
    /// Its process was reaped.
    Exited(Ending),
    /// The moment given by [`Instance::due`] has come.
    Due,
}

/// One slot of a unit.
#[derive(Debug)]
pub struct Instance {
    id: InstanceId,
    is: Is,
    wanted: Wanted,
    incarnation: u32,
    account: Account,
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
            account: Account::default(),
        }
    }

    /// Its slot comes into use again: it stands there as if it had never been started.
    pub fn renew(&mut self) {
        if let Is::Down(_) = self.is {
            self.is = Is::Down(Rest::New);
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
        self.is.standing()
    }

    /// Whether it ended by itself, and it is not known yet what that comes to.
    #[must_use]
    pub fn is_unjudged(&self) -> bool {
        matches!(self.is, Is::Judging(_, Reaped { cause: None, .. }))
    }

    /// The token of the process it holds or has asked for.
    #[must_use]
    pub fn token(&self) -> Option<Token> {
        self.is.token()
    }

    /// When it wants to hear [`Event::Due`]; [`Moment::NEVER`] if it waits for no time.
    #[must_use]
    pub fn due(&self) -> Moment {
        self.is.due()
    }

    /// The supervisor was stalled until `now`: what hangs on a word or an exit of the child that may
    /// be lying unread gets its whole time again. Answers whether a deadline moved.
    pub fn forgive_stall(&mut self, now: Moment, policy: &UnitPolicy) -> bool {
        self.is.forgive_stall(now, policy)
    }

    /// Takes in one event. Returns nothing: what follows lies in the context's actions and in
    /// [`Instance::standing`].
    pub fn handle(&mut self, event: Event, cx: &mut Context<'_>) {
        self.obey(&event);
        let mut is = std::mem::replace(&mut self.is, Is::Down(Rest::New));
        is.note(&event, cx.now, cx.policy);
        self.is = self.step(is, event, cx);
    }

    /// A command changes what is wanted, whatever the table makes of it now.
    fn obey(&mut self, event: &Event) {
        match event {
            Event::Start | Event::Restart => {
                self.wanted = Wanted::Up;
                self.account.forgive();
            }
            Event::Resume | Event::Call => self.wanted = Wanted::Up,
            Event::Stop(cause) => self.wanted = Wanted::Down(*cause),
            Event::Kill
            | Event::Dismiss { .. }
            | Event::Spawned(_)
            | Event::SpawnFailed(_)
            | Event::Said(_)
            | Event::Violated
            | Event::LineClosed
            | Event::Drained
            | Event::Probed(..)
            | Event::Exited(_)
            | Event::Due => {}
        }
    }

    /// The table: every state × every event. What an event tells of a life is noted already; here
    /// stands only what follows from it.
    fn step(&mut self, is: Is, event: Event, cx: &mut Context<'_>) -> Is {
        match (is, event) {
            // Nothing runs.
            (Is::Down(_) | Is::Held(_) | Is::Backoff(_), Event::Start | Event::Restart) => {
                self.spawn(cx)
            }
            (Is::Down(Rest::New), Event::Resume) => self.resume(None, cx),
            (Is::Down(_), Event::Call) => self.called(cx),
            (Is::Held(wait), Event::Resume) => self.resume(wait, cx),
            (Is::Backoff(wait), Event::Due) if wait.until <= cx.now => self.restart(wait, cx),
            (
                Is::Down(Rest::New) | Is::Held(_) | Is::Backoff(_),
                Event::Stop(StopCause::UnitFailed),
            ) => Is::Down(Rest::Failed),
            (Is::Backoff(wait), Event::Stop(cause)) if cause.holds() => Is::Held(Some(wait)),
            (is @ Is::Held(_), Event::Stop(cause)) if cause.holds() => is,
            (Is::Held(_) | Is::Backoff(_), Event::Stop(_) | Event::Kill) => Is::Down(Rest::Stopped),
            // Nobody needs what would come.
            (Is::Held(_) | Is::Backoff(_), Event::Dismiss { .. }) => Is::Down(Rest::Finished),
            (is @ Is::Down(_), Event::Dismiss { .. }) => is,
            (
                is @ (Is::Down(_) | Is::Held(_) | Is::Backoff(_)),
                Event::Stop(_)
                | Event::Resume
                | Event::Call
                | Event::Kill
                | Event::Spawned(_)
                | Event::SpawnFailed(_)
                | Event::Said(_)
                | Event::Violated
                | Event::LineClosed
                | Event::Drained
                | Event::Probed(..)
                | Event::Exited(_)
                | Event::Due,
            ) => is,

            // Asked for. A stop has to wait until there is something to stop.
            (Is::Spawning(life), Event::Spawned(pid)) => self.spawned(life, pid, cx),
            (Is::Spawning(life), Event::SpawnFailed(failure)) => {
                self.judge(life, End::SpawnFailed(failure), cx.now, self.wanted.cause(), cx)
            }
            (Is::Spawning(life), Event::Exited(ending)) => {
                self.exited(life, ending, self.wanted.cause(), cx)
            }
            (Is::Spawning(life), Event::Kill) => {
                self.kill(life, StopCause::Shutdown, Duration::ZERO, cx)
            }
            (Is::Spawning(life), Event::Dismiss { cause, .. }) => {
                self.kill(life, cause, Duration::ZERO, cx)
            }
            (Is::Spawning(life), Event::Stop(_)) => self.stop_when_known(life, cx),
            (Is::Spawning(life), Event::Start | Event::Restart | Event::Resume | Event::Call) => {
                Is::Spawning(Life { leave_by: Moment::NEVER, ..life })
            }
            (Is::Spawning(life), Event::Due) if life.start_by.min(life.leave_by) <= cx.now => {
                let cause = self.wanted.cause().unwrap_or(StopCause::StartTimeout);
                self.kill(life, cause, Duration::ZERO, cx)
            }
            (
                is @ Is::Spawning(_),
                Event::Said(_)
                | Event::Violated
                | Event::LineClosed
                | Event::Drained
                | Event::Probed(..)
                | Event::Due,
            ) => is,

            // It runs.
            (Is::Starting(life) | Is::Ready(life), Event::Stop(cause)) => {
                self.stop(life, cause, cx)
            }
            (Is::Starting(life) | Is::Ready(life), Event::Dismiss { cause, kill: false }) => {
                self.stop(life, cause, cx)
            }
            (Is::Starting(life) | Is::Ready(life), Event::Dismiss { cause, kill: true }) => {
                self.kill(life, cause, Duration::ZERO, cx)
            }
            (Is::Starting(life) | Is::Ready(life), Event::Restart) => {
                self.stop(life, StopCause::Restart, cx)
            }
            (Is::Starting(life) | Is::Ready(life), Event::Violated) => {
                self.stop(life, StopCause::Violation, cx)
            }
            (Is::Starting(life) | Is::Ready(life), Event::Due) if life.leave_by <= cx.now => {
                let cause = life.leave_for;
                if cause == StopCause::LineLost {
                    cx.report(Report::LineLost { id: self.id, after: LINE_LOST_GRACE });
                }
                self.stop(life, cause, cx)
            }
            (Is::Starting(life), Event::Due) if life.start_by <= cx.now => {
                self.stop(life, StopCause::StartTimeout, cx)
            }
            (Is::Starting(life), Event::Due) if life.liveness.is_in_doubt(cx.now) => {
                self.look_again(life, Stage::Starting, cx)
            }
            (Is::Ready(life), Event::Due) if life.liveness.is_in_doubt(cx.now) => {
                self.look_again(life, Stage::Ready, cx)
            }
            (Is::Starting(life) | Is::Ready(life), Event::Due)
                if life.liveness.fault(cx.now).is_some() =>
            {
                let cause = life.liveness.fault(cx.now).unwrap_or(StopCause::Watchdog);
                self.stop(life, cause, cx)
            }
            (Is::Starting(life), Event::Due) if life.liveness.due() <= cx.now => {
                self.probe(life, Stage::Starting, cx)
            }
            (Is::Ready(life), Event::Due) if life.liveness.due() <= cx.now => {
                self.probe(life, Stage::Ready, cx)
            }
            (Is::Starting(life), Event::Probed(number, passed)) => {
                self.probed(life, Stage::Starting, number, passed, cx)
            }
            (Is::Ready(life), Event::Probed(number, passed)) => {
                self.probed(life, Stage::Ready, number, passed, cx)
            }
            (Is::Starting(life) | Is::Ready(life), Event::Kill) => {
                self.kill(life, StopCause::Shutdown, Duration::ZERO, cx)
            }
            (Is::Starting(life), Event::Said(said)) => self.said(life, Stage::Starting, said, cx),
            (Is::Ready(life), Event::Said(said)) => self.said(life, Stage::Ready, said, cx),
            (Is::Starting(life), Event::LineClosed | Event::Drained) => {
                Is::Starting(self.line_closed(life, cx))
            }
            (Is::Ready(life), Event::LineClosed | Event::Drained) => {
                Is::Ready(self.line_closed(life, cx))
            }
            (Is::Starting(life) | Is::Ready(life), Event::Exited(ending)) => {
                self.exited(life, ending, None, cx)
            }
            (
                is @ (Is::Starting(_) | Is::Ready(_)),
                Event::Start
                | Event::Resume
                | Event::Call
                | Event::Spawned(_)
                | Event::SpawnFailed(_)
                | Event::Due,
            ) => is,

            // On its way down. The last command wins: it decides what the end will mean.
            (Is::Stopping(life, _, phase), Event::Start | Event::Restart) => {
                Is::Stopping(life, StopCause::Restart, phase)
            }
            // What was decided about it is not undone because others come down too.
            (is @ Is::Stopping(_, why, _), Event::Stop(cause)) if cause.holds() && why.stands() => {
                is
            }
            (Is::Stopping(life, _, phase), Event::Stop(cause)) => Is::Stopping(life, cause, phase),
            (
                Is::Stopping(life, cause, Phase::Asked { since, .. }),
                Event::Kill | Event::Dismiss { kill: true, .. },
            ) => self.kill(life, cause, cx.now.since(since), cx),
            (Is::Stopping(life, cause, Phase::Asked { since, kill_at }), Event::Due)
                if kill_at <= cx.now =>
            {
                self.kill(life, cause, cx.now.since(since), cx)
            }
            (Is::Stopping(life, cause, Phase::Killed { give_up_at }), Event::Due)
                if give_up_at <= cx.now =>
            {
                cx.report(Report::Abandoned { id: self.id, pid: life.pid });
                Is::Abandoned(life, cause)
            }
            (Is::Stopping(life, cause, phase), Event::Said(Said::Extend(by))) => {
                Is::Stopping(life, cause, phase.extended(by, cx))
            }
            // It was killed unseen; only now can it be dying.
            (Is::Stopping(life, cause, _), Event::Spawned(pid)) => {
                let give_up_at = cx.now + KILL_TIMEOUT;
                Is::Stopping(self.started(life, pid, cx), cause, Phase::Killed { give_up_at })
            }
            (Is::Stopping(life, cause, _), Event::SpawnFailed(failure)) => {
                self.judge(life, End::SpawnFailed(failure), cx.now, Some(cause), cx)
            }
            (Is::Stopping(life, cause, _), Event::Exited(ending)) => {
                self.exited(life, ending, Some(cause), cx)
            }
            (
                is @ Is::Stopping(..),
                Event::Resume
                | Event::Call
                | Event::Dismiss { .. }
                | Event::Kill
                | Event::Said(_)
                | Event::Violated
                | Event::LineClosed
                | Event::Drained
                | Event::Probed(..)
                | Event::Due,
            ) => is,

            // Reaped; its last words may still be on the line.
            (Is::Judging(life, reaped), Event::Start | Event::Restart) => {
                Is::Judging(life, Reaped { cause: Some(StopCause::Restart), ..reaped })
            }
            // It has ended for a reason of its own.
            (is @ Is::Judging(_, Reaped { cause: None, .. }), Event::Stop(cause))
                if cause.holds() =>
            {
                is
            }
            (is @ Is::Judging(_, Reaped { cause: Some(why), .. }), Event::Stop(cause))
                if cause.holds() && why.stands() =>
            {
                is
            }
            (Is::Judging(life, reaped), Event::Stop(cause)) => {
                Is::Judging(life, Reaped { cause: Some(cause), ..reaped })
            }
            // Whether the exit or the broken frame is seen first is a matter of luck.
            (Is::Judging(life, Reaped { cause: None, ending, at, judge_at }), Event::Violated) => {
                Is::Judging(
                    life,
                    Reaped { cause: Some(StopCause::Violation), ending, at, judge_at },
                )
            }
            (Is::Judging(life, it), Event::Drained) => {
                self.judge(life, End::Process(it.ending), it.at, it.cause, cx)
            }
            (Is::Judging(life, it), Event::Due) if it.judge_at <= cx.now => {
                self.judge(life, End::Process(it.ending), it.at, it.cause, cx)
            }
            (
                is @ Is::Judging(..),
                Event::Resume
                | Event::Call
                | Event::Dismiss { .. }
                | Event::Kill
                | Event::Spawned(_)
                | Event::SpawnFailed(_)
                | Event::Said(_)
                | Event::Violated
                | Event::LineClosed
                | Event::Probed(..)
                | Event::Exited(_)
                | Event::Due,
            ) => is,

            // Left behind. Its slot stays taken until the process is gone.
            (Is::Abandoned(life, _), Event::Start | Event::Restart) => {
                Is::Abandoned(life, StopCause::Restart)
            }
            (is @ Is::Abandoned(_, why), Event::Stop(cause)) if cause.holds() && why.stands() => is,
            (Is::Abandoned(life, _), Event::Stop(cause)) => Is::Abandoned(life, cause),
            (Is::Abandoned(life, cause), Event::Spawned(pid)) => {
                Is::Abandoned(self.started(life, pid, cx), cause)
            }
            (Is::Abandoned(life, cause), Event::SpawnFailed(failure)) => {
                self.ended_late(life, End::SpawnFailed(failure), cause, cx)
            }
            (Is::Abandoned(life, cause), Event::Exited(ending)) => {
                self.ended_late(life, End::Process(ending), cause, cx)
            }
            (
                is @ Is::Abandoned(..),
                Event::Resume
                | Event::Call
                | Event::Dismiss { .. }
                | Event::Kill
                | Event::Said(_)
                | Event::Violated
                | Event::LineClosed
                | Event::Drained
                | Event::Probed(..)
                | Event::Due,
            ) => is,
        }
    }
}
