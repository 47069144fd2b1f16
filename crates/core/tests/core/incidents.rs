//! What went wrong in other supervisors, each by its name.

use crate::world::*;
use hearken_core::evidence::{Ending, Said, StopCause};
use hearken_core::gate::StartRate;
use hearken_core::instance::{Rest, Standing};
use hearken_core::judge::{DecidedBy, Next};
use hearken_core::kind::Kind;
use hearken_core::policy::{OnDependencyRestart, OnLimit, Probing, Ready, RestartWhen, Until};
use hearken_core::supervision::{Event, WhenIdle};

fn web() -> World {
    let mut world = World::of([service("web", |_| {})]);
    world.boot();
    world
}

#[test]
fn operators_stop_undone_by_auto_restart() {
    // The child crashes on its way down; policy says to start again whatever happens.
    let mut world = World::of([service("web", |it| {
        it.restart.when = RestartWhen::Always;
        it.restart.limit = None;
    })]);
    world.boot();
    world.process(WEB).manners = Manners::IgnoresTerm;
    world.feed(Event::Stop(WEB.unit));
    world.say(WEB, exiting(hearken_core::evidence::Intent::RestartNow));
    world.crashes(WEB);
    world.pass(s(24 * 3600));
    assert_eq!(world.standing(WEB), Standing::Down(Rest::Stopped));
    assert_eq!(world.incarnation(WEB), 1);
}

#[test]
fn up_lost_during_a_backoff_sleep() {
    let mut world = web();
    world.crashes(WEB);
    assert_eq!(world.standing(WEB), Standing::Backoff);
    world.tell(Event::Start(WEB.unit));
    assert_eq!((world.standing(WEB), world.incarnation(WEB)), (Standing::Ready, 2));
    world.pass(s(3600));
    assert_eq!(world.incarnation(WEB), 2, "and the sleep starts nobody a second time");
}

#[test]
fn up_after_down_during_a_backoff_sleep() {
    let mut world = web();
    world.crashes(WEB);
    world.tell(Event::Stop(WEB.unit));
    world.tell(Event::Start(WEB.unit));
    world.pass(s(3600));
    assert_eq!((world.standing(WEB), world.incarnation(WEB)), (Standing::Ready, 2));
}

#[test]
fn restart_counter_reset_at_start_so_that_a_limit_never_bites() {
    // It starts well every time, is ready, and dies a second later.
    let mut world = World::of([service("web", |it| it.ready = Ready::Said)]);
    world.healthy = true;
    world.boot();
    while world.standing(WEB) != Standing::Down(Rest::Failed) {
        assert!(world.incarnation(WEB) <= 6, "five a minute");
        world.pass(s(1));
        world.crashes(WEB);
        world.pass(world.restart_in(WEB).unwrap_or_default());
    }
    assert_eq!(world.decided(WEB), (Next::Failed, DecidedBy::Budget));
}

#[test]
fn memory_restarts_not_counted() {
    // The kernel kills it for its memory; the shell says so before the end.
    let mut world = web();
    for _ in 0..5 {
        world.ends(WEB, Ending::Killed { signal: KILL, core_dumped: false });
        assert_eq!(world.decided(WEB).0, again(true));
        world.pass(world.restart_in(WEB).unwrap());
    }
    world.ends(WEB, Ending::Killed { signal: KILL, core_dumped: false });
    assert_eq!(world.decided(WEB), (Next::Failed, DecidedBy::Budget));
}

fn unhealthy() -> World {
    let mut world = World::of([service("web", |it| {
        it.health = Some(Probing { interval: s(1), timeout: s(1), failures: Some(2) });
    })]);
    world.probes = Probes::Fail;
    world.boot();
    world
}

