//! Pools: tasks on warm workers, in the order that is promised.

use crate::harness::{Gate, Hearken, Setup, TaskId, event, skip};
use crate::sdk::{PYTHON, has_node, has_php, has_python, repository};
use serde_json::{Value, json};

/// A pool `p` of workers that do what a payload says, with these lines in its table.
pub(crate) fn pool(arguments: &str, lines: &str) -> Setup {
    let arguments: String = arguments.split_whitespace().map(|it| format!(", \"{it}\"")).collect();
    Setup::new(&format!("[pool.p]\ncommand = [\"{}\"{arguments}]\n{lines}\n", tasker()))
}

pub(crate) fn tasker() -> &'static str {
    env!("CARGO_BIN_EXE_tasker")
}

/// What tasks said with [`say`], in order, once they said so much: the log is read by a thread, and
/// may be behind.
#[track_caller]
pub(crate) fn said(hearken: &Hearken, lines: usize) -> Vec<String> {
    hearken
        .wait_for_many(&event("child_log"), lines)
        .iter()
        .map(|it| it.text("message").to_owned())
        .collect()
}

pub(crate) fn say(text: &str) -> Value {
    json!({"kind": "log", "level": 2, "message": text})
}

#[test]
fn workers_are_warm_before_the_first_task() {
    let hearken = pool("", "workers = 3").start();
    let ready = hearken.wait_for_many(&event("ready").unit("p"), 3);
    let task = hearken.task("p", json!([]));
    assert_eq!(hearken.end_of(&task).state(), "succeeded");
    assert_eq!(hearken.all(&event("started").unit("p")).len(), 3, "no other was started for it");
    assert_eq!(ready.len(), 3);
}

#[test]
fn every_sdk_takes_a_task_and_returns_a_result() {
    let python = format!("[\"{PYTHON}\", \"{}/tests/workers/worker.py\"]", repository());
    let php = format!("[\"php\", \"{}/tests/workers/worker.php\"]", repository());
    let node = format!("[\"node\", \"{}/tests/workers/worker.mjs\"]", repository());
    let rust = format!("[\"{}\"]", env!("CARGO_BIN_EXE_sdk_worker"));
    let all = [
        ("python", has_python(), python),
        ("php", has_php(), php),
        ("node", has_node(), node),
        ("rust", true, rust),
    ];
    let here: Vec<_> = all.iter().filter(|(_, here, _)| *here).collect();
    let table = |(name, _, command): &&(&str, bool, String)| {
        format!("[pool.{name}]\ncommand = {command}\nworkers = 1\n")
    };
    let hearken = Setup::new(&here.iter().map(table).collect::<String>()).start();
    for (name, here, _) in &all {
        if !here {
            skip(&format!("no {name} here"));
            continue;
        }
        let payload = json!({"text": "grüße", "numbers": [1, -2, 2.5, null, true]});
        let echo = hearken.add(name, &json!({"type": "echo", "payload": payload}));
        let fail = hearken.add(name, &json!({"type": "fail", "payload": null}));
        let large = hearken.add(name, &json!({"type": "large", "payload": null}));
        assert_eq!(hearken.result_of(&echo), payload, "{name}");
        let fail = hearken.end_of(&fail);
        assert_eq!((fail.state(), fail.decided_by()), ("dead", "error_kind"), "{name}");
        assert_eq!(fail.of_tries("error.code"), ["check.asked"], "{name}");
        assert_eq!(hearken.end_of(&large).state(), "succeeded", "{name}");
        let mut bytes = hearken.result_bytes(&large);
        // Text is a value to PHP, and comes back as one.
        if *name == "php" {
            bytes = serde_json::from_slice::<String>(&bytes).unwrap().into_bytes();
        }
        assert!(bytes == b"0123456789abcdef".repeat(96 * 1024), "{name}");
    }
}

#[test]
fn a_worker_holds_no_more_tasks_than_it_has_credits() {
    let setup = pool("credits 3", "workers = 1");
    let gate = Gate::new(setup.folder());
    let hearken = setup.start();
    let tasks = hearken.add_all(
        "p",
        &json!({"tasks": vec![json!({"payload": [say("here"), ["gate", gate.path()]]}); 7]}),
    );
    hearken.wait(&event("child_log").is("message", "here"));
    let running = |hearken: &Hearken| {
        tasks.iter().filter(|task| hearken.show(task).state() == "running").count()
    };
    assert_eq!(running(&hearken), 3);
    gate.open(tasks.len());
    for task in &tasks {
        assert_eq!(hearken.end_of(task).state(), "succeeded");
    }
    assert_eq!(said(&hearken, 7).len(), 7);
}

