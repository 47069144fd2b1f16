//! What becomes of a task that failed: tried again, elsewhere, later, or not at all.

use crate::harness::{Hearken, Told, event};
use crate::pools::{pool, said, say};
use serde_json::{Value, json};

const QUICK: &str = "delay = \"50ms\", max_delay = \"100ms\"";

pub(crate) fn error(kind: &str, code: &str) -> Value {
    json!({"kind": "error", "error_kind": kind, "code": code, "message": "as the task asks for"})
}

/// An error with one field more.
fn error_with(kind: &str, code: &str, field: &str, value: Value) -> Value {
    let mut said = error(kind, code);
    said[field] = value;
    said
}

/// These steps in the first attempt, and success in the next.
pub(crate) fn at_first(step: Value) -> Value {
    json!([["attempt", 1, [step]]])
}

fn quick(workers: u32, lines: &str) -> Hearken {
    pool("", &format!("workers = {workers}\nretry = {{ {QUICK} }}\n{lines}")).start()
}

#[track_caller]
fn end(hearken: &Hearken, steps: Value) -> Told {
    let task = hearken.task("p", steps);
    hearken.end_of(&task)
}

#[test]
fn a_task_whose_worker_crashed_is_tried_again_and_the_crash_is_counted() {
    let hearken = quick(2, "");
    let told = end(&hearken, at_first(json!(["signal", 9])));
    assert_eq!((told.state(), told.counters()), ("succeeded", (0, 1, 0)));
    assert_eq!(told.of_tries("outcome"), ["again", "succeeded"]);
    assert_eq!(told.of_tries("error.code"), ["signal.9", "null"]);
    assert_eq!(told.of_tries("error.kind"), ["crashed", "null"]);
}

#[test]
fn a_task_that_kills_every_worker_is_dead_with_the_report_of_each_crash() {
    let hearken = pool("", &format!("workers = 2\nretry = {{ crashes = 3, {QUICK} }}")).start();
    let told = end(&hearken, json!([["complain", "my last words"], ["signal", 6]]));
    assert_eq!((told.state(), told.counters()), ("dead", (0, 3, 0)));
    assert_eq!(told.decided_by(), "retry.crashes");
    assert_eq!(told.of_tries("error.code"), ["signal.6"; 3]);
    for logs in told.of_tries("logs") {
        assert_eq!(logs, "stderr my last words\n", "{:#}", told.0);
    }
    hearken.wait(&event("task_dead").is("decided_by", "retry.crashes"));
    let next = end(&hearken, json!([]));
    assert_eq!(next.state(), "succeeded", "the pool goes on");
}

#[test]
fn a_worker_that_leaves_with_a_task_in_hand_has_crashed() {
    let hearken = quick(1, "");
    let told = end(&hearken, at_first(json!(["exit", 0])));
    assert_eq!((told.state(), told.counters()), ("succeeded", (0, 1, 0)));
    assert_eq!(told.of_tries("error.code")[0], "worker.left");
}

#[test]
fn a_transient_failure_of_any_kind_is_tried_again() {
    let hearken = quick(1, "");
    for kind in ["transient", "timeout", "conflict", "unavailable", "bug"] {
        let told = end(&hearken, at_first(error(kind, "db.deadlock")));
        assert_eq!((told.state(), told.counters()), ("succeeded", (1, 0, 0)), "{kind}");
        assert_eq!(told.of_tries("decided_by"), ["error_kind", "worker"], "{kind}");
    }
    assert_eq!(hearken.all(&event("started").unit("p")).len(), 1, "its worker is kept");
}

#[test]
fn what_no_other_try_can_mend_is_dead_at_once() {
    let hearken = quick(1, "");
    for kind in ["invalid", "not_found", "denied"] {
        let told = end(&hearken, json!([error(kind, "input.bad")]));
        assert_eq!((told.state(), told.decided_by()), ("dead", "error_kind"), "{kind}");
        assert_eq!(told.tries().len(), 1, "{kind}");
    }
}

#[test]
fn a_task_that_wants_resources_goes_to_another_worker() {
    let hearken = quick(2, "");
    let task = json!([say("try"), ["attempt", 1, [error("resource", "gpu.full")]]]);
    let told = end(&hearken, task);
    assert_eq!((told.state(), told.counters()), ("succeeded", (1, 0, 0)));
    let who: Vec<_> = hearken
        .wait_for_many(&event("child_log"), 2)
        .iter()
        .map(|it| it.number("instance"))
        .collect();
    assert_eq!(who.len(), 2);
    assert_ne!(who[0], who[1], "{}", hearken.dump());
}

#[test]
fn attempts_end() {
    let hearken = pool("", &format!("workers = 1\nretry = {{ attempts = 3, {QUICK} }}")).start();
    let told = end(&hearken, json!([error("transient", "db.deadlock")]));
    assert_eq!((told.state(), told.decided_by()), ("dead", "retry.attempts"));
    assert_eq!((told.counters(), told.tries().len()), ((3, 0, 0), 3));
}

