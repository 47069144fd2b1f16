//! Who starts after whom, who stops before whom, and when it is over.

use crate::world::*;
use hearken_core::action::{Outcome, Report};
use hearken_core::evidence::Said;
use hearken_core::gate::StartRate;
use hearken_core::identity::{InstanceId, UnitIndex};
use hearken_core::instance::{Rest, Standing};
use hearken_core::policy::{Ready, RestartWhen, Until};
use hearken_core::supervision::{Event, WhenIdle};
use hearken_core::unit::Going;

const DB: InstanceId = WEB;
const API: InstanceId = InstanceId { unit: UnitIndex(1), slot: 1 };
const EDGE: InstanceId = InstanceId { unit: UnitIndex(2), slot: 1 };

/// db, api after db, edge after api.
fn chain(until: Until) -> World {
    let ready = |it: &mut hearken_core::policy::UnitPolicy| it.ready = Ready::Said;
    World::of([
        service("db", ready),
        service("api", |it| {
            ready(it);
            it.after = vec![after(0, until)];
        }),
        service("edge", |it| {
            ready(it);
            it.after = vec![after(1, until)];
        }),
    ])
}

fn standings(world: &World) -> [Standing; 3] {
    [DB, API, EDGE].map(|id| world.standing(id))
}

const NEW: Standing = Standing::Down(Rest::New);
const UP: Standing = Standing::Starting { running: true };

#[test]
fn after_started_starts_in_order() {
    let mut world = chain(Until::Started);
    world.forks = Forks::Never;
    world.boot();
    assert_eq!(standings(&world), [Standing::Starting { running: false }, NEW, NEW]);
    world.forked(DB);
    assert_eq!(standings(&world), [UP, Standing::Starting { running: false }, NEW]);
    world.forked(API);
    world.forked(EDGE);
    assert_eq!(standings(&world), [UP, UP, UP]);
}

#[test]
fn after_ready_starts_in_order() {
    let mut world = chain(Until::Ready);
    world.boot();
    assert_eq!(standings(&world), [UP, NEW, NEW]);
    assert!(world.saw(|it| *it == Report::Waiting { unit: API.unit, on: vec![DB.unit] }));
    world.say(DB, Said::Ready);
    assert_eq!(standings(&world), [Standing::Ready, UP, NEW]);
    world.say(API, Said::Ready);
    assert_eq!(standings(&world), [Standing::Ready, Standing::Ready, UP]);
}

#[test]
fn after_succeeded_waits_for_every_instance_to_finish() {
    let mut world = World::of([
        service("migrate", |it| {
            it.restart.when = RestartWhen::Never;
            it.instances = 2;
        }),
        service("api", |it| it.after = vec![after(0, Until::Succeeded)]),
    ]);
    world.boot();
    world.exits(nth(0, 1), 0);
    assert_eq!(world.standing(API), NEW);
    world.exits(nth(0, 2), 0);
    assert_eq!(world.standing(API), Standing::Ready);
}

#[test]
fn a_dependent_of_what_failed_waits_and_starts_when_it_recovers() {
    let mut world = World::of([
        service("migrate", |it| it.restart.when = RestartWhen::Never),
        service("api", |it| it.after = vec![after(0, Until::Succeeded)]),
    ]);
    world.boot();
    world.exits(DB, 1);
    world.pass(s(24 * 3600));
    assert_eq!(world.standing(API), NEW);
    assert_eq!(world.core.waits_for(API.unit), [DB.unit]);
    world.tell(Event::Start(DB.unit));
    world.exits(DB, 0);
    assert_eq!(world.standing(API), Standing::Ready);
}

#[test]
fn those_who_wait_are_told_when_what_they_wait_for_has_failed() {
    let mut world = chain(Until::Ready);
    world.boot();
    world.reports.clear();
    world.crashes(DB);
    assert!(!world.saw(|it| matches!(it, Report::Waiting { .. })), "it will be back");
    world.pass(ms(200));
    world.exits(DB, 78);
    assert!(world.saw(|it| *it == Report::Waiting { unit: API.unit, on: vec![DB.unit] }));
}

#[test]
fn a_dependency_that_dies_while_starting_lets_nobody_start() {
    let mut world = chain(Until::Ready);
    world.boot();
    world.crashes(DB);
    world.pass(ms(200));
    assert_eq!(standings(&world), [UP, NEW, NEW]);
    world.say(DB, Said::Ready);
    assert_eq!(world.standing(API), UP);
}

