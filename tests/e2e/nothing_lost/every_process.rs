//! SIGKILL to each process that has to do with a task, and to all of them.

use super::check::check;
use super::submitter::{Acknowledged, Book};
use super::{killed, setup};
use crate::harness::{Gate, Setup, event};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Output, Stdio};

const ID: &str = "0192f0c1-7a3b-4c4d-8e5f-0123456789ab";

/// Somebody at a shell who submits a task, and waits for its end.
fn submitter(setup: &Setup) -> Child {
    let config = setup.write();
    let words = ["task", "add", "work", "--json", "null", "--type", "wait", "--id", ID, "--wait"];
    let mut command =
        setup.command(&[&words[..], &["--config", config.to_str().unwrap()]].concat());
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Who is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Victim {
    Supervisor,
    ForkServer,
    Workers,
    Submitter,
    All,
}

/// Submits a task, kills while it is worked on, and looks for its end.
#[track_caller]
fn a_task_survives_without(victim: Victim) {
    let setup = setup("");
    let gate = Gate::new(&setup.folder().join("effects"));
    let mut hearken = setup.clone().start();
    hearken.wait_for_many(&event("ready").unit("work"), 3);
    let submitter = submitter(&setup);
    let waits = event("child_log").is("message", "it waits");
    hearken.wait(&waits);
    let hit = killed(&hearken, |it| match victim {
        Victim::Supervisor => it.pid == hearken.pid(),
        Victim::ForkServer => it.name == "hearken-fork",
        Victim::Workers => it.name == "effects",
        Victim::Submitter => it.pid.cast_unsigned() == submitter.id(),
        Victim::All => true,
    });
    let (there, begun) = match victim {
        Victim::Supervisor | Victim::ForkServer | Victim::Submitter => (1, 1),
        Victim::Workers => (3, 2),
        Victim::All => (6, 1),
    };
    assert_eq!(hit, there, "{victim:?}");
    if matches!(victim, Victim::Supervisor | Victim::All) {
        hearken = hearken.again();
    }
    // Not before: a worker that is dying could be the one that is let through.
    hearken.wait_for_many(&waits, begun);
    gate.open(1);
    let task = Acknowledged { id: ID.to_owned(), kind: "wait", seen: None };
    check(&hearken, &Book { tasks: vec![task], ..Book::default() });
    heard(victim, &submitter.wait_with_output().unwrap());
    hearken.shut_down_well();
}

/// What the submitter has heard of it.
#[track_caller]
fn heard(victim: Victim, heard: &Output) {
    let said = String::from_utf8_lossy(&heard.stderr);
    match victim {
        Victim::ForkServer | Victim::Workers => {
            assert!(heard.status.success(), "{said}");
            let attempt = str::from_utf8(&heard.stdout).unwrap().trim().parse::<u64>();
            assert!(attempt.is_ok_and(|attempt| attempt > 0), "the result: {heard:?}");
        }
        Victim::Supervisor => {
            assert_eq!(heard.status.code(), Some(1), "{said}");
            assert!(said.contains("hung up before it answered"), "{said}");
            assert!(said.contains("can be added again, and is kept once"), "{said}");
        }
        Victim::Submitter => assert_eq!(heard.status.signal(), Some(9), "{said}"),
        // Killed, or a moment before that left alone by the supervisor.
        Victim::All => assert!(!heard.status.success(), "{said}"),
    }
}

#[test]
fn a_submitted_task_survives_kill_9_of_the_supervisor() {
    a_task_survives_without(Victim::Supervisor);
}

#[test]
fn a_submitted_task_survives_kill_9_of_the_fork_server() {
    a_task_survives_without(Victim::ForkServer);
}

#[test]
fn a_submitted_task_survives_kill_9_of_its_worker() {
    a_task_survives_without(Victim::Workers);
}

#[test]
fn a_submitted_task_survives_kill_9_of_its_submitter() {
    a_task_survives_without(Victim::Submitter);
}

#[test]
fn a_submitted_task_survives_kill_9_of_every_process_involved() {
    a_task_survives_without(Victim::All);
}
