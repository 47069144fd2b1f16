//! A supervisor that was stopped or starved.

use crate::world::*;
use hearken_core::action::Report;
use hearken_core::evidence::Said;
use hearken_core::instance::Standing;
use hearken_core::policy::Ready;
use hearken_core::supervision::Event;

/// A small generator, so that each seed is one history.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 33) % n
    }
}

/// Twenty children say ready at random times in time, while the supervisor is stopped for a minute
/// from a random moment on; then words and timers come in any order.
fn stalled(seed: u64) -> World {
    let mut dice = Dice(seed);
    let web = service("web", |it| {
        it.instances = 20;
        it.ready = Ready::Said;
    });
    let mut world = World::of([web]);
    world.boot();
    let begin = world.now;
    world.pass(ms(dice.below(30_000)));
    let (stop, wake) = (world.now, world.now + s(60));
    let mut words: Vec<_> =
        (1..=20).map(|slot| (begin + ms(dice.below(30_000)), nth(0, slot))).collect();
    words.sort();
    // What was said before the stop was heard in time.
    world = World::of([service("web", |it| {
        it.instances = 20;
        it.ready = Ready::Said;
    })]);
    world.boot();
    let unread = words.split_off(words.partition_point(|(at, _)| *at <= stop));
    for (at, id) in words {
        world.pass(at.since(world.now));
        world.say(id, Said::Ready);
    }
    world.pass(stop.since(world.now));
    world.now = wake;
    let mut unread: Vec<_> = unread.into_iter().map(|(_, id)| id).collect();
    while !unread.is_empty() {
        if dice.below(3) == 0 {
            world.ring();
        }
        let index = usize::try_from(dice.below(unread.len() as u64)).unwrap();
        let id = unread.swap_remove(index);
        world.say(id, Said::Ready);
        world.now = world.now + ms(1);
    }
    world.pass(s(120));
    world
}

#[test]
fn a_minute_of_standing_still_kills_nobody_who_is_healthy() {
    for seed in 0..100 {
        let world = stalled(seed);
        for slot in 1..=20 {
            assert_eq!(world.standing(nth(0, slot)), Standing::Ready, "seed {seed}");
        }
        assert_eq!((world.spawns.len(), world.kills()), (20, 0), "seed {seed}");
    }
}

fn starting() -> World {
    let mut world = World::of([service("web", |it| it.ready = Ready::Said)]);
    world.boot();
    world
}

#[test]
fn a_tick_that_comes_a_little_late_looks_again_before_it_judges() {
    let mut world = starting();
    world.now = world.now + s(30) + ms(500);
    world.ring();
    assert_eq!(world.standing(WEB), Standing::Starting { running: true });
    world.say(WEB, Said::Ready);
    world.pass(s(60));
    assert_eq!((world.standing(WEB), world.spawns.len()), (Standing::Ready, 1));
}

#[test]
fn looking_again_helps_only_once() {
    let mut world = starting();
    world.now = world.now + s(30) + ms(500);
    world.ring();
    world.now = world.now + ms(500);
    world.ring();
    assert_eq!(world.standing(WEB), Standing::Stopping);
}

#[test]
fn a_stall_seen_by_an_event_before_the_timer_is_a_stall() {
    let mut world = World::of([service("web", |it| {
        it.ready = Ready::Said;
        it.instances = 2;
    })]);
    world.boot();
    world.now = world.now + s(60);
    world.say(nth(0, 1), Said::Ready);
    world.ring();
    assert!(world.saw(|it| *it == Report::Stalled { by: s(30), moved: 2 }));
    assert_eq!(world.standing(nth(0, 2)), Standing::Starting { running: true });
    world.pass(s(30) - ms(1));
    assert_eq!(world.standing(nth(0, 2)), Standing::Starting { running: true });
    world.pass(ms(1));
    assert_eq!(world.standing(nth(0, 2)), Standing::Backoff, "it had its whole time again");
}

#[test]
fn one_stall_is_told_once() {
    let mut world = World::of([service("web", |it| it.instances = 3)]);
    world.boot();
    world.crashes(nth(0, 1));
    world.now = world.now + s(60);
    for _ in 0..5 {
        world.say(nth(0, 2), Said::Working);
    }
    world.ring();
    assert_eq!(world.standing(nth(0, 1)), Standing::Backoff, "first hear, then act");
    world.pass(ms(100));
    let told = world.reports.iter().filter(|(_, it)| matches!(it, Report::Stalled { .. })).count();
    assert_eq!(told, 1);
    assert_eq!(world.standing(nth(0, 1)), Standing::Ready);
}

#[test]
fn an_exit_that_lies_unread_through_a_stall_is_no_reason_to_kill_or_to_give_up() {
    let mut world = starting();
    world.process(WEB).manners = Manners::IgnoresTerm;
    world.feed(Event::Stop(WEB.unit));
    let token = world.token(WEB);
    world.die(token, hearken_core::evidence::Ending::Exited(0));
    world.now = world.now + s(60);
    world.ring();
    assert_eq!(world.kills(), 0, "it had left in time");
    world.deliver();

    let mut world = starting();
    world.process(WEB).manners = Manners::Unkillable;
    world.tell(Event::Stop(WEB.unit));
    world.pass(s(10));
    assert_eq!(world.kills(), 1);
    world.now = world.now + s(60);
    world.ring();
    assert_eq!(world.standing(WEB), Standing::Stopping, "not given up: nobody looked");
}
