//! Rows 96 to 102 and 108: a config with problems starts nothing and shows all of them.

use crate::harness::{Setup, is_root, skip};

const SERVICE: &str = "[service.web]\ncommand = [\"true\"]\n";

/// `hearken COMMAND --config FILE`: its exit code and what it said.
fn told(command: &str, config: &str, more: &[&str]) -> (Option<i32>, String) {
    let setup = Setup::new("");
    let path = setup.file("hearken.toml", config.as_bytes(), 0o644);
    let arguments = [&[command, "--config", path.to_str().unwrap()], more].concat();
    let done = setup.command(&arguments).output().unwrap();
    let said = [done.stdout, done.stderr].concat();
    (done.status.code(), String::from_utf8(said).unwrap())
}

#[track_caller]
fn is_refused(config: &str, says: &[&str]) {
    for command in ["check", "up"] {
        let (code, said) = told(command, config, &[]);
        assert_eq!(code, Some(78), "{command}: {said}");
        for part in says {
            assert!(said.contains(part), "no {part:?} in what {command} says:\n{said}");
        }
        assert!(!said.contains('\x1b'), "no colours outside of a terminal: {said:?}");
        assert!(!said.contains("supervisor_started"), "nothing was started: {said}");
    }
}

#[test]
fn broken_toml_is_shown_with_its_place() {
    is_refused("[service.web]\ncommand = [\"true\"\n", &["hearken.toml:", "^"]);
}

#[test]
fn a_typo_is_shown_with_what_was_likely_meant() {
    is_refused(
        &format!("{SERVICE}restrat = \"always\"\n"),
        &[
            "hearken.toml:3:1",
            "unknown key `restrat`",
            "^^^^^^^",
            "help: ",
            "did you mean `restart`?",
        ],
    );
}

#[test]
fn a_wrong_type_is_shown_with_an_example() {
    is_refused(
        "[service.web]\ncommand = \"true\"\n",
        &["hearken.toml:2:11", "`command` must be an array"],
    );
}

#[test]
fn numbers_out_of_range_are_refused() {
    for (line, says) in [
        ("instances = 1_000_000_000", "`instances`"),
        ("instances = 0", "`instances`"),
        ("instances = -1", "`instances`"),
        ("start_timeout = \"0s\"", "`start_timeout`"),
        ("start_timeout = 5", "`start_timeout`"),
        ("restart = { limit = 0 }", "`limit`"),
        ("restart = { delay = \"2s\", max_delay = \"1s\" }", "`max_delay`"),
        ("stop = { timeout = \"99999999999h\" }", "`timeout`"),
    ] {
        is_refused(&format!("{SERVICE}{line}\n"), &["hearken.toml:3:", says]);
    }
}

#[test]
fn a_cycle_is_shown_as_a_path() {
    is_refused(
        "[service.a]\ncommand = [\"x\"]\nafter = [\"b\"]\n[service.b]\ncommand = [\"x\"]\nafter = [\"a\"]\n",
        &["circle: a → b → a", "hearken.toml:3:10"],
    );
}

#[test]
fn an_unknown_name_in_after_is_refused() {
    is_refused(
        "[service.web]\ncommand = [\"x\"]\nafter = [\"databse\"]\n[service.database]\ncommand = [\"x\"]\n",
        &["hearken.toml:3:10", "databse", "did you mean", "database"],
    );
}

#[test]
fn a_service_given_twice_is_refused() {
    is_refused(&format!("{SERVICE}{SERVICE}"), &["hearken.toml:3:", "web"]);
}

#[test]
fn bad_names_are_refused() {
    for name in ["\"../x\"", "\"a b\"", "\"\"", "Web", "\"x\\u0000\"", &"n".repeat(300)] {
        is_refused(&format!("[service.{name}]\ncommand = [\"x\"]\n"), &["hearken.toml:1:"]);
    }
}

#[test]
fn a_variable_that_is_not_set_is_named() {
    is_refused(
        "[service.web]\ncommand = [\"x\", \"${E2E_NOT_SET_ANYWHERE}\"]\n",
        &["hearken.toml:2:", "E2E_NOT_SET_ANYWHERE", "is not set"],
    );
}

#[test]
fn all_problems_are_shown_at_once() {
    is_refused(
        "[supervisor]\nlog = \"debgu\"\n[service.web]\ncommnad = [\"x\"]\ninstances = 0\n",
        &["hearken.toml:2:7", "\"debug\"", "hearken.toml:4:1", "`command`", "hearken.toml:5:13"],
    );
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let setup = Setup::new("");
    let done = setup.command(&["up", "--config", "/nowhere/hearken.toml"]).output().unwrap();
    let said = String::from_utf8(done.stderr).unwrap();
    assert_eq!(done.status.code(), Some(78), "{said}");
    assert!(said.contains("/nowhere/hearken.toml"), "{said}");
}

/// Row 102.
#[test]
fn a_config_that_anybody_could_have_written_is_refused_for_root() {
    if !is_root() {
        return skip("only root is refused such a config");
    }
    let setup = Setup::new("");
    let path = setup.file("hearken.toml", SERVICE.as_bytes(), 0o666);
    let path = path.to_str().unwrap();
    let refused = setup.command(&["check", "--config", path]).output().unwrap();
    let said = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(78), "{said}");
    assert!(said.contains("chmod") && said.contains("hearken.toml"), "{said}");
    let taken = setup.command(&["check", "--insecure-config", "--config", path]).output().unwrap();
    assert_eq!(taken.status.code(), Some(0), "{taken:?}");
}

#[test]
fn a_good_config_is_said_to_be_good() {
    let (code, said) = told("check", &format!("{SERVICE}instances = 3\n"), &[]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("is good: 1 unit, 3 instances"), "{said}");
}
