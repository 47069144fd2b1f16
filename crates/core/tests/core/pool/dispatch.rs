//! Which task goes to which worker, and in what order things are said.

use super::floor::*;
use crate::world::s;
use hearken_core::evidence::StopCause;
use hearken_core::identity::Token;
use hearken_core::kind::Kind;
use hearken_core::pool::{Action, Event, Handle, Report, Said, TaskNext};
use hearken_core::task::{Lease, Priority};

#[test]
fn a_task_is_claimed_before_it_is_sent_and_kept_before_it_is_acked() {
    let mut floor = Floor::of(line(|_| {}));
    floor.store_answers = false;
    let one = floor.add(1);
    assert_eq!((floor.slots_of(one), floor.sent()), (vec![1], vec![]), "claimed, and not sent");

    let lease = floor.lease(one);
    floor.tell(Event::Claimed(lease));
    assert_eq!(floor.sent(), [1]);

    floor.accept(one);
    floor.done(one);
    assert_eq!(floor.next(one), TaskNext::Succeeded);
    assert_eq!(floor.acks(), [], "it is not on disk yet");
    assert!(!floor.pool.is_at_rest());

    floor.tell(Event::Kept(lease));
    assert_eq!(floor.acks(), [(Handle(1), Said::Result)]);
    assert!(floor.pool.is_at_rest());
}

#[test]
fn every_last_word_is_acked_for_what_it_is() {
    let mut floor = Floor::with(line(|_| {}), 1, Some(3));
    let (one, two, three) = (floor.add(1), floor.add(2), floor.add(3));
    floor.done(one);
    floor.fails(two, error(Kind::Invalid));
    floor.snoozes(three, s(9));
    let acks = [(Handle(1), Said::Result), (Handle(2), Said::Error), (Handle(3), Said::Snooze)];
    assert_eq!(floor.acks(), acks);
}

#[test]
fn a_worker_gets_as_many_tasks_as_it_has_credits() {
    let mut floor = Floor::with(line(|_| {}), 1, Some(2));
    let ids = [1, 2, 3, 4].map(|number| floor.add(number));
    assert_eq!(floor.sent(), [1, 2]);
    floor.done(ids[1]);
    assert_eq!(floor.sent(), [1, 2, 3]);
    floor.ready(1, 3);
    assert_eq!(floor.sent(), [1, 2, 3, 4], "more credits, more tasks");
}

#[test]
fn a_worker_without_credits_gets_nothing() {
    let mut floor = Floor::with(line(|_| {}), 1, Some(0));
    floor.add(1);
    assert_eq!(floor.sent(), []);
    floor.ready(1, 1);
    assert_eq!(floor.sent(), [1]);
}

#[test]
fn a_worker_that_takes_its_credits_back_keeps_what_it_has_and_gets_no_more() {
    let mut floor = Floor::with(line(|_| {}), 1, Some(2));
    let (one, two) = (floor.add(1), floor.add(2));
    floor.ready(1, 1);
    floor.add(3);
    floor.done(one);
    assert_eq!(floor.sent(), [1, 2], "it holds one, and takes one");
    floor.done(two);
    assert_eq!(floor.sent(), [1, 2, 3]);
}

#[test]
fn what_was_claimed_for_a_credit_that_is_gone_goes_back_uncounted() {
    let mut floor = Floor::of(line(|_| {}));
    floor.store_answers = false;
    let one = floor.add(1);
    floor.ready(1, 0);
    floor.store_answers_now();
    assert_eq!(floor.sent(), []);
    assert_eq!(floor.next(one), TaskNext::Released);
    assert_eq!(without_leases(floor.kept(one).counters), counted(0, 0, 0));
    floor.store_answers = true;
    floor.store_answers_now();
    floor.ready(1, 1);
    assert_eq!(floor.sent(), [1]);
}

