use super::RULES_MAX;
use crate::testing::{good, problems, refuses, refuses_all, service, warns_all};
use hearken_core::evidence::Scope;
use hearken_core::glob::Glob;
use hearken_core::kind::Kind;
use hearken_core::rule::{Match, Rule, RulePace, Span};
use hearken_core::verdict::{InstanceVerdict, TaskVerdict, UnitVerdict};
use std::sync::Arc;
use std::time::Duration;

/// A service with one rule, whose lines start at line 4.
fn with(lines: &str) -> String {
    format!("[service.web]\ncommand = [\"x\"]\n[[service.web.rule]]\n{lines}\n")
}

/// A config with one rule for all units, whose lines start at line 4.
fn for_all(lines: &str) -> String {
    format!("[service.web]\ncommand = [\"x\"]\n[[rule]]\n{lines}\n")
}

fn rules(text: &str) -> Vec<Rule> {
    good(text).config.services[0].policy.rules.to_vec()
}

fn globs(texts: &[&str]) -> Vec<Glob> {
    texts.iter().map(|text| Glob::new(text).unwrap()).collect()
}

#[test]
fn good_matches() {
    let secs = Duration::from_secs;
    let some = Match::default;
    let table = [
        ("{ kind = \"transient\" }", Match { kind: vec![Kind::Transient], ..some() }),
        (
            "{ kind = [\"oom\", \"start_failed\"] }",
            Match { kind: vec![Kind::Oom, Kind::StartFailed], ..some() },
        ),
        ("{ code = \"db.*\" }", Match { code: globs(&["db.*"]), ..some() }),
        ("{ code = [\"${HOST}.?\", \"*\"] }", Match { code: globs(&["db1.?", "*"]), ..some() }),
        ("{ exit_code = 0 }", Match { exit_code: vec![0], ..some() }),
        ("{ exit_code = [75, 0xff] }", Match { exit_code: vec![75, 255], ..some() }),
        ("{ signal = \"SIGSEGV\" }", Match { signal: vec![11], ..some() }),
        ("{ signal = [\"SEGV\", \"BUS\"] }", Match { signal: vec![11, 7], ..some() }),
        (
            "{ scope = [\"dependency\", \"task\"] }",
            Match { scope: vec![Scope::Dependency, Scope::Task], ..some() },
        ),
        ("{ retryable = false }", Match { retryable: Some(false), ..some() }),
        (
            "{ uptime = { at_least = \"10s\", below = \"1m\" } }",
            Match { uptime: Some(Span { from: secs(10), below: Some(secs(60)) }), ..some() },
        ),
        (
            "{ uptime = { below = \"1s\" } }",
            Match { uptime: Some(Span { from: secs(0), below: Some(secs(1)) }), ..some() },
        ),
        (
            "{ uptime.at_least = \"365d\" }",
            Match { uptime: Some(Span { from: secs(31_536_000), below: None }), ..some() },
        ),
        ("{ attempt = 3 }", Match { attempt: Some(3..=3), ..some() }),
        ("{ attempt = { at_least = 3, at_most = 5 } }", Match { attempt: Some(3..=5), ..some() }),
        ("{ attempt = { at_least = 1 } }", Match { attempt: Some(1..=u32::MAX), ..some() }),
        ("{ attempt.at_most = 2 }", Match { attempt: Some(1..=2), ..some() }),
    ];
    for (given, expected) in table {
        let found = service(&format!("[[service.web.rule]]\nmatch = {given}\nunit = \"count\""));
        let [rule] = &*found.policy.rules else { panic!("{given}") };
        assert_eq!(rule.matches, expected, "{given}");
    }
}

