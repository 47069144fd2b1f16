//! The life and death of the supervisor itself.

use crate::harness::{PATIENCE, Process, Setup, event, fixture, hearken};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const STUBBORN: &str = r#"
[service.stubborn]
command = ["{fixture}", "ignore-term", "fork-grandchild", "print", "up", "run"]
instances = 5
stop = { timeout = "1m" }
"#;

/// Rows 73 and 88.
#[test]
fn a_supervisor_killed_takes_its_whole_tree_along_and_the_next_start_works() {
    let mut killed = hearken(STUBBORN);
    killed.wait_for_many(&event("child_output").is("message", "up"), 5);
    assert!(killed.tree().len() >= 12, "children, grandchildren and both of us");
    killed.signal(Signal::SIGKILL);
    killed.end_within(PATIENCE);
    killed.tree_is_gone_within(Duration::from_secs(2));
    assert!(killed.folder().join("state/lock").exists(), "a stale lock file is left");
    let next = killed.another();
    next.wait_for_many(&event("started"), 5);
}

/// Row 29.
#[test]
fn a_child_that_kills_the_supervisor_dies_with_it() {
    let mut hearken = Setup::new(&format!(
        "{STUBBORN}[service.murderer]\ncommand = [\"{{fixture}}\", \"kill-parent\"]\nafter = [\"stubborn\"]\n"
    ))
    .start();
    let ended = hearken.end_within(PATIENCE);
    assert_eq!(ended.signal(), Some(9));
    hearken.tree_is_gone_within(Duration::from_secs(2));
}

/// Both dead at once: there is no janitor, but a death signal.
#[test]
fn children_do_not_outlive_supervisor_and_fork_server_killed_together() {
    let mut hearken = hearken(
        "[service.web]\ncommand = [\"{fixture}\", \"ignore-term\", \"print\", \"up\", \"run\"]\ninstances = 5\n",
    );
    hearken.wait_for_many(&event("child_output").is("message", "up"), 5);
    let server = hearken.fork_server();
    hearken.signal(Signal::SIGSTOP);
    kill(Pid::from_raw(server), Signal::SIGKILL).unwrap();
    hearken.signal(Signal::SIGKILL);
    hearken.end_within(PATIENCE);
    hearken.tree_is_gone_within(Duration::from_secs(2));
}

/// Row 89.
#[test]
fn of_twenty_racing_supervisors_one_runs_and_the_others_name_it() {
    let setup = Setup::new("[service.web]\ncommand = [\"{fixture}\", \"run\"]\n");
    let config = setup.write();
    let arguments = ["up", "--config", config.to_str().unwrap()];
    let mut racers: Vec<_> = (0..20)
        .map(|number| {
            let path = setup.folder().join(format!("stderr-{number}"));
            let stderr = std::fs::File::create(&path).unwrap();
            (setup.command(&arguments).stderr(stderr).spawn().unwrap(), path)
        })
        .collect();
    let deadline = Instant::now() + PATIENCE;
    let mut running = racers.len();
    while running > 1 && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(10));
        running =
            racers.iter_mut().map(|(it, _)| usize::from(it.try_wait().unwrap().is_none())).sum();
    }
    let winners: Vec<u32> = racers
        .iter_mut()
        .filter_map(|(it, _)| it.try_wait().unwrap().is_none().then(|| it.id()))
        .collect();
    for winner in &winners {
        kill(Pid::from_raw(i32::try_from(*winner).unwrap()), Signal::SIGTERM).unwrap();
    }
    assert_eq!(winners.len(), 1, "exactly one runs");
    let named = format!("pid {}", winners[0]);
    for (mut racer, path) in racers {
        let (id, ended) = (racer.id(), racer.wait().unwrap());
        let said = std::fs::read_to_string(path).unwrap();
        if id == winners[0] {
            assert_eq!(ended.code(), Some(0), "{said}");
        } else {
            assert_eq!(ended.code(), Some(1), "{said}");
            assert!(said.contains(&named), "not {named}: {said}");
        }
    }
}

