//! Units that restart together.

use crate::world::*;
use hearken_core::action::{Action, Outcome, Report};
use hearken_core::budget::Limit;
use hearken_core::evidence::{Said, StopCause};
use hearken_core::gate::StartRate;
use hearken_core::identity::{GroupIndex, InstanceId, UnitIndex, UnitName};
use hearken_core::instance::{Rest, Standing};
use hearken_core::judge::{DecidedBy, Next};
use hearken_core::policy::{GroupOnLimit, GroupPolicy, Ready, Strategy, UnitPolicy};
use hearken_core::supervision::{Event, Plan, WhenIdle};

const A: InstanceId = WEB;
const B: InstanceId = InstanceId { unit: UnitIndex(1), slot: 1 };
const C: InstanceId = InstanceId { unit: UnitIndex(2), slot: 1 };

fn group_of(strategy: Strategy, change: impl Fn(&mut UnitPolicy)) -> World {
    limited(strategy, None, GroupOnLimit::Fail, change)
}

fn limited(
    strategy: Strategy,
    limit: Option<Limit>,
    on_limit: GroupOnLimit,
    change: impl Fn(&mut UnitPolicy),
) -> World {
    let units = ["a", "b", "c"].map(|name| {
        service(name, |it| {
            it.ready = Ready::Said;
            it.restart.limit = None;
            change(it);
        })
    });
    let group = GroupPolicy {
        name: UnitName::new("all").unwrap(),
        units: [A, B, C].map(|id| id.unit).to_vec(),
        strategy,
        limit,
        on_limit,
    };
    let (units, groups, starts) = (units.to_vec(), vec![group], StartRate::default());
    let mut world =
        World::planned(Plan { units, groups, starts, when_idle: WhenIdle::Stay, seed: 7 });
    world.healthy = true;
    world.boot();
    world
}

fn incarnations(world: &World) -> [u32; 3] {
    [A, B, C].map(|id| world.incarnation(id))
}

/// Who was told to stop, in order.
fn stops(world: &World) -> Vec<InstanceId> {
    let stop = |action: &Action| match action {
        Action::Report(Report::Stopping { id, cause: StopCause::GroupRestart, .. }) => Some(*id),
        _ => None,
    };
    world.actions.iter().filter_map(stop).collect()
}

#[test]
fn one_for_one_restarts_nobody_else() {
    let mut world = group_of(Strategy::OneForOne, |it| it.instances = 2);
    world.crashes(B);
    world.pass(s(1));
    assert_eq!(incarnations(&world), [1, 2, 1]);
    assert_eq!(world.incarnation(nth(1, 2)), 1, "not even its sibling");
    assert!(!world.saw(|it| matches!(it, Report::GroupRestarting { .. })));
}

#[test]
fn one_for_all_stops_the_last_first_and_starts_the_first_first() {
    let mut world = group_of(Strategy::OneForAll, |_| {});
    world.healthy = false;
    world.spawns.clear();
    world.crashes(B);
    assert_eq!(stops(&world), [C, A], "and who failed is down");
    let starts = |world: &World| world.spawns.iter().map(|(_, id)| *id).collect::<Vec<_>>();
    assert_eq!(starts(&world), [A], "the first waits for no delay");
    world.pass(s(10));
    assert_eq!(starts(&world), [A], "the next waits for it to be ready");
    world.say(A, Said::Ready);
    assert_eq!(starts(&world), [A, B]);
    world.say(B, Said::Ready);
    assert_eq!(starts(&world), [A, B, C]);
    assert_eq!(world.decided(C), (Next::Held, DecidedBy::Group));
}

#[test]
fn one_for_all_starts_nobody_before_everybody_is_down() {
    let mut world = group_of(Strategy::OneForAll, |_| {});
    world.process(A).manners = Manners::IgnoresTerm;
    world.crashes(B);
    world.pass(s(10) - ms(1));
    assert_eq!(incarnations(&world), [1, 1, 1], "the first still comes down");
    world.pass(s(1));
    assert_eq!(incarnations(&world), [2, 2, 2]);
}

#[test]
fn who_failed_in_a_group_waits_for_its_delay() {
    let mut world = group_of(Strategy::OneForAll, |_| {});
    world.crashes(A);
    world.pass(ms(199));
    assert_eq!(incarnations(&world), [1, 1, 1]);
    world.pass(ms(1));
    assert_eq!(incarnations(&world), [2, 2, 2]);
}

#[test]
fn rest_for_one_restarts_those_behind_and_leaves_those_before() {
    let mut world = group_of(Strategy::RestForOne, |_| {});
    world.crashes(B);
    world.pass(s(1));
    assert_eq!(incarnations(&world), [1, 2, 2]);
    world.crashes(C);
    world.pass(s(1));
    assert_eq!(incarnations(&world), [1, 2, 3], "nobody stands behind the last");
}

#[test]
fn in_rest_for_one_those_behind_wait_for_everybody_who_failed_before_them() {
    let mut world = group_of(Strategy::RestForOne, |_| {});
    world.process(C).manners = Manners::IgnoresTerm;
    world.healthy = false;
    world.crashes(A);
    world.pass(s(1));
    world.say(A, Said::Ready);
    assert_eq!(incarnations(&world), [2, 1, 1], "the last still comes down");
    world.pass(s(10));
    assert_eq!(incarnations(&world), [2, 2, 1]);
    world.say(B, Said::Ready);
    assert_eq!(incarnations(&world), [2, 2, 2]);
}

