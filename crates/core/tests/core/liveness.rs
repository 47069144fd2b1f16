//! What a child owes: readiness by probe, health, signs of life, progress, and leaving when it
//! says so.

use crate::world::*;
use hearken_core::action::{Action, Purpose, Report};
use hearken_core::evidence::{Intent, Said, StopCause};
use hearken_core::instance::Standing;
use hearken_core::judge::{DecidedBy, Next};
use hearken_core::kind::Kind;
use hearken_core::policy::{Probing, Ready, UnitPolicy};
use hearken_core::supervision::Event;

/// A deadline is looked at twice before it counts.
const LOOK: std::time::Duration = std::time::Duration::from_millis(100);

fn rhythm(failures: Option<u32>) -> Probing {
    Probing { interval: s(5), timeout: s(1), failures }
}

fn web(change: impl Fn(&mut UnitPolicy)) -> World {
    let mut world = World::of([service("web", change)]);
    world.boot();
    world
}

fn probes(world: &World) -> Vec<(Purpose, u32)> {
    let probe = |action: &Action| match action {
        Action::Probe { purpose, number, .. } => Some((*purpose, *number)),
        _ => None,
    };
    world.actions.iter().filter_map(probe).collect()
}

fn cause(world: &World) -> Option<StopCause> {
    world.last_end(WEB).0.stopped_by
}

#[test]
fn a_probe_finds_it_ready_whatever_it_says_itself() {
    let mut world = web(|it| it.ready = Ready::Probe(rhythm(None)));
    world.ring();
    world.say(WEB, Said::Ready);
    assert_eq!(world.standing(WEB), Standing::Starting { running: true });
    let token = world.token(WEB);
    world.tell(Event::Probed(token, 1, false));
    world.pass(s(5));
    assert_eq!(probes(&world), [(Purpose::Readiness, 1), (Purpose::Readiness, 2)]);
    world.tell(Event::Probed(token, 2, true));
    assert_eq!(world.standing(WEB), Standing::Ready);
}

#[test]
fn a_late_probe_is_ended_and_its_answer_is_history() {
    let mut world = web(|it| it.ready = Ready::Probe(rhythm(None)));
    world.pass(s(1) + LOOK);
    let token = world.token(WEB);
    assert!(world.actions.contains(&Action::EndProbe { token, number: 1 }));
    world.tell(Event::Probed(token, 1, true));
    assert_eq!(world.standing(WEB), Standing::Starting { running: true });
}

#[test]
fn a_late_answer_about_readiness_is_none_about_health() {
    let mut world = web(|it| {
        it.ready = Ready::Probe(rhythm(None));
        it.health = Some(rhythm(Some(1)));
    });
    world.pass(s(6) + LOOK);
    let token = world.token(WEB);
    world.tell(Event::Probed(token, 2, true));
    world.pass(s(5));
    assert_eq!(probes(&world).last(), Some(&(Purpose::Health, 3)));
    for old in [1, 2] {
        world.tell(Event::Probed(token, old, false));
    }
    assert_eq!(world.standing(WEB), Standing::Ready);
}

#[test]
fn a_stop_ends_the_probe_under_way() {
    let mut world = web(|it| it.health = Some(rhythm(None)));
    world.pass(s(5));
    let token = world.token(WEB);
    world.tell(Event::Stop(WEB.unit));
    assert!(world.actions.contains(&Action::EndProbe { token, number: 1 }));
}

#[test]
fn health_that_fails_too_often_in_a_row_is_a_failure_like_any_other() {
    let mut world = web(|it| it.health = Some(rhythm(Some(3))));
    world.probes = Probes::Fail;
    world.pass(s(15) - ms(1));
    assert_eq!(world.standing(WEB), Standing::Ready);
    world.pass(ms(1));
    assert_eq!(
        (cause(&world), world.last_end(WEB).0.kind()),
        (Some(StopCause::Health), Some(Kind::Lost))
    );
    assert_eq!(world.decided(WEB), (again(true), DecidedBy::Supervisor));
}

#[test]
fn no_sign_of_life_is_the_end_and_any_word_is_one() {
    let mut world = web(|it| it.watchdog = Some(s(8)));
    for said in [Said::Hello, Said::Alive, Said::Working, Said::Error(error(Kind::Transient))] {
        world.pass(s(8));
        world.say(WEB, said);
    }
    assert_eq!(world.ends_of(WEB).len(), 0);
    world.pass(s(9) + LOOK - ms(1));
    assert_eq!(world.ends_of(WEB).len(), 0, "an eighth more, for words that were not passed on");
    world.pass(ms(1));
    assert_eq!(cause(&world), Some(StopCause::Watchdog));
}

