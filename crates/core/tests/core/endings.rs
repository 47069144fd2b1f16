//! What follows when a child has ended by itself.

use crate::world::*;
use hearken_core::action::{Outcome, Report};
use hearken_core::backoff::Backoff;
use hearken_core::evidence::{Ending, Intent, Said, TypedError};
use hearken_core::instance::{Rest, Standing};
use hearken_core::judge::{DecidedBy, Next, Pace};
use hearken_core::kind::Kind;
use hearken_core::policy::{OnLimit, Ready, RestartWhen};
use hearken_core::supervision::Event;
use std::time::Duration;

fn web(when: RestartWhen) -> World {
    let mut world = World::of([service("web", |it| it.restart.when = when)]);
    world.boot();
    world
}

#[test]
fn an_exit_with_0_under_on_failure_is_the_end() {
    let mut world = web(RestartWhen::OnFailure);
    world.exits(WEB, 0);
    assert_eq!(world.decided(WEB), (Next::Finished, DecidedBy::Policy));
    assert_eq!(world.standing(WEB), Standing::Down(Rest::Finished));
}

#[test]
fn an_exit_with_0_under_always_is_started_again() {
    let mut world = web(RestartWhen::Always);
    world.exits(WEB, 0);
    assert_eq!(world.decided(WEB), (again(true), DecidedBy::Policy));
    world.pass(ms(200));
    assert_eq!(world.standing(WEB), Standing::Ready);
}

#[test]
fn an_exit_under_never_is_the_end_whatever_the_code() {
    let mut world = web(RestartWhen::Never);
    world.exits(WEB, 0);
    assert_eq!(world.standing(WEB), Standing::Down(Rest::Finished));
    let mut world = web(RestartWhen::Never);
    world.exits(WEB, 1);
    assert_eq!(world.standing(WEB), Standing::Down(Rest::Failed));
}

#[test]
fn a_crash_loop_backs_off_then_uses_up_its_budget() {
    let mut world = web(RestartWhen::OnFailure);
    let mut waits = Vec::new();
    for _ in 0..5 {
        world.crashes(WEB);
        waits.push(world.restart_in(WEB).unwrap());
        world.pass(*waits.last().unwrap());
        assert_eq!(world.standing(WEB), Standing::Ready);
    }
    assert_eq!(waits[0], ms(200), "the first is exact");
    for (step, wait) in (1..).zip(&waits[1..]) {
        let full = ms(200) * (1 << step);
        assert!((full / 2..=full).contains(wait), "{wait:?} after {step} failures");
    }
    world.crashes(WEB);
    assert_eq!(world.decided(WEB), (Next::Failed, DecidedBy::Budget));
    world.pass(s(24 * 3600));
    assert_eq!((world.standing(WEB), world.spawns.len()), (Standing::Down(Rest::Failed), 6));
}

#[test]
fn a_limit_that_waits_starts_again_when_the_window_has_room() {
    let mut world = World::of([service("web", |it| it.restart.on_limit = OnLimit::Wait)]);
    world.boot();
    let first = world.now + ms(200);
    for _ in 0..5 {
        world.crashes(WEB);
        world.pass(world.restart_in(WEB).unwrap());
    }
    world.crashes(WEB);
    assert_eq!(world.decided(WEB), (again(true), DecidedBy::Budget));
    assert_eq!(world.now + world.restart_in(WEB).unwrap(), first + s(60));
    world.pass(s(60));
    assert_eq!(world.spawns.last().unwrap().0, first + s(60));
}

#[test]
fn a_limit_that_shuts_down_takes_the_daemon_with_it() {
    let mut world = World::of([
        service("web", |it| it.restart.on_limit = OnLimit::ShutDown),
        service("other", |_| {}),
    ]);
    world.boot();
    for _ in 0..6 {
        world.crashes(WEB);
        world.pass(world.restart_in(WEB).unwrap_or_default());
    }
    assert_eq!(world.left, Some(Outcome::LimitReached(WEB.unit)));
    assert_eq!(world.alive(), 0);
}

#[test]
fn a_config_error_stays_failed() {
    let mut world = web(RestartWhen::Always);
    world.fails_with(WEB, error(Kind::Config));
    assert_eq!(world.decided(WEB), (Next::Failed, DecidedBy::Error));
    world.pass(s(24 * 3600));
    assert_eq!(world.standing(WEB), Standing::Down(Rest::Failed));
}

