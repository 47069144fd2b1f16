//! Whether a store holds what was acknowledged.
//!
//! acknowledged ⊆ succeeded ∪ waiting ∪ running ∪ dead, and what a finish made of a task is what its newest
//! lease made of it.

use crate::ack::{self, Ack, Outcome, result_of};
use hearken_core::task::{Lease, TaskId, TaskState};
use hearken_store::{Durability, Filter, History, Read, SqliteStore, StoreError};
use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::process::ExitCode;

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// How many lines were acknowledged.
    pub(crate) acknowledged: usize,
    /// Each of those that is not kept, in a sentence.
    pub(crate) lost: Vec<String>,
    /// The store itself said that something is missing.
    pub(crate) noticed: Option<StoreError>,
}

impl Findings {
    pub(crate) fn is_good(&self) -> bool {
        self.lost.is_empty() && self.noticed.is_none()
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} acknowledged, {} lost", self.acknowledged, self.lost.len())?;
        if let Some(first) = self.lost.first() {
            write!(f, " (the first: {first})")?;
        }
        if let Some(error) = &self.noticed {
            write!(f, "; the store noticed: {error}")?;
        }
        Ok(())
    }
}

/// Checks a store, and says what was found.
pub(crate) fn main(folder: &Path, acks: &Path) -> ExitCode {
    let acks = ack::read(&std::fs::read_to_string(acks).unwrap());
    let findings = check(folder, &acks);
    println!("{findings}");
    if findings.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Checks a store against all that was ever acknowledged of it.
pub(crate) fn check(folder: &Path, acks: &[Ack]) -> Findings {
    let mut findings = Findings { acknowledged: acks.len(), ..Findings::default() };
    let open = || SqliteStore::open(folder, Durability::Strict, 1024 * 1024);
    let mut store = match open() {
        Ok(store) => store,
        Err(error) => {
            findings.noticed = Some(error);
            // To say how much is lost, it is opened all the same, if that is what keeps it closed.
            let removed = std::fs::remove_file(folder.join("tasks.commits"));
            match removed.map(|()| open()) {
                Ok(Ok(store)) => store,
                Ok(Err(_)) | Err(_) => return findings,
            }
        }
    };
    if store.opened().lost_commits > 0 {
        findings.lost.push(format!("{} commits", store.opened().lost_commits));
    }
    for (id, acked) in by_task(acks) {
        match store.show(id).unwrap() {
            None => findings.lost.push(format!("task {id}")),
            Some(shown) => acked.compare(&shown, &mut findings.lost),
        }
    }
    let mut filter = Filter::all();
    let mut tasks = 0;
    loop {
        let page = store.query(&filter).unwrap();
        for listed in &page.tasks {
            tasks += 1;
            let shown = store.show(listed.record.id).unwrap().unwrap();
            is_sound(&mut store, &shown);
        }
        filter.after = page.next;
        if page.next.is_none() {
            break;
        }
    }
    let counted: u64 = store.counts().unwrap().iter().map(|count| count.tasks).sum();
    assert_eq!(counted, tasks);
    findings
}

/// What was acknowledged of one task.
#[derive(Debug, Default)]
struct Acked {
    claims: u32,
    last_claim: Option<Lease>,
    finishes: Vec<(Lease, Outcome)>,
}

fn by_task(acks: &[Ack]) -> HashMap<TaskId, Acked> {
    let mut tasks: HashMap<TaskId, Acked> = HashMap::new();
    for ack in acks {
        match ack {
            Ack::Enqueued(id) => drop(tasks.entry(*id).or_default()),
            Ack::Claimed(id, lease) => {
                let task = tasks.entry(*id).or_default();
                task.claims += 1;
                task.last_claim = task.last_claim.max(Some(*lease));
            }
            Ack::Finished(id, lease, outcome) => {
                tasks.entry(*id).or_default().finishes.push((*lease, *outcome));
            }
        }
    }
    tasks
}

impl Acked {
    fn compare(&self, shown: &History, lost: &mut Vec<String>) {
        let id = shown.record.id;
        let leases = shown.record.counters.leases;
        if leases < self.claims {
            lost.push(format!("task {id}: {} of {} claims", leases, self.claims));
        }
        if shown.record.holder.as_ref().map(|holder| holder.lease) < self.last_claim {
            lost.push(format!("task {id}: its claim under {:?}", self.last_claim));
        }
        for (lease, outcome) in &self.finishes {
            let kept = shown.attempts.iter().find(|attempt| attempt.lease == *lease);
            if kept.is_none_or(|attempt| attempt.outcome != outcome.name()) {
                lost.push(format!("task {id}: its finish under {lease}"));
            }
            let state = shown.record.state;
            let stands = match outcome {
                Outcome::Succeeded => state == TaskState::Succeeded,
                Outcome::Dead => state == TaskState::Dead,
                Outcome::Again => true,
            };
            if !stands {
                lost.push(format!("task {id}: it was {} and is {state}", outcome.name()));
            }
        }
    }
}

/// What must be true of every task, acknowledged or not.
fn is_sound(store: &mut SqliteStore, shown: &History) {
    let record = &shown.record;
    let id = record.id;
    assert_eq!(shown.input.payload, id.to_string().as_bytes());
    assert_ne!(record.state, TaskState::Running, "{id}: nobody has a lease");
    assert_eq!(shown.attempts.len(), record.counters.leases as usize, "{id}");
    let last = shown.attempts.last();
    let newest = record.holder.as_ref().map(|holder| holder.lease);
    assert_eq!(last.map(|attempt| attempt.lease), newest, "{id}");
    let done = shown.attempts.iter().filter(|attempt| attempt.outcome == "succeeded").count();
    assert_eq!(done, usize::from(record.state == TaskState::Succeeded), "{id}: one result");
    let result = store.result(id).unwrap();
    assert_eq!(result.is_some(), record.state == TaskState::Succeeded, "{id}");
    if let (Some(result), Some(lease)) = (result, newest) {
        let bytes: Vec<u8> = result.pieces.flat_map(|piece| piece.unwrap()).collect();
        assert!(bytes == result_of(id, lease), "{id}: the result of its newest lease");
    }
}