#[test]
fn a_watchdog_that_is_triggered_waits_for_nothing() {
    let mut world = web(|_| {});
    world.say(WEB, Said::WatchdogTrigger);
    assert_eq!(cause(&world), Some(StopCause::Watchdog));
}

#[test]
fn a_child_may_give_itself_a_watchdog() {
    let mut world = web(|_| {});
    world.say(WEB, Said::WatchdogPeriod(s(4)));
    world.pass(ms(4_500) + LOOK);
    assert_eq!(cause(&world), Some(StopCause::Watchdog));
}

#[test]
fn a_watchdog_given_before_the_pid_is_known_rings_for_nobody() {
    let mut world = World::of([service("web", |_| {})]);
    world.forks = Forks::Never;
    world.boot();
    world.say(WEB, Said::WatchdogPeriod(s(1)));
    world.pass(s(10));
    world.forked(WEB);
    assert_eq!(world.standing(WEB), Standing::Ready);
}

#[test]
fn signs_of_life_are_no_progress() {
    let mut world = web(|it| it.progress_timeout = Some(s(8)));
    for _ in 0..9 {
        world.say(WEB, Said::Alive);
        world.pass(s(1));
    }
    world.pass(LOOK);
    assert_eq!(cause(&world), Some(StopCause::ProgressTimeout));
}

#[test]
fn nothing_is_owed_before_it_is_ready() {
    let mut world = web(|it| {
        it.ready = Ready::Said;
        it.watchdog = Some(s(1));
        it.progress_timeout = Some(s(1));
        it.health = Some(rhythm(Some(1)));
    });
    world.pass(s(29));
    assert_eq!((world.ends_of(WEB).len(), probes(&world).len()), (0, 0));
}

#[test]
fn a_start_may_take_longer_if_the_child_says_so() {
    let mut world = web(|it| it.ready = Ready::Said);
    world.say(WEB, Said::Extend(s(120)));
    world.pass(s(119));
    assert_eq!(world.standing(WEB), Standing::Starting { running: true });
    world.pass(s(1));
    assert_eq!(cause(&world), Some(StopCause::StartTimeout));
}

#[test]
fn a_stall_takes_back_no_time_that_was_given() {
    let mut world = web(|it| it.ready = Ready::Said);
    world.say(WEB, Said::Extend(s(120)));
    world.tell(Event::Scale(WEB.unit, 2));
    world.now = world.now + s(60);
    world.ring();
    world.pass(s(59));
    assert_eq!(world.standing(WEB), Standing::Starting { running: true });
}

#[test]
fn a_stop_may_take_longer_but_not_for_ever() {
    let mut world = web(|_| {});
    world.process(WEB).manners = Manners::IgnoresTerm;
    world.tell(Event::Stop(WEB.unit));
    for _ in 0..20 {
        world.pass(s(5));
        if world.kills() == 0 {
            world.say(WEB, Said::Extend(s(30)));
        }
    }
    let killed = |it: &Report| matches!(it, Report::Killing { after, .. } if *after == s(100));
    assert!(world.saw(killed), "ten times what the config gives it");
}

#[test]
fn a_reload_is_told_from_its_beginning_to_its_end() {
    let mut world = web(|it| it.ready = Ready::Said);
    world.say(WEB, Said::Ready);
    world.say(WEB, Said::Reloading);
    world.pass(s(2));
    world.say(WEB, Said::Ready);
    assert!(world.saw(|it| *it == Report::Reloading { id: WEB }));
    assert!(world.saw(|it| *it == Report::Reloaded { id: WEB, after: s(2) }));
    assert_eq!(world.standing(WEB), Standing::Ready);
}

#[test]
fn one_that_announces_its_exit_and_stays_is_stopped_and_its_word_counts() {
    for (intent, next) in [(Intent::Done, Next::Finished), (Intent::Retry, again(true))] {
        let mut world = web(|_| {});
        world.say(WEB, exiting(intent));
        world.pass(s(10));
        assert_eq!((cause(&world), world.decided(WEB).0), (Some(StopCause::Overdue), next));
    }
}

#[test]
fn a_word_that_lies_unread_when_the_supervisor_wakes_is_heard() {
    // It slept until just after the deadline: no timer came late, and yet nobody had listened.
    let mut world = web(|it| it.watchdog = Some(s(8)));
    world.now = world.now + s(9) + ms(50);
    world.ring();
    world.say(WEB, Said::Alive);
    world.pass(s(8));
    assert_eq!(world.standing(WEB), Standing::Ready);
}
