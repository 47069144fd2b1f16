//! What follows from what a running child says, or a probe says of it.

use super::Instance;
use super::prober::{Answer, Ring};
use super::state::{Consequence, Context, Is, Life};
use crate::action::{Action, Purpose, Report};
use crate::evidence::{Said, StopCause, TypedError};
use crate::judge::{self, Beyond, DecidedBy, Judgement, Next};
use crate::moment::Moment;
use crate::policy::OnLimit;
use crate::verdict::{InstanceVerdict, UnitVerdict};
use std::time::Duration;

/// The most that one `EXTEND_TIMEOUT_USEC` gives.
pub const EXTENSION_MAX: Duration = Duration::from_secs(3600);

/// Where a running child stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Starting,
    Ready,
}

impl Stage {
    fn of(self, life: Life) -> Is {
        match self {
            Self::Starting => Is::Starting(life),
            Self::Ready => Is::Ready(life),
        }
    }
}

impl Instance {
    /// A running child said something.
    pub(super) fn said(
        &mut self,
        mut life: Life,
        stage: Stage,
        said: Said,
        cx: &mut Context<'_>,
    ) -> Is {
        match said {
            Said::Ready => match stage {
                // A probe decides, whatever it says itself.
                Stage::Starting if life.liveness.prober.is_some() => Is::Starting(life),
                Stage::Starting => self.ready(life, cx),
                Stage::Ready => {
                    if let Some(since) = life.reloading.take() {
                        cx.report(Report::Reloaded { id: self.id, after: cx.now.since(since) });
                    }
                    Is::Ready(life)
                }
            },
            Said::Error(error) => self.react(life, stage, &error, cx),
            Said::Exiting(_) | Said::Leaving => stage.of(self.leaving(life, cx)),
            Said::WatchdogTrigger => self.stop(life, StopCause::Watchdog, cx),
            Said::Reloading => {
                if life.reloading.replace(cx.now).is_none() {
                    cx.report(Report::Reloading { id: self.id });
                }
                stage.of(life)
            }
            Said::Extend(by) => {
                let until = cx.now + by.min(EXTENSION_MAX);
                for deadline in [&mut life.start_by, &mut life.leave_by] {
                    if *deadline != Moment::NEVER {
                        *deadline = (*deadline).max(until);
                    }
                }
                stage.of(life)
            }
            Said::Hello | Said::Working | Said::Alive | Said::WatchdogPeriod(_) => stage.of(life),
        }
    }

    /// It said an error and runs on. A verdict that stops it is carried out once, whether it then
    /// leaves by itself or has to be stopped.
    pub(super) fn react(
        &mut self,
        mut life: Life,
        stage: Stage,
        error: &TypedError,
        cx: &mut Context<'_>,
    ) -> Is {
        let uptime = life.started_at.map_or(Duration::ZERO, |start| cx.now.since(start));
        let policy = &cx.policy.restart;
        let verdict =
            judge::react(error, uptime, self.account.failures(), &cx.policy.rules, policy);
        if (verdict.instance, verdict.unit) != (InstanceVerdict::Keep, UnitVerdict::None) {
            cx.report(Report::Reacted { id: self.id, verdict });
        }
        let mut sentence = verdict.at_end();
        let mut instance = verdict.instance;
        life.charged = false;
        match verdict.unit {
            UnitVerdict::None => {}
            // One that is stopped is counted when it starts again.
            UnitVerdict::Count if instance != InstanceVerdict::Keep => {}
            UnitVerdict::Count => {
                life.charged = self.account.charge(policy, cx.now);
                if !life.charged && policy.on_limit != OnLimit::Wait {
                    instance = InstanceVerdict::Stop;
                    let beyond = match policy.on_limit {
                        OnLimit::ShutDown => Beyond::ShutDown,
                        OnLimit::Fail | OnLimit::Wait => Beyond::Nothing,
                    };
                    let decided_by = DecidedBy::Budget;
                    sentence = Judgement { next: Next::Failed, beyond, decided_by };
                }
            }
            UnitVerdict::Pause => {
                let pause = self.account.delay(verdict.pace, cx.jitter);
                cx.consequences.push(Consequence::Pause(cx.now + pause));
            }
            UnitVerdict::Fail | UnitVerdict::ShutDown => {
                instance = match instance {
                    InstanceVerdict::Replace => InstanceVerdict::Replace,
                    InstanceVerdict::Keep | InstanceVerdict::Recycle | InstanceVerdict::Stop => {
                        InstanceVerdict::Stop
                    }
                };
            }
        }
        match instance {
            InstanceVerdict::Keep => stage.of(life),
            InstanceVerdict::Recycle | InstanceVerdict::Stop => {
                life.sentence = Some(sentence);
                self.stop(life, StopCause::Verdict, cx)
            }
            InstanceVerdict::Replace => {
                life.sentence = Some(sentence);
                self.kill(life, StopCause::Verdict, Duration::ZERO, cx)
            }
        }
    }

    /// Something is late. Before that counts, what may lie there unread has time to be read.
    pub(super) fn look_again(&mut self, mut life: Life, stage: Stage, cx: &mut Context<'_>) -> Is {
        life.liveness.look_again(cx.now);
        match life.liveness.is_to_probe(cx.now) {
            true => self.probe(life, stage, cx),
            false => stage.of(life),
        }
    }

    /// The moment of its probes has come.
    pub(super) fn probe(&mut self, mut life: Life, stage: Stage, cx: &mut Context<'_>) -> Is {
        let Some(prober) = &mut life.liveness.prober else { return stage.of(life) };
        let token = life.token;
        match prober.ring(cx.now) {
            Ring::Start(number) => {
                let purpose = match stage {
                    Stage::Starting => Purpose::Readiness,
                    Stage::Ready => Purpose::Health,
                };
                cx.act(Action::Probe { token, purpose, number });
                stage.of(life)
            }
            Ring::Late(number) => {
                cx.act(Action::EndProbe { token, number });
                self.probed(life, stage, number, false, cx)
            }
        }
    }

    /// A probe was answered, or is taken for failed.
    pub(super) fn probed(
        &mut self,
        mut life: Life,
        stage: Stage,
        number: u32,
        passed: bool,
        cx: &mut Context<'_>,
    ) -> Is {
        let prober = life.liveness.prober.as_mut();
        match prober.and_then(|prober| prober.answer(number, passed, cx.now)) {
            Some(Answer::Exhausted) => {
                let cause = match stage {
                    Stage::Starting => StopCause::Unready,
                    Stage::Ready => StopCause::Health,
                };
                self.stop(life, cause, cx)
            }
            Some(Answer::Passed) if stage == Stage::Starting => self.ready(life, cx),
            Some(Answer::Passed | Answer::Failed) | None => stage.of(life),
        }
    }
}
