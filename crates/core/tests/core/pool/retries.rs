//! Whether a task is tried again, when, where, and how often.

use super::floor::*;
use crate::world::{ms, s};
use hearken_core::backoff::{Backoff, DELAY_MAX};
use hearken_core::evidence::{StopCause, TypedError};
use hearken_core::glob::Glob;
use hearken_core::kind::Kind;
use hearken_core::pool::{Ceiling, DeadBy, Event, Report, RetryBudget, TaskDecidedBy, TaskNext};
use hearken_core::rule::{Match, Rule, RulePace};
use hearken_core::task::Share;
use hearken_core::verdict::TaskVerdict;
use std::time::Duration;

fn rule(code: &str, task: Option<TaskVerdict>, pace: Option<RulePace>) -> Rule {
    let matches = Match { code: vec![Glob::new(code).unwrap()], ..Match::default() };
    Rule { label: "rule".into(), matches, task, instance: None, unit: None, pace }
}

/// What one error makes of a fresh task.
fn fate(error: TypedError, rules: &[Rule]) -> Kept {
    let mut floor = Floor::of(line(|it| it.rules = rules.into()));
    let one = floor.add(1);
    floor.fails(one, error);
    floor.kept(one)
}

#[test]
fn each_kind_has_its_row_on_the_axis_of_the_task() {
    let dead = TaskNext::Dead(DeadBy::Verdict);
    let (attempt, snooze, none) = (counted(1, 0, 0), counted(0, 0, 1), counted(0, 0, 0));
    let table = [
        (Kind::Transient, again(s(1)), attempt),
        (Kind::Timeout, again(s(1)), attempt),
        (Kind::RateLimited, again(s(1)), snooze),
        (Kind::Unavailable, again(s(1)), attempt),
        (Kind::Conflict, again(s(1)), attempt),
        (Kind::Resource, elsewhere(s(1)), attempt),
        (Kind::Invalid, dead, none),
        (Kind::NotFound, dead, none),
        (Kind::Denied, dead, none),
        (Kind::Config, again(s(1)), snooze),
        (Kind::Bug, again(s(1)), attempt),
        (Kind::Cancelled, again(s(1)), attempt),
    ];
    assert_eq!(table.map(|(kind, ..)| kind), Kind::ALL[..12], "all that a worker may say");
    for (kind, next, counters) in table {
        let kept = fate(error(kind), &[]);
        assert_eq!((kept.next, without_leases(kept.counters)), (next, counters), "{kind}");
        assert_eq!(kept.decided_by, TaskDecidedBy::Error, "{kind}");
        assert_eq!(kept.error.map(|it| it.kind), Some(kind));
    }
}

#[test]
fn a_hint_goes_before_the_table() {
    let dead = fate(TypedError { retryable: Some(false), ..error(Kind::Transient) }, &[]);
    assert_eq!(dead.next, TaskNext::Dead(DeadBy::Verdict));
    assert_eq!(dead.decided_by, TaskDecidedBy::Hint);
    let retried = fate(TypedError { retryable: Some(true), ..error(Kind::Invalid) }, &[]);
    assert_eq!((retried.next, retried.decided_by), (again(s(1)), TaskDecidedBy::Hint));
    let same = fate(TypedError { retryable: Some(true), ..error(Kind::Resource) }, &[]);
    assert_eq!((same.next, same.decided_by), (elsewhere(s(1)), TaskDecidedBy::Error));
}

#[test]
fn a_rule_goes_before_a_hint() {
    use TaskVerdict::{DeadLetter, Discard, Retry, RetryElsewhere, Snooze, Succeed};
    let table = [
        (Retry, again(s(1)), counted(1, 0, 0)),
        (RetryElsewhere, elsewhere(s(1)), counted(1, 0, 0)),
        (Snooze, again(s(1)), counted(0, 0, 1)),
        (DeadLetter, TaskNext::Dead(DeadBy::Verdict), counted(0, 0, 0)),
        (Discard, TaskNext::Discarded, counted(0, 0, 0)),
        (Succeed, TaskNext::Succeeded, counted(0, 0, 0)),
    ];
    for (verdict, next, counters) in table {
        let rules = [rule("other.*", Some(Discard), None), rule("test.*", Some(verdict), None)];
        for retryable in [None, Some(false), Some(true)] {
            let kept = fate(TypedError { retryable, ..error(Kind::Bug) }, &rules);
            assert_eq!((kept.next, without_leases(kept.counters)), (next, counters), "{verdict}");
            assert_eq!(kept.decided_by, TaskDecidedBy::Rule(1));
        }
    }
}

