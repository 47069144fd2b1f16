//! One process a task.

use super::floor::*;
use crate::world::{ms, s};
use hearken_core::evidence::{Ending, Evidence, StopCause};
use hearken_core::kind::Kind;
use hearken_core::pool::{Action, Ceiling, DeadBy, Event, Handle, TaskDecidedBy, TaskNext};

/// A pool of one process at a time whose only task runs.
fn running() -> Floor {
    let mut floor = Floor::of(exec(|_| {}));
    floor.add(1);
    assert!(floor.runs(1));
    floor
}

/// What an end makes of the task.
fn fate(evidence: Evidence) -> Kept {
    let mut floor = running();
    floor.ends_for_good(1, evidence, false);
    floor.kept(task(1))
}

#[test]
fn a_process_is_started_for_each_task_and_the_next_when_it_has_ended() {
    let mut floor = Floor::of(exec(|it| it.max = 2));
    for number in 1..=3 {
        floor.add(number);
    }
    assert_eq!(floor.starts(), [(at(0), 1), (at(0), 2)]);
    assert_eq!(floor.sent(), [], "nothing is said on a line");
    floor.ends(1, ended(Ending::Exited(0)));
    assert_eq!(floor.starts().len(), 2, "its slot is not free yet");
    floor.tell(Event::Down { slot: 1, barred: false });
    assert_eq!(floor.starts().len(), 3);
    assert_eq!(floor.slots_of(task(3)), [1]);
    assert_eq!(floor.next(task(1)), TaskNext::Succeeded);
}

#[test]
fn a_process_is_claimed_for_before_it_is_started() {
    let mut floor = Floor::of(exec(|_| {}));
    floor.store_answers = false;
    let one = floor.add(1);
    assert_eq!((floor.slots_of(one), floor.starts()), (vec![1], vec![]));
    floor.store_answers_now();
    assert_eq!(floor.starts().len(), 1);
}

#[test]
fn no_more_processes_run_than_may_even_if_there_are_slots() {
    let mut floor = Floor::with(exec(|it| it.max = 2), 3, None);
    for number in 1..=5 {
        floor.add(number);
    }
    assert_eq!(floor.starts().len(), 2);
}

#[test]
fn exit_codes_speak_sysexits() {
    let dead = TaskNext::Dead(DeadBy::Verdict);
    let table = [
        (65, Kind::Invalid, dead, counted(0, 0, 0)),
        (66, Kind::NotFound, dead, counted(0, 0, 0)),
        (69, Kind::Unavailable, again(s(1)), counted(1, 0, 0)),
        (70, Kind::Bug, again(s(1)), counted(1, 0, 0)),
        (71, Kind::Resource, elsewhere(s(1)), counted(1, 0, 0)),
        (75, Kind::Transient, again(s(1)), counted(1, 0, 0)),
        (77, Kind::Denied, dead, counted(0, 0, 0)),
        (78, Kind::Config, again(s(1)), counted(0, 0, 1)),
    ];
    for (code, kind, next, counters) in table {
        let kept = fate(ended(Ending::Exited(code)));
        assert_eq!((kept.next, without_leases(kept.counters)), (next, counters), "exit {code}");
        let error = kept.error.unwrap();
        assert_eq!((error.kind, error.code), (kind, format!("exit.{code}")));
    }
}

#[test]
fn an_exit_that_explains_nothing_is_an_attempt_and_a_signal_is_a_crash() {
    for code in [1, 2, 127, 255] {
        let kept = fate(ended(Ending::Exited(code)));
        assert_eq!((kept.next, without_leases(kept.counters)), (again(s(1)), counted(1, 0, 0)));
        assert_eq!(kept.error.unwrap().code, format!("exit.{code}"));
    }
    let kept = fate(crashed());
    assert_eq!((kept.next, without_leases(kept.counters)), (elsewhere(s(1)), counted(0, 1, 0)));
}

#[test]
fn the_exit_has_the_last_word() {
    let mut floor = running();
    let token = floor.token(1);
    floor.tell(Event::Done(token, Handle::ONLY));
    floor.tell(Event::Snoozed(token, Handle::ONLY, s(9)));
    assert_eq!(floor.history(task(1)), []);
    assert_eq!(floor.pool.counts().running, 1);
    floor.ends_for_good(1, crashed(), false);
    assert_eq!(without_leases(floor.kept(task(1)).counters), counted(0, 1, 0));
}