#[test]
fn a_rate_limit_waits_as_long_as_asked_and_is_not_counted() {
    let mut world = web(RestartWhen::OnFailure);
    for _ in 0..20 {
        let error = TypedError { retry_after: Some(s(30)), ..error(Kind::RateLimited) };
        world.fails_with(WEB, error);
        let next = Next::Restart { pace: Pace::Asked(s(30), backoff()), counted: false };
        assert_eq!(world.decided(WEB), (next, DecidedBy::Error));
        assert_eq!(world.restart_in(WEB), Some(s(30)));
        world.pass(s(30));
    }
}

#[test]
fn an_absurd_wish_is_brought_into_bounds() {
    let mut world = web(RestartWhen::OnFailure);
    for (asked, given) in [(Duration::from_millis(u64::MAX), s(60)), (Duration::ZERO, ms(200))] {
        let error = TypedError { retry_after: Some(asked), ..error(Kind::RateLimited) };
        world.fails_with(WEB, error);
        assert_eq!(world.restart_in(WEB), Some(given));
        world.pass(given);
    }
}

#[test]
fn a_long_wait_of_one_holds_up_nobody_else() {
    let mut world = World::of([service("web", |_| {}), service("other", |_| {})]);
    world.boot();
    let wait = TypedError { retry_after: Some(s(60)), ..error(Kind::RateLimited) };
    world.fails_with(WEB, wait);
    world.crashes(nth(1, 1));
    assert_eq!(world.restart_in(nth(1, 1)), Some(ms(200)));
    world.pass(ms(200));
    assert_eq!(world.standing(nth(1, 1)), Standing::Ready);
}

#[test]
fn a_transient_error_backs_off_and_counts() {
    let mut world = web(RestartWhen::OnFailure);
    world.fails_with(WEB, error(Kind::Transient));
    assert_eq!(world.decided(WEB), (again(true), DecidedBy::Error));
    assert_eq!(world.restart_in(WEB), Some(ms(200)));
}

#[test]
fn exit_codes_speak_for_programs_that_say_nothing() {
    let table = [
        (75, again(true)),
        (69, again(true)),
        (70, again(true)),
        (71, again(false)),
        (78, Next::Failed),
        (77, Next::Failed),
        (65, Next::Failed),
        (1, again(true)),
        (137, again(true)),
    ];
    for (code, next) in table {
        let mut world = web(RestartWhen::OnFailure);
        world.exits(WEB, code);
        assert_eq!(world.decided(WEB), (next, DecidedBy::Exit), "exit code {code}");
    }
}

#[test]
fn retryable_says_more_than_the_kind() {
    let mut world = web(RestartWhen::OnFailure);
    world.fails_with(WEB, TypedError { retryable: Some(false), ..error(Kind::Transient) });
    assert_eq!(world.decided(WEB), (Next::Failed, DecidedBy::Hint));
    let mut world = web(RestartWhen::OnFailure);
    world.fails_with(WEB, TypedError { retryable: Some(true), ..error(Kind::Config) });
    assert_eq!(world.decided(WEB), (again(true), DecidedBy::Hint));
}

#[test]
fn an_announced_intent_decides() {
    let at_once = Next::Restart { pace: Pace::AtOnce, counted: true };
    let table = [
        (Intent::Done, 1, Next::Finished),
        (Intent::Retry, 0, again(true)),
        (Intent::RestartNow, 0, at_once),
        (Intent::StayDown, 0, Next::Finished),
        (Intent::StayDown, 1, Next::Failed),
    ];
    for (intent, code, next) in table {
        let mut world = web(RestartWhen::Always);
        world.say(WEB, Said::Hello);
        world.say(WEB, exiting(intent));
        world.exits(WEB, code);
        assert_eq!(world.decided(WEB), (next, DecidedBy::Intent), "{intent:?}, exit code {code}");
    }
}

#[test]
fn a_child_that_announces_a_retry_is_not_charged_for_a_rate_limit() {
    let mut world = web(RestartWhen::OnFailure);
    world.say(WEB, Said::Hello);
    let wait = TypedError { retry_after: Some(s(30)), ..error(Kind::RateLimited) };
    world.say(WEB, Said::Error(wait));
    world.say(WEB, exiting(Intent::Retry));
    world.exits(WEB, 1);
    let next = Next::Restart { pace: Pace::Asked(s(30), backoff()), counted: false };
    assert_eq!(world.decided(WEB), (next, DecidedBy::Intent));
}

