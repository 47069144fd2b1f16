//! Workers with bad manners: they harm themselves and their own tasks, and nobody else.

use crate::harness::{Process, event};
use crate::pools::pool;
use serde_json::json;

#[test]
fn a_worker_that_floods_delays_nobody_and_fills_no_memory() {
    let hearken = pool("", "workers = 2\n").start();
    hearken.wait_for_many(&event("ready").unit("p"), 2);
    let before = Process::status(hearken.pid(), "VmRSS");
    let flood = hearken.task("p", json!([["flood", 100_000]]));
    for _ in 0..20 {
        let other = hearken.task("p", json!([]));
        assert_eq!(hearken.end_of(&other).state(), "succeeded");
    }
    let told = hearken.end_of(&flood);
    assert_eq!((told.state(), told.tries().len()), ("succeeded", 1));
    assert_eq!(told.of_tries("progress.done"), ["99999"], "the last word counts");
    let after = Process::status(hearken.pid(), "VmHWM");
    assert!(after < before + 32 * 1024, "from {before} to {after} KiB");
    assert!(hearken.all(&event("child_progress")).len() < 2_000);
}

#[test]
fn a_worker_that_never_reads_is_killed_and_its_tasks_go_on() {
    let hearken = pool(
        "deaf credits 1000",
        "workers = 1\naccept_timeout = \"300ms\"\nretry = { crashes = 1, delay = \"10ms\" }",
    )
    .start();
    // More than the socket and the room for writing hold.
    let large = json!({"payload": "x".repeat(200_000)});
    let tasks = hearken.add_all("p", &json!({"tasks": vec![large; 6]}));
    let exited = hearken.wait(&event("exited").unit("p"));
    assert_eq!(exited.text("exit_signal"), "SIGKILL", "{exited}");
    assert_eq!(hearken.end_of(&tasks[0]).state(), "dead", "{}", hearken.dump());
    assert_eq!(hearken.show(&tasks[0]).of_tries("error.kind"), ["lost"]);
}

#[test]
fn a_worker_that_is_ready_for_nothing_is_named() {
    let hearken = pool("credits 0", "workers = 1").start();
    hearken.wait(&event("no_credits").unit("p").is("instance", 1));
}

#[test]
fn a_result_for_a_task_the_worker_does_not_hold_changes_nothing() {
    let hearken = pool("", "workers = 1").start();
    let foreign = json!({"kind": "result", "handle": 99, "data": "forged"});
    let task = hearken.task("p", json!([["say-only", foreign]]));
    let told = hearken.end_of(&task);
    assert_eq!((told.state(), told.tries().len()), ("succeeded", 1), "{}", hearken.dump());
    assert_eq!(hearken.result_of(&task)["attempt"], 1);
}

#[test]
fn a_second_result_is_dropped() {
    let hearken = pool("", "workers = 1").start();
    let task = hearken.task("p", json!([["twice"]]));
    let next = hearken.task("p", json!([]));
    assert_eq!(hearken.result_of(&task), json!("once"));
    assert_eq!(hearken.result_of(&next)["attempt"], 1);
    assert_eq!(hearken.show(&task).tries().len(), 1);
}

#[test]
fn a_worker_that_dies_between_its_result_and_the_ack_has_done_its_task() {
    let hearken = pool("", "workers = 1").start();
    for _ in 0..3 {
        let task = hearken.task("p", json!([["answer-and-die"]]));
        let told = hearken.end_of(&task);
        assert_eq!((told.state(), told.counters()), ("succeeded", (0, 0, 0)), "{:#}", told.0);
        assert_eq!((told.tries().len(), hearken.result_of(&task)), (1, json!("my last words")));
    }
}

#[test]
fn a_worker_that_breaks_the_protocol_loses_its_line_and_its_task_is_tried_elsewhere() {
    let hearken = pool("", "workers = 1\nretry = { delay = \"10ms\" }").start();
    let task = hearken.task("p", json!([["attempt", 1, [["garbage"], ["sleep", 3_600_000]]]]));
    let told = hearken.end_of(&task);
    assert_eq!((told.state(), told.counters()), ("succeeded", (0, 1, 0)), "{:#}", told.0);
    assert_eq!(told.of_tries("error.kind")[0], "protocol");
    let violation = hearken.wait(&event("protocol_violation").unit("p"));
    assert_eq!(told.of_tries("error.message")[0], violation.text("reason"), "{:#}", told.0);
}

#[test]
fn a_program_that_cannot_be_started_fails_its_pool_and_keeps_its_tasks() {
    let hearken = crate::harness::Setup::new(
        "[pool.p]\ncommand = [\"/nonexistent/worker\"]\nworkers = 2\n\
         [service.other]\ncommand = [\"sleep\", \"86400\"]\n",
    )
    .start();
    hearken.wait_for_many(&event("failed").unit("p"), 1);
    let task = hearken.task("p", json!([]));
    assert_eq!(hearken.show(&task).state(), "waiting");
}