#[test]
fn good_verdicts() {
    let backoff = |low, high| {
        let [low, high] = [low, high].map(Duration::from_secs);
        Some(RulePace::Backoff(hearken_core::backoff::Backoff::new(low, high).unwrap()))
    };
    let delay = |ms| Some(RulePace::Delay(Duration::from_millis(ms)));
    let (stop, keep) = (Some(InstanceVerdict::Stop), Some(InstanceVerdict::Keep));
    let table = [
        ("instance = \"stop\"", None, stop, None, None),
        ("unit = \"shut_down\"", None, None, Some(UnitVerdict::ShutDown), None),
        ("delay = \"0s\"", None, None, None, delay(0)),
        ("delay = \"24h\"", None, None, None, delay(86_400_000)),
        ("backoff = { delay = \"2s\", max_delay = \"5m\" }", None, None, None, backoff(2, 300)),
        ("backoff.delay = \"1s\"", None, None, None, backoff(1, 60)),
        (
            "instance = \"keep\"\nunit = \"pause\"\ndelay = \"5s\"",
            None,
            keep,
            Some(UnitVerdict::Pause),
            delay(5_000),
        ),
        // The delay is the task's.
        (
            "task = \"retry\"\ninstance = \"stop\"\ndelay = \"1s\"",
            Some(TaskVerdict::Retry),
            stop,
            None,
            delay(1_000),
        ),
    ];
    for (lines, task, instance, unit, pace) in table {
        let found = rules(&for_all(&format!("match = {{ kind = \"bug\" }}\n{lines}")));
        let [rule] = found.as_slice() else { panic!("{lines}") };
        assert_eq!((rule.task, rule.instance, rule.unit, rule.pace), (task, instance, unit, pace));
    }
}

#[test]
fn bad_matches() {
    let table = [
        ("{}", ["4:9", "{}", "`match` is empty", "match = { kind = \"transient\" }"]),
        ("\"bug\"", ["4:9", "\"bug\"", "`match` must be a table", "every failure"]),
        ("{ knid = \"bug\" }", ["4:11", "knid", "unknown key `knid` in `match`", "`kind`?"]),
        ("{ status = 1 }", ["4:11", "status", "unknown key", "hearken calls it `exit_code`"]),
        ("{ message = \"x\" }", ["4:11", "message", "not supported yet", "remove it"]),
        ("{ kind = \"bugg\" }", ["4:18", "\"bugg\"", "cannot be `bugg`", "did you mean \"bug\"?"]),
        ("{ kind = \"*\" }", ["4:18", "\"*\"", "cannot be `*`", "attempt = { at_least = 1 }"]),
        ("{ kind = 3 }", ["4:18", "3", "a word in quotes", "kind = \"transient\""]),
        ("{ kind = [] }", ["4:18", "[]", "`kind` is an empty list", "remove `kind`"]),
        (
            "{ kind = [\"bug\", \"lots\"] }",
            ["4:26", "\"lots\"", "an element of `kind` cannot be `lots`", "did you mean \"lost\"?"],
        ),
        (
            "{ kind = [\"bug\", \"bug\"] }",
            ["4:26", "\"bug\"", "`kind` names the same twice", "remove one"],
        ),
        ("{ code = \"\" }", ["4:18", "\"\"", "must not be empty", "code = \"db.*\""]),
        (
            "{ code = \"a b\" }",
            ["4:18", "\"a b\"", "`code` is no pattern", "* stands for anything"],
        ),
        ("{ code = [\"a\", 3] }", ["4:24", "3", "must be a string", "\"3\""]),
        ("{ code = [] }", ["4:18", "[]", "`code` is an empty list", "name at least one"]),
        ("{ code = \"${NOPE}.*\" }", ["4:19", "${NOPE}", "NOPE is not set", "${NOPE:-…}"]),
        ("{ exit_code = 256 }", ["4:23", "256", "from 0 to 255, not `256`", "from 0 to 255"]),
        ("{ exit_code = -1 }", ["4:23", "-1", "from 0 to 255, not `-1`", "from 0 to 255"]),
        ("{ exit_code = [1, 300] }", ["4:27", "300", "not `300`", "from 0 to 255"]),
        ("{ exit_code = \"75\" }", ["4:23", "\"75\"", "not a string", "exit_code = 75"]),
        (
            "{ signal = \"SEGF\" }",
            ["4:20", "\"SEGF\"", "`signal` cannot be `SEGF`", "did you mean \"SEGV\"?"],
        ),
        ("{ signal = 11 }", ["4:20", "11", "the name of a signal", "signal = \"SEGV\""]),
        ("{ signal = \"SIGCHLD\" }", ["4:20", "\"SIGCHLD\"", "cannot be", "no process dies of it"]),
        ("{ signal = [] }", ["4:20", "[]", "`signal` is an empty list", "remove `signal`"]),
        ("{ scope = \"job\" }", ["4:19", "\"job\"", "`scope` cannot be `job`", "\"dependency\""]),
        ("{ retryable = \"yes\" }", ["4:23", "\"yes\"", "true or false", "retryable = true"]),
        ("{ uptime = \"10s\" }", ["4:20", "\"10s\"", "a table", "at_least = \"10s\""]),
        ("{ uptime = {} }", ["4:20", "{}", "`uptime` says nothing", "at_least ="]),
        (
            "{ uptime = { at_most = \"10s\" } }",
            ["4:22", "at_most", "unknown key", "hearken calls it `below`"],
        ),
        (
            "{ uptime = { at_least = \"1m\", below = \"1m\" } }",
            ["4:47", "\"1m\"", "at least \"1m\" and below \"1m\"", "more than \"1m\""],
        ),
        (
            "{ uptime = { below = \"0s\" } }",
            ["4:30", "\"0s\"", "`below` must be from \"1ms\"", "write a duration"],
        ),
        ("{ attempt = 0 }", ["4:21", "0", "from 1 to 1000000, not `0`", "from 1"]),
        ("{ attempt = \"3\" }", ["4:21", "\"3\"", "a whole number or a table", "attempt = 3"]),
        ("{ attempt = {} }", ["4:21", "{}", "`attempt` says nothing", "at_least = 3"]),
        (
            "{ attempt = { at_least = 5, at_most = 3 } }",
            ["4:34", "5", "`at_least` (5) is above `at_most` (3)", "at_least = 3, at_most = 5"],
        ),
        (
            "{ attempt = { at_laest = 5 } }",
            ["4:23", "at_laest", "unknown key `at_laest` in `attempt`", "`at_least`?"],
        ),
        (
            "{ unit = \"web\" }",
            ["4:11", "unit", "no place here: this rule is for `web` alone", "[[rule]]"],
        ),
    ];
    for (given, expected) in table {
        refuses(&with(&format!("match = {given}\nunit = \"fail\"")), expected);
    }
    let many: String = (0..33).map(|n| format!("{n},")).collect();
    let found = problems(&with(&format!("match.exit_code = [{many}]\nunit = \"fail\"")));
    assert!(found[0].message.contains("has 33 elements; 32 is the most"), "{found:?}");
}

