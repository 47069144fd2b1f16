//! A random plan: everything a config can ask for, with short times, so that much happens soon.

use super::dice::Dice;
use crate::world::*;
use hearken_core::backoff::Backoff;
use hearken_core::budget::Limit;
use hearken_core::evidence::Scope;
use hearken_core::gate::StartRate;
use hearken_core::glob::Glob;
use hearken_core::identity::{UnitIndex, UnitName};
use hearken_core::kind::Kind;
use hearken_core::policy::{
    After, GroupOnLimit, GroupPolicy, OnDependencyRestart, OnLimit, Probing, Ready, RestartWhen,
    Strategy, UnitPolicy, Until,
};
use hearken_core::rule::{Match, Rule, RulePace, Span};
use hearken_core::supervision::{Plan, WhenIdle};
use hearken_core::verdict::{InstanceVerdict, UnitVerdict};

pub(super) fn plan(dice: &mut Dice) -> Plan {
    let count = dice.count(1, 5);
    let units: Vec<_> = (0..count).map(|index| unit(dice, index)).collect();
    let groups = groups(dice, count);
    let starts = StartRate { burst: dice.count(1, 8), per_second: dice.count(1, 100) };
    let when_idle = dice.pick(&[WhenIdle::Stay, WhenIdle::Stay, WhenIdle::Stay, WhenIdle::Exit]);
    Plan { units, groups, starts, when_idle, seed: dice.roll() }
}

fn backoff(dice: &mut Dice) -> Backoff {
    Backoff::new(ms(dice.pick(&[0, 1, 200])), ms(dice.pick(&[200, 2_000]))).unwrap()
}

fn limit(dice: &mut Dice) -> Limit {
    Limit::new(dice.count(1, 4), dice.millis(1, 20_000)).unwrap()
}

fn probing(dice: &mut Dice) -> Probing {
    Probing {
        interval: dice.millis(100, 2_000),
        timeout: dice.millis(60, 500),
        failures: dice.maybe(70, |dice| dice.count(1, 3)),
    }
}

fn unit(dice: &mut Dice, index: u32) -> UnitPolicy {
    use RestartWhen::{Always, Never, OnFailure};
    service(&format!("u{index}"), |it| {
        it.instances = dice.pick(&[1, 1, 1, 2, 3]);
        it.critical = dice.percent(2);
        it.restart.when = dice.pick(&[Always, Always, OnFailure, OnFailure, OnFailure, Never]);
        it.restart.backoff = backoff(dice);
        it.restart.settle = dice.millis(0, 4_000);
        it.restart.limit = dice.maybe(70, limit);
        it.restart.on_limit = dice.pick(&[OnLimit::Fail, OnLimit::Fail, OnLimit::Wait]);
        if dice.percent(3) {
            it.restart.on_limit = OnLimit::ShutDown;
        }
        it.stop.grace = dice.millis(0, 3_000);
        it.ready = match dice.below(4) {
            0 | 1 => Ready::Said,
            2 => Ready::Started,
            _ => Ready::Probe(probing(dice)),
        };
        it.start_timeout = dice.maybe(70, |dice| dice.millis(500, 6_000));
        it.after = after(dice, index);
        use OnDependencyRestart::{Keep, Restart, Stop};
        it.on_dependency_restart = dice.pick(&[Keep, Restart, Restart, Restart, Stop]);
        let rules = dice.pick(&[0, 0, 1, 2]);
        it.rules = (0..rules).map(|place| rule(dice, place)).collect();
        it.watchdog = dice.maybe(35, |dice| dice.millis(500, 3_000));
        it.progress_timeout = dice.maybe(20, |dice| dice.millis(500, 3_000));
        it.health = dice.maybe(35, probing);
    })
}

/// A unit may come after any before it: there is no cycle.
fn after(dice: &mut Dice, index: u32) -> Vec<After> {
    let mut after = Vec::new();
    for other in (0..index).map(UnitIndex) {
        if dice.percent(30) {
            let until = dice.pick(&[Until::Started, Until::Ready, Until::Ready, Until::Succeeded]);
            after.push(After { unit: other, until });
        }
    }
    after
}

fn rule(dice: &mut Dice, place: u32) -> Rule {
    use InstanceVerdict::{Keep, Recycle, Replace, Stop};
    use UnitVerdict::{Count, Fail, Pause};
    let mut matches = Match::default();
    match dice.below(6) {
        0 => matches.kind = vec![dice.pick(&Kind::ALL), dice.pick(&Kind::ALL)],
        1 => {
            matches.code = vec![Glob::new(dice.pick(&["a.*", "watchdog", "health", "*"])).unwrap()]
        }
        2 => matches.exit_code = vec![dice.pick(&[0, 1, 75, 78])],
        3 => matches.scope = vec![dice.pick(&Scope::ALL)],
        4 => {
            let below = dice.maybe(50, |dice| dice.millis(501, 3_000));
            matches.uptime = Some(Span { from: dice.millis(0, 500), below });
        }
        _ => matches.attempt = Some(dice.count(1, 2)..=dice.count(2, 5)),
    }
    let mut unit = dice
        .maybe(70, |dice| dice.pick(&[UnitVerdict::None, Count, Count, Pause, Pause, Pause, Fail]));
    let mut instance = dice.maybe(60, |dice| dice.pick(&[Keep, Recycle, Replace, Stop]));
    match dice.below(100) {
        0..2 => unit = Some(UnitVerdict::ShutDown),
        // Complaints of a child that may go on in spite of them, up to its limit.
        2..20 => {
            matches = Match { kind: Kind::ALL.to_vec(), ..Match::default() };
            (instance, unit) = (Some(Keep), Some(Count));
        }
        _ => {}
    }
    Rule {
        label: format!("rule {place}").into(),
        matches,
        task: None,
        instance,
        unit,
        pace: dice.maybe(60, |dice| match dice.below(2) {
            0 => RulePace::Delay(dice.millis(0, 3_000)),
            _ => RulePace::Backoff(backoff(dice)),
        }),
    }
}

fn groups(dice: &mut Dice, units: u32) -> Vec<GroupPolicy> {
    use Strategy::{OneForAll, OneForOne, RestForOne};
    let mut of = vec![Vec::new(), Vec::new()];
    for unit in (0..units).map(UnitIndex) {
        match dice.below(5) {
            0 | 1 => of[0].push(unit),
            2 => of[1].push(unit),
            _ => {}
        }
    }
    of.retain(|units| !units.is_empty());
    let policy = |(index, units): (usize, _)| GroupPolicy {
        name: UnitName::new(&format!("g{index}")).unwrap(),
        units,
        strategy: dice.pick(&[OneForOne, OneForAll, OneForAll, RestForOne, RestForOne]),
        limit: dice.maybe(60, limit),
        on_limit: match dice.percent(5) {
            true => GroupOnLimit::ShutDown,
            false => GroupOnLimit::Fail,
        },
    };
    of.into_iter().enumerate().map(policy).collect()
}
