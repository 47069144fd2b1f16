//! Tasks that wait because what they depend on is away.
//!
//! ```text
//!            an error names it           its time is over
//!   away ◀────────────────────── (fine)      │
//!     │  ▲                          ▲        │
//!     │  └── the probe failed too ──┼── one task is let through as a probe ◀─┐
//!     └──────────────────────────── │ ───────┘                               │
//!                                   │      the probe was cut short: another ─┘
//!                                   └── the probe did not fail for it: all go on
//! ```
//!
//! Which tasks share a dependency is learned: those of the type of one that named it. They are held
//! before they are sent, so that what is away is asked by one task at a time, with growing pauses,
//! and not by all. (The pattern is Nygard's circuit breaker, "Release It!", chapter 5.)

use super::ending::Verdict;
use super::task::{Place, Task};
use super::{Pool, Report};
use crate::moment::Moment;
use crate::task::TaskId;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

/// How many dependencies may be away at once: names come from workers. Errors that name more are
/// retried like any other.
const MOST: usize = 64;

/// How many of those a pause holds may have gone elsewhere before it forgets them.
const SLACK: u64 = 64;

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

impl Pause {
    /// Whether this task waits for it.
    pub(super) fn holds(&self, id: TaskId) -> bool {
        self.held.contains(&id)
    }

    /// The task that was let through to see.
    pub(super) fn probe(&self) -> Option<TaskId> {
        self.probe
    }

    /// Whether it is time to let a task through to see.
    fn is_due(&self, now: Moment) -> bool {
        self.probe.is_none() && self.until <= now
    }
}

impl Pool {
    /// Whether this task waits for something that is away; if it does, it is put aside. If it does
    /// not, it is the probe of everything that it is time to try.
    pub(super) fn waits_for_dependency(&mut self, now: Moment, id: TaskId) -> bool {
        if self.pauses.is_empty() {
            return false;
        }
        let Some(kind) = self.tasks.get(&id).map(|task| task.kind.clone()) else { return false };
        let of_kind = |pause: &&mut Pause| pause.kinds.contains(&kind);
        let away = |pause: &&mut Pause| pause.probe != Some(id) && !pause.is_due(now);
        let tasks = &self.tasks;
        if let Some(pause) = self.pauses.values_mut().filter(of_kind).find(away) {
            if pause.held.len() as u64 > SLACK + 2 * self.counts.paused {
                pause.held.retain(|id| is_paused(tasks, *id));
            }
            pause.held.push_back(id);
            self.put(id, Place::Paused);
            // Who waits here can try nothing elsewhere: two that wait for each other's answer would
            // wait for ever.
            self.probe_is_gone(now, id);
            return true;
        }
        for pause in self.pauses.values_mut().filter(of_kind) {
            pause.probe = Some(id);
        }
        false
    }

    /// When a dependency is tried again.
    pub(super) fn next_dependency(&self) -> Option<Moment> {
        let waiting = |pause: &&Pause| pause.probe.is_none() && !pause.held.is_empty();
        self.pauses.values().filter(waiting).map(|pause| pause.until).min()
    }

    /// Lets one task through to each dependency whose time is over.
    pub(super) fn try_dependencies(&mut self, now: Moment) {
        let mut probes = Vec::new();
        for pause in self.pauses.values_mut().filter(|pause| pause.is_due(now)) {
            while let Some(id) = pause.held.pop_front() {
                if is_paused(&self.tasks, id) {
                    pause.probe = Some(id);
                    probes.push(id);
                    break;
                }
            }
        }
        for id in probes {
            self.make_ready(id);
        }
    }

    /// This task will not tell whether anything is back: another has to.
    pub(super) fn probe_is_gone(&mut self, now: Moment, id: TaskId) {
        let mut gone = false;
        for pause in self.pauses.values_mut().filter(|pause| pause.probe == Some(id)) {
            pause.probe = None;
            gone = true;
        }
        if gone {
            self.try_dependencies(now);
        }
    }

    /// Learns from the end of a try what is away, and what is back.
    pub(super) fn note_dependency(&mut self, now: Moment, id: TaskId, verdict: &Verdict) {
        if verdict.dependency.is_none() && self.pauses.is_empty() {
            return;
        }
        let away = verdict.dependency.as_ref();
        if verdict.is_an_answer() {
            let probes = |(name, pause): (&Arc<str>, &Pause)| {
                (pause.probe == Some(id) && away != Some(name)).then(|| name.clone())
            };
            let back: Vec<_> = self.pauses.iter().filter_map(probes).collect();
            for name in back {
                self.dependency_back(&name);
            }
        }
        if let Some(name) = &verdict.dependency {
            self.dependency_away(now, id, name, verdict);
        }
        self.probe_is_gone(now, id);
    }

    fn dependency_away(&mut self, now: Moment, id: TaskId, name: &Arc<str>, verdict: &Verdict) {
        if self.pauses.len() >= MOST && !self.pauses.contains_key(name) {
            // One that nobody asks for any more has made room.
            let idle = |pause: &Pause| pause.is_due(now) && pause.held.is_empty();
            let idle = self.pauses.iter().find(|(_, pause)| idle(pause));
            let Some(idle) = idle.map(|(name, _)| name.clone()) else { return };
            self.pauses.remove(&idle);
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
        let mut tasks = 0;
        for id in pause.held {
            if is_paused(&self.tasks, id) {
                self.make_ready(id);
                tasks += 1;
            }
        }
        self.report(Report::DependencyBack { dependency: name.clone(), tasks });
    }
}

fn is_paused(tasks: &HashMap<TaskId, Task>, id: TaskId) -> bool {
    tasks.get(&id).is_some_and(|task| task.place == Place::Paused)
}
