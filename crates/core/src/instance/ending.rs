//! What an instance does when an incarnation has ended: judge it, and start it again or rest.

use super::Instance;
use super::state::{Consequence, Context, Is, Life, Rest, Wait};
use crate::account::Decision;
use crate::action::{Action, Report};
use crate::evidence::{End, Evidence, StopCause};
use crate::judge::{Beyond, DecidedBy, Next};
use crate::moment::Moment;
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
        self.account.settle(ready_uptime, &cx.policy.restart);
        let evidence = Evidence {
            end,
            stopped_by: cause,
            error: life.words.error_at(at),
            intent: life.words.intent(),
            uptime: life.started_at.map_or(Duration::ZERO, |start| at.since(start)),
            ready_uptime,
            failures: self.account.failures(),
            sentence: life.sentence.filter(|_| cause == Some(StopCause::Verdict)),
        };
        // One trouble is counted once, whether it is met again in the end or not.
        if life.charged && evidence.explaining_error().is_some() {
            self.account.refund();
        }
        let Decision { judgement, until } =
            self.account.decide(&evidence, cx.policy, cx.now, cx.paused_until, cx.jitter);
        cx.report(Report::Ended {
            id: self.id,
            pid: life.pid,
            incarnation: self.incarnation,
            evidence: Box::new(evidence),
            judgement,
            restart_in: until.map(|until| until.since(cx.now)),
        });
        cx.act(Action::Release { token: life.token });
        let by_budget = judgement.decided_by == DecidedBy::Budget;
        match judgement.beyond {
            Beyond::Nothing => {}
            // An instance that stays down has no next start to wait for.
            Beyond::Pause => cx.consequences.extend(until.map(Consequence::Pause)),
            Beyond::FailUnit => cx.consequences.push(Consequence::FailUnit),
            Beyond::ShutDown if by_budget => cx.consequences.push(Consequence::LimitReached),
            Beyond::ShutDown => cx.consequences.push(Consequence::RuleShutDown),
        }
        match (until, judgement.next) {
            (Some(_), Next::Restart { .. }) if judgement.decided_by == DecidedBy::Operator => {
                self.spawn(cx)
            }
            // It starts again with those for whose sake it would be stopped now; that is no more than
            // one restart for them.
            (Some(until), Next::Restart { counted, .. }) if cx.hold => {
                Is::Held(Some(Wait { until, counted, asked_gate: false }))
            }
            (Some(until), Next::Restart { counted, .. }) => {
                if counted {
                    cx.consequences.push(Consequence::Restarts);
                }
                // Even one that is due at once waits for its turn: its group, or a pause of its
                // unit, may have a say before.
                Is::Backoff(Wait { until, counted, asked_gate: false })
            }
            (_, Next::Held) => Is::Held(None),
            (_, Next::Stopped) => Is::Down(Rest::Stopped),
            (_, Next::Finished) => Is::Down(Rest::Finished),
            (_, Next::Failed | Next::Restart { .. }) => Is::Down(Rest::Failed),
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

    /// Starts it again by itself. Gate and budget are asked here, at the moment of the start, and
    /// not when it was planned: what is cancelled before costs nothing, what comes later than
    /// planned counts when it comes, and a long wait of one takes no turn from another.
    pub(super) fn restart(&mut self, wait: Wait, cx: &mut Context<'_>) -> Is {
        if cx.hold {
            return Is::Held(Some(wait));
        }
        if cx.paused_until > cx.now {
            return Is::Backoff(Wait { until: cx.paused_until, ..wait });
        }
        if !wait.asked_gate {
            let until = cx.gate.reserve(cx.now);
            if until > cx.now {
                return Is::Backoff(Wait { until, asked_gate: true, ..wait });
            }
        }
        self.account.restarted(wait.counted, &cx.policy.restart, cx.now);
        self.spawn(cx)
    }

    /// Its pool needs a process here: at once, unless its unit pauses.
    pub(super) fn called(&mut self, cx: &mut Context<'_>) -> Is {
        if cx.paused_until > cx.now {
            return Is::Backoff(Wait { until: cx.paused_until, counted: false, asked_gate: true });
        }
        self.spawn(cx)
    }

    /// Those for whose sake it was down let it start; a delay that was to pass still passes.
    pub(super) fn resume(&mut self, wait: Option<Wait>, cx: &mut Context<'_>) -> Is {
        match wait {
            Some(wait) if wait.until > cx.now => Is::Backoff(wait),
            Some(wait) => self.restart(wait, cx),
            None => self.restart(Wait { until: cx.now, counted: false, asked_gate: false }, cx),
        }
    }
}
