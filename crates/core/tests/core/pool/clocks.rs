//! The four clocks of a task.

use super::floor::*;
use crate::world::{ms, s};
use hearken_core::evidence::StopCause;
use hearken_core::kind::Kind;
use hearken_core::pool::{CancelReason, Event, Report, TaskDecidedBy, TaskNext};

#[test]
fn a_worker_that_does_not_begin_is_lost() {
    let mut floor = Floor::of(line(|it| it.clocks.accept = s(10)));
    let one = floor.add(1);
    floor.pass(ms(9_999));
    assert_eq!(floor.stops(), []);
    floor.pass(ms(1));
    assert_eq!(floor.stops(), [(at(10_000), 1, StopCause::NotAccepted, true)]);
    let told = Report::NotAccepted { slot: 1, task: one, after: s(10) };
    assert!(floor.reports().contains(&told));
    assert_eq!(without_leases(floor.kept(one).counters), counted(0, 1, 0));
}

#[test]
fn a_worker_has_to_begin_only_when_it_has_nothing_else_to_do() {
    let mut floor = Floor::with(line(|it| it.clocks.accept = s(10)), 1, Some(2));
    let (one, two) = (floor.add(1), floor.add(2));
    floor.pass(s(9));
    floor.accept(one);
    floor.pass(s(600));
    assert_eq!(floor.stops(), [], "it works on the first");
    floor.done(one);
    floor.pass(ms(9_999));
    assert_eq!(floor.stops(), []);
    floor.pass(ms(1));
    assert_eq!(floor.stops().len(), 1, "and now on nothing");
    assert_eq!(without_leases(floor.kept(two).counters), counted(0, 1, 0));
}

#[test]
fn more_tasks_give_a_worker_no_more_time_to_begin_with_the_first() {
    let mut floor = Floor::with(line(|it| it.clocks.accept = s(10)), 1, Some(9));
    for number in 1..5 {
        floor.add(number);
        floor.pass(s(3));
    }
    assert_eq!(floor.stops()[0], (at(10_000), 1, StopCause::NotAccepted, true));
}

#[test]
fn the_soft_clock_asks_and_the_hard_clock_kills() {
    let mut floor = Floor::of(line(|it| {
        (it.clocks.soft, it.clocks.hard) = (Some(s(20)), Some(s(30)));
    }));
    floor.obeys = false;
    let one = floor.add(1);
    floor.pass(s(3));
    floor.accept(one);
    floor.pass(s(100));
    assert_eq!(floor.cancels(), [(at(23_000), CancelReason::Timeout, s(10))]);
    assert_eq!(floor.stops(), [(at(33_000), 1, StopCause::TaskTimeout, true)]);
    let overrun = Report::Overrun { slot: 1, task: one, after: s(30) };
    assert!(floor.reports().contains(&overrun));
    floor.dies(1, stopped(StopCause::TaskTimeout));
    let kept = floor.kept(one);
    assert_eq!((kept.next, without_leases(kept.counters)), (again(s(1)), counted(1, 0, 0)));
    assert_eq!(kept.error.unwrap().kind, Kind::Timeout);
}

#[test]
fn the_hard_clock_is_announced_by_a_cancel_in_its_last_tenth() {
    let mut floor = Floor::of(line(|it| it.clocks.hard = Some(s(30))));
    let one = floor.add(1);
    floor.accept(one);
    floor.pass(s(30));
    assert_eq!(floor.cancels(), [(at(27_000), CancelReason::Timeout, s(3))]);
    assert_eq!(floor.stops(), [(at(30_000), 1, StopCause::TaskTimeout, true)]);
}

#[test]
fn a_soft_clock_behind_the_hard_one_does_not_swallow_the_cancel() {
    let mut floor = Floor::of(line(|it| {
        (it.clocks.soft, it.clocks.hard) = (Some(s(40)), Some(s(30)));
    }));
    let one = floor.add(1);
    floor.accept(one);
    floor.pass(s(30));
    assert_eq!(floor.cancels(), [(at(27_000), CancelReason::Timeout, s(3))]);
    assert_eq!(floor.stops().len(), 1);
}

#[test]
fn a_worker_that_gives_up_in_time_lives_and_the_try_was_a_timeout() {
    let mut floor = Floor::of(line(|it| it.clocks.hard = Some(s(30))));
    let one = floor.add(1);
    floor.accept(one);
    floor.pass(s(28));
    floor.fails(one, error(Kind::Cancelled));
    let kept = floor.kept(one);
    assert_eq!(kept.error.unwrap().code, "task.timeout");
    assert_eq!((kept.next, without_leases(kept.counters)), (again(s(1)), counted(1, 0, 0)));
    floor.pass(s(60));
    assert_eq!(floor.stops(), []);
}

#[test]
fn a_result_counts_even_after_the_soft_clock() {
    let mut floor = Floor::of(line(|it| it.clocks.hard = Some(s(30))));
    let one = floor.add(1);
    floor.accept(one);
    floor.pass(s(29));
    floor.done(one);
    assert_eq!(floor.next(one), TaskNext::Succeeded);
}

#[test]
fn an_error_of_its_own_after_the_soft_clock_is_taken_for_what_it_says() {
    let mut floor = Floor::of(line(|it| it.clocks.hard = Some(s(30))));
    let one = floor.add(1);
    floor.accept(one);
    floor.pass(s(29));
    floor.fails(one, error(Kind::Invalid));
    assert!(matches!(floor.next(one), TaskNext::Dead(_)));
}