#[test]
fn the_worker_that_holds_least_is_asked_first() {
    let mut floor = Floor::with(line(|it| (it.min, it.max) = (2, 2)), 2, Some(2));
    let ids = [1, 2, 3, 4].map(|number| floor.add(number));
    assert_eq!(ids.map(|id| floor.slots_of(id)[0]), [1, 2, 1, 2]);
}

#[test]
fn the_highest_priority_goes_first_and_keys_take_turns() {
    let mut floor = Floor::with(line(|_| {}), 1, Some(0));
    for (number, priority, key) in [(1, 5, "a"), (2, 5, "a"), (3, 5, "b"), (4, 9, "a"), (5, 0, "b")]
    {
        floor.add_with(number, |it| {
            it.priority = Priority::new(priority).unwrap();
            it.fairness_key = Some(key.into());
        });
    }
    floor.ready(1, 9);
    assert_eq!(floor.sent(), [4, 1, 3, 2, 5]);
}

#[test]
fn a_task_is_not_dispatched_before_its_time() {
    let mut floor = Floor::of(line(|_| {}));
    floor.add_with(1, |it| it.not_before = at(2_000));
    assert_eq!(floor.pool.counts().delayed, 1);
    assert_eq!(floor.pool.poll_timeout(), Some(at(2_000)));
    floor.pass(s(1));
    assert_eq!(floor.sent(), []);
    floor.pass(s(1));
    assert_eq!(floor.sent(), [1]);
}

#[test]
fn a_task_is_added_once() {
    let mut floor = Floor::of(line(|_| {}));
    let one = floor.add(1);
    floor.add(1);
    assert_eq!(floor.pool.counts().running, 1);
    floor.done(one);
    assert_eq!(floor.sent(), [1]);
}

#[test]
fn the_number_of_a_try_is_used_up_with_each_lease() {
    let mut floor = Floor::of(line(|it| it.retry.backoff = steady(s(1))));
    let one = floor.add(1);
    floor.snoozes(one, s(1));
    floor.pass(s(1));
    floor.fails(one, error(Kind::Transient));
    floor.pass(s(1));
    let attempts = floor.all(|action| match action {
        Action::Claim { attempt, .. } => Some(*attempt),
        _ => None,
    });
    assert_eq!(attempts, [1, 2, 3]);
}

#[test]
fn no_lease_is_given_twice() {
    let mut floor = Floor::with(line(|_| {}), 1, Some(9));
    for number in 0..9 {
        floor.add(number);
    }
    let mut leases = floor.all(|action| match action {
        Action::Claim { lease, .. } => Some(*lease),
        _ => None,
    });
    assert!(leases.is_sorted() && leases.iter().all(|lease| lease.epoch == 1));
    leases.dedup();
    assert_eq!(leases.len(), 9);
}

#[test]
fn a_task_the_store_does_not_give_out_is_forgotten() {
    let mut floor = Floor::of(line(|_| {}));
    floor.store_answers = false;
    let one = floor.add(1);
    floor.tell(Event::Gone(floor.lease(one)));
    floor.add(2);
    floor.store_answers_now();
    assert_eq!(floor.sent(), [2], "its worker is free for the next");
}

#[test]
fn a_store_that_is_down_is_asked_nothing_until_it_is_up() {
    let mut floor = Floor::of(line(|it| it.max = 4));
    floor.tell(Event::StoreDown);
    floor.add(1);
    floor.pass(s(60));
    assert_eq!((floor.sent(), floor.starts()), (vec![], vec![]), "nor does the pool grow for it");
    floor.tell(Event::StoreUp);
    assert_eq!(floor.sent(), [1]);
}

#[test]
fn nothing_is_sent_once_everything_is_to_end() {
    let mut floor = Floor::of(line(|_| {}));
    floor.store_answers = false;
    let one = floor.add(1);
    floor.tell(Event::Closing);
    let two = floor.add(2);
    floor.store_answers_now();
    assert_eq!((floor.sent(), floor.slots_of(two)), (vec![], vec![]));
    assert_eq!(floor.next(one), TaskNext::Released);
    floor.store_answers_now();
    assert!(floor.pool.is_at_rest());
}