#[test]
fn an_error_that_was_overcome_decides_nothing() {
    let mut world = web(RestartWhen::OnFailure);
    world.say(WEB, Said::Hello);
    world.say(WEB, Said::Error(error(Kind::Denied)));
    world.say(WEB, Said::Working);
    world.crashes(WEB);
    assert_eq!(world.decided(WEB), (again(true), DecidedBy::Exit));
}

#[test]
fn an_error_of_long_ago_decides_nothing() {
    let mut world = web(RestartWhen::OnFailure);
    world.say(WEB, Said::Error(error(Kind::Denied)));
    world.pass(s(61));
    world.crashes(WEB);
    assert_eq!(world.decided(WEB), (again(true), DecidedBy::Exit));
}

#[test]
fn the_last_words_count_even_when_they_are_read_after_the_exit() {
    let mut world = web(RestartWhen::OnFailure);
    let token = world.token(WEB);
    world.process(WEB).held_open = true;
    world.exits(WEB, 1);
    world.pass(ms(200));
    world.tell(Event::Said(token, Said::Error(error(Kind::Config))));
    world.tell(Event::Drained(token));
    assert_eq!(world.decided(WEB), (Next::Failed, DecidedBy::Error));
}

#[test]
fn an_exit_whose_line_stays_open_is_judged_after_250_ms() {
    let mut world = web(RestartWhen::OnFailure);
    world.process(WEB).held_open = true;
    world.exits(WEB, 1);
    world.pass(ms(249));
    assert_eq!((world.standing(WEB), world.ends_of(WEB).len()), (Standing::Stopping, 0));
    world.pass(ms(1));
    assert_eq!(world.decided(WEB), (again(true), DecidedBy::Exit));
}

#[test]
fn a_protocol_broken_by_the_last_words_counts_though_it_is_read_after_the_exit() {
    let broken = (again(true), DecidedBy::Supervisor);
    for exit_first in [false, true] {
        let mut world = web(RestartWhen::OnFailure);
        let token = world.token(WEB);
        world.manners = Manners::IgnoresTerm;
        world.process(WEB).manners = Manners::IgnoresTerm;
        world.process(WEB).held_open = true;
        if exit_first {
            world.exits(WEB, 0);
            world.tell(Event::Violated(token));
        } else {
            world.tell(Event::Violated(token));
            world.exits(WEB, 0);
        }
        world.tell(Event::Drained(token));
        assert_eq!(world.decided(WEB), broken, "exit first: {exit_first}");
    }
}

#[test]
fn a_program_that_is_not_there_is_not_tried_again() {
    let mut world = World::of([service("web", |it| it.restart.when = RestartWhen::Always)]);
    world.forks = Forks::Fails(ENOENT);
    world.boot();
    assert_eq!(world.decided(WEB), (Next::Failed, DecidedBy::Exit));
    world.pass(s(24 * 3600));
    assert_eq!(world.spawns.len(), 1);
}

#[test]
fn a_fork_that_fails_for_now_is_tried_again() {
    let mut world = World::of([service("web", |_| {})]);
    world.forks = Forks::Fails(EAGAIN);
    world.boot();
    assert_eq!(world.decided(WEB), (again(true), DecidedBy::Exit));
    assert_eq!(world.restart_in(WEB), Some(ms(200)));
    world.forks = Forks::AtOnce;
    world.pass(ms(200));
    assert_eq!(world.standing(WEB), Standing::Ready);
}

#[test]
fn a_oneshot_that_could_not_be_forked_has_not_run_and_is_tried_again() {
    let mut world = World::of([service("job", |it| it.restart.when = RestartWhen::Never)]);
    world.forks = Forks::Fails(EAGAIN);
    world.boot();
    assert_eq!(world.decided(WEB), (again(true), DecidedBy::Exit));
    world.forks = Forks::AtOnce;
    world.pass(ms(200));
    world.exits(WEB, 0);
    assert_eq!(world.standing(WEB), Standing::Down(Rest::Finished));
}

