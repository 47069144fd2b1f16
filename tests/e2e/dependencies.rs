//! What becomes of a service when one it comes after ends.

use crate::harness::{Hearken, event, hearken};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

fn web_after_db(on_dependency_restart: &str) -> Hearken {
    hearken(&format!(
        r#"
[service.db]
command = ["{{fixture}}", "hello", "ready-after", "50", "run"]
ready = "message"
restart = {{ delay = "100ms" }}
[service.web]
command = ["{{fixture}}", "exit-on-term", "0"]
after = ["db"]
on_dependency_restart = "{on_dependency_restart}"
"#
    ))
}

fn kill_db(hearken: &Hearken) -> crate::harness::Event {
    hearken.wait(&event("child_output").unit("web").is("message", "waiting for a signal"));
    let db = hearken.wait(&event("started").unit("db")).pid();
    kill(Pid::from_raw(db), Signal::SIGKILL).unwrap();
    hearken.wait(&event("exited").unit("db"))
}

#[test]
fn keep_lets_it_run_on() {
    let mut hearken = web_after_db("keep");
    let killed = kill_db(&hearken);
    let again = hearken.wait_after(&killed, &event("started").unit("db").incarnation(2));
    hearken.wait_after(&again, &event("ready").unit("db"));
    hearken.shut_down_well();
    assert_eq!(hearken.all(&event("started").unit("web")).len(), 1, "{}", hearken.dump());
}

#[test]
fn restart_stops_it_and_starts_it_when_the_other_is_ready_again() {
    let mut hearken = web_after_db("restart");
    let killed = kill_db(&hearken);
    let stopping = hearken.wait(&event("stopping").unit("web"));
    assert_eq!(stopping.text("cause"), "dependency_restart");
    hearken.wait_after(&stopping, &event("waiting").unit("web").is("on", "db"));
    hearken.wait_after(&stopping, &event("held").unit("web"));
    let ready = hearken.wait_after(&killed, &event("ready").unit("db"));
    hearken.wait_after(&ready, &event("started").unit("web").incarnation(2));
    hearken.shut_down_well();
}

#[test]
fn stop_takes_it_down_for_good() {
    let mut hearken = web_after_db("stop");
    let killed = kill_db(&hearken);
    let stopped = hearken.wait(&event("stopped").unit("web"));
    assert_eq!(stopped.text("decided_by"), "dependency");
    hearken.wait_after(&killed, &event("ready").unit("db"));
    hearken.shut_down_well();
    assert_eq!(hearken.all(&event("started").unit("web")).len(), 1, "{}", hearken.dump());
}

/// Row 15: who waits is not started when what it waits for dies on the way, and starts when that
/// has recovered.
#[test]
fn dependents_that_never_start_after_a_dependency_recovers() {
    let mut hearken = hearken(
        r#"
[service.db]
shell = '[ -e {folder}/tried ] || { touch {folder}/tried; exit 1; }; printf "\n" >&3; exec sleep infinity'
ready = "newline"
restart = { delay = "300ms" }
[service.api]
command = ["{fixture}", "run"]
after = ["db"]
[service.web]
command = ["{fixture}", "run"]
after = ["api"]
"#,
    );
    hearken.wait(&event("waiting").unit("api").is("on", "db"));
    let died = hearken.wait(&event("restarting").unit("db"));
    assert!(hearken.all(&event("started").unit("api")).is_empty(), "{}", hearken.dump());
    let ready = hearken.wait_after(&died, &event("ready").unit("db"));
    let api = hearken.wait_after(&ready, &event("started").unit("api"));
    hearken.wait_after(&api, &event("started").unit("web"));
    hearken.shut_down_well();
}
