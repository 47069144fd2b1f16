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

#[test]
fn a_line_of_output_that_matches_says_that_it_is_ready() {
    let mut hearken = hearken(
        r#"
[service.out]
shell = "echo not yet listening; sleep 0.3; echo listening on 8080; exec sleep 1000"
ready = { log = '^listening on \d+$' }
[service.err]
shell = "printf 'listen' >&2; sleep 0.3; echo 'ing on 8081' >&2; exec sleep 1000"
ready = { log = '^listening on \d+$' }
[service.next]
command = ["{fixture}", "run"]
after = ["out", "err"]
"#,
    );
    for unit in ["out", "err"] {
        let ready = hearken.wait(&event("ready").unit(unit));
        assert!(ready.number("after_ms") >= 250, "not before the whole line: {ready}");
        hearken.wait_after(&ready, &event("started").unit("next"));
    }
    hearken.shut_down_well();
}

#[test]
fn who_never_writes_the_line_is_not_ready_in_time() {
    let hearken = hearken(
        r#"
[service.web]
shell = "echo listening elsewhere; exec sleep 1000"
ready = { log = '^listening on \d+$' }
start_timeout = "500ms"
restart = "never"
"#,
    );
    hearken.wait(&event("stopping").unit("web").is("cause", "start_timeout"));
    assert!(hearken.all(&event("ready")).is_empty(), "{}", hearken.dump());
}
