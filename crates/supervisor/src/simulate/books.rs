//! How many of its counted restarts each instance has used up.
//!
//! The core keeps this to itself; here it is kept a second time, by the same [`Budget`], from what
//! the core reports. It decides nothing and is only shown.

use hearken_core::action::Report;
use hearken_core::budget::{Budget, Limit};
use hearken_core::identity::{InstanceId, UnitIndex};
use hearken_core::judge::{DecidedBy, Next};
use hearken_core::moment::Moment;
use hearken_core::policy::UnitPolicy;
use hearken_core::verdict::{InstanceVerdict, UnitVerdict};
use std::collections::HashMap;

/// How many restarts the window holds once this one is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) spent: usize,
    pub(super) limit: Limit,
}

#[derive(Debug, Default)]
struct Account {
    budget: Budget,
    /// The next start is one by itself, and counts or does not.
    next: Option<bool>,
    /// The error that will explain its end was counted when it was said.
    charged: bool,
}

#[derive(Debug, Default)]
pub(super) struct Books {
    accounts: HashMap<InstanceId, Account>,
}

impl Books {
    /// Takes in a report, and answers what it costs; `None` where nothing is counted.
    pub(super) fn note(
        &mut self,
        now: Moment,
        policy: &UnitPolicy,
        report: &Report,
    ) -> Option<Tally> {
        let limit = policy.restart.limit;
        match report {
            Report::Ended { id, evidence, judgement, restart_in, .. } => {
                let account = self.accounts.entry(*id).or_default();
                let charged = std::mem::take(&mut account.charged);
                if charged && evidence.explaining_error().is_some() {
                    account.budget.refund();
                }
                account.next = match judgement.next {
                    Next::Restart { .. } if judgement.decided_by == DecidedBy::Operator => None,
                    Next::Restart { counted, .. } => Some(counted),
                    Next::Held => Some(false),
                    Next::Stopped | Next::Finished | Next::Failed => None,
                };
                let counts = account.next == Some(true);
                let exhausted = judgement.decided_by == DecidedBy::Budget && restart_in.is_none();
                let limit = limit.filter(|_| counts || exhausted)?;
                let mut budget = account.budget.clone();
                let _full = budget.spend(limit, now + restart_in.unwrap_or_default());
                Some(Tally { spent: budget.spent(), limit })
            }
            Report::Reacted { id, verdict }
                if verdict.unit == UnitVerdict::Count
                    && verdict.instance == InstanceVerdict::Keep =>
            {
                let limit = limit?;
                let account = self.accounts.entry(*id).or_default();
                account.charged = account.budget.spend(limit, now).is_ok();
                Some(Tally { spent: account.budget.spent(), limit })
            }
            Report::Reacted { .. }
            | Report::Waiting { .. }
            | Report::Started { .. }
            | Report::Ready { .. }
            | Report::Stopping { .. }
            | Report::Killing { .. }
            | Report::LineLost { .. }
            | Report::Reloading { .. }
            | Report::Reloaded { .. }
            | Report::Paused { .. }
            | Report::GroupRestarting { .. }
            | Report::GroupFailed { .. }
            | Report::Abandoned { .. }
            | Report::EndedLate { .. }
            | Report::Stalled { .. }
            | Report::ShuttingDown { .. }
            | Report::Idle => None,
        }
    }

    /// It says something new, or does its work: what was counted stays counted.
    pub(super) fn moves_on(&mut self, id: InstanceId) {
        if let Some(account) = self.accounts.get_mut(&id) {
            account.charged = false;
        }
    }

    /// It is started, by itself or by hand.
    pub(super) fn spawned(&mut self, now: Moment, id: InstanceId, limit: Option<Limit>) {
        let account = self.accounts.entry(id).or_default();
        if let (Some(true), Some(limit)) = (account.next.take(), limit) {
            let _full = account.budget.spend(limit, now);
        }
    }

    /// Somebody started it by hand.
    pub(super) fn forgive(&mut self, unit: UnitIndex) {
        for (_, account) in self.accounts.iter_mut().filter(|(id, _)| id.unit == unit) {
            *account = Account::default();
        }
    }
}
