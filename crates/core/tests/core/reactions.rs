//! Errors of a child that runs on, and the rules that decide about them.

use crate::world::*;
use hearken_core::action::{Outcome, Report};
use hearken_core::budget::Limit;
use hearken_core::evidence::{Said, StopCause};
use hearken_core::identity::InstanceId;
use hearken_core::instance::{Rest, Standing};
use hearken_core::judge::{DecidedBy, Next};
use hearken_core::kind::Kind;
use hearken_core::policy::{OnLimit, Ready, UnitPolicy};
use hearken_core::rule::{Match, Rule, RulePace};
use hearken_core::supervision::Event;
use hearken_core::verdict::{InstanceVerdict, UnitVerdict};

const OTHER: InstanceId = InstanceId { unit: WEB.unit, slot: 2 };

/// A rule about timeouts.
fn rule(instance: Option<InstanceVerdict>, unit: Option<UnitVerdict>) -> Rule {
    Rule {
        label: "rule 1 of web".into(),
        matches: Match { kind: vec![Kind::Timeout], ..Match::default() },
        task: None,
        instance,
        unit,
        pace: Some(RulePace::Delay(s(3))),
    }
}

/// Two instances, under this rule.
fn ruled(rule: Rule, change: impl Fn(&mut UnitPolicy)) -> World {
    let mut world = World::of([service("web", |it| {
        it.instances = 2;
        it.rules = [rule].into();
        change(it);
    })]);
    world.boot();
    world
}

fn complains(world: &mut World, id: InstanceId, kind: Kind) {
    world.say(id, Said::Error(error(kind)));
}

#[test]
fn one_short_of_resources_is_recycled_after_its_delay_and_not_counted() {
    let mut world = World::of([service("web", |_| {})]);
    world.boot();
    for round in 2..12 {
        complains(&mut world, WEB, Kind::Resource);
        assert_eq!(world.last_end(WEB).0.stopped_by, Some(StopCause::Verdict));
        assert_eq!(world.decided(WEB), (again(false), DecidedBy::Error));
        let wait = world.restart_in(WEB).unwrap();
        assert!(wait >= if round == 2 { ms(200) } else { ms(100 << (round - 2)).min(s(30)) });
        world.pass(wait);
        assert_eq!(world.incarnation(WEB), round, "five a minute may not be more if they count");
    }
}

#[test]
fn a_config_error_of_a_running_child_stops_it_for_good() {
    let mut world = ruled(rule(None, None), |_| {});
    complains(&mut world, WEB, Kind::Config);
    world.pass(s(3600));
    assert_eq!(world.standing(WEB), Standing::Down(Rest::Failed));
    assert_eq!(world.standing(OTHER), Standing::Ready, "only by a rule does it take the unit");
}

#[test]
fn an_error_that_no_rule_names_changes_nothing() {
    let mut world = ruled(rule(Some(InstanceVerdict::Stop), None), |_| {});
    complains(&mut world, WEB, Kind::Transient);
    assert_eq!(world.standing(WEB), Standing::Ready);
    assert!(!world.saw(|it| matches!(it, Report::Reacted { .. })));
}

#[test]
fn a_rule_counts_errors_of_a_running_child_until_its_limit_bites() {
    let mut world = ruled(rule(None, Some(UnitVerdict::Count)), |_| {});
    for _ in 0..5 {
        complains(&mut world, WEB, Kind::Timeout);
        assert_eq!(world.standing(WEB), Standing::Ready);
    }
    complains(&mut world, WEB, Kind::Timeout);
    assert_eq!(world.decided(WEB), (Next::Failed, DecidedBy::Budget));
    assert_eq!(world.standing(OTHER), Standing::Ready);
}

#[test]
fn errors_that_were_counted_leave_less_for_restarts() {
    let limit = Some(Limit::new(2, s(60)).unwrap());
    let mut world = ruled(rule(None, Some(UnitVerdict::Count)), |it| it.restart.limit = limit);
    complains(&mut world, WEB, Kind::Timeout);
    world.say(WEB, Said::Working);
    world.crashes(WEB);
    world.pass(s(3));
    assert_eq!(world.standing(WEB), Standing::Ready);
    world.crashes(WEB);
    assert_eq!(world.decided(WEB), (Next::Failed, DecidedBy::Budget));
}

#[test]
fn an_error_and_the_exit_it_explains_are_counted_once() {
    let limit = Some(Limit::new(1, s(60)).unwrap());
    let mut world = ruled(rule(None, Some(UnitVerdict::Count)), |it| it.restart.limit = limit);
    complains(&mut world, WEB, Kind::Timeout);
    world.exits(WEB, 1);
    world.pass(s(3));
    assert_eq!((world.standing(WEB), world.incarnation(WEB)), (Standing::Ready, 2));
}

#[test]
fn two_errors_are_two_though_the_second_is_read_after_the_exit() {
    let limit = Some(Limit::new(1, s(60)).unwrap());
    let mut world = ruled(rule(None, Some(UnitVerdict::Count)), |it| it.restart.limit = limit);
    complains(&mut world, WEB, Kind::Timeout);
    let token = world.token(WEB);
    world.process(WEB).held_open = true;
    world.exits(WEB, 1);
    world.tell(Event::Said(token, Said::Error(error(Kind::Transient))));
    world.tell(Event::Drained(token));
    assert_eq!(world.decided(WEB), (Next::Failed, DecidedBy::Budget));
}