#[test]
fn a_rule_that_names_no_task_leaves_it_to_the_others() {
    let rules = [rule("test.*", None, Some(RulePace::Delay(s(7))))];
    let kept = fate(error(Kind::Bug), &rules);
    assert_eq!((kept.next, kept.decided_by), (again(s(7)), TaskDecidedBy::Error));
}

#[test]
fn a_ceiling_goes_before_everything_that_would_go_on() {
    let rules = [rule("test.*", Some(TaskVerdict::Retry), None)];
    let mut floor = Floor::of(line(|it| {
        it.retry.attempts = Some(1);
        it.rules = rules.into();
    }));
    let one = floor.add(1);
    floor.fails(one, TypedError { retryable: Some(true), ..error(Kind::Bug) });
    let ceiling = Ceiling::Attempts;
    assert_eq!(floor.next(one), TaskNext::Dead(DeadBy::Ceiling(ceiling)));
    assert_eq!(floor.kept(one).decided_by, TaskDecidedBy::Ceiling(ceiling));
}

#[test]
fn attempts_end_a_task_whose_backoff_grows_until_then() {
    let mut floor = Floor::of(line(|it| it.retry.attempts = Some(4)));
    let one = floor.add(1);
    for _ in 0..3 {
        floor.fails(one, error(Kind::Transient));
        floor.pass(s(60));
    }
    floor.fails(one, error(Kind::Transient));
    let history = floor.history(one);
    let delays: Vec<_> = history
        .iter()
        .filter_map(|kept| match kept.next {
            TaskNext::Again { delay, .. } => Some(delay),
            _ => None,
        })
        .collect();
    assert_eq!(delays.len(), 3);
    assert_eq!(delays[0], s(1));
    assert!((s(1)..=s(2)).contains(&delays[1]) && (s(2)..=s(4)).contains(&delays[2]), "{delays:?}");
    assert_eq!(floor.next(one), TaskNext::Dead(DeadBy::Ceiling(Ceiling::Attempts)));
    assert_eq!(without_leases(floor.kept(one).counters), counted(4, 0, 0));
}

#[test]
fn the_three_counters_do_not_stand_for_one_another() {
    let mut floor = Floor::of(line(|it| it.retry.backoff = steady(s(1))));
    let one = floor.add(1);
    for _ in 0..2 {
        floor.fails(one, error(Kind::Bug));
        floor.pass(s(1));
        floor.snoozes(one, s(1));
        floor.pass(s(1));
    }
    floor.accept(one);
    floor.dies(1, crashed());
    assert_eq!(without_leases(floor.kept(one).counters), counted(2, 1, 2));
    assert_eq!(floor.next(one), elsewhere(s(1)), "none of them is used up");
    floor.pass(s(1));
    floor.fails(one, error(Kind::Bug));
    assert_eq!(floor.next(one), TaskNext::Dead(DeadBy::Ceiling(Ceiling::Attempts)));
}

#[test]
fn a_task_may_be_put_off_so_often_and_no_more() {
    let mut floor = Floor::of(line(|it| it.retry.snoozes = Some(2)));
    let one = floor.add(1);
    for _ in 0..2 {
        floor.snoozes(one, s(3));
        assert_eq!(floor.next(one), again(s(3)));
        floor.pass(s(3));
    }
    floor.snoozes(one, s(3));
    assert_eq!(floor.next(one), TaskNext::Dead(DeadBy::Ceiling(Ceiling::Snoozes)));

    let mut floor = Floor::of(line(|it| it.retry.snoozes = Some(1)));
    let one = floor.add(1);
    floor.fails(one, error(Kind::RateLimited));
    floor.pass(s(60));
    floor.fails(one, error(Kind::RateLimited));
    assert_eq!(floor.next(one), TaskNext::Dead(DeadBy::Ceiling(Ceiling::Snoozes)));
}

