//! `--exec`: any program, one process an input.

use super::shell::Shell;
use serde_json::{Value, json};

#[test]
fn the_input_stands_where_the_braces_are() {
    let shell = Shell::new();
    let command = ["printf", "%s|", "{}", "{.}", "{/}", "{//}", "{/.}", "out/{/.}.png", "{1}"];
    let arguments =
        [&["--exec", "-k", "--"][..], &command, &[":::", "in/cat.jpg", "plain", "a b; $(x)"]];
    let results = shell.run(&arguments.concat()).of_each(0, "result");
    assert_eq!(
        results,
        [
            "in/cat.jpg|in/cat|cat.jpg|in|cat|out/cat.png|{1}|",
            "plain|plain|plain|.|plain|out/plain.png|{1}|",
            "a b; $(x)|a b; $(x)|a b; $(x)|.|a b; $(x)|out/a b; $(x).png|{1}|",
        ]
    );
}

#[test]
fn the_input_is_the_last_argument_if_no_place_is_named() {
    let ran = Shell::new().run(&["--exec", "--", "printf", "%s-%s", "fixed", ":::", "one", "two"]);
    assert_eq!(ran.of_each(0, "result"), ["fixed-one", "fixed-two"]);
}

#[test]
fn inputs_come_from_the_command_line_a_file_or_standard_input() {
    let shell = Shell::new();
    std::fs::write(shell.path("list"), "one\ntwo\n").unwrap();
    let expected = ["<one>", "<two>"];
    let command = ["--", "printf", "<%s>"];
    let run = |before: &[&str], behind: &[&str], input: &str| {
        let arguments = [&["--exec"], before, &command, behind].concat();
        shell.fed(input.as_bytes(), &arguments).of_each(0, "result")
    };
    assert_eq!(run(&[], &[":::", "one", "two"], "unread\n"), expected);
    assert_eq!(run(&["-a", "list"], &[], "unread\n"), expected);
    assert_eq!(run(&[], &[], "one\ntwo\n"), expected);
    assert_eq!(run(&["-0"], &[], "one\0two\0"), expected);
    assert_eq!(run(&["-0"], &[], "a\nb\0"), ["<a\nb>"], "a path may hold a newline");
    assert_eq!(run(&[], &[":::", "-a", ":::"], ""), ["<-a>", "<:::>"]);
}

#[test]
fn the_input_is_on_standard_input_if_asked_for() {
    let ran =
        Shell::new().run(&["--exec", "--stdin", "--", "tr", "a-z", "A-Z", ":::", "one", "{}"]);
    assert_eq!(ran.of_each(0, "result"), ["ONE", "{}"]);
}

#[test]
fn what_a_program_writes_is_text_json_bytes_or_nothing() {
    let shell = Shell::new();
    let run = |form: &str| {
        let script = "printf '{\"a\": 1}\\n'";
        let ran = shell.run(&["--exec", "--result", form, "--", "sh", "-c", script, ":::", "x"]);
        ran.of_each(0, "result").remove(0)
    };
    assert_eq!(run("text"), json!("{\"a\": 1}"));
    assert_eq!(run("json"), json!({"a": 1}));
    assert_eq!(run("bytes"), json!("{\"a\": 1}\n"));
    assert_eq!(run("none"), Value::Null);
}

/// 75 is "try again", 65 is "what you gave me is wrong".
#[test]
fn an_exit_code_says_whether_another_try_makes_sense() {
    let arguments = ["--exec", "--retries", "2", "--retry-delay", "1ms", "--"];
    let script = ["sh", "-c", "exit $1", "sh", ":::", "0", "65", "75", "77", "69"];
    let ran = Shell::new().run(&[&arguments[..], &script].concat());
    assert_eq!(ran.of_each(1, "status"), ["ok", "failed", "failed", "failed", "failed"]);
    assert_eq!(ran.of_each(1, "attempts"), [1, 1, 3, 1, 3]);
    let kinds =
        [json!(null), json!("invalid"), json!("transient"), json!("denied"), json!("unavailable")];
    assert_eq!(ran.of_each(1, "error.kind"), kinds);
    assert_eq!(ran.of_each(1, "error.code")[1..], ["exit.65", "exit.75", "exit.77", "exit.69"]);
    ran.says(1, &["4 of 5 inputs failed", "exit.65 ×1", "input 3 is tried again in"]);
}

/// Nobody mends a configuration while a list is worked on, and 64 is what many programs end with.
#[test]
fn a_program_that_finds_fault_with_its_configuration_fails_its_input() {
    let script =
        ["--exec", "--retries", "2", "--", "sh", "-c", "exit $1", "sh", ":::", "64", "78", "0"];
    let ran = Shell::new().run(&script);
    assert_eq!(ran.of_each(1, "status"), ["failed", "failed", "ok"]);
    assert_eq!(ran.of_each(1, "attempts"), [1, 1, 1]);
}

#[test]
fn a_program_that_fails_twice_and_then_succeeds_has_succeeded() {
    let script =
        r#"[ "$HEARKEN_TASK_ATTEMPT" -ge 3 ] || exit 75; echo "done by try $HEARKEN_TASK_ATTEMPT""#;
    let arguments = ["--exec", "--retries", "2", "--retry-delay", "1ms", "--", "sh", "-c", script];
    let ran = Shell::new().run(&[&arguments[..], &["sh", ":::", "a", "b"]].concat());
    assert_eq!(ran.of_each(0, "result"), ["done by try 3", "done by try 3"]);
    assert_eq!(ran.of_each(0, "attempts"), [3, 3]);
}

#[test]
fn what_a_program_writes_to_standard_error_is_shown_unless_it_is_to_be_quiet() {
    let shell = Shell::new();
    let command = ["--", "sh", "-c", "echo oh >&2", "sh", ":::", "x"];
    let loud = shell.run(&[&["--exec"], &command[..]].concat());
    loud.says(0, &["map#", "oh"]);
    let quiet = shell.run(&[&["--exec", "-q"], &command[..]].concat());
    assert_eq!((quiet.code(), quiet.said.as_str()), (0, ""));
}

#[test]
fn programs_find_the_folder_and_the_environment_of_the_caller() {
    let shell = Shell::new().environment("COLOUR", "green");
    let ran = shell.run(&["--exec", "--", "sh", "-c", "echo $COLOUR; pwd", "sh", ":::", "x"]);
    let folder = shell.folder().canonicalize().unwrap();
    assert_eq!(ran.of_each(0, "result"), [format!("green\n{}", folder.display())]);
}
