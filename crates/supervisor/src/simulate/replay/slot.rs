//! One instance of a ledger, judged again.
//!
//! Its [`Account`] is driven with what was recorded: the evidence of each end and the moments of
//! starts. What a start by hand forgives is forgiven: a start is by hand if no restart was due.

use super::bounds::Bounds;
use hearken_core::account::{Account, Decision};
use hearken_core::budget::Budget;
use hearken_core::evidence::{Evidence, StopCause};
use hearken_core::jitter::Jitter;
use hearken_core::judge::{self, Beyond, DecidedBy, Judgement, Next};
use hearken_core::moment::Moment;
use hearken_core::policy::{OnLimit, RestartPolicy, UnitPolicy};
use hearken_core::verdict::{InstanceVerdict, UnitVerdict};
use std::time::Duration;

/// Between a decision of the core and its line in the ledger, and between a start and its line,
/// there is work: the budget of the ledger may be off by so much.
const SLACK: Duration = Duration::from_millis(100);

/// What the record says was decided.
#[derive(Debug, Clone, Copy)]
pub(super) struct Recorded {
    pub(super) judgement: Judgement,
    pub(super) restart_in: Option<Duration>,
}

/// What comes of an end when it is judged again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Again {
    /// The same.
    Same,
    /// Something else.
    Differs(Decision),
    /// It was stopped for a verdict; now it would have run on.
    RunsOn,
    /// It would not have come to this end: it would have been down.
    Unreached,
}

#[derive(Debug)]
struct LastEnd {
    at: Moment,
    recorded: Recorded,
    /// Whether the restart counts by this config, if it is one.
    counted: bool,
}

#[derive(Debug)]
pub(super) struct Slot {
    account: Account,
    /// The same budget as that of the account, to be looked into.
    budget: Budget,
    restarts: u32,
    jitter: Jitter,
    last: Option<LastEnd>,
    started: Option<Moment>,
    reacted: Option<Moment>,
    charged: bool,
    /// An error of a running child found no room in the budget.
    no_room: bool,
    /// By this config it would be down since its last end.
    down: bool,
    /// Nothing is known of what went before: the ledger begins in the middle.
    strange: bool,
    /// What was spent and restarted before is not known, and nothing has forgiven it since.
    unseen: bool,
}

impl Slot {
    /// `strange`: what went before is not known.
    pub(super) fn new(seed: u64, strange: bool) -> Self {
        Self {
            account: Account::default(),
            budget: Budget::default(),
            restarts: 0,
            jitter: Jitter::new(seed),
            last: None,
            started: None,
            reacted: None,
            charged: false,
            no_room: false,
            down: false,
            strange,
            unseen: strange,
        }
    }

    fn forgive(&mut self) {
        self.account.forgive();
        self.budget.clear();
        self.restarts = 0;
        self.down = false;
        (self.strange, self.unseen) = (false, false);
    }

    /// Its program runs.
    pub(super) fn started(&mut self, at: Moment, policy: &UnitPolicy) {
        self.started = Some(at);
        self.reacted = None;
        (self.charged, self.no_room) = (false, false);
        let Some(last) = self.last.take() else {
            // The first start of a life forgives nothing there is; in the middle, nobody knows.
            if !self.strange {
                self.forgive();
            }
            return;
        };
        let by_itself = match last.recorded.judgement.next {
            Next::Restart { .. } if last.recorded.judgement.decided_by == DecidedBy::Operator => {
                false
            }
            Next::Restart { .. } => {
                let early = |delay: Duration| SLACK.min(delay / 8).max(Duration::from_millis(1));
                let due = |delay| at + early(delay) >= last.at + delay;
                last.recorded.restart_in.is_some_and(due)
            }
            Next::Held => true,
            Next::Stopped | Next::Finished | Next::Failed => false,
        };
        if !by_itself {
            return self.forgive();
        }
        if last.counted {
            self.spend(at, &policy.restart);
        }
        self.account.restarted(false, &policy.restart, at);
        self.restarts = self.restarts.saturating_add(1);
    }