#[test]
fn what_a_worker_asks_for_is_brought_into_bounds() {
    let asks = |after: Duration| {
        let error = TypedError { retry_after: Some(after), ..error(Kind::Transient) };
        fate(error, &[]).next
    };
    assert_eq!(asks(s(30)), again(s(30)));
    assert_eq!(asks(Duration::ZERO), again(s(1)), "no sooner than the backoff begins");
    assert_eq!(asks(Duration::MAX), again(s(60)), "no later than it ends");
    let absurd = Duration::from_millis(u64::MAX);
    assert_eq!(asks(absurd), again(s(60)));

    let own = RulePace::Backoff(Backoff::new(s(2), s(5)).unwrap());
    let rules = [rule("test.*", None, Some(own))];
    let error = TypedError { retry_after: Some(absurd), ..error(Kind::Transient) };
    assert_eq!(fate(error, &rules).next, again(s(5)), "in the bounds of the rule");
}

#[test]
fn a_worker_puts_a_task_off_for_a_day_at_most() {
    let mut floor = Floor::of(line(|_| {}));
    let one = floor.add(1);
    floor.snoozes(one, Duration::MAX);
    assert_eq!(floor.next(one), again(DELAY_MAX));
}

#[test]
fn no_try_begins_too_long_after_the_first() {
    let mut floor = Floor::of(line(|it| {
        it.retry.max_elapsed = Some(s(10));
        it.retry.attempts = None;
        it.retry.backoff = steady(s(4));
    }));
    let one = floor.add(1);
    floor.pass(s(60));
    floor.accept(one);
    let soon = TypedError { retry_after: Some(s(4)), ..error(Kind::Transient) };
    for _ in 0..2 {
        floor.fails(one, soon.clone());
        assert_eq!(floor.next(one), again(s(4)));
        floor.pass(s(4));
        floor.accept(one);
    }
    floor.fails(one, soon);
    assert_eq!(floor.next(one), TaskNext::Dead(DeadBy::Ceiling(Ceiling::Elapsed)));

    let two = floor.add(2);
    floor.accept(two);
    floor.snoozes(two, s(11));
    assert_eq!(floor.next(two), TaskNext::Dead(DeadBy::Ceiling(Ceiling::Elapsed)));
}

#[test]
fn what_the_store_knows_of_earlier_tries_counts() {
    let mut floor = Floor::of(line(|_| {}));
    let one = floor.add_with(1, |it| it.counters = counted(2, 0, 0));
    floor.fails(one, error(Kind::Bug));
    assert_eq!(floor.next(one), TaskNext::Dead(DeadBy::Ceiling(Ceiling::Attempts)));
}

#[test]
fn a_try_elsewhere_goes_to_another_worker() {
    let mut floor = Floor::of(line(|it| (it.min, it.max) = (2, 2)));
    let one = floor.add(1);
    floor.fails(one, error(Kind::Resource));
    floor.pass(s(1));
    assert_eq!(floor.slots_of(one), [1, 2]);
}

#[test]
fn a_try_elsewhere_waits_for_a_busy_worker_while_others_are_served() {
    let mut floor = Floor::of(line(|it| (it.min, it.max) = (2, 2)));
    let (one, two) = (floor.add(1), floor.add(2));
    floor.fails(one, error(Kind::Resource));
    floor.pass(s(2));
    assert_eq!(floor.slots_of(one), [1], "slot 1 is free, and not for this one");
    let three = floor.add(3);
    assert_eq!(floor.slots_of(three), [1], "it stands in nobody's way");
    floor.done(two);
    assert_eq!(floor.slots_of(one), [1, 2]);
}

#[test]
fn a_try_elsewhere_goes_to_the_same_worker_where_it_is_the_only_one() {
    let mut floor = Floor::of(line(|_| {}));
    let one = floor.add(1);
    floor.fails(one, error(Kind::Resource));
    floor.pass(s(1));
    assert_eq!(floor.slots_of(one), [1, 1]);
}

#[test]
fn a_try_elsewhere_makes_the_pool_grow() {
    let mut floor = Floor::of(line(|it| it.max = 2));
    let one = floor.add(1);
    floor.fails(one, error(Kind::Resource));
    floor.pass(s(2));
    assert_eq!(floor.slots_of(one), [1, 2]);
}

