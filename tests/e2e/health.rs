//! A service that runs and does not work is stopped for it; what is no fault of its own is not
//! held against it.

use crate::harness::{Hearken, PATIENCE, Process, Setup, Web, event, hearken, until};
use crate::why::{begin, told};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::time::Duration;

/// A service whose health is this file: it is well while the file is there.
fn by_file(restart: &str, more: &str) -> (Setup, Hearken) {
    let setup = Setup::new(&format!(
        r#"
[service.web]
command = ["{{fixture}}", "run"]
restart = {{ {restart} }}
[service.web.health]
exec = ["test", "-e", "{{folder}}/well"]
interval = "50ms"
timeout = "10s"
failures = 3
{more}
"#
    ));
    setup.file("well", b"", 0o644);
    let hearken = setup.clone().start();
    (setup, hearken)
}

fn falls_ill(setup: &Setup) {
    std::fs::remove_file(setup.folder().join("well")).unwrap();
}

/// Past incident: a probe restart that skips the delay.
#[test]
fn probe_restart_that_skips_the_delay() {
    let (setup, mut hearken) = by_file("delay = \"700ms\"", "");
    let first = hearken.wait(&event("started").unit("web"));
    falls_ill(&setup);
    let stopping = hearken.wait(&event("stopping").unit("web").is("cause", "health"));
    let failed = hearken.all(&event("probe_failed").unit("web").is("purpose", "health"));
    let counts: Vec<_> = failed.iter().map(|one| one.number("failures")).collect();
    assert_eq!(counts, [1, 2, 3], "{}", hearken.dump());
    assert!(failed[2].index < stopping.index, "the reason comes first");
    assert_eq!(failed[2].number("limit"), 3);
    setup.file("well", b"", 0o644);
    let exited = hearken.wait(&event("exited").unit("web").is("stopped_by", "health"));
    let restarting = hearken.wait_after(&exited, &event("restarting").unit("web"));
    assert_eq!(restarting.number("in_ms"), 700);
    assert_eq!(restarting.field("counted"), Some(&true.into()), "{restarting}");
    let second = hearken.wait_after(&exited, &event("started").unit("web").incarnation(2));
    assert!(second.since(&exited) >= Duration::from_millis(650), "{}", hearken.dump());
    assert_ne!(first.pid(), second.pid());
    hearken.shut_down_well();
}

/// Past incident: health restarts are not counted, and a limit never bites.
#[test]
fn memory_or_health_restarts_not_counted() {
    let (setup, hearken) = by_file("delay = \"10ms\", limit = 2, window = \"1m\"", "");
    falls_ill(&setup);
    let failed = hearken.wait(&event("failed").unit("web"));
    assert_eq!(failed.text("decided_by"), "restart_budget", "{failed}");
    assert_eq!(hearken.all(&event("started").unit("web")).len(), 3, "{}", hearken.dump());
}

#[test]
fn why_gives_the_reason_in_the_words_of_the_probe() {
    let (setup, hearken) = begin(
        r#"
[service.web]
command = ["{fixture}", "run"]
restart = { delay = "10ms", limit = 1 }
[service.web.health]
exec = ["sh", "-c", "echo no such table; exit 3"]
interval = "20ms"
timeout = "10s"
failures = 2
[service.slow]
command = ["{fixture}", "run"]
restart = "never"
ready = { exec = ["sleep", "1000"], timeout = "100ms", interval = "10ms" }
start_timeout = "500ms"
"#,
    );
    hearken.wait(&event("failed").unit("web"));
    told(&setup, "web", &["health probe failed", "sh exited with code 3; it said: no such table"]);
    told(&setup, "slow", &["late: sleep did not end within 100 ms"]);
}

#[test]
fn a_rule_decides_otherwise() {
    let rule = "[[service.web.rule]]\nmatch = { code = \"health\" }\nunit = \"fail\"\n";
    let (setup, hearken) = by_file("delay = \"10ms\"", rule);
    falls_ill(&setup);
    let failed = hearken.wait(&event("failed").unit("web"));
    assert_eq!(failed.text("decided_by"), "rule", "{failed}");
    assert_eq!(hearken.all(&event("started").unit("web")).len(), 1, "{}", hearken.dump());
}

#[test]
fn who_recovers_in_time_is_left_alone() {
    let web = Web::answering(200);
    let mut hearken = hearken(&format!(
        r#"
[service.web]
command = ["{{fixture}}", "run"]
[service.web.health]
http = "http://localhost:{}/health?token=secret"
interval = "30ms"
timeout = "5s"
failures = 1000
"#,
        web.port
    ));
    until("a few probes", PATIENCE, || (web.asked() > 3).then_some(()));
    web.answer(500);
    let failed = hearken.wait(&event("probe_failed").unit("web"));
    assert!(failed.text("reason").ends_with("/health answered 500, not 200-299"), "{failed}");
    hearken.wait_after(&failed, &event("probe_failed").unit("web").is("failures", 3));
    web.answer(204);
    let recovered = hearken.wait(&event("probe_recovered").unit("web"));
    assert!(recovered.number("failures") >= 3, "{recovered}");
    hearken.shut_down_well();
    let failed = i64::try_from(hearken.all(&event("probe_failed")).len()).unwrap();
    assert_eq!(failed, recovered.number("failures"), "{}", hearken.dump());
    assert!(!hearken.dump().contains("secret"), "the query stays out of the log");
}

