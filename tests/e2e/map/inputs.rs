//! Inputs of every sort: none, hostile ones, very many, without an end.

use super::shell::{Ran, Shell};
use crate::harness::Process;
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

/// A worker of an SDK that gives back what it is given.
const ECHO: [&str; 4] = ["--type", "echo", "--", env!("CARGO_BIN_EXE_sdk_worker")];

#[track_caller]
fn echoed(input: &[u8], options: &[&str]) -> Ran {
    Shell::new().fed(input, &[options, &ECHO].concat())
}

#[test]
fn no_input_is_no_work_and_a_success() {
    let shell = Shell::new();
    for options in [&["--exec"][..], &["--exec", "-0"], &["--exec", "--format", "raw"]] {
        let ran = shell.fed(b"", &[options, &["--", "sh", "-c", "echo run >> ran"]].concat());
        assert_eq!(
            (ran.code(), ran.text().as_str(), ran.said.as_str()),
            (0, "", ""),
            "{options:?}"
        );
    }
    assert_eq!(shell.read("ran"), "");
    // Workers are started ahead; what is wrong with them is nobody's trouble.
    assert_eq!(shell.fed(b"", &["--", "true"]).code(), 0);
    assert_eq!(echoed(b"", &[]).code(), 0);
}

#[test]
fn the_last_line_needs_no_end_and_an_empty_line_is_an_input() {
    assert_eq!(echoed(b"a\n\nb", &[]).of_each(0, "result"), ["a", "", "b"]);
    assert_eq!(echoed(b"a\n\nb\n", &[]).of_each(0, "result"), ["a", "", "b"]);
}

#[test]
fn lines_of_json_are_values_and_a_broken_one_fails_alone() {
    let ran = echoed(b"{\"a\": [1, 2.5, null]}\n{broken\n\n\"text\"\n", &[]);
    let results = [json!({"a": [1, 2.5, null]}), Value::Null, json!("text")];
    assert_eq!(ran.of_each(1, "result"), results);
    assert_eq!(ran.of_each(1, "error.code"), [json!(null), json!("input.not_json"), json!(null)]);
    assert_eq!(ran.of_each(1, "attempts"), [1, 0, 1]);
    let array = echoed(b" [1,\n \"two\", {\"three\": 3}]\n", &["--input", "json"]);
    assert_eq!(array.of_each(0, "result"), [json!(1), json!("two"), json!({"three": 3})]);
    let torn = echoed(b"[1, 2", &["--input", "json"]);
    torn.says(74, &["the inputs are not JSON from byte 5 on"]);
}

#[test]
fn bytes_that_are_no_text_reach_a_worker_and_a_program_as_they_are() {
    let lines = b"\xff\xfe\ngr\xc3\xbc\xc3\x9fe\na\0b\n";
    let ran = echoed(lines, &["--input", "lines"]);
    assert_eq!(ran.of_each(0, "result_base64"), [json!("//4="), json!(null), json!(null)]);
    assert_eq!(ran.of_each(0, "result")[1..], ["grüße", "a\0b"]);
    let programs =
        Shell::new().fed(lines, &["--exec", "-k", "--format", "raw", "--", "printf", "<%s>"]);
    assert_eq!(programs.code(), 1, "no argument holds a NUL");
    assert_eq!(programs.out, b"<\xff\xfe><gr\xc3\xbc\xc3\x9fe>");
    let stdin =
        Shell::new().fed(lines, &["--exec", "--stdin", "-k", "--format", "raw", "--", "cat"]);
    assert_eq!(
        (stdin.code(), stdin.out),
        (0, lines.iter().copied().filter(|it| *it != b'\n').collect())
    );
}

#[test]
fn a_line_of_a_megabyte_is_an_input_like_others() {
    let long = "x".repeat(1 << 20);
    let input = format!("before\n{long}\nafter\n");
    let expected = [json!("before"), json!(long), json!("after")];
    assert!(echoed(input.as_bytes(), &[]).of_each(0, "result") == expected);
    // A worker that holds two at once is given the next while it has not read the first.
    let many = format!("{long}\n").repeat(8);
    assert!(echoed(many.as_bytes(), &["-j1"]).of_each(0, "result") == vec![json!(long); 8]);
    let counted = Shell::new().fed(input.as_bytes(), &["--exec", "--stdin", "--", "wc", "-c"]);
    assert_eq!(counted.of_each(0, "result"), ["6", "1048576", "5"]);
    // The kernel takes 128 KiB in one argument.
    let argument = Shell::new().fed(input.as_bytes(), &["--exec", "--", "printf", "%.9s"]);
    assert_eq!(argument.of_each(1, "status"), ["ok", "failed", "ok"]);
}

#[test]
fn a_line_no_frame_has_room_for_fails_and_costs_nobody_else() {
    let mut input = b"before\n".to_vec();
    input.resize(20 << 20, b'x');
    input.extend_from_slice(b"\nafter\n");
    let ran = echoed(&input, &[]);
    assert_eq!(ran.of_each(1, "status"), ["ok", "failed", "ok"]);
    assert_eq!(ran.of_each(1, "error.code")[1], "input.too_long");
}

#[test]
fn ten_thousand_inputs_come_back_in_their_order() {
    let input: String = (1..=10_000).map(|number| format!("{number}\n")).collect();
    let ran = echoed(input.as_bytes(), &["-k", "--format", "raw"]);
    assert_eq!(ran.code(), 0, "{}", ran.said);
    assert!(ran.text() == input);
}

#[test]
fn an_input_without_end_costs_no_memory_and_ends_with_its_reader() {
    const FIRST: usize = 3_000;
    const THEN: usize = 12_000;
    let shell = Shell::new();
    let mut yes =
        Command::new("yes").arg("a line of some length").stdout(Stdio::piped()).spawn().unwrap();
    let mut command = shell.command(&[&["--format", "raw"], &ECHO[..]].concat());
    command.stdin(yes.stdout.take().unwrap());
    let mut child = command.spawn().unwrap();
    // It holds the pipe, too.
    drop(command);
    let pid = i32::try_from(child.id()).unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut most_after = |lines_read: usize| {
        for line in lines.by_ref().take(lines_read) {
            assert_eq!(line.unwrap(), "a line of some length");
        }
        Process::status(pid, "VmHWM")
    };
    let early = most_after(FIRST);
    let late = most_after(THEN);
    assert!(early > 0 && late < early + 4 * 1024, "from {early} to {late} KiB");
    drop(lines);
    assert_eq!(child.wait().unwrap().code(), Some(141));
    yes.wait().unwrap();
}