#[test]
fn a_try_elsewhere_is_not_waited_for_without_end() {
    let mut floor = Floor::of(line(|it| it.max = 3));
    floor.tell(Event::Down { slot: 2, barred: true });
    floor.tell(Event::Down { slot: 3, barred: true });
    let one = floor.add(1);
    floor.fails(one, error(Kind::Resource));
    floor.pass(s(10));
    assert_eq!(floor.slots_of(one), [1]);
    floor.pass(s(1));
    assert_eq!(floor.slots_of(one), [1, 1], "the only worker there is");
}

#[test]
fn a_try_elsewhere_may_go_to_the_process_that_comes_in_its_place() {
    let mut floor = Floor::of(line(|it| (it.min, it.max) = (2, 2)));
    let (one, _) = (floor.add(1), floor.add(2));
    floor.accept(one);
    floor.dies(1, crashed());
    floor.pass(s(1));
    assert_eq!(floor.slots_of(one), [1, 1]);
}

#[test]
fn a_long_queue_of_tries_elsewhere_costs_no_time() {
    let mut floor = Floor::of(line(|it| {
        (it.min, it.max, it.retry.attempts) = (2, 2, None);
        it.retry.backoff = steady(s(1));
    }));
    floor.ends_for_good(2, stopped(StopCause::Operator), true);
    for number in 0..300 {
        floor.add(number);
    }
    // Whatever the only worker is given, it says that it cannot.
    for _ in 0..2_000 {
        let Some(last) = floor.sent().last().copied() else { break };
        if floor.history(task(last)).len() < floor.slots_of(task(last)).len() {
            floor.fails(task(last), error(Kind::Resource));
        } else {
            floor.pass(ms(500));
        }
    }
    assert!(floor.sent().len() > 600, "it is given one after another: {}", floor.sent().len());
}

fn budget(share: u64, floor: u32) -> Option<RetryBudget> {
    Some(RetryBudget { share: Share::percent(share).unwrap(), window: s(10), floor })
}

#[test]
fn retries_beyond_the_budget_wait_and_none_is_given_up() {
    let mut floor = Floor::with(
        line(|it| {
            it.retry.budget = budget(20, 1);
            it.retry.backoff = steady(s(1));
        }),
        1,
        Some(20),
    );
    let ids: Vec<_> = (0..10).map(|number| floor.add(number)).collect();
    for id in &ids {
        floor.fails(*id, error(Kind::Transient));
    }
    floor.pass(s(1));
    assert_eq!(floor.sent().len(), 12, "a fifth of ten");
    assert!(floor.reports().contains(&Report::RetryBudgetSpent));
    assert_eq!(floor.pool.counts().delayed, 8);
    floor.pass(s(60));
    let retried: Vec<_> = ids.iter().filter(|id| floor.slots_of(**id).len() == 2).collect();
    assert_eq!((retried.len(), floor.sent().len()), (8, 18), "then one in each window");
    floor.pass(s(60));
    assert_eq!(floor.sent().len(), 20, "none is forgotten");
    let told = floor.reports().iter().filter(|it| **it == Report::RetryBudgetSpent).count();
    assert!(told <= 10, "told when it is spent, not for each that waits: {told}");
}

#[test]
fn a_pool_that_has_nothing_but_retries_still_tries_them() {
    let mut floor = Floor::of(line(|it| it.retry.budget = budget(20, 0)));
    let one = floor.add_with(1, |it| it.counters = counted(1, 0, 0));
    assert_eq!(floor.sent(), [1]);
    let two = floor.add_with(2, |it| it.counters = counted(1, 0, 0));
    floor.done(one);
    assert_eq!(floor.slots_of(two), []);
    floor.pass(s(11));
    assert_eq!(floor.sent(), [1, 2]);
}

#[test]
fn a_retry_that_waits_for_another_worker_costs_nothing_of_the_budget() {
    let mut floor = Floor::of(line(|it| {
        (it.min, it.max) = (2, 2);
        it.retry.budget = budget(0, 1);
    }));
    let (one, _) = (floor.add(1), floor.add(2));
    floor.fails(one, error(Kind::Resource));
    floor.pass(s(1));
    for number in 3..20 {
        let id = floor.add(number);
        floor.done(id);
    }
    assert_eq!(floor.slots_of(one), [1]);
    floor.done(task(2));
    assert_eq!(floor.slots_of(one), [1, 2], "the one retry was not spent on waiting");
}