#[test]
fn bad_rules() {
    let table = [
        (
            "unit = \"fail\"",
            ["3:1", "[[service.web.rule]]", "has no `match`", "match = { kind = \"transient\" }"],
        ),
        (
            "match.kind = \"bug\"",
            ["3:1", "[[service.web.rule]]", "decides nothing", "instance = \"stop\""],
        ),
        (
            "match.kind = \"bug\"\nunit = \"stop\"",
            ["5:8", "\"stop\"", "`unit` cannot be `stop`", "instance = \"stop\""],
        ),
        (
            "match.kind = \"bug\"\ninstance = \"restart\"",
            ["5:12", "\"restart\"", "`instance` cannot be `restart`", "\"recycle\""],
        ),
        (
            "match.kind = \"bug\"\ninstance = \"stpo\"",
            ["5:12", "\"stpo\"", "cannot be `stpo`", "did you mean \"stop\"?"],
        ),
        (
            "match.kind = \"bug\"\ntask = \"retry\"",
            ["5:1", "task", "a service has none", "the rules of pools"],
        ),
        (
            "match.kind = \"bug\"\ndelay = \"5s\"\nbackoff = {}",
            ["6:1", "backoff", "[[service.web.rule]] has both `delay` and `backoff`", "keep one"],
        ),
        (
            "match.kind = \"bug\"\nbackoff = \"5s\"",
            ["5:11", "\"5s\"", "`backoff` must be a table", "delay = \"5s\""],
        ),
        (
            "match.kind = \"bug\"\nbackoff = { delay = \"5s\", max_delay = \"1s\" }",
            ["5:21", "\"5s\"", "`max_delay` (\"1s\") is shorter than `delay` (\"5s\")", "or less"],
        ),
        (
            "match.kind = \"bug\"\nbackoff = { max = \"5s\" }",
            ["5:13", "max", "unknown key", "hearken calls it `max_delay`"],
        ),
        ("match.kind = \"bug\"\ndelay = 5", ["5:9", "5", "not an integer", "\"5s\" for seconds"]),
        ("match.kind = \"bug\"\ndelay = \"25h\"", ["5:9", "\"25h\"", "from \"0s\"", "\"1d\""]),
        (
            "match.kind = \"bug\"\ndelay = \"5s\"\ninstance = \"stop\"",
            ["5:1", "delay", "`delay` has no use beside instance = \"stop\"", "remove `delay`"],
        ),
        (
            "match.kind = \"bug\"\nunit = \"fail\"\nbackoff = {}",
            ["6:1", "backoff", "`backoff` has no use beside unit = \"fail\"", "another `unit`"],
        ),
        (
            "match.kind = \"bug\"\nunit = \"shut_down\"\ndelay = \"1s\"",
            ["6:1", "delay", "no use beside unit = \"shut_down\"", "remove `delay`"],
        ),
        (
            "kind = \"bug\"\nmatch.exit_code = 1\nunit = \"fail\"",
            ["4:1", "kind", "unknown key `kind`", "`kind` belongs in match = { … } of a rule"],
        ),
        (
            "when.kind = \"bug\"\nmatch.kind = \"bug\"\nunit = \"fail\"",
            ["4:1", "when", "unknown key `when` in [[service.web.rule]]", "calls it `match`"],
        ),
    ];
    for (lines, expected) in table {
        refuses(&with(lines), expected);
    }
    let single = "[service.web]\ncommand = [\"x\"]\n[service.web.rule]\nunit = \"fail\"\n";
    refuses(
        single,
        ["3:1", "[service.web.rule]", "an array of tables, not a table", "[[service.web.rule]]"],
    );
    refuses(
        &for_all("match.kind = \"bug\"\ntask = \"retyr\""),
        ["5:8", "\"retyr\"", "`task` cannot be `retyr`", "did you mean \"retry\"?"],
    );
    let inline = "[service.web]\ncommand = [\"x\"]\nrule = [3, {}]\n";
    refuses_all(
        inline,
        &[
            ["3:9", "3", "an element of `rule` must be a table", "[[service.web.rule]]"],
            ["3:12", "{}", "decides nothing", "unit = \"fail\""],
            ["3:12", "{}", "this [[service.web.rule]] has no `match`", "match = {"],
        ],
    );
}