#[test]
fn the_hint_of_a_worker_outweighs_the_table() {
    let hearken = quick(1, "");
    let no = error_with("transient", "db.gone", "retryable", json!(false));
    let told = end(&hearken, json!([no]));
    assert_eq!((told.state(), told.decided_by()), ("dead", "error_hint"));
    let yes = error_with("not_found", "file.soon", "retryable", json!(true));
    let told = end(&hearken, at_first(yes));
    assert_eq!((told.state(), told.counters()), ("succeeded", (1, 0, 0)));
}

#[test]
fn who_is_told_to_slow_down_waits_as_long_as_was_asked_and_loses_no_attempt() {
    let hearken = pool("", "workers = 1\nretry = { attempts = 1, delay = \"10ms\" }").start();
    let slow = error_with("rate_limited", "api.quota", "retry_after_ms", json!(400));
    let told = end(&hearken, json!([say("try"), ["attempt", 1, [slow]]]));
    assert_eq!((told.state(), told.counters()), ("succeeded", (0, 0, 1)));
    let tries = hearken.wait_for_many(&event("child_log"), 2);
    let waited = tries[1].since(&tries[0]).as_millis();
    assert!((350..5_000).contains(&waited), "{waited} ms\n{}", hearken.dump());
}

#[test]
fn an_absurd_wish_to_wait_is_brought_into_bounds() {
    let hearken = quick(1, "");
    let never = error_with("transient", "api.no", "retry_after_ms", json!(u64::MAX));
    assert_eq!(end(&hearken, at_first(never)).state(), "succeeded");
}

#[test]
fn a_snooze_costs_no_attempt_and_is_not_granted_without_end() {
    let hearken = pool("", "workers = 1\nretry = { attempts = 1, snoozes = 3 }").start();
    let snooze = json!({"kind": "snooze", "delay_ms": 20, "reason": "not yet"});
    let told = end(&hearken, at_first(snooze.clone()));
    assert_eq!((told.state(), told.counters()), ("succeeded", (0, 0, 1)));
    assert_eq!(told.of_tries("logs")[0], "info snooze: not yet\n");
    let told = end(&hearken, json!([snooze]));
    assert_eq!((told.state(), told.decided_by()), ("dead", "retry.snoozes"));
    assert_eq!((told.counters(), told.tries().len()), ((0, 0, 4), 4), "three were granted");
}

#[test]
fn retries_end_when_the_first_try_is_too_long_ago() {
    let retry = "retry = { attempts = \"unlimited\", delay = \"100ms\", max_delay = \"100ms\", max_elapsed = \"500ms\" }";
    let hearken = pool("", &format!("workers = 1\n{retry}")).start();
    let told = end(&hearken, json!([error("transient", "db.deadlock")]));
    assert_eq!((told.state(), told.decided_by()), ("dead", "retry.max_elapsed"));
    // Each delay is jittered; on a busy machine there are fewer.
    assert!((2..=12).contains(&told.tries().len()), "{:#}", told.0);
}

#[test]
fn retries_of_all_tasks_share_a_budget() {
    let retry =
        format!("retry = {{ {QUICK}, budget = {{ share = \"0%\", window = \"1s\", floor = 2 }} }}");
    let hearken = pool("", &format!("workers = 1\n{retry}")).start();
    let task = json!({"payload": [["attempt", 1, [error("transient", "x")]], say("retried")]});
    let tasks = hearken.add_all("p", &json!({"tasks": vec![task; 6]}));
    for task in &tasks {
        assert_eq!(hearken.end_of(task).state(), "succeeded");
    }
    hearken.wait(&event("retry_budget_spent").unit("p"));
    let retried = hearken.wait_for_many(&event("child_log").is("message", "retried"), 6);
    assert_eq!(retried.len(), 6, "{}", hearken.dump());
    for three in retried.windows(3) {
        // The window is counted in tenths of itself.
        let span = three[2].since(&three[0]).as_millis();
        assert!(span >= 850, "three retries within {span} ms\n{}", hearken.dump());
    }
}

#[test]
fn a_rule_says_what_becomes_of_a_task() {
    let rules = r#"
[[pool.p.rule]]
match = { code = "a.dead" }
task = "dead_letter"
[[pool.p.rule]]
match = { code = "a.fine" }
task = "succeed"
[[pool.p.rule]]
match = { code = "a.later" }
task = "snooze"
delay = "30ms"
[[pool.p.rule]]
match = { exit_code = 42 }
task = "dead_letter"
"#;
    let hearken = quick(1, rules);
    let told = end(&hearken, json!([error("transient", "a.dead")]));
    assert_eq!((told.state(), told.decided_by(), told.tries().len()), ("dead", "rule", 1));
    assert!(!told.of_tries("rule")[0].is_empty());
    let told = end(&hearken, json!([error("invalid", "a.fine")]));
    assert_eq!((told.state(), told.decided_by()), ("succeeded", "rule"));
    let told = end(&hearken, at_first(error("invalid", "a.later")));
    assert_eq!((told.state(), told.counters()), ("succeeded", (0, 0, 1)));
    let told = end(&hearken, json!([["exit", 42]]));
    assert_eq!((told.state(), told.decided_by()), ("dead", "rule"), "{:#}", told.0);
    assert_eq!(told.tries().len(), 1);
}

