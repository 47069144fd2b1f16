//! Lines that close while the child runs on.

use crate::world::*;
use hearken_core::action::Report;
use hearken_core::evidence::{Intent, Said, StopCause};
use hearken_core::instance::Standing;
use hearken_core::judge::{DecidedBy, Next};
use hearken_core::kind::Kind;
use hearken_core::supervision::Event;

fn web() -> World {
    let mut world = World::of([service("web", |_| {})]);
    world.boot();
    world
}

fn hangs_up(world: &mut World) {
    let token = world.token(WEB);
    world.tell(Event::LineClosed(token));
}

#[test]
fn a_child_that_spoke_and_hung_up_is_stopped_as_lost() {
    let mut world = web();
    world.say(WEB, Said::Hello);
    hangs_up(&mut world);
    world.pass(s(5) - ms(1));
    assert_eq!(world.standing(WEB), Standing::Ready);
    assert!(!world.saw(|it| matches!(it, Report::LineLost { .. })));
    world.pass(ms(1));
    assert!(world.saw(|it| *it == Report::LineLost { id: WEB, after: s(5) }));
    let (evidence, ..) = world.last_end(WEB);
    assert_eq!(evidence.stopped_by, Some(StopCause::LineLost));
    assert_eq!(evidence.kind(), Some(Kind::Lost));
    world.pass(ms(200));
    assert_eq!(world.standing(WEB), Standing::Ready);
}

#[test]
fn a_program_that_never_spoke_may_close_what_it_was_given() {
    let mut world = web();
    hangs_up(&mut world);
    world.pass(s(3600));
    assert_eq!((world.standing(WEB), world.ends_of(WEB).len()), (Standing::Ready, 0));
}

#[test]
fn a_child_that_announced_its_exit_may_hang_up() {
    let mut world = web();
    world.say(WEB, Said::Hello);
    world.say(WEB, exiting(Intent::Done));
    hangs_up(&mut world);
    world.pass(s(9));
    assert_eq!(world.standing(WEB), Standing::Ready);
    world.pass(s(1));
    let (evidence, judgement, _) = world.last_end(WEB);
    assert_eq!(evidence.stopped_by, Some(StopCause::Overdue), "but it has to go");
    assert_eq!((judgement.next, judgement.decided_by), (Next::Finished, DecidedBy::Intent));
}

#[test]
fn hanging_up_before_the_pid_is_known_is_hanging_up_all_the_same() {
    let mut world = World::of([service("web", |_| {})]);
    world.forks = Forks::Never;
    world.boot();
    world.say(WEB, Said::Hello);
    hangs_up(&mut world);
    world.forked(WEB);
    world.pass(s(5));
    assert_eq!(world.last_end(WEB).0.stopped_by, Some(StopCause::LineLost));
}

#[test]
fn a_line_that_is_drained_is_closed() {
    let mut world = web();
    world.say(WEB, Said::Hello);
    world.tell(Event::Drained(world.token(WEB)));
    world.pass(s(5));
    assert_eq!(world.last_end(WEB).0.stopped_by, Some(StopCause::LineLost));
}

#[test]
fn a_child_that_breaks_the_protocol_is_stopped_and_counted() {
    let mut world = web();
    world.tell(Event::Violated(world.token(WEB)));
    let (evidence, _, wait) = world.last_end(WEB);
    assert_eq!((evidence.kind(), wait), (Some(Kind::Protocol), Some(ms(200))));
}