#[test]
fn who_takes_connections_and_never_answers_is_late() {
    let web = Web::answering(0);
    let hearken = hearken(&format!(
        r#"
[service.web]
command = ["{{fixture}}", "run"]
restart = {{ delay = "1h", max_delay = "1h" }}
[service.web.health]
http = "http://127.0.0.1:{0}/"
interval = "50ms"
timeout = "200ms"
failures = 2
[service.port]
command = ["{{fixture}}", "run"]
health = {{ tcp = "127.0.0.1:{0}", interval = "50ms", timeout = "5s" }}
"#,
        web.port
    ));
    let stopping = hearken.wait(&event("stopping").unit("web").is("cause", "health"));
    let late = hearken.all(&event("probe_failed").unit("web"));
    assert_eq!(late.len(), 2, "{}", hearken.dump());
    assert!(late[0].text("reason").starts_with("late: no answer from http://"), "{}", late[0]);
    assert!(stopping.since(&late[0]) >= Duration::from_millis(200), "{}", hearken.dump());
    assert!(hearken.all(&event("stopping").unit("port")).is_empty(), "{}", hearken.dump());
}

#[test]
fn a_health_probe_that_hangs_ends_the_service_and_leaves_nothing() {
    let mut hearken = hearken(
        r#"
[service.web]
command = ["{fixture}", "run"]
restart = { delay = "50ms" }
[service.web.health]
exec = ["{fixture}", "ignore-term", "fork-grandchild", "run"]
interval = "50ms"
timeout = "300ms"
failures = 1
"#,
    );
    let failed = hearken.wait_for_many(&event("probe_failed").unit("web"), 2);
    hearken.wait_for_many(&event("stopping").unit("web").is("cause", "health"), 2);
    for failed in failed {
        let grandchild = failed.text("said").rsplit(' ').next().unwrap().parse().unwrap();
        until("the end of it", PATIENCE, || (!Process::lives(grandchild)).then_some(()));
    }
    hearken.shut_down_well();
}

/// The supervisor itself stands still for longer than any timeout, again and again: what comes late
/// for that is nobody's fault.
#[test]
fn a_supervisor_that_was_stopped_kills_nobody_for_a_late_probe() {
    let web = Web::answering(200);
    let mut hearken = hearken(&format!(
        r#"
[service.exec]
command = ["{{fixture}}", "run"]
instances = 5
health = {{ exec = ["sleep", "0.1"], interval = "50ms", timeout = "1500ms", failures = 1 }}
[service.http]
command = ["{{fixture}}", "run"]
instances = 5
health = {{ http = "http://127.0.0.1:{0}/", interval = "20ms", timeout = "1500ms", failures = 1 }}
[service.tcp]
command = ["{{fixture}}", "run"]
instances = 5
health = {{ tcp = "127.0.0.1:{0}", interval = "20ms", timeout = "1500ms", failures = 1 }}
"#,
        web.port
    ));
    hearken.wait_for_many(&event("started"), 15);
    for pause in [6_000, 2_000, 1_600, 800] {
        let now = hearken.now();
        hearken.signal(Signal::SIGSTOP);
        std::thread::sleep(Duration::from_millis(pause));
        hearken.signal(Signal::SIGCONT);
        if pause > 1_500 {
            hearken.wait_from(now, &event("stalled"));
        }
        let asked = web.asked();
        until("probes go on", PATIENCE, || (web.asked() > asked + 50).then_some(()));
    }
    assert!(hearken.all(&event("probe_failed")).is_empty(), "{}", hearken.dump());
    assert!(hearken.all(&event("stopping")).is_empty(), "{}", hearken.dump());
    hearken.shut_down_well();
}

/// With no fork server to be had nothing can look; that is nobody's fault either.
#[test]
fn without_a_fork_server_nobody_is_killed_for_his_health() {
    let mut hearken = hearken(
        r#"
[service.web]
command = ["{fixture}", "run"]
health = { exec = ["true"], interval = "50ms", timeout = "5s", failures = 1 }
"#,
    );
    let web = hearken.wait(&event("started").unit("web"));
    let mut replaced = hearken.wait(&event("supervisor_started"));
    for _ in 0..5 {
        kill(Pid::from_raw(hearken.fork_server()), Signal::SIGKILL).unwrap();
        replaced = hearken.wait_after(&replaced, &event("fork_server_replaced"));
    }
    kill(Pid::from_raw(hearken.fork_server()), Signal::SIGKILL).unwrap();
    hearken.wait_after(&replaced, &event("fork_server_unavailable"));
    let not_run = hearken.wait(&event("probe_not_run").unit("web"));
    assert!(not_run.text("reason").contains("no fork server"), "{not_run}");
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(hearken.all(&event("probe_not_run")).len(), 1, "said once: {}", hearken.dump());
    assert!(Process::lives(web.pid()), "{}", hearken.dump());
    hearken.shut_down_well();
    assert!(hearken.all(&event("probe_failed")).is_empty(), "{}", hearken.dump());
}
