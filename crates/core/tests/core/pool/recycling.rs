//! Replacing workers that nothing is wrong with.

use super::floor::*;
use crate::world::s;
use hearken_core::evidence::{Ending, StopCause};
use hearken_core::pool::{Event, PoolPolicy, RecycleCause, Report, TaskNext};
use std::collections::BTreeSet;

/// One worker, and a slot for its successor.
fn spare(change: impl FnOnce(&mut PoolPolicy)) -> Floor {
    Floor::with(line(change), 2, Some(2))
}

fn recycled(floor: &Floor) -> Vec<(u32, RecycleCause, u32)> {
    let recycling = |report| match report {
        Report::Recycling { slot, because, successor } => Some((slot, because, successor)),
        _ => None,
    };
    floor.reports().into_iter().filter_map(recycling).collect()
}

#[test]
fn the_successor_is_ready_before_the_old_one_drains_and_no_task_is_cut() {
    let mut floor = spare(|_| {});
    floor.credits = None;
    let (one, two) = (floor.add(1), floor.add(2));
    floor.tell(Event::Draining(floor.token(1)));
    assert_eq!(recycled(&floor), [(1, RecycleCause::Asked, 2)]);
    assert_eq!(floor.starts(), [(at(0), 2)]);
    floor.done(one);
    assert_eq!(floor.stops(), [], "nobody is there to take its place");
    floor.ready(2, 2);
    assert_eq!(floor.stops(), [], "it still holds a task");
    floor.done(two);
    assert_eq!(floor.stops(), [(at(0), 1, StopCause::Recycle, false)]);
    assert_eq!([floor.next(one), floor.next(two)], [TaskNext::Succeeded; 2]);
    assert_eq!((floor.runs(1), floor.runs(2)), (false, true));
    assert_eq!(floor.pool.counts().workers, 1);
}

#[test]
fn who_asks_to_be_replaced_gets_no_more_tasks() {
    let mut floor = spare(|_| {});
    floor.credits = None;
    floor.tell(Event::Draining(floor.token(1)));
    floor.add(1);
    assert_eq!(floor.sent(), []);
    floor.ready(2, 1);
    assert_eq!(floor.slots_of(task(1)), [2]);
}

#[test]
fn a_worker_is_replaced_after_so_many_tasks_give_or_take_a_tenth() {
    let mut done = BTreeSet::new();
    let mut floor = spare(|it| it.recycle.tasks = Some(50));
    let mut last = 0;
    for number in 0..2_000 {
        let one = floor.add(number);
        floor.done(one);
        for (slot, because, _) in recycled(&floor).into_iter().skip(last) {
            let RecycleCause::Tasks(tasks) = because else { panic!("{slot}: {because:?}") };
            assert!((45..=55).contains(&tasks), "{tasks}");
            done.insert(tasks);
            last += 1;
        }
        floor.actions.retain(|(_, it)| matches!(it, hearken_core::pool::Action::Report(_)));
    }
    assert!(last >= 35, "it happens again and again: {last}");
    assert!(done.len() >= 4, "not all after the same number: {done:?}");
}

#[test]
fn a_worker_is_replaced_for_its_memory() {
    let mut floor = spare(|it| it.recycle.memory = Some(1 << 20));
    floor.tell(Event::Memory(floor.token(1), (1 << 20) - 1));
    assert_eq!(recycled(&floor), []);
    floor.tell(Event::Memory(floor.token(1), 1 << 20));
    assert_eq!(recycled(&floor), [(1, RecycleCause::Memory(1 << 20), 2)]);
    assert!(!floor.runs(1) && floor.runs(2));
}

#[test]
fn a_worker_is_replaced_for_its_age_give_or_take_a_tenth() {
    let mut floor = spare(|it| it.recycle.age = Some(s(1_000)));
    floor.pass(s(899));
    assert_eq!(recycled(&floor), []);
    floor.pass(s(202));
    assert_eq!(recycled(&floor), [(1, RecycleCause::Age(s(1_000)), 2)]);
    floor.pass(s(1_200));
    assert_eq!(recycled(&floor).len(), 2, "and its successor in its turn");
}

#[test]
fn where_there_is_one_spare_slot_the_old_ones_go_one_after_another() {
    let mut floor = Floor::with(
        line(|it| {
            (it.min, it.max) = (3, 3);
            it.recycle.age = Some(s(9));
        }),
        4,
        Some(1),
    );
    floor.starts = false;
    floor.pass(s(20));
    assert_eq!(floor.starts().len(), 1, "the others wait for the slot");
    floor.starts = true;
    for _ in 0..9 {
        for (_, slot) in floor.starts() {
            if !floor.runs(slot) {
                floor.started(slot);
            }
        }
    }
    let old: BTreeSet<_> = recycled(&floor).iter().map(|(slot, ..)| *slot).collect();
    assert!(old.is_superset(&[1, 2, 3].into()), "none is forgotten: {old:?}");
    assert_eq!(floor.pool.counts().workers, 3);
}