/// Submits these while the only worker is busy, and gives the order in which they were done.
#[track_caller]
fn order_of(tasks: &[Value]) -> Vec<String> {
    let setup = pool("", "workers = 1");
    let gate = Gate::new(setup.folder());
    let hearken = setup.start();
    let first = hearken.task("p", json!([say("first"), ["gate", gate.path()]]));
    hearken.wait(&event("child_log").is("message", "first"));
    let tasks = hearken.add_all("p", &json!({"tasks": tasks}));
    gate.open(1);
    for task in [first].iter().chain(&tasks) {
        hearken.end_of(task);
    }
    said(&hearken, tasks.len() + 1).split_off(1)
}

#[test]
fn a_higher_priority_goes_first() {
    let task = |priority: u8, name: &str| json!({"priority": priority, "payload": [say(name)]});
    let tasks = [task(0, "low"), task(5, "middle"), task(9, "high"), task(9, "high too")];
    assert_eq!(order_of(&tasks), ["high", "high too", "middle", "low"]);
}

#[test]
fn fairness_keys_take_turns() {
    let task = |key: &str, name: &str| json!({"fairness_key": key, "payload": [say(name)]});
    let tasks = [task("a", "a1"), task("a", "a2"), task("a", "a3"), task("b", "b1")];
    assert_eq!(order_of(&tasks), ["a1", "b1", "a2", "a3"]);
}

#[test]
fn a_delayed_task_waits_for_its_time() {
    let hearken = pool("", "workers = 1").start();
    let before = hearken.wait(&event("ready").unit("p"));
    let late = hearken.add("p", &json!({"delay": "700ms", "payload": [say("late")]}));
    let soon = hearken.task("p", json!([say("soon")]));
    hearken.end_of(&soon);
    hearken.end_of(&late);
    assert_eq!(said(&hearken, 2), ["soon", "late"]);
    let late = hearken.wait(&event("child_log").is("message", "late"));
    assert!(late.since(&before).as_millis() >= 650, "{late}");
}

#[test]
fn logs_and_progress_are_kept_with_the_task() {
    let hearken = pool("", "workers = 1\nlogs = \"64B\"").start();
    let progress = json!({"kind": "progress", "done": 3, "total": 9, "stage": "copying"});
    let task = hearken.task("p", json!([say("begin"), progress, say(&"x".repeat(80)), say("end")]));
    let told = hearken.end_of(&task);
    assert_eq!(told.of_tries("progress.done"), ["3"]);
    assert_eq!(told.of_tries("progress.stage"), ["copying"]);
    let logs = told.of_tries("logs").join("");
    assert_eq!(logs, "info begin\ninfo end\n(1 more lines found no room)\n");
}

#[test]
fn a_duplicate_key_is_answered_with_the_task_that_has_it() {
    let hearken = pool("", "workers = 1").start();
    let task = json!({"key": "order-7", "payload": []});
    let first = hearken.submit("p", &json!({"tasks": [task]})).json();
    let again = hearken.submit("p", &json!({"tasks": [task]})).json();
    assert_eq!(first["tasks"][0]["outcome"], "inserted");
    assert_eq!(again["tasks"][0]["outcome"], "duplicate");
    assert_eq!(first["tasks"][0]["id"], again["tasks"][0]["id"]);
    let id = TaskId(first["tasks"][0]["id"].as_str().unwrap().to_owned());
    let result = hearken.result_of(&id);
    assert_eq!((&result["key"], &result["attempt"]), (&json!("order-7"), &json!(1)));
}

#[test]
fn a_full_queue_refuses_and_says_what_to_do() {
    let hearken = pool("", "workers = 1\nqueue = 2").start();
    let late = json!({"delay": "3600s", "payload": []});
    hearken.add_all("p", &json!({"tasks": [late, late]}));
    let refused = hearken.submit("p", &json!({"tasks": [late]}));
    assert_eq!(refused.status, 429);
    let text = refused.json()["error"].to_string();
    assert!(text.contains("takes 2") && text.contains("queue"), "{text}");
}

#[test]
fn a_task_that_expires_before_its_turn_is_never_sent() {
    let setup = pool("", "workers = 1");
    let gate = Gate::new(setup.folder());
    let hearken = setup.start();
    let first = hearken.task("p", json!([say("first"), ["gate", gate.path()]]));
    hearken.wait(&event("child_log").is("message", "first"));
    let short = hearken.add("p", &json!({"expires": "300ms", "payload": [say("never")]}));
    let told = hearken.end_of(&short);
    assert_eq!((told.state(), told.decided_by()), ("expired", "clock"));
    gate.open(1);
    hearken.end_of(&first);
    assert_eq!(said(&hearken, 1), ["first"]);
}