#[test]
fn a_task_whose_program_cannot_have_it_or_made_no_result_of_it_has_failed() {
    // What came out is no result, although it exits well.
    let mut floor = running();
    floor.tell(Event::Failed(floor.token(1), Handle::ONLY, error(Kind::Bug), None));
    floor.ends_for_good(1, ended(Ending::Exited(0)), false);
    assert_eq!(floor.history(task(1)).len(), 1);
    assert_eq!((floor.next(task(1)), floor.acks()), (again(s(1)), vec![]));

    // The payload does not fit the arguments: nothing is wrong with the slot.
    let mut floor = Floor::of(exec(|_| {}));
    (floor.starts, floor.obeys) = (false, false);
    let (one, two) = (floor.add(1), floor.add(2));
    let token = floor.started(1);
    floor.tell(Event::Failed(token, Handle::ONLY, error(Kind::Invalid), None));
    floor.ends_for_good(1, not_started(false), false);
    assert!(matches!(floor.next(one), TaskNext::Dead(_)));
    assert_eq!(floor.slots_of(two), [1], "and the next goes at once");
}

#[test]
fn a_program_that_puts_its_task_off_and_exits_well_has_put_it_off() {
    let mut floor = running();
    floor.tell(Event::Snoozed(floor.token(1), Handle::ONLY, s(9)));
    floor.ends_for_good(1, ended(Ending::Exited(0)), false);
    let kept = floor.kept(task(1));
    assert_eq!((kept.next, without_leases(kept.counters)), (again(s(9)), counted(0, 0, 1)));
}

#[test]
fn what_a_program_said_before_it_failed_explains_its_exit() {
    let why = Evidence { error: Some(error(Kind::Invalid)), ..ended(Ending::Exited(1)) };
    let kept = fate(why);
    assert_eq!(kept.next, TaskNext::Dead(DeadBy::Verdict));
    assert_eq!(kept.error.unwrap().code, "test.invalid");
}

#[test]
fn a_program_that_kills_itself_again_and_again_is_poison() {
    let mut floor = Floor::of(exec(|_| {}));
    let one = floor.add(1);
    for _ in 0..2 {
        floor.ends_for_good(1, crashed(), false);
        floor.pass(s(60));
    }
    assert_eq!(floor.next(one), TaskNext::Dead(DeadBy::Ceiling(Ceiling::Crashes)));
}

#[test]
fn a_program_that_cannot_be_started_for_now_is_tried_again_after_a_rest() {
    let mut floor = Floor::of(exec(|_| {}));
    floor.starts = false;
    let one = floor.add(1);
    let mut tried = 0;
    for _ in 0..1_800 {
        while tried < floor.starts().len() {
            tried += 1;
            floor.started(1);
            floor.ends_for_good(1, not_started(false), false);
        }
        floor.pass(s(1));
    }
    let kept = floor.kept(one);
    assert_eq!((kept.next, without_leases(kept.counters)), (TaskNext::Released, counted(0, 0, 0)));
    assert_eq!(kept.error.unwrap().kind, Kind::StartFailed);
    let starts = floor.starts();
    assert!((30..50).contains(&starts.len()), "{} in half an hour", starts.len());
    assert!(starts.windows(2).all(|pair| pair[1].0.since(pair[0].0) >= s(1)), "a rest between");
}

#[test]
fn a_program_that_can_never_be_started_leaves_its_tasks_waiting() {
    let mut floor = Floor::of(exec(|it| it.max = 2));
    floor.starts = false;
    let one = floor.add(1);
    for slot in [1, 2] {
        floor.started(slot);
        floor.ends_for_good(slot, not_started(true), true);
    }
    floor.pass(s(600));
    assert_eq!(floor.next(one), TaskNext::Released);
    assert_eq!((floor.starts().len(), floor.pool.counts().ready), (2, 1));
    assert_eq!(without_leases(floor.kept(one).counters), counted(0, 0, 0));
}

#[test]
fn a_slot_whose_unit_does_not_run_gives_its_task_back() {
    let mut floor = Floor::of(exec(|_| {}));
    floor.starts = false;
    let one = floor.add(1);
    floor.tell(Event::Down { slot: 1, barred: true });
    assert_eq!((floor.next(one), floor.pool.counts().ready), (TaskNext::Released, 1));
}

