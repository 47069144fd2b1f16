//! Random commands, grouped at random into commits, with restarts in between: every answer, and all that
//! is kept, must be what a model of a few lines says.

use crate::subject::{AGAIN, DEAD, Kind, Subject, at, batch_id, finish, id, new_batch, task};
use bytes::Bytes;
use hearken_core::pool::{TaskDecidedBy, TaskNext};
use hearken_core::task::TaskState::{Cancelled, Dead, Expired, Held, Running, Succeeded, Waiting};
use hearken_core::task::{BatchCounts, BatchEnd, Lease, TaskState};
use hearken_store::{Command, Enqueued, Fenced, Finish, NewTask, Purge, Refusal, Reply};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// Tasks are numbered from 1; the batch, if it is asked for, is always the same.
#[derive(Debug, Clone)]
enum Step {
    Add {
        number: u64,
        key: Option<u8>,
        in_batch: bool,
    },
    OpenBatch,
    EndBatch,
    Claim(u64),
    /// Of the n-th lease that was given, counted from the last.
    Finish(usize, TaskNext),
    Extend(usize),
    Checkpoint(usize, u32),
    Cancel(u64),
    Expire(u64),
    Requeue(u64),
    Purge {
        dead_too: bool,
    },
    Commit,
    Reopen,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let number = 1_u64..8;
    let lease = 0_usize..4;
    let next = prop::sample::select(vec![
        TaskNext::Succeeded,
        AGAIN,
        AGAIN,
        TaskNext::Released,
        DEAD,
        TaskNext::Discarded,
        TaskNext::Cancelled,
        TaskNext::Expired,
    ]);
    let add = (number.clone(), prop::option::of(0_u8..3), any::<bool>());
    let step = prop_oneof![
        5 => add.prop_map(|(number, key, in_batch)| Step::Add { number, key, in_batch }),
        1 => Just(Step::OpenBatch),
        1 => Just(Step::EndBatch),
        7 => number.clone().prop_map(Step::Claim),
        7 => (lease.clone(), next).prop_map(|(lease, next)| Step::Finish(lease, next)),
        1 => lease.clone().prop_map(Step::Extend),
        2 => (lease, 0_u32..4).prop_map(|(lease, sequence)| Step::Checkpoint(lease, sequence)),
        1 => number.clone().prop_map(Step::Cancel),
        1 => number.clone().prop_map(Step::Expire),
        2 => number.prop_map(Step::Requeue),
        1 => any::<bool>().prop_map(|dead_too| Step::Purge { dead_too }),
        6 => Just(Step::Commit),
        1 => Just(Step::Reopen),
    ];
    prop::collection::vec(step, 1..60)
}

/// A task, as the model has it.
#[derive(Debug, Clone)]
struct Kept {
    state: TaskState,
    key: Option<u8>,
    in_batch: bool,
    lease: Option<Lease>,
    tries: u32,
    checkpoint: Option<(Lease, u32)>,
}

#[derive(Debug, Default)]
struct Model {
    tasks: BTreeMap<u64, Kept>,
    /// Total, removed, and whether it is over; the other counts follow from the tasks and the discarded.
    batch: Option<Ledger>,
    /// Every lease that was asked for, and for which task.
    leases: Vec<(u64, Lease)>,
}

#[derive(Debug, Default, Clone)]
struct Ledger {
    counts: BatchCounts,
    removed: u64,
    over: bool,
}

impl Model {
    /// The task of which this lease holds.
    fn held(&mut self, lease: (u64, Lease)) -> Option<&mut Kept> {
        let kept = self.tasks.get_mut(&lease.0)?;
        (kept.state == Running && kept.lease == Some(lease.1)).then_some(kept)
    }

    /// The batch is counted anew from what its tasks are.
    fn recount(&mut self, before: &BTreeMap<u64, Kept>) {
        let Some(batch) = &mut self.batch else { return };
        let count = |tasks: &BTreeMap<u64, Kept>, states: &[TaskState]| {
            tasks.values().filter(|it| it.in_batch && states.contains(&it.state)).count() as u64
        };
        let counts = &mut batch.counts;
        for (total, states) in [
            (&mut counts.succeeded, &[Succeeded][..]),
            (&mut counts.failed, &[Dead, Expired]),
            (&mut counts.cancelled, &[Cancelled]),
        ] {
            *total = *total + count(&self.tasks, states) - count(before, states);
        }
    }

