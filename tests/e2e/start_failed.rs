//! Row 1: what cannot be started says why, once, and is not tried again.

use crate::harness::{Hearken, Setup, event};

/// One event that names the errno, the path and the step, then `failed`, and no second try.
#[track_caller]
fn fails_once(hearken: &mut Hearken, errno: &str, stage: &str, subject: &str, help: &str) {
    let failed = hearken.wait(&event("start_failed").unit("broken"));
    assert!(failed.text("errno").contains(errno), "{failed}");
    assert_eq!(failed.text("stage"), stage, "{failed}");
    assert!(failed.text("subject").ends_with(subject), "{failed}");
    assert!(failed.text("help").contains(help), "{failed}");
    let down = hearken.wait_after(&failed, &event("failed").unit("broken"));
    assert_eq!(down.text("kind"), "start_failed", "{down}");
    assert_eq!(hearken.exit_code(), 0, "nothing is left to run");
    assert_eq!(hearken.all(&event("start_failed")).len(), 1, "{}", hearken.dump());
    assert!(hearken.all(&event("restarting")).is_empty(), "{}", hearken.dump());
    assert!(hearken.all(&event("started")).is_empty(), "it never ran: {}", hearken.dump());
}

fn broken(lines: &str) -> Setup {
    Setup::new(&format!("[service.broken]\n{lines}\n"))
}

#[test]
fn a_missing_program_fails_once() {
    let mut hearken = broken("command = [\"/nowhere/server\"]").start();
    fails_once(&mut hearken, "ENOENT", "exec", "/nowhere/server", "check the path");
}

#[test]
fn a_program_that_is_not_in_path_fails_once() {
    let mut hearken = broken("command = [\"no-such-program-anywhere\"]").start();
    fails_once(&mut hearken, "ENOENT", "exec", "no-such-program-anywhere", "PATH");
}

#[test]
fn a_file_without_an_x_bit_fails_once() {
    let setup = broken("command = [\"{folder}/plain\"]");
    setup.file("plain", b"#!/bin/sh\n", 0o644);
    fails_once(&mut setup.start(), "EACCES", "exec", "/plain", "chmod +x");
}

#[test]
fn an_empty_file_fails_once_and_is_no_shell_script() {
    let setup = broken("command = [\"{folder}/empty\"]");
    setup.file("empty", b"", 0o755);
    fails_once(&mut setup.start(), "ENOEXEC", "exec", "/empty", "`#!` line");
}

#[test]
fn a_script_without_its_interpreter_fails_once() {
    let setup = broken("command = [\"{folder}/script\"]");
    setup.file("script", b"#!/nowhere/interpreter\n", 0o755);
    fails_once(&mut setup.start(), "ENOENT", "exec", "/script", "interpreter");
}

#[test]
fn a_directory_that_is_not_there_fails_once() {
    let mut hearken = broken("command = [\"true\"]\ndirectory = \"/nowhere\"").start();
    fails_once(&mut hearken, "ENOENT", "directory", "/nowhere", "check `directory`");
}

#[test]
fn a_directory_that_is_none_fails_once() {
    let mut hearken = broken("command = [\"true\"]\ndirectory = \"/dev/null\"").start();
    fails_once(&mut hearken, "ENOTDIR", "directory", "/dev/null", "check `directory`");
}

#[test]
fn a_folder_as_program_fails_once() {
    let mut hearken = broken("command = [\"/usr\"]").start();
    fails_once(&mut hearken, "EACCES", "exec", "/usr", "executable");
}

#[test]
fn a_service_that_cannot_start_does_not_touch_its_neighbours() {
    let mut hearken = Setup::new(
        r#"
[service.broken]
command = ["/nowhere/server"]
[service.web]
command = ["{fixture}", "run"]
"#,
    )
    .start();
    hearken.wait(&event("failed").unit("broken"));
    hearken.wait(&event("started").unit("web"));
    hearken.shut_down_well();
}
