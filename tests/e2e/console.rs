//! What people see: help, schema, versions, and the log on a terminal.

use crate::harness::Setup;
use nix::pty::openpty;
use std::fs::File;
use std::io::Read as _;
use std::process::{Output, Stdio};

fn run(arguments: &[&str]) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = Setup::new("").command(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code(), text(stdout), text(stderr))
}

#[test]
fn help_names_every_command_and_exit_code() {
    let (code, out, _) = run(&["--help"]);
    assert_eq!(code, Some(0));
    for part in ["up", "check", "schema", "Exit codes:", "0 ", "1 ", "2 ", "69 ", "78 "] {
        assert!(out.contains(part), "{part:?} is not in\n{out}");
    }
}

#[test]
fn version_is_one_line() {
    let (code, out, _) = run(&["--version"]);
    assert_eq!(code, Some(0));
    assert!(out.starts_with("hearken ") && out.lines().count() == 1, "{out}");
}

#[test]
fn a_senseless_command_line_is_2() {
    for arguments in [&["fly"][..], &["up", "--wings"], &[]] {
        let (code, out, error) = run(arguments);
        assert_eq!(code, Some(2), "{out}{error}");
        assert!(error.contains("Usage"), "{error}");
    }
}

#[test]
fn the_schema_is_json_and_the_one_in_the_repository() {
    let (code, out, _) = run(&["schema"]);
    assert_eq!(code, Some(0));
    let schema: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert!(schema["properties"]["service"].is_object(), "{out}");
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../config/hearken.schema.json");
    assert_eq!(out.trim(), std::fs::read_to_string(path).unwrap().trim());
}

/// Standard error of `hearken up`, on a terminal.
fn on_a_terminal(services: &str, no_color: bool) -> String {
    let mut setup = Setup::new(services);
    if no_color {
        setup = setup.environment("NO_COLOR", "1");
    }
    let config = setup.write();
    let ends = openpty(None, None).unwrap();
    let mut child = setup
        .command(&["up", "--config", config.to_str().unwrap()])
        .stdout(Stdio::null())
        .stderr(Stdio::from(ends.slave))
        .spawn()
        .unwrap();
    let mut terminal = File::from(ends.master);
    let mut bytes = Vec::new();
    let mut room = [0; 4096];
    // The end of a terminal is the error EIO.
    while let Ok(read @ 1..) = terminal.read(&mut room) {
        bytes.extend_from_slice(&room[..read]);
    }
    assert_eq!(child.wait().unwrap().code(), Some(0));
    String::from_utf8(bytes).unwrap()
}

const RUDE: &str = r#"
[service.rude]
command = ["{fixture}", "print", "hello \u001b]0;owned\u0007\u001b[2J there", "print-error", "oh no", "exit", "78"]
[service.job]
command = ["true"]
"#;

#[test]
fn on_a_terminal_the_log_is_for_people() {
    let said = on_a_terminal(RUDE, true);
    assert!(!said.contains('\x1b'), "NO_COLOR: {said:?}");
    assert!(!said.contains("{\""), "no JSON: {said}");
    for part in ["job#1", "started as pid", "oh no", "failed and stays down", "finished"] {
        assert!(said.contains(part), "{part:?} is not in\n{said}");
    }
    assert!(said.contains("error: ") && said.contains("nothing is left to run"), "{said}");
}

#[test]
fn on_a_terminal_names_have_colours_but_a_child_has_none_to_give() {
    let said = on_a_terminal(RUDE, false);
    assert!(said.contains("\x1b["), "{said:?}");
    assert!(!said.contains("\x1b]0;") && !said.contains("\x1b[2J"), "{said:?}");
    assert!(said.contains(r"\u{1b}]0;owned\u{7}\u{1b}[2J there"), "{said:?}");
}
