//! When a run ends early, when an input is given up, and when a program is no good at all.

use super::shell::{Ran, Shell};
use crate::harness::Gate;
use crate::pools::tasker;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Fails for `f…`, succeeds for all others; `…g` waits at the gate before.
const SCRIPT: &str = "case $1 in *g) read -r _ < gate ;; esac; case $1 in f*) exit 65 ;; esac";

/// One after another; inputs that wait at the gate wait for ever.
#[track_caller]
fn halted(when: &str, inputs: &str) -> Ran {
    let shell = Shell::new();
    let _never_opened = Gate::new(shell.folder());
    let inputs: Vec<&str> = inputs.split(' ').collect();
    let options = ["--exec", "-k", "-j1", "--halt", when, "--", "sh", "-c", SCRIPT, "sh", ":::"];
    shell.run(&[&options[..], &inputs].concat())
}

fn statuses(words: &str) -> Vec<Value> {
    words.split(' ').map(|word| json!(word)).collect()
}

#[test]
fn a_run_halts_after_so_many_failures() {
    let ran = halted("now,fail=2", "a f b f cg dg");
    assert_eq!(ran.of_each(1, "status"), statuses("ok failed ok failed cancelled cancelled"));
    ran.says(1, &["halted", "2 of 6 inputs failed: exit.65 ×2", "2 of 6 inputs were not done"]);
    assert_eq!(
        halted("soon,fail=3", "a f b f").of_each(1, "status").len(),
        4,
        "it never came to it"
    );
}

#[test]
fn a_run_halts_after_a_share_of_failures_but_not_for_the_first_two() {
    let ran = halted("now,fail=50%", "f f a a f ag bg cg");
    let expected = "failed failed ok ok failed cancelled cancelled cancelled";
    assert_eq!(ran.of_each(1, "status"), statuses(expected), "three of five");
    let ran = halted("now,fail=50%", "f f a a a a f a");
    assert_eq!(ran.of_each(1, "status"), statuses("failed failed ok ok ok ok failed ok"));
}

#[test]
fn a_run_that_has_found_what_it_looked_for_has_succeeded() {
    let ran = halted("now,success=1", "f f a bg cg");
    assert_eq!(ran.of_each(0, "status"), statuses("failed failed ok cancelled cancelled"));
    let ran = halted("now,done=2", "a f bg");
    assert_eq!(ran.of_each(1, "status"), statuses("ok failed cancelled"));
}

#[test]
fn halting_soon_finishes_what_runs() {
    let shell = Shell::new();
    let gate = Gate::new(shell.folder());
    // The failure waits until the first input is at work.
    let script = "case $1 in 1) touch begun ;; 2) until test -e begun; do sleep 0.01; done; exit 65 ;; esac; \
                  read -r _ < gate";
    let options = ["--exec", "-j2", "--halt", "soon,fail=1", "--", "sh", "-c", script, "sh", ":::"];
    let running = shell.start(&[&options[..], &["1", "2", "3", "4"]].concat());
    running.writes("\"failed\"");
    gate.open_lines(2);
    let results = running.end().of_each(1, "status");
    assert_eq!(
        (&results[0], &results[1], &results[3]),
        (&json!("ok"), &json!("failed"), &json!("cancelled"))
    );
    // The worker of the second may have begun with it before anybody knew that it is the last.
    assert!(["ok", "cancelled"].map(Value::from).contains(&results[2]), "{results:?}");
}

#[test]
fn halting_now_takes_back_what_runs() {
    let shell = Shell::new();
    let _never_opened = Gate::new(shell.folder());
    let options = ["--exec", "-j2", "--halt", "now,fail=1", "--", "sh", "-c", SCRIPT, "sh", ":::"];
    let ran = shell.run(&[&options[..], &["1g", "f", "3g"]].concat());
    assert_eq!(ran.of_each(1, "status"), statuses("cancelled failed cancelled"));
}

#[test]
fn a_try_that_takes_too_long_is_killed_and_the_others_are_fine() {
    let started = Instant::now();
    let options = ["--exec", "-j2", "--timeout", "300ms", "--retries", "1", "--retry-delay", "1ms"];
    let command =
        ["--", "sh", "-c", "[ $1 = fast ] || exec sleep 600", "sh", ":::", "slow", "fast"];
    let ran = Shell::new().run(&[&options[..], &command].concat());
    assert_eq!(ran.of_each(1, "status"), statuses("timeout ok"));
    assert_eq!(ran.of_each(1, "error.code")[0], "task.timeout");
    assert_eq!(ran.of_each(1, "attempts"), [2, 1]);
    assert!(started.elapsed() < Duration::from_secs(60), "nobody waited for ten minutes");
}

