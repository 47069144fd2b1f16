//! Where every instance stands, folded from records: what a snapshot is made of, and what `why`
//! starts from.

use super::kept::{Group, KeptNext, words};
use super::named;
use super::record::{Fact, Life, Record, Supervisor, time};
use hearken_core::evidence::StopCause;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

words! {
    /// Where an instance stands.
    State {
        /// It was never started in this life.
        New = "new",
        /// It waits for others before it starts.
        Waiting = "waiting",
        /// It runs and is not ready.
        Starting = "starting",
        /// It runs and is ready.
        Ready = "ready",
        /// It is on its way down.
        Stopping = "stopping",
        /// It is down and starts again by itself.
        Restarting = "restarting",
        /// It is down for the sake of others, and starts again once they let it.
        Held = "held",
        /// It was stopped.
        Stopped = "stopped",
        /// It did what it was there for.
        Finished = "finished",
        /// It failed and stays down.
        Failed = "failed",
        /// It was left behind with a process that would not die.
        Abandoned = "abandoned",
    }
}

/// Where one instance stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stands {
    /// Where.
    pub state: State,
    /// Since when.
    #[serde(with = "time")]
    pub since: Timestamp,
    /// Its process, or the last one that is not gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<i32>,
    /// The how-manieth process of the instance; 0 before the first.
    #[serde(default)]
    pub incarnation: u32,
    /// Why it is being stopped, or came to stay down without an end of its own.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "named::maybe")]
    pub cause: Option<StopCause>,
    /// It had its time to stop, and was killed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub killed: bool,
    /// When it starts again; while it is being stopped: when it is killed.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "maybe_time")]
    pub due: Option<Timestamp>,
    /// No start by itself before this: its unit is paused.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "maybe_time")]
    pub paused_until: Option<Timestamp>,
    /// For whom it waits.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub on: Vec<Arc<str>>,
    /// The group that restarted, or failed, with it; its units are left out here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<Box<Group>>,
    /// The signal by which its process was suspended, while it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspended: Option<i32>,
    /// It reads its configuration again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reloading: bool,
    /// Its last end, the whole record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_end: Option<Arc<Record>>,
}

impl Stands {
    /// One that was never started, as of `since`.
    #[must_use]
    pub fn new(since: Timestamp) -> Self {
        Self {
            state: State::New,
            since,
            pid: None,
            incarnation: 0,
            cause: None,
            killed: false,
            due: None,
            paused_until: None,
            on: Vec::new(),
            group: None,
            suspended: None,
            reloading: false,
            last_end: None,
        }
    }

    fn turn(&mut self, state: State, at: Timestamp) {
        if self.state != state {
            (self.state, self.since) = (state, at);
        }
    }

    /// Takes in what happened to this instance, or to its unit.
    fn apply(&mut self, record: &Arc<Record>) {
        let at = record.time;
        match &record.fact {
            Fact::Waiting { on } => {
                self.on.clone_from(on);
                match self.state {
                    State::New | State::Stopped | State::Finished | State::Failed => {
                        self.turn(State::Waiting, at);
                    }
                    State::Waiting
                    | State::Starting
                    | State::Ready
                    | State::Stopping
                    | State::Restarting
                    | State::Held
                    | State::Abandoned => {}
                }
            }
            Fact::Started { pid, incarnation } => {
                *self = Self {
                    state: State::Starting,
                    pid: Some(*pid),
                    incarnation: *incarnation,
                    last_end: self.last_end.take(),
                    ..Self::new(at)
                };
            }
            Fact::Ready { .. } => self.turn(State::Ready, at),
            Fact::Stopping { cause, grace_ns, .. } => {
                self.turn(State::Stopping, at);
                (self.cause, self.due) = (Some(*cause), Some(later(at, *grace_ns)));
            }
            Fact::Killing { cause, .. } => {
                self.turn(State::Stopping, at);
                (self.cause, self.killed, self.due) = (Some(*cause), true, None);
            }
            Fact::Reloading => self.reloading = true,
            Fact::Reloaded { .. } => self.reloading = false,
            Fact::Paused { length_ns } => self.paused_until = Some(later(at, *length_ns)),
            Fact::Ended(ended) => {
                let (state, due) = match (ended.judgement.next, ended.restart_in_ns) {
                    (KeptNext::Held, _) => (State::Held, None),
                    (_, Some(restart_in)) => (State::Restarting, Some(later(at, restart_in))),
                    (KeptNext::Stopped, None) => (State::Stopped, None),
                    (KeptNext::Finished, None) => (State::Finished, None),
                    (KeptNext::Failed | KeptNext::Restart, None) => (State::Failed, None),
                };
                *self = Self {
                    state,
                    incarnation: ended.incarnation,
                    cause: ended.evidence.stopped_by,
                    due,
                    paused_until: self.paused_until.filter(|until| *until > at),
                    on: std::mem::take(&mut self.on),
                    group: self.group.take(),
                    last_end: Some(Arc::clone(record)),
                    ..Self::new(at)
                };
            }
            Fact::Abandoned { pid } => {
                self.turn(State::Abandoned, at);
                (self.pid, self.due) = (*pid, None);
            }
            Fact::Suspended { signal } => self.suspended = Some(*signal),
            Fact::Resumed => self.suspended = None,
            Fact::Stands(stands) => {
                let before = self.last_end.take();
                *self = (**stands).clone();
                self.last_end = self.last_end.take().or(before);
            }
            Fact::GroupRestarting(group) | Fact::GroupFailed(group) => {
                self.group = Some(Box::new(Group { units: Vec::new(), ..(**group).clone() }));
            }
            Fact::SupervisorStarted(_)
            | Fact::Snapshot(_)
            | Fact::LineLost { .. }
            | Fact::Reacted(_)
            | Fact::EndedLate { .. }
            | Fact::Stalled { .. }
            | Fact::ShuttingDown { .. }
            | Fact::Idle
            | Fact::SupervisorStopped { .. }
            | Fact::RecordsLost { .. }
            | Fact::TailCut { .. }
            | Fact::Unknown => {}
        }
    }
}

