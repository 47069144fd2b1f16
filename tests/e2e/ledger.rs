//! The ledger in the state directory: whole lines, whatever happens, and nothing private in them.

use crate::harness::{PATIENCE, Setup, event, until};
use crate::why::{begin, run, told};
use nix::sys::signal::Signal;
use serde_json::Value;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::Duration;

fn ledger(setup: &Setup) -> PathBuf {
    setup.folder().join("state/ledger.jsonl")
}

fn records(setup: &Setup) -> Vec<Value> {
    let text = std::fs::read_to_string(ledger(setup)).unwrap();
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    whole.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
}

/// Row 85 of the faults, and a supervisor killed at any moment.
#[test]
fn kill_9_at_any_moment_leaves_whole_lines() {
    let setup = Setup::new(
        r#"
[service.loop]
shell = "echo one more time >&2; exit 1"
instances = 20
restart = { delay = "5ms", max_delay = "20ms", limit = "unlimited" }
"#,
    );
    let mut all = vec![setup.clone().start()];
    for round in 0..8_u64 {
        let hearken = all.last_mut().unwrap();
        hearken.wait_for_many(&event("restarting"), 60);
        // Anywhere in the middle of it.
        std::thread::sleep(Duration::from_micros(round * 7_919 % 40_000));
        hearken.signal(Signal::SIGKILL);
        hearken.end_within(PATIENCE);
        let before = records(&setup).len();
        assert!(before > 20, "round {round}: {before}");
        told(&setup, "loop#7", &["hearken itself is not running", "loop#7 was "]);
        let next = hearken.another();
        all.push(next);
        assert!(records(&setup).len() >= before, "what was whole stays");
    }
    // Each finds the processes of the next at its home: the last goes first.
    while let Some(last) = all.pop() {
        drop(last);
    }
    let lives = records(&setup).iter().filter(|it| it["record"] == "supervisor_started").count();
    assert!(lives >= 8, "{lives}");
}

#[test]
fn a_torn_line_is_cut_and_a_corrupt_one_is_named() {
    let (setup, mut hearken) = begin("[service.web]\ncommand = [\"{fixture}\", \"run\"]\n");
    told(&setup, "web", &["web#1 is ready since "]);
    hearken.shut_down_well();
    let mut text = std::fs::read_to_string(ledger(&setup)).unwrap();
    let lines = text.lines().count();
    text += "{\"time\":rubbish}\n{\"time\":\"2026-11-2";
    std::fs::write(ledger(&setup), &text).unwrap();
    let words = ["why", "web", "--config", "hearken.toml"];
    let (code, told, complaints) = run(&setup, &words);
    assert_eq!(code, 0);
    assert!(told.contains("hearken is not running"), "{told}");
    let named = format!("ledger.jsonl:{}: expected value", lines + 1);
    assert!(
        complaints.contains(&named) && complaints.contains("the last line is cut short"),
        "{complaints}"
    );

    let next = hearken.another();
    assert_eq!(next.wait(&event("ledger_cut")).number("bytes"), 18);
    next.wait(&event("started").unit("web"));
    until("the new life is told", PATIENCE, || {
        let (code, told, complaints) = run(&setup, &words);
        assert_eq!(code, 0);
        assert_eq!(complaints.lines().count(), 1, "only the corrupt one is left: {complaints}");
        told.contains("web#1 is ready").then_some(())
    });
}

/// Row 107: the ledger is the user's own, and holds nothing of an environment.
#[test]
fn the_ledger_is_private_and_holds_no_environment() {
    let (setup, mut hearken) = begin(
        r#"
[service.web]
command = ["{fixture}", "exit", "1"]
environment = { TOKEN = "hunter2-in-the-ledger" }
restart = { delay = "10ms", limit = 2, window = "1m" }
[service.gone]
command = ["/no/such/program", "hunter2-in-the-arguments"]
environment = { TOKEN = "hunter2-in-the-ledger" }
"#,
    );
    hearken.wait(&event("failed").unit("web"));
    hearken.wait(&event("failed").unit("gone"));
    assert_eq!(hearken.shut_down(), 0);
    let text = std::fs::read_to_string(ledger(&setup)).unwrap();
    assert!(text.contains("/no/such/program") && !text.contains("hunter2"), "{text}");
    let mode = std::fs::metadata(ledger(&setup)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let stopped = records(&setup).pop().unwrap();
    assert_eq!(
        (&stopped["record"], &stopped["exit_code"]),
        (&"supervisor_stopped".into(), &0.into())
    );
}
