//! The table of error kinds, row by row: what a service says, while it runs on and at its end.

use crate::harness::{Event, Hearken, Process, event, hearken};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// A service that does these verbs, and is started again after 40 ms.
fn child(verbs: &str) -> Hearken {
    let verbs: Vec<_> = verbs.split(' ').map(|verb| format!("\"{verb}\"")).collect();
    hearken(&format!(
        "[service.child]\ncommand = [\"{{fixture}}\", {}]\nrestart = {{ delay = \"40ms\", limit = 2 }}\n",
        verbs.join(", ")
    ))
}

/// It says the error, and what it says after that is heard of the same process.
#[track_caller]
fn is_kept(kind: &str) {
    let mut hearken = child(&format!("hello error {kind} a.code status still-here run"));
    let said = hearken.wait(&event("child_error").is("kind", kind));
    hearken.wait_after(&said, &event("child_status").has("message", "still-here"));
    assert!(Process::lives(hearken.wait(&event("started")).pid()));
    hearken.shut_down_well();
    assert!(hearken.all(&event("error_answered")).is_empty(), "{}", hearken.dump());
    assert_eq!(hearken.all(&event("started")).len(), 1, "{}", hearken.dump());
}

/// It exits with the error, and is started again after its delay.
#[track_caller]
fn restarts(hearken: &Hearken, kind: &str, counted: bool) -> Event {
    let restarting = hearken.wait(&event("restarting").unit("child"));
    assert_eq!(restarting.text("kind"), kind, "{restarting}");
    assert_eq!(restarting.field("counted"), Some(&counted.into()), "{restarting}");
    assert_eq!(restarting.number("in_ms"), 40, "with backoff: {restarting}");
    hearken.wait(&event("started").unit("child").incarnation(2));
    restarting
}

#[track_caller]
fn fails(mut hearken: Hearken, kind: &str) {
    let failed = hearken.wait(&event("failed").unit("child"));
    assert_eq!((failed.text("kind"), failed.text("decided_by")), (kind, "error_kind"), "{failed}");
    assert_eq!(hearken.exit_code(), 0);
    assert_eq!(hearken.all(&event("started")).len(), 1);
}

#[test]
fn transient_timeout_conflict_and_unavailable_are_kept_and_restarted_counted_if_they_exit() {
    for kind in ["transient", "timeout", "conflict", "unavailable"] {
        is_kept(kind);
        let hearken = child(&format!("hello error {kind} a.code exit 1"));
        let restarting = restarts(&hearken, kind, true);
        assert_eq!(restarting.text("decided_by"), "error_kind");
        let failed = hearken.wait(&event("failed").unit("child"));
        assert_eq!(failed.text("decided_by"), "restart_budget", "counted");
    }
}

#[test]
fn rate_limited_is_kept_and_never_counted() {
    is_kept("rate_limited");
    let hearken = child("hello error rate_limited a.code exit 1");
    restarts(&hearken, "rate_limited", false);
    hearken.wait(&event("started").unit("child").incarnation(4));
    assert!(hearken.all(&event("failed")).is_empty(), "{}", hearken.dump());
}

#[test]
fn resource_is_recycled_and_not_counted() {
    let hearken = child("hello ready error resource memory.full run");
    let answered = hearken.wait(&event("error_answered").unit("child"));
    assert_eq!((answered.text("process"), answered.text("verdict")), ("recycle", "none"));
    let stopping = hearken.wait_after(&answered, &event("stopping").unit("child"));
    assert_eq!(stopping.text("cause"), "verdict", "it may finish what it holds: {stopping}");
    let restarting = restarts(&hearken, "resource", false);
    assert_eq!(restarting.text("code"), "memory.full");

    let by_itself = child("hello error resource memory.full exit 1");
    restarts(&by_itself, "resource", false);
}

#[test]
fn invalid_not_found_and_denied_are_kept_and_fail_a_service_that_exits_with_them() {
    for kind in ["invalid", "not_found", "denied"] {
        is_kept(kind);
        fails(child(&format!("hello error {kind} a.code exit 1")), kind);
    }
}

/// What is about a task, or about something else, says nothing of the process.
#[test]
fn a_resource_that_a_dependency_lacks_is_no_reason_to_recycle() {
    let mut hearken = hearken(
        r#"
[service.child]
shell = '''
printf '%s\n' '{"kind":"hello","protocol":[1,1],"sdk":"sh","language":"sh","pid":1}' >&5
printf '%s\n' '{"kind":"error","error_kind":"resource","code":"db.full","message":"m","scope":"dependency"}' >&5
printf '%s\n' '{"kind":"status","text":"still here"}' >&5
exec sleep infinity'''
line = "json"
"#,
    );
    hearken.wait(&event("child_status").has("message", "still here"));
    hearken.shut_down_well();
    assert!(hearken.all(&event("error_answered")).is_empty(), "{}", hearken.dump());
}

#[test]
fn config_is_stopped_and_fails() {
    let stopped = child("hello ready error config app.key run");
    let stopping = stopped.wait(&event("stopping").unit("child"));
    assert_eq!(stopping.text("cause"), "verdict", "{stopping}");
    fails(stopped, "config");
    fails(child("hello error config app.key exit 0"), "config");
}

#[test]
fn a_bug_is_kept_and_restarted_counted_if_it_exits() {
    is_kept("bug");
    restarts(&child("hello error bug TypeError exit 255"), "bug", true);
}

#[test]
fn crashed_lost_and_protocol_are_replaced_and_counted() {
    let crashed = child("run");
    let pid = crashed.wait(&event("started").unit("child")).pid();
    kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
    assert_eq!(restarts(&crashed, "crashed", true).text("decided_by"), "exit_status");

    let unexplained = child("exit 17");
    restarts(&unexplained, "crashed", true);

    let protocol = child("hello garbage-frame run");
    assert_eq!(restarts(&protocol, "protocol", true).text("decided_by"), "supervisor");

    let lost = child("hello close-line run");
    restarts(&lost, "lost", true);
}

#[test]
fn a_start_that_fails_for_good_fails_and_is_not_tried_again() {
    let mut hearken = hearken("[service.child]\ncommand = [\"/no/such/program\"]\n");
    let failed = hearken.wait(&event("failed").unit("child"));
    assert_eq!((failed.text("kind"), failed.text("decided_by")), ("start_failed", "exit_status"));
    assert_eq!(hearken.exit_code(), 0);
    assert_eq!(hearken.all(&event("start_failed")).len(), 1);
}
