//! `--joblog`, `--resume`, `--resume-failed`: what was done is not done again, whatever was killed
//! and however the list has changed.

use super::shell::{Ran, Shell};
use crate::harness::{Gate, PATIENCE, until};
use nix::sys::signal::Signal;
use std::collections::BTreeMap;

/// Notes in the file `ran` that it runs.
const NOTES: &str = "echo $1 >> ran";
/// And fails by odd numbers, until there is a file `mended`.
const ODD: &str = "echo $1 >> ran; [ -e mended ] || [ $(($1 % 2)) = 0 ]";

/// Runs a script over these inputs, with a job log.
#[track_caller]
fn run(shell: &Shell, script: &str, options: &[&str], inputs: &[&str]) -> Ran {
    let command = ["--", "sh", "-c", script, "sh", ":::"];
    shell.run(&[&["--exec", "--joblog", "log"], options, &command, inputs].concat())
}

/// How often each input has run, since this was last asked.
fn times_run(shell: &Shell) -> BTreeMap<String, usize> {
    let mut times = BTreeMap::new();
    for line in shell.read("ran").lines() {
        *times.entry(line.to_owned()).or_default() += 1;
    }
    let _there_was_none = std::fs::remove_file(shell.path("ran"));
    times
}

fn times(expected: &[(&str, usize)]) -> BTreeMap<String, usize> {
    expected.iter().map(|(input, times)| ((*input).to_owned(), *times)).collect()
}

/// The numbers of the inputs in the log.
fn logged(shell: &Shell) -> Vec<u64> {
    let log = shell.read("log");
    let number = |line: &str| line.split('\t').next().unwrap().parse().unwrap();
    // Behind the last line break is nothing, or a line that was being written.
    log.split_inclusive('\n').skip(2).filter(|it| it.ends_with('\n')).map(number).collect()
}

fn indexes(ran: &Ran) -> Vec<u64> {
    let number = |it: &serde_json::Value| it.as_u64().unwrap();
    ran.of_each(0, "index").iter().map(number).collect()
}

#[test]
fn a_log_says_of_each_input_how_it_ended() {
    let shell = Shell::new();
    assert_eq!(run(&shell, ODD, &["-j1"], &["1", "2"]).code(), 1);
    let log = shell.read("log");
    let lines: Vec<Vec<&str>> = log.lines().map(|line| line.split('\t').collect()).collect();
    let column = |name| lines[1].iter().position(|it| *it == name).unwrap();
    let of_each = |name| lines[2..].iter().map(|line| line[column(name)]).collect::<Vec<_>>();
    assert_eq!(of_each("Seq"), ["1", "2"]);
    assert_eq!(of_each("Status"), ["failed", "ok"]);
    assert_eq!(of_each("Code"), ["exit.1", "-"]);
    assert_eq!(of_each("Attempts"), ["1", "1"]);
}