#[test]
fn a_soft_clock_alone_kills_after_the_grace() {
    let mut floor = Floor::of(line(|it| it.clocks.soft = Some(s(20))));
    let one = floor.add(1);
    floor.accept(one);
    floor.pass(s(60));
    assert_eq!(floor.cancels(), [(at(20_000), CancelReason::Timeout, s(5))]);
    assert_eq!(floor.stops(), [(at(25_000), 1, StopCause::TaskTimeout, true)]);
}

#[test]
fn the_clocks_run_from_the_beginning_of_the_work() {
    let mut floor = Floor::with(line(|it| it.clocks.hard = Some(s(30))), 1, Some(2));
    let (one, two) = (floor.add(1), floor.add(2));
    floor.accept(one);
    floor.pass(s(20));
    floor.accept(one);
    floor.accept(two);
    floor.pass(s(8));
    assert_eq!(floor.cancels().len(), 1, "to begin twice begins nothing anew");
    floor.done(one);
    floor.pass(s(11));
    assert_eq!(floor.stops(), []);
}

#[test]
fn a_worker_that_begins_with_what_it_is_to_give_up_has_no_longer_for_it() {
    let mut floor = Floor::of(line(|it| it.clocks.hard = Some(s(3))));
    let one = floor.add(1);
    floor.tell(Event::Cancel(one));
    floor.pass(s(1));
    floor.accept(one);
    floor.pass(s(10));
    assert_eq!(floor.stops(), [(at(4_000), 1, StopCause::TaskCancelled, true)]);
}

#[test]
fn a_kill_for_one_task_is_held_against_no_other() {
    let mut floor = Floor::with(line(|it| it.clocks.hard = Some(s(30))), 1, Some(2));
    let (one, two) = (floor.add(1), floor.add(2));
    floor.accept(one);
    floor.pass(s(10));
    floor.accept(two);
    floor.pass(s(20));
    assert_eq!(without_leases(floor.kept(one).counters), counted(1, 0, 0));
    assert_eq!(floor.next(two), TaskNext::Released);
}

#[test]
fn what_a_dying_worker_says_starts_no_clock() {
    let mut floor = Floor::with(line(|it| it.clocks.hard = Some(s(30))), 1, Some(3));
    floor.obeys = false;
    let (one, two, _) = (floor.add(1), floor.add(2), floor.add(3));
    floor.accept(one);
    floor.pass(s(30));
    assert_eq!(floor.stops().len(), 1);
    floor.accept(two);
    floor.done(one);
    floor.tell(Event::Cancel(two));
    floor.pass(s(600));
    assert_eq!((floor.stops().len(), floor.cancels().len()), (1, 1));
    assert_eq!(floor.next(one), TaskNext::Succeeded, "but a result is a result");
}

#[test]
fn a_task_whose_time_is_over_expires_where_it_waits() {
    let mut floor = Floor::of(line(|_| {}));
    floor.add(1);
    let delayed = floor.add_with(2, |it| (it.not_before, it.expires) = (at(9_000), at(5_000)));
    let ready = floor.add_with(3, |it| it.expires = at(5_000));
    floor.pass(s(5));
    for id in [delayed, ready] {
        assert_eq!(floor.dropped(id), Some(TaskNext::Expired));
    }
    let late = floor.add_with(4, |it| it.expires = at(5_000));
    assert_eq!(floor.dropped(late), Some(TaskNext::Expired), "and is not even begun");
    assert_eq!(floor.sent(), [1]);
}

#[test]
fn a_task_whose_time_is_over_is_taken_back_from_its_worker() {
    let mut floor = Floor::of(line(|it| it.clocks.hard = Some(s(60))));
    let one = floor.add_with(1, |it| it.expires = at(20_000));
    floor.accept(one);
    floor.pass(s(21));
    assert_eq!(floor.cancels(), [(at(20_000), CancelReason::Timeout, s(5))]);
    floor.fails(one, error(Kind::Transient));
    let kept = floor.kept(one);
    assert_eq!((kept.next, kept.decided_by), (TaskNext::Expired, TaskDecidedBy::Clock));
    assert_eq!(without_leases(kept.counters), counted(0, 0, 0));
}

#[test]
fn a_worker_that_does_not_give_an_expired_task_up_is_killed() {
    let mut floor = Floor::of(line(|_| {}));
    let one = floor.add_with(1, |it| it.expires = at(20_000));
    floor.accept(one);
    floor.pass(s(25));
    assert_eq!(floor.stops(), [(at(25_000), 1, StopCause::TaskTimeout, true)]);
    assert_eq!(floor.next(one), TaskNext::Expired);
}

#[test]
fn a_task_that_expires_while_its_end_is_kept_is_not_tried_again() {
    let mut floor = Floor::of(line(|_| {}));
    let one = floor.add_with(1, |it| it.expires = at(5_000));
    floor.store_answers = false;
    floor.fails(one, error(Kind::Transient));
    floor.pass(s(6));
    assert_eq!(floor.dropped(one), None);
    floor.store_answers_now();
    assert_eq!(floor.dropped(one), Some(TaskNext::Expired));
}

#[test]
fn who_was_not_listened_to_is_not_killed_for_its_silence() {
    let clocks = line(|it| (it.clocks.accept, it.clocks.hard) = (s(10), Some(s(30))));
    let mut floor = Floor::of(clocks);
    let one = floor.add(1);
    floor.stall(s(60));
    assert_eq!(floor.stops(), [], "it may have begun long ago");
    floor.accept(one);

    floor.stall(s(60));
    assert_eq!(floor.stops(), [], "it may be done");
    assert_eq!(floor.cancels().len(), 1);
    floor.done(one);
    assert_eq!(floor.next(one), TaskNext::Succeeded);
    let two = floor.add(2);
    floor.accept(two);
    floor.stall(s(60));
    floor.pass(s(3));
    assert_eq!(floor.stops().len(), 1, "but not spared for ever");
}