#[test]
fn what_is_in_hand_may_be_finished_while_everything_ends() {
    let mut floor = Floor::of(line(|_| {}));
    let one = floor.add(1);
    floor.tell(Event::Closing);
    floor.tell(Event::Stopping(1));
    floor.done(one);
    assert_eq!(floor.next(one), TaskNext::Succeeded);
    assert_eq!(floor.acks().len(), 1);
}

#[test]
fn words_about_a_task_it_does_not_hold_are_told_and_dropped() {
    let mut floor = Floor::of(line(|_| {}));
    let one = floor.add(1);
    let (token, handle) = floor.hand(one);
    floor.done(one);
    for stale in [handle, Handle(0), Handle(2), Handle(u32::MAX)] {
        floor.tell(Event::Accepted(token, stale));
        floor.tell(Event::Done(token, stale));
        floor.tell(Event::Failed(token, stale, error(Kind::Bug), None));
        floor.tell(Event::Snoozed(token, stale, s(1)));
        let told = Report::Stale { slot: 1, handle: stale };
        assert_eq!(floor.reports().iter().filter(|it| **it == told).count(), 4);
    }
    assert_eq!(floor.history(one).len(), 1);
}

#[test]
fn a_task_that_is_only_claimed_cannot_be_spoken_of() {
    let mut floor = Floor::of(line(|_| {}));
    floor.store_answers = false;
    let one = floor.add(1);
    let token = floor.token(1);
    floor.tell(Event::Done(token, Handle(0)));
    assert_eq!(floor.history(one), []);
    assert_eq!(floor.reports(), [Report::Stale { slot: 1, handle: Handle(0) }]);
}

#[test]
fn words_of_a_process_that_is_gone_are_history() {
    let mut floor = Floor::of(line(|_| {}));
    let one = floor.add(1);
    let (token, handle) = floor.hand(one);
    floor.ends(1, stopped(StopCause::Restart));
    let before = floor.actions.len();
    for event in [
        Event::Started(token),
        Event::Ready(token, 9),
        Event::Draining(token),
        Event::Memory(token, u64::MAX),
        Event::Accepted(token, handle),
        Event::Done(token, handle),
        Event::Done(Token(99), handle),
    ] {
        floor.tell(event);
    }
    assert_eq!(floor.actions.len(), before);
}

#[test]
fn answers_about_leases_nobody_waits_for_are_dropped() {
    let mut floor = Floor::of(line(|_| {}));
    let one = floor.add(1);
    let lease = floor.lease(one);
    let before = floor.actions.len();
    for lease in [lease, Lease { epoch: 9, number: 9 }] {
        floor.tell(Event::Claimed(lease));
        floor.tell(Event::Gone(lease));
        floor.tell(Event::Kept(lease));
    }
    assert_eq!(floor.actions.len(), before);
    floor.store_answers = false;
    floor.done(one);
    for answer in [Event::Claimed(lease), Event::Gone(lease)] {
        floor.tell(answer);
    }
    assert_eq!(floor.acks(), [], "what is being kept is answered by nothing but Kept");
    floor.tell(Event::Kept(lease));
    assert_eq!(floor.acks().len(), 1);
}

#[test]
fn nobody_is_acked_who_is_gone() {
    let mut floor = Floor::of(line(|_| {}));
    let one = floor.add(1);
    floor.store_answers = false;
    floor.done(one);
    floor.dies(1, crashed());
    floor.store_answers_now();
    assert_eq!(floor.acks(), []);
}

#[test]
fn the_queue_says_how_much_room_it_has() {
    let mut floor = Floor::of(line(|it| it.queue = 3));
    floor.add(1);
    assert_eq!(floor.pool.room(), 3, "what is in hand does not wait");
    floor.add(2);
    floor.add_with(3, |it| it.not_before = at(60_000));
    assert_eq!(floor.pool.room(), 1);
    floor.add(4);
    floor.add(5);
    assert_eq!(floor.pool.room(), 0);
}
