//! Batches of tasks.

use super::floor::*;
use hearken_core::kind::Kind;
use hearken_core::pool::{Action, CancelReason, Event, TaskDecidedBy, TaskNext};
use hearken_core::task::{Batch, BatchCounts, BatchEnd, BatchPolicy, Share, TaskId};

/// A pool with a batch of so many tasks, two of which are in hand.
fn of(policy: BatchPolicy, total: u64) -> (Floor, Vec<TaskId>) {
    let mut floor = Floor::with(line(|it| it.retry.attempts = Some(1)), 1, Some(2));
    let counts = BatchCounts { total, ..BatchCounts::default() };
    floor.tell(Event::Batch(batch(1), Batch { policy, counts }));
    let ids = (0..total).map(|number| member(&mut floor, number.into())).collect();
    (floor, ids)
}

fn member(floor: &mut Floor, number: u128) -> TaskId {
    floor.add_with(number, |it| it.batch = Some(batch(1)))
}

fn ends(floor: &Floor) -> Vec<BatchEnd> {
    floor.all(|action| match action {
        Action::EndBatch { batch: of, end } if *of == batch(1) => Some(*end),
        _ => None,
    })
}

#[test]
fn all_have_their_chance_and_the_batch_ends_with_the_last() {
    let (mut floor, ids) = of(BatchPolicy::All, 3);
    floor.fails(ids[0], error(Kind::Invalid));
    floor.done(ids[1]);
    assert_eq!(ends(&floor), []);
    floor.done(ids[2]);
    assert_eq!(ends(&floor), [BatchEnd::Failed]);

    let (mut floor, ids) = of(BatchPolicy::All, 2);
    ids.iter().for_each(|id| floor.done(*id));
    assert_eq!(ends(&floor), [BatchEnd::Succeeded]);
}

#[test]
fn a_batch_ends_only_when_the_last_end_is_kept() {
    let (mut floor, ids) = of(BatchPolicy::All, 1);
    floor.store_answers = false;
    floor.done(ids[0]);
    assert_eq!(ends(&floor), []);
    floor.store_answers_now();
    assert_eq!(ends(&floor), [BatchEnd::Succeeded]);
}

#[test]
fn the_first_success_of_any_takes_the_others_back() {
    let (mut floor, ids) = of(BatchPolicy::Any, 4);
    floor.done(ids[1]);
    assert_eq!(ends(&floor), [BatchEnd::Succeeded]);
    assert_eq!(floor.cancels(), [(at(0), CancelReason::Batch, crate::world::s(5))]);
    assert_eq!(floor.dropped(ids[3]), Some(TaskNext::Cancelled));
    floor.fails(ids[0], error(Kind::Cancelled));
    let kept = floor.kept(ids[0]);
    assert_eq!((kept.next, kept.decided_by), (TaskNext::Cancelled, TaskDecidedBy::Batch));
    assert_eq!(floor.next(ids[2]), TaskNext::Cancelled, "it was being claimed");
    assert_eq!(ends(&floor).len(), 1, "a batch ends once");
}

#[test]
fn who_is_done_when_its_batch_is_over_is_done() {
    let (mut floor, ids) = of(BatchPolicy::Any, 2);
    floor.done(ids[1]);
    floor.done(ids[0]);
    assert_eq!(floor.next(ids[0]), TaskNext::Succeeded);
    assert_eq!(ends(&floor), [BatchEnd::Succeeded]);
}

#[test]
fn a_quorum_ends_when_it_is_reached_or_out_of_reach() {
    let (mut floor, ids) = of(BatchPolicy::Quorum(2), 4);
    floor.done(ids[0]);
    assert_eq!(ends(&floor), []);
    floor.done(ids[1]);
    assert_eq!(ends(&floor), [BatchEnd::Succeeded]);

    let (mut floor, ids) = of(BatchPolicy::Quorum(3), 4);
    floor.fails(ids[0], error(Kind::Invalid));
    assert_eq!(ends(&floor), []);
    floor.fails(ids[1], error(Kind::Invalid));
    assert_eq!(ends(&floor), [BatchEnd::Failed]);
}