#[test]
fn both_places_are_shown() {
    let table = [
        (
            "match.uptime = { at_least = \"2s\", below = \"1s\" }\nunit = \"fail\"",
            ["---- starts here", "^^^^ ends here"],
        ),
        (
            "match.kind = \"bug\"\ndelay = \"5s\"\ninstance = \"stop\"",
            ["------ stays down", "^^^^^ never waited for"],
        ),
    ];
    for (lines, expected) in table {
        let text = with(lines);
        let shown = problems(&text)[0].render(false);
        let labels = expected.map(|it| it.trim_start_matches(['-', '^', ' ']));
        assert!(labels.iter().all(|label| shown.contains(label)), "{shown}");
    }
}

#[test]
fn rules_are_found_again() {
    let text = "[[rule]]\nmatch.kind = \"bug\"\nunit = \"fail\"\n[service.web]\ncommand = [\"x\"]\n\
                [[service.web.rule]]\nmatch.kind = \"oom\"\nunit = \"fail\"\n\n\
                [[service.web.rule]]\nmatch.kind = \"lost\"\nunit = \"fail\"\n";
    let labels: Vec<Box<str>> = rules(text).into_iter().map(|rule| rule.label).collect();
    let expected = [
        "rule 1 of web (hearken.toml:6)",
        "rule 2 of web (hearken.toml:10)",
        "rule 1 of all units (hearken.toml:1)",
    ];
    assert_eq!(labels.iter().map(|it| &**it).collect::<Vec<_>>(), expected);
}

#[test]
fn a_service_gets_the_rules_that_are_about_it() {
    let text = r#"
        [[rule]]
        match = { kind = "bug", unit = "web-*" }
        delay = "1s"
        [[rule]]
        match = { kind = "oom", unit = ["db", "cache"] }
        unit = "fail"
        # What becomes of a task is nothing for a service.
        [[rule]]
        match.kind = "conflict"
        task = "retry"
        [[rule]]
        match.kind = "lost"
        instance = "stop"
        [service.web-1]
        command = ["x"]
        [service.web-2]
        command = ["x"]
        [service.db]
        command = ["x"]
        [[service.db.rule]]
        match.kind = "lost"
        instance = "keep"
        [service.cache]
        command = ["x"]
        [pool.jobs]
        command = ["x"]
    "#;
    let loaded = good(text);
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
    let lists: Vec<_> = loaded.config.services.iter().map(|it| &it.policy.rules).collect();
    let kinds = |place: usize| -> Vec<Kind> {
        lists[place].iter().flat_map(|rule| rule.matches.kind.clone()).collect()
    };
    assert_eq!(kinds(0), [Kind::Bug, Kind::Lost]);
    assert_eq!(kinds(2), [Kind::Lost, Kind::Oom, Kind::Lost], "its own come first");
    assert_eq!(kinds(3), [Kind::Oom, Kind::Lost]);
    assert!(Arc::ptr_eq(lists[0], lists[1]), "the same list is there once");
    let pool = &loaded.config.pools[0];
    let of_pool: Vec<Kind> =
        pool.policy.rules.iter().flat_map(|it| it.matches.kind.clone()).collect();
    assert_eq!(of_pool, [Kind::Conflict, Kind::Lost]);
    assert!(Arc::ptr_eq(&pool.policy.rules, &pool.unit.policy.rules), "both count alike");
}

