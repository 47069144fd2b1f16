//! Taking tasks back.

use super::floor::*;
use crate::world::s;
use hearken_core::evidence::StopCause;
use hearken_core::kind::Kind;
use hearken_core::pool::{CancelReason, Event, TaskDecidedBy, TaskNext};

#[test]
fn a_task_that_waits_is_dropped() {
    let mut floor = Floor::of(line(|_| {}));
    floor.add(1);
    let ready = floor.add(2);
    let delayed = floor.add_with(3, |it| it.not_before = at(60_000));
    for id in [ready, delayed] {
        floor.tell(Event::Cancel(id));
        assert_eq!(floor.dropped(id), Some(TaskNext::Cancelled));
    }
    floor.done(task(1));
    floor.pass(s(60));
    assert_eq!(floor.sent(), [1]);
}

#[test]
fn a_task_that_is_being_claimed_is_never_sent() {
    let mut floor = Floor::of(line(|_| {}));
    floor.store_answers = false;
    let one = floor.add(1);
    floor.tell(Event::Cancel(one));
    floor.store_answers_now();
    let kept = floor.kept(one);
    assert_eq!((kept.next, kept.decided_by), (TaskNext::Cancelled, TaskDecidedBy::Operator));
    assert_eq!(floor.sent(), []);
}

#[test]
fn a_task_whose_worker_is_gone_while_it_is_claimed_is_still_wanted_back() {
    let mut floor = Floor::of(line(|_| {}));
    floor.store_answers = false;
    let one = floor.add(1);
    floor.tell(Event::Cancel(one));
    floor.dies(1, crashed());
    floor.store_answers_now();
    floor.store_answers = true;
    floor.store_answers_now();
    assert_eq!(floor.sent(), []);
    assert_eq!(floor.dropped(one), Some(TaskNext::Cancelled));

    floor.store_answers = false;
    let two = floor.add(2);
    floor.dies(1, crashed());
    floor.tell(Event::Cancel(two));
    floor.store_answers_now();
    floor.store_answers_now();
    assert_eq!(floor.dropped(two), Some(TaskNext::Cancelled), "in the other order, too");
}

#[test]
fn a_task_that_was_sent_or_begun_is_asked_back() {
    for begun in [false, true] {
        let mut floor = Floor::of(line(|_| {}));
        let one = floor.add(1);
        if begun {
            floor.accept(one);
        }
        floor.tell(Event::Cancel(one));
        floor.tell(Event::Cancel(one));
        assert_eq!(floor.cancels(), [(at(0), CancelReason::Operator, s(5))], "once");
        floor.fails(one, error(Kind::Cancelled));
        let kept = floor.kept(one);
        assert_eq!((kept.next, kept.decided_by), (TaskNext::Cancelled, TaskDecidedBy::Operator));
        assert_eq!((kept.error, floor.stops()), (None, vec![]));
    }
}

#[test]
fn the_result_of_a_worker_wins_over_a_cancel() {
    let mut floor = Floor::of(line(|_| {}));
    let one = floor.add(1);
    floor.accept(one);
    floor.tell(Event::Cancel(one));
    floor.done(one);
    assert_eq!(floor.next(one), TaskNext::Succeeded);
}

#[test]
fn an_error_or_a_snooze_does_not_win_over_a_cancel() {
    let mut floor = Floor::with(line(|_| {}), 1, Some(2));
    let (one, two) = (floor.add(1), floor.add(2));
    floor.tell(Event::Cancel(one));
    floor.tell(Event::Cancel(two));
    floor.fails(one, error(Kind::Transient));
    floor.snoozes(two, s(1));
    assert_eq!([floor.next(one), floor.next(two)], [TaskNext::Cancelled; 2]);
    let why = floor.kept(one).error.map(|error| error.kind);
    assert_eq!(why, Some(Kind::Transient), "what it had to say is kept");
}

#[test]
fn a_worker_that_does_not_give_a_task_up_is_killed() {
    let mut floor = Floor::of(line(|_| {}));
    let one = floor.add(1);
    floor.accept(one);
    floor.tell(Event::Cancel(one));
    floor.pass(s(5));
    assert_eq!(floor.stops(), [(at(5_000), 1, StopCause::TaskCancelled, true)]);
    assert_eq!(floor.next(one), TaskNext::Cancelled);
    assert_eq!(without_leases(floor.kept(one).counters), counted(0, 0, 0));
}

#[test]
fn a_task_that_was_asked_back_is_not_tried_again_whatever_its_worker_dies_of() {
    for (begun, evidence) in [
        (true, crashed()),
        (false, crashed()),
        (true, stopped(StopCause::Operator)),
        (false, stopped(StopCause::Operator)),
    ] {
        let mut floor = Floor::with(line(|_| {}), 1, Some(2));
        let (one, two) = (floor.add(1), floor.add(2));
        if begun {
            floor.accept(one);
            floor.accept(two);
        }
        floor.tell(Event::Cancel(two));
        floor.dies(1, evidence);
        assert_eq!(floor.next(two), TaskNext::Cancelled);
    }
}

#[test]
fn a_task_that_is_too_slow_and_then_not_wanted_is_cancelled_for_good() {
    let mut floor = Floor::of(line(|it| it.clocks.hard = Some(s(30))));
    let one = floor.add(1);
    floor.accept(one);
    floor.pass(s(28));
    floor.tell(Event::Cancel(one));
    floor.fails(one, error(Kind::Cancelled));
    assert_eq!(floor.next(one), TaskNext::Cancelled);
}

#[test]
fn a_task_whose_end_is_being_kept_is_taken_back_only_if_it_goes_on() {
    let mut floor = Floor::with(line(|_| {}), 1, Some(2));
    let (one, two) = (floor.add(1), floor.add(2));
    floor.store_answers = false;
    floor.done(one);
    floor.fails(two, error(Kind::Transient));
    floor.tell(Event::Cancel(one));
    floor.tell(Event::Cancel(two));
    floor.store_answers_now();
    assert_eq!((floor.dropped(one), floor.dropped(two)), (None, Some(TaskNext::Cancelled)));
    assert_eq!(floor.next(one), TaskNext::Succeeded);
}

#[test]
fn a_cancel_of_what_is_not_there_changes_nothing() {
    let mut floor = Floor::of(line(|_| {}));
    floor.tell(Event::Cancel(task(9)));
    floor.tell(Event::CancelBatch(batch(9)));
    assert_eq!(floor.actions, []);
}

#[test]
fn tasks_that_come_and_go_where_nobody_works_leave_nothing_behind() {
    let mut floor = Floor::with(line(|_| {}), 1, Some(0));
    // The audit that follows each event would find an ever longer queue.
    for number in 0..1_000 {
        let id = floor.add(number);
        floor.tell(Event::Cancel(id));
    }
    assert_eq!(floor.pool.counts().ready, 0);
    floor.ready(1, 1);
    let last = floor.add(1_001);
    assert_eq!(floor.slots_of(last), [1]);
}
