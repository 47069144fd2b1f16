//! What an instance does when it goes from one state to the next.

use super::hearing::Stage;
use super::prober::Prober;
use super::state::{Context, Is, Life, Phase, Reaped, Wanted};
use super::{DRAIN_TIMEOUT, Instance, KILL_TIMEOUT, LINE_LOST_GRACE};
use crate::action::{Action, Report};
use crate::evidence::{End, Ending, StopCause};
use crate::identity::Token;
use crate::moment::Moment;
use crate::policy::Ready;
use std::time::Duration;

const SIGCONT: i32 = 18;

impl Instance {
    pub(super) fn spawn(&mut self, cx: &mut Context<'_>) -> Is {
        *cx.last_token += 1;
        let token = Token(*cx.last_token);
        self.incarnation += 1;
        cx.act(Action::Spawn { id: self.id, token, incarnation: self.incarnation });
        Is::Spawning(Life::new(token, cx.now, cx.policy))
    }

    pub(super) fn started(&mut self, mut life: Life, pid: i32, cx: &mut Context<'_>) -> Life {
        life.pid = Some(pid);
        life.started_at = Some(cx.now);
        cx.report(Report::Started { id: self.id, pid, incarnation: self.incarnation });
        life
    }

    pub(super) fn spawned(&mut self, life: Life, pid: i32, cx: &mut Context<'_>) -> Is {
        let life = self.started(life, pid, cx);
        if let Wanted::Down(cause) = self.wanted {
            return self.stop(life, cause, cx);
        }
        if life.violated {
            return self.stop(life, StopCause::Violation, cx);
        }
        let mut life = self.line_closed(life, cx);
        if life.words.intent().is_some() {
            life = self.leaving(life, cx);
        }
        let complaint = life.words.error_at(cx.now);
        let is = match cx.policy.ready {
            Ready::Started => self.ready(life, cx),
            Ready::Said if life.said_ready => self.ready(life, cx),
            Ready::Said => Is::Starting(life),
            Ready::Probe(rhythm) => {
                life.liveness.prober = Some(Prober::new(rhythm, cx.now));
                Is::Starting(life)
            }
        };
        match (is, complaint) {
            (Is::Starting(life), Some(error)) => self.react(life, Stage::Starting, &error, cx),
            (Is::Ready(life), Some(error)) => self.react(life, Stage::Ready, &error, cx),
            (is, Some(_) | None) => is,
        }
    }

    /// There is nothing yet to ask politely. But a fork server that never answers must not hold up a
    /// stop, or the shutdown, for longer than a process could.
    pub(super) fn stop_when_known(&mut self, mut life: Life, cx: &mut Context<'_>) -> Is {
        life.leave_by = life.leave_by.min(cx.now + cx.policy.stop.grace);
        Is::Spawning(life)
    }

    pub(super) fn ready(&mut self, mut life: Life, cx: &mut Context<'_>) -> Is {
        life.ready_at = Some(cx.now);
        life.start_by = Moment::NEVER;
        life.liveness.begin(cx.now, cx.policy);
        cx.report(Report::Ready { id: self.id, after: cx.now.since(life.asked_at) });
        Is::Ready(life)
    }

    /// If its line is closed: a program that never said hello may close what it was given; one that
    /// did has hung up.
    pub(super) fn line_closed(&mut self, mut life: Life, cx: &mut Context<'_>) -> Life {
        if life.line_closed
            && life.words.said_hello()
            && life.words.intent().is_none()
            && life.leave_by == Moment::NEVER
        {
            life.leave_by = cx.now + LINE_LOST_GRACE;
            life.leave_for = StopCause::LineLost;
        }
        life
    }

    /// It announced its exit. It has as long for that as if it had been asked to stop.
    pub(super) fn leaving(&mut self, mut life: Life, cx: &mut Context<'_>) -> Life {
        if life.leave_for != StopCause::Overdue {
            life.leave_by = cx.now + cx.policy.stop.grace;
            life.leave_for = StopCause::Overdue;
        }
        life
    }

    /// Nobody waits for the answer any more.
    fn end_probe(&mut self, life: &mut Life, cx: &mut Context<'_>) {
        if let Some(number) = life.liveness.prober.take().and_then(|prober| prober.running()) {
            cx.act(Action::EndProbe { token: life.token, number });
        }
    }

    /// Asks it to stop. CONT comes after the signal, so that a stopped process finds it pending the
    /// moment it wakes, and does nothing else first.
    pub(super) fn stop(&mut self, mut life: Life, cause: StopCause, cx: &mut Context<'_>) -> Is {
        self.end_probe(&mut life, cx);
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
        mut life: Life,
        cause: StopCause,
        after: Duration,
        cx: &mut Context<'_>,
    ) -> Is {
        self.end_probe(&mut life, cx);
        cx.report(Report::Killing { id: self.id, cause, after });
        cx.act(Action::KillTree { token: life.token });
        Is::Stopping(life, cause, Phase::Killed { give_up_at: cx.now + KILL_TIMEOUT })
    }

    pub(super) fn exited(
        &mut self,
        mut life: Life,
        ending: Ending,
        cause: Option<StopCause>,
        cx: &mut Context<'_>,
    ) -> Is {
        self.end_probe(&mut life, cx);
        if life.drained {
            return self.judge(life, End::Process(ending), cx.now, cause, cx);
        }
        let judge_at = cx.now + DRAIN_TIMEOUT;
        Is::Judging(life, Reaped { ending, at: cx.now, cause, judge_at })
    }
}
