use crate::testing::{good, pool, refuses_pool, warns_all, with_pool};
use hearken_core::backoff::Backoff;
use hearken_core::kind::Kind;
use hearken_core::rule::{Match, Rule, RulePace};
use hearken_core::verdict::{InstanceVerdict, TaskVerdict, UnitVerdict};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// A pool with one rule, whose lines start at line 4.
fn rule(lines: &str) -> String {
    format!("[[pool.jobs.rule]]\n{lines}")
}

#[test]
fn a_pool_has_what_a_service_has_of_a_program() {
    let pool = pool(
        "directory = \"work\"\nenvironment = { A = \"${HOST}\" }\ncritical = true\nstop = \"INT\"",
    );
    assert_eq!(pool.unit.policy.name.as_str(), "jobs");
    assert_eq!(pool.unit.directory, Path::new("/etc/hearken/work"));
    assert_eq!(pool.unit.environment["A"], "db1");
    assert!(pool.unit.policy.critical);
    assert_eq!(pool.unit.policy.stop.signal, 2);
    assert!(pool.unit.health.is_none() && pool.unit.policy.progress_timeout.is_none());
}

#[test]
fn rules_of_a_pool_have_three_axes() {
    let text = rule(
        "match = { kind = [\"rate_limited\", \"resource\"], code = \"x.*\" }\ntask = \"snooze\"\n\
         instance = \"recycle\"\nunit = \"count\"\nbackoff = { delay = \"5s\" }",
    );
    let found = pool(&text);
    let expected = Rule {
        label: "rule 1 of jobs (hearken.toml:3)".into(),
        matches: Match {
            kind: vec![Kind::RateLimited, Kind::Resource],
            code: vec![hearken_core::glob::Glob::new("x.*").unwrap()],
            ..Match::default()
        },
        task: Some(TaskVerdict::Snooze),
        instance: Some(InstanceVerdict::Recycle),
        unit: Some(UnitVerdict::Count),
        pace: Backoff::new(Duration::from_secs(5), Duration::from_secs(60))
            .ok()
            .map(RulePace::Backoff),
    };
    assert_eq!(*found.policy.rules, [expected]);
    assert!(Arc::ptr_eq(&found.policy.rules, &found.unit.policy.rules));
}

#[test]
fn a_delay_may_be_for_the_task_alone() {
    for lines in [
        "unit = \"fail\"\ndelay = \"5s\"",
        "instance = \"stop\"\ntask = \"retry\"\ndelay = \"5s\"",
        "delay = \"5s\"",
    ] {
        pool(&rule(&format!("match.kind = \"config\"\n{lines}")));
    }
}

#[test]
fn bad_rules_of_pools() {
    let table = [
        (
            "match.kind = \"bug\"",
            ["3:1", "[[pool.jobs.rule]]", "this [[pool.jobs.rule]] decides nothing", "say what"],
        ),
        (
            "match.kind = \"bug\"\ntask = \"drop\"",
            ["5:8", "\"drop\"", "`task` cannot be `drop`", "\"discard\""],
        ),
        (
            "match = { kind = \"bug\", unit = \"x\" }\ntask = \"retry\"",
            ["4:25", "unit", "`unit` in `match` has no place here", "write the rule as [[rule]]"],
        ),
        (
            "match.kind = \"bug\"\ntask = \"dead_letter\"\nunit = \"fail\"\ndelay = \"5s\"",
            ["7:1", "delay", "`delay` has no use beside unit = \"fail\"", "remove `delay`"],
        ),
    ];
    for (lines, expected) in table {
        refuses_pool(&rule(lines), expected);
    }
}

#[test]
fn in_a_pool_a_rule_for_tasks_hides_what_stands_behind_it() {
    let lines = rule("match.kind = \"bug\"\ntask = \"retry\"\n")
        + &rule("match.kind = \"bug\"\nunit = \"fail\"");
    let message =
        "rule 2 of jobs (hearken.toml:6) is never reached: rule 1 of jobs (hearken.toml:3)";
    warns_all(
        &with_pool(&lines),
        &[["6:1", "[[pool.jobs.rule]]", message, "remove one of the two"]],
    );
}

#[test]
fn a_rule_about_tasks_alone_is_for_pools() {
    let text = |pool: &str, unit: &str| {
        format!(
            "[[rule]]\nmatch = {{ kind = \"bug\"{unit} }}\ntask = \"retry\"\n\
             [service.web]\ncommand = [\"x\"]\n{pool}"
        )
    };
    let jobs = "[pool.jobs]\ncommand = [\"x\"]\n";
    let message = "only says what becomes of tasks, and it is for no pool";
    warns_all(&text("", ""), &[["1:1", "[[rule]]", message, "there is no pool"]]);
    let web = text(jobs, ", unit = \"web\"");
    warns_all(&web, &[["1:1", "[[rule]]", message, "the pools are `jobs`"]]);
    for unit in ["", ", unit = \"j*\""] {
        let loaded = good(&text(jobs, unit));
        assert!(loaded.warnings.is_empty());
        assert_eq!(loaded.config.pools[0].policy.rules.len(), 1);
        assert!(loaded.config.services[0].policy.rules.is_empty());
    }
}