/// Inputs that say what a worker does with them.
#[track_caller]
fn work(options: &[&str], inputs: &[Value]) -> Ran {
    let lines: String = inputs.iter().map(|input| format!("{input}\n")).collect();
    let command = ["--", tasker()];
    Shell::new().fed(lines.as_bytes(), &[options, &command].concat())
}

#[test]
fn a_worker_that_takes_too_long_is_killed_and_another_goes_on() {
    let ran = work(&["-j1", "--timeout", "300ms"], &[json!([["sleep", 600_000]]), json!("fine")]);
    assert_eq!(ran.of_each(1, "status"), statuses("timeout ok"));
    assert_eq!(ran.of_each(1, "result")[1], "fine");
}

#[test]
fn an_input_that_kills_every_worker_fails_and_the_others_do_not() {
    let poison = json!([["signal", 9]]);
    let others = ["a", "b", "c", "d"].map(|it| json!(it));
    let inputs = [&others[..2], &[poison], &others[2..]].concat();
    let ran = work(&["-j2", "--retries", "1", "--retry-delay", "1ms"], &inputs);
    assert_eq!(ran.of_each(1, "status"), statuses("ok ok failed ok ok"));
    assert_eq!(ran.of_each(1, "crashes"), [0, 0, 2, 0, 0]);
    assert_eq!(ran.of_each(1, "error.kind")[2], "crashed");
    let of_others: Vec<_> = ran.of_each(1, "result").into_iter().filter(Value::is_string).collect();
    assert_eq!(of_others, others);
}

#[test]
fn poison_after_poison_ends_no_run() {
    let inputs: Vec<Value> = (0..12).map(|_| json!([["exit", 3]])).collect();
    let ran = work(&["-j2"], &[&inputs[..], &[json!("fine")]].concat());
    let expected = [&vec!["failed"; 12][..], &["ok"]].concat();
    assert_eq!(ran.of_each(1, "status"), expected);
}

#[test]
fn what_a_worker_says_decides_about_another_try() {
    let error = |kind: &str, more: Value| {
        let mut error = json!({"kind": "error", "error_kind": kind, "code": format!("x.{kind}"), "message": "no"});
        error.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!([["attempt", 1, [error.clone()]], ["attempt", 2, [error]]])
    };
    let inputs = [
        error("transient", json!({})),
        error("invalid", json!({})),
        error("transient", json!({"retryable": false})),
        error("rate_limited", json!({"retry_after_ms": 10})),
        error("not_found", json!({"retryable": true})),
    ];
    let ran = work(&["-j2", "--retries", "2", "--retry-delay", "1ms"], &inputs);
    assert_eq!(ran.of_each(1, "status"), statuses("ok failed failed ok ok"));
    assert_eq!(ran.of_each(1, "attempts"), [3, 1, 1, 1, 3], "what is put off is no attempt");
    assert_eq!(ran.of_each(1, "error.code")[1..3], ["x.invalid", "x.transient"]);
}

#[test]
fn a_program_that_is_not_there_is_69_and_says_what_to_look_at() {
    for mode in [&["--exec"][..], &[]] {
        let ran = Shell::new().run(&[mode, &["--", "no-such-program", ":::", "1"]].concat());
        ran.says(69, &["no-such-program: ENOENT", "check the path"]);
        assert!(!ran.said.contains("rule"), "nobody wrote a rule: {}", ran.said);
    }
}

#[test]
fn a_program_that_is_no_worker_is_69_and_says_to_take_exec() {
    for program in [&["true"][..], &["cat"], &["sh", "-c", "exit 3"], &["sh", "-c", "kill -9 $$"]] {
        let ran = Shell::new().run(&[&["--"], program, &[":::", "1", "2"]].concat());
        ran.says(69, &["is no worker of an SDK of hearken needs --exec"]);
        assert!(!ran.said.contains("rule"), "nobody wrote a rule: {}", ran.said);
    }
}

#[test]
fn a_program_that_never_gets_ready_is_spoken_of_while_it_is_waited_for() {
    let running = Shell::new().start(&["--", "sleep", "600", ":::", "1"]);
    running.says("no worker is ready yet");
    running.says("any other program needs --exec");
    running.signal(nix::sys::signal::Signal::SIGINT);
    assert_eq!(running.end().code(), 130);
}
