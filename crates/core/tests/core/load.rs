//! Many at once: the shared gate, and scaling.

use crate::world::*;
use hearken_core::gate::StartRate;
use hearken_core::instance::{Rest, Standing};
use hearken_core::policy::{INSTANCES_MAX, Until};
use hearken_core::supervision::{Event, WhenIdle};

fn crowd(instances: u32, starts: StartRate) -> World {
    let web = service("web", |it| it.instances = instances);
    let mut world = World::with([web], starts, WhenIdle::Stay, 7);
    world.boot();
    world
}

#[test]
fn five_hundred_that_crash_at_once_are_spread_by_the_gate() {
    let mut world = crowd(500, StartRate { burst: 50, per_second: 100 });
    for slot in 1..=500 {
        world.crashes(nth(0, slot));
    }
    world.spawns.clear();
    let begin = world.now;
    world.pass(s(10));
    assert_eq!(world.spawns.len(), 500);
    for from in 0..5 {
        let (from, to) = (begin + s(from), begin + s(from + 1));
        let seen = world.spawns.iter().filter(|(at, _)| (from..to).contains(at)).count();
        assert!(seen <= 150, "{seen} starts in one second");
    }
    let last = world.spawns.last().unwrap().0;
    assert!(last.since(begin) >= s(4) && last.since(begin) <= s(5), "{:?}", last.since(begin));
}

#[test]
fn starts_by_hand_pass_the_gate() {
    let mut world = crowd(100, StartRate { burst: 1, per_second: 1 });
    world.tell(Event::Restart(WEB.unit));
    assert_eq!((world.alive(), world.incarnation(nth(0, 100))), (100, 2));
}

#[test]
fn scaling_up_starts_what_is_new_and_scaling_down_stops_what_is_last() {
    let mut world = crowd(2, StartRate::default());
    world.tell(Event::Scale(WEB.unit, 4));
    assert_eq!(world.alive(), 4);
    world.tell(Event::Scale(WEB.unit, 1));
    assert_eq!(world.alive(), 1);
    assert_eq!(world.standing(nth(0, 1)), Standing::Ready);
    assert_eq!(world.standing(nth(0, 4)), Standing::Down(Rest::Stopped));
}

#[test]
fn scaling_up_a_unit_that_is_down_starts_nothing() {
    let mut world = crowd(1, StartRate::default());
    world.tell(Event::Stop(WEB.unit));
    world.tell(Event::Scale(WEB.unit, 3));
    assert_eq!(world.alive(), 0);
    world.tell(Event::Start(WEB.unit));
    assert_eq!(world.alive(), 3);
}

#[test]
fn scaling_down_and_up_again_while_the_old_still_stops_never_makes_two() {
    let mut world = crowd(2, StartRate::default());
    world.process(nth(0, 2)).manners = Manners::IgnoresTerm;
    world.tell(Event::Scale(WEB.unit, 1));
    world.tell(Event::Scale(WEB.unit, 2));
    assert_eq!((world.alive(), world.incarnation(nth(0, 2))), (2, 1));
    world.pass(s(10));
    assert_eq!((world.alive(), world.incarnation(nth(0, 2))), (2, 2));
}

#[test]
fn what_was_scaled_away_is_not_brought_back_by_a_restart() {
    let mut world = crowd(3, StartRate::default());
    world.tell(Event::Scale(WEB.unit, 1));
    world.tell(Event::Restart(WEB.unit));
    assert_eq!(world.alive(), 1);
}

#[test]
fn scaling_away_what_blocks_lets_the_dependents_start() {
    let mut world = World::of([
        service("db", |it| it.instances = 2),
        service("api", |it| it.after = vec![after(0, Until::Ready)]),
    ]);
    world.forks = Forks::Never;
    world.boot();
    world.forked(nth(0, 1));
    world.fork_fails(nth(0, 2), ENOENT);
    assert_eq!(world.standing(nth(1, 1)), Standing::Down(Rest::New));
    world.tell(Event::Scale(WEB.unit, 1));
    assert_eq!(world.standing(nth(1, 1)), Standing::Starting { running: false });
}

#[test]
fn a_number_of_instances_that_no_config_may_ask_for_changes_nothing() {
    let mut world = crowd(2, StartRate::default());
    for instances in [0, INSTANCES_MAX + 1, u32::MAX] {
        world.tell(Event::Scale(WEB.unit, instances));
        assert_eq!((world.alive(), world.core.policy(WEB.unit).unwrap().instances), (2, 2));
    }
}
