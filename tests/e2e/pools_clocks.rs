//! The four clocks of a task, and taking tasks back.

use crate::harness::{Gate, Hearken, event};
use crate::pools::{pool, said, say};
use serde_json::{Value, json};

const FOR_EVER: u64 = 3_600_000;

fn hearken(arguments: &str, lines: &str) -> Hearken {
    pool(arguments, &format!("workers = 1\n{lines}")).start()
}

#[test]
fn a_worker_that_does_not_begin_with_a_task_is_replaced() {
    let hearken =
        hearken("", "accept_timeout = \"300ms\"\nretry = { crashes = 1, delay = \"10ms\" }");
    let task = hearken.task("p", json!([["late", FOR_EVER]]));
    let told = hearken.end_of(&task);
    assert_eq!((told.state(), told.decided_by()), ("dead", "retry.crashes"), "{:#}", told.0);
    assert_eq!(told.of_tries("error.kind"), ["lost"]);
    hearken.wait(&event("task_not_accepted").unit("p"));
    let next = hearken.task("p", json!([]));
    assert_eq!(hearken.end_of(&next).state(), "succeeded");
}

#[test]
fn a_task_that_takes_too_long_is_asked_to_give_up_and_its_worker_lives_on() {
    let lines = "task_timeout = \"60s\"\nsoft_timeout = \"200ms\"\nretry = 1";
    let hearken = hearken("", lines);
    let task = hearken.task("p", json!([["until-cancelled"]]));
    let told = hearken.end_of(&task);
    assert_eq!((told.state(), told.decided_by()), ("dead", "retry.attempts"), "{:#}", told.0);
    assert_eq!(told.of_tries("error.code"), ["task.timeout"]);
    assert_eq!(told.of_tries("error.kind"), ["timeout"]);
    hearken.wait(&event("task_cancelling").is("reason", "timeout"));
    let next = hearken.task("p", json!([]));
    assert_eq!(hearken.end_of(&next).state(), "succeeded");
    assert_eq!(hearken.all(&event("started").unit("p")).len(), 1);
}

#[test]
fn a_worker_that_ignores_the_cancel_is_killed_and_the_attempt_counts() {
    let hearken =
        hearken("", "task_timeout = \"500ms\"\nretry = { attempts = 2, delay = \"10ms\" }");
    let task = hearken.task("p", json!([["attempt", 1, [["sleep", FOR_EVER]]]]));
    let told = hearken.end_of(&task);
    assert_eq!((told.state(), told.counters()), ("succeeded", (1, 0, 0)), "{:#}", told.0);
    assert_eq!(told.of_tries("error.kind")[0], "timeout");
    let asked = hearken.wait(&event("task_cancelling").is("reason", "timeout"));
    let killed = hearken.wait_after(&asked, &event("task_overrun").unit("p"));
    assert!(killed.number("after_ms") >= 500, "{killed}");
    hearken.wait_after(&killed, &event("exited").unit("p").has("exit_signal", "KILL"));
}

#[test]
fn the_time_of_a_task_as_a_whole_ends_it_wherever_it_is() {
    let hearken = hearken("", "total_timeout = \"400ms\"\ncancel_grace = \"200ms\"");
    let obeys = hearken.task("p", json!([["until-cancelled"]]));
    let told = hearken.end_of(&obeys);
    assert_eq!((told.state(), told.decided_by()), ("expired", "clock"), "{:#}", told.0);
    let deaf = hearken.task("p", json!([["sleep", FOR_EVER]]));
    let told = hearken.end_of(&deaf);
    assert_eq!((told.state(), told.decided_by()), ("expired", "clock"), "{:#}", told.0);
    hearken.wait(&event("task_overrun").unit("p"));
}

