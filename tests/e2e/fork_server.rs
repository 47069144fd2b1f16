//! The fork server may die at any time: what runs goes on, and what is wanted gets started.

use crate::harness::{
    Hearken, PATIENCE, Process, Setup, event, hearken, is_root, processes, skip, until,
};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::process::{Command, Stdio};
use std::time::Duration;

fn end(pid: i32, signal: Signal) {
    kill(Pid::from_raw(pid), signal).unwrap();
}

/// Every instance of `unit` has exactly one process, and hearken has no other child.
#[track_caller]
fn no_ghosts(hearken: &Hearken, unit: &str, instances: usize) {
    let what = format!("{instances} children and the fork server");
    until(&what, PATIENCE, || {
        let children: Vec<_> =
            processes().into_iter().filter(|it| it.parent == hearken.pid()).collect();
        let mut slots: Vec<String> = children.iter().filter_map(|it| slot(it.pid, unit)).collect();
        slots.sort();
        slots.dedup();
        (slots.len() == instances && children.len() == instances + 1).then_some(())
    });
}

/// The instance a process was started as, if it is one of `unit`.
fn slot(pid: i32, unit: &str) -> Option<String> {
    let environment = std::fs::read_to_string(format!("/proc/{pid}/environ")).ok()?;
    let of = |name: &str| environment.split('\0').find_map(|it| it.strip_prefix(name));
    (of("HEARKEN_UNIT=")? == unit).then(|| of("HEARKEN_INSTANCE=").map(str::to_owned))?
}

/// Row 32.
#[test]
fn a_fork_server_killed_while_idle_is_replaced_and_nobody_notices() {
    let mut hearken = hearken(
        "[service.web]\ncommand = [\"{fixture}\", \"run\"]\ninstances = 3\nrestart = { delay = \"0s\" }\n",
    );
    let web = hearken.wait_for_many(&event("started").unit("web"), 3);
    let old = hearken.fork_server();
    end(old, Signal::SIGKILL);
    let lost = hearken.wait(&event("fork_server_lost"));
    assert_eq!((lost.pid(), lost.number("spawns"), lost.number("ghosts")), (old, 0, 0));
    let new = hearken.wait_after(&lost, &event("fork_server_replaced")).pid();
    assert_ne!(old, new);
    assert!(web.iter().all(|started| Process::lives(started.pid())), "{}", hearken.dump());
    end(web[0].pid(), Signal::SIGKILL);
    hearken.wait(&event("started").unit("web").incarnation(2));
    assert_eq!(hearken.all(&event("exited")).len(), 1, "{}", hearken.dump());
    hearken.shut_down_well();
}

/// Row 32.
#[test]
fn a_fork_server_killed_amid_starts_costs_no_start_and_makes_no_ghost() {
    for round in 0..3 {
        let mut hearken = Setup::new(
            "[service.web]\ncommand = [\"{fixture}\", \"run\"]\ninstances = 60\nrestart = { delay = \"0s\" }\n",
        )
        .supervisor("starts = { burst = 10000, per_second = 10000 }")
        .start();
        // A different number of starts are over each time.
        hearken.wait_for_many(&event("started").unit("web"), 1 + 11 * round);
        end(hearken.fork_server(), Signal::SIGKILL);
        hearken.wait(&event("fork_server_replaced"));
        no_ghosts(&hearken, "web", 60);
        hearken.shut_down_well();
    }
}

/// Row 33.
#[test]
fn a_fork_server_that_hangs_is_killed_and_replaced() {
    let mut hearken = hearken(
        "[service.web]\ncommand = [\"{fixture}\", \"run\"]\nrestart = { delay = \"0s\" }\n",
    );
    let web = hearken.wait(&event("started").unit("web"));
    end(hearken.fork_server(), Signal::SIGSTOP);
    end(web.pid(), Signal::SIGKILL);
    let lost = hearken.wait(&event("fork_server_lost"));
    assert!(lost.text("reason").contains("did not answer"), "{lost}");
    hearken.wait_after(&lost, &event("fork_server_replaced"));
    hearken.wait_after(&lost, &event("started").unit("web").incarnation(3));
    no_ghosts(&hearken, "web", 1);
    hearken.shut_down_well();
}