#[test]
fn health_restarts_not_counted() {
    let mut world = unhealthy();
    world.pass(s(3600));
    assert_eq!(world.decided(WEB), (Next::Failed, DecidedBy::Budget));
    assert_eq!(world.incarnation(WEB), 6);
    let causes = world.ends_of(WEB).into_iter().map(|(evidence, ..)| evidence.stopped_by);
    assert!(causes.into_iter().all(|cause| cause == Some(StopCause::Health)));
}

#[test]
fn health_restarts_not_counted_because_a_dependency_went_down_too() {
    let mut world = World::of([
        service("db", |_| {}),
        service("api", |it| {
            it.after = vec![after(0, Until::Ready)];
            it.on_dependency_restart = OnDependencyRestart::Restart;
            it.restart.on_limit = OnLimit::Fail;
        }),
    ]);
    let api = nth(1, 1);
    world.boot();
    for _ in 0..6 {
        world.process(api).manners = Manners::IgnoresTerm;
        world.say(api, Said::WatchdogTrigger);
        world.tell(Event::Restart(WEB.unit));
        world.ends(api, Ending::Exited(0));
        assert_eq!(world.last_end(api).0.stopped_by, Some(StopCause::Watchdog));
        world.pass(world.restart_in(api).unwrap_or_default());
    }
    assert_eq!(world.decided(api), (Next::Failed, DecidedBy::Budget));
}

#[test]
fn probe_restart_that_skips_the_delay() {
    let mut world = unhealthy();
    world.pass(s(2));
    assert_eq!(world.standing(WEB), Standing::Backoff);
    for _ in 0..4 {
        let wait = world.restart_in(WEB).unwrap();
        let incarnation = world.incarnation(WEB);
        world.pass(wait - ms(1));
        assert_eq!((world.standing(WEB), world.incarnation(WEB)), (Standing::Backoff, incarnation));
        world.pass(ms(1));
        assert_eq!(world.incarnation(WEB), incarnation + 1);
        world.pass(s(2));
    }
    assert!(world.restart_in(WEB).unwrap() >= ms(1_600), "and it grows");
}

#[test]
fn dependents_that_never_start_after_a_dependency_recovers() {
    use OnDependencyRestart::{Keep, Restart, Stop};
    for what in [Keep, Restart, Stop] {
        // It fails for good before anybody could start, and an operator mends it.
        let mut world = World::of([
            service("db", |it| it.ready = Ready::Said),
            service("api", |it| {
                it.after = vec![after(0, Until::Ready)];
                it.on_dependency_restart = what;
            }),
            service("edge", |it| it.after = vec![after(1, Until::Ready)]),
        ]);
        world.boot();
        world.exits(WEB, 78);
        world.pass(s(3600));
        assert_eq!(world.standing(nth(1, 1)), Standing::Down(Rest::New));
        world.tell(Event::Start(WEB.unit));
        world.say(WEB, Said::Ready);
        assert_eq!(world.standing(nth(1, 1)), Standing::Ready, "{what:?}");
        assert_eq!(world.standing(nth(2, 1)), Standing::Ready, "{what:?}");
    }
}

#[test]
fn dependents_that_never_start_again_after_a_dependency_recovers() {
    let mut world = World::of([
        service("db", |_| {}),
        service("api", |it| {
            it.after = vec![after(0, Until::Ready)];
            it.on_dependency_restart = OnDependencyRestart::Restart;
        }),
    ]);
    world.boot();
    world.exits(WEB, 78);
    world.pass(s(3600));
    assert_eq!(world.standing(nth(1, 1)), Standing::Held);
    world.tell(Event::Start(WEB.unit));
    assert_eq!(world.standing(nth(1, 1)), Standing::Ready);
}

#[test]
fn unlimited_retries_of_a_missing_binary() {
    let mut world = World::of([service("web", |it| it.restart.limit = None)]);
    world.forks = Forks::Fails(ENOENT);
    world.boot();
    world.pass(s(24 * 3600));
    assert_eq!((world.spawns.len(), world.standing(WEB)), (1, Standing::Down(Rest::Failed)));
}

