//! Row 93: hearken as PID 1.

use crate::harness::{Hearken, PATIENCE, Process, Setup, event, is_root, skip, until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::process::Command;

const UNSHARE: [&str; 5] = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"];

fn namespaces() -> bool {
    is_root()
        && Command::new(UNSHARE[0])
            .args(&UNSHARE[1..])
            .arg("true")
            .status()
            .is_ok_and(|it| it.success())
}

/// The supervisor's pid as we see it: the only child of unshare.
fn first(hearken: &Hearken) -> i32 {
    until("the first process of the namespace", PATIENCE, || {
        hearken.tree().iter().find(|it| it.parent == hearken.pid()).map(|it| it.pid)
    })
}

#[test]
fn as_pid_1_it_works_reaps_orphans_and_stops_in_order() {
    if !namespaces() {
        return skip("no PID namespaces here");
    }
    let mut hearken = Setup::new(
        r#"
[service.db]
command = ["{fixture}", "exit-on-term", "0"]
[service.web]
command = ["{fixture}", "orphan", "100", "exit-on-term", "0"]
after = ["db"]
"#,
    )
    .supervisor("log = \"debug\"")
    .through(&UNSHARE)
    .start();
    assert_eq!(hearken.wait(&event("supervisor_started")).pid(), 1);
    for name in ["db", "web"] {
        hearken.wait(&event("child_output").unit(name).is("message", "waiting for a signal"));
    }
    hearken.wait(&event("orphan_reaped"));
    let supervisor = first(&hearken);
    until("no zombies", PATIENCE, || {
        let all = crate::harness::processes();
        (!all.iter().any(|it| it.parent == supervisor && it.state == 'Z')).then_some(())
    });
    kill(Pid::from_raw(supervisor), Signal::SIGTERM).unwrap();
    assert_eq!(hearken.exit_code(), 0, "{}", hearken.dump());
    let web = hearken.wait(&event("stopped").unit("web"));
    hearken.wait_after(&web, &event("stopping").unit("db"));
}

#[test]
fn as_pid_1_it_replaces_a_lost_fork_server() {
    if !namespaces() {
        return skip("no PID namespaces here");
    }
    let hearken = Setup::new(
        "[service.web]\ncommand = [\"{fixture}\", \"run\"]\nrestart = { delay = \"0s\" }\n",
    )
    .through(&UNSHARE)
    .start();
    hearken.wait(&event("started").unit("web"));
    let supervisor = first(&hearken);
    let mut children = hearken.tree().into_iter().filter(|it| it.parent == supervisor);
    let server = children.find(|it| it.name == "hearken-fork").unwrap();
    kill(Pid::from_raw(server.pid), Signal::SIGKILL).unwrap();
    hearken.wait(&event("fork_server_replaced"));
    let web = hearken.tree().into_iter().find(|it| it.name == "fixture").unwrap();
    assert!(Process::lives(web.pid));
    kill(Pid::from_raw(web.pid), Signal::SIGKILL).unwrap();
    hearken.wait(&event("started").unit("web").incarnation(2));
    kill(Pid::from_raw(supervisor), Signal::SIGTERM).unwrap();
}

/// Outside of a namespace: it is a subreaper, and a daemon that escaped its service comes to it.
#[test]
fn an_orphan_is_adopted_and_reaped() {
    let mut hearken =
        Setup::new("[service.web]\ncommand = [\"{fixture}\", \"orphan\", \"50\", \"run\"]\n")
            .supervisor("log = \"debug\"")
            .start();
    let orphan = hearken.wait(&event("orphan_reaped"));
    let said = hearken.wait(&event("child_output").has("message", "orphan "));
    assert!(said.text("message").ends_with(&orphan.pid().to_string()), "{said} {orphan}");
    hearken.shut_down_well();
}
