//! Stopping, restarting, and commands that cross each other.

use crate::world::*;
use hearken_core::action::{Action, Outcome, Report};
use hearken_core::evidence::{Ending, Said, StopCause};
use hearken_core::instance::{Rest, Standing};
use hearken_core::judge::{DecidedBy, Next, Pace};
use hearken_core::policy::{Ready, RestartWhen, Role};
use hearken_core::supervision::Event;

const STOP: Event = Event::Stop(WEB.unit);
const START: Event = Event::Start(WEB.unit);
const RESTART: Event = Event::Restart(WEB.unit);

/// A name, and how a unit is brought there.
type State = (&'static str, fn() -> World);

const STATES: [State; 8] = [
    ("new", || World::of([web()])),
    ("spawning", || {
        let mut world = World::of([web()]);
        world.forks = Forks::Never;
        world.boot();
        world.forks = Forks::AtOnce;
        world
    }),
    ("starting", || {
        let mut world = World::of([web()]);
        world.boot();
        world
    }),
    ("ready", ready),
    ("stopping", || {
        let mut world = ready();
        world.process(WEB).manners = Manners::IgnoresTerm;
        world.tell(RESTART);
        world
    }),
    ("judging", || {
        let mut world = ready();
        world.process(WEB).held_open = true;
        world.crashes(WEB);
        world
    }),
    ("backoff", || {
        let mut world = ready();
        world.crashes(WEB);
        world
    }),
    ("abandoned", || {
        let mut world = ready();
        world.process(WEB).manners = Manners::Unkillable;
        world.tell(RESTART);
        world.pass(s(15));
        world
    }),
];

fn web() -> hearken_core::policy::UnitPolicy {
    service("web", |it| it.ready = Ready::Said)
}

fn ready() -> World {
    let mut world = World::of([web()]);
    world.boot();
    world.say(WEB, Said::Hello);
    world.say(WEB, Said::Ready);
    world
}

/// Answers everything that is still open, and lets a minute pass.
fn come_to_rest(world: &mut World) {
    let open = |world: &World, wanted: fn(&Process) -> bool| -> Vec<_> {
        world.processes.iter().filter(|(_, it)| wanted(it)).map(|(token, _)| *token).collect()
    };
    for token in open(world, |it| it.pending) {
        world.fork(token, None);
    }
    for token in open(world, |it| it.manners == Manners::Unkillable) {
        world.thaw(token);
    }
    world.deliver();
    world.pass(s(25));
}

#[test]
fn a_stop_holds_in_every_state() {
    for (state, world) in STATES {
        let mut world = world();
        world.tell(STOP);
        come_to_rest(&mut world);
        let rest = if state == "new" { Rest::New } else { Rest::Stopped };
        assert_eq!(world.standing(WEB), Standing::Down(rest), "{state}");
        world.pass(s(24 * 3600));
        assert_eq!(world.alive(), 0, "{state}");
    }
}

#[test]
fn a_restart_in_every_state_ends_with_one_process() {
    for (state, world) in STATES {
        let mut world = world();
        let had = (world.incarnation(WEB), world.standing(WEB));
        world.tell(RESTART);
        come_to_rest(&mut world);
        assert_eq!(world.alive(), 1, "{state}");
        // What is being started is a fresh process already.
        let fresh = if state == "spawning" { 0 } else { 1 };
        assert_eq!(world.incarnation(WEB), had.0 + fresh, "{state}");
    }
}

#[test]
fn the_last_command_wins_in_every_state() {
    let commands = [STOP, START, RESTART];
    for (state, world) in STATES {
        for first in &commands {
            for second in &commands {
                for last in &commands {
                    let mut world = world();
                    for command in [first, second, last] {
                        world.tell(command.clone());
                    }
                    come_to_rest(&mut world);
                    let wanted = usize::from(*last != STOP);
                    assert_eq!(world.alive(), wanted, "{state}: {first:?}, {second:?}, {last:?}");
                }
            }
        }
    }
}

#[test]
fn a_stop_in_backoff_cancels_the_timer() {
    let mut world = ready();
    world.crashes(WEB);
    assert_eq!(world.standing(WEB), Standing::Backoff);
    world.tell(STOP);
    assert_eq!(world.core.poll_timeout(), None);
    assert_eq!(world.standing(WEB), Standing::Down(Rest::Stopped));
}

#[test]
fn a_stop_while_spawning_waits_for_something_to_stop() {
    let mut world = World::of([web()]);
    world.forks = Forks::Never;
    world.boot();
    world.tell(STOP);
    assert_eq!(world.signals(WEB), []);
    world.forked(WEB);
    assert_eq!(world.signals(WEB), [TERM, CONT]);
    assert_eq!(world.decided(WEB), (Next::Stopped, DecidedBy::Operator));
}

#[test]
fn a_stop_while_spawning_holds_when_the_spawn_fails() {
    let mut world = World::of([web()]);
    world.forks = Forks::Never;
    world.boot();
    world.tell(STOP);
    world.fork_fails(WEB, EAGAIN);
    assert_eq!(world.standing(WEB), Standing::Down(Rest::Stopped));
}

#[test]
fn a_stop_while_spawning_holds_when_the_fork_server_takes_too_long() {
    let mut world = World::of([web()]);
    world.forks = Forks::Never;
    world.boot();
    world.tell(STOP);
    world.pass(s(30));
    world.forked(WEB);
    assert_eq!(world.decided(WEB), (Next::Stopped, DecidedBy::Operator));
}

#[test]
fn a_fork_server_that_never_answers_does_not_hold_up_the_shutdown() {
    let mut world = World::of([service("web", |it| it.start_timeout = None)]);
    world.forks = Forks::Never;
    world.boot();
    world.tell(Event::Shutdown);
    world.pass(s(15) - ms(1));
    assert_eq!((world.kills(), world.left), (1, None));
    world.pass(ms(1));
    assert_eq!(world.left, Some(Outcome::Abandoned));
}

#[test]
fn a_start_after_a_stop_while_spawning_has_all_its_time() {
    let mut world = World::of([service("web", |it| it.start_timeout = None)]);
    world.forks = Forks::Never;
    world.boot();
    world.tell(STOP);
    world.tell(START);
    world.pass(s(3600));
    world.forked(WEB);
    assert_eq!(world.standing(WEB), Standing::Ready);
}

#[test]
fn a_stop_while_judging_holds() {
    let mut world = ready();
    let token = world.token(WEB);
    world.process(WEB).held_open = true;
    world.crashes(WEB);
    world.tell(STOP);
    world.tell(Event::Drained(token));
    assert_eq!(world.decided(WEB), (Next::Stopped, DecidedBy::Operator));
}

#[test]
fn one_that_ignores_term_is_killed_exactly_once() {
    let mut world = ready();
    world.process(WEB).manners = Manners::IgnoresTerm;
    world.tell(STOP);
    world.pass(s(10) - ms(1));
    assert_eq!(world.kills(), 0);
    world.pass(s(3600));
    assert_eq!((world.signals(WEB), world.kills()), (vec![TERM, CONT], 1));
    assert_eq!(world.standing(WEB), Standing::Down(Rest::Stopped));
}

#[test]
fn a_halted_child_is_woken_to_hear_that_it_shall_stop() {
    let mut world = ready();
    world.process(WEB).halted = true;
    world.tell(STOP);
    assert_eq!(world.kills(), 0);
    assert_eq!(
        world.last_end(WEB).0.end,
        hearken_core::evidence::End::Process(Ending::Killed { signal: TERM, core_dumped: false })
    );
}

#[test]
fn a_child_that_speaks_is_told_before_it_is_signalled() {
    let mut world = ready();
    let token = world.token(WEB);
    world.actions.clear();
    world.tell(STOP);
    let first: Vec<_> =
        world.actions.iter().filter(|it| !matches!(it, Action::Report(_))).take(3).collect();
    assert!(matches!(first[0], Action::Drain { cause: StopCause::Operator, .. }));
    assert_eq!(*first[1], Action::Signal { token, signal: TERM });
    assert_eq!(*first[2], Action::Signal { token, signal: CONT });
}

#[test]
fn what_cannot_be_killed_is_left_behind_and_the_shutdown_ends() {
    let mut world = ready();
    world.process(WEB).manners = Manners::Unkillable;
    world.tell(Event::Shutdown);
    world.pass(s(15) - ms(1));
    assert_eq!(world.left, None);
    world.pass(ms(1));
    assert_eq!(world.left, Some(Outcome::Abandoned));
    assert!(world.saw(|it| matches!(it, Report::Abandoned { id: WEB, pid: Some(_) })));
}

#[test]
fn the_late_end_of_what_was_left_behind_is_taken_in() {
    let mut world = ready();
    world.process(WEB).manners = Manners::Unkillable;
    let token = world.token(WEB);
    world.tell(STOP);
    world.pass(s(60));
    assert_eq!(world.standing(WEB), Standing::Abandoned);
    world.thaw(token);
    world.deliver();
    assert!(world.saw(|it| matches!(it, Report::EndedLate { id: WEB, .. })));
    assert_eq!(world.standing(WEB), Standing::Down(Rest::Stopped));
    assert!(world.actions.contains(&Action::Release { token }));
}

#[test]
fn a_late_end_is_judged_by_why_it_was_stopped() {
    // Not ready in time, would not die, died at last: a failure like any other.
    for (when, rest) in [
        (RestartWhen::Never, Standing::Down(Rest::Failed)),
        (RestartWhen::OnFailure, Standing::Backoff),
    ] {
        let mut world = World::of([service("job", |it| {
            it.ready = Ready::Said;
            it.restart.when = when;
        })]);
        world.manners = Manners::Unkillable;
        world.boot();
        let token = world.token(WEB);
        world.pass(s(60));
        assert_eq!(world.standing(WEB), Standing::Abandoned);
        world.thaw(token);
        world.deliver();
        assert_eq!(world.last_end(WEB).0.stopped_by, Some(StopCause::StartTimeout));
        assert_eq!(world.standing(WEB), rest);
    }
}

#[test]
fn shutdown_now_asks_nobody_twice_and_kills_everybody_once() {
    for (state, world) in STATES {
        let mut world = world();
        world.tell(Event::Shutdown);
        world.tell(Event::ShutdownNow);
        world.tell(Event::ShutdownNow);
        come_to_rest(&mut world);
        let outcome = if state == "abandoned" { Outcome::Abandoned } else { Outcome::Clean };
        assert_eq!(world.left, Some(outcome), "{state}");
        assert_eq!(world.alive(), 0, "{state}");
    }
}

#[test]
fn an_operator_stops_what_is_being_stopped_for_a_fault() {
    let mut world = World::of([service("web", |it| it.ready = Ready::Said)]);
    world.manners = Manners::IgnoresTerm;
    world.boot();
    world.pass(s(30));
    assert_eq!(world.standing(WEB), Standing::Stopping);
    world.tell(STOP);
    world.pass(s(3600));
    assert_eq!(world.decided(WEB), (Next::Stopped, DecidedBy::Operator));
}

#[test]
fn a_start_of_what_is_being_stopped_for_a_fault_starts_it_again_uncounted() {
    let mut world = World::of([service("job", |it| {
        it.ready = Ready::Said;
        it.restart.when = RestartWhen::Never;
    })]);
    world.manners = Manners::IgnoresTerm;
    world.boot();
    world.pass(s(30));
    world.tell(START);
    world.pass(s(10));
    assert_eq!(world.standing(WEB), Standing::Starting { running: true });
}

/// A pool of one worker, that runs.
fn pool(when: RestartWhen) -> World {
    let mut world = World::of([service("pool", |it| {
        it.role = Role::Pool { ahead: 1 };
        it.restart.when = when;
    })]);
    world.boot();
    world
}

fn dismiss(cause: StopCause, kill: bool) -> Event {
    Event::Dismiss { id: WEB, cause, kill }
}

#[test]
fn a_pool_asks_its_worker_to_go_or_has_it_killed() {
    let mut world = pool(RestartWhen::Always);
    world.tell(dismiss(StopCause::Recycle, false));
    assert_eq!((world.signals(WEB), world.kills()), (vec![TERM, CONT], 0));
    assert_eq!(world.decided(WEB), (Next::Finished, DecidedBy::Supervisor));

    let mut world = pool(RestartWhen::Always);
    world.manners = Manners::IgnoresTerm;
    world.tell(dismiss(StopCause::TaskTimeout, true));
    assert_eq!((world.signals(WEB), world.kills()), (vec![], 1));
}

#[test]
fn a_pool_loses_its_patience_with_a_worker_it_has_asked() {
    let mut world = World::of([service("pool", |it| it.role = Role::Pool { ahead: 1 })]);
    world.manners = Manners::IgnoresTerm;
    world.boot();
    world.tell(dismiss(StopCause::TaskCancelled, false));
    world.pass(s(3));
    assert_eq!(world.kills(), 0);
    world.tell(dismiss(StopCause::TaskCancelled, true));
    assert_eq!(world.kills(), 1);
}

#[test]
fn what_follows_when_a_pool_dismisses_a_worker_says_the_cause() {
    let at_once = Next::Restart { pace: Pace::AtOnce, counted: false };
    use RestartWhen::{Always, OnTask};
    let table = [
        (StopCause::Scale, Always, Next::Stopped, DecidedBy::Operator),
        (StopCause::Recycle, Always, Next::Finished, DecidedBy::Supervisor),
        (StopCause::TaskTimeout, Always, at_once, DecidedBy::Task),
        (StopCause::TaskCancelled, Always, at_once, DecidedBy::Task),
        (StopCause::NotAccepted, Always, again(true), DecidedBy::Supervisor),
        (StopCause::TaskTimeout, OnTask, Next::Finished, DecidedBy::Task),
        (StopCause::TaskCancelled, OnTask, Next::Finished, DecidedBy::Task),
    ];
    for (cause, when, next, decided_by) in table {
        let mut world = pool(when);
        world.tell(dismiss(cause, true));
        assert_eq!(world.decided(WEB), (next, decided_by), "{cause:?} {when:?}");
    }
}

#[test]
fn a_dismissed_worker_that_was_on_its_way_does_not_come() {
    let mut world = pool(RestartWhen::Always);
    world.crashes(WEB);
    assert_eq!(world.standing(WEB), Standing::Backoff);
    world.tell(dismiss(StopCause::Recycle, false));
    world.pass(s(600));
    assert_eq!(world.standing(WEB), Standing::Down(Rest::Finished));

    let mut world = World::of([service("pool", |it| it.role = Role::Pool { ahead: 1 })]);
    world.forks = Forks::Never;
    world.boot();
    world.tell(dismiss(StopCause::Recycle, false));
    assert_eq!(world.kills(), 1, "as soon as it is known");
    world.forked(WEB);
    world.pass(s(600));
    assert_eq!((world.alive(), world.standing(WEB)), (0, Standing::Down(Rest::Finished)));

    world.tell(dismiss(StopCause::Recycle, true));
    assert_eq!(world.standing(WEB), Standing::Down(Rest::Finished), "nobody is there");
}
