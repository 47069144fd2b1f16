//! Odd places to run in: what is missing is worked around, or named.

use crate::harness::{Process, Setup, event, fixture, is_root, skip};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::time::Duration;

const WEB: &str =
    "[service.web]\ncommand = [\"{fixture}\", \"run\"]\nrestart = { delay = \"0s\" }\n";

/// Row 37: clone3 is refused; clone does as well.
#[track_caller]
fn works_with_legacy_clone(errno: &'static str, call: &str) {
    let mut hearken = Setup::new(WEB).through(&[fixture(), "seccomp", errno, call, "--"]).start();
    let legacy = hearken.wait(&event("legacy_clone"));
    assert!(legacy.text("error").contains(errno), "{legacy}");
    let web = hearken.wait(&event("started").unit("web"));
    kill(Pid::from_raw(web.pid()), Signal::SIGKILL).unwrap();
    hearken.wait(&event("started").unit("web").incarnation(2));
    hearken.shut_down_well();
    assert_eq!(hearken.all(&event("legacy_clone")).len(), 1, "told once: {}", hearken.dump());
}

#[test]
fn without_clone3_children_are_started_the_older_way() {
    works_with_legacy_clone("ENOSYS", "clone3");
}

#[test]
fn with_clone3_forbidden_children_are_started_the_older_way() {
    works_with_legacy_clone("EPERM", "clone3-of-hearken");
}

/// Row 38.
#[test]
fn without_clone_parent_it_refuses_to_start_and_says_why() {
    let setup = Setup::new(WEB).through(&[fixture(), "seccomp", "EINVAL", "clone-parent", "--"]);
    let config = setup.write();
    let refused = setup.command(&["up", "--config", config.to_str().unwrap()]).output().unwrap();
    let said = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(69), "{said}");
    assert!(said.contains("EINVAL") && said.contains("CLONE_PARENT"), "{said}");
}

/// Row 26.
#[test]
fn with_sigchld_blocked_or_ignored_by_whoever_started_it_exits_are_still_seen() {
    for verb in ["block-signals", "ignore-chld"] {
        let mut hearken = Setup::new(WEB).through(&[fixture(), verb, "--"]).start();
        let web = hearken.wait(&event("started").unit("web"));
        kill(Pid::from_raw(web.pid()), Signal::SIGKILL).unwrap();
        let exited = hearken.wait_within(Duration::from_secs(3), &event("exited").unit("web"));
        assert_eq!(exited.text("exit_signal"), "SIGKILL");
        hearken.shut_down_well();
    }
}

#[test]
fn without_standard_descriptors_no_child_gets_a_socket_as_its_output() {
    let setup =
        Setup::new("[service.web]\nshell = \"ls -l /proc/self/fd > {folder}/found; echo said\"\n")
            .through(&[fixture(), "close-standard", "--"]);
    let config = setup.write();
    let ended = setup.command(&["up", "--config", config.to_str().unwrap()]).status().unwrap();
    assert_eq!(ended.code(), Some(0));
    let found = std::fs::read_to_string(setup.folder().join("found")).unwrap();
    assert!(found.contains("0 -> /dev/null") && found.contains("2 -> pipe:"), "{found}");
}

#[test]
fn an_ordinary_user_may_supervise() {
    if !is_root() {
        return skip("becoming another user needs root");
    }
    let setup = Setup::new(WEB).run_as(65534, &[]);
    let mut hearken = setup.start();
    let web = hearken.wait(&event("started").unit("web"));
    assert_eq!(Process::status(web.pid(), "Uid"), 65534);
    kill(Pid::from_raw(web.pid()), Signal::SIGKILL).unwrap();
    hearken.wait(&event("started").unit("web").incarnation(2));
    hearken.shut_down_well();
}

/// Rows 35 and 39.
#[test]
fn a_limit_on_processes_is_named_and_waited_out() {
    if !is_root() {
        return skip("becoming another user needs root");
    }
    // A user of its own: the limit counts all processes of a user.
    let user = 64_000 + (std::process::id() % 1_000);
    let setup = Setup::new(
        r#"
[service.web]
command = ["sleep", "infinity"]
instances = 10
restart = { delay = "100ms", max_delay = "300ms", limit = "unlimited" }
"#,
    )
    // Supervisor, its threads for log and ledger, the fork server, and five children.
    .run_as(user, &["prlimit", "--nproc=9:9", "--"]);
    let mut hearken = setup.start();
    let failed = hearken.wait(&event("start_failed").unit("web"));
    assert!(failed.text("errno").contains("EAGAIN"), "{failed}");
    assert_eq!(failed.text("stage"), "fork");
    assert!(failed.text("help").contains("limit on processes"), "{failed}");
    let running = hearken.wait_for_many(&event("started"), 5);
    let cpu = Process::cpu_ms(hearken.pid());
    hearken.wait_for_many(&event("start_failed"), 20);
    assert!(Process::cpu_ms(hearken.pid()) - cpu < 400, "no busy loop");
    let (before, first) = (hearken.now(), running[0].pid());
    kill(Pid::from_raw(first), Signal::SIGKILL).unwrap();
    hearken.wait_from(before, &event("started").unit("web"));
    hearken.shut_down_well();
}
