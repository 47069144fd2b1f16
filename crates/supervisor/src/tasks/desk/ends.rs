//! The end of a try, and of a task that no worker had.

use super::{Desk, ONLY};
use crate::tasks::client::Ended;
use crate::tasks::error::TaskError;
use crate::tasks::hand::spool;
use crate::tasks::keeper::Ticket;
use crate::tasks::when::When;
use crate::tasks::{report, result};
use hearken_core::evidence::{Evidence, TypedError};
use hearken_core::pool::{self, Event, TaskNext};
use hearken_core::task::{Lease, TaskId};
use hearken_store::{Command, Finish};
use std::sync::Arc;
use std::time::Duration;

/// The end of a try, as the core decided it.
#[derive(Debug, Clone)]
pub(in crate::tasks) struct End {
    pub(in crate::tasks) task: TaskId,
    pub(in crate::tasks) lease: Lease,
    pub(in crate::tasks) next: TaskNext,
    pub(in crate::tasks) counters: hearken_core::task::Counters,
    pub(in crate::tasks) decided_by: pool::TaskDecidedBy,
    pub(in crate::tasks) took: Duration,
    pub(in crate::tasks) slot: u32,
    pub(in crate::tasks) rule: Option<Arc<str>>,
}

impl Desk {
    /// A process has ended, and was heard to its last word.
    pub(in crate::tasks) fn ended(&mut self, when: When, slot: u32, evidence: &Evidence) {
        let token = self.tokens.remove(&slot);
        self.pids.remove(&slot);
        let in_hand = self.hands.values().find(|hand| hand.slot == slot);
        let dependency = in_hand.and_then(|hand| hand.dependency.clone());
        if let (Some(form), Some(token), Some(lease)) =
            (self.form, token, self.assigned.get(&slot).copied())
            && let Some(hand) = self.hands.get_mut(&lease)
        {
            let succeeded = evidence.kind().is_none() && evidence.stopped_by.is_none();
            let refused = match hand.result.trouble {
                Some(trouble) => Some(result::refused(trouble, self.max_result)),
                None if succeeded && hand.result.value.is_none() => {
                    form.read(&mut hand.result).err()
                }
                None => None,
            };
            if let Some(error) = refused {
                self.failed(when, token, ONLY, &error);
            }
        }
        self.tell(when.now, Event::Ended(slot, Box::new(evidence.clone()), dependency));
        if let Some(token) = token {
            self.held.retain(|(of, _), _| *of != token);
        }
        self.assigned.remove(&slot);
    }

    /// What became of a try is to be kept.
    pub(super) fn keep(&mut self, when: When, end: End, error: Option<TypedError>) {
        let hand = self.hands.remove(&end.lease);
        self.claims.remove(&end.lease);
        let mut finish = Finish::released(end.task, end.lease, end.counters, when.wall);
        let mut result = None;
        let mut said = None;
        let attempt = hand.as_ref().map_or(end.counters.leases, |hand| hand.attempt);
        if let Some(mut hand) = hand {
            // The worker's own words say more than the core heard of them.
            said = hand.error.take();
            finish.logs = hand.logs.text();
            finish.progress = hand.progress.map(|progress| (*progress).into());
            if end.next == TaskNext::Succeeded {
                let (task, lease, commands) = (end.task, end.lease, &mut self.commands);
                result = Some(hand.result.finish(|sequence, piece| {
                    commands.push_back((Ticket::Spooled, spool(task, lease, sequence, piece)));
                }));
            }
        }
        let error = error.map(|found| {
            said.filter(|said: &TaskError| said.is(&found))
                .unwrap_or_else(|| TaskError::found(&found))
        });
        if let TaskNext::Again { delay, .. } = end.next {
            finish.not_before = when.wall.after(delay);
        }
        report::end(&self.name, &end, attempt, error.as_ref());
        let json = error.as_ref().map(TaskError::json);
        // Whoever asks for it while it is being kept is to hear of it, too.
        let ended = Box::new(Ended {
            task: end.task,
            next: end.next,
            counters: end.counters,
            decided_by: end.decided_by.as_str(),
            error: json.clone(),
            result: result.clone(),
            took: end.took,
            worker: self.worker(end.slot),
        });
        finish.next = end.next;
        finish.decided_by = end.decided_by;
        finish.rule = end.rule.clone();
        finish.error = json.map(|json| (*json).into());
        finish.result = result;
        finish.took = end.took;
        let ticket = Ticket::Finish(end.lease, ended);
        self.commands.push_back((ticket, Command::Finish(Box::new(finish))));
    }

    /// A task has ended that nobody has a lease of.
    pub(super) fn drop_task(&mut self, when: When, task: TaskId, next: TaskNext) {
        let decided_by = match next {
            TaskNext::Expired => pool::TaskDecidedBy::Clock,
            TaskNext::Cancelled
            | TaskNext::Succeeded
            | TaskNext::Again { .. }
            | TaskNext::Released
            | TaskNext::Dead(_)
            | TaskNext::Discarded => pool::TaskDecidedBy::Operator,
        };
        let command = match next {
            TaskNext::Expired => Command::Expire { id: task, at: when.wall },
            TaskNext::Cancelled
            | TaskNext::Succeeded
            | TaskNext::Again { .. }
            | TaskNext::Released
            | TaskNext::Dead(_)
            | TaskNext::Discarded => Command::Cancel { id: task, at: when.wall, decided_by },
        };
        report::dropped(&self.name, task, next, decided_by);
        let ended = Box::new(Ended {
            task,
            next,
            counters: hearken_core::task::Counters::default(),
            decided_by: decided_by.as_str(),
            error: None,
            result: None,
            took: Duration::ZERO,
            worker: Arc::from(""),
        });
        self.commands.push_back((Ticket::Dropped(ended), command));
    }

    pub(super) fn rule(&self, decided_by: pool::TaskDecidedBy) -> Option<Arc<str>> {
        let pool::TaskDecidedBy::Rule(place) = decided_by else { return None };
        let rules = &self.core.policy().rules;
        rules.get(place as usize).map(|rule| Arc::from(&*rule.label))
    }
}