    /// A restart that was to come was called off: the next start is by hand.
    pub(super) fn called_off(&mut self) {
        if let Some(last) = &mut self.last {
            last.recorded.judgement.next = Next::Stopped;
        }
    }

    /// Records of it are missing here: nothing is known of what went before, as at the beginning
    /// of a ledger that begins in the middle.
    pub(super) fn lose_sight(&mut self) {
        self.renew();
        (self.strange, self.unseen) = (true, true);
    }

    /// It starts anew with a new supervisor.
    pub(super) fn renew(&mut self) {
        self.forgive();
        self.last = None;
    }

    fn spend(&mut self, at: Moment, policy: &RestartPolicy) -> bool {
        if let Some(limit) = policy.limit {
            let _same = self.budget.spend(limit, at);
        }
        self.account.charge(policy, at)
    }

    /// It said an error, and this was made of it.
    pub(super) fn reacted(
        &mut self,
        at: Moment,
        process: InstanceVerdict,
        unit: UnitVerdict,
        policy: &UnitPolicy,
    ) {
        self.reacted = Some(at);
        self.charged = false;
        if (process, unit) == (InstanceVerdict::Keep, UnitVerdict::Count) {
            self.charged = self.spend(at, &policy.restart);
            self.no_room = !self.charged && policy.restart.on_limit != OnLimit::Wait;
        }
    }

    /// It ended.
    pub(super) fn ended(
        &mut self,
        at: Moment,
        mut evidence: Evidence,
        recorded: Recorded,
        policy: &UnitPolicy,
        not_before: Moment,
    ) -> Again {
        if self.down {
            self.last = Some(LastEnd { at, recorded, counted: false });
            return Again::Unreached;
        }
        if evidence.stopped_by == Some(StopCause::Restart) {
            self.forgive();
        }
        if std::mem::take(&mut self.strange) {
            self.catch_up(&evidence, policy, at);
        }
        self.account.settle(evidence.ready_uptime, &policy.restart);
        if evidence.ready_uptime.is_some_and(|ready| ready >= policy.restart.settle) {
            self.restarts = 0;
        }
        evidence.failures = self.account.failures();
        let charged = std::mem::take(&mut self.charged);
        if charged && evidence.explaining_error().is_some() {
            self.account.refund();
            self.budget.refund();
        }
        let runs_on = evidence.stopped_by == Some(StopCause::Verdict)
            && evidence.error.is_some()
            && match self.sentence(&evidence, at, policy) {
                Some(sentence) => {
                    evidence.sentence = Some(sentence);
                    false
                }
                None => true,
            };
        let mut decision = self.account.decide(&evidence, policy, at, not_before, &mut self.jitter);
        let same = !runs_on && self.is_same(&recorded, &decision, at, policy, not_before);
        if same {
            decision = Decision {
                judgement: recorded.judgement,
                until: recorded.restart_in.map(|delay| at + delay),
            };
        }
        let next = decision.judgement.next;
        let counted = matches!(next, Next::Restart { counted: true, .. });
        let starts_again = |next| matches!(next, Next::Restart { .. } | Next::Held);
        self.down = !runs_on && !starts_again(next) && starts_again(recorded.judgement.next);
        self.last = Some(LastEnd { at, recorded, counted });
        match (runs_on, same) {
            (true, _) => Again::RunsOn,
            (false, true) => Again::Same,
            (false, false) => Again::Differs(decision),
        }
    }

    /// So many failures lie before the ledger: each of them as a crash, one after the other.
    fn catch_up(&mut self, evidence: &Evidence, policy: &UnitPolicy, at: Moment) {
        const ENOUGH: u32 = 64;
        let crash = Evidence {
            end: hearken_core::evidence::End::Process(hearken_core::evidence::Ending::Exited(1)),
            stopped_by: None,
            error: None,
            intent: None,
            ready_uptime: None,
            failures: 0,
            sentence: None,
            uptime: evidence.uptime,
        };
        for _ in 0..evidence.failures.min(ENOUGH) {
            let _known = self.account.decide(&crash, policy, at, at, &mut self.jitter.clone());
        }
    }

