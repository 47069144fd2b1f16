//! `hearken worker-check`: it passes a worker that follows the protocol, and names what is wrong
//! with one that does not.

use crate::harness::{PATIENCE, Setup, skip, until};
use crate::sdk::{PYTHON, has_node, has_php, has_python, repository};
use serde_json::Value;
use std::io::Read as _;
use std::path::Path;
use std::process::Stdio;

/// The tasks of the workers here: those that `flawed` knows, and the conformance worker of every
/// SDK with it.
const TASKS: [&str; 8] = [
    "--payload",
    r#"echo={"a":1}"#,
    "--fail",
    "fail=null",
    "--slow",
    "slow=1200",
    "--large",
    "large=null",
];

/// What a command said, and its exit code.
struct Told {
    code: Option<i32>,
    output: String,
    errors: String,
}

#[track_caller]
fn worker_check(options: &[&str], worker: &[&str]) -> Told {
    let arguments = [&["worker-check"], options, &["--"], worker].concat();
    let done = Setup::new("").command(&arguments).output().unwrap();
    Told {
        code: done.status.code(),
        output: String::from_utf8(done.stdout).unwrap(),
        errors: String::from_utf8(done.stderr).unwrap(),
    }
}

/// Every row passes: nothing failed, and nothing was left out.
#[track_caller]
fn passes_wholly(worker: &[&str]) {
    let told = worker_check(&TASKS, worker);
    assert_eq!(told.code, Some(0), "{}{}", told.output, told.errors);
    let summary = told.output.lines().last().unwrap();
    assert!(summary.ends_with(" 0 failed, 0 not applicable"), "{}", told.output);
}

fn flawed() -> &'static str {
    env!("CARGO_BIN_EXE_flawed")
}

#[test]
fn a_worker_without_a_flaw_passes_wholly() {
    passes_wholly(&[flawed(), "none"]);
}

/// The conformance worker of this name.
fn worker(name: &str) -> String {
    format!("{}/tests/workers/{name}", repository())
}

#[test]
fn a_worker_with_the_rust_sdk_passes_wholly() {
    passes_wholly(&[env!("CARGO_BIN_EXE_sdk_worker")]);
}

#[test]
fn a_worker_with_the_python_sdk_passes_wholly() {
    if !has_python() {
        return skip("no python3 with msgpack here");
    }
    passes_wholly(&[PYTHON, &worker("worker.py")]);
}

#[test]
fn a_worker_with_the_node_sdk_passes_wholly() {
    if !has_node() {
        return skip("no node of version 18 here");
    }
    passes_wholly(&["node", &worker("worker.mjs")]);
}

#[test]
fn a_worker_with_the_php_sdk_passes_wholly() {
    if !has_php() {
        return skip("no php here");
    }
    passes_wholly(&["php", &worker("worker.php")]);
}

