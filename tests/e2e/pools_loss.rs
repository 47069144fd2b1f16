//! Nothing that was acknowledged is lost, whoever is killed.

use crate::harness::{Gate, Hearken, PATIENCE, TaskId, event, until};
use crate::pools::{pool, say};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;

const FOR_EVER: u64 = 3_600_000;

/// SIGKILL to the supervisor; and the next life in the same place.
#[track_caller]
fn killed_and_again(hearken: Hearken) -> Hearken {
    hearken.signal(Signal::SIGKILL);
    hearken.again()
}

#[track_caller]
fn all_succeed(hearken: &Hearken, tasks: &[TaskId]) {
    for task in tasks {
        let told = hearken.end_of(task);
        assert_eq!(told.state(), "succeeded", "{:#}\n{}", told.0, hearken.dump());
    }
}

#[test]
fn a_shutdown_waits_for_the_task_that_runs_and_keeps_its_result() {
    let setup = pool("", "workers = 1");
    let gate = Gate::new(setup.folder());
    let mut hearken = setup.start();
    let running = hearken.task("p", json!([say("here"), ["gate", gate.path()]]));
    let waiting = hearken.task("p", json!([]));
    hearken.wait(&event("child_log").is("message", "here"));
    hearken.signal(Signal::SIGTERM);
    hearken.wait(&event("stopping").unit("p"));
    gate.open(1);
    assert_eq!(hearken.exit_code(), 0, "{}", hearken.dump());
    assert!(hearken.all(&event("killing")).is_empty(), "{}", hearken.dump());
    let next = hearken.again();
    let told = next.end_of(&running);
    assert_eq!((told.state(), told.tries().len()), ("succeeded", 1), "{:#}", told.0);
    assert_eq!(next.result_of(&running)["attempt"], 1);
    assert_eq!(next.end_of(&waiting).state(), "succeeded");
}

#[test]
fn a_task_that_outlasts_the_shutdown_goes_back_and_loses_no_attempt() {
    let mut hearken = pool("", "workers = 1\nstop = { timeout = \"300ms\" }").start();
    let task = hearken.task("p", json!([["attempt", 1, [say("here"), ["sleep", FOR_EVER]]]]));
    hearken.wait(&event("child_log").is("message", "here"));
    hearken.shut_down();
    let next = hearken.again();
    let result = next.result_of(&task);
    assert_eq!((&result["attempt"], &result["crashes"]), (&json!(2), &json!(0)));
    assert_eq!(next.show(&task).counters(), (0, 0, 0));
}

#[test]
fn a_killed_supervisor_loses_no_task_and_none_is_counted_as_failed() {
    let hearken = pool("", "workers = 1").start();
    let done = hearken.task("p", json!([]));
    let before = hearken.result_of(&done);
    let running = hearken.task("p", json!([["attempt", 1, [say("here"), ["sleep", FOR_EVER]]]]));
    let waiting = hearken.task("p", json!([]));
    let late = hearken.add("p", &json!({"delay": "3600s", "payload": []}));
    hearken.wait(&event("child_log").is("message", "here"));
    let next = killed_and_again(hearken);
    next.wait(&event("leases_lost").is("tasks", 1));
    let told = next.end_of(&running);
    assert_eq!((told.state(), told.counters()), ("succeeded", (0, 0, 0)), "{:#}", told.0);
    assert_eq!(next.result_of(&running)["attempt"], 2);
    assert_eq!(next.end_of(&waiting).state(), "succeeded");
    assert_eq!(next.show(&late).state(), "waiting");
    assert_eq!(next.result_of(&done), before, "what was done is not done again");
    assert_eq!(next.show(&done).tries().len(), 1);
}

#[test]
fn a_checkpoint_outlives_the_supervisor() {
    let hearken = pool("", "workers = 1").start();
    let half = json!({"kind": "checkpoint", "sequence": 0, "data": "half way"});
    let steps = json!([["attempt", 1, [half, ["acked"], say("kept"), ["sleep", FOR_EVER]]]]);
    let task = hearken.task("p", steps);
    hearken.wait(&event("child_log").is("message", "kept"));
    let next = killed_and_again(hearken);
    assert_eq!(next.result_of(&task)["checkpoint"], "half way");
}