#[test]
fn a_start_waits_for_what_it_comes_after() {
    let mut world = chain(Until::Ready);
    for command in [Event::Start(API.unit), Event::Restart(API.unit)] {
        world.tell(command);
        assert_eq!(standings(&world), [NEW, NEW, NEW]);
    }
    world.tell(Event::Start(DB.unit));
    world.say(DB, Said::Ready);
    assert_eq!(standings(&world), [Standing::Ready, UP, NEW]);
}

#[test]
fn commands_to_what_runs_wait_for_nobody() {
    let mut world = chain(Until::Ready);
    world.boot();
    world.say(DB, Said::Ready);
    world.crashes(DB);
    assert_eq!(world.standing(DB), Standing::Backoff);
    world.tell(Event::Start(API.unit));
    world.tell(Event::Scale(API.unit, 2));
    assert_eq!(world.standing(nth(1, 2)), UP);
    world.tell(Event::Restart(API.unit));
    assert_eq!((world.incarnation(API), world.standing(API)), (2, UP));
}

#[test]
fn a_start_of_what_was_left_behind_is_no_wait_for_others() {
    let mut world = chain(Until::Ready);
    world.boot();
    world.say(DB, Said::Ready);
    world.process(API).manners = Manners::Unkillable;
    let token = world.token(API);
    world.pass(s(60));
    world.crashes(DB);
    assert_eq!(world.standing(API), Standing::Abandoned);
    world.tell(Event::Start(API.unit));
    assert_eq!(world.core.unit(API.unit).unwrap().going, Going::On);
    world.thaw(token);
    world.deliver();
    assert_eq!(world.standing(API), UP);
}

#[test]
fn a_stop_while_waiting_is_the_end_of_waiting() {
    let mut world = chain(Until::Ready);
    world.boot();
    world.tell(Event::Stop(API.unit));
    world.say(DB, Said::Ready);
    assert_eq!(world.standing(API), NEW);
}

#[test]
fn a_restart_of_a_dependency_leaves_its_dependents_alone() {
    let mut world = chain(Until::Ready);
    world.boot();
    world.say(DB, Said::Ready);
    world.say(API, Said::Ready);
    world.tell(Event::Restart(DB.unit));
    assert_eq!(standings(&world), [UP, Standing::Ready, UP]);
}

#[test]
fn a_shutdown_stops_dependents_first_and_the_rest_together() {
    let mut world = World::of([
        service("db", |_| {}),
        service("api", |it| it.after = vec![after(0, Until::Ready)]),
        service("edge", |it| it.after = vec![after(0, Until::Ready)]),
        service("lone", |_| {}),
    ]);
    world.boot();
    let lone = nth(3, 1);
    for id in [DB, API, EDGE, lone] {
        world.process(id).manners = Manners::IgnoresTerm;
    }
    world.tell(Event::Shutdown);
    let asked = |world: &World| [DB, API, EDGE, lone].map(|id| world.signals(id).len() == 2);
    assert_eq!(asked(&world), [false, true, true, true]);
    world.exits(API, 0);
    world.exits(lone, 0);
    assert_eq!(asked(&world), [false, true, true, true]);
    world.exits(EDGE, 0);
    assert_eq!(asked(&world), [true; 4]);
    assert_eq!(world.left, None);
    world.exits(DB, 0);
    assert_eq!(world.left, Some(Outcome::Clean));
}

#[test]
fn a_shutdown_does_not_wait_for_a_dependent_in_backoff() {
    let mut world = chain(Until::Ready);
    world.boot();
    for id in [DB, API] {
        world.say(id, Said::Ready);
    }
    world.crashes(API);
    world.tell(Event::Shutdown);
    assert_eq!(world.left, Some(Outcome::Clean));
}

#[test]
fn a_dependent_left_behind_does_not_hold_up_the_shutdown() {
    let mut world = chain(Until::Ready);
    world.boot();
    world.say(DB, Said::Ready);
    world.process(API).manners = Manners::Unkillable;
    world.tell(Event::Shutdown);
    world.pass(s(15));
    assert_eq!(world.left, Some(Outcome::Abandoned));
    assert_eq!(world.standing(DB), Standing::Down(Rest::Stopped));
}

#[test]
fn a_dependency_that_fails_during_the_shutdown_is_up_for_its_dependents_until_they_are_down() {
    let mut world = chain(Until::Ready);
    world.boot();
    world.say(DB, Said::Ready);
    world.process(API).manners = Manners::IgnoresTerm;
    world.tell(Event::Shutdown);
    world.crashes(DB);
    world.pass(ms(200));
    assert_eq!(world.standing(DB), UP);
    world.pass(s(10));
    assert_eq!(world.left, Some(Outcome::Clean));
}