#[test]
fn a_second_term_kills_at_once() {
    let mut hearken = hearken(STUBBORN);
    hearken.wait_for_many(&event("child_output").is("message", "up"), 5);
    hearken.signal(Signal::SIGTERM);
    hearken.wait_for_many(&event("stopping"), 5);
    let again = Instant::now();
    hearken.signal(Signal::SIGTERM);
    hearken.end_within(PATIENCE);
    assert!(again.elapsed() < Duration::from_secs(3), "{:?}", again.elapsed());
    assert_eq!(hearken.all(&event("exited").is("exit_signal", "SIGKILL")).len(), 5);
    hearken.wait(&event("signal_received").has("meaning", "killed now"));
    hearken.tree_is_gone_within(Duration::from_secs(1));
}

#[test]
fn ctrl_c_shuts_down_in_order() {
    let mut hearken = hearken("[service.web]\ncommand = [\"{fixture}\", \"run\"]\n");
    hearken.wait(&event("started"));
    hearken.signal(Signal::SIGINT);
    assert_eq!(hearken.exit_code(), 0);
    hearken.wait(&event("signal_received").is("signal", "SIGINT"));
    hearken.wait(&event("stopped").unit("web"));
}

#[test]
fn a_hang_up_is_named_and_ignored_where_there_is_no_terminal() {
    let mut hearken = hearken("[service.web]\ncommand = [\"{fixture}\", \"run\"]\n");
    let web = hearken.wait(&event("started"));
    hearken.signal(Signal::SIGHUP);
    let said = hearken.wait(&event("signal_received").is("signal", "SIGHUP"));
    assert!(said.text("meaning").contains("ignored"), "{said}");
    assert!(Process::lives(web.pid()));
    hearken.shut_down_well();
}

#[test]
fn a_term_before_the_first_child_runs_is_heard() {
    for _ in 0..5 {
        let mut hearken =
            hearken("[service.web]\ncommand = [\"{fixture}\", \"run\"]\ninstances = 20\n");
        hearken.wait(&event("supervisor_started"));
        hearken.shut_down_well();
    }
}

#[test]
fn up_stays_when_told_to_though_nothing_is_left_to_run() {
    let mut hearken = Setup::new("[service.job]\ncommand = [\"true\"]\n")
        .supervisor("when_idle = \"stay\"")
        .start();
    let idle = hearken.wait(&event("idle"));
    assert!(idle.text("message").contains("staying"), "{idle}");
    hearken.shut_down_well();
}

/// Row 90.
#[test]
fn a_panic_in_any_thread_ends_the_whole_process() {
    let panicked = Command::new(fixture()).arg("panic").output().unwrap();
    assert_eq!(panicked.status.signal(), Some(libc_sigabrt()), "{panicked:?}");
    let said = String::from_utf8_lossy(&panicked.stderr);
    assert!(said.contains("a bug, on purpose") && said.contains("hearken has a bug"), "{said}");
}

fn libc_sigabrt() -> i32 {
    Signal::SIGABRT as i32
}

/// Row 81.
#[test]
fn a_state_directory_that_cannot_be_used_is_named() {
    let setup = Setup::new("[service.web]\ncommand = [\"true\"]\n");
    setup.file("state", b"no directory", 0o644);
    let config = setup.write();
    let refused = setup.command(&["up", "--config", config.to_str().unwrap()]).output().unwrap();
    let said = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(said.contains("/state") && said.contains("state_directory"), "{said}");
}

/// Nobody reads what it says any more: it works on, and ends when told to.
#[test]
fn a_supervisor_whose_log_is_gone_works_on() {
    let setup =
        Setup::new("[service.web]\ncommand = [\"{fixture}\", \"print-lines\", \"50\", \"1\"]\n");
    let config = setup.write();
    let mut child = setup
        .command(&["up", "--config", config.to_str().unwrap()])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stderr.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