#[test]
fn a_rule_says_what_becomes_of_the_worker() {
    let rules = "[[pool.p.rule]]\nmatch = { code = \"worker.tired\" }\ninstance = \"replace\"\n";
    let hearken = quick(1, rules);
    let told = end(&hearken, at_first(error("transient", "worker.tired")));
    assert_eq!((told.state(), told.counters()), ("succeeded", (1, 0, 0)), "{}", hearken.dump());
    assert_eq!(hearken.wait_for_many(&event("started").unit("p"), 2).len(), 2);
}

#[test]
fn a_rule_that_fails_the_pool_keeps_its_tasks() {
    let rules = "[[pool.p.rule]]\nmatch = { code = \"licence.over\" }\nunit = \"fail\"\n";
    let hearken = quick(1, rules);
    let bad = hearken.task("p", at_first(error("transient", "licence.over")));
    hearken.wait(&event("failed").unit("p"));
    let next = hearken.task("p", json!([]));
    assert_eq!(hearken.show(&bad).state(), "waiting");
    assert_eq!(hearken.show(&bad).of_tries("outcome"), ["again"]);
    assert_eq!(hearken.show(&next).state(), "waiting");
}

#[test]
fn a_rule_that_shuts_down_keeps_the_verdict_of_the_task() {
    let rules = "[[pool.p.rule]]\nmatch = { code = \"disk.burns\" }\nunit = \"shut_down\"\n";
    let mut hearken = quick(1, rules);
    let bad = hearken.task("p", at_first(error("transient", "disk.burns")));
    assert_eq!(hearken.exit_code(), 1, "{}", hearken.dump());
    let again = hearken.again();
    let told = again.end_of(&bad);
    assert_eq!((told.state(), told.counters()), ("succeeded", (1, 0, 0)), "{:#}", told.0);
}

#[test]
fn tasks_that_need_what_is_away_wait_together_and_one_probes() {
    let hearken = pool(
        "",
        &format!("workers = 1\nretry = {{ {QUICK} }}\ndependency_pause = {{ delay = \"400ms\" }}"),
    )
    .start();
    let away = error_with("unavailable", "db.down", "dependency", json!("db"));
    let needs = |steps: Value| json!({"type": "needs-db", "payload": steps});
    let first = hearken.add("p", &needs(json!([["attempt", 1, [away]], say("first")])));
    let gone = hearken.wait(&event("dependency_away").is("dependency", "db"));
    let others = json!({"tasks": [needs(json!([say("a")])), needs(json!([say("b")]))]});
    let others = hearken.add_all("p", &others);
    let free = hearken.add("p", &json!({"type": "other", "payload": [say("free")]}));
    hearken.end_of(&free);
    let back = hearken.wait(&event("dependency_back").is("dependency", "db"));
    assert!(back.since(&gone).as_millis() >= 350, "{}", hearken.dump());
    for task in others.iter().chain([&first]) {
        assert_eq!(hearken.end_of(task).state(), "succeeded");
    }
    let order = said(&hearken, 4);
    assert_eq!(order[0], "free", "what needs nothing goes on: {order:?}");
}

#[test]
fn the_next_try_hears_of_the_last_error_and_gets_the_checkpoint() {
    let hearken = quick(1, "");
    let half = json!({"kind": "checkpoint", "sequence": 0, "data": "half way"});
    let steps = json!([["attempt", 1, [half, error("transient", "db.deadlock")]]]);
    let task = hearken.task("p", steps);
    let result = hearken.result_of(&task);
    assert_eq!(result["checkpoint"], "half way");
    assert_eq!((&result["last_error"], &result["attempt"]), (&json!("db.deadlock"), &json!(2)));
}

#[test]
fn a_checkpoint_outlives_the_crash_of_its_worker() {
    let hearken = quick(1, "");
    let half = json!({"kind": "checkpoint", "sequence": 0, "data": "half way"});
    let task = hearken.task("p", json!([["attempt", 1, [half, ["signal", 9]]]]));
    let result = hearken.result_of(&task);
    assert_eq!((&result["checkpoint"], &result["crashes"]), (&json!("half way"), &json!(1)));
}

#[test]
fn a_dead_task_can_be_tried_after_all() {
    let hearken = quick(1, "");
    let task = hearken.task("p", at_first(error("invalid", "input.bad")));
    assert_eq!(hearken.end_of(&task).state(), "dead");
    let answered = hearken.ask("POST", &format!("/v1/tasks/{}/retry", task.0), "");
    assert_eq!(answered.status, 200, "{}", String::from_utf8_lossy(&answered.body));
    let told = hearken.end_of(&task);
    assert_eq!((told.state(), told.tries().len()), ("succeeded", 2));
}