#[test]
fn last_error_frame_followed_at_once_by_exit_still_seen() {
    let mut world = web();
    let token = world.token(WEB);
    world.process(WEB).says(token, Said::Error(error(Kind::Config)));
    world.die(token, Ending::Exited(1));
    // The kernel is heard before the line.
    world.deliver();
    assert_eq!(world.last_end(WEB).0.kind(), Some(Kind::Config));
    assert_eq!(world.standing(WEB), Standing::Down(Rest::Failed));
}

#[test]
fn thundering_herd_of_500_instances() {
    // Their database goes away: all of them are stopped, and all come back with it.
    let starts = StartRate { burst: 50, per_second: 100 };
    let units = [
        service("db", |_| {}),
        service("api", |it| {
            it.instances = 500;
            it.after = vec![after(0, Until::Ready)];
            it.on_dependency_restart = OnDependencyRestart::Restart;
        }),
    ];
    let mut world = World::with(units, starts, WhenIdle::Stay, 7);
    world.boot();
    world.spawns.clear();
    world.crashes(WEB);
    let begin = world.now;
    world.pass(s(10));
    assert_eq!((world.spawns.len(), world.alive()), (501, 501));
    for from in 0..6 {
        let (from, to) = (begin + s(from), begin + s(from + 1));
        let seen = world.spawns.iter().filter(|(at, _)| (from..to).contains(at)).count();
        assert!(seen <= 150, "{seen} starts in one second");
    }
}

#[test]
fn leader_gone_grandchild_stays() {
    let mut world = web();
    let token = world.token(WEB);
    world.process(WEB).held_open = true;
    world.crashes(WEB);
    world.pass(ms(250));
    assert_eq!(world.standing(WEB), Standing::Backoff, "nobody waits for the line for ever");
    let release = hearken_core::action::Action::Release { token };
    assert!(world.actions.contains(&release), "and what is left of its tree is killed");
    world.pass(ms(200));
    assert_eq!(world.standing(WEB), Standing::Ready);
}

/// Twenty children with a watchdog, progress and health, all of them well; the supervisor stands
/// still for a minute from a random moment on, and wakes to words and timers in any order.
#[test]
fn stalled_60_s_kills_no_healthy_child() {
    for seed in 0..100 {
        let mut world = World::of([service("web", |it| {
            it.instances = 20;
            it.watchdog = Some(s(2 + seed % 60));
            it.progress_timeout = Some(s(3 + seed % 57));
            it.health = Some(Probing { interval: s(1), timeout: ms(500), failures: Some(1) });
        })]);
        world.probes = Probes::Pass;
        world.boot();
        let beat = |world: &mut World| {
            for slot in 1..=20 {
                let token = world.token(nth(0, slot));
                world.process(nth(0, slot)).says(token, Said::Working);
            }
        };
        for _ in 0..5 {
            beat(&mut world);
            world.deliver();
            world.pass(ms(200 + seed * 7));
        }
        // What they say meanwhile lies there.
        beat(&mut world);
        world.now = world.now + s(60);
        let mut order = seed;
        while world.processes.values().any(|it| !it.line.is_empty() || !it.answers.is_empty()) {
            order = order.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            if (order >> 33).is_multiple_of(3) {
                world.ring();
            }
            let waiting = world
                .processes
                .values_mut()
                .filter(|it| !it.line.is_empty() || !it.answers.is_empty());
            let mut waiting: Vec<_> = waiting.collect();
            let index = usize::try_from(order >> 33).unwrap() % waiting.len();
            let event = waiting[index].next_event().unwrap();
            world.feed(event);
            world.now = world.now + ms(1);
        }
        for _ in 0..10 {
            beat(&mut world);
            world.deliver();
            world.pass(s(1));
        }
        assert_eq!((world.alive(), world.spawns.len()), (20, 20), "seed {seed}");
        assert_eq!(world.kills(), 0, "seed {seed}");
    }
}
