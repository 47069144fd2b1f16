//! What the end of a worker comes to for the tasks it held.

use super::floor::*;
use crate::world::s;
use hearken_core::evidence::{Ending, Evidence, Intent, StopCause};
use hearken_core::kind::Kind;
use hearken_core::pool::{Ceiling, DeadBy, Event, TaskDecidedBy, TaskNext};

/// What an end comes to for a task the worker had begun with.
fn fate(evidence: Evidence) -> Kept {
    let mut floor = Floor::of(line(|_| {}));
    let one = floor.add(1);
    floor.accept(one);
    floor.pass(s(2));
    floor.dies(1, evidence);
    floor.kept(one)
}

#[test]
fn an_end_in_the_middle_of_a_task_is_a_crash() {
    let table = [
        (crashed(), Kind::Crashed, "signal.11"),
        (ended(Ending::Exited(1)), Kind::Crashed, "exit.1"),
        (ended(Ending::Exited(0)), Kind::Lost, "worker.left"),
        (stopped(StopCause::Violation), Kind::Protocol, "protocol_violation"),
        (stopped(StopCause::Watchdog), Kind::Lost, "watchdog"),
        (stopped(StopCause::LineLost), Kind::Lost, "line_lost"),
        (stopped(StopCause::Health), Kind::Lost, "health"),
        (stopped(StopCause::NotAccepted), Kind::Lost, "not_accepted"),
        (Evidence { error: Some(error(Kind::Oom)), ..crashed() }, Kind::Oom, "test.oom"),
    ];
    for (evidence, kind, code) in table {
        let kept = fate(evidence);
        assert_eq!(without_leases(kept.counters), counted(0, 1, 0), "{code}");
        assert_eq!(kept.next, elsewhere(s(1)), "{code}");
        let error = kept.error.expect("it says what happened");
        assert_eq!((error.kind, error.code.as_str()), (kind, code));
        assert_eq!(kept.took, s(2));
    }
}

#[test]
fn a_worker_that_says_why_it_ends_is_believed() {
    let why = |kind| Evidence { error: Some(error(kind)), ..ended(Ending::Exited(1)) };
    assert_eq!(fate(why(Kind::Invalid)).next, TaskNext::Dead(DeadBy::Verdict));
    let kept = fate(why(Kind::Unavailable));
    assert_eq!((kept.next, without_leases(kept.counters)), (again(s(1)), counted(1, 0, 0)));
    let kept = fate(ended(Ending::Exited(75)));
    assert_eq!((kept.next, without_leases(kept.counters)), (again(s(1)), counted(1, 0, 0)));
}

#[test]
fn a_stop_for_the_sake_of_others_touches_no_counter() {
    use StopCause::*;
    for cause in [
        Operator,
        Restart,
        Shutdown,
        Scale,
        Verdict,
        UnitFailed,
        GroupRestart,
        DependencyRestart,
        DependencyStop,
        TaskTimeout,
        TaskCancelled,
        Recycle,
    ] {
        let kept = fate(stopped(cause));
        assert_eq!(kept.next, TaskNext::Released, "{cause:?}");
        assert_eq!(without_leases(kept.counters), counted(0, 0, 0), "{cause:?}");
        assert_eq!(kept.decided_by, TaskDecidedBy::Supervisor, "{cause:?}");
    }
}

#[test]
fn what_was_released_is_dispatched_again_at_once() {
    let mut floor = Floor::of(line(|_| {}));
    let one = floor.add(1);
    floor.accept(one);
    floor.dies(1, stopped(StopCause::Restart));
    assert_eq!(floor.sent(), [1, 1]);
}