#[test]
fn what_is_never_reached_names_what_hides_it() {
    let own = "[service.web]\ncommand = [\"x\"]\n\
               [[service.web.rule]]\nmatch.kind = [\"bug\", \"oom\"]\nunit = \"fail\"\n\
               [[service.web.rule]]\nmatch = { code = \"db.*\" }\nunit = \"count\"\n\
               [[service.web.rule]]\nmatch = { code = \"db.auth.*\", attempt = 3 }\nunit = \"fail\"\n\
               [[service.web.rule]]\nmatch.kind = [\"bug\", \"oom\"]\nunit = \"fail\"\n";
    warns_all(
        own,
        &[
            [
                "9:1",
                "[[service.web.rule]]",
                "rule 3 of web (hearken.toml:9) is never reached: rule 2 of web (hearken.toml:6)",
                "put it before the other",
            ],
            [
                "12:1",
                "[[service.web.rule]]",
                "rule 4 of web (hearken.toml:12) is never reached: rule 1 of web (hearken.toml:3)",
                "remove one of the two",
            ],
        ],
    );
    let shown = good(own).warnings[0].render(false);
    assert!(shown.contains("never reached\n") && shown.contains("always decides before it"));

    // Two rules for all units: the first is for no more units than the second, or for as many.
    let pair = |first: &str, second: &str| {
        format!(
            "[[rule]]\nmatch = {first}\nunit = \"fail\"\n[[rule]]\nmatch = {second}\n\
             unit = \"count\"\n[service.web-1]\ncommand = [\"x\"]\n"
        )
    };
    let hidden = [
        ("{ kind = \"bug\" }", "{ kind = \"bug\", unit = \"web-*\" }"),
        ("{ kind = \"bug\", unit = \"w*\" }", "{ kind = \"bug\", unit = \"web-*\" }"),
        ("{ unit = \"*\" }", "{ kind = \"bug\", unit = [\"web-1\", \"web-?\"] }"),
        ("{ attempt = { at_least = 1 } }", "{ kind = \"bug\" }"),
    ];
    for (first, second) in hidden {
        let message = "rule 2 of all units (hearken.toml:4) is never reached: rule 1 of all units";
        warns_all(&pair(first, second), &[["4:1", "[[rule]]", message, "the first rule that"]]);
    }
    let reached = [
        ("{ kind = \"bug\", unit = \"web-*\" }", "{ kind = \"bug\" }"),
        ("{ kind = \"bug\", unit = \"web-1\" }", "{ kind = \"bug\", unit = \"web-*\" }"),
        ("{ kind = \"bug\", code = \"*\" }", "{ kind = \"bug\" }"),
        ("{ attempt = { at_least = 1 } }", "{ exit_code = 0 }"),
    ];
    for (first, second) in reached {
        warns_all(&pair(first, second), &[]);
    }
    // A rule about tasks alone decides nothing for a service, and hides nothing there.
    let tasks = "[service.web]\ncommand = [\"x\"]\n[pool.jobs]\ncommand = [\"x\"]\n[[rule]]\nmatch.kind = \"bug\"\n\
                 task = \"retry\"\n[[rule]]\nmatch.kind = \"bug\"\nunit = \"fail\"\n";
    warns_all(tasks, &[]);
}

#[test]
fn patterns_that_fit_no_unit() {
    let text = |unit: &str| for_all(&format!("match = {{ unit = {unit} }}\nunit = \"fail\""));
    let table = [
        ("\"wbe\"", ["4:18", "\"wbe\"", "fits no unit", "did you mean \"web\"?"]),
        ("\"db-*\"", ["4:18", "\"db-*\"", "fits no unit", "the units are `web`"]),
        ("[\"w*\", \"x\"]", ["4:25", "\"x\"", "fits no unit", "the units are `web`"]),
    ];
    for (unit, expected) in table {
        warns_all(&text(unit), &[expected]);
    }
    // A service that could not be read is there all the same.
    refuses(
        "[service.web]\ncommand = 3\n[[rule]]\nmatch = { unit = \"web\" }\nunit = \"fail\"\n",
        ["2:11", "3", "`command` must be", "command = ["],
    );
}

