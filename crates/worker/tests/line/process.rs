#![expect(
    clippy::disallowed_methods,
    reason = "a test starts the program as a shell and as hearken would"
)]
//! A real program: `examples/tasks.rs`, started as a shell and as hearken would.

use std::io::Write;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use hearken_proto::{Acked, Heard, Intent, MAX_FRAME};
use hearken_worker::Raw;

use crate::peer::Supervisor;

/// `cargo test` builds the examples beside the tests, unless it is told which targets to build.
fn program() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let program = test.parent().and_then(Path::parent).unwrap().join("examples/tasks");
    assert!(program.exists(), "build it first: cargo build -p hearken-worker --example tasks");
    program
}

/// A file of three words in two lines.
fn file() -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(b"three short\nwords\n").unwrap();
    file
}

fn alone(task_type: &str) -> Command {
    let mut command = Command::new(program());
    command.env_clear().env("HEARKEN_TASK_TYPE", task_type);
    command
}

fn with_input(mut command: Command, input: &[u8]) -> Output {
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait_with_output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn without_hearken_the_first_argument_is_the_payload_and_json_comes_out() {
    let file = file();
    let path = serde_json::to_string(file.path()).unwrap();
    for argument in [path.as_str(), file.path().to_str().unwrap()] {
        let output = alone("count").arg(argument).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let counted: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(counted, serde_json::json!({ "lines": 2, "words": 3 }));
        assert!(text(&output.stderr).contains("progress: 18/18 bytes"), "{output:?}");
    }
}

#[test]
fn without_hearken_standard_input_is_the_payload_and_bytes_come_out_as_they_are() {
    let output = with_input(alone("shout"), b"no json");
    assert!(output.status.success(), "{output:?}");
    assert_eq!(text(&output.stdout), "NO JSON");
    let output = with_input(alone("shout"), br#""json""#);
    assert_eq!(text(&output.stdout), "JSON");
}

#[test]
fn without_hearken_the_exit_code_is_that_of_the_error() {
    for (task_type, input, code, said) in [
        ("count", &b"/no/such/file"[..], 66, "error: not_found file.missing: "),
        ("count", b"/", 65, "error: invalid file.directory: "),
        ("shout", b"17", 65, "error: invalid task.payload: "),
        ("paint", b"", 65, "error: invalid task.type_unknown: "),
    ] {
        let output = with_input(alone(task_type), input);
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        assert!(text(&output.stderr).starts_with(said), "{output:?}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn the_variables_of_exec_mode_are_taken_over() {
    let mut command = alone("describe");
    command.env("HEARKEN_TASK_ID", "019a").env("HEARKEN_TASK_ATTEMPT", "3").arg("x");
    let output = command.output().unwrap();
    assert_eq!(text(&output.stdout), "\"describe 019a, attempt 3, key 019a\"\n");
    let output = command.env("HEARKEN_TASK_KEY", "customer-12").output().unwrap();
    assert_eq!(text(&output.stdout), "\"describe 019a, attempt 3, key customer-12\"\n");
    let output = command.env("HEARKEN_TASK_ATTEMPT", "many").output().unwrap();
    assert_eq!(output.status.code(), Some(78));
    assert!(text(&output.stderr).contains("HEARKEN_TASK_ATTEMPT is \"many\""));
}

#[test]
fn a_result_that_nobody_reads_is_an_error() {
    let full = std::fs::File::create("/dev/full").unwrap();
    let output = alone("shout").arg("x").stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(69), "{output:?}");
    assert!(text(&output.stderr).contains("task.stdout"));
}

/// Starts the program on a line, which a shell puts in its place: a descriptor of ours is closed when it starts.
fn on_a_line() -> (Supervisor, std::process::Child) {
    let (mut supervisor, line) = Supervisor::pair();
    let child = Command::new("/bin/sh")
        .args(["-c", "exec \"$0\" 7<&0 </dev/null"])
        .arg(program())
        .env("HEARKEN_FD", "7")
        .stdin(OwnedFd::from(line))
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    assert_eq!(supervisor.hello().pid, child.id());
    assert!(matches!(supervisor.hear(), Heard::Ready(_)));
    (supervisor, child)
}

#[test]
fn sigterm_is_taken_for_a_drain_and_said() {
    let (mut supervisor, mut child) = on_a_line();
    supervisor.welcome(MAX_FRAME, None);
    supervisor.task(1, |task| {
        task.task_type = Some("shout".to_owned());
        task.payload = Raw::string("x");
    });
    supervisor.accepted(1);
    assert_eq!(supervisor.result(1).data, Some(Raw::binary(b"X")));
    let killed = Command::new("kill").arg(child.id().to_string()).status().unwrap();
    assert!(killed.success());
    let heard = supervisor.hear();
    assert!(
        matches!(&heard, Heard::Draining(said) if said.reason.as_str() == "SIGTERM"),
        "{heard:?}"
    );
    supervisor.ack(1, Acked::Result);
    assert!(matches!(supervisor.hear(), Heard::Exiting(said) if said.intent == Intent::Done));
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn garbage_ends_the_program_with_a_sentence() {
    let (mut supervisor, child) = on_a_line();
    supervisor.line.write_all(&[0xff; 8]).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(76));
    assert!(text(&output.stderr).starts_with("hearken sent something this version does not"));
}

#[test]
fn the_end_of_hearken_ends_the_program_with_a_sentence() {
    let (supervisor, child) = on_a_line();
    drop(supervisor);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(75));
    assert_eq!(text(&output.stderr), "the line is closed\n");
}

#[test]
fn a_descriptor_that_is_no_line_is_a_fault_of_the_configuration() {
    let output = alone("shout").env("HEARKEN_FD", "99").output().unwrap();
    assert_eq!(output.status.code(), Some(78));
    assert!(text(&output.stderr).contains("HEARKEN_FD names descriptor 99"));
}
