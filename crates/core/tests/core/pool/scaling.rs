//! How many workers there are.

use super::floor::*;
use crate::world::{ms, s};
use hearken_core::evidence::StopCause;
use hearken_core::pool::{Event, Report, TaskNext};
use std::time::Duration;

fn sizes(floor: &Floor) -> Vec<u32> {
    let size = |report| match report {
        Report::Growing { to, .. } | Report::Shrinking { to } => Some(to),
        _ => None,
    };
    floor.reports().into_iter().filter_map(size).collect()
}

#[test]
fn a_pool_grows_when_a_task_waits_too_long_and_not_before() {
    let mut floor = Floor::of(line(|it| it.max = 4));
    let (one, two) = (floor.add(1), floor.add(2));
    floor.pass(ms(999));
    assert_eq!(floor.starts(), []);
    floor.pass(ms(1));
    assert_eq!(floor.starts(), [(at(1_000), 2)]);
    assert_eq!(floor.reports(), [Report::Growing { to: 2, waited: s(1) }]);
    assert_eq!(floor.slots_of(two), [2], "the task that made it grow is simply sent");
    floor.done(one);
    floor.done(two);
    assert_eq!([floor.next(one), floor.next(two)], [TaskNext::Succeeded; 2]);
}

#[test]
fn a_pool_grows_by_as_many_as_wait_and_no_further_than_its_most() {
    let mut floor = Floor::of(line(|it| it.max = 4));
    for number in 0..3 {
        floor.add(number);
    }
    floor.pass(s(1));
    assert_eq!(sizes(&floor), [3]);
    for number in 3..20 {
        floor.add(number);
    }
    floor.pass(s(10));
    assert_eq!(sizes(&floor), [3, 4]);
    assert_eq!(floor.pool.counts().workers, 4);
}

#[test]
fn workers_that_are_on_their_way_are_reckoned_with() {
    let mut floor = Floor::of(line(|it| it.max = 9));
    floor.credits = None;
    floor.add(1);
    floor.add(2);
    floor.pass(s(5));
    assert_eq!(floor.starts().len(), 1, "one waits, and one is coming");
}

#[test]
fn a_task_that_is_served_in_time_makes_nothing_grow() {
    let mut floor = Floor::of(line(|it| it.max = 4));
    for number in 0..9 {
        let (one, two) = (floor.add(2 * number), floor.add(2 * number + 1));
        floor.pass(ms(800));
        floor.done(one);
        floor.done(two);
    }
    assert_eq!(floor.starts(), []);
}

#[test]
fn a_pool_shrinks_when_workers_are_idle_and_never_below_its_least() {
    let mut floor = Floor::of(line(|it| (it.min, it.max) = (2, 4)));
    let ids = [1, 2, 3, 4].map(|number| floor.add(number));
    floor.pass(s(1));
    assert_eq!(floor.pool.counts().workers, 4);
    ids.iter().for_each(|id| floor.done(*id));
    floor.pass(ms(59_999));
    assert_eq!(floor.stops(), []);
    floor.pass(s(600));
    let (began, stops) = (at(61_000), floor.stops());
    let all = stops.iter().all(|stop| (stop.0, stop.2, stop.3) == (began, StopCause::Scale, false));
    assert!(stops.len() == 2 && all, "{stops:?}");
    assert_eq!((sizes(&floor), floor.pool.counts().workers), (vec![4, 3, 2], 2));
}

#[test]
fn the_end_of_a_worker_that_was_let_go_lets_no_other_go() {
    let mut floor = Floor::of(line(|it| it.max = 2));
    let (one, two) = (floor.add(1), floor.add(2));
    floor.pass(s(1));
    floor.done(one);
    floor.done(two);
    floor.obeys = false;
    floor.pass(s(60));
    let stops = floor.stops();
    let [(_, slot, StopCause::Scale, false)] = stops[..] else { panic!("{stops:?}") };
    floor.pass(s(60));
    floor.ends(slot, stopped(StopCause::Scale));
    floor.pass(s(60));
    assert_eq!(floor.stops().len(), 1);
    floor.tell(Event::Down { slot, barred: false });
    assert_eq!((floor.pool.counts().workers, floor.starts().len()), (1, 1));
}

#[test]
fn a_pool_keeps_its_least_alive() {
    let mut floor = Floor::of(line(|it| (it.min, it.max) = (2, 4)));
    let one = floor.add(1);
    floor.done(one);
    floor.ends_for_good(1, stopped(StopCause::Operator), false);
    assert_eq!(floor.starts(), [(at(0), 1)]);
}

#[test]
fn a_slot_that_is_barred_is_left_alone_until_something_else_starts_it() {
    let mut floor = Floor::of(line(|it| (it.min, it.max) = (2, 3)));
    floor.ends_for_good(1, crashed(), true);
    floor.ends_for_good(2, crashed(), true);
    assert_eq!(floor.starts(), [(at(0), 3)], "another takes its place");
    floor.tell(Event::Down { slot: 3, barred: true });
    floor.add(1);
    floor.pass(s(600));
    assert_eq!(floor.starts().len(), 1);
    floor.started(1);
    assert_eq!(floor.sent(), [1]);
}

#[test]
fn a_pool_whose_unit_does_not_run_starts_nothing_and_gives_nothing_out() {
    let mut floor = Floor::of(line(|it| (it.min, it.max) = (0, 2)));
    floor.tell(Event::Shut);
    floor.add(1);
    floor.pass(s(60));
    assert_eq!((floor.starts(), floor.pool.poll_timeout()), (vec![], None));
    floor.tell(Event::Opened);
    floor.pass(s(1));
    assert_eq!(floor.starts().len(), 1, "it grows from nothing");
    assert_eq!(floor.sent(), [1]);
}

#[test]
fn a_slot_that_was_to_be_started_when_its_unit_stopped_is_started_anew() {
    let mut floor = Floor::of(line(|it| (it.min, it.max) = (1, 2)));
    floor.starts = false;
    floor.ends(1, crashed());
    floor.tell(Event::Shut);
    // The supervisor had it in backoff, and forgot it without a word.
    floor.tell(Event::Opened);
    assert_eq!(floor.starts().len(), 1);
}

#[test]
fn a_pool_that_may_grow_at_once_still_rings_no_more_than_it_must() {
    let mut floor = Floor::of(line(|it| {
        it.max = 3;
        (it.grow_after, it.shrink_after) = (Duration::ZERO, Duration::ZERO);
    }));
    floor.tell(Event::Down { slot: 2, barred: true });
    floor.tell(Event::Down { slot: 3, barred: true });
    floor.add(1);
    floor.add(2);
    floor.pass(ms(50));
    assert_eq!(floor.starts(), []);
}

#[test]
fn a_worker_too_many_is_let_go_without_cutting_a_task() {
    let mut floor = Floor::with(line(|it| (it.min, it.max) = (2, 2)), 3, Some(1));
    let (one, two) = (floor.add(1), floor.add(2));
    let three = floor.add(3);
    // Somebody starts one by hand.
    floor.started(3);
    assert_eq!((floor.stops(), floor.pool.counts().workers), (vec![], 2));
    for id in [one, two, three] {
        floor.done(id);
        assert_eq!(floor.next(id), TaskNext::Succeeded);
    }
    assert_eq!(floor.stops(), [(at(0), 1, StopCause::Scale, false)]);
}
