use super::*;
use proptest::prelude::*;
use proptest::sample::select;

fn failure() -> Circumstances<'static> {
    Circumstances {
        kind: Some(Kind::Transient),
        code: Some("db.deadlock"),
        exit_code: Some(75),
        signal: None,
        scope: Some(Scope::Dependency),
        retryable: Some(true),
        uptime: Duration::from_secs(10),
        attempt: 3,
    }
}

fn glob(text: &str) -> Glob {
    Glob::new(text).unwrap()
}

fn matching(change: impl FnOnce(&mut Match)) -> Match {
    let mut it = Match::default();
    change(&mut it);
    it
}

#[test]
fn every_criterion_counts() {
    let secs = Duration::from_secs;
    let span = |from, below: Option<u64>| Some(Span { from: secs(from), below: below.map(secs) });
    let table = [
        (matching(|it| it.kind = vec![Kind::Bug, Kind::Transient]), true),
        (matching(|it| it.kind = vec![Kind::Bug]), false),
        (matching(|it| it.code = vec![glob("net.*"), glob("db.*")]), true),
        (matching(|it| it.code = vec![glob("net.*")]), false),
        (matching(|it| it.exit_code = vec![75, 111]), true),
        (matching(|it| it.exit_code = vec![1]), false),
        (matching(|it| it.signal = vec![9]), false),
        (matching(|it| it.scope = vec![Scope::Dependency]), true),
        (matching(|it| it.scope = vec![Scope::Task]), false),
        (matching(|it| it.retryable = Some(true)), true),
        (matching(|it| it.retryable = Some(false)), false),
        (matching(|it| it.uptime = span(10, None)), true),
        (matching(|it| it.uptime = span(0, Some(10))), false),
        (matching(|it| it.attempt = Some(3..=u32::MAX)), true),
        (matching(|it| it.attempt = Some(1..=2)), false),
        (
            matching(|it| {
                it.kind = vec![Kind::Transient];
                it.code = vec![glob("net.*")];
            }),
            false,
        ),
    ];
    for (matches, holds) in table {
        assert_eq!(matches.holds(&failure()), holds, "{matches:?}");
    }
}

#[test]
fn a_rule_speaks_of_failures_unless_it_names_exit_code_0() {
    let success = Circumstances { kind: None, code: None, exit_code: Some(0), ..failure() };
    assert!(!matching(|it| it.attempt = Some(1..=u32::MAX)).holds(&success));
    assert!(matching(|it| it.exit_code = vec![0]).holds(&success));
}

#[test]
fn the_first_that_matches_wins() {
    let rule = |matches| Rule {
        label: "a rule".into(),
        matches,
        task: None,
        instance: None,
        unit: None,
        pace: None,
    };
    let rules = [
        rule(matching(|it| it.kind = vec![Kind::Bug])),
        rule(matching(|it| it.code = vec![glob("db.*")])),
        rule(matching(|it| it.kind = vec![Kind::Transient])),
    ];
    assert_eq!(first(&rules, &failure()).map(|(place, _)| place), Some(1));
    let other = Circumstances { kind: Some(Kind::Denied), code: None, ..failure() };
    assert_eq!(first(&rules, &other), None);
}

prop_compose! {
    fn a_match()(
        kind in prop::collection::vec(select(vec![Kind::Bug, Kind::Transient]), 0..3),
        code in prop::collection::vec("[ab*]{1,3}", 0..3),
        exit_code in prop::collection::vec(0..3_i32, 0..3),
        signal in prop::collection::vec(1..3_i32, 0..2),
        scope in prop::collection::vec(select(vec![Scope::Task, Scope::Service]), 0..2),
        retryable: Option<bool>,
        uptime in prop::option::of((0_u64..3, prop::option::of(0_u64..4))),
        attempt in prop::option::of((1_u32..4, select(vec![1, 2, 3, u32::MAX]))),
    ) -> Match {
        let uptime = uptime.map(|(from, below)| Span {
            from: Duration::from_secs(from),
            below: below.map(Duration::from_secs),
        });
        let code = code.iter().map(|it| glob(it)).collect();
        let attempt = attempt.map(|(from, to)| from..=to);
        Match { kind, code, exit_code, signal, scope, retryable, uptime, attempt }
    }
}

proptest! {
    #[test]
    fn what_is_hidden_is_never_reached(
        earlier in a_match(),
        later in a_match(),
        kind in prop::option::of(select(vec![Kind::Bug, Kind::Transient, Kind::Config])),
        code in prop::option::of("[ab]{0,3}"),
        exit_code in prop::option::of(0..3_i32),
        signal in prop::option::of(1..3_i32),
        scope in prop::option::of(select(vec![Scope::Task, Scope::Service])),
        retryable: Option<bool>,
        uptime in 0_u64..5,
        attempt in 1_u32..5,
    ) {
        let uptime = Duration::from_secs(uptime);
        let code = code.as_deref();
        let it = Circumstances { kind, code, exit_code, signal, scope, retryable, uptime, attempt };
        if earlier.covers(&later) && later.holds(&it) {
            prop_assert!(earlier.holds(&it));
        }
    }
}