#[test]
fn a_batch_halts_when_too_many_have_failed() {
    let (mut floor, ids) = of(BatchPolicy::HaltOn(Share::percent(25).unwrap()), 8);
    for id in &ids[..2] {
        floor.fails(*id, error(Kind::Invalid));
    }
    assert_eq!(ends(&floor), [], "a quarter is not too many");
    floor.fails(ids[2], error(Kind::Invalid));
    assert_eq!(ends(&floor), [BatchEnd::Failed]);
    assert!(ids[5..].iter().all(|id| floor.dropped(*id) == Some(TaskNext::Cancelled)));
}

#[test]
fn every_end_of_a_task_has_its_count() {
    let (mut floor, ids) = of(BatchPolicy::HaltOn(Share::percent(100).unwrap()), 4);
    floor.done(ids[0]);
    floor.tell(Event::Cancel(ids[3]));
    floor.fails(ids[1], error(Kind::Invalid));
    assert_eq!(ends(&floor), []);
    floor.done(ids[2]);
    assert_eq!(ends(&floor), [BatchEnd::Succeeded]);
}

#[test]
fn somebody_may_want_a_whole_batch_back() {
    let (mut floor, ids) = of(BatchPolicy::All, 4);
    let other = floor.add(99);
    floor.tell(Event::CancelBatch(batch(1)));
    assert_eq!(floor.cancels().len(), 2);
    for id in &ids[..2] {
        floor.fails(*id, error(Kind::Cancelled));
        assert_eq!(floor.kept(*id).decided_by, TaskDecidedBy::Operator);
    }
    assert_eq!(ends(&floor), [BatchEnd::Failed]);
    assert_eq!(floor.slots_of(other), [1], "what is not in it goes on");
}

#[test]
fn a_batch_goes_on_from_its_counts_after_a_crash() {
    let mut floor = Floor::of(line(|_| {}));
    let counts = BatchCounts { total: 4, succeeded: 2, failed: 0, cancelled: 1 };
    floor.tell(Event::Batch(batch(1), Batch { policy: BatchPolicy::Quorum(3), counts }));
    let one = member(&mut floor, 1);
    assert_eq!(ends(&floor), []);
    floor.done(one);
    assert_eq!(ends(&floor), [BatchEnd::Succeeded]);
}

#[test]
fn a_batch_whose_end_was_not_kept_ends_again() {
    let mut floor = Floor::of(line(|_| {}));
    let counts = BatchCounts { total: 2, succeeded: 1, failed: 1, cancelled: 0 };
    floor.tell(Event::Batch(batch(1), Batch { policy: BatchPolicy::All, counts }));
    assert_eq!(ends(&floor), [BatchEnd::Failed]);

    let mut floor = Floor::of(line(|_| {}));
    let counts = BatchCounts { total: 3, succeeded: 1, failed: 0, cancelled: 0 };
    floor.tell(Event::Batch(batch(1), Batch { policy: BatchPolicy::Any, counts }));
    let late = [member(&mut floor, 1), member(&mut floor, 2)];
    assert_eq!(ends(&floor), [BatchEnd::Succeeded]);
    assert_eq!(late.map(|id| floor.dropped(id)), [Some(TaskNext::Cancelled); 2]);
    assert_eq!(floor.sent(), []);
}

#[test]
fn a_batch_may_grow_while_it_is_open() {
    let (mut floor, ids) = of(BatchPolicy::All, 2);
    floor.done(ids[0]);
    let counts = BatchCounts { total: 3, succeeded: 0, failed: 0, cancelled: 0 };
    floor.tell(Event::Batch(batch(1), Batch { policy: BatchPolicy::All, counts }));
    let late = member(&mut floor, 7);
    floor.done(ids[1]);
    assert_eq!(ends(&floor), []);
    floor.done(late);
    assert_eq!(ends(&floor), [BatchEnd::Succeeded]);
}

#[test]
fn an_empty_batch_ends_at_once() {
    for (policy, end) in
        [(BatchPolicy::All, BatchEnd::Succeeded), (BatchPolicy::Any, BatchEnd::Failed)]
    {
        let (floor, _) = of(policy, 0);
        assert_eq!(ends(&floor), [end]);
    }
}

#[test]
fn a_task_of_a_batch_nobody_told_of_is_a_task_like_any_other() {
    let mut floor = Floor::of(line(|_| {}));
    let one = member(&mut floor, 1);
    floor.done(one);
    assert_eq!((floor.next(one), ends(&floor)), (TaskNext::Succeeded, vec![]));
}
