//! What an instance remembers, and where that puts it.

use super::liveness::Liveness;
use super::{DRAIN_TIMEOUT, Event, KILL_TIMEOUT, LINE_LOST_GRACE, STOP_EXTENSIONS};
use crate::action::{Action, Report};
use crate::evidence::{Ending, Said, StopCause, Words};
use crate::gate::StartGate;
use crate::identity::Token;
use crate::jitter::Jitter;
use crate::judge::Judgement;
use crate::moment::Moment;
use crate::policy::UnitPolicy;
use std::collections::VecDeque;
use std::time::Duration;

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
    /// Down for the sake of others, until they let it start again.
    Held,
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

impl Standing {
    /// Whether there is a process, or one to come, that somebody can wait for.
    #[must_use]
    pub fn is_active(self) -> bool {
        match self {
            Self::Backoff | Self::Starting { .. } | Self::Ready | Self::Stopping => true,
            Self::Down(_) | Self::Held | Self::Abandoned => false,
        }
    }

    /// Whether its program runs and is not on its way down.
    #[must_use]
    pub fn is_up(self) -> bool {
        match self {
            Self::Ready => true,
            Self::Starting { running } => running,
            Self::Down(_) | Self::Held | Self::Backoff | Self::Stopping | Self::Abandoned => false,
        }
    }

    /// Whether there is a process, or one that was asked for.
    #[must_use]
    pub fn has_process(self) -> bool {
        match self {
            Self::Starting { .. } | Self::Ready | Self::Stopping | Self::Abandoned => true,
            Self::Down(_) | Self::Held | Self::Backoff => false,
        }
    }
}

/// What an end, or an error of a child that runs on, means for more than its instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consequence {
    /// No instance of the unit is started again by itself before this moment.
    Pause(Moment),
    /// The whole unit fails.
    FailUnit,
    /// The daemon goes down: the restart budget is used up.
    LimitReached,
    /// The daemon goes down: a rule wants it.
    RuleShutDown,
    /// It will be started again by itself, and that counts: its group may want more.
    Restarts,
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
    /// No start by itself before this.
    pub paused_until: Moment,
    /// No start by itself at all for now: the unit waits for others.
    pub hold: bool,
    /// What comes of it for others.
    pub consequences: &'a mut Vec<Consequence>,
}

impl Context<'_> {
    pub(super) fn act(&mut self, action: Action) {
        self.actions.push_back(action);
    }

    pub(super) fn report(&mut self, report: Report) {
        self.act(Action::Report(report));
    }
}

/// What an instance should become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    Up,
    Down(StopCause),
}

impl Wanted {
    /// Why it should be down, if it should.
    pub(super) fn cause(self) -> Option<StopCause> {
        match self {
            Self::Up => None,
            Self::Down(cause) => Some(cause),
        }
    }
}

/// What an instance is.
#[derive(Debug)]
pub(super) enum Is {
    Down(Rest),
    /// With the automatic restart that was to come, if one was.
    Held(Option<Wait>),
    Backoff(Wait),
    Spawning(Life),
    Starting(Life),
    Ready(Life),
    Stopping(Life, StopCause, Phase),
    Judging(Life, Reaped),
    Abandoned(Life, StopCause),
}

/// An automatic restart that is yet to come.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wait {
    pub(super) until: Moment,
    /// Whether it is held against the budget.
    pub(super) counted: bool,
    /// Whether the shared gate was asked: `until` is its answer.
    pub(super) asked_gate: bool,
}

/// One incarnation, from the spawn on.
#[derive(Debug)]
pub(super) struct Life {
    pub(super) token: Token,
    pub(super) pid: Option<i32>,
    pub(super) asked_at: Moment,
    pub(super) started_at: Option<Moment>,
    pub(super) ready_at: Option<Moment>,
    pub(super) words: Words,
    pub(super) said_ready: bool,
    pub(super) violated: bool,
    pub(super) line_closed: bool,
    pub(super) drained: bool,
    /// When it must be ready.
    pub(super) start_by: Moment,
    /// When it must be gone: because it closed its line or announced its exit, or because it was to
    /// be stopped before the fork server had answered.
    pub(super) leave_by: Moment,
    /// What it is stopped for if it is not.
    pub(super) leave_for: StopCause,
    pub(super) liveness: Liveness,
    /// Since when it reads its configuration again.
    pub(super) reloading: Option<Moment>,
    /// The error that explains its end is held against the budget already.
    pub(super) charged: bool,
    /// What was decided for an error it said; it is stopped for that.
    pub(super) sentence: Option<Judgement>,
}

/// How far a stop has come.
#[derive(Debug, Clone, Copy)]
pub(super) enum Phase {
    /// It was asked at `since`, and is killed at `kill_at`.
    Asked { since: Moment, kill_at: Moment },
    /// It was killed, and is given up at `give_up_at`.
    Killed { give_up_at: Moment },
}

impl Phase {
    /// It asked for more time, and has it within reason.
    pub(super) fn extended(self, by: Duration, cx: &Context<'_>) -> Self {
        match self {
            Self::Asked { since, kill_at } => {
                let most = since + cx.policy.stop.grace.saturating_mul(STOP_EXTENSIONS);
                Self::Asked { since, kill_at: kill_at.max((cx.now + by).min(most)) }
            }
            Self::Killed { .. } => self,
        }
    }
}

