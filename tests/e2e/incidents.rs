//! What went wrong in other supervisors, by name. Those that need an operator's commands, or time,
//! are played through in the core's own tests (`crates/core/tests/core/incidents.rs`).

use crate::harness::{PATIENCE, Process, Setup, event, hearken, skip, until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::time::Duration;

/// A limit that is counted anew at each start never bites.
#[test]
fn restart_counter_reset_at_start_so_that_a_limit_never_bites() {
    let hearken = hearken(
        r#"
[service.web]
command = ["{fixture}", "hello", "ready", "sleep", "60", "exit", "1"]
ready = "message"
restart = { delay = "10ms", limit = 3, settle = "10s" }
"#,
    );
    let failed = hearken.wait(&event("failed").unit("web"));
    assert_eq!(failed.text("decided_by"), "restart_budget", "{failed}");
    assert_eq!(hearken.all(&event("ready").unit("web")).len(), 4, "{}", hearken.dump());
}

/// A program that is not there is tried once, and what else there is to do goes on meanwhile.
#[test]
fn unlimited_retries_of_a_missing_binary_that_freeze_the_control_plane() {
    let mut hearken = hearken(
        r#"
[service.missing]
command = ["/no/such/program"]
instances = 50
restart = { policy = "always", delay = "0s", limit = "unlimited" }
[service.web]
command = ["{fixture}", "run"]
"#,
    );
    hearken.wait_for_many(&event("failed").unit("missing"), 50);
    let cpu = Process::cpu_ms(hearken.pid());
    hearken.wait(&event("started").unit("web"));
    hearken.shut_down_well();
    assert_eq!(hearken.all(&event("start_failed").unit("missing")).len(), 50);
    assert!(hearken.all(&event("restarting")).is_empty(), "{}", hearken.dump());
    assert!(cpu < 2_000, "{cpu} ms of processor time");
}

/// Row 79. Delays are of the monotonic clock: a restart that is due in a second comes in a second,
/// whatever the wall clock does.
#[test]
fn wall_clock_stepped_by_an_hour() {
    let machine = std::env::consts::ARCH;
    let library = format!("/usr/lib/{machine}-linux-gnu/faketime/libfaketimeMT.so.1");
    if !std::path::Path::new(&library).exists() {
        return skip("Debian's package faketime is what steps the clock");
    }
    for step in ["+1h", "-1h"] {
        let setup = Setup::new(
            r#"
[service.web]
command = ["{fixture}", "exit", "1"]
restart = { delay = "1s", max_delay = "1s", limit = "unlimited" }
"#,
        );
        let clock = setup.file("clock", b"+0\n", 0o644);
        let hearken = setup
            .environment("LD_PRELOAD", &library)
            .environment("FAKETIME_TIMESTAMP_FILE", clock.to_str().unwrap())
            .environment("FAKETIME_NO_CACHE", "1")
            .environment("DONT_FAKE_MONOTONIC", "1")
            .start();
        hearken.wait(&event("restarting").unit("web"));
        let waited = std::time::Instant::now();
        std::fs::write(&clock, format!("{step}\n")).unwrap();
        let stepped = hearken.wait(&event("started").unit("web").incarnation(2));
        let waited = waited.elapsed();
        assert!(
            (Duration::from_millis(900)..Duration::from_secs(5)).contains(&waited),
            "{step}: {waited:?}\n{}",
            hearken.dump()
        );
        let before = hearken.wait(&event("started").unit("web").incarnation(1));
        let hour = |event: &crate::harness::Event| event.text("time")[..13].to_owned();
        assert_ne!(hour(&before), hour(&stepped), "the clock was stepped: {}", hearken.dump());
    }
}

#[test]
fn last_error_frame_followed_at_once_by_exit_still_seen() {
    let hearken = hearken(
        r#"
[service.web]
command = ["{fixture}", "hello", "error", "rate_limited", "api.quota", "60000", "_exit", "1"]
instances = 60
"#,
    );
    let restarting = hearken.wait_for_many(&event("restarting").unit("web"), 60);
    for one in restarting {
        assert_eq!((one.text("code"), one.number("in_ms")), ("api.quota", 60_000), "{one}");
    }
}

/// 500 instances whose dependency went away come back at the rate of the whole supervisor.
#[test]
fn thundering_herd_of_500_instances() {
    let mut hearken = Setup::new(
        r#"
[service.herd]
command = ["sleep", "infinity"]
instances = 500
restart = { delay = "0s" }
"#,
    )
    .supervisor("starts = { burst = 50, per_second = 100 }")
    .start();
    for one in hearken.wait_for_many(&event("started").unit("herd"), 500) {
        kill(Pid::from_raw(one.pid()), Signal::SIGKILL).unwrap();
    }
    let first = hearken.wait(&event("started").unit("herd").incarnation(2));
    let again = hearken.wait_for_many(&event("started").unit("herd").incarnation(2), 500);
    let took = again.last().unwrap().since(&first);
    assert!(took >= Duration::from_secs(4), "450 at 100 a second: {took:?}");
    hearken.shut_down_well();
}

#[test]
fn leader_gone_grandchild_stays() {
    let mut hearken = hearken(
        r#"
[service.parent]
command = ["{fixture}", "fork-grandchild", "sleep", "100", "exit", "1"]
restart = { delay = "50ms", limit = 2 }
"#,
    );
    hearken.wait(&event("failed").unit("parent"));
    assert_eq!(hearken.exit_code(), 0);
    let said = hearken.all(&event("child_output").has("message", "grandchild "));
    assert_eq!(said.len(), 3, "{}", hearken.dump());
    for one in said {
        let pid: i32 = one.text("message").split(' ').nth(1).unwrap().parse().unwrap();
        until("the grandchild's end", PATIENCE, || (!Process::lives(pid)).then_some(()));
    }
}
