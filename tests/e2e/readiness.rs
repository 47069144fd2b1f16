//! Ready is what a service says, in time.

use crate::harness::{event, hearken};
use std::time::Duration;

/// Row 9.
#[test]
fn who_is_never_ready_is_stopped_killed_and_counted() {
    let hearken = hearken(
        r#"
[service.slow]
command = ["{fixture}", "ignore-term", "hello", "never-ready"]
ready = "message"
start_timeout = "400ms"
stop = { timeout = "200ms" }
restart = { delay = "20ms", limit = 1 }
"#,
    );
    let asked = hearken.wait(&event("supervisor_started"));
    let stopping = hearken.wait(&event("stopping").unit("slow").is("cause", "start_timeout"));
    assert!(stopping.since(&asked) >= Duration::from_millis(350), "{}", hearken.dump());
    let killing = hearken.wait_after(&stopping, &event("killing").unit("slow"));
    let exited = hearken.wait_after(&killing, &event("exited").unit("slow"));
    assert_eq!(exited.text("stopped_by"), "start_timeout");
    let restarting = hearken.wait_after(&exited, &event("restarting").unit("slow"));
    assert_eq!(restarting.text("kind"), "timeout");
    assert_eq!(restarting.field("counted"), Some(&true.into()));
    let failed = hearken.wait(&event("failed").unit("slow"));
    assert_eq!(failed.text("decided_by"), "restart_budget", "{failed}");
}

#[test]
fn who_says_ready_in_time_is_left_alone() {
    let mut hearken = hearken(
        r#"
[service.web]
command = ["{fixture}", "hello", "ready-after", "150", "run"]
ready = "message"
start_timeout = "5s"
"#,
    );
    let ready = hearken.wait(&event("ready").unit("web"));
    assert!(ready.number("after_ms") >= 150, "{ready}");
    hearken.shut_down_well();
    assert_eq!(hearken.all(&event("started")).len(), 1);
}

#[test]
fn a_shell_says_ready_on_a_json_line() {
    let mut hearken = hearken(
        r#"
[service.shell]
shell = '''printf '%s\n' '{"kind":"ready"}' '{"kind":"status","text":"from sh"}' >&"$HEARKEN_FD"; exec sleep 1000'''
line = "json"
ready = "message"
"#,
    );
    hearken.wait(&event("ready").unit("shell"));
    hearken.wait(&event("child_status").unit("shell").is("message", "from sh"));
    hearken.shut_down_well();
}

/// Row 62.
#[test]
fn who_closes_its_line_and_runs_on_is_stopped_after_a_grace() {
    let hearken = hearken(
        r#"
[service.web]
command = ["{fixture}", "hello", "ready", "close-line", "run"]
ready = "message"
restart = { delay = "1h", max_delay = "1h" }
"#,
    );
    let ready = hearken.wait(&event("ready").unit("web"));
    let lost = hearken.wait(&event("line_lost").unit("web"));
    assert!(lost.since(&ready) >= Duration::from_millis(4_900), "{}", hearken.dump());
    let stopping = hearken.wait_after(&lost, &event("stopping").is("cause", "line_lost"));
    hearken.wait_after(&stopping, &event("restarting").unit("web").is("kind", "lost"));
}

#[test]
fn an_unmodified_program_that_closes_what_it_does_not_know_is_left_alone() {
    let mut hearken = hearken(
        r#"
[service.web]
command = ["{fixture}", "close-line", "print", "closed", "sleep", "300", "run"]
"#,
    );
    hearken.wait(&event("child_output").is("message", "closed"));
    hearken.shut_down_well();
    assert!(hearken.all(&event("line_lost")).is_empty(), "{}", hearken.dump());
}