/// An exit that waits for the rest of the line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reaped {
    pub(super) ending: Ending,
    pub(super) at: Moment,
    pub(super) cause: Option<StopCause>,
    pub(super) judge_at: Moment,
}

impl Life {
    pub(super) fn new(token: Token, now: Moment, policy: &UnitPolicy) -> Self {
        Self {
            token,
            pid: None,
            asked_at: now,
            started_at: None,
            ready_at: None,
            words: Words::default(),
            said_ready: false,
            violated: false,
            line_closed: false,
            drained: false,
            start_by: start_by(now, policy),
            leave_by: Moment::NEVER,
            leave_for: StopCause::LineLost,
            liveness: Liveness::new(policy),
            reloading: None,
            charged: false,
            sentence: None,
        }
    }

    /// Writes down what an event tells of this life, wherever it stands: what a child says counts
    /// at its end, no matter how far its end has come.
    fn note(&mut self, event: &Event, now: Moment, policy: &UnitPolicy) {
        match event {
            Event::Said(said) => {
                self.said_ready |= *said == Said::Ready;
                self.charged &= !matches!(said, Said::Ready | Said::Working | Said::Error(_));
                self.liveness.hear(said, now, policy);
                self.words.hear(now, said.clone());
            }
            Event::Violated => self.violated = true,
            Event::LineClosed => self.line_closed = true,
            Event::Drained => {
                self.line_closed = true;
                self.drained = true;
            }
            Event::Start
            | Event::Stop(_)
            | Event::Restart
            | Event::Resume
            | Event::Call
            | Event::Dismiss { .. }
            | Event::Kill
            | Event::Spawned(_)
            | Event::SpawnFailed(_)
            | Event::Probed(..)
            | Event::Exited(_)
            | Event::Due => {}
        }
    }

    /// When something has to be looked at.
    fn due(&self) -> Moment {
        self.start_by.min(self.leave_by).min(self.liveness.due())
    }
}

impl Is {
    pub(super) fn note(&mut self, event: &Event, now: Moment, policy: &UnitPolicy) {
        match self {
            Self::Down(_) | Self::Held(_) | Self::Backoff(_) => {}
            Self::Spawning(life)
            | Self::Starting(life)
            | Self::Ready(life)
            | Self::Stopping(life, ..)
            | Self::Judging(life, _)
            | Self::Abandoned(life, _) => life.note(event, now, policy),
        }
    }

    pub(super) fn standing(&self) -> Standing {
        match self {
            Self::Down(rest) => Standing::Down(*rest),
            Self::Held(_) => Standing::Held,
            Self::Backoff(_) => Standing::Backoff,
            Self::Spawning(_) => Standing::Starting { running: false },
            Self::Starting(_) => Standing::Starting { running: true },
            Self::Ready(_) => Standing::Ready,
            Self::Stopping(..) | Self::Judging(..) => Standing::Stopping,
            Self::Abandoned(..) => Standing::Abandoned,
        }
    }

    pub(super) fn token(&self) -> Option<Token> {
        match self {
            Self::Down(_) | Self::Held(_) | Self::Backoff(_) => None,
            Self::Spawning(life)
            | Self::Starting(life)
            | Self::Ready(life)
            | Self::Stopping(life, ..)
            | Self::Judging(life, _)
            | Self::Abandoned(life, _) => Some(life.token),
        }
    }

    pub(super) fn due(&self) -> Moment {
        match self {
            Self::Down(_) | Self::Held(_) | Self::Abandoned(..) => Moment::NEVER,
            Self::Backoff(wait) => wait.until,
            // Nobody is looked after before it is known, whatever it has said already.
            Self::Spawning(life) => life.start_by.min(life.leave_by),
            Self::Starting(life) | Self::Ready(life) => life.due(),
            Self::Stopping(_, _, Phase::Asked { kill_at, .. }) => *kill_at,
            Self::Stopping(_, _, Phase::Killed { give_up_at }) => *give_up_at,
            Self::Judging(_, reaped) => reaped.judge_at,
        }
    }

    /// Gives what hangs on a word or an exit that may be lying unread its whole time again; what was
    /// given more on its own request keeps that.
    pub(super) fn forgive_stall(&mut self, now: Moment, policy: &UnitPolicy) -> bool {
        match self {
            Self::Spawning(life) | Self::Starting(life) | Self::Ready(life) => {
                let mut moved = life.liveness.forgive_stall(now, policy);
                if life.start_by != Moment::NEVER {
                    life.start_by = life.start_by.max(start_by(now, policy));
                    moved = true;
                }
                if life.leave_by != Moment::NEVER {
                    let leave_by = now + LINE_LOST_GRACE.max(policy.stop.grace);
                    life.leave_by = life.leave_by.max(leave_by);
                    moved = true;
                }
                moved
            }
            Self::Stopping(_, _, Phase::Asked { kill_at, .. }) => {
                *kill_at = (*kill_at).max(now + policy.stop.grace);
                true
            }
            Self::Stopping(_, _, Phase::Killed { give_up_at }) => {
                *give_up_at = now + KILL_TIMEOUT;
                true
            }
            Self::Judging(_, reaped) => {
                reaped.judge_at = now + DRAIN_TIMEOUT;
                true
            }
            Self::Down(_) | Self::Held(_) | Self::Backoff(_) | Self::Abandoned(..) => false,
        }
    }
}

fn start_by(now: Moment, policy: &UnitPolicy) -> Moment {
    policy.start_timeout.map_or(Moment::NEVER, |timeout| now + timeout)
}
