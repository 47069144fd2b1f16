//! Tasks that wait because what they depend on is away.

use super::floor::*;
use crate::world::s;
use hearken_core::evidence::{StopCause, TypedError};
use hearken_core::kind::Kind;
use hearken_core::pool::{Event, PoolPolicy, Report, TaskNext};
use hearken_core::task::TaskId;
use std::time::Duration;

/// Four tasks in hand at most, tries without end, pauses of five seconds.
fn floor(change: impl FnOnce(&mut PoolPolicy)) -> Floor {
    let policy = line(|it| {
        it.retry.attempts = None;
        it.retry.backoff = steady(s(1));
        it.dependency_pause = steady(s(5));
        change(it);
    });
    Floor::with(policy, 1, Some(4))
}

fn of_type(floor: &mut Floor, number: u128, kind: &str) -> TaskId {
    floor.add_with(number, |it| it.kind = Some(kind.into()))
}

fn away(floor: &mut Floor, id: TaskId, dependency: &str) {
    floor.fails_for(id, error(Kind::Unavailable), Some(dependency));
}

fn pauses(floor: &Floor) -> Vec<Duration> {
    let pause = |report| match report {
        Report::DependencyPaused { length, .. } => Some(length),
        _ => None,
    };
    floor.reports().into_iter().filter_map(pause).collect()
}

fn back(floor: &Floor) -> Vec<usize> {
    let back = |report| match report {
        Report::DependencyBack { tasks, .. } => Some(tasks),
        _ => None,
    };
    floor.reports().into_iter().filter_map(back).collect()
}

#[test]
fn tasks_of_a_type_wait_while_what_they_need_is_away_and_others_do_not() {
    let mut floor = floor(|_| {});
    let one = of_type(&mut floor, 1, "mail");
    away(&mut floor, one, "smtp");
    of_type(&mut floor, 2, "mail");
    of_type(&mut floor, 3, "report");
    floor.add(4);
    assert_eq!(floor.sent(), [1, 3, 4]);
    assert_eq!(floor.pool.counts().paused, 1);
}

#[test]
fn one_task_is_let_through_to_see_and_when_it_is_done_all_go_on() {
    let mut floor = floor(|_| {});
    let one = of_type(&mut floor, 1, "mail");
    away(&mut floor, one, "smtp");
    for number in 2..6 {
        of_type(&mut floor, number, "mail");
    }
    floor.pass(s(5));
    assert_eq!(floor.sent(), [1, 2], "half open");
    floor.pass(s(60));
    assert_eq!(floor.sent(), [1, 2], "for as long as that takes");
    floor.done(task(2));
    assert_eq!(back(&floor), [4]);
    assert_eq!(floor.sent(), [1, 2, 3, 4, 5, 1]);
}

#[test]
fn pauses_grow_while_probes_fail() {
    let mut floor = floor(|it| it.dependency_pause = line(|_| {}).dependency_pause);
    let mut probe = of_type(&mut floor, 1, "mail");
    away(&mut floor, probe, "smtp");
    of_type(&mut floor, 2, "mail");
    for _ in 0..8 {
        let before = floor.sent().len();
        while floor.sent().len() == before {
            floor.pass(s(1));
        }
        assert_eq!(floor.sent().len(), before + 1, "one at a time");
        probe = task(*floor.sent().last().unwrap());
        away(&mut floor, probe, "smtp");
    }
    let lengths = pauses(&floor);
    assert_eq!(lengths[0], s(5));
    assert!(lengths[4] > s(30) && lengths[8] >= s(150) && lengths[8] <= s(300), "{lengths:?}");
}