#[test]
fn shutdown_now_kills_everybody_at_once() {
    let mut world = chain(Until::Ready);
    world.manners = Manners::IgnoresTerm;
    world.boot();
    world.say(DB, Said::Ready);
    world.tell(Event::ShutdownNow);
    assert_eq!((world.kills(), world.left), (2, Some(Outcome::Clean)));
}

#[test]
fn a_critical_unit_that_fails_takes_the_daemon_with_it() {
    let mut world = World::of([service("web", |it| it.critical = true), service("other", |_| {})]);
    world.boot();
    world.exits(WEB, 78);
    assert_eq!(world.left, Some(Outcome::CriticalFailed(WEB.unit)));
    let because = Some(Outcome::CriticalFailed(WEB.unit));
    assert!(world.saw(|it| *it == Report::ShuttingDown { because }));
    assert_eq!(world.standing(API), Standing::Down(Rest::Stopped));
}

#[test]
fn a_critical_unit_that_an_operator_stops_takes_nobody_with_it() {
    let mut world = World::of([service("web", |it| it.critical = true)]);
    world.boot();
    world.tell(Event::Stop(WEB.unit));
    assert_eq!(world.left, None);
}

fn idle_when(when_idle: WhenIdle, units: [hearken_core::policy::UnitPolicy; 2]) -> World {
    World::with(units, StartRate::default(), when_idle, 7)
}

fn job_and_next() -> [hearken_core::policy::UnitPolicy; 2] {
    [
        service("job", |it| it.restart.when = RestartWhen::Never),
        service("next", |it| {
            it.restart.when = RestartWhen::Never;
            it.after = vec![after(0, Until::Succeeded)];
        }),
    ]
}

#[test]
fn when_everything_is_finished_it_leaves() {
    let mut world = idle_when(WhenIdle::Exit, job_and_next());
    world.boot();
    world.exits(WEB, 0);
    assert_eq!(world.left, None, "the next has its turn");
    world.exits(API, 0);
    assert_eq!(world.left, Some(Outcome::Clean));
}

#[test]
fn when_nothing_can_come_any_more_it_leaves() {
    let mut world = idle_when(WhenIdle::Exit, job_and_next());
    world.boot();
    world.exits(WEB, 1);
    assert_eq!(world.left, Some(Outcome::Clean), "the next waits for what failed for good");
}

#[test]
fn one_that_stays_says_once_that_it_is_idle() {
    let mut world = idle_when(WhenIdle::Stay, job_and_next());
    world.boot();
    world.exits(WEB, 1);
    world.pass(s(3600));
    let idle = |world: &World| world.reports.iter().filter(|(_, it)| *it == Report::Idle).count();
    assert_eq!((idle(&world), world.left), (1, None));
    world.tell(Event::Start(WEB.unit));
    world.exits(WEB, 1);
    assert_eq!(idle(&world), 2);
}

#[test]
fn before_the_boot_nothing_is_idle() {
    let mut world = idle_when(WhenIdle::Exit, job_and_next());
    world.ring();
    world.tell(Event::Stop(API.unit));
    assert_eq!(world.left, None);
    world.boot();
    assert_eq!(world.alive(), 1);
}

#[test]
fn a_boot_after_the_shutdown_starts_nothing() {
    let mut world = chain(Until::Ready);
    world.tell(Event::Shutdown);
    world.boot();
    assert_eq!(standings(&world), [NEW, NEW, NEW]);
    assert_eq!(world.left, Some(Outcome::Clean));
}

#[test]
fn a_long_chain_in_backoff_costs_no_stack() {
    let units = (0..5_000).map(|n| {
        service(&format!("u{n}"), |it| {
            if n > 0 {
                it.after = vec![after(n - 1, Until::Started)];
            }
        })
    });
    let mut world = World::of(units);
    world.core.handle(world.now, Event::Boot);
    let mut spawned = 0;
    let mut tokens = Vec::new();
    while let Some(action) = world.core.poll_action() {
        if let hearken_core::action::Action::Spawn { token, .. } = action {
            spawned += 1;
            tokens.push(token);
            world.core.handle(world.now, Event::Spawned(token, spawned));
        }
    }
    for token in &tokens {
        let ending = hearken_core::evidence::Ending::Exited(1);
        world.core.handle(world.now, Event::Exited(*token, ending));
        world.core.handle(world.now, Event::Drained(*token));
    }
    world.core.handle(world.now, Event::Shutdown);
    world.core.assert_books_are_right();
    let actions: Vec<_> = std::iter::from_fn(|| world.core.poll_action()).collect();
    let leave = hearken_core::action::Action::Leave(Outcome::Clean);
    assert_eq!((tokens.len(), actions.last()), (5_000, Some(&leave)));
}
