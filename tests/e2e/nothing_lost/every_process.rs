//! SIGKILL to each process that has to do with a task, and to all of them.

use super::check::check;
use super::submitter::{Acknowledged, Book};
use super::{killed, setup};
use crate::harness::{Gate, Process, Setup, event};
use std::process::{Child, Stdio};

const ID: &str = "0192f0c1-7a3b-4c4d-8e5f-0123456789ab";

/// Somebody at a shell who submits a task, and waits for its end.
fn submitter(setup: &Setup) -> Child {
    let config = setup.write();
    let words = ["task", "add", "work", "--json", "null", "--type", "wait", "--id", ID, "--wait"];
    let mut command =
        setup.command(&[&words[..], &["--config", config.to_str().unwrap()]].concat());
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// What becomes of the supervisor and the submitter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Lives,
    Dies,
}

/// Submits a task, kills while it is worked on, and looks for its end. `begun`: how often its last
/// supervisor begins with it.
#[track_caller]
fn a_task_survives(
    (supervisor, submitter): (Fate, Fate),
    begun: usize,
    who: impl Fn(&Process) -> bool,
) {
    let setup = setup("");
    let gate = Gate::new(&setup.folder().join("effects"));
    let mut hearken = setup.clone().start();
    hearken.wait(&event("ready").unit("work"));
    let mut shell = self::submitter(&setup);
    let waits = event("child_log").is("message", "it waits");
    hearken.wait(&waits);
    if submitter == Fate::Dies {
        shell.kill().unwrap();
    }
    killed(&hearken, |it| it.pid.cast_unsigned() != shell.id() && who(it));
    if supervisor == Fate::Dies {
        hearken = hearken.again();
    }
    // Not before: a worker that is dying could be the one that is let through.
    hearken.wait_for_many(&waits, begun);
    gate.open(1);
    let task = Acknowledged { id: ID.to_owned(), kind: "wait", seen: None };
    check(&hearken, &Book { tasks: vec![task], ..Book::default() });
    let heard = shell.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&heard.stderr);
    match (supervisor, submitter) {
        (Fate::Lives, Fate::Lives) => {
            assert!(heard.status.success(), "{said}");
            let attempt = str::from_utf8(&heard.stdout).unwrap().trim().parse::<u64>();
            assert!(attempt.is_ok_and(|attempt| attempt > 0), "the result: {heard:?}");
        }
        (Fate::Dies, Fate::Lives) => {
            assert_eq!(heard.status.code(), Some(1), "{said}");
            assert!(said.contains("hung up before it answered"), "{said}");
            assert!(said.contains("can be added again, and is kept once"), "{said}");
        }
        (_, Fate::Dies) => assert_eq!(heard.status.code(), None, "{said}"),
    }
    hearken.shut_down_well();
}

#[test]
fn a_submitted_task_survives_kill_9_of_the_supervisor() {
    a_task_survives((Fate::Dies, Fate::Lives), 1, |it| it.name.starts_with("hearken_under"));
}

#[test]
fn a_submitted_task_survives_kill_9_of_the_fork_server() {
    a_task_survives((Fate::Lives, Fate::Lives), 1, |it| it.name == "hearken-fork");
}

#[test]
fn a_submitted_task_survives_kill_9_of_its_worker() {
    a_task_survives((Fate::Lives, Fate::Lives), 2, |it| it.name == "effects");
}

#[test]
fn a_submitted_task_survives_kill_9_of_its_submitter() {
    a_task_survives((Fate::Lives, Fate::Dies), 1, |_none| false);
}

#[test]
fn a_submitted_task_survives_kill_9_of_every_process_involved() {
    a_task_survives((Fate::Dies, Fate::Dies), 1, |_any| true);
}