#[test]
fn all_instances_of_a_unit_restart_with_its_group() {
    let mut world = group_of(Strategy::OneForAll, |it| it.instances = 2);
    world.crashes(nth(1, 2));
    world.pass(s(1));
    for (unit, slot) in [(0, 1), (0, 2), (1, 1), (1, 2), (2, 1), (2, 2)] {
        assert_eq!(world.incarnation(nth(unit, slot)), 2, "{unit}#{slot}");
    }
}

#[test]
fn who_failed_for_good_beside_a_ready_sibling_holds_up_nobody() {
    let mut world = group_of(Strategy::OneForAll, |it| it.instances = 2);
    world.exits(nth(0, 2), 78);
    assert_eq!(world.standing(nth(0, 2)), Standing::Down(Rest::Failed));
    world.crashes(C);
    world.pass(s(1));
    assert_eq!(incarnations(&world), [2, 2, 2]);
}

#[test]
fn an_operators_stop_of_a_member_blocks_nobody_and_is_not_undone() {
    let mut world = group_of(Strategy::OneForAll, |_| {});
    world.tell(Event::Stop(A.unit));
    world.crashes(B);
    world.pass(s(60));
    assert_eq!(incarnations(&world), [1, 2, 2]);
    assert_eq!(world.standing(A), Standing::Down(Rest::Stopped));
}

#[test]
fn an_operators_stop_during_a_round_lets_the_others_go_on() {
    let mut world = group_of(Strategy::OneForAll, |_| {});
    world.process(A).manners = Manners::IgnoresTerm;
    world.crashes(B);
    world.tell(Event::Stop(A.unit));
    world.pass(s(60));
    assert_eq!(world.standing(A), Standing::Down(Rest::Stopped));
    assert_eq!(incarnations(&world), [1, 2, 2]);
}

#[test]
fn who_is_started_by_hand_during_a_round_still_starts() {
    let mut world = group_of(Strategy::OneForAll, |_| {});
    world.healthy = false;
    world.crashes(A);
    world.tell(Event::Start(C.unit));
    world.pass(s(1));
    for id in [A, B] {
        world.say(id, Said::Ready);
    }
    assert_eq!(incarnations(&world), [2, 2, 2]);
}

#[test]
fn a_failure_during_a_round_begins_it_again() {
    let mut world = group_of(Strategy::OneForAll, |_| {});
    world.healthy = false;
    world.crashes(C);
    world.say(A, Said::Ready);
    world.crashes(B);
    world.pass(s(10));
    for id in [A, B, C] {
        world.say(id, Said::Ready);
        world.pass(s(1));
    }
    assert_eq!(incarnations(&world), [3, 3, 2]);
    assert_eq!(world.alive(), 3);
}

#[test]
fn a_config_error_said_before_the_round_stays_a_failure() {
    let mut world = group_of(Strategy::OneForAll, |_| {});
    world.process(A).manners = Manners::IgnoresTerm;
    world.say(A, Said::Error(error(hearken_core::kind::Kind::Config)));
    world.crashes(B);
    world.pass(s(60));
    assert_eq!(world.standing(A), Standing::Down(Rest::Failed));
    assert_eq!(incarnations(&world), [1, 2, 2]);
}

#[test]
fn a_group_that_restarts_too_often_fails_until_an_operator_starts_it() {
    let limit = Some(Limit::new(2, s(60)).unwrap());
    let mut world = limited(Strategy::OneForOne, limit, GroupOnLimit::Fail, |_| {});
    for id in [A, B, C] {
        world.crashes(id);
        world.pass(s(1));
    }
    assert!(world.saw(|it| *it == Report::GroupFailed { group: GroupIndex(0), because: C }));
    world.pass(s(3600));
    assert_eq!(world.alive(), 0);
    assert_eq!([A, B, C].map(|id| world.standing(id)), [Standing::Down(Rest::Failed); 3]);
    world.tell(Event::Start(A.unit));
    assert_eq!(world.standing(A), Standing::Ready);
}

#[test]
fn a_start_by_hand_forgives_the_group_as_well() {
    let limit = Some(Limit::new(1, s(3600)).unwrap());
    let mut world = limited(Strategy::OneForOne, limit, GroupOnLimit::Fail, |_| {});
    world.crashes(A);
    world.pass(s(1));
    world.crashes(B);
    assert_eq!(world.standing(B), Standing::Down(Rest::Failed));
    world.tell(Event::Start(B.unit));
    world.crashes(B);
    world.pass(s(1));
    assert_eq!(world.standing(B), Standing::Ready);
}

#[test]
fn a_group_that_restarts_too_often_may_end_the_daemon() {
    let limit = Some(Limit::new(1, s(60)).unwrap());
    let mut world = limited(Strategy::OneForAll, limit, GroupOnLimit::ShutDown, |_| {});
    world.crashes(A);
    world.pass(s(1));
    world.crashes(B);
    assert_eq!(world.left, Some(Outcome::GroupLimitReached(GroupIndex(0))));
}
