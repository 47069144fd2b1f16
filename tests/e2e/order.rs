//! Services start after what they need, and stop before it.

use crate::harness::{event, hearken};

const CHAIN: &str = r#"
[service.web]
command = ["{fixture}", "exit-on-term", "0"]
after = ["api"]
[service.api]
command = ["{fixture}", "hello", "ready-after", "100", "exit-on-term", "0"]
ready = "message"
after = ["db"]
[service.db]
command = ["{fixture}", "hello", "ready-after", "100", "exit-on-term", "0"]
ready = "message"
"#;

#[test]
fn services_start_in_order_of_after_and_stop_in_reverse() {
    let mut hearken = hearken(CHAIN);
    let db = hearken.wait(&event("ready").unit("db"));
    let api = hearken.wait_after(&db, &event("started").unit("api"));
    let api = hearken.wait_after(&api, &event("ready").unit("api"));
    hearken.wait_after(&api, &event("started").unit("web"));
    for name in ["db", "api", "web"] {
        hearken.wait(&event("child_output").unit(name).is("message", "waiting for a signal"));
    }
    hearken.shut_down_well();
    let web = hearken.wait(&event("stopped").unit("web"));
    let api = hearken.wait_after(&web, &event("stopping").unit("api"));
    let api = hearken.wait_after(&api, &event("stopped").unit("api"));
    hearken.wait_after(&api, &event("stopping").unit("db"));
}

#[test]
fn a_service_waits_for_what_it_needs_and_says_for_whom() {
    let mut hearken = hearken(CHAIN);
    hearken.wait(&event("waiting").unit("web").is("on", "api"));
    hearken.wait(&event("started").unit("web"));
    hearken.shut_down_well();
}

#[test]
fn a_service_after_a_oneshot_starts_when_that_has_succeeded() {
    let mut hearken = hearken(
        r#"
[service.migrate]
command = ["{fixture}", "sleep", "100"]
restart = "never"
[service.web]
command = ["{fixture}", "run"]
after = [{ name = "migrate", until = "succeeded" }]
"#,
    );
    let migrated = hearken.wait(&event("finished").unit("migrate"));
    hearken.wait_after(&migrated, &event("started").unit("web"));
    hearken.shut_down_well();
}

#[test]
fn a_service_after_a_oneshot_that_failed_is_not_started() {
    let mut hearken = hearken(
        r#"
[service.migrate]
command = ["{fixture}", "exit", "1"]
restart = "never"
[service.web]
command = ["{fixture}", "run"]
after = [{ name = "migrate", until = "succeeded" }]
[service.other]
command = ["{fixture}", "run"]
"#,
    );
    hearken.wait(&event("failed").unit("migrate"));
    hearken.wait(&event("started").unit("other"));
    hearken.shut_down_well();
    assert!(hearken.all(&event("started").unit("web")).is_empty(), "{}", hearken.dump());
}
