//! A random policy, with short times, so that much happens soon.

use crate::simulation::dice::Dice;
use crate::world::{ms, s};
use hearken_core::backoff::Backoff;
use hearken_core::glob::Glob;
use hearken_core::kind::Kind;
use hearken_core::pool::{Clocks, PoolPolicy, Recycle, RetryBudget, RetryPolicy, WorkMode};
use hearken_core::rule::{Match, Rule, RulePace};
use hearken_core::task::{BatchPolicy, Share};
use hearken_core::verdict::TaskVerdict;

#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) policy: PoolPolicy,
    pub(super) slots: u32,
    pub(super) seed: u64,
}

pub(super) fn plan(dice: &mut Dice) -> Plan {
    let exec = dice.percent(30);
    let min = if exec { 0 } else { dice.count(0, 3) };
    let max = min.max(1) + dice.count(0, 3);
    let hard = dice.maybe(60, |dice| dice.millis(200, 6_000));
    let soft = dice.maybe(30, |dice| dice.millis(100, 5_000));
    let rules = dice.pick(&[0, 0, 1, 2]);
    let policy = PoolPolicy {
        mode: if exec { WorkMode::Exec } else { WorkMode::Line },
        min,
        max,
        clocks: Clocks {
            accept: dice.millis(200, 3_000),
            soft,
            hard,
            total: None,
            cancel_grace: dice.millis(0, 2_000),
        },
        retry: RetryPolicy {
            attempts: dice.maybe(80, |dice| dice.count(1, 5)),
            crashes: dice.maybe(80, |dice| dice.count(1, 3)),
            snoozes: dice.maybe(80, |dice| dice.count(1, 4)),
            backoff: backoff(dice),
            max_elapsed: dice.maybe(20, |dice| dice.millis(1_000, 20_000)),
            budget: dice.maybe(30, |dice| RetryBudget {
                share: Share::percent(dice.pick(&[0, 10, 50, 100])).unwrap(),
                window: dice.millis(100, 10_000),
                floor: dice.count(0, 2),
            }),
        },
        recycle: Recycle {
            tasks: dice.maybe(30, |dice| dice.count(1, 12)),
            memory: dice.maybe(30, |_| 1 << 20),
            age: dice.maybe(20, |dice| dice.millis(500, 9_000)),
        },
        grow_after: dice.millis(0, 1_000),
        shrink_after: dice.millis(0, 4_000),
        queue: 100,
        dependency_pause: backoff(dice),
        rules: (0..rules).map(|_| rule(dice)).collect(),
    };
    // As the config has it: one more than may work, for a successor.
    let spare = u32::from(!exec && (policy.recycle.is_ever() || dice.percent(20)));
    Plan { slots: max + spare, policy, seed: dice.roll() }
}

fn backoff(dice: &mut Dice) -> Backoff {
    Backoff::new(ms(dice.pick(&[0, 1, 300])), s(dice.pick(&[1, 4]))).unwrap()
}

fn rule(dice: &mut Dice) -> Rule {
    use TaskVerdict::{DeadLetter, Discard, Retry, RetryElsewhere, Snooze, Succeed};
    let mut matches = Match::default();
    match dice.below(3) {
        0 => matches.kind = vec![dice.pick(&Kind::ALL), dice.pick(&Kind::ALL)],
        1 => matches.code = vec![Glob::new(dice.pick(&["a.*", "task.*", "exit.*"])).unwrap()],
        _ => matches.attempt = Some(2..=dice.count(2, 4)),
    }
    let verdicts = [DeadLetter, Discard, Retry, RetryElsewhere, RetryElsewhere, Snooze, Succeed];
    Rule {
        label: "rule".into(),
        matches,
        task: dice.maybe(80, |dice| dice.pick(&verdicts)),
        instance: None,
        unit: None,
        pace: dice.maybe(40, |dice| RulePace::Delay(dice.millis(0, 2_000))),
    }
}

pub(super) fn batch_policy(dice: &mut Dice) -> BatchPolicy {
    match dice.below(4) {
        0 => BatchPolicy::All,
        1 => BatchPolicy::Any,
        2 => BatchPolicy::Quorum(1 + dice.below(4)),
        _ => BatchPolicy::HaltOn(Share::percent(dice.pick(&[0, 25, 50, 100])).unwrap()),
    }
}
