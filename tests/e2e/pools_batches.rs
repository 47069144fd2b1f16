//! Batches: when they are over, and what is done then.

use crate::harness::{Hearken, TaskId, event};
use crate::pools::{pool, said, say};
use crate::pools_retry::error;
use serde_json::{Value, json};

/// A batch of these payloads, with `done` said when it is over; gives its tasks.
#[track_caller]
fn batch(hearken: &Hearken, mut policy: Value, payloads: &[Value]) -> Vec<TaskId> {
    policy["on_complete"] = json!({"payload": [say("done")]});
    let tasks: Vec<_> = payloads.iter().map(|it| json!({"payload": it})).collect();
    hearken.add_all("p", &json!({"tasks": tasks, "batch": policy}))
}

#[track_caller]
fn states(hearken: &Hearken, tasks: &[TaskId]) -> Vec<String> {
    tasks.iter().map(|task| hearken.end_of(task).state().to_owned()).collect()
}

#[track_caller]
fn over(hearken: &Hearken, outcome: &str) {
    hearken.wait(&event("batch_ended").unit("p").is("outcome", outcome));
    hearken.wait(&event("child_log").is("message", "done"));
    assert_eq!(said(hearken, 1).iter().filter(|it| *it == "done").count(), 1);
}

fn hearken(workers: u32) -> Hearken {
    pool("", &format!("workers = {workers}\nretry = {{ attempts = 2, delay = \"10ms\" }}")).start()
}

#[test]
fn a_batch_of_all_is_over_when_the_last_has_ended() {
    let hearken = hearken(2);
    let tasks = batch(&hearken, json!({"policy": "all"}), &[json!([]), json!([]), json!([])]);
    assert_eq!(states(&hearken, &tasks), ["succeeded"; 3]);
    over(&hearken, "succeeded");
}

#[test]
fn a_batch_of_all_fails_with_one_task_and_does_the_others_first() {
    let hearken = hearken(1);
    let bad = json!([error("invalid", "input.bad")]);
    let tasks = batch(&hearken, json!({"policy": "all"}), &[bad, json!([say("other")])]);
    assert_eq!(states(&hearken, &tasks), ["dead", "succeeded"]);
    over(&hearken, "failed");
    assert_eq!(said(&hearken, 2), ["other", "done"]);
}

#[test]
fn a_batch_of_any_is_over_with_the_first_success_and_takes_the_others_back() {
    let hearken = hearken(2);
    let waits = json!([["until-cancelled"]]);
    let bad = json!([error("invalid", "input.bad")]);
    let tasks = batch(
        &hearken,
        json!({"policy": "any"}),
        &[waits.clone(), bad, json!([]), json!([say("no")])],
    );
    let ended = states(&hearken, &tasks);
    assert_eq!(ended[..3], ["cancelled", "dead", "succeeded"]);
    assert_eq!(hearken.end_of(&tasks[0]).decided_by(), "batch");
    over(&hearken, "succeeded");
}

#[test]
fn a_batch_of_any_fails_when_all_have() {
    let hearken = hearken(1);
    let bad = json!([error("invalid", "input.bad")]);
    let tasks = batch(&hearken, json!({"policy": "any"}), &[bad.clone(), bad]);
    assert_eq!(states(&hearken, &tasks), ["dead", "dead"]);
    over(&hearken, "failed");
}

#[test]
fn a_quorum_is_enough() {
    let hearken = hearken(1);
    let late = json!([["until-cancelled"]]);
    let payloads = [json!([]), json!([]), late, json!([say("no")])];
    let tasks = batch(&hearken, json!({"policy": "quorum", "quorum": 2}), &payloads);
    assert_eq!(states(&hearken, &tasks), ["succeeded", "succeeded", "cancelled", "cancelled"]);
    over(&hearken, "succeeded");
    assert_eq!(said(&hearken, 1), ["done"]);
}

#[test]
fn a_batch_halts_when_too_many_have_failed() {
    let hearken = hearken(1);
    let bad = json!([error("invalid", "input.bad")]);
    let payloads = [json!([]), bad.clone(), bad, json!([say("no")])];
    let tasks = batch(&hearken, json!({"policy": "halt", "halt_percent": 25}), &payloads);
    assert_eq!(states(&hearken, &tasks), ["succeeded", "dead", "dead", "cancelled"]);
    over(&hearken, "failed");
    assert_eq!(said(&hearken, 1), ["done"]);
}

#[test]
fn a_retried_task_of_a_batch_counts_once() {
    let hearken = hearken(1);
    let twice = json!([["attempt", 1, [error("transient", "x")]]]);
    let tasks = batch(&hearken, json!({"policy": "all"}), &[twice, json!([])]);
    assert_eq!(states(&hearken, &tasks), ["succeeded"; 2]);
    over(&hearken, "succeeded");
}

#[test]
fn a_batch_outlives_the_supervisor() {
    use nix::sys::signal::Signal;
    let first = hearken(1);
    let tasks = batch(
        &first,
        json!({"policy": "all"}),
        &[json!([]), json!([["attempt", 1, [say("here"), ["sleep", 3_600_000]]]]), json!([])],
    );
    first.wait(&event("child_log").is("message", "here"));
    first.signal(Signal::SIGKILL);
    let next = first.again();
    assert_eq!(states(&next, &tasks), ["succeeded"; 3]);
    over(&next, "succeeded");
}