#[test]
fn the_worker_may_say_how_long_within_bounds() {
    let mut floor = floor(|it| it.dependency_pause = line(|_| {}).dependency_pause);
    for (number, asked, paused) in [(1, s(60), s(60)), (2, Duration::MAX, s(300))] {
        let one = of_type(&mut floor, number, &number.to_string());
        let error = TypedError { retry_after: Some(asked), ..error(Kind::Unavailable) };
        floor.fails_for(one, error, Some(&number.to_string()));
        assert_eq!(pauses(&floor).last(), Some(&paused));
    }
}

#[test]
fn those_under_way_when_it_went_away_say_nothing_new() {
    let mut floor = floor(|_| {});
    let ids = [1, 2, 3].map(|number| of_type(&mut floor, number, "mail"));
    for id in ids {
        away(&mut floor, id, "smtp");
        floor.pass(s(1));
    }
    assert_eq!(pauses(&floor).len(), 1);
}

#[test]
fn which_types_depend_on_it_is_learned() {
    let mut floor = floor(|_| {});
    let (one, two) = (of_type(&mut floor, 1, "mail"), of_type(&mut floor, 2, "fax"));
    away(&mut floor, one, "net");
    of_type(&mut floor, 3, "fax");
    assert_eq!(floor.sent(), [1, 2, 3]);
    away(&mut floor, two, "net");
    of_type(&mut floor, 4, "fax");
    assert_eq!(floor.sent(), [1, 2, 3], "now it is known to need the net, too");
}

#[test]
fn an_error_of_another_sort_shows_that_it_is_back() {
    let mut floor = floor(|_| {});
    let one = of_type(&mut floor, 1, "mail");
    away(&mut floor, one, "smtp");
    of_type(&mut floor, 2, "mail");
    of_type(&mut floor, 3, "mail");
    floor.pass(s(5));
    floor.fails(task(2), error(Kind::Invalid));
    assert_eq!(back(&floor), [2]);
}

/// A pause, a probe under way and one more that waits.
fn probing() -> Floor {
    let mut floor = floor(|it| it.clocks.hard = Some(s(60)));
    let one = of_type(&mut floor, 1, "mail");
    away(&mut floor, one, "smtp");
    of_type(&mut floor, 2, "mail");
    of_type(&mut floor, 3, "mail");
    floor.pass(s(5));
    assert_eq!(floor.sent(), [1, 2]);
    floor
}

#[test]
fn a_probe_that_is_cut_short_tells_nothing_and_the_next_one_goes() {
    // Its worker crashed.
    let mut floor = probing();
    floor.accept(task(2));
    floor.dies(1, crashed());
    assert_eq!((floor.sent(), back(&floor)), (vec![1, 2, 3], vec![]));

    // Its worker was stopped.
    let mut floor = probing();
    floor.dies(1, stopped(StopCause::Restart));
    assert_eq!((floor.sent(), back(&floor)), (vec![1, 2, 3], vec![]));

    // Somebody wants it back.
    let mut floor = probing();
    floor.tell(Event::Cancel(task(2)));
    floor.fails(task(2), error(Kind::Cancelled));
    assert_eq!((floor.sent(), back(&floor)), (vec![1, 2, 3], vec![]));

    // It hangs, and so does what it asks, most likely.
    let mut floor = probing();
    floor.accept(task(2));
    floor.pass(s(60));
    assert_eq!((floor.sent(), back(&floor)), (vec![1, 2, 3], vec![]));
}

#[test]
fn a_probe_that_is_taken_back_before_it_is_sent_leaves_its_place_to_the_next() {
    let mut floor = floor(|_| {});
    let one = of_type(&mut floor, 1, "mail");
    away(&mut floor, one, "smtp");
    of_type(&mut floor, 2, "mail");
    of_type(&mut floor, 3, "mail");
    // It is ready, but nobody takes it.
    floor.ready(1, 0);
    floor.pass(s(5));
    floor.tell(Event::Cancel(task(2)));
    floor.ready(1, 4);
    assert_eq!(floor.sent(), [1, 3]);

    // The store does not give it out.
    let mut floor = self::floor(|_| {});
    let one = of_type(&mut floor, 1, "mail");
    away(&mut floor, one, "smtp");
    of_type(&mut floor, 2, "mail");
    of_type(&mut floor, 3, "mail");
    floor.store_answers = false;
    floor.pass(s(5));
    floor.tell(Event::Gone(floor.lease(task(2))));
    assert_eq!(floor.slots_of(task(3)), [1]);
}

