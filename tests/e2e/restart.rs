//! What failed is started again, what is done is not, and a loop is slowed and ended.

use crate::harness::{Process, event, hearken};
use std::time::Duration;

/// Row 3 of the faults.
#[test]
fn exit_0_is_no_reason_to_restart_under_on_failure() {
    let mut hearken = hearken("[service.job]\ncommand = [\"true\"]\n");
    hearken.wait(&event("exited").unit("job").is("exit_code", 0));
    hearken.wait(&event("finished").unit("job"));
    assert_eq!(hearken.exit_code(), 0, "up ends when nothing is left to run");
    assert_eq!(hearken.all(&event("started")).len(), 1);
    assert!(hearken.wait(&event("idle")).text("message").contains("nothing is left to run"));
}

#[test]
fn exit_0_is_a_reason_to_restart_under_always() {
    let hearken = hearken(
        "[service.job]\ncommand = [\"true\"]\nrestart = { policy = \"always\", delay = \"50ms\" }\n",
    );
    hearken.wait(&event("started").unit("job").incarnation(3));
}

#[test]
fn a_crash_is_followed_by_a_restart_after_the_delay() {
    let hearken = hearken(
        r#"
[service.web]
command = ["{fixture}", "run"]
restart = { delay = "300ms" }
"#,
    );
    let first = hearken.wait(&event("started").unit("web"));
    let pid = nix::unistd::Pid::from_raw(first.pid());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).unwrap();
    let exited = hearken.wait(&event("exited").unit("web").is("exit_signal", "SIGKILL"));
    let restarting = hearken.wait(&event("restarting").unit("web").is("kind", "crashed"));
    assert_eq!(restarting.number("in_ms"), 300, "the first delay has no jitter");
    let second = hearken.wait_after(&exited, &event("started").unit("web").incarnation(2));
    assert!(second.since(&exited) >= Duration::from_millis(250), "{}", hearken.dump());
    assert_ne!(first.pid(), second.pid());
}

/// Row 4.
#[test]
fn a_crash_loop_backs_off_and_ends_as_failed_by_the_budget() {
    let hearken = hearken(
        r#"
[service.loop]
command = ["{fixture}", "exit", "1"]
restart = { delay = "20ms", max_delay = "80ms", limit = 6, window = "1m" }
[service.other]
command = ["{fixture}", "run"]
"#,
    );
    let failed = hearken.wait(&event("failed").unit("loop"));
    assert_eq!(failed.text("decided_by"), "restart_budget");
    assert!(failed.text("help").contains("restart.limit"), "{failed}");
    let restarts = hearken.all(&event("restarting").unit("loop"));
    assert_eq!(restarts.len(), 6);
    assert_eq!(hearken.all(&event("started").unit("loop")).len(), 7);
    let delays: Vec<_> = restarts.iter().map(|one| one.number("in_ms")).collect();
    assert_eq!(delays[0], 20);
    assert!((20..=40).contains(&delays[1]) && (40..=80).contains(&delays[2]), "{delays:?}");
    assert!(delays.iter().all(|delay| *delay <= 80), "max_delay holds: {delays:?}");
    assert!(Process::lives(hearken.wait(&event("started").unit("other")).pid()));
}

/// Row 4: with no delay at all and no limit, the loop is slowed to about one a second after the
/// first burst, and costs next to nothing.
#[test]
fn a_crash_loop_without_delay_and_limit_does_not_eat_the_machine() {
    let hearken = hearken(
        r#"
[service.loop]
command = ["{fixture}", "exit", "1"]
restart = { delay = "0s", limit = "unlimited" }
"#,
    );
    let fifth = hearken.wait(&event("started").unit("loop").incarnation(5));
    let sixth = hearken.wait(&event("started").unit("loop").incarnation(6));
    let cpu = Process::cpu_ms(hearken.pid());
    let eighth = hearken.wait(&event("started").unit("loop").incarnation(8));
    assert!(sixth.since(&fifth) >= Duration::from_millis(950), "{}", hearken.dump());
    let (spent, passed) = (Process::cpu_ms(hearken.pid()) - cpu, eighth.since(&sixth));
    assert!(u128::from(spent) * 25 <= passed.as_millis(), "{spent} ms of CPU in {passed:?}");
}

#[test]
fn a_ready_uptime_of_settle_forgives_past_failures() {
    let hearken = hearken(
        r#"
[service.web]
command = ["{fixture}", "hello", "ready", "sleep", "400", "exit", "1"]
ready = "message"
restart = { delay = "10ms", limit = "unlimited", settle = "100ms" }
"#,
    );
    let restarts = hearken.wait_for_many(&event("restarting").unit("web"), 3);
    for restart in &restarts {
        assert_eq!((restart.number("failures"), restart.number("in_ms")), (1, 10), "{restart}");
    }
}

#[test]
fn a_budget_that_is_told_to_wait_waits_for_its_window() {
    let hearken = hearken(
        r#"
[service.loop]
command = ["{fixture}", "exit", "1"]
restart = { delay = "10ms", max_delay = "20ms", limit = 2, window = "1500ms", on_limit = "wait" }
"#,
    );
    let second = hearken.wait(&event("started").unit("loop").incarnation(2));
    let fourth = hearken.wait(&event("started").unit("loop").incarnation(4));
    assert!(fourth.since(&second) >= Duration::from_millis(1_400), "{}", hearken.dump());
    assert!(hearken.all(&event("failed")).is_empty());
}

#[test]
fn a_critical_service_that_fails_brings_the_supervisor_down_with_1() {
    let mut hearken = hearken(
        r#"
[service.db]
command = ["{fixture}", "exit", "78"]
critical = true
[service.web]
command = ["{fixture}", "run"]
"#,
    );
    assert_eq!(hearken.exit_code(), 1, "{}", hearken.dump());
    let failed = hearken.wait(&event("failed").unit("db"));
    let down = hearken.wait_after(&failed, &event("shutting_down"));
    assert!(down.text("because").contains("db"), "{down}");
    hearken.wait_after(&down, &event("stopped").unit("web"));
    let last = hearken.wait(&event("supervisor_stopped"));
    assert_eq!(last.number("exit_code"), 1);
    assert!(last.text("because").contains("critical unit db"), "{last}");
}