#[test]
fn the_counters_of_a_task_outlive_the_supervisor() {
    let retry = "retry = { attempts = 3, delay = \"1s\", max_delay = \"1s\" }";
    let hearken = pool("", &format!("workers = 1\n{retry}")).start();
    let task = hearken.task("p", json!([crate::pools_retry::error("transient", "db.deadlock")]));
    hearken.wait(&event("task_retrying").unit("p"));
    until("the failure is kept", PATIENCE, || {
        (hearken.show(&task).counters() == (1, 0, 0)).then_some(())
    });
    let next = killed_and_again(hearken);
    let told = next.end_of(&task);
    assert_eq!((told.state(), told.counters()), ("dead", (3, 0, 0)), "{:#}", told.0);
}

#[test]
fn tasks_outlive_a_killed_fork_server() {
    let hearken = pool("", "workers = 2").start();
    hearken.wait_for_many(&event("ready").unit("p"), 2);
    let tasks =
        hearken.add_all("p", &json!({"tasks": vec![json!({"payload": [["sleep", 20]]}); 40]}));
    kill(Pid::from_raw(hearken.fork_server()), Signal::SIGKILL).unwrap();
    hearken.wait(&event("fork_server_replaced"));
    for ready in hearken.all(&event("started").unit("p")) {
        kill(Pid::from_raw(ready.pid()), Signal::SIGKILL).unwrap();
    }
    all_succeed(&hearken, &tasks);
}

#[test]
fn tasks_outlive_killed_workers() {
    let lines = "workers = 3\nretry = { crashes = \"unlimited\", delay = \"10ms\" }\n\
                 restart = { delay = \"10ms\", limit = \"unlimited\" }";
    let hearken = pool("credits 2", lines).start();
    let tasks =
        hearken.add_all("p", &json!({"tasks": vec![json!({"payload": [["sleep", 10]]}); 100]}));
    let mut seen = 0;
    for _ in 0..10 {
        let started = hearken.wait_from(seen, &event("started").unit("p"));
        seen = started.index + 1;
        // It may have been killed as one of those before.
        let _gone = kill(Pid::from_raw(started.pid()), Signal::SIGKILL);
    }
    all_succeed(&hearken, &tasks);
    for task in &tasks {
        let told = hearken.show(task);
        let ended = told.of_tries("outcome").iter().filter(|it| *it == "succeeded").count();
        assert_eq!(ended, 1, "a result is kept once: {:#}", told.0);
    }
}

#[test]
fn all_killed_at_once_lose_nothing() {
    let hearken = pool("credits 2", "workers = 2").start();
    let steps = json!({"payload": [["attempt", 1, [["sleep", 30]]]]});
    let tasks = hearken.add_all("p", &json!({"tasks": vec![steps; 50]}));
    hearken.end_of(&tasks[0]);
    let mut doomed: Vec<_> =
        hearken.all(&event("started").unit("p")).iter().map(crate::harness::Event::pid).collect();
    doomed.extend([hearken.fork_server(), hearken.pid()]);
    for pid in doomed {
        // A worker may be gone by itself.
        let _gone = kill(Pid::from_raw(pid), Signal::SIGKILL);
    }
    let next = killed_and_again(hearken);
    all_succeed(&next, &tasks);
    for task in &tasks {
        let told = next.show(task);
        assert_eq!(told.counters().0, 0, "nobody failed: {:#}", told.0);
    }
}

#[test]
fn a_supervisor_killed_again_and_again_loses_nothing() {
    let mut hearken = pool("credits 4", "workers = 2").start();
    let mut tasks = Vec::new();
    for _ in 0..8 {
        let steps = json!({"payload": [["sleep", 2]]});
        tasks.extend(hearken.add_all("p", &json!({"tasks": vec![steps; 40]})));
        hearken.end_of(&tasks[tasks.len() - 20]);
        hearken = killed_and_again(hearken);
    }
    all_succeed(&hearken, &tasks);
    for task in &tasks {
        let told = hearken.show(task);
        let ended = told.of_tries("outcome").iter().filter(|it| *it == "succeeded").count();
        assert_eq!((ended, told.counters()), (1, (0, 0, 0)), "{:#}", told.0);
    }
}

#[test]
fn tasks_in_memory_end_with_the_supervisor_and_it_says_so() {
    let hearken = pool("", "workers = 1\ndurability = \"memory\"").start();
    let opened = hearken.wait(&event("pool_opened").unit("p"));
    assert!(opened.text("message").contains("gone when hearken ends"), "{opened}");
    let task = hearken.task("p", json!([]));
    assert_eq!(hearken.end_of(&task).state(), "succeeded");
    let next = killed_and_again(hearken);
    assert_eq!(next.ask("GET", &format!("/v1/tasks/{}", task.0), "").status, 404);
}
