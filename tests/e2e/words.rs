//! What a child says decides before what it exits with.

use crate::harness::{Hearken, event, hearken};
use std::time::Duration;

fn child(verbs: &str, lines: &str) -> Hearken {
    let verbs: Vec<_> = verbs.split(' ').map(|verb| format!("\"{verb}\"")).collect();
    hearken(&format!(
        "[service.child]\ncommand = [\"{{fixture}}\", {}]\n{lines}\n",
        verbs.join(", ")
    ))
}

#[test]
fn a_config_error_stays_down_whatever_the_exit_code() {
    let mut hearken = child("hello error config app.key exit 1", "");
    let failed = hearken.wait(&event("failed").unit("child"));
    assert_eq!((failed.text("kind"), failed.text("code")), ("config", "app.key"), "{failed}");
    assert_eq!(failed.text("decided_by"), "error_kind");
    assert!(failed.text("error").contains("the fixture says app.key"), "{failed}");
    assert_eq!(hearken.exit_code(), 0);
    assert_eq!(hearken.all(&event("started")).len(), 1);
}

#[test]
fn a_rate_limited_child_comes_back_when_it_asked_to() {
    let hearken = child("hello error rate_limited api.quota 700 exit 1", "");
    let exited = hearken.wait(&event("exited").unit("child"));
    let restarting = hearken.wait(&event("restarting").unit("child"));
    assert_eq!(restarting.number("in_ms"), 700, "{restarting}");
    assert_eq!(restarting.text("code"), "api.quota");
    assert_eq!(restarting.field("counted"), Some(&false.into()), "{restarting}");
    let second = hearken.wait_after(&exited, &event("started").incarnation(2));
    let waited = second.since(&exited);
    assert!(waited >= Duration::from_millis(650) && waited < Duration::from_secs(3), "{waited:?}");
}

/// Row 61.
#[test]
fn an_absurd_retry_after_is_clamped_to_max_delay() {
    let hearken = child(
        "hello error rate_limited api.quota 18446744073709551615 exit 1",
        "restart = { max_delay = \"250ms\" }",
    );
    let restarting = hearken.wait(&event("restarting").unit("child"));
    assert_eq!(restarting.number("in_ms"), 250, "{restarting}");
    hearken.wait(&event("started").incarnation(2));
}

/// Row 61.
#[test]
fn a_retry_after_of_nothing_is_clamped_to_delay() {
    let hearken =
        child("hello error rate_limited api.quota 0 exit 1", "restart = { delay = \"150ms\" }");
    assert_eq!(hearken.wait(&event("restarting").unit("child")).number("in_ms"), 150);
}

#[test]
fn a_transient_error_backs_off_and_is_counted() {
    let hearken = child(
        "hello error transient db.deadlock exit 1",
        "restart = { delay = \"40ms\", limit = 2 }",
    );
    let failed = hearken.wait(&event("failed").unit("child"));
    let restarts = hearken.all(&event("restarting").is("kind", "transient"));
    assert_eq!(restarts.len(), 2, "{}", hearken.dump());
    assert_eq!(restarts[0].number("in_ms"), 40);
    assert!(restarts[1].number("in_ms") >= 40, "{}", restarts[1]);
    assert_eq!(restarts[1].field("counted"), Some(&true.into()));
    assert_eq!((failed.text("decided_by"), failed.text("code")), ("restart_budget", "db.deadlock"));
}

#[test]
fn sysexits_of_an_unmodified_program_are_understood() {
    let hearken = hearken(
        r#"
[service.tempfail]
command = ["{fixture}", "exit", "75"]
restart = { delay = "10ms", limit = 1 }
[service.config]
command = ["{fixture}", "exit", "78"]
[service.noperm]
command = ["{fixture}", "exit", "77"]
"#,
    );
    let restarting = hearken.wait(&event("restarting").unit("tempfail"));
    assert_eq!(
        (restarting.text("kind"), restarting.text("decided_by")),
        ("transient", "exit_status")
    );
    for (unit, kind) in [("config", "config"), ("noperm", "denied")] {
        let failed = hearken.wait(&event("failed").unit(unit));
        assert_eq!((failed.text("kind"), failed.text("decided_by")), (kind, "exit_status"));
        assert!(hearken.all(&event("restarting").unit(unit)).is_empty());
    }
}

#[test]
fn the_last_word_of_a_child_is_heard_before_it_is_judged_200_times() {
    let hearken = hearken(
        r#"
[service.child]
command = ["{fixture}", "hello", "error", "config", "last.word", "_exit", "1"]
instances = 200
"#,
    );
    let failed = hearken.wait_for_many(&event("failed").unit("child"), 200);
    for failed in &failed {
        assert_eq!((failed.text("code"), failed.text("decided_by")), ("last.word", "error_kind"));
    }
    assert!(hearken.all(&event("restarting")).is_empty(), "{}", hearken.dump());
}

#[test]
fn an_announced_intent_is_followed() {
    let mut hearken = hearken(
        r#"
[service.done]
command = ["{fixture}", "hello", "exiting", "done", "exit", "1"]
[service.stay]
command = ["{fixture}", "hello", "exiting", "stay_down", "exit", "1"]
[service.retry]
command = ["{fixture}", "hello", "exiting", "retry", "exit", "0"]
restart = { delay = "70ms", limit = 1 }
[service.now]
command = ["{fixture}", "hello", "exiting", "restart_now", "exit", "1"]
restart = { delay = "10m", max_delay = "10m", limit = 1 }
"#,
    );
    assert_eq!(hearken.wait(&event("finished").unit("done")).text("decided_by"), "exiting_intent");
    assert_eq!(hearken.wait(&event("failed").unit("stay")).text("decided_by"), "exiting_intent");
    assert_eq!(hearken.wait(&event("restarting").unit("retry")).number("in_ms"), 70);
    assert_eq!(hearken.wait(&event("restarting").unit("now")).number("in_ms"), 0);
    assert_eq!(hearken.exit_code(), 0);
    assert_eq!(hearken.all(&event("started").unit("now")).len(), 2);
}

#[test]
fn a_child_that_says_hello_is_welcomed_and_everything_it_says_is_logged() {
    let mut hearken = child("ignore-term hello ready everything serve", "ready = \"message\"\n");
    let hello = hearken.wait(&event("child_hello").unit("child"));
    assert_eq!((hello.text("sdk"), hello.text("language")), ("hearken-fixture/1", "rust"));
    assert_eq!(hello.pid(), hearken.wait(&event("started")).pid());
    hearken.wait(&event("child_status").is("message", "all is well"));
    hearken.wait(&event("child_log").is("level", "warn").is("child_level", 3));
    hearken.wait(&event("child_progress").is("done", 3).is("total", 9).is("of", "files"));
    hearken.wait(&event("child_draining").is("reason", "enough"));
    let fields = hearken.wait(&event("child_event").is("name", "backup.done"));
    assert_eq!(fields.field("fields").unwrap()["of"], "the night");
    hearken.wait(&event("child_output").has("message", "heard Message(Welcome"));
    hearken.shut_down_well();
    hearken.wait(&event("child_output").has("message", "Drain"));
    assert_eq!(hearken.wait(&event("exited")).number("exit_code"), 0, "it drained and left");
    hearken.wait(&event("child_exiting").is("intent", "done"));
}
