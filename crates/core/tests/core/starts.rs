//! From the wish to ready.

use crate::world::*;
use hearken_core::action::{Action, Outcome, Report};
use hearken_core::evidence::{Said, StopCause};
use hearken_core::instance::{Rest, Standing};
use hearken_core::judge::{DecidedBy, Next};
use hearken_core::kind::Kind;
use hearken_core::policy::{Ready, RestartWhen, Role};
use hearken_core::rule::{Match, Rule, RulePace};
use hearken_core::supervision::Event;
use hearken_core::verdict::UnitVerdict;
use std::time::Duration;

fn says_ready() -> World {
    let mut world = World::of([service("web", |it| it.ready = Ready::Said)]);
    world.boot();
    world
}

#[test]
fn the_happy_path() {
    let mut world = says_ready();
    assert_eq!(world.standing(WEB), Standing::Starting { running: true });
    world.pass(s(2));
    world.say(WEB, Said::Hello);
    world.say(WEB, Said::Ready);
    assert_eq!(world.standing(WEB), Standing::Ready);
    world.tell(Event::Shutdown);
    assert!(world.saw(|it| *it == Report::Ready { id: WEB, after: s(2) }));
    assert_eq!(world.left, Some(hearken_core::action::Outcome::Clean));
}

#[test]
fn ready_may_be_heard_before_the_fork_server_names_the_pid() {
    let mut world = World::of([service("web", |it| it.ready = Ready::Said)]);
    world.forks = Forks::Never;
    world.boot();
    world.say(WEB, Said::Hello);
    world.say(WEB, Said::Ready);
    assert_eq!(world.standing(WEB), Standing::Starting { running: false });
    world.forked(WEB);
    assert_eq!(world.standing(WEB), Standing::Ready);
}

#[test]
fn one_that_is_not_ready_in_time_is_stopped_killed_and_counted() {
    let mut world = World::of([service("web", |it| it.ready = Ready::Said)]);
    world.manners = Manners::IgnoresTerm;
    world.boot();
    world.pass(s(30));
    assert_eq!(world.signals(WEB), [TERM, CONT]);
    assert_eq!((world.standing(WEB), world.kills()), (Standing::Stopping, 0));
    world.pass(s(10));
    assert_eq!(world.kills(), 1);
    let (evidence, judgement, wait) = world.last_end(WEB);
    assert_eq!(evidence.stopped_by, Some(StopCause::StartTimeout));
    assert_eq!(evidence.kind(), Some(Kind::Timeout));
    assert_eq!(judgement.next, again(true));
    assert_eq!((judgement.decided_by, wait), (DecidedBy::Supervisor, Some(ms(200))));
    assert!(
        world
            .saw(|it| *it
                == Report::Killing { id: WEB, cause: StopCause::StartTimeout, after: s(10) })
    );
}

#[test]
fn never_ready_uses_up_the_budget() {
    let mut world = World::of([service("web", |it| {
        it.ready = Ready::Said;
        it.start_timeout = Some(s(1));
    })]);
    world.boot();
    world.pass(s(3600));
    assert_eq!(world.decided(WEB), (Next::Failed, DecidedBy::Budget));
    assert_eq!(world.spawns.len(), 6);
}

#[test]
fn without_a_start_timeout_it_may_take_for_ever() {
    let mut world = World::of([service("web", |it| {
        it.ready = Ready::Said;
        it.start_timeout = None;
    })]);
    world.boot();
    world.pass(s(1_000_000));
    assert_eq!(world.standing(WEB), Standing::Starting { running: true });
}

#[test]
fn no_time_at_all_to_start_or_to_stop_is_still_no_busy_loop() {
    let mut world = World::of([service("web", |it| {
        it.ready = Ready::Said;
        it.start_timeout = Some(Duration::ZERO);
        it.stop.grace = Duration::ZERO;
    })]);
    world.manners = Manners::IgnoresTerm;
    world.boot();
    world.pass(s(3600));
    assert_eq!(world.decided(WEB), (Next::Failed, DecidedBy::Budget));
}

#[test]
fn a_fork_server_that_hangs_is_a_start_timeout() {
    let mut world = World::of([service("web", |_| {})]);
    world.forks = Forks::Never;
    world.boot();
    world.pass(s(30));
    assert!(
        matches!(world.actions.last(), Some(Action::KillTree { .. })),
        "as soon as it is known"
    );
    world.forks = Forks::AtOnce;
    world.forked(WEB);
    assert_eq!(world.last_end(WEB).0.stopped_by, Some(StopCause::StartTimeout));
    world.pass(ms(200));
    assert_eq!(world.standing(WEB), Standing::Ready);
}

#[test]
fn a_spawn_that_is_given_up_and_fails_at_last_frees_its_slot() {
    let mut world = World::of([service("web", |_| {})]);
    world.forks = Forks::Never;
    world.boot();
    world.pass(s(60));
    assert_eq!(world.standing(WEB), Standing::Abandoned);
    world.forks = Forks::AtOnce;
    world.fork_fails(WEB, EAGAIN);
    world.pass(ms(200));
    assert_eq!(world.standing(WEB), Standing::Ready);
}

#[test]
fn a_spawn_that_is_given_up_and_works_at_last_is_told_and_ended() {
    let mut world = World::of([service("web", |_| {})]);
    world.forks = Forks::Never;
    world.boot();
    world.pass(s(60));
    world.forks = Forks::AtOnce;
    world.forked(WEB);
    assert!(world.saw(|it| matches!(it, Report::Started { id: WEB, .. })));
    assert!(world.saw(|it| matches!(it, Report::EndedLate { id: WEB, pid: Some(_) })));
    world.pass(ms(200));
    assert_eq!(world.standing(WEB), Standing::Ready);
}