#[test]
fn a_run_that_was_killed_is_resumed_with_just_what_was_not_done() {
    const INPUTS: u64 = 300;
    let shell = Shell::new();
    let gate = Gate::new(shell.folder());
    let script = "read -r _ < gate; echo $1 >> ran";
    let inputs: Vec<String> = (1..=INPUTS).map(|number| format!("file {number}")).collect();
    let command = ["--", "sh", "-c", script, "sh", ":::"];
    let arguments = |options: &[&'static str]| {
        let words = [&["--exec", "-j4", "--joblog", "log"], options, &command].concat();
        words.into_iter().chain(inputs.iter().map(String::as_str)).map(str::to_owned).collect()
    };
    let words: Vec<String> = arguments(&[]);
    let running = shell.start(&words.iter().map(String::as_str).collect::<Vec<_>>());
    gate.open_lines(100);
    until("a hundred are logged", PATIENCE, || (logged(&shell).len() == 100).then_some(()));
    running.signal(Signal::SIGKILL);
    let killed = running.end();
    let written = killed.text().lines().count();
    assert!(written >= 100, "results come before the log, {written}");
    let done = logged(&shell);

    gate.open_lines(usize::try_from(INPUTS).unwrap());
    let words: Vec<String> = arguments(&["--resume"]);
    let resumed = shell.run(&words.iter().map(String::as_str).collect::<Vec<_>>());
    resumed.says(0, &["the job log names 100 inputs that ended, 100 of them well"]);
    let mut all = [done.clone(), indexes(&resumed)].concat();
    all.sort_unstable();
    assert_eq!(all, (1..=INPUTS).collect::<Vec<_>>(), "none is skipped and none done twice");
    let ran = times_run(&shell);
    for index in done {
        assert_eq!(ran[&format!("file {index}")], 1, "{index} was logged");
    }
    let again = shell.run(&words.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!((again.code(), again.text().as_str()), (0, ""), "there is nothing left to do");
}

#[test]
fn inputs_are_known_by_what_they_are_and_not_by_where_they_stand() {
    let shell = Shell::new();
    assert_eq!(run(&shell, NOTES, &[], &["1", "2", "3", "3"]).code(), 0);
    assert_eq!(times_run(&shell), times(&[("1", 1), ("2", 1), ("3", 2)]));
    // Sorted anew, one gone, one of a pair gone, one new, one more than there were.
    assert_eq!(run(&shell, NOTES, &["--resume"], &["4", "3", "1", "1"]).code(), 0);
    assert_eq!(times_run(&shell), times(&[("4", 1), ("1", 1)]));
    assert_eq!(run(&shell, NOTES, &["--resume"], &["1", "3", "1", "2", "3", "4"]).code(), 0);
    assert_eq!(times_run(&shell), times(&[]));
}

#[test]
fn another_command_has_done_nothing_yet() {
    let shell = Shell::new();
    assert_eq!(run(&shell, NOTES, &[], &["1", "2"]).code(), 0);
    let other = format!("{NOTES} # with a remark");
    assert_eq!(run(&shell, &other, &["--resume"], &["1", "2"]).code(), 0);
    assert_eq!(times_run(&shell), times(&[("1", 2), ("2", 2)]));
}

#[test]
fn what_failed_is_run_again_only_if_that_is_asked_for() {
    let shell = Shell::new();
    let inputs = ["1", "2", "3", "4"];
    assert_eq!(run(&shell, ODD, &[], &inputs).code(), 1);
    assert_eq!(times_run(&shell).len(), 4);
    assert_eq!(run(&shell, ODD, &["--resume"], &inputs).code(), 0);
    assert_eq!(times_run(&shell), times(&[]));
    assert_eq!(run(&shell, ODD, &["--resume-failed"], &inputs).code(), 1);
    assert_eq!(times_run(&shell), times(&[("1", 1), ("3", 1)]));
    std::fs::write(shell.path("mended"), "").unwrap();
    assert_eq!(run(&shell, ODD, &["--resume-failed"], &inputs).code(), 0);
    assert_eq!(times_run(&shell), times(&[("1", 1), ("3", 1)]));
    assert_eq!(run(&shell, ODD, &["--resume-failed"], &inputs).code(), 0);
    assert_eq!(times_run(&shell), times(&[]));
}

#[test]
fn a_last_line_that_was_not_written_to_its_end_is_run_again() {
    let shell = Shell::new();
    assert_eq!(run(&shell, NOTES, &["-j1"], &["1", "2", "3"]).code(), 0);
    times_run(&shell);
    let log = shell.read("log");
    std::fs::write(shell.path("log"), &log[..log.len() - 10]).unwrap();
    let resumed = run(&shell, NOTES, &["--resume"], &["1", "2", "3"]);
    resumed.says(0, &["last line of the job log (5) was not written to its end"]);
    assert_eq!(times_run(&shell), times(&[("3", 1)]));
    assert_eq!(run(&shell, NOTES, &["--resume"], &["1", "2", "3"]).said.lines().count(), 1);
    assert_eq!(times_run(&shell), times(&[]));
}

#[test]
fn two_runs_do_not_share_a_log() {
    let shell = Shell::new();
    let gate = Gate::new(shell.folder());
    let script = "echo $1 >> ran; read -r _ < gate";
    let command = ["--", "sh", "-c", script, "sh", ":::", "1"];
    let first = shell.start(&[&["--exec", "--joblog", "log"], &command[..]].concat());
    until("it runs", PATIENCE, || (shell.read("ran") == "1\n").then_some(()));
    let log = shell.path("log");
    let options = ["--exec", "--joblog", log.to_str().unwrap(), "--resume"];
    let second = Shell::new().run(&[&options[..], &["--", "touch", ":::", "2"]].concat());
    second.says(74, &["/log is in use by another run", "wait for its end"]);
    gate.open_lines(1);
    assert_eq!(first.end().code(), 0);
    assert_eq!(times_run(&shell), times(&[("1", 1)]));
}

#[test]
fn a_log_of_an_earlier_run_and_a_file_that_is_no_log_are_left_alone() {
    let shell = Shell::new();
    assert_eq!(run(&shell, NOTES, &[], &["1"]).code(), 0);
    let log = shell.read("log");
    run(&shell, NOTES, &[], &["2"]).says(74, &["holds an earlier run", "--resume"]);
    assert_eq!(shell.read("log"), log);
    std::fs::write(shell.path("log"), "dear diary\n").unwrap();
    run(&shell, NOTES, &["--resume"], &["2"]).says(74, &["dear diary", "no job log"]);
    assert_eq!(shell.read("log"), "dear diary\n");
    assert_eq!(times_run(&shell), times(&[("1", 1)]));
}