#[test]
fn only_a_settled_run_forgives_past_failures() {
    let mut world = World::of([service("web", |it| it.restart.limit = None)]);
    world.boot();
    for _ in 0..3 {
        world.crashes(WEB);
        world.pass(world.restart_in(WEB).unwrap());
    }
    world.pass(s(30) - ms(1));
    world.crashes(WEB);
    assert!(world.restart_in(WEB) >= Some(ms(800)), "29.999 s of ready uptime settle nothing");
    assert_eq!(world.last_end(WEB).0.failures, 3);
    world.pass(world.restart_in(WEB).unwrap() + s(30));
    world.crashes(WEB);
    assert_eq!(world.restart_in(WEB), Some(ms(200)), "30 s do");
    assert_eq!(world.last_end(WEB).0.failures, 0);
}

#[test]
fn uptime_that_was_not_ready_settles_nothing() {
    let mut world = World::of([service("web", |it| {
        it.ready = Ready::Said;
        it.start_timeout = None;
        it.restart.limit = None;
    })]);
    world.boot();
    for failures in 0..3 {
        world.pass(s(3600));
        world.crashes(WEB);
        assert_eq!(world.last_end(WEB).0.failures, failures);
        world.pass(world.restart_in(WEB).unwrap());
    }
}

#[test]
fn a_start_by_hand_clears_the_budget_and_the_backoff() {
    for command in [Event::Start(WEB.unit), Event::Restart(WEB.unit)] {
        let mut world = web(RestartWhen::OnFailure);
        for _ in 0..6 {
            world.crashes(WEB);
            world.pass(world.restart_in(WEB).unwrap_or_default());
        }
        assert_eq!(world.standing(WEB), Standing::Down(Rest::Failed));
        world.tell(command);
        for _ in 0..5 {
            world.crashes(WEB);
            world.pass(world.restart_in(WEB).expect("the budget is whole again"));
        }
    }
}

#[test]
fn a_restart_in_backoff_is_by_hand_and_spends_nothing() {
    let mut world = web(RestartWhen::OnFailure);
    for _ in 0..50 {
        world.crashes(WEB);
        assert_eq!(world.restart_in(WEB), Some(ms(200)));
        world.tell(Event::Restart(WEB.unit));
        assert_eq!(world.standing(WEB), Standing::Ready);
    }
}

#[test]
fn restarts_by_hand_do_not_make_the_next_crash_wait_longer() {
    let mut world = web(RestartWhen::OnFailure);
    for _ in 0..10 {
        world.tell(Event::Restart(WEB.unit));
    }
    world.crashes(WEB);
    assert_eq!((world.restart_in(WEB), world.last_end(WEB).0.failures), (Some(ms(200)), 0));
}

#[test]
fn what_ends_because_somebody_asked_has_not_crashed() {
    let mut world = web(RestartWhen::OnFailure);
    world.tell(Event::Stop(WEB.unit));
    let (evidence, judgement, _) = world.last_end(WEB);
    assert_eq!((evidence.kind(), judgement.next), (None, Next::Stopped));
}

#[test]
fn even_a_successful_loop_without_any_delay_is_slowed() {
    let mut world = World::of([service("web", |it| {
        it.restart.when = RestartWhen::Always;
        it.restart.backoff = Backoff::new(Duration::ZERO, s(60)).unwrap();
        it.restart.limit = None;
    })]);
    world.boot();
    for intent in [None, Some(Intent::RestartNow), Some(Intent::Retry)] {
        for round in 0..20 {
            if let Some(intent) = intent {
                world.say(WEB, exiting(intent));
            }
            world.exits(WEB, 0);
            let floor = if round < 4 && intent.is_none() { Duration::ZERO } else { s(1) };
            assert!(world.restart_in(WEB) >= Some(floor), "round {round}");
            world.pass(world.restart_in(WEB).unwrap());
        }
    }
    world.pass(s(30));
    world.exits(WEB, 0);
    assert_eq!(world.restart_in(WEB), Some(Duration::ZERO), "it had settled");
}

#[test]
fn an_end_is_told_with_all_that_is_known() {
    let mut world = web(RestartWhen::OnFailure);
    world.pass(s(12));
    world.ends(WEB, Ending::Killed { signal: 6, core_dumped: true });
    let (evidence, ..) = world.last_end(WEB);
    assert_eq!((evidence.uptime, evidence.ready_uptime), (s(12), Some(s(12))));
    assert_eq!(evidence.kind(), Some(Kind::Crashed));
    assert!(world.saw(|report| matches!(report, Report::Ended { pid: Some(1_001), .. })));
}