#[test]
fn a_task_whose_start_was_forgotten_with_its_unit_is_given_back() {
    let mut floor = Floor::of(exec(|_| {}));
    floor.starts = false;
    let one = floor.add(1);
    floor.tell(Event::Shut);
    floor.tell(Event::Opened);
    assert_eq!(floor.next(one), TaskNext::Released);
    floor.pass(s(1));
    assert_eq!(floor.slots_of(one), [1, 1]);
}

#[test]
fn a_start_that_takes_long_makes_nobody_late() {
    let mut floor = Floor::of(exec(|it| it.clocks.accept = s(1)));
    floor.starts = false;
    floor.add(1);
    floor.pass(s(600));
    assert_eq!(floor.stops(), []);
}

#[test]
fn a_slow_program_is_asked_to_stop_and_then_killed() {
    let mut floor = Floor::of(exec(|it| it.clocks.hard = Some(s(30))));
    floor.obeys = false;
    let one = floor.add(1);
    floor.pass(s(100));
    let stops = [
        (at(27_000), 1, StopCause::TaskTimeout, false),
        (at(30_000), 1, StopCause::TaskTimeout, true),
    ];
    assert_eq!((floor.stops(), floor.cancels()), (stops.to_vec(), vec![]));
    floor.ends_for_good(1, stopped(StopCause::TaskTimeout), false);
    let kept = floor.kept(one);
    assert_eq!((kept.next, without_leases(kept.counters)), (again(s(1)), counted(1, 0, 0)));
    assert_eq!((kept.error.unwrap().kind, kept.took), (Kind::Timeout, s(100)));
}

#[test]
fn a_program_whose_task_is_not_wanted_is_asked_to_stop() {
    let mut floor = running();
    floor.tell(Event::Cancel(task(1)));
    assert_eq!(floor.stops(), [(at(0), 1, StopCause::TaskCancelled, false)]);
    let kept = floor.kept(task(1));
    assert_eq!((kept.next, kept.decided_by), (TaskNext::Cancelled, TaskDecidedBy::Operator));
}

#[test]
fn a_program_that_was_done_before_it_could_be_stopped_is_done() {
    let mut floor = running();
    floor.obeys = false;
    floor.tell(Event::Cancel(task(1)));
    floor.ends_for_good(1, ended(Ending::Exited(0)), false);
    assert_eq!(floor.next(task(1)), TaskNext::Succeeded);
}

#[test]
fn a_program_that_exits_well_when_it_is_stopped_has_done_nothing() {
    let mut floor = running();
    floor.obeys = false;
    floor.tell(Event::Cancel(task(1)));
    let exit = Evidence { end: ended(Ending::Exited(0)).end, ..stopped(StopCause::TaskCancelled) };
    floor.ends_for_good(1, exit, false);
    assert_eq!(floor.next(task(1)), TaskNext::Cancelled);
}

#[test]
fn a_task_that_is_taken_back_before_its_program_runs_is_not_tried_again() {
    for evidence in [not_started(false), stopped(StopCause::TaskCancelled)] {
        let mut floor = Floor::of(exec(|_| {}));
        (floor.starts, floor.obeys) = (false, false);
        let one = floor.add(1);
        floor.tell(Event::Spawning { slot: 1, token: hearken_core::identity::Token(50) });
        floor.tell(Event::Cancel(one));
        floor.ends_for_good(1, evidence, false);
        assert_eq!(floor.next(one), TaskNext::Cancelled);
    }
    let mut floor = Floor::of(exec(|_| {}));
    floor.starts = false;
    let one = floor.add(1);
    floor.tell(Event::Cancel(one));
    floor.tell(Event::Down { slot: 1, barred: false });
    assert_eq!(floor.next(one), TaskNext::Cancelled, "nor if it was not even asked for");
}

#[test]
fn a_program_stopped_for_others_gives_its_task_back_uncounted() {
    let kept = fate(stopped(StopCause::Shutdown));
    assert_eq!((kept.next, without_leases(kept.counters)), (TaskNext::Released, counted(0, 0, 0)));
}

#[test]
fn how_long_a_program_took_is_counted_from_its_start() {
    let mut floor = Floor::of(exec(|_| {}));
    floor.starts = false;
    let one = floor.add(1);
    floor.pass(s(3));
    floor.starts = true;
    floor.started(1);
    floor.pass(ms(250));
    floor.ends_for_good(1, ended(Ending::Exited(0)), false);
    assert_eq!(floor.kept(one).took, ms(250));
    let acked = floor.all(|action| matches!(action, Action::Ack { .. }).then_some(()));
    assert_eq!(acked, [], "there is nobody to tell");
}