#[test]
fn a_probe_that_is_put_off_has_found_it_back() {
    let mut floor = probing();
    floor.snoozes(task(2), s(3_000));
    assert_eq!(back(&floor), [2]);
}

#[test]
fn a_probe_that_is_given_up_still_says_that_it_is_away() {
    let mut floor = floor(|it| it.retry.attempts = Some(1));
    let one = of_type(&mut floor, 1, "mail");
    away(&mut floor, one, "smtp");
    of_type(&mut floor, 2, "mail");
    of_type(&mut floor, 3, "mail");
    floor.pass(s(5));
    away(&mut floor, task(2), "smtp");
    assert!(matches!(floor.next(task(2)), TaskNext::Dead(_)));
    assert_eq!((floor.sent(), pauses(&floor).len()), (vec![1, 2], 2));
    floor.pass(s(5));
    assert_eq!(floor.sent(), [1, 2, 3]);
}

#[test]
fn two_that_are_away_do_not_wait_for_each_other() {
    let mut floor = floor(|_| {});
    let (one, two) = (of_type(&mut floor, 1, "mail"), of_type(&mut floor, 2, "mail"));
    away(&mut floor, one, "b");
    of_type(&mut floor, 3, "mail");
    floor.pass(s(2));
    away(&mut floor, two, "a");
    of_type(&mut floor, 4, "mail");
    for _ in 0..20 {
        floor.pass(s(5));
        for number in floor.sent() {
            let id = task(number);
            if floor.slots_of(id).len() > floor.history(id).len() {
                floor.done(id);
            }
        }
    }
    let ended = [1, 2, 3, 4].map(|number| floor.history(task(number)).last().map(|it| it.next));
    assert_eq!(ended, [Some(TaskNext::Succeeded); 4]);
}

#[test]
fn names_come_from_workers_and_so_many_are_heeded() {
    let mut floor = floor(|_| {});
    for number in 0..200 {
        let id = of_type(&mut floor, number, &format!("type {number}"));
        away(&mut floor, id, &format!("dependency {number}"));
    }
    assert_eq!(pauses(&floor).len(), 64);
    assert!(
        matches!(floor.next(task(199)), TaskNext::Again { .. }),
        "it is retried like any other"
    );
}

#[test]
fn what_nobody_asks_for_any_more_makes_room() {
    let mut floor = floor(|it| it.retry.attempts = Some(1));
    for number in 0..64 {
        let id = of_type(&mut floor, number, &format!("type {number}"));
        away(&mut floor, id, &format!("dependency {number}"));
    }
    floor.pass(s(5));
    let id = of_type(&mut floor, 64, "mail");
    away(&mut floor, id, "smtp");
    assert_eq!(pauses(&floor).len(), 65);
}

#[test]
fn a_paused_task_can_be_taken_back_and_can_expire() {
    let mut floor = floor(|_| {});
    let one = of_type(&mut floor, 1, "mail");
    away(&mut floor, one, "smtp");
    let two = of_type(&mut floor, 2, "mail");
    let three = floor.add_with(3, |it| (it.kind, it.expires) = (Some("mail".into()), at(2_000)));
    floor.tell(Event::Cancel(two));
    floor.pass(s(2));
    let dropped = [two, three].map(|id| floor.dropped(id));
    assert_eq!(dropped, [Some(TaskNext::Cancelled), Some(TaskNext::Expired)]);
    floor.pass(s(5));
    assert_eq!(floor.sent(), [1, 1], "the first is its own probe");
}