    /// What is made now of the error for which it was stopped; `None`: it would have run on.
    fn sentence(&self, evidence: &Evidence, at: Moment, policy: &UnitPolicy) -> Option<Judgement> {
        let error = evidence.error.as_ref()?;
        let said_at = self.reacted.unwrap_or(at);
        let uptime = self.started.map_or(evidence.uptime, |started| said_at.since(started));
        let verdict =
            judge::react(error, uptime, evidence.failures, &policy.rules, &policy.restart);
        let ends = matches!(verdict.unit, UnitVerdict::Fail | UnitVerdict::ShutDown);
        if verdict.instance != InstanceVerdict::Keep || ends {
            return Some(verdict.at_end());
        }
        if verdict.unit != UnitVerdict::Count || !self.no_room {
            return None;
        }
        let beyond = match policy.restart.on_limit {
            OnLimit::ShutDown => Beyond::ShutDown,
            OnLimit::Fail | OnLimit::Wait => Beyond::Nothing,
        };
        Some(Judgement { next: Next::Failed, beyond, decided_by: DecidedBy::Budget })
    }

    fn is_same(
        &self,
        recorded: &Recorded,
        ours: &Decision,
        at: Moment,
        policy: &UnitPolicy,
        not_before: Moment,
    ) -> bool {
        let Recorded { judgement: then, restart_in } = *recorded;
        let now = ours.judgement;
        let bounds = |next: Next| match next {
            Next::Restart { pace, .. } => {
                let failures = self.account.failures();
                let mut drawn = Bounds::of(pace, failures, self.restarts, &policy.restart);
                if self.unseen {
                    let after_many = Bounds::of(pace, failures, u32::MAX, &policy.restart);
                    drawn.most = drawn.most.max(after_many.most);
                }
                let wait = |delay: Duration| (at + delay).max(not_before).since(at);
                Some(Bounds { least: wait(drawn.least), most: wait(drawn.most) })
            }
            Next::Held | Next::Stopped | Next::Finished | Next::Failed => None,
        };
        if let (Some(limit), true) = (policy.restart.limit, then.decided_by != now.decided_by) {
            // Whether the window has room may hang on what was drawn, and on milliseconds.
            if now.decided_by == DecidedBy::Budget
                && let (Next::Restart { counted: true, .. }, Some(delay)) = (then.next, restart_in)
            {
                let start = at + delay;
                return self.budget.room_at(limit, start) <= start + SLACK;
            }
            if then.decided_by == DecidedBy::Budget
                && let (Next::Restart { counted: true, .. }, Some(bounds)) =
                    (now.next, bounds(now.next))
            {
                let start = Moment::at((at + bounds.least).since_start().saturating_sub(SLACK));
                let goes_on = policy.restart.on_limit == OnLimit::Wait;
                let went_on = matches!(then.next, Next::Restart { .. });
                let no_room = self.unseen || self.budget.room_at(limit, start) > start;
                return goes_on == went_on && no_room;
            }
        }
        let same_voice = match (then.decided_by, now.decided_by) {
            // A rule that only moved in the file decides as before.
            (DecidedBy::Rule(_), DecidedBy::Rule(_)) => true,
            (then, now) => then == now,
        };
        let same_next = match (then.next, now.next) {
            (Next::Restart { counted: then, .. }, Next::Restart { counted: now, .. }) => {
                then == now
            }
            (then, now) => std::mem::discriminant(&then) == std::mem::discriminant(&now),
        };
        let same_delay = match (restart_in, ours.until) {
            (None, None) => true,
            (Some(then), Some(until)) if now.decided_by == DecidedBy::Budget => {
                until.since(at).abs_diff(then) <= SLACK
            }
            (Some(_), Some(_)) if now.decided_by == DecidedBy::Operator => true,
            (Some(then), Some(_)) => bounds(now.next).is_some_and(|bounds| bounds.holds(then)),
            (Some(_), None) | (None, Some(_)) => false,
        };
        same_voice && same_next && same_delay && then.beyond == now.beyond
    }
}