/// How a supervisor came to its end, where it did so in good order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// When.
    pub at: Timestamp,
    /// Its exit code.
    pub exit_code: u8,
    /// Why, unless somebody asked for it.
    pub because: Option<Box<str>>,
}

/// Where all stand.
#[derive(Debug, Clone, Default)]
pub struct Standings {
    /// The supervisor of the last life.
    pub supervisor: Option<Supervisor>,
    /// Its life.
    pub life: Life,
    /// The shutdown began, then; and why, unless somebody asked for it.
    pub shutting_down: Option<(Timestamp, Option<Box<str>>)>,
    /// It ended in good order.
    pub left: Option<Left>,
    /// The last record.
    pub last: Option<Timestamp>,
    instances: BTreeMap<(Arc<str>, u32), Stands>,
}

impl Standings {
    /// Takes in a record.
    pub fn apply(&mut self, record: &Arc<Record>) {
        self.last = self.last.max(Some(record.time));
        match &record.fact {
            Fact::SupervisorStarted(supervisor) => self.begin(record, supervisor),
            Fact::Snapshot(supervisor) => {
                if record.life != self.life {
                    self.begin(record, supervisor);
                }
            }
            Fact::ShuttingDown { because } => {
                self.shutting_down = Some((record.time, because.clone()));
            }
            Fact::SupervisorStopped { exit_code, because } => {
                let (exit_code, because) = (*exit_code, because.clone());
                self.left = Some(Left { at: record.time, exit_code, because });
            }
            Fact::GroupRestarting(group) | Fact::GroupFailed(group) => {
                for unit in &group.units {
                    self.all_of(unit).for_each(|(_, stands)| stands.apply(record));
                }
            }
            Fact::Stands(_)
            | Fact::Waiting { .. }
            | Fact::Started { .. }
            | Fact::Ready { .. }
            | Fact::Stopping { .. }
            | Fact::Killing { .. }
            | Fact::LineLost { .. }
            | Fact::Reacted(_)
            | Fact::Reloading
            | Fact::Reloaded { .. }
            | Fact::Paused { .. }
            | Fact::Ended(_)
            | Fact::Abandoned { .. }
            | Fact::EndedLate { .. }
            | Fact::Suspended { .. }
            | Fact::Resumed
            | Fact::Stalled { .. }
            | Fact::Idle
            | Fact::RecordsLost { .. }
            | Fact::TailCut { .. }
            | Fact::Unknown => match (&record.unit, record.instance) {
                (Some(unit), Some(instance)) => {
                    let new = || Stands::new(record.time);
                    let key = (Arc::clone(unit), instance);
                    self.instances.entry(key).or_insert_with(new).apply(record);
                }
                (Some(unit), None) => {
                    self.all_of(unit).for_each(|(_, stands)| stands.apply(record));
                }
                (None, _) => {}
            },
        }
    }

    /// A life begins: all are new, and what is known of earlier ends stays known.
    fn begin(&mut self, record: &Record, supervisor: &Supervisor) {
        let mut before = std::mem::take(&mut self.instances);
        for unit in &supervisor.units {
            for instance in 1..=unit.instances {
                let key = (Arc::clone(&unit.name), instance);
                let last_end = before.remove(&key).and_then(|stands| stands.last_end);
                self.instances.insert(key, Stands { last_end, ..Stands::new(record.time) });
            }
        }
        self.supervisor = Some(supervisor.clone());
        (self.life, self.shutting_down, self.left) = (record.life, None, None);
    }

    fn all_of(&mut self, unit: &Arc<str>) -> impl Iterator<Item = (u32, &mut Stands)> {
        let all = (Arc::clone(unit), 0)..=(Arc::clone(unit), u32::MAX);
        self.instances.range_mut(all).map(|((_, instance), stands)| (*instance, stands))
    }

    /// One instance.
    #[must_use]
    pub fn get(&self, unit: &Arc<str>, instance: u32) -> Option<&Stands> {
        self.instances.get(&(Arc::clone(unit), instance))
    }

    /// Every instance of a unit, in order.
    pub fn of_unit(&self, unit: &str) -> impl Iterator<Item = (u32, &Stands)> {
        let unit: Arc<str> = Arc::from(unit);
        let all = (Arc::clone(&unit), 0)..=(unit, u32::MAX);
        self.instances.range(all).map(|((_, instance), stands)| (*instance, stands))
    }

    /// Every instance of every unit, by name and number.
    pub fn all(&self) -> impl Iterator<Item = (&Arc<str>, u32, &Stands)> {
        self.instances.iter().map(|((unit, instance), stands)| (unit, *instance, stands))
    }
}

/// So much later, as far as the calendar goes.
fn later(at: Timestamp, nanos: u64) -> Timestamp {
    at.checked_add(Duration::from_nanos(nanos)).unwrap_or(Timestamp::MAX)
}

/// A moment that may be missing. Wants `skip_serializing_if` beside it.
pub(crate) mod maybe_time {
    use super::time;
    use jiff::Timestamp;
    use serde::{Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(
        at: &Option<Timestamp>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        match at {
            Some(at) => time::serialize(at, to),
            None => to.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Timestamp>, D::Error> {
        time::deserialize(from).map(Some)
    }
}