    fn remove(&mut self, number: u64, discarded: bool) {
        let before = self.tasks.clone();
        let gone = self.tasks.remove(&number);
        let Some(batch) = self.batch.as_mut().filter(|_| gone.is_some_and(|it| it.in_batch)) else {
            return;
        };
        batch.removed += 1;
        // Its end stays counted; one that was running has none yet.
        let counts = batch.counts;
        self.recount(&before);
        if let Some(batch) = &mut self.batch {
            batch.counts = counts;
            batch.counts.cancelled += u64::from(discarded);
        }
    }

    fn shift(&mut self, number: u64, state: TaskState) {
        let before = self.tasks.clone();
        if let Some(kept) = self.tasks.get_mut(&number) {
            kept.state = state;
        }
        self.recount(&before);
    }

    fn drop_unclaimed(&mut self, number: u64, end: TaskState) -> Reply {
        match self.tasks.get(&number).map(|kept| kept.state) {
            Some(Held | Waiting) => {
                self.shift(number, end);
                Reply::Dropped
            }
            state => Reply::Unchanged(state),
        }
    }

    /// What the store must answer; `None` for what is compared by `fits` alone.
    fn answer(&mut self, step: &Step, asked: &Asked) -> Expected {
        match step {
            Step::Add { number, key, in_batch } => {
                if self.tasks.contains_key(number) {
                    return Expected::Refused;
                }
                if *in_batch && self.batch.as_ref().is_none_or(|batch| batch.over) {
                    return Expected::Refused;
                }
                let twin = self.tasks.iter().find(|(_, kept)| key.is_some() && kept.key == *key);
                if let Some((earlier, _)) = twin {
                    let duplicate = Enqueued::Duplicate(id(*earlier));
                    return Expected::Exactly(Reply::Enqueued(vec![duplicate]));
                }
                let (state, key, in_batch) = (Waiting, *key, *in_batch);
                let (lease, tries, checkpoint) = (None, 0, None);
                let kept = Kept { state, key, in_batch, lease, tries, checkpoint };
                self.tasks.insert(*number, kept);
                if let Some(batch) = self.batch.as_mut().filter(|_| in_batch) {
                    batch.counts.total += 1;
                }
                Expected::Exactly(Reply::Enqueued(vec![Enqueued::Inserted(id(*number))]))
            }
            Step::OpenBatch => {
                if self.batch.is_some() {
                    return Expected::Refused;
                }
                self.batch = Some(Ledger::default());
                Expected::Exactly(Reply::Enqueued(vec![]))
            }
            Step::EndBatch => match &mut self.batch {
                None => Expected::Refused,
                Some(batch) => {
                    batch.over = true;
                    Expected::Exactly(Reply::BatchEnded(None))
                }
            },
            Step::Claim(number) => match self.tasks.get_mut(number) {
                Some(kept) if kept.state == Waiting => {
                    kept.state = Running;
                    kept.lease = asked.lease.map(|(_, lease)| lease);
                    kept.tries += 1;
                    Expected::Claimed(kept.tries, kept.checkpoint.is_some())
                }
                other => Expected::Exactly(Reply::Unchanged(other.map(|kept| kept.state))),
            },
            Step::Finish(_, next) => {
                let Some(lease) = asked.lease else { return Expected::STALE };
                if self.held(lease).is_none() {
                    return Expected::STALE;
                }
                let state = match next {
                    TaskNext::Succeeded => Succeeded,
                    TaskNext::Again { .. } | TaskNext::Released => Waiting,
                    TaskNext::Dead(_) => Dead,
                    TaskNext::Discarded => {
                        self.remove(lease.0, true);
                        return Expected::KEPT;
                    }
                    TaskNext::Cancelled => Cancelled,
                    TaskNext::Expired => Expired,
                };
                self.shift(lease.0, state);
                if let Some(kept) = self.tasks.get_mut(&lease.0).filter(|_| state == Succeeded) {
                    kept.checkpoint = None;
                }
                Expected::KEPT
            }
            Step::Extend(_) => match asked.lease.and_then(|lease| self.held(lease)) {
                Some(_) => Expected::KEPT,
                None => Expected::STALE,
            },
            Step::Checkpoint(_, sequence) => {
                let Some(lease) = asked.lease else { return Expected::STALE };
                match self.held(lease) {
                    Some(kept)
                        if kept
                            .checkpoint
                            .is_none_or(|(by, last)| by != lease.1 || last < *sequence) =>
                    {
                        kept.checkpoint = Some((lease.1, *sequence));
                        Expected::KEPT
                    }
                    _ => Expected::STALE,
                }
            }
            Step::Cancel(number) => Expected::Exactly(self.drop_unclaimed(*number, Cancelled)),
            Step::Expire(number) => Expected::Exactly(self.drop_unclaimed(*number, Expired)),
            Step::Requeue(number) => match self.tasks.get(number).map(|kept| kept.state) {
                Some(Dead | Cancelled | Expired) => {
                    self.shift(*number, Waiting);
                    Expected::Requeued(*number)
                }
                state => Expected::Exactly(Reply::Unchanged(state)),
            },
            Step::Purge { dead_too } => {
                let gone: Vec<u64> = self
                    .tasks
                    .iter()
                    .filter(|(_, it)| it.state == Succeeded || *dead_too && it.state == Dead)
                    .map(|(number, _)| *number)
                    .collect();
                for number in &gone {
                    self.remove(*number, false);
                }
                let spent = |batch: &Ledger| batch.over && batch.removed >= batch.counts.total;
                let batches = u64::from(self.batch.as_ref().is_some_and(spent));
                if batches == 1 {
                    self.batch = None;
                }
                Expected::Purged(gone.len() as u64, batches)
            }
            Step::Commit | Step::Reopen => Expected::Refused,
        }
    }

