//! What becomes of a unit when one it comes after ends.

use crate::world::*;
use hearken_core::action::Outcome;
use hearken_core::evidence::{Said, StopCause};
use hearken_core::gate::StartRate;
use hearken_core::identity::{InstanceId, UnitIndex};
use hearken_core::instance::{Rest, Standing};
use hearken_core::judge::{DecidedBy, Next};
use hearken_core::kind::Kind;
use hearken_core::policy::{OnDependencyRestart, Ready, Role, Until};
use hearken_core::supervision::{Event, WhenIdle};

const DB: InstanceId = WEB;
const API: InstanceId = InstanceId { unit: UnitIndex(1), slot: 1 };
const EDGE: InstanceId = InstanceId { unit: UnitIndex(2), slot: 1 };

/// db, api after db, edge after api; db has so many instances.
fn chain(what: OnDependencyRestart, instances: u32) -> World {
    let mut world = World::of([
        service("db", |it| it.instances = instances),
        service("api", |it| {
            it.after = vec![after(0, Until::Ready)];
            it.on_dependency_restart = what;
        }),
        service("edge", |it| {
            it.after = vec![after(1, Until::Ready)];
            it.on_dependency_restart = what;
        }),
    ]);
    world.boot();
    world
}

fn incarnations(world: &World) -> [u32; 3] {
    [DB, API, EDGE].map(|id| world.incarnation(id))
}

#[test]
fn who_keeps_runs_on_without_it() {
    let mut world = chain(OnDependencyRestart::Keep, 1);
    world.crashes(DB);
    world.pass(s(1));
    assert_eq!(incarnations(&world), [2, 1, 1]);
}

#[test]
fn who_restarts_is_stopped_at_once_and_comes_back_in_order() {
    let mut world = chain(OnDependencyRestart::Restart, 1);
    world.crashes(DB);
    assert_eq!((world.standing(API), world.standing(EDGE)), (Standing::Held, Standing::Held));
    assert_eq!(world.decided(API), (Next::Held, DecidedBy::Dependency));
    world.pass(ms(199));
    assert_eq!(world.alive(), 0);
    world.pass(ms(1));
    assert_eq!(incarnations(&world), [2, 2, 2]);
    assert_eq!(world.alive(), 3);
}

#[test]
fn a_restart_with_its_dependency_is_not_held_against_it() {
    let mut world = chain(OnDependencyRestart::Restart, 1);
    for _ in 0..20 {
        world.tell(Event::Restart(DB.unit));
        world.pass(s(1));
    }
    assert_eq!(incarnations(&world), [21, 21, 21]);
    assert_eq!(world.alive(), 3, "five a minute may not be more by themselves");
}

#[test]
fn who_stops_stays_down_until_an_operator_starts_it() {
    let mut world = chain(OnDependencyRestart::Stop, 1);
    world.crashes(DB);
    world.pass(s(3600));
    assert_eq!(world.standing(API), Standing::Down(Rest::Stopped));
    assert_eq!(world.last_end(API).0.stopped_by, Some(StopCause::DependencyStop));
    world.tell(Event::Start(API.unit));
    assert_eq!(world.standing(API), Standing::Ready);
    assert_eq!(world.standing(EDGE), Standing::Down(Rest::Stopped));
}

#[test]
fn one_instance_of_many_that_is_lost_is_a_loss() {
    let mut world = chain(OnDependencyRestart::Restart, 3);
    world.crashes(nth(0, 2));
    assert_eq!(world.standing(API), Standing::Held);
    world.pass(ms(200));
    assert_eq!(incarnations(&world), [1, 2, 2]);
}

#[test]
fn a_dependency_that_is_recycled_takes_its_dependents_along() {
    let mut world = chain(OnDependencyRestart::Restart, 1);
    world.say(DB, Said::Error(error(Kind::Resource)));
    assert_eq!(world.standing(API), Standing::Held);
    world.pass(ms(200));
    assert_eq!(incarnations(&world), [2, 2, 2]);
}

#[test]
fn scaling_a_dependency_up_or_down_disturbs_nobody() {
    let mut world = chain(OnDependencyRestart::Restart, 1);
    world.forks = Forks::Never;
    world.tell(Event::Scale(DB.unit, 3));
    assert_eq!(world.standing(API), Standing::Ready);
    world.forked(nth(0, 2));
    world.forked(nth(0, 3));
    world.tell(Event::Scale(DB.unit, 1));
    world.pass(s(60));
    assert_eq!(incarnations(&world), [1, 1, 1]);
}

