//! A child that gives no sign of life, makes no progress, or announces an exit that does not come.

use crate::harness::{Process, event, hearken};
use nix::sys::signal::Signal;
use std::time::Duration;

#[test]
fn any_frame_is_a_sign_of_life_and_silence_is_none() {
    let mut hearken = hearken(
        r#"
[service.chatty]
command = ["{fixture}", "hello", "ready", "beat", "100"]
ready = "message"
watchdog = "600ms"
[service.mute]
command = ["{fixture}", "hello", "ready", "run"]
ready = "message"
watchdog = "600ms"
restart = { delay = "40ms" }
"#,
    );
    let chatty = hearken.wait(&event("ready").unit("chatty"));
    let ready = hearken.wait(&event("ready").unit("mute"));
    let stopping = hearken.wait_after(&ready, &event("stopping").unit("mute"));
    assert_eq!(stopping.text("cause"), "watchdog", "{stopping}");
    let silent = stopping.since(&ready);
    assert!(silent >= Duration::from_millis(550), "{silent:?}");
    let restarting = hearken.wait_after(&stopping, &event("restarting").unit("mute"));
    assert_eq!((restarting.text("kind"), restarting.number("in_ms")), ("lost", 40));
    assert_eq!(restarting.field("counted"), Some(&true.into()));
    hearken.wait(&event("started").unit("mute").incarnation(3));
    hearken.shut_down_well();
    assert_eq!(
        hearken.all(&event("started").unit("chatty")).len(),
        1,
        "{chatty} {}",
        hearken.dump()
    );
}

#[test]
fn a_child_that_lives_but_makes_no_progress_is_stopped() {
    let mut hearken = hearken(
        r#"
[service.stuck]
command = ["{fixture}", "hello", "ready", "progress", "1", "9", "beat", "50"]
ready = "message"
watchdog = "10s"
progress_timeout = "700ms"
restart = { delay = "40ms" }
"#,
    );
    let stopping = hearken.wait(&event("stopping").unit("stuck"));
    assert_eq!(stopping.text("cause"), "progress_timeout", "{stopping}");
    let restarting = hearken.wait(&event("restarting").unit("stuck"));
    assert_eq!((restarting.text("kind"), restarting.text("decided_by")), ("timeout", "supervisor"));
    hearken.shut_down_well();
}

#[test]
fn who_announces_an_exit_has_to_go() {
    let mut hearken = hearken(
        r#"
[service.liar]
command = ["{fixture}", "hello", "exiting", "done", "run"]
stop = { timeout = "400ms" }
"#,
    );
    let stopping = hearken.wait(&event("stopping").unit("liar"));
    assert_eq!(stopping.text("cause"), "exit_overdue", "{stopping}");
    let finished = hearken.wait(&event("finished").unit("liar"));
    assert_eq!(finished.text("decided_by"), "exiting_intent", "{finished}");
    assert_eq!(hearken.exit_code(), 0);
}

/// Row 74, for all that has a deadline of its own: the time in which the supervisor did not look
/// is held against nobody.
#[test]
fn a_supervisor_that_was_stopped_finds_nobody_without_life_or_progress() {
    let mut hearken = hearken(
        r#"
[service.beats]
command = ["{fixture}", "hello", "ready", "beat", "100"]
instances = 20
ready = "message"
watchdog = "1s"
[service.works]
command = ["{fixture}", "hello", "ready", "work", "100"]
ready = "message"
progress_timeout = "1s"
[service.probed]
command = ["{fixture}", "run"]
[service.probed.health]
exec = ["true"]
interval = "100ms"
timeout = "1s"
failures = 1
"#,
    );
    hearken.wait_for_many(&event("ready").unit("beats"), 20);
    hearken.wait(&event("ready").unit("works"));
    let probed = hearken.wait(&event("started").unit("probed"));
    hearken.signal(Signal::SIGSTOP);
    // The fault itself: real time in which the supervisor does not run.
    std::thread::sleep(Duration::from_secs(5));
    hearken.signal(Signal::SIGCONT);
    let stalled = hearken.wait(&event("stalled"));
    assert!(stalled.number("moved") >= 21, "{stalled}");
    // Two deadlines later.
    let before = hearken.all(&event("child_progress").unit("works")).len();
    hearken.wait_for_many(&event("child_progress").unit("works"), before + 25);
    assert!(Process::lives(probed.pid()));
    hearken.shut_down_well();
    assert!(hearken.all(&event("restarting")).is_empty(), "{}", hearken.dump());
    assert!(hearken.all(&event("stopping").is("cause", "watchdog")).is_empty());
}
