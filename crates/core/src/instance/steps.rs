//! What an instance does when it goes from one state to the next.

use super::{
    Context, DRAIN_TIMEOUT, Instance, Is, KILL_TIMEOUT, LINE_LOST_GRACE, Life, Phase, Rest, Wanted,
};
use crate::action::{Action, Report};
use crate::evidence::{End, Ending, Evidence, SpawnFailure, StopCause, Words};
use crate::identity::Token;
use crate::judge::{self, DecidedBy, Judgement, Next, Pace};
use crate::moment::Moment;
use crate::policy::{OnLimit, Ready, UnitPolicy};
use std::time::Duration;

const SIGCONT: i32 = 18;

impl Instance {
    pub(super) fn spawn(&mut self, cx: &mut Context<'_>) -> Is {
        *cx.last_token += 1;
        let token = Token(*cx.last_token);
        self.incarnation += 1;
        cx.act(Action::Spawn { id: self.id, token, incarnation: self.incarnation });
        Is::Spawning(Life {
            token,
            pid: None,
            asked_at: cx.now,
            started_at: None,
            ready_at: None,
            words: Words::default(),
            said_ready: false,
            violated: false,
            drained: false,
            start_by: start_by(cx.now, cx.policy),
            leave_by: Moment::NEVER,
        })
    }

    pub(super) fn spawned(&mut self, mut life: Life, pid: i32, cx: &mut Context<'_>) -> Is {
        life.pid = Some(pid);
        life.started_at = Some(cx.now);
        cx.report(Report::Started { id: self.id, pid, incarnation: self.incarnation });
        if let Wanted::Down(cause) = self.wanted {
            self.stop(life, cause, cx)
        } else if life.violated {
            self.stop(life, StopCause::Violation, cx)
        } else if cx.policy.ready == Ready::Started || life.said_ready {
            self.ready(life, cx)
        } else {
            Is::Starting(life)
        }
    }

    pub(super) fn ready(&mut self, mut life: Life, cx: &mut Context<'_>) -> Is {
        life.ready_at = Some(cx.now);
        cx.report(Report::Ready { id: self.id, after: cx.now.since(life.asked_at) });
        Is::Ready(life)
    }

    /// A program that never said hello may close what it was given; one that did has hung up.
    pub(super) fn line_closed(&mut self, mut life: Life, cx: &mut Context<'_>) -> Life {
        if life.words.said_hello()
            && life.words.intent().is_none()
            && life.leave_by == Moment::NEVER
        {
            life.leave_by = cx.now + LINE_LOST_GRACE;
            cx.report(Report::LineLost { id: self.id, grace: LINE_LOST_GRACE });
        }
        life
    }

    /// Asks it to stop. CONT comes after the signal, so that a stopped process finds it pending the
    /// moment it wakes, and does nothing else first.
    pub(super) fn stop(&mut self, life: Life, cause: StopCause, cx: &mut Context<'_>) -> Is {
        let (token, signal, grace) = (life.token, cx.policy.stop.signal, cx.policy.stop.grace);
        cx.report(Report::Stopping { id: self.id, cause, signal, grace });
        if life.words.said_hello() {
            cx.act(Action::Drain { token, grace, cause });
        }
        cx.act(Action::Signal { token, signal });
        cx.act(Action::Signal { token, signal: SIGCONT });
        Is::Stopping(life, cause, Phase::Asked { since: cx.now, kill_at: cx.now + grace })
    }

    pub(super) fn kill(
        &mut self,
        life: Life,
        cause: StopCause,
        after: Duration,
        cx: &mut Context<'_>,
    ) -> Is {
        cx.report(Report::Killing { id: self.id, cause, after });
        cx.act(Action::KillTree { token: life.token });
        Is::Stopping(life, cause, Phase::Killed { give_up_at: cx.now + KILL_TIMEOUT })
    }