    /// Every lease is over.
    fn reopen(&mut self) {
        for kept in self.tasks.values_mut().filter(|kept| kept.state == Running) {
            kept.state = Waiting;
        }
    }
}

#[derive(Debug)]
enum Expected {
    Exactly(Reply),
    Claimed(u32, bool),
    Requeued(u64),
    Purged(u64, u64),
    Refused,
}

impl Expected {
    const KEPT: Self = Self::Exactly(Reply::Fenced(Fenced::Kept));
    const STALE: Self = Self::Exactly(Reply::Fenced(Fenced::Stale));

    fn fits(&self, reply: &Reply) -> bool {
        match (self, reply) {
            (Self::Exactly(expected), reply) => expected == reply,
            (Self::Claimed(tries, checkpoint), Reply::Claimed(claimed)) => {
                claimed.record.counters.leases == *tries
                    && claimed.checkpoint.is_some() == *checkpoint
            }
            (Self::Requeued(number), Reply::Requeued(pending)) => pending.id == id(*number),
            (Self::Purged(tasks, batches), Reply::Purged(purged)) => {
                (purged.tasks, purged.batches) == (*tasks, *batches)
            }
            (Self::Refused, Reply::Refused(refusal)) => {
                !matches!(refusal, Refusal::Damaged(_) | Refusal::LeaseUnfit { .. })
            }
            (_, _) => false,
        }
    }
}

/// A command, with the lease it speaks of.
struct Asked {
    command: Command,
    lease: Option<(u64, Lease)>,
}

