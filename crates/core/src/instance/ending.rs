//! What an instance does when an incarnation has ended: judge it, and start it again or rest.

use super::Instance;
use super::state::{Context, Is, Life, Rest, Wait};
use crate::action::{Action, Report};
use crate::evidence::{End, Evidence, StopCause};
use crate::judge::{self, DecidedBy, Judgement, Next, Pace};
use crate::moment::Moment;
use crate::policy::OnLimit;
use std::time::Duration;

impl Instance {
    pub(super) fn judge(
        &mut self,
        life: Life,
        end: End,
        at: Moment,
        cause: Option<StopCause>,
        cx: &mut Context<'_>,
    ) -> Is {
        let ready_uptime = life.ready_at.map(|ready| at.since(ready));
        if ready_uptime.is_some_and(|ready| ready >= cx.policy.restart.settle) {
            self.failures = 0;
            self.restarts = 0;
        }
        let evidence = Evidence {
            end,
            stopped_by: cause,
            error: life.words.error_at(at),
            intent: life.words.intent(),
            uptime: life.started_at.map_or(Duration::ZERO, |start| at.since(start)),
            ready_uptime,
            failures: self.failures,
        };
        let mut judgement = judge::judge(&evidence, &cx.policy.restart);
        self.failures = match judge::is_failure(&evidence) {
            true => self.failures.saturating_add(1),
            false => 0,
        };
        let wait = self.next_start(&mut judgement, cx);
        cx.report(Report::Ended {
            id: self.id,
            pid: life.pid,
            incarnation: self.incarnation,
            evidence: Box::new(evidence),
            judgement,
            restart_in: wait.map(|wait| wait.until.since(cx.now)),
        });
        cx.act(Action::Release { token: life.token });
        match (wait, judgement.next) {
            (Some(_), _) if judgement.decided_by == DecidedBy::Operator => self.spawn(cx),
            (Some(wait), _) if wait.until <= cx.now => self.restart(wait, cx),
            (Some(wait), _) => Is::Backoff(wait),
            (None, Next::Stopped) => Is::Down(Rest::Stopped),
            (None, Next::Finished) => Is::Down(Rest::Finished),
            (None, Next::Failed | Next::Restart { .. }) => Is::Down(Rest::Failed),
        }
    }

    /// It had been left behind, and has ended after all.
    pub(super) fn ended_late(
        &mut self,
        life: Life,
        end: End,
        cause: StopCause,
        cx: &mut Context<'_>,
    ) -> Is {
        cx.report(Report::EndedLate { id: self.id, pid: life.pid });
        self.judge(life, end, cx.now, Some(cause), cx)
    }

    /// When to start again, if at all. May turn a restart into a failure: the budget is a ceiling.
    fn next_start(&self, judgement: &mut Judgement, cx: &mut Context<'_>) -> Option<Wait> {
        let Next::Restart { pace, counted } = judgement.next else { return None };
        let by_hand = judgement.decided_by == DecidedBy::Operator;
        let policy = &cx.policy.restart;
        let delay = match pace {
            Pace::AtOnce => Duration::ZERO,
            Pace::Backoff => policy.backoff.after(self.failures.max(1), cx.jitter),
            Pace::Asked(asked) => policy.backoff.clamp(asked),
        };
        let floor = match by_hand {
            true => Duration::ZERO,
            false => policy.backoff.floor(self.restarts, cx.jitter),
        };
        let mut until = cx.now + delay.max(floor);
        if let (true, Some(limit)) = (counted, policy.limit) {
            let room_at = self.budget.room_at(limit, until);
            if room_at > until {
                judgement.decided_by = DecidedBy::Budget;
                match policy.on_limit {
                    OnLimit::Wait => until = room_at,
                    OnLimit::Fail | OnLimit::ShutDown => {
                        *cx.shut_down |= policy.on_limit == OnLimit::ShutDown;
                        judgement.next = Next::Failed;
                        return None;
                    }
                }
            }
        }
        Some(Wait { until, counted, asked_gate: false })
    }

    /// Starts it again by itself. Gate and budget are asked here, at the moment of the start, and
    /// not when it was planned: what is cancelled before costs nothing, what comes later than
    /// planned counts when it comes, and a long wait of one takes no turn from another.
    pub(super) fn restart(&mut self, wait: Wait, cx: &mut Context<'_>) -> Is {
        if !wait.asked_gate {
            let until = cx.gate.reserve(cx.now);
            if until > cx.now {
                return Is::Backoff(Wait { until, asked_gate: true, ..wait });
            }
        }
        if let (true, Some(limit)) = (wait.counted, cx.policy.restart.limit) {
            let spent = self.budget.spend(limit, cx.now);
            debug_assert_eq!(spent, Ok(()), "there was room when it was planned");
        }
        self.restarts = self.restarts.saturating_add(1);
        self.spawn(cx)
    }
}