/// A flaw, the check that must find it, and what it must say came.
const FLAWS: &[(&str, &str, &str)] = &[
    ("mute", "hello", "nothing at all"),
    ("no-hello", "hello", "ready before hello"),
    ("wrong-version", "hello", "the versions 2 to 3"),
    ("empty-sdk", "hello", "an empty text"),
    ("other-types", "task_types", "sing"),
    ("ends-at-welcome", "welcome", "exit status: 0"),
    ("never-ready", "ready", "nothing of the kind"),
    ("never-falls-silent", "ready", "its last word: status"),
    ("no-credits", "ready", "no credit"),
    ("ignores-reject", "reject", "it lives on"),
    ("no-pong", "ping", "its last word: ready"),
    ("short-pong", "ping", "its last word: heartbeat"),
    ("no-heartbeat", "heartbeat", "nothing of the kind"),
    ("no-result", "result", "its last word: accepted"),
    ("wrong-handle", "result", "its last word: result"),
    ("two-results", "result", "another result"),
    ("never-accepts", "accepted", "after 0 of them"),
    ("accepts-twice", "accepted", "after 2 of them"),
    ("fears-checkpoints", "every_field", "bug flawed.fear"),
    ("one-at-a-time", "credits", "nothing of the kind"),
    ("supervisor-kind", "error", "supervisor_only_kind"),
    ("empty-code", "error", "the code \"\""),
    ("sulks", "error_then_work", "its last word: the error"),
    ("deaf-while-busy", "ping_busy", "the task's end first"),
    ("silent-while-busy", "heartbeat_busy", "the task's end first"),
    ("forgets-busy", "heartbeat_busy", "[]"),
    ("forgets-cancelled", "cancel_waiting", "nothing of the kind"),
    ("ignores-cancel", "cancel_running", "a result"),
    ("strict-handles", "stale_handles", "exit status: 76"),
    ("strict-kinds", "unknown_ancillary", "exit status: 76"),
    ("strict-fields", "unknown_fields", "exit status: 76"),
    ("strict-values", "lenient_values", "exit status: 76"),
    ("whole-reads-only", "split_frames", "exit status: 76"),
    ("one-frame-a-read", "many_frames", "nothing of the kind"),
    ("small-frames", "large_task", "exit status: 76"),
    ("small-frames", "large_payload", "exit status: 76"),
    ("long-chunk", "large_result", "field_too_large"),
    ("unordered-chunks", "large_result", "sequence 5"),
    ("no-last-chunk", "large_result", "last false"),
    ("uncounted-chunks", "large_result", "counts none"),
    ("ignores-max-frame", "max_frame", "frame_too_long"),
    ("no-farewell", "drain_idle", "exit status: 0"),
    ("leaves-with-1", "drain_idle", "exit status: 1"),
    ("drops-tasks-at-drain", "drain_busy", "exit status: 0"),
    ("awaits-no-ack", "acks_awaited", "leaves without the ack"),
    ("awaits-acks-for-ever", "drain_grace", "it lives on"),
    ("dies-of-term", "sigterm_idle", "signal: 15"),
    ("drops-tasks-at-term", "sigterm_busy", "exit status: 0"),
    ("outlives-its-line", "line_end", "it lives on"),
    ("waits-for-halves", "half_frame", "it lives on"),
    ("skips-bad-frames", "empty_frame", "it lives on"),
    ("skips-bad-frames", "huge_frame", "it lives on"),
    ("skips-bad-frames", "frame_too_long", "it lives on"),
    ("skips-bad-frames", "garbage", "it lives on"),
    ("skips-bad-frames", "trailing_bytes", "it lives on"),
    ("skips-bad-frames", "truncated_value", "it lives on"),
    ("skips-bad-frames", "nesting", "it lives on"),
    ("skips-bad-frames", "unknown_critical", "it lives on"),
    ("skips-bad-frames", "wrong_direction", "it lives on"),
    ("aborts-at-bad-frames", "deep_nesting", "signal: 6"),
    ("needs-a-line", "standalone_argument", "exit status: 78"),
    ("deaf-to-arguments", "standalone_argument", "exit status: 65"),
    ("prints-nothing", "standalone_input", "no output"),
    ("never-ends-alone", "standalone_input", "it runs on"),
    ("fails-with-0", "standalone_error", "exit status: 0"),
];

/// What the check of this name says of the worker with this flaw.
fn row(flaw: &str, check: &str) -> Value {
    let options = [&TASKS[..], &["--timeout", "5s", "--json", "--only", check]].concat();
    let told = worker_check(&options, &[flawed(), flaw]);
    let report: Value = serde_json::from_str(&told.output).unwrap();
    let failed = report["checks"][0]["outcome"] == "failed";
    assert_eq!(told.code, Some(i32::from(failed)), "{flaw}: {report}");
    report["checks"][0].clone()
}