#[test]
fn a_limit_that_waits_lets_a_child_with_errors_run_on() {
    let mut world = ruled(rule(None, Some(UnitVerdict::Count)), |it| {
        it.restart.on_limit = OnLimit::Wait;
    });
    for _ in 0..50 {
        complains(&mut world, WEB, Kind::Timeout);
    }
    assert_eq!(world.standing(WEB), Standing::Ready);
}

#[test]
fn an_error_may_use_up_the_budget_of_the_daemon() {
    let mut world = ruled(rule(None, Some(UnitVerdict::Count)), |it| {
        it.restart.on_limit = OnLimit::ShutDown;
        it.restart.limit = Some(Limit::new(1, s(60)).unwrap());
    });
    complains(&mut world, WEB, Kind::Timeout);
    complains(&mut world, WEB, Kind::Timeout);
    assert_eq!(world.left, Some(Outcome::LimitReached(WEB.unit)));
}

#[test]
fn a_pause_holds_every_instance_of_the_unit() {
    let mut world = ruled(rule(None, Some(UnitVerdict::Pause)), |_| {});
    complains(&mut world, WEB, Kind::Timeout);
    assert!(world.saw(|it| *it == Report::Paused { unit: WEB.unit, length: s(3) }));
    assert_eq!(world.standing(WEB), Standing::Ready, "who runs is left alone");
    world.crashes(OTHER);
    world.pass(s(3) - ms(1));
    assert_eq!(world.standing(OTHER), Standing::Backoff);
    world.pass(ms(1));
    assert_eq!(world.standing(OTHER), Standing::Ready);
}

#[test]
fn a_pause_holds_a_restart_that_was_to_come_sooner() {
    let mut world = ruled(rule(None, Some(UnitVerdict::Pause)), |_| {});
    world.crashes(OTHER);
    complains(&mut world, WEB, Kind::Timeout);
    world.pass(s(3) - ms(1));
    assert_eq!(world.standing(OTHER), Standing::Backoff);
}

#[test]
fn an_operator_waits_for_no_pause() {
    let mut world = ruled(rule(None, Some(UnitVerdict::Pause)), |_| {});
    complains(&mut world, WEB, Kind::Timeout);
    world.crashes(OTHER);
    world.tell(Event::Start(WEB.unit));
    assert_eq!(world.standing(OTHER), Standing::Ready);
    world.crashes(OTHER);
    world.pass(ms(200));
    assert_eq!(world.standing(OTHER), Standing::Ready, "the pause is over");
}

#[test]
fn a_rule_that_fails_takes_the_whole_unit_down() {
    let mut world = ruled(rule(None, Some(UnitVerdict::Fail)), |_| {});
    complains(&mut world, WEB, Kind::Timeout);
    world.pass(s(3600));
    for id in [WEB, OTHER] {
        assert_eq!(world.standing(id), Standing::Down(Rest::Failed));
    }
    assert_eq!(world.decided(OTHER), (Next::Failed, DecidedBy::Unit));
    world.tell(Event::Start(WEB.unit));
    assert_eq!(world.alive(), 2);
}

#[test]
fn a_rule_that_shuts_down_ends_the_daemon() {
    let mut world = ruled(rule(None, Some(UnitVerdict::ShutDown)), |_| {});
    complains(&mut world, WEB, Kind::Timeout);
    assert_eq!(world.left, Some(Outcome::RuleShutDown(WEB.unit)));
}

#[test]
fn a_rule_that_replaces_kills_at_once() {
    let mut world = ruled(rule(Some(InstanceVerdict::Replace), None), |_| {});
    world.process(WEB).manners = Manners::IgnoresTerm;
    complains(&mut world, WEB, Kind::Timeout);
    assert_eq!((world.kills(), world.signals(WEB).len()), (1, 0));
    assert_eq!(world.restart_in(WEB), Some(s(3)));
}

#[test]
fn a_verdict_is_carried_out_though_the_child_leaves_by_itself() {
    let mut world = ruled(rule(Some(InstanceVerdict::Recycle), None), |_| {});
    world.process(WEB).manners = Manners::IgnoresTerm;
    complains(&mut world, WEB, Kind::Timeout);
    world.exits(WEB, 0);
    assert_eq!((world.decided(WEB).1, world.restart_in(WEB)), (DecidedBy::Rule(0), Some(s(3))));
}

#[test]
fn the_last_command_is_stronger_than_a_verdict() {
    let mut world = ruled(rule(Some(InstanceVerdict::Stop), None), |_| {});
    world.process(WEB).manners = Manners::IgnoresTerm;
    complains(&mut world, WEB, Kind::Timeout);
    world.tell(Event::Restart(WEB.unit));
    world.pass(s(10));
    assert_eq!((world.standing(WEB), world.incarnation(WEB)), (Standing::Ready, 2));
}

#[test]
fn an_error_said_before_its_pid_is_known_is_answered_once_it_is() {
    let mut world = World::of([service("web", |it| it.ready = Ready::Said)]);
    world.forks = Forks::Never;
    world.boot();
    complains(&mut world, WEB, Kind::Config);
    world.forked(WEB);
    assert_eq!(world.last_end(WEB).0.stopped_by, Some(StopCause::Verdict));
    assert_eq!(world.standing(WEB), Standing::Down(Rest::Failed));
}
