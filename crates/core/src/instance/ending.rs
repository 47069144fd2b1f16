//! What an instance does when an incarnation has ended: judge it, and start it again or rest.

use super::Instance;
use super::state::{Context, Is, Life, Rest};
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
    fn next_start(&mut self, judgement: &mut Judgement, cx: &mut Context<'_>) -> Option<Moment> {
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