    pub(super) fn exited(
        &mut self,
        life: Life,
        ending: Ending,
        cause: Option<StopCause>,
        cx: &mut Context<'_>,
    ) -> Is {
        if life.drained {
            return self.judge(life, End::Process(ending), cx.now, cause, cx);
        }
        Is::Judging { life, ending, exited_at: cx.now, cause, judge_at: cx.now + DRAIN_TIMEOUT }
    }

    pub(super) fn spawn_failed(
        &mut self,
        life: Life,
        failure: SpawnFailure,
        cause: Option<StopCause>,
        cx: &mut Context<'_>,
    ) -> Is {
        let cause = match (cause, self.wanted) {
            (Some(cause), _) | (None, Wanted::Down(cause)) => Some(cause),
            (None, Wanted::Up) => None,
        };
        self.judge(life, End::SpawnFailed(failure), cx.now, cause, cx)
    }

    pub(super) fn judge(
        &mut self,
        life: Life,
        end: End,
        at: Moment,
        cause: Option<StopCause>,
        cx: &mut Context<'_>,
    ) -> Is {
        let evidence = Evidence {
            end,
            stopped_by: cause,
            error: life.words.error_at(at),
            intent: life.words.intent(),
            uptime: life.started_at.map_or(Duration::ZERO, |start| at.since(start)),
            ready_uptime: life.ready_at.map(|ready| at.since(ready)),
            failures: self.failures,
        };
        let restart = &cx.policy.restart;
        let mut judgement = judge::judge(&evidence, restart);
        if evidence.ready_uptime.is_some_and(|ready| ready >= restart.settle)
            || !judge::is_failure(&evidence)
        {
            self.failures = 0;
        }
        if judge::is_failure(&evidence) {
            self.failures = self.failures.saturating_add(1);
        }
        let start_at = self.next_start(&mut judgement, cx);
        cx.report(Report::Ended {
            id: self.id,
            pid: life.pid,
            incarnation: self.incarnation,
            evidence: Box::new(evidence),
            judgement,
            restart_in: start_at.map(|start| start.since(cx.now)),
        });
        cx.act(Action::Release { token: life.token });
        match (start_at, judgement.next) {
            (Some(start), _) if start <= cx.now => self.spawn(cx),
            (Some(until), _) => Is::Backoff { until },
            (None, Next::Stopped) => Is::Down(Rest::Stopped),
            (None, Next::Finished) => Is::Down(Rest::Finished),
            (None, Next::Failed | Next::Restart { .. }) => Is::Down(Rest::Failed),
        }
    }

    /// When to start again, if at all. May turn a restart into a failure: the budget is a ceiling.
    pub(super) fn next_start(
        &mut self,
        judgement: &mut Judgement,
        cx: &mut Context<'_>,
    ) -> Option<Moment> {
        let Next::Restart { pace, counted } = judgement.next else { return None };
        let policy = &cx.policy.restart;
        let delay = match pace {
            Pace::AtOnce => Duration::ZERO,
            Pace::Backoff => policy.backoff.after(self.failures.max(1), cx.jitter),
            Pace::Asked(asked) => policy.backoff.clamp(asked),
        };
        let mut start = cx.now + delay;
        if judgement.decided_by == DecidedBy::Operator {
            return Some(start);
        }
        if let (true, Some(limit)) = (counted, policy.limit)
            && let Err(room_at) = self.budget.spend(limit, start)
        {
            judgement.decided_by = DecidedBy::Budget;
            match policy.on_limit {
                OnLimit::Wait => {
                    start = room_at;
                    // There is room at that moment by what `spend` promised.
                    let _room = self.budget.spend(limit, start);
                }
                OnLimit::Fail | OnLimit::ShutDown => {
                    *cx.shut_down |= policy.on_limit == OnLimit::ShutDown;
                    judgement.next = Next::Failed;
                    return None;
                }
            }
        }
        Some(cx.gate.reserve(start))
    }
}

pub(super) fn start_by(now: Moment, policy: &UnitPolicy) -> Moment {
    policy.start_timeout.map_or(Moment::NEVER, |timeout| now + timeout)
}