#[test]
fn a_poison_task_is_dead_after_so_many_workers() {
    let mut floor = Floor::of(line(|it| it.retry.crashes = Some(3)));
    let one = floor.add(1);
    for _ in 0..3 {
        floor.accept(one);
        floor.dies(1, crashed());
        floor.pass(s(60));
    }
    let history = floor.history(one);
    let ceiling = TaskNext::Dead(DeadBy::Ceiling(Ceiling::Crashes));
    assert_eq!(history.iter().map(|it| it.counters.crashes).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(history[2].next, ceiling);
    assert!(history.iter().all(|it| it.error.is_some()), "each crash is in its history");
    assert_eq!(floor.sent(), [1, 1, 1]);
}

#[test]
fn a_task_that_kills_its_worker_before_it_is_accepted_is_poison_too() {
    let mut floor = Floor::of(line(|_| {}));
    let one = floor.add(1);
    floor.dies(1, crashed());
    floor.pass(s(60));
    floor.dies(1, crashed());
    assert_eq!(floor.next(one), TaskNext::Dead(DeadBy::Ceiling(Ceiling::Crashes)));
}

#[test]
fn a_worker_that_dies_with_tasks_it_never_began_died_of_the_first() {
    let mut floor = Floor::with(line(|_| {}), 1, Some(3));
    let ids = [1, 2, 3].map(|number| floor.add(number));
    floor.ends(1, crashed());
    let nexts = ids.map(|id| floor.next(id));
    assert_eq!(nexts, [elsewhere(s(1)), TaskNext::Released, TaskNext::Released]);
}

#[test]
fn a_worker_that_dies_at_work_takes_only_what_it_works_on_along() {
    let mut floor = Floor::with(line(|_| {}), 1, Some(3));
    let ids = [1, 2, 3].map(|number| floor.add(number));
    floor.accept(ids[1]);
    floor.ends(1, crashed());
    let nexts = ids.map(|id| floor.next(id));
    assert_eq!(nexts, [TaskNext::Released, elsewhere(s(1)), TaskNext::Released]);
}

#[test]
fn a_worker_that_leaves_as_announced_has_not_died_of_what_it_never_began() {
    let mut floor = Floor::of(line(|_| {}));
    let one = floor.add(1);
    floor.dies(1, left(Intent::Done));
    assert_eq!(floor.next(one), TaskNext::Released);

    let mut floor = Floor::of(line(|_| {}));
    let one = floor.add(1);
    floor.tell(Event::Draining(floor.token(1)));
    floor.dies(1, ended(Ending::Exited(0)));
    assert_eq!(floor.next(one), TaskNext::Released);

    let mut floor = Floor::of(line(|_| {}));
    let one = floor.add(1);
    floor.dies(1, ended(Ending::Exited(0)));
    assert_eq!(without_leases(floor.kept(one).counters), counted(0, 1, 0), "it said nothing");
}

#[test]
fn a_task_claimed_for_a_worker_that_is_gone_goes_to_another() {
    let mut floor = Floor::of(line(|it| (it.min, it.max) = (2, 2)));
    floor.store_answers = false;
    let one = floor.add(1);
    let lease = floor.lease(one);
    floor.ends(1, crashed());
    assert_eq!(floor.history(one), [], "the store has not said yet whose it is");
    floor.tell(Event::Claimed(lease));
    assert_eq!(floor.next(one), TaskNext::Released);
    floor.tell(Event::Kept(lease));
    assert_eq!(floor.slots_of(one), [1, 2]);
    assert_eq!(floor.lease(one).number, 2, "under a new lease");
}

#[test]
fn what_a_process_held_that_will_not_die_goes_to_others() {
    let mut floor = Floor::of(line(|it| (it.min, it.max) = (2, 2)));
    let one = floor.add(1);
    floor.accept(one);
    floor.tell(Event::Stopping(1));
    // It was left behind.
    floor.tell(Event::Down { slot: 1, barred: true });
    assert_eq!(floor.next(one), TaskNext::Released);
    assert_eq!(floor.slots_of(one), [1, 2]);
    floor.done(one);
    floor.ends_for_good(1, crashed(), true);
    assert_eq!(floor.history(one).len(), 2, "its late end says nothing any more");
}
