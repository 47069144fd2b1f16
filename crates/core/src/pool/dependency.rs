//! Tasks that wait because what they depend on is away.
//!
//! ```text
//!            an error names it           its time is over
//!   away ◀────────────────────── (fine)      │
//!     │  ▲                          ▲        │
//!     │  └── the probe failed too ──┼── one task is let through as a probe
//!     └──────────────────────────── │ ───────┘
//!                                   └── the probe did not fail for it: all go on
//! ```
//!
//! Which tasks share a dependency is learned: those of the type of one that named it. They are held
//! before they are sent, so that what is away is asked by one task at a time, with growing pauses,
//! and not by all. (The pattern is Nygard's circuit breaker, "Release It!", chapter 5.)

use super::ending::Verdict;
use super::task::Place;
use super::{Pool, Report, TaskNext};
use crate::moment::Moment;
use crate::task::TaskId;
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

/// How many dependencies may be away at once: names come from workers. Errors that name more are
/// retried like any other.
const MOST: usize = 64;

/// A dependency that is away.
#[derive(Debug)]
pub(super) struct Pause {
    /// The types of task that depend on it.
    kinds: BTreeSet<Option<Arc<str>>>,
    /// When it is tried again.
    until: Moment,
    /// How often it was found away in a row.
    failures: u32,
    held: VecDeque<TaskId>,
    probe: Option<TaskId>,
}

impl Pool {
    /// Whether this task waits for something that is away; if it does, it is put aside.
    pub(super) fn waits_for_dependency(&mut self, now: Moment, id: TaskId) -> bool {
        if self.pauses.is_empty() {
            return false;
        }
        let Some(kind) = self.tasks.get(&id).map(|task| task.kind.clone()) else { return false };
        let away = self
            .pauses
            .values_mut()
            .find(|pause| pause.kinds.contains(&kind) && pause.probe != Some(id));
        let Some(pause) = away else { return false };
        if pause.probe.is_none() && pause.until <= now {
            pause.probe = Some(id);
            return false;
        }
        pause.held.push_back(id);
        self.put(id, Place::Paused);
        true
    }

    /// When a dependency is tried again.
    pub(super) fn next_dependency(&self) -> Option<Moment> {
        let waiting = |pause: &&Pause| pause.probe.is_none() && !pause.held.is_empty();
        self.pauses.values().filter(waiting).map(|pause| pause.until).min()
    }

    /// Lets one task through to each dependency whose time is over.
    pub(super) fn try_dependencies(&mut self, now: Moment) {
        let due = |pause: &Pause| pause.probe.is_none() && pause.until <= now;
        let names: Vec<_> =
            self.pauses.iter().filter(|(_, it)| due(it)).map(|(name, _)| name.clone()).collect();
        for name in names {
            while let Some(id) = self.pauses.get_mut(&name).and_then(|pause| pause.held.pop_front())
            {
                if self.is_paused(id) {
                    if let Some(pause) = self.pauses.get_mut(&name) {
                        pause.probe = Some(id);
                    }
                    self.make_ready(id);
                    break;
                }
            }
        }
    }

    fn is_paused(&self, id: TaskId) -> bool {
        self.tasks.get(&id).is_some_and(|task| task.place == Place::Paused)
    }

    /// Learns from the end of a try what is away, and what is back.
    pub(super) fn note_dependency(&mut self, now: Moment, id: TaskId, verdict: &Verdict) {
        if verdict.dependency.is_none() && self.pauses.is_empty() {
            return;
        }
        let cut_short = matches!(verdict.next, TaskNext::Released | TaskNext::Cancelled);
        let probed: Vec<_> = self
            .pauses
            .iter()
            .filter(|(_, pause)| pause.probe == Some(id))
            .map(|(name, _)| name.clone())
            .collect();
        for name in probed {
            if verdict.dependency.as_ref() == Some(&name) {
                continue;
            }
            if cut_short {
                if let Some(pause) = self.pauses.get_mut(&name) {
                    pause.probe = None;
                }
                self.try_dependencies(now);
            } else {
                self.dependency_back(&name);
            }
        }
        if let Some(name) = &verdict.dependency {
            self.dependency_away(now, id, name, verdict);
        }
    }

    fn dependency_away(&mut self, now: Moment, id: TaskId, name: &Arc<str>, verdict: &Verdict) {
        if self.pauses.len() >= MOST && !self.pauses.contains_key(name) {
            return;
        }
        let kind = self.tasks.get(&id).and_then(|task| task.kind.clone());
        let backoff = self.policy.dependency_pause;
        let pause = self.pauses.entry(name.clone()).or_insert_with(|| Pause {
            kinds: BTreeSet::new(),
            until: Moment::START,
            failures: 0,
            held: VecDeque::new(),
            probe: None,
        });
        pause.kinds.insert(kind);
        // One that was under way when the pause began says nothing new.
        let news = pause.failures == 0 || pause.probe == Some(id);
        if !news {
            return;
        }
        pause.probe = None;
        pause.failures = pause.failures.saturating_add(1);
        let asked = verdict.error.as_ref().and_then(|error| error.retry_after);
        let length = asked.map_or_else(
            || backoff.after(pause.failures, &mut self.jitter),
            |asked| backoff.clamp(asked),
        );
        pause.until = now + length;
        self.report(Report::DependencyPaused { dependency: name.clone(), length });
    }

    /// The probe did not fail for it: everybody who waits goes on.
    fn dependency_back(&mut self, name: &Arc<str>) {
        let Some(pause) = self.pauses.remove(name) else { return };
        let held: Vec<_> = pause.held.into_iter().filter(|id| self.is_paused(*id)).collect();
        self.report(Report::DependencyBack { dependency: name.clone(), tasks: held.len() });
        for id in held {
            self.make_ready(id);
        }
    }
}
