//! How a task of an exec pool ends: by what its program exits with, by what it said, by a clock,
//! because somebody wants it back.

use crate::exec::{dead, pool, succeeded};
use crate::harness::{Hearken, PATIENCE, Setup, event, fixture, until};
use serde_json::{Value, json};
use std::path::PathBuf;

const QUICK: &str = "retry = { attempts = 2, crashes = 2, delay = \"10ms\" }";

fn exec(lines: &str) -> Hearken {
    pool(lines).start()
}

fn shell(script: &str, lines: &str) -> Hearken {
    exec(&format!("shell = '''\n{script}\n'''\n{lines}"))
}

/// A script that finds `hearken` by a short name.
fn speaking(script: &str, lines: &str) -> Hearken {
    let lines = format!("shell = '''\n{script}\n'''\ndirectory = \"{{folder}}\"\n{lines}");
    let setup: Setup = pool(&lines);
    let program = PathBuf::from(setup.command(&[]).get_program());
    std::os::unix::fs::symlink(program, setup.folder().join("hearken")).unwrap();
    setup.start()
}

#[test]
fn exit_codes_have_the_meaning_of_sysexits() {
    let hearken = shell("exit \"$(cat)\"", QUICK);
    succeeded(&hearken, json!("0"));
    for (code, kind, tries) in [
        (1, "transient", 2),
        (42, "transient", 2),
        (65, "invalid", 1),
        (66, "not_found", 1),
        (69, "unavailable", 2),
        (70, "bug", 2),
        (75, "transient", 2),
        (77, "denied", 1),
    ] {
        let told = dead(&hearken, json!(code.to_string()), &format!("exit.{code}"));
        assert_eq!(told.of_tries("error.kind"), vec![kind; tries], "{code}: {:#}", told.0);
        assert_eq!(told.counters().1, 0, "no crash: {:#}", told.0);
    }
}

#[test]
fn a_death_by_a_signal_is_a_crash() {
    let hearken = shell("echo 'the last words' >&2; kill -SEGV $$", QUICK);
    let told = dead(&hearken, Value::Null, "signal.11");
    assert_eq!(told.of_tries("error.kind"), ["crashed", "crashed"], "{:#}", told.0);
    assert_eq!(told.counters(), (0, 2, 0));
    assert_eq!(told.decided_by(), "retry.crashes");
    assert!(told.of_tries("logs")[1].contains("stderr the last words"), "{:#}", told.0);
}

#[test]
fn a_rule_reads_the_exit_code() {
    let hearken = shell(
        "exit 3",
        &format!("{QUICK}\n[[pool.p.rule]]\nmatch = {{ exit_code = 3 }}\ntask = \"dead_letter\""),
    );
    let told = hearken.end_of(&hearken.task("p", Value::Null));
    assert_eq!(told.tries().len(), 1, "{:#}", told.0);
    assert!(told.decided_by().starts_with("rule"), "{:#}", told.0);
}

#[test]
fn an_emitted_error_says_what_the_exit_code_cannot() {
    let hearken = speaking(
        "[ \"$HEARKEN_TASK_ATTEMPT\" -gt 1 ] || \
         ./hearken emit error rate_limited api.quota 'slow down' --retry-after 50ms --detail n=1",
        QUICK,
    );
    let told = hearken.end_of(&hearken.task("p", Value::Null));
    assert_eq!(told.state(), "succeeded", "{:#}", told.0);
    assert_eq!(told.counters(), (0, 0, 1), "{:#}", told.0);
    assert_eq!(told.of_tries("error.code")[0], "api.quota", "{:#}", told.0);
    assert_eq!(told.of_tries("error.message")[0], "slow down", "{:#}", told.0);
}

#[test]
fn an_emitted_result_stands_for_what_was_written() {
    let hearken = speaking(
        "echo chatter\n./hearken emit result '{\"x\":[1,2]}'\necho more chatter",
        "result = \"json\"\nretry = 1",
    );
    let task = succeeded(&hearken, Value::Null);
    assert_eq!(hearken.result_of(&task), json!({"x": [1, 2]}));
}

