//! A state directory that is not as this hearken left it, or that another works in. What it cannot
//! read it refuses before it starts anything: a service that came up without its pools would hide
//! that tasks wait.

use super::check::check;
use super::setup;
use super::submitter::{Acknowledged, Book};
use crate::harness::{Gate, Setup, event};
use serde_json::json;
use std::fs;
use std::path::PathBuf;

const WEB: &str = "[service.web]\ncommand = [\"{fixture}\", \"run\"]\n";

/// The store of a hearken that has shut down in good order.
fn a_store() -> (Setup, PathBuf) {
    let setup = setup(WEB);
    let mut hearken = setup.clone().start();
    hearken.wait(&event("pool_opened"));
    hearken.shut_down_well();
    let file = setup.folder().join("state/tasks.db");
    (setup, file)
}

/// Starts hearken on a file of these bytes: it refuses in these words, starts nothing, and leaves
/// the file alone.
#[track_caller]
fn refused(setup: &Setup, file: &PathBuf, bytes: &[u8], words: &[&str]) {
    fs::write(file, bytes).unwrap();
    let config = setup.write();
    let refused = setup.command(&["up", "--config", config.to_str().unwrap()]).output().unwrap();
    let said = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(1), "{said}");
    for word in [&["tasks.db"], words].concat() {
        assert!(said.contains(word), "{word}: {said}");
    }
    assert!(!said.contains("\"started\""), "{said}");
    assert!(fs::read(file).unwrap() == bytes, "the file is as it was");
}

/// Row 87.
#[test]
fn a_store_of_a_later_hearken_is_refused_with_both_versions_and_left_as_it_is() {
    // Where SQLite has the user version, <https://www.sqlite.org/fileformat2.html#user_version_number>.
    const USER_VERSION: std::ops::Range<usize> = 60..64;

    let (setup, file) = a_store();
    let mut bytes = fs::read(&file).unwrap();
    let known = u32::from_be_bytes(bytes[USER_VERSION].try_into().unwrap());
    bytes[USER_VERSION].copy_from_slice(&999_u32.to_be_bytes());
    refused(&setup, &file, &bytes, &["of schema 999", &format!("knows up to {known}")]);
}

#[test]
fn a_damaged_store_is_refused_by_name_and_left_as_it_is() {
    let (setup, file) = a_store();
    let mut bytes = fs::read(&file).unwrap();
    // All but the page that says what it is.
    bytes[4096..].fill(0x5a);
    refused(&setup, &file, &bytes, &["damaged", "from a backup"]);
}

/// Row 89.
#[test]
fn a_second_supervisor_is_refused_by_the_pid_of_the_first_and_the_first_works_on() {
    let setup = setup("");
    let gate = Gate::new(&setup.folder().join("effects"));
    let mut hearken = setup.clone().start();
    let id = hearken.add("work", &json!({"type": "wait"})).0;
    hearken.wait(&event("child_log").is("message", "it waits"));
    let config = setup.write();
    let second = setup.command(&["up", "--config", config.to_str().unwrap()]).output().unwrap();
    let said = String::from_utf8(second.stderr).unwrap();
    assert_eq!(second.status.code(), Some(1), "{said}");
    assert!(said.contains(&format!("pid {}", hearken.pid())), "{said}");
    gate.open(1);
    let task = Acknowledged { id, kind: "wait", seen: None };
    check(&hearken, &Book { tasks: vec![task], ..Book::default() });
    hearken.shut_down_well();
}

/// The file that knows how many commits there were is no longer beside them.
#[test]
fn a_store_whose_witness_is_gone_is_opened_and_says_so() {
    let (setup, file) = a_store();
    fs::remove_file(file.with_file_name("tasks.commits")).unwrap();
    let mut hearken = setup.clone().start();
    hearken.wait(&event("commits_unknown"));
    hearken.shut_down_well();
    let mut hearken = setup.start();
    hearken.wait(&event("pool_opened"));
    assert!(hearken.all(&event("commits_unknown")).is_empty(), "it is there again");
    hearken.shut_down_well();
}