/// Row 34: it has cloned, the child runs, and nobody will ever be told.
#[test]
fn a_child_that_the_fork_server_never_told_of_does_not_become_a_ghost() {
    if !is_root() || Command::new("strace").arg("-V").output().is_err() {
        return skip("holding up a system call needs root and strace");
    }
    let mut hearken = hearken(
        "[service.web]\ncommand = [\"{fixture}\", \"run\"]\nrestart = { delay = \"0s\" }\n",
    );
    let web = hearken.wait(&event("started").unit("web"));
    let server = hearken.fork_server();
    let mut strace = Command::new("strace")
        .args(["-qq", "-e", "trace=sendmsg", "-e", "inject=sendmsg:delay_enter=20s", "-p"])
        .arg(server.to_string())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let traced = || (Process::status(server, "TracerPid") > 0).then_some(());
    until("strace holds the fork server", PATIENCE, traced);
    end(web.pid(), Signal::SIGKILL);
    let ghost = until("the child nobody was told of", PATIENCE, || {
        let tree = hearken.tree();
        tree.into_iter().find(|it| it.pid != web.pid() && slot(it.pid, "web").is_some())
    });
    end(server, Signal::SIGKILL);
    let lost = hearken.wait(&event("fork_server_lost"));
    strace.wait().unwrap();
    assert_eq!((lost.number("spawns"), lost.number("ghosts")), (1, 1), "{lost}");
    hearken.wait_after(&lost, &event("started").unit("web"));
    no_ghosts(&hearken, "web", 1);
    assert!(!Process::lives(ghost.pid), "{}", hearken.dump());
    hearken.shut_down_well();
}

#[test]
fn a_fork_server_that_dies_again_and_again_is_given_a_rest_and_services_go_on() {
    let mut hearken = hearken("[service.web]\ncommand = [\"{fixture}\", \"run\"]\n");
    let web = hearken.wait(&event("started").unit("web"));
    let mut replaced = hearken.wait(&event("supervisor_started"));
    for _ in 0..5 {
        end(hearken.fork_server(), Signal::SIGKILL);
        replaced = hearken.wait_after(&replaced, &event("fork_server_replaced"));
    }
    end(hearken.fork_server(), Signal::SIGKILL);
    let none = hearken.wait_after(&replaced, &event("fork_server_unavailable"));
    assert!(none.text("error").contains("lost 5 times"), "{none}");
    assert!(none.number("retry_ms") > 30_000, "{none}");
    assert!(Process::lives(web.pid()));
    hearken.shut_down_well();
    assert!(hearken.all(&event("killing")).is_empty(), "{}", hearken.dump());
}

/// The fork server gets the children that live handed over: it is their janitor, too.
#[test]
fn a_replaced_fork_server_clears_away_when_the_supervisor_is_killed() {
    let mut hearken = hearken(
        "[service.web]\ncommand = [\"{fixture}\", \"ignore-term\", \"fork-grandchild\", \"run\"]\n",
    );
    hearken.wait(&event("child_output").has("message", "grandchild "));
    end(hearken.fork_server(), Signal::SIGKILL);
    let new = hearken.wait(&event("fork_server_replaced")).pid();
    until("the children are handed over", PATIENCE, || (adopted(new) == 1).then_some(()));
    hearken.signal(Signal::SIGKILL);
    hearken.end_within(PATIENCE);
    hearken.tree_is_gone_within(Duration::from_secs(2));
}

/// As above, without a breath between the replacement and the kill.
#[test]
fn a_fork_server_replaced_a_moment_ago_is_a_janitor_already() {
    let mut hearken = hearken(
        "[service.web]\ncommand = [\"{fixture}\", \"ignore-term\", \"fork-grandchild\", \"run\"]\n",
    );
    hearken.wait(&event("child_output").has("message", "grandchild "));
    end(hearken.fork_server(), Signal::SIGKILL);
    hearken.wait(&event("fork_server_replaced"));
    hearken.signal(Signal::SIGKILL);
    hearken.end_within(PATIENCE);
    hearken.tree_is_gone_within(Duration::from_secs(2));
}

/// More children than a socket buffer holds messages.
#[test]
fn a_replaced_fork_server_is_told_of_every_child() {
    let hearken =
        Setup::new("[service.web]\ncommand = [\"sleep\", \"infinity\"]\ninstances = 600\n")
            .supervisor("starts = { burst = 10000, per_second = 10000 }")
            .start();
    hearken.wait_for_many(&event("started").unit("web"), 600);
    end(hearken.fork_server(), Signal::SIGKILL);
    let new = hearken.wait(&event("fork_server_replaced")).pid();
    until("all 600 are handed over", PATIENCE, || (adopted(new) == 600).then_some(()));
}

/// How many processes a fork server holds by pidfd, once it has come to be one: before its exec it
/// holds all that the supervisor does.
fn adopted(pid: i32) -> usize {
    if Process::look(pid).is_none_or(|process| process.name != "hearken-fork") {
        return 0;
    }
    let Ok(descriptors) = std::fs::read_dir(format!("/proc/{pid}/fd")) else { return 0 };
    let links = descriptors.filter_map(|one| std::fs::read_link(one.ok()?.path()).ok());
    links.filter(|link| link.to_string_lossy().contains("[pidfd]")).count()
}
