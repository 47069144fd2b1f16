//! How many workers there are, and replacing them before they go bad.

use crate::harness::{Event, Gate, Hearken, event};
use crate::pools::{pool, say};
use serde_json::json;

/// Every worker that was recycled went only when its successor was ready.
#[track_caller]
fn successors_came_first(hearken: &Hearken) {
    let all = hearken.all(&event("worker_recycling"));
    assert!(!all.is_empty());
    for recycling in &all {
        let after = |it: &Event| it.index > recycling.index;
        let ready = event("ready").unit("p").is("instance", recycling.number("successor"));
        let gone = event("stopping").unit("p").is("instance", recycling.number("instance"));
        let first = |want| hearken.all(want).into_iter().find(after);
        if let Some(gone) = first(&gone) {
            let ready = first(&ready).unwrap_or_else(|| panic!("{recycling}\n{}", hearken.dump()));
            assert!(ready.index < gone.index, "{recycling}\n{}", hearken.dump());
        }
    }
}

#[test]
fn a_worker_that_did_its_share_is_replaced_and_no_task_is_cut() {
    let hearken = pool("credits 2", "workers = 2\nrecycle = { tasks = 5 }").start();
    let tasks = vec![json!({"payload": [["sleep", 1]]}); 60];
    for task in hearken.add_all("p", &json!({"tasks": tasks})) {
        let told = hearken.end_of(&task);
        assert_eq!((told.state(), told.tries().len()), ("succeeded", 1), "{:#}", told.0);
    }
    hearken.wait_for_many(&event("worker_recycling").is("because", "tasks"), 3);
    successors_came_first(&hearken);
    for exited in hearken.all(&event("exited")) {
        assert_eq!(exited.field("exit_code"), Some(&json!(0)), "{}", hearken.dump());
    }
    assert!(hearken.all(&event("restarting")).is_empty(), "{}", hearken.dump());
}

#[test]
fn a_worker_that_is_old_is_replaced_when_its_task_is_done() {
    let setup = pool("", "workers = 1\nrecycle = { age = \"1s\" }");
    let gate = Gate::new(setup.folder());
    let hearken = setup.start();
    let task = hearken.task("p", json!([say("here"), ["gate", gate.path()]]));
    let recycling = hearken.wait(&event("worker_recycling").is("because", "age"));
    let successor = event("ready").unit("p").is("instance", recycling.number("successor"));
    hearken.wait_after(&recycling, &successor);
    let next = hearken.task("p", json!([]));
    assert_eq!(hearken.end_of(&next).state(), "succeeded", "the successor works meanwhile");
    gate.open(1);
    let told = hearken.end_of(&task);
    assert_eq!((told.state(), told.tries().len()), ("succeeded", 1), "{}", hearken.dump());
    let old = event("exited").unit("p").is("instance", recycling.number("instance"));
    hearken.wait_after(&recycling, &old);
    successors_came_first(&hearken);
}

#[test]
fn a_worker_that_uses_too_much_memory_is_replaced() {
    let hearken = pool("", "workers = 1\nrecycle = { memory = \"256MiB\" }").start();
    let fat = json!({"kind": "heartbeat", "sequence": 1, "memory": 300 * 1024 * 1024});
    let task = hearken.task("p", json!([fat, ["sleep", 300]]));
    let told = hearken.end_of(&task);
    assert_eq!((told.state(), told.tries().len()), ("succeeded", 1));
    let recycling = hearken.wait(&event("worker_recycling").is("because", "memory"));
    hearken.wait_after(&recycling, &event("exited").unit("p"));
    successors_came_first(&hearken);
    let next = hearken.task("p", json!([]));
    assert_eq!(hearken.end_of(&next).state(), "succeeded");
}

#[test]
fn a_worker_that_asks_to_be_replaced_is() {
    let hearken = pool("", "workers = 1\nrecycle = { tasks = 1000 }").start();
    let task = hearken.task("p", json!([{"kind": "draining", "reason": "my cache is full"}]));
    assert_eq!(hearken.end_of(&task).state(), "succeeded");
    let recycling = hearken.wait(&event("worker_recycling").is("because", "asked"));
    hearken.wait_after(&recycling, &event("exited").unit("p"));
    successors_came_first(&hearken);
    let next = hearken.task("p", json!([]));
    assert_eq!(hearken.end_of(&next).state(), "succeeded");
}

#[test]
fn a_worker_that_asks_to_be_replaced_is_although_there_is_no_slot_to_spare() {
    let hearken = pool("", "workers = 1").start();
    let task = hearken.task("p", json!([{"kind": "draining", "reason": "my cache is full"}]));
    assert_eq!(hearken.end_of(&task).state(), "succeeded");
    hearken.wait(&event("exited").unit("p"));
    let next = hearken.task("p", json!([]));
    assert_eq!(hearken.end_of(&next).state(), "succeeded", "{}", hearken.dump());
}

#[test]
fn a_pool_grows_when_tasks_wait_and_shrinks_when_there_is_nothing_to_do() {
    let scale = "workers = { min = 1, max = 3, grow_after = \"100ms\", shrink_after = \"400ms\" }";
    let setup = pool("", scale);
    let gate = Gate::new(setup.folder());
    let hearken = setup.start();
    let steps = json!({"payload": [say("here"), ["gate", gate.path()]]});
    let tasks = hearken.add_all("p", &json!({"tasks": vec![steps; 3]}));
    hearken.wait(&event("pool_growing").unit("p"));
    hearken.wait_for_many(&event("child_log").is("message", "here"), 3);
    gate.open(3);
    for task in &tasks {
        let told = hearken.end_of(task);
        assert_eq!((told.state(), told.tries().len()), ("succeeded", 1));
    }
    hearken.wait(&event("pool_shrinking").unit("p").is("workers", 1));
    hearken.wait_for_many(&event("exited").unit("p"), 2);
    let next = hearken.task("p", json!([]));
    assert_eq!(hearken.end_of(&next).state(), "succeeded");
    // And once more: who was stopped for want of work comes back.
    let more = hearken.now();
    let tasks = hearken.add_all("p", &json!({"tasks": vec![steps_of(&gate); 3]}));
    hearken.wait_from(more, &event("pool_growing").unit("p"));
    gate.open(3);
    for task in &tasks {
        assert_eq!(hearken.end_of(task).state(), "succeeded");
    }
}

fn steps_of(gate: &Gate) -> serde_json::Value {
    json!({"payload": [["gate", gate.path()]]})
}

#[test]
fn a_pool_of_at_least_no_worker_starts_one_for_its_first_task() {
    let scale = "workers = { min = 0, max = 2, grow_after = \"50ms\", shrink_after = \"300ms\" }";
    let hearken = pool("", scale).start();
    hearken.wait(&event("pool_opened").unit("p"));
    let task = hearken.task("p", json!([]));
    assert_eq!(hearken.end_of(&task).state(), "succeeded", "{}", hearken.dump());
    hearken.wait(&event("pool_shrinking").unit("p").is("workers", 0));
    hearken.wait(&event("exited").unit("p"));
    let task = hearken.task("p", json!([]));
    assert_eq!(hearken.end_of(&task).state(), "succeeded", "{}", hearken.dump());
}
