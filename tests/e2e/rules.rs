//! Rules of the config, on what real children say and how they end.

use crate::harness::{Hearken, event, hearken};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::time::Duration;

fn child(verbs: &str, rules: &str) -> Hearken {
    let verbs: Vec<_> = verbs.split(' ').map(|verb| format!("\"{verb}\"")).collect();
    hearken(&format!(
        r#"
[service.child]
command = ["{{fixture}}", {}]
restart = {{ delay = "40ms", limit = 3 }}
{rules}
"#,
        verbs.join(", ")
    ))
}

/// A rule that matches this and wants a delay of 70 ms.
fn slows(matches: &str) -> String {
    format!("[[service.child.rule]]\nmatch = {{ {matches} }}\ndelay = \"70ms\"\n")
}

#[track_caller]
fn first_delay(verbs: &str, rules: &str) -> i64 {
    child(verbs, rules).wait(&event("restarting").unit("child")).number("in_ms")
}

#[test]
fn a_rule_matches_by_every_criterion() {
    let error = "hello error transient db.deadlock exit 3";
    let table = [
        (error, r#"kind = "transient""#, 70),
        (error, r#"kind = ["bug", "transient"]"#, 70),
        (error, r#"kind = "bug""#, 40),
        (error, r#"code = "db.*""#, 70),
        (error, r#"code = "net.*""#, 40),
        (error, r#"code = "db.*", kind = "transient", exit_code = 3"#, 70),
        (error, r#"code = "db.*", exit_code = 4"#, 40),
        (error, r#"attempt = 1"#, 70),
        (error, r#"attempt = { at_least = 2 }"#, 40),
        (error, r#"uptime = { below = "30s" }"#, 70),
        (error, r#"uptime = { at_least = "30s" }"#, 40),
        ("exit 75", r#"exit_code = [75, 111]"#, 70),
        ("exit 75", r#"kind = "transient""#, 70),
        ("signal 9", r#"signal = "KILL""#, 70),
        ("signal 9", r#"signal = "SEGV""#, 40),
        ("signal 9", r#"kind = "crashed""#, 70),
    ];
    for (verbs, matches, delay) in table {
        assert_eq!(first_delay(verbs, &slows(matches)), delay, "{matches} on {verbs}");
    }
}

#[test]
fn a_rule_matches_by_scope_and_hint() {
    let says = |matches: &str| {
        hearken(&format!(
            r#"
[service.child]
shell = '''
printf '%s\n' '{{"kind":"hello","protocol":[1,1],"sdk":"sh","language":"sh","pid":1}}' >&5
printf '%s\n' '{{"kind":"error","error_kind":"transient","code":"x","message":"m","scope":"dependency","retryable":true}}' >&5
exit 1'''
line = "json"
restart = {{ delay = "40ms" }}
{}
"#,
            slows(matches)
        ))
        .wait(&event("restarting").unit("child"))
        .number("in_ms")
    };
    assert_eq!(says(r#"scope = "dependency""#), 70);
    assert_eq!(says(r#"scope = ["task", "worker"]"#), 40);
    assert_eq!(says("retryable = true"), 70);
    assert_eq!(says("retryable = false"), 40);
}

#[test]
fn the_first_rule_that_matches_decides_and_own_rules_come_before_those_for_all() {
    let hearken = hearken(
        r#"
[service.web-1]
command = ["{fixture}", "exit", "75"]
[[service.web-1.rule]]
match = { exit_code = 75, attempt = 1 }
delay = "50ms"
[[service.web-1.rule]]
match = { exit_code = 75, attempt = 2 }
delay = "60ms"
[service.web-2]
command = ["{fixture}", "exit", "75"]
[service.other]
command = ["{fixture}", "exit", "75"]
restart = { delay = "90ms" }
[[rule]]
match = { kind = "transient", unit = "web-*" }
delay = "70ms"
"#,
    );
    let delays = |unit: &str, count| -> Vec<_> {
        let seen = hearken.wait_for_many(&event("restarting").unit(unit), count);
        seen.iter().map(|one| one.number("in_ms")).collect()
    };
    assert_eq!(delays("web-1", 3), [50, 60, 70]);
    assert_eq!(delays("web-2", 2), [70, 70]);
    assert_eq!(delays("other", 1)[0], 90);
}

#[test]
fn what_a_child_asks_for_is_brought_into_the_bounds_of_the_rule() {
    let within = "[[service.child.rule]]\nmatch = { code = \"api.*\" }\nbackoff = { delay = \"20ms\", max_delay = \"150ms\" }\n";
    assert_eq!(first_delay("hello error rate_limited api.quota 60000 exit 1", within), 150);
    assert_eq!(first_delay("hello error rate_limited api.quota 100 exit 1", within), 100);
    let exact = slows("code = \"api.*\"");
    assert_eq!(first_delay("hello error rate_limited api.quota 60000 exit 1", &exact), 70);
}

#[test]
fn instance_stop_leaves_it_down_and_is_no_failure() {
    let mut hearken =
        child("exit 9", "[[service.child.rule]]\nmatch = { exit_code = 9 }\ninstance = \"stop\"\n");
    let stopped = hearken.wait(&event("stopped").unit("child"));
    assert_eq!(stopped.text("decided_by"), "rule");
    assert!(stopped.text("message").contains("rule 1 of child"), "{stopped}");
    assert_eq!(hearken.exit_code(), 0);
    assert!(hearken.all(&event("failed")).is_empty());
}

#[test]
fn instance_replace_kills_at_once_one_that_runs_on() {
    let hearken = child(
        "ignore-term hello ready error bug heap.corrupt run",
        "[[service.child.rule]]\nmatch = { code = \"heap.*\" }\ninstance = \"replace\"\n",
    );
    let killing = hearken.wait(&event("killing").unit("child"));
    assert_eq!((killing.text("cause"), killing.number("after_ms")), ("verdict", 0), "{killing}");
    let restarting = hearken.wait_after(&killing, &event("restarting").unit("child"));
    assert_eq!(restarting.text("decided_by"), "rule");
    hearken.wait(&event("started").unit("child").incarnation(2));
}

#[test]
fn instance_recycle_lets_it_finish_before_it_comes_back() {
    let hearken = child(
        "hello ready error transient cache.stale serve",
        "[[service.child.rule]]\nmatch = { code = \"cache.*\" }\ninstance = \"recycle\"\n",
    );
    let stopping = hearken.wait(&event("stopping").unit("child").is("cause", "verdict"));
    let exited = hearken.wait_after(&stopping, &event("exited").unit("child"));
    assert_eq!(exited.text("stopped_by"), "verdict");
    hearken.wait_after(&exited, &event("started").unit("child").incarnation(2));
    assert!(hearken.all(&event("killing")).is_empty(), "{}", hearken.dump());
}

#[test]
fn unit_fail_takes_healthy_siblings_along() {
    let mut hearken = hearken(
        r#"
[service.child]
shell = '[ "$HEARKEN_INSTANCE" = 1 ] || exec sleep infinity; sleep 0.3; exit 9'
instances = 2
[[service.child.rule]]
match = { exit_code = 9 }
unit = "fail"
"#,
    );
    let first = hearken.wait(&event("failed").unit("child").instance(1));
    assert_eq!(first.text("decided_by"), "rule");
    let stopping = hearken.wait_after(&first, &event("stopping").unit("child").instance(2));
    assert_eq!(stopping.text("cause"), "unit_failed");
    let second = hearken.wait(&event("failed").unit("child").instance(2));
    assert_eq!(second.text("decided_by"), "unit_failed");
    assert_eq!(hearken.exit_code(), 0);
}

#[test]
fn unit_shut_down_ends_the_daemon_with_1() {
    let mut hearken = hearken(
        r#"
[service.disk]
command = ["{fixture}", "hello", "error", "resource", "disk.gone", "run"]
[service.web]
command = ["{fixture}", "run"]
[[rule]]
match = { code = "disk.gone" }
unit = "shut_down"
"#,
    );
    assert_eq!(hearken.exit_code(), 1, "{}", hearken.dump());
    let last = hearken.wait(&event("supervisor_stopped"));
    assert!(last.text("because").contains("a rule about disk"), "{last}");
    hearken.wait(&event("stopped").unit("web"));
}

#[test]
fn unit_pause_holds_back_every_instance_of_the_unit() {
    let hearken = hearken(
        r#"
[service.child]
shell = '[ "$HEARKEN_INSTANCE" = 1 ] && exit 9; exec sleep infinity'
instances = 2
restart = { delay = "10ms" }
[[service.child.rule]]
match = { exit_code = 9 }
unit = "pause"
delay = "1500ms"
"#,
    );
    let paused = hearken.wait(&event("paused").unit("child"));
    assert_eq!(paused.number("for_ms"), 1_500, "{paused}");
    let sibling = hearken.wait(&event("started").unit("child").instance(2));
    kill(Pid::from_raw(sibling.pid()), Signal::SIGKILL).unwrap();
    let back = hearken.wait(&event("started").unit("child").instance(2).incarnation(2));
    assert!(back.since(&paused) >= Duration::from_millis(1_450), "{}", hearken.dump());
}

#[test]
fn unit_count_holds_an_error_of_a_running_child_against_the_budget() {
    let mut hearken = child(
        "hello ready error transient db.slow error transient db.slow error transient db.slow error transient db.slow run",
        "[[service.child.rule]]\nmatch = { code = \"db.slow\" }\nunit = \"count\"\n",
    );
    let failed = hearken.wait(&event("failed").unit("child"));
    assert_eq!(failed.text("decided_by"), "restart_budget", "{failed}");
    assert_eq!(hearken.all(&event("error_answered")).len(), 4);
    assert_eq!(hearken.exit_code(), 0);
    assert_eq!(hearken.all(&event("started")).len(), 1);
}

#[test]
fn unit_none_lets_it_restart_for_ever() {
    let hearken = child(
        "exit 75",
        "[[service.child.rule]]\nmatch = { exit_code = 75 }\nunit = \"none\"\ndelay = \"10ms\"\n",
    );
    hearken.wait(&event("started").unit("child").incarnation(6));
    assert!(hearken.all(&event("failed")).is_empty(), "{}", hearken.dump());
}