#[test]
fn progress_and_logs_are_kept_with_the_task() {
    let hearken = speaking(
        "./hearken emit progress 3 9 --unit files --message 'on its way'\n\
         ./hearken emit log --level warn 'disk nearly full'\n\
         echo 'to standard error' >&2",
        "",
    );
    let task = succeeded(&hearken, Value::Null);
    let told = hearken.show(&task);
    let last = &told.tries()[0];
    assert_eq!(last["progress"]["done"], 3, "{:#}", told.0);
    assert_eq!(last["progress"]["message"], "on its way");
    let logs = last["logs"].as_str().unwrap();
    assert!(logs.contains("warn disk nearly full\n"), "{logs}");
    assert!(logs.contains("stderr to standard error\n"), "{logs}");
}

#[test]
fn a_snoozed_task_comes_back_and_no_attempt_is_spent() {
    let hearken = speaking(
        "[ \"$HEARKEN_TASK_ATTEMPT\" -gt 1 ] && { echo done; exit 0; }\n\
         ./hearken emit snooze 50ms 'the source is not there yet'",
        "retry = 1",
    );
    let task = succeeded(&hearken, Value::Null);
    assert_eq!(hearken.result_of(&task), "done");
    assert_eq!(hearken.show(&task).counters(), (0, 0, 1));
}

#[test]
fn a_task_that_is_taken_back_gets_a_sigterm() {
    let hearken = shell(
        "trap 'echo \"asked to stop\" >&2; exit 0' TERM\n\
         echo here >&2; while :; do sleep 0.2; done",
        "",
    );
    let task = hearken.task("p", Value::Null);
    hearken.wait(&event("child_output").unit("p").is("message", "here"));
    assert_eq!(hearken.cancel(&task).status, 200);
    let told = hearken.end_of(&task);
    assert_eq!((told.state(), told.decided_by()), ("cancelled", "operator"), "{:#}", told.0);
    assert!(told.of_tries("logs")[0].contains("asked to stop"), "{:#}", told.0);
}

#[test]
fn one_that_is_deaf_to_it_is_killed_after_its_grace() {
    let command = format!("command = [\"{}\", \"ignore-term\", \"sleep\", \"3600000\"]", fixture());
    let hearken =
        exec(&format!("{command}\ncancel_grace = \"200ms\"\nstop = {{ timeout = \"200ms\" }}"));
    let task = hearken.task("p", Value::Null);
    until("it is deaf", PATIENCE, || (hearken.show(&task).state() == "running").then_some(()));
    assert_eq!(hearken.cancel(&task).status, 200);
    let told = hearken.end_of(&task);
    assert_eq!(told.state(), "cancelled", "{:#}", told.0);
}

#[test]
fn a_process_that_takes_too_long_is_stopped_and_the_attempt_counts() {
    let hearken = shell("exec sleep 1000", &format!("{QUICK}\ntask_timeout = \"300ms\""));
    let told = dead(&hearken, Value::Null, "task.timeout");
    assert_eq!(told.of_tries("error.kind"), ["timeout", "timeout"], "{:#}", told.0);
    assert_eq!(told.counters(), (2, 0, 0));
}

#[test]
fn a_program_that_does_not_exist_fails_the_pool_and_keeps_its_tasks() {
    let hearken = exec("command = [\"/nonexistent/program\"]");
    let task = hearken.task("p", Value::Null);
    let failed = hearken.wait(&event("start_failed").unit("p"));
    assert!(failed.to_string().contains("/nonexistent/program"), "{failed}");
    hearken.wait(&event("failed").unit("p"));
    let told = until("it waits", PATIENCE, || {
        let told = hearken.show(&task);
        (told.state() != "running").then_some(told)
    });
    assert!(told.state() == "waiting", "{:#}", told.0);
    assert_eq!(told.counters(), (0, 0, 0));
}

#[test]
fn each_slot_runs_one_process_at_a_time_and_all_of_them_work() {
    let hearken = shell("cat", "workers = 4");
    let payloads: Vec<Value> = (0..200).map(|n| json!({"payload": n.to_string()})).collect();
    let tasks = hearken.add_all("p", &json!({"tasks": payloads}));
    for (n, task) in tasks.iter().enumerate() {
        assert_eq!(hearken.result_of(task), n.to_string());
    }
}

/// Row 48 and its neighbours: whatever stands on the line ends the line's process only.
#[test]
fn garbage_on_the_line_ends_that_try_as_a_protocol_error() {
    let hearken = shell("echo garbage >&\"$HEARKEN_FD\"; exec sleep 1000", QUICK);
    let told = hearken.end_of(&hearken.task("p", Value::Null));
    assert_eq!(told.state(), "dead", "{:#}", told.0);
    assert_eq!(told.of_tries("error.kind"), ["protocol", "protocol"], "{:#}", told.0);
}