fn ask(step: &Step, model: &Model, subject: &mut Subject) -> Option<Asked> {
    let given = |back: &usize| model.leases.iter().rev().nth(*back).copied();
    let never = (99, Lease { epoch: 0, number: 0 });
    let mut lease = None;
    let command = match step {
        Step::Add { number, key, in_batch } => {
            let unique_key = key.map(|key| format!("key {key}").into());
            let batch = in_batch.then(|| batch_id(1));
            let tasks = vec![NewTask { unique_key, batch, ..task(*number) }];
            Command::Enqueue { tasks, batch: None }
        }
        Step::OpenBatch => Command::Enqueue { tasks: vec![], batch: Some(new_batch(1)) },
        Step::EndBatch => {
            Command::EndBatch { id: batch_id(1), end: BatchEnd::Succeeded, at: at(1) }
        }
        Step::Claim(number) => {
            let new = subject.lease();
            lease = Some((*number, new));
            Command::Claim { id: id(*number), lease: new, worker: "w#1".into(), at: at(1) }
        }
        Step::Finish(back, next) => {
            lease = given(back);
            let (number, lease) = lease.unwrap_or(never);
            Command::Finish(Box::new(Finish { at: at(2), ..finish(id(number), lease, *next) }))
        }
        Step::Extend(back) => {
            lease = given(back);
            let (number, lease) = lease.unwrap_or(never);
            Command::Extend { id: id(number), lease }
        }
        Step::Checkpoint(back, sequence) => {
            lease = given(back);
            let (number, lease) = lease.unwrap_or(never);
            let data = Bytes::from_static(b"so far");
            Command::Checkpoint { id: id(number), lease, sequence: *sequence, data }
        }
        Step::Cancel(number) => {
            let decided_by = TaskDecidedBy::Operator;
            Command::Cancel { id: id(*number), at: at(2), decided_by }
        }
        Step::Expire(number) => Command::Expire { id: id(*number), at: at(2) },
        Step::Requeue(number) => Command::Requeue { id: id(*number), at: at(2), expires: None },
        Step::Purge { dead_too } => {
            let before = Some(at(3));
            let dead = before.filter(|_| *dead_too);
            Command::Purge(Purge { succeeded: before, dead, ..Purge::default() })
        }
        Step::Commit | Step::Reopen => return None,
    };
    Some(Asked { command, lease })
}

/// Everything that is kept is what the model has.
fn compare(subject: &mut Subject, model: &Model) {
    for number in 1..8 {
        let shown = subject.store().show(id(number)).unwrap();
        let kept = model.tasks.get(&number);
        assert_eq!(shown.as_ref().map(|it| it.record.state), kept.map(|it| it.state));
        if let (Some(shown), Some(kept)) = (shown, kept) {
            assert_eq!(shown.record.counters.leases, kept.tries);
            assert_eq!(shown.record.checkpoint, kept.checkpoint);
            assert_eq!(shown.checkpoint.is_some(), kept.checkpoint.is_some());
            let ended = kept.tries - u32::from(kept.state == Running);
            assert_eq!(shown.attempts.len(), ended as usize);
        }
    }
    let waiting = subject.store().waiting(None, 100).unwrap();
    let waiting: Vec<_> = waiting.into_iter().map(|pending| pending.id).collect();
    let expected = model.tasks.iter().filter(|(_, it)| it.state == Waiting);
    assert_eq!(waiting, expected.map(|(number, _)| id(*number)).collect::<Vec<_>>());
    for state in TaskState::ALL {
        let expected = model.tasks.values().filter(|it| it.state == state).count() as u64;
        assert_eq!(subject.count(state), expected, "{state}");
    }
    let batch = subject.store().batch(batch_id(1)).unwrap();
    assert_eq!(
        batch.map(|it| (it.counts, it.removed, it.ended.is_some())),
        model.batch.as_ref().map(|it| (it.counts, it.removed, it.over))
    );
}

fn commit(subject: &mut Subject, group: &mut Vec<(Step, Command, Expected)>) {
    let commands = group.iter().map(|(_, command, _)| command.clone()).collect();
    let replies = subject.store().apply(commands).unwrap();
    for ((step, _, expected), reply) in group.drain(..).zip(replies) {
        assert!(expected.fits(&reply), "{step:?}: {reply:?}, not {expected:?}");
    }
}

fn obeys_the_model(kind: Kind, steps: Vec<Step>) {
    let mut subject = Subject::new(kind);
    let mut model = Model::default();
    let mut group = Vec::new();
    for step in steps.into_iter().chain([Step::Commit]) {
        if let Some(asked) = ask(&step, &model, &mut subject) {
            let expected = model.answer(&step, &asked);
            if let Step::Claim(_) = step {
                model.leases.extend(asked.lease);
            }
            group.push((step, asked.command, expected));
            continue;
        }
        commit(&mut subject, &mut group);
        if let Step::Reopen = step
            && subject.reopen()
        {
            model.reopen();
        }
        compare(&mut subject, &model);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn a_strict_store_obeys_the_model(steps in steps()) {
        obeys_the_model(Kind::Strict, steps);
    }

    #[test]
    fn a_relaxed_store_obeys_the_model(steps in steps()) {
        obeys_the_model(Kind::Relaxed, steps);
    }
}

proptest! {
    #[test]
    fn a_store_in_memory_obeys_the_model(steps in steps()) {
        obeys_the_model(Kind::Memory, steps);
    }
}