#[test]
fn every_flaw_is_found_by_its_check_and_called_by_what_came() {
    // At once: most of the time is spent in waiting for what never comes.
    let rows = std::thread::scope(|scope| {
        let asked: Vec<_> = FLAWS
            .iter()
            .map(|(flaw, check, came)| (flaw, came, scope.spawn(move || row(flaw, check))))
            .collect();
        let told = asked.into_iter().map(|(flaw, came, row)| (flaw, came, row.join().unwrap()));
        told.collect::<Vec<_>>()
    });
    let wrong: Vec<_> = rows
        .iter()
        .filter(|(_, came, row)| {
            row["outcome"] != "failed" || !row["came"].as_str().unwrap().contains(**came)
        })
        .map(|(flaw, came, row)| format!("{flaw}: {came:?} is not in {row}"))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_check_finds_some_flaw() {
    let told = worker_check(&["--json"], &[flawed(), "none"]);
    let report: Value = serde_json::from_str(&told.output).unwrap();
    for check in report["checks"].as_array().unwrap() {
        let name = check["name"].as_str().unwrap();
        assert!(FLAWS.iter().any(|(_, finds, _)| *finds == name), "{name} finds none");
    }
}

#[test]
fn what_is_not_given_or_rests_on_what_failed_is_not_applicable() {
    let told = worker_check(&["--type", "echo"], &[flawed(), "none"]);
    assert_eq!(told.code, Some(0), "{}", told.output);
    for line in ["--fail is not given", "--slow is not given", "--large is not given"] {
        assert!(told.output.contains(line), "{}", told.output);
    }
    let told = worker_check(&["--timeout", "300ms"], &["/bin/sh", "-c", "sleep 60"]);
    assert_eq!(told.code, Some(1), "{}", told.output);
    assert!(told.output.contains("rests on `hello`, which has not passed"), "{}", told.output);
    assert!(told.output.contains("protocol.md, Life"), "{}", told.output);
}

#[test]
fn the_output_of_a_worker_that_failed_is_shown_without_its_control_characters() {
    let script = r"printf 'cannot find \033[2Jthe autoloader\n' >&2; exit 3";
    let told = worker_check(&["--only", "hello"], &["/bin/sh", "-c", script]);
    assert!(told.output.contains("exit status: 3"), "{}", told.output);
    assert!(told.output.contains("cannot find \u{fffd}[2Jthe autoloader"), "{}", told.output);
}

/// A worker that says nothing, and a child of it. Both hold the file open.
fn two_who_hold(file: &Path) -> [&str; 5] {
    let script = "exec 9<\"$1\"; sleep 600 & sleep 600";
    ["/bin/sh", "-c", script, "sh", file.to_str().unwrap()]
}

/// How many processes hold the file open.
fn holders(file: &Path) -> usize {
    let holds = |process: &std::fs::DirEntry| {
        let open = std::fs::read_dir(process.path().join("fd")).into_iter().flatten().flatten();
        open.into_iter().any(|fd| std::fs::read_link(fd.path()).is_ok_and(|path| path == file))
    };
    std::fs::read_dir("/proc").unwrap().flatten().filter(holds).count()
}

#[test]
fn a_worker_and_its_children_are_gone_when_the_check_is() {
    let setup = Setup::new("");
    let held = setup.file("held", b"", 0o600);
    worker_check(&["--timeout", "300ms", "--only", "hello"], &two_who_hold(&held));
    until("nobody holds the file", PATIENCE, || (holders(&held) == 0).then_some(()));
}

#[test]
fn a_worker_and_its_children_are_gone_when_the_check_is_interrupted() {
    let setup = Setup::new("");
    let held = setup.file("held", b"", 0o600);
    let arguments =
        [&["worker-check", "--timeout", "10m", "--"][..], &two_who_hold(&held)].concat();
    let mut check = setup.command(&arguments).stderr(Stdio::piped()).spawn().unwrap();
    until("all hold the file", PATIENCE, || (holders(&held) > 1).then_some(()));
    let pid = nix::unistd::Pid::from_raw(i32::try_from(check.id()).unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).unwrap();
    let mut said = String::new();
    check.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(said, "error: stopped by a signal; the worker was killed\n");
    assert_eq!(check.wait().unwrap().code(), Some(1));
    until("nobody holds the file", PATIENCE, || (holders(&held) == 0).then_some(()));
}

#[test]
fn a_program_that_cannot_be_started_and_options_that_make_no_sense_have_codes_of_their_own() {
    let told = worker_check(&[], &["/nowhere/worker"]);
    assert_eq!(told.code, Some(69), "{}", told.errors);
    assert!(told.errors.contains("/nowhere/worker: No such file"), "{}", told.errors);
    for (options, says) in [
        (["--only", "pinng"], "no check is called \"pinng\"; there are: hello,"),
        (["--slow", "slow=slowly"], "is not JSON"),
        (["--timeout", "soon"], "write it as in the config"),
    ] {
        let told = worker_check(&options, &["/bin/true"]);
        assert_eq!(told.code, Some(2), "{options:?}");
        assert!(told.errors.contains(says), "{}", told.errors);
    }
    assert_eq!(worker_check(&[], &[]).code, Some(2));
}