#[test]
fn a_kill_counts_from_when_the_process_is_known() {
    let mut world = World::of([service("web", |_| {})]);
    world.forks = Forks::Never;
    world.manners = Manners::Unkillable;
    world.boot();
    world.pass(s(34));
    world.forked(WEB);
    world.pass(s(2));
    assert_eq!(world.standing(WEB), Standing::Stopping, "it had no five seconds yet");
    world.pass(s(3));
    assert_eq!(world.standing(WEB), Standing::Abandoned);
}

#[test]
fn a_protocol_broken_before_the_pid_is_known_is_answered_once_it_is() {
    let mut world = World::of([service("web", |it| it.restart.when = RestartWhen::Never)]);
    world.forks = Forks::Never;
    world.boot();
    world.tell(Event::Violated(world.token(WEB)));
    world.forked(WEB);
    assert_eq!(world.last_end(WEB).0.kind(), Some(Kind::Protocol));
    assert_eq!(world.standing(WEB), Standing::Down(Rest::Failed));
}

#[test]
fn what_is_said_about_a_token_of_the_past_is_history() {
    let mut world = says_ready();
    let old = world.token(WEB);
    world.crashes(WEB);
    world.pass(ms(200));
    world.tell(Event::Said(old, Said::Ready));
    world.tell(Event::LineClosed(old));
    world.tell(Event::Violated(old));
    assert_eq!(world.standing(WEB), Standing::Starting { running: true });
}

/// A pool of three slots, one of which is started with it.
fn pool() -> World {
    let mut world = World::of([service("pool", |it| {
        (it.instances, it.role) = (3, Role::Pool { ahead: 1 });
        it.restart.when = RestartWhen::Always;
    })]);
    world.boot();
    world
}

fn slots(world: &World) -> Vec<u32> {
    world.spawns.iter().map(|(_, id)| id.slot).collect()
}

#[test]
fn a_pool_starts_with_those_it_has_ahead_and_the_others_when_they_are_called() {
    let mut world = pool();
    assert_eq!(slots(&world), [1]);
    world.tell(Event::Call(nth(0, 3)));
    world.tell(Event::Call(nth(0, 3)));
    assert_eq!(slots(&world), [1, 3], "once");
    assert_eq!(world.standing(nth(0, 2)), Standing::Down(Rest::New));
    for nobody in [nth(0, 0), nth(0, 4), nth(9, 1)] {
        world.tell(Event::Call(nobody));
    }
    assert_eq!(slots(&world), [1, 3]);
}

#[test]
fn a_call_to_a_unit_that_does_not_run_changes_nothing() {
    let policy = service("pool", |it| it.role = Role::Pool { ahead: 0 });
    let mut world = World::of([policy]);
    world.tell(Event::Call(WEB));
    world.boot();
    world.tell(Event::Stop(WEB.unit));
    world.tell(Event::Call(WEB));
    assert_eq!(slots(&world), []);
    world.tell(Event::Start(WEB.unit));
    assert_eq!(slots(&world), [], "none is ahead");
    world.tell(Event::Call(WEB));
    assert_eq!(slots(&world), [1]);
    world.tell(Event::Shutdown);
    world.tell(Event::Call(WEB));
    assert_eq!((slots(&world), world.left), (vec![1], Some(Outcome::Clean)));
}

#[test]
fn a_call_waits_until_the_pause_of_its_unit_is_over() {
    let pause = Rule {
        label: "rule".into(),
        matches: Match { exit_code: vec![3], ..Match::default() },
        task: None,
        instance: None,
        unit: Some(UnitVerdict::Pause),
        pace: Some(RulePace::Delay(s(5))),
    };
    let mut world = World::of([service("pool", |it| {
        (it.instances, it.role) = (3, Role::Pool { ahead: 1 });
        it.restart.when = RestartWhen::Always;
        it.rules = [pause].into();
    })]);
    world.boot();
    world.exits(nth(0, 1), 3);
    world.tell(Event::Call(nth(0, 2)));
    world.tell(Event::Call(nth(0, 3)));
    assert_eq!(world.standing(nth(0, 2)), Standing::Backoff);
    world.tell(Event::Dismiss { id: nth(0, 3), cause: StopCause::Scale, kill: false });
    assert_eq!(world.standing(nth(0, 3)), Standing::Down(Rest::Finished));
    world.pass(s(60));
    let mut came = slots(&world);
    came.sort_unstable();
    assert_eq!(came, [1, 1, 2], "who was called back in time does not come");
}

#[test]
fn a_process_of_one_task_comes_when_it_is_called_and_never_by_itself() {
    let mut world = World::of([service("pool", |it| {
        it.role = Role::Pool { ahead: 0 };
        it.restart.when = RestartWhen::OnTask;
    })]);
    world.boot();
    for (number, code) in (1..).zip([0, 1, 75, 78]) {
        world.tell(Event::Call(WEB));
        world.exits(WEB, code);
        world.pass(s(600));
        assert_eq!(world.standing(WEB), Standing::Down(Rest::Finished), "exit {code}");
        assert_eq!(slots(&world).len(), number);
    }
    world.tell(Event::Call(WEB));
    world.tell(Event::Restart(WEB.unit));
    world.pass(s(600));
    assert_eq!((slots(&world).len(), world.alive()), (5, 0), "not even with its unit");
}
