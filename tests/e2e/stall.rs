//! A supervisor that was stopped itself takes nobody for dead.

use crate::harness::{Process, event, hearken};
use nix::sys::signal::Signal;
use std::time::Duration;

/// The fault itself: real time in which the supervisor does not run.
const STOPPED_FOR: Duration = Duration::from_secs(3);

/// Row 74.
#[test]
fn a_supervisor_that_was_stopped_kills_no_healthy_child() {
    let mut hearken = hearken(
        r#"
[service.slow]
command = ["{fixture}", "hello", "ready-after", "1200", "run"]
ready = "message"
start_timeout = "2s"
[service.web]
command = ["{fixture}", "hello", "ready", "run"]
ready = "message"
start_timeout = "2s"
"#,
    );
    let slow = hearken.wait(&event("started").unit("slow"));
    let web = hearken.wait(&event("ready").unit("web"));
    hearken.signal(Signal::SIGSTOP);
    std::thread::sleep(STOPPED_FOR);
    hearken.signal(Signal::SIGCONT);
    hearken.wait_after(&web, &event("ready").unit("slow"));
    assert!(Process::lives(slow.pid()));
    hearken.shut_down_well();
    let stopped_early: Vec<_> = hearken
        .all(&event("stopping"))
        .into_iter()
        .filter(|stopping| stopping.text("cause") != "shutdown")
        .collect();
    assert!(stopped_early.is_empty(), "{}", hearken.dump());
    assert!(hearken.all(&event("restarting")).is_empty(), "{}", hearken.dump());
}

/// Row 74: who was being stopped keeps its whole grace.
#[test]
fn a_supervisor_that_was_stopped_gives_those_it_stops_their_grace_again() {
    let mut hearken = hearken(
        r#"
[service.deaf]
command = ["{fixture}", "ignore-term", "print", "up", "run"]
stop = { timeout = "1500ms" }
"#,
    );
    hearken.wait(&event("child_output").is("message", "up"));
    hearken.signal(Signal::SIGTERM);
    hearken.wait(&event("stopping").unit("deaf"));
    hearken.signal(Signal::SIGSTOP);
    std::thread::sleep(STOPPED_FOR);
    hearken.signal(Signal::SIGCONT);
    let stalled = hearken.wait(&event("stalled"));
    assert!(stalled.number("by_ms") > 1_000 && stalled.number("moved") == 1, "{stalled}");
    let killing = hearken.wait_after(&stalled, &event("killing").unit("deaf"));
    assert!(killing.since(&stalled) >= Duration::from_millis(1_300), "{}", hearken.dump());
    assert_eq!(hearken.exit_code(), 0);
}

/// Row 66.
#[test]
fn what_a_child_wrote_while_the_supervisor_was_stopped_is_not_lost() {
    let mut hearken = hearken(
        r#"
[service.web]
command = ["{fixture}", "print", "up", "sleep", "500", "print-lines", "8000", "0", "run"]
"#,
    );
    hearken.wait(&event("child_output").is("message", "up"));
    hearken.signal(Signal::SIGSTOP);
    std::thread::sleep(Duration::from_secs(1));
    hearken.signal(Signal::SIGCONT);
    hearken.wait(&event("child_output").is("message", "line 8000"));
    assert_eq!(hearken.all(&event("child_output").has("message", "line ")).len(), 8_000);
    hearken.shut_down_well();
}