#[test]
fn where_there_is_no_spare_slot_the_old_one_goes_first() {
    let mut floor = Floor::of(line(|it| (it.min, it.max) = (2, 2)));
    let one = floor.add(1);
    floor.tell(Event::Draining(floor.token(1)));
    assert_eq!(floor.stops(), [], "it holds a task");
    floor.done(one);
    assert_eq!(floor.stops(), [(at(0), 1, StopCause::Recycle, false)]);
    assert!(floor.runs(1), "and comes back");
    assert_eq!(floor.pool.counts().workers, 2);
}

#[test]
fn a_worker_is_kept_whose_successor_cannot_come() {
    let mut floor = spare(|it| it.recycle.memory = Some(1));
    floor.starts = false;
    floor.tell(Event::Memory(floor.token(1), 1));
    floor.tell(Event::Down { slot: 2, barred: true });
    let one = floor.add(1);
    floor.done(one);
    assert_eq!((floor.stops(), floor.pool.counts().workers), (vec![], 1));
    floor.tell(Event::Down { slot: 2, barred: false });
    floor.pass(s(1));
    assert_eq!(recycled(&floor).len(), 2, "it is tried again when there is a slot");
}

#[test]
fn who_takes_no_more_tasks_goes_even_if_its_successor_cannot_come() {
    let mut floor = spare(|_| {});
    floor.starts = false;
    floor.tell(Event::Draining(floor.token(1)));
    floor.tell(Event::Down { slot: 2, barred: true });
    assert_eq!(floor.stops(), [(at(0), 1, StopCause::Recycle, false)]);
    assert_eq!(floor.starts(), [(at(0), 2), (at(0), 1)]);
}

#[test]
fn a_successor_that_crashes_before_it_is_ready_is_waited_for() {
    let mut floor = spare(|it| it.recycle.memory = Some(1));
    floor.credits = None;
    floor.tell(Event::Memory(floor.token(1), 1));
    floor.dies(2, crashed());
    assert_eq!(floor.stops(), []);
    floor.ready(2, 1);
    assert_eq!(floor.stops(), [(at(0), 1, StopCause::Recycle, false)]);
}

#[test]
fn an_old_worker_that_crashes_does_not_come_back_beside_its_successor() {
    // Before its successor is ready.
    let mut floor = spare(|it| it.recycle.memory = Some(1));
    floor.credits = None;
    floor.tell(Event::Memory(floor.token(1), 1));
    floor.ends(1, crashed());
    floor.ready(2, 1);
    assert_eq!(floor.stops(), [(at(0), 1, StopCause::Recycle, false)]);
    assert_eq!(floor.pool.counts().workers, 1);

    // While it drains.
    let mut floor = spare(|it| it.recycle.memory = Some(1));
    let one = floor.add(1);
    floor.accept(one);
    floor.tell(Event::Memory(floor.token(1), 1));
    floor.ends(1, crashed());
    assert_eq!(floor.stops(), [(at(0), 1, StopCause::Recycle, false)]);
    floor.tell(Event::Down { slot: 1, barred: false });
    assert_eq!(floor.pool.counts().workers, 1);
}

#[test]
fn a_worker_that_is_to_be_replaced_does_first_what_was_claimed_for_it_before() {
    let mut floor = spare(|it| it.recycle.memory = Some(1));
    floor.store_answers = false;
    let one = floor.add(1);
    floor.tell(Event::Memory(floor.token(1), 1));
    floor.store_answers_now();
    assert_eq!(floor.stops(), [], "it holds a task");
    floor.done(one);
    floor.store_answers_now();
    assert_eq!((floor.slots_of(one), floor.next(one)), (vec![1], TaskNext::Succeeded));
    assert_eq!(floor.stops(), [(at(0), 1, StopCause::Recycle, false)]);
}

#[test]
fn a_program_that_leaves_at_once_is_not_started_as_fast_as_it_leaves() {
    let mut floor = Floor::of(line(|_| {}));
    for _ in 0..100 {
        floor.ends_for_good(1, ended(Ending::Exited(0)), false);
        while !floor.runs(1) {
            floor.pass(s(1));
        }
    }
    let took = floor.now.since(at(0));
    assert!(took > s(90 * 60), "a minute each, once it has gone on for a while: {took:?}");
    let one = floor.add(1);
    floor.done(one);
    floor.ends_for_good(1, ended(Ending::Exited(0)), false);
    assert!(floor.runs(1), "who has worked is replaced at once");
}