#[test]
fn a_waiting_task_is_cancelled_at_once() {
    let hearken = hearken("", "");
    let task = hearken.add("p", &json!({"delay": "3600s", "payload": [say("never")]}));
    assert_eq!(hearken.cancel(&task).status, 200);
    let told = hearken.end_of(&task);
    assert_eq!((told.state(), told.decided_by()), ("cancelled", "operator"));
    assert_eq!(hearken.cancel(&task).status, 409, "it has ended");
}

#[test]
fn a_running_task_is_asked_to_give_up() {
    let hearken = hearken("", "");
    let task = hearken.task("p", json!([say("here"), ["until-cancelled"]]));
    hearken.wait(&event("child_log").is("message", "here"));
    assert_eq!(hearken.cancel(&task).json()["state"], "running");
    let told = hearken.end_of(&task);
    assert_eq!((told.state(), told.decided_by()), ("cancelled", "operator"));
    assert_eq!(told.counters(), (0, 0, 0));
    let next = hearken.task("p", json!([]));
    hearken.end_of(&next);
    assert_eq!(hearken.all(&event("started").unit("p")).len(), 1);
}

#[test]
fn a_worker_that_does_not_give_up_a_cancelled_task_is_killed_and_its_other_tasks_lose_nothing() {
    let hearken = hearken("credits 3", "cancel_grace = \"300ms\"");
    let stubborn = json!({"payload": [say("here"), ["sleep", FOR_EVER]]});
    let tasks =
        hearken.add_all("p", &json!({"tasks": [stubborn, {"payload": []}, {"payload": []}]}));
    hearken.wait(&event("child_log").is("message", "here"));
    hearken.cancel(&tasks[0]);
    let told = hearken.end_of(&tasks[0]);
    assert_eq!((told.state(), told.counters()), ("cancelled", (0, 0, 0)), "{:#}", told.0);
    for other in &tasks[1..] {
        let told = hearken.end_of(other);
        assert_eq!((told.state(), told.counters()), ("succeeded", (0, 0, 0)), "{:#}", told.0);
    }
}

#[test]
fn who_cancels_a_batch_takes_back_what_runs_and_what_waits() {
    let hearken = hearken("", "");
    let steps: Value = json!([say("here"), ["until-cancelled"]]);
    let what = json!({
        "tasks": [{"payload": []}, {"payload": steps}, {"payload": []}, {"payload": []}],
        "batch": {"policy": "all"},
    });
    let answer = hearken.submit("p", &what).json();
    let batch = answer["batch"].as_str().unwrap();
    hearken.wait(&event("child_log").is("message", "here"));
    let answered = hearken.ask("POST", &format!("/v1/batches/{batch}/cancel"), "");
    assert_eq!(answered.status, 200);
    let ended: Vec<_> = crate::harness::TaskId::all(&answer)
        .iter()
        .map(|task| hearken.end_of(task).state().to_owned())
        .collect();
    assert_eq!(ended, ["succeeded", "cancelled", "cancelled", "cancelled"]);
    hearken.wait(&event("batch_ended").is("outcome", "failed"));
}

#[test]
fn the_clocks_of_a_task_start_when_its_worker_begins() {
    let setup =
        pool("credits 2", "workers = 1\naccept_timeout = \"300ms\"\ntask_timeout = \"60s\"");
    let gate = Gate::new(setup.folder());
    let hearken = setup.start();
    // The second is sent at once, and lies longer than accept_timeout behind the first.
    let steps = json!({"payload": [say("here"), ["gate", gate.path()]]});
    let tasks = hearken.add_all("p", &json!({"tasks": [steps, steps]}));
    let first = hearken.wait(&event("child_log").is("message", "here"));
    let watch = hearken.add("p", &json!({"delay": "900ms", "expires": "1000ms", "payload": []}));
    assert_eq!(hearken.end_of(&watch).state(), "expired");
    gate.open(2);
    for task in &tasks {
        let told = hearken.end_of(task);
        assert_eq!((told.state(), told.tries().len()), ("succeeded", 1), "{}", hearken.dump());
    }
    assert_eq!(said(&hearken, 2).len(), 2, "{first}");
}
