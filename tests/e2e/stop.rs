//! How things are stopped: asked, woken, given time, killed.

use crate::harness::{PATIENCE, Process, event, hearken, until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::time::Duration;

/// Row 6.
#[test]
fn who_ignores_term_is_asked_once_and_killed_once_after_the_grace() {
    let mut hearken = hearken(
        r#"
[service.deaf]
command = ["{fixture}", "count-terms"]
stop = { timeout = "600ms" }
"#,
    );
    hearken.wait(&event("child_output").is("message", "counting"));
    hearken.shut_down_well();
    let stopping = hearken.wait(&event("stopping").unit("deaf"));
    assert_eq!((stopping.text("signal"), stopping.number("grace_ms")), ("SIGTERM", 600));
    let killing = hearken.wait_after(&stopping, &event("killing").unit("deaf"));
    assert!(killing.since(&stopping) >= Duration::from_millis(550), "{}", hearken.dump());
    assert!(killing.number("after_ms") >= 600, "{killing}");
    let exited = hearken.wait_after(&killing, &event("exited").unit("deaf"));
    assert_eq!(exited.text("exit_signal"), "SIGKILL");
    assert_eq!(exited.text("stopped_by"), "shutdown");
    assert_eq!(hearken.all(&event("killing")).len(), 1);
    assert_eq!(hearken.all(&event("child_output").has("message", "term ")).len(), 1);
}

#[test]
fn another_stop_signal_is_the_one_that_is_sent() {
    let mut hearken = hearken(
        "[service.web]\ncommand = [\"{fixture}\", \"ignore-term\", \"print\", \"up\", \"run\"]\nstop = \"INT\"\n",
    );
    hearken.wait(&event("child_output").is("message", "up"));
    hearken.shut_down_well();
    assert_eq!(hearken.wait(&event("exited").unit("web")).text("exit_signal"), "SIGINT");
    assert!(hearken.all(&event("killing")).is_empty());
}

/// Row 7.
#[test]
fn a_stopped_child_is_reported_and_still_stopped_by_the_shutdown() {
    let mut hearken = hearken("[service.web]\ncommand = [\"{fixture}\", \"run\"]\n");
    let pid = Pid::from_raw(hearken.wait(&event("started").unit("web")).pid());
    kill(pid, Signal::SIGSTOP).unwrap();
    hearken.wait(&event("suspended").unit("web").is("signal", "SIGSTOP"));
    kill(pid, Signal::SIGCONT).unwrap();
    let resumed = hearken.wait(&event("resumed").unit("web"));
    kill(pid, Signal::SIGSTOP).unwrap();
    hearken.wait_after(&resumed, &event("suspended").unit("web"));
    hearken.shut_down_well();
    let exited = hearken.wait(&event("exited").unit("web"));
    assert_eq!(exited.text("exit_signal"), "SIGTERM", "TERM, then CONT: {}", hearken.dump());
    assert!(hearken.all(&event("killing")).is_empty(), "{}", hearken.dump());
}

#[test]
fn a_child_that_stops_itself_is_reported() {
    let mut hearken = hearken(
        "[service.web]\ncommand = [\"{fixture}\", \"sleep\", \"100\", \"stop-self\", \"run\"]\n",
    );
    hearken.wait(&event("suspended").unit("web").is("signal", "SIGSTOP"));
    hearken.shut_down_well();
}

/// Row 7 meets row 16: the stop is seen before the fork server has said whose pid that is.
#[test]
fn three_hundred_children_that_stop_themselves_at_once_are_all_reported() {
    let mut hearken =
        hearken("[service.web]\ncommand = [\"sh\", \"-c\", \"kill -STOP $$\"]\ninstances = 300\n");
    hearken.wait_for_many(&event("suspended").unit("web"), 300);
    hearken.shut_down_well();
}

/// Row 8.
#[test]
fn a_shutdown_ends_the_wait_for_a_restart() {
    let mut hearken = hearken(
        "[service.loop]\ncommand = [\"{fixture}\", \"exit\", \"1\"]\nrestart = { delay = \"1h\", max_delay = \"1h\" }\n",
    );
    hearken.wait(&event("restarting").unit("loop"));
    hearken.shut_down_well();
    assert_eq!(hearken.all(&event("started")).len(), 1, "{}", hearken.dump());
}

/// Row 8.
#[test]
fn a_shutdown_stops_what_is_still_starting() {
    let mut hearken = hearken(
        "[service.slow]\ncommand = [\"{fixture}\", \"never-ready\"]\nready = \"message\"\n",
    );
    hearken.wait(&event("started").unit("slow"));
    hearken.shut_down_well();
    assert_eq!(hearken.wait(&event("exited").unit("slow")).text("stopped_by"), "shutdown");
    assert!(hearken.all(&event("restarting")).is_empty(), "{}", hearken.dump());
}

/// Row 23, in the mode without cgroups.
#[test]
fn a_kill_takes_the_whole_group_along() {
    let mut hearken = hearken(
        r#"
[service.parent]
command = ["{fixture}", "ignore-term", "fork-grandchild", "run"]
stop = { timeout = "300ms" }
"#,
    );
    let said = hearken.wait(&event("child_output").has("message", "grandchild "));
    let grandchild: i32 = said.text("message").split(' ').nth(1).unwrap().parse().unwrap();
    assert!(Process::lives(grandchild));
    hearken.shut_down_well();
    assert!(!Process::lives(grandchild), "{}", hearken.dump());
}

/// Row 63.
#[test]
fn a_grandchild_that_holds_the_pipes_delays_no_judgement_and_is_killed() {
    let mut hearken = hearken(
        r#"
[service.parent]
command = ["{fixture}", "hello", "fork-grandchild", "sleep", "50", "exit", "3"]
restart = "never"
"#,
    );
    let said = hearken.wait(&event("child_output").has("message", "grandchild "));
    let grandchild: i32 = said.text("message").split(' ').nth(1).unwrap().parse().unwrap();
    assert_eq!(hearken.exit_code(), 0);
    let exited = hearken.wait(&event("exited").unit("parent").is("exit_code", 3));
    let failed = hearken.wait_after(&exited, &event("failed").unit("parent"));
    assert!(failed.since(&exited) < Duration::from_secs(1), "{}", hearken.dump());
    let left = hearken.wait(&event("leftovers_killed").unit("parent"));
    assert!(left.text("processes").contains(&format!("{grandchild} (fixture)")), "{left}");
    until("the grandchild's end", PATIENCE, || (!Process::lives(grandchild)).then_some(()));
}
