//! How a run ends when somebody asks it to, or nobody reads what it writes.

use super::shell::{Running, Shell};
use crate::harness::{Gate, PATIENCE, until};
use nix::sys::signal::Signal::{self, SIGINT};
use std::fs::OpenOptions;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::Stdio;

/// A run of five inputs, two of which are begun and wait at a gate.
struct Begun {
    shell: Shell,
    gate: Gate,
    running: Running,
}

/// What an input does behind the line that says it is begun.
fn begun(then: &str) -> Begun {
    let shell = Shell::new();
    let gate = Gate::new(shell.folder());
    let script = format!("trap 'echo told >> told' TERM; echo $1 >> ran; {then}");
    let options = ["--exec", "-j2", "--joblog", "log", "--", "sh", "-c", &script, "sh", ":::"];
    let running = shell.start(&[&options[..], &["1", "2", "3", "4", "5"]].concat());
    until("two run", PATIENCE, || (shell.read("ran").lines().count() == 2).then_some(()));
    Begun { shell, gate, running }
}

/// It ends when it is let through, or asked to end.
const WAITS: &str = "read -r _ < gate; exit 0";
/// It ends for nobody.
const STUBBORN: &str = "while :; do sleep 0.1; done";

#[test]
fn the_first_signal_finishes_what_runs_and_begins_nothing() {
    for signal in [SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        let Begun { shell, gate, running } = begun(WAITS);
        running.signal(signal);
        running.says("2 running inputs are finished, no others are begun");
        gate.open_lines(2);
        let ran = running.end();
        assert_eq!(ran.of_each(130, "status"), ["ok", "ok", "cancelled", "cancelled", "cancelled"]);
        ran.says(130, &["interrupted; 3 of 5 inputs were not done"]);
        assert_eq!(shell.read("ran").lines().count(), 2);
        assert_eq!(shell.read("log").lines().count(), 2 + 2, "the others are for the next run");
    }
}

#[test]
fn the_second_signal_takes_back_what_runs() {
    let Begun { shell, gate: _gate, running } = begun(WAITS);
    running.signal(SIGINT);
    running.says("once more takes them back");
    running.signal(SIGINT);
    let ran = running.end();
    assert_eq!(ran.of_each(130, "status"), ["cancelled"; 5]);
    ran.says(130, &["interrupted; 5 of 5 inputs were not done"]);
    assert_eq!(shell.read("log").lines().count(), 2);
}

#[test]
fn the_third_signal_kills_what_will_not_go() {
    let Begun { shell, gate: _gate, running } = begun(STUBBORN);
    running.signal(SIGINT);
    running.says("once more takes them back");
    running.signal(SIGINT);
    until("both are asked to end", PATIENCE, || {
        (shell.read("told").lines().count() == 2).then_some(())
    });
    running.signal(SIGINT);
    let ran = running.end();
    assert_eq!(ran.of_each(130, "status"), ["cancelled"; 5]);
    ran.says(130, &["killed, for it did not stop within"]);
    let waited = ["within 2 s", "within 2."].iter().any(|grace| ran.said.contains(grace));
    assert!(!waited, "nobody waits for the two seconds of grace: {}", ran.said);
    assert_eq!(shell.read("log").lines().count(), 2);
}

#[test]
fn a_reader_who_has_enough_ends_the_run_without_a_word() {
    let shell = Shell::new();
    let yes = std::process::Command::new("yes").stdout(Stdio::piped()).spawn();
    let mut yes = yes.unwrap();
    let mut command = shell.command(&["--exec", "--format", "raw", "--", "echo"]);
    command.stdin(yes.stdout.take().unwrap());
    let mut child = command.spawn().unwrap();
    // It holds the pipe, too.
    drop(command);
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "y\n");
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!((child.wait().unwrap().code(), said.as_str()), (Some(141), ""));
    yes.wait().unwrap();
}

#[test]
fn results_that_cannot_be_written_end_the_run() {
    let shell = Shell::new();
    let mut command = shell.command(&["--exec", "--joblog", "log", "--", "echo", ":::", "1", "2"]);
    command.stdout(OpenOptions::new().write(true).open("/dev/full").unwrap());
    shell.start_command(command).end().says(74, &["standard output cannot be written", "No space"]);
    assert_eq!(shell.read("log").lines().count(), 2, "what has no result is not done");
}