#[test]
fn what_can_never_match() {
    let both = "this can never match";
    let table = [
        ("{ exit_code = 1, signal = \"KILL\" }", ["4:26", "signal", both, "no exit code"]),
        (
            "{ exit_code = 1, kind = \"start_failed\" }",
            ["4:26", "kind", "`exit_code` and `kind`", "what never ran"],
        ),
        ("{ kind = \"start_failed\", signal = \"KILL\" }", ["4:34", "signal", both, "never ran"]),
        (
            "{ kind = [\"lost\", \"oom\"], scope = \"task\" }",
            ["4:35", "scope", both, "said itself"],
        ),
        (
            "{ kind = \"crashed\", retryable = true }",
            ["4:29", "retryable", "`kind` and `retryable`", "said itself"],
        ),
        ("{ kind = \"crashed\", code = \"x\" }", ["4:29", "code", both, "without a word"]),
        ("{ kind = \"crashed\", exit_code = 0 }", ["4:29", "exit_code", both, "with a meaning"]),
        ("{ kind = \"crashed\", exit_code = [75, 78] }", ["4:29", "exit_code", both, "meaning"]),
    ];
    for (given, expected) in table {
        warns_all(&with(&format!("match = {given}\nunit = \"fail\"")), &[expected]);
    }
    for given in [
        "{ kind = \"crashed\", exit_code = [1, 75] }",
        "{ kind = [\"crashed\", \"bug\"], code = \"x\" }",
        "{ kind = \"transient\", exit_code = 0 }",
        "{ kind = \"lost\", code = \"watchdog\", exit_code = 0 }",
        "{ kind = \"start_failed\", code = \"exec\" }",
        "{ kind = \"crashed\", signal = \"SEGV\" }",
    ] {
        warns_all(&with(&format!("match = {given}\nunit = \"fail\"")), &[]);
    }
}

#[test]
fn a_pace_in_a_service_that_never_restarts() {
    let text = |verdict: &str| {
        format!(
            "[service.web]\ncommand = [\"x\"]\nrestart = \"never\"\n[[service.web.rule]]\n\
             match.kind = \"transient\"\ndelay = \"5s\"\n{verdict}\n"
        )
    };
    let expected = ["6:1", "delay", "only says when", "add instance = \"keep\""];
    warns_all(&text(""), &[expected]);
    warns_all(&text("instance = \"keep\""), &[]);
}

#[test]
fn a_mistake_of_syntax_in_one_rule_is_no_mistake_in_another() {
    let text = "[service.web]\ncommand = [\"x\"]\n[[rule]]\nmatch = { kind = bug }\n\
                unit = \"fail\"\n[[rule]]\nmatch = { kind = \"bugg\" }\nunit = \"fail\"\n";
    refuses_all(
        text,
        &[
            ["4:18", "bug", "must be quoted", "\"bug\""],
            ["7:18", "\"bugg\"", "cannot be `bugg`", "did you mean \"bug\"?"],
        ],
    );
}

#[test]
fn there_may_be_many_rules_but_not_any_number() {
    let rule = |n: usize| format!("[[rule]]\nmatch.code = \"c{n}\"\nunit = \"fail\"\n");
    let many = |count| (0..count).map(rule).collect::<String>();
    let web = "[service.web]\ncommand = [\"x\"]\n";
    assert_eq!(rules(&format!("{web}{}", many(RULES_MAX))).len(), RULES_MAX);
    let text = format!("{web}{}", many(RULES_MAX + 1));
    refuses(&text, ["387:1", "[[rule]]", "there are 129 rules here; 128 is the most", "in one"]);
    // Each service with a rule of its own has a list of its own.
    let services: String = (0..800)
        .map(|n| {
            format!(
                "[service.s{n}]\ncommand = [\"x\"]\n[[service.s{n}.rule]]\nmatch.kind = \"bug\"\n\
                 unit = \"fail\"\n"
            )
        })
        .collect();
    let text = format!("{}{services}", many(RULES_MAX));
    refuses(&text, ["1:1", "[[rule]]", "more than 100000 rules together", "unit = \"web-*\""]);
}