#[test]
fn an_operators_stop_while_it_is_held_holds() {
    let mut world = chain(OnDependencyRestart::Restart, 1);
    world.tell(Event::Stop(DB.unit));
    assert_eq!(world.standing(API), Standing::Held);
    world.tell(Event::Stop(API.unit));
    assert_eq!(world.standing(API), Standing::Down(Rest::Stopped));
    world.tell(Event::Start(DB.unit));
    world.pass(s(60));
    assert_eq!(incarnations(&world), [2, 1, 1]);
}

#[test]
fn a_delay_that_was_to_pass_still_passes_when_its_dependency_is_back() {
    let mut world = chain(OnDependencyRestart::Restart, 1);
    world.crashes(API);
    world.tell(Event::Restart(DB.unit));
    assert_eq!(world.standing(API), Standing::Backoff);
    world.pass(ms(199));
    assert_eq!(incarnations(&world), [2, 1, 1]);
    world.pass(ms(1));
    assert_eq!(incarnations(&world), [2, 2, 2]);
}

#[test]
fn a_shutdown_while_some_are_held_ends() {
    let mut world = chain(OnDependencyRestart::Restart, 1);
    world.tell(Event::Stop(DB.unit));
    world.tell(Event::Shutdown);
    assert_eq!(world.left, Some(hearken_core::action::Outcome::Clean));
}

#[test]
fn a_oneshot_that_has_succeeded_is_lost_to_nobody() {
    for what in [OnDependencyRestart::Restart, OnDependencyRestart::Stop] {
        let mut world = chain(what, 1);
        world.process(DB).held_open = true;
        world.exits(DB, 0);
        world.pass(s(1));
        assert_eq!(world.standing(DB), Standing::Down(Rest::Finished));
        assert_eq!(incarnations(&world), [1, 1, 1]);
        assert_eq!(world.alive(), 2);
    }
}

/// A pool of three, two of them ahead, and a service after it.
fn after_pool(ahead: u32) -> World {
    let mut world = World::of([
        service("pool", |it| {
            (it.instances, it.role) = (3, Role::Pool { ahead });
            it.ready = Ready::Said;
        }),
        service("api", |it| {
            it.after = vec![after(0, Until::Ready)];
            it.on_dependency_restart = OnDependencyRestart::Restart;
        }),
    ]);
    world.boot();
    world
}

#[test]
fn a_pool_is_up_as_long_as_one_of_its_workers_is() {
    let mut world = after_pool(2);
    assert_eq!(world.standing(API), Standing::Down(Rest::New));
    world.say(nth(0, 2), Said::Ready);
    assert_eq!(world.standing(API), Standing::Ready);
    world.crashes(nth(0, 1));
    assert_eq!(world.incarnation(API), 1, "one still is");
    world.crashes(nth(0, 2));
    assert_eq!(world.standing(API), Standing::Held);
    world.pass(s(1));
    world.say(nth(0, 1), Said::Ready);
    assert_eq!((world.standing(API), world.incarnation(API)), (Standing::Ready, 2));
}

#[test]
fn a_worker_that_was_let_go_is_no_reason_to_take_a_pool_for_up() {
    let mut world = after_pool(1);
    world.tell(Event::Call(nth(0, 2)));
    world.tell(Event::Dismiss { id: nth(0, 1), cause: StopCause::Recycle, kill: false });
    assert_eq!(world.standing(nth(0, 1)), Standing::Down(Rest::Finished));
    assert_eq!(world.standing(API), Standing::Down(Rest::New));
    world.say(nth(0, 2), Said::Ready);
    assert_eq!(world.standing(API), Standing::Ready);
}

#[test]
fn a_pool_with_none_ahead_is_up_as_long_as_it_is_wanted() {
    let mut world = after_pool(0);
    assert_eq!(world.standing(API), Standing::Ready);
    world.tell(Event::Call(nth(0, 1)));
    world.say(nth(0, 1), Said::Ready);
    world.tell(Event::Dismiss { id: nth(0, 1), cause: StopCause::Scale, kill: false });
    world.pass(s(1));
    assert_eq!(world.incarnation(API), 1, "its workers come and go");
}

#[test]
fn a_pool_that_waits_for_tasks_is_not_idle() {
    let policy = service("pool", |it| it.role = Role::Pool { ahead: 0 });
    let mut world = World::with([policy], StartRate::default(), WhenIdle::Exit, 7);
    world.boot();
    assert_eq!(world.left, None);
    world.tell(Event::Stop(UnitIndex(0)));
    assert_eq!(world.left, Some(Outcome::Clean));
}
