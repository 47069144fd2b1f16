//! Units that restart together.

use crate::harness::{Hearken, event, hearken};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Three units in a group; each says that it is ready a moment after its start.
fn trio(group: &str) -> Hearken {
    let unit = |name: &str| {
        format!(
            "[service.{name}]\ncommand = [\"{{fixture}}\", \"hello\", \"ready-after\", \"50\", \"exit-on-term\", \"0\"]\nready = \"message\"\nrestart = {{ delay = \"100ms\" }}\n"
        )
    };
    let units = ["a", "b", "c"].map(unit).concat();
    hearken(&format!("{units}[group.trio]\nunits = [\"a\", \"b\", \"c\"]\n{group}\n"))
}

/// All three are ready and can be asked to stop; then `b` is killed.
fn kill_b(hearken: &Hearken) -> crate::harness::Event {
    for name in ["a", "b", "c"] {
        hearken.wait(&event("ready").unit(name));
        hearken.wait(&event("child_output").unit(name).is("message", "waiting for a signal"));
    }
    let b = hearken.wait(&event("started").unit("b")).pid();
    kill(Pid::from_raw(b), Signal::SIGKILL).unwrap();
    hearken.wait(&event("exited").unit("b").is("exit_signal", "SIGKILL"))
}

#[test]
fn one_for_one_restarts_nobody_else() {
    let mut hearken = trio("strategy = \"one_for_one\"");
    kill_b(&hearken);
    hearken.wait(&event("ready").unit("b").is("instance", 1));
    hearken.wait(&event("started").unit("b").incarnation(2));
    hearken.shut_down_well();
    for name in ["a", "c"] {
        assert_eq!(hearken.all(&event("started").unit(name)).len(), 1, "{}", hearken.dump());
    }
}

#[test]
fn one_for_all_stops_in_reverse_and_starts_in_order() {
    let mut hearken = trio("strategy = \"one_for_all\"");
    let killed = kill_b(&hearken);
    let together = hearken.wait_after(&killed, &event("group_restarting"));
    assert_eq!((together.text("group"), together.text("because")), ("trio", "b#1"));
    assert_eq!(together.text("units"), "a, b, c");
    let c =
        hearken.wait_after(&killed, &event("exited").unit("c").is("stopped_by", "group_restart"));
    let a = hearken.wait_after(&c, &event("stopping").unit("a").is("cause", "group_restart"));
    let a = hearken.wait_after(&a, &event("held").unit("a"));
    let a = hearken.wait_after(&a, &event("started").unit("a").incarnation(2));
    let a = hearken.wait_after(&a, &event("ready").unit("a"));
    let b = hearken.wait_after(&a, &event("started").unit("b").incarnation(2));
    let b = hearken.wait_after(&b, &event("ready").unit("b"));
    hearken.wait_after(&b, &event("started").unit("c").incarnation(2));
    hearken.shut_down_well();
}

#[test]
fn rest_for_one_restarts_those_that_come_after_it() {
    let mut hearken = trio("strategy = \"rest_for_one\"");
    let killed = kill_b(&hearken);
    let held = hearken.wait_after(&killed, &event("held").unit("c"));
    let b = hearken.wait_after(&held, &event("started").unit("b").incarnation(2));
    let b = hearken.wait_after(&b, &event("ready").unit("b"));
    hearken.wait_after(&b, &event("started").unit("c").incarnation(2));
    hearken.shut_down_well();
    assert_eq!(hearken.all(&event("started").unit("a")).len(), 1, "{}", hearken.dump());
}

const PAIR: &str = r#"
[service.loop]
command = ["{fixture}", "sleep", "20", "exit", "1"]
restart = { delay = "10ms", limit = "unlimited" }
[service.web]
command = ["{fixture}", "run"]
[service.other]
command = ["{fixture}", "run"]
[group.pair]
units = ["web", "loop"]
limit = 3
window = "1m"
"#;

#[test]
fn a_group_that_restarts_too_often_fails_as_a_whole() {
    let mut hearken = hearken(PAIR);
    let failed = hearken.wait(&event("group_failed"));
    assert_eq!((failed.text("because"), failed.text("units")), ("loop#1", "web, loop"));
    hearken.wait(&event("failed").unit("web").is("decided_by", "unit_failed"));
    assert_eq!(hearken.all(&event("started").unit("loop")).len(), 4, "{}", hearken.dump());
    hearken.shut_down_well();
    hearken.wait(&event("stopped").unit("other"));
}

#[test]
fn a_group_may_bring_the_daemon_down() {
    let mut hearken = hearken(&format!("{PAIR}on_limit = \"shut_down\"\n"));
    assert_eq!(hearken.exit_code(), 1, "{}", hearken.dump());
    let last = hearken.wait(&event("supervisor_stopped"));
    assert!(last.text("because").contains("the group pair"), "{last}");
}
