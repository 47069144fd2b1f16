//! `hearken simulate`: what would be decided, without anything being started; and what was decided,
//! judged again.

use crate::harness::{Setup, event};
use std::path::{Path, PathBuf};

/// What a command said, and its exit code.
struct Told {
    code: Option<i32>,
    output: String,
    errors: String,
}

#[track_caller]
fn simulate(setup: &Setup, config: &Path, more: &[&str]) -> Told {
    let config = config.to_str().unwrap();
    let arguments = [&["simulate", "--config", config], more].concat();
    let done = setup.command(&arguments).output().unwrap();
    Told {
        code: done.status.code(),
        output: String::from_utf8(done.stdout).unwrap(),
        errors: String::from_utf8(done.stderr).unwrap(),
    }
}

/// Both end by their budget: one leaves, the other is recycled for what it says.
const LOOPS: &str = r#"
[service.leaves]
command = ["{fixture}", "hello", "error", "transient", "db.down", "exit", "1"]
restart = { delay = "20ms", max_delay = "60ms", limit = 4, window = "1m" }

[service.stays]
command = ["{fixture}", "hello", "error", "transient", "cache.full", "run"]
restart = { delay = "20ms", max_delay = "60ms", limit = 3, window = "1m" }

[[service.stays.rule]]
match = { code = "cache.*" }
instance = "recycle"
unit = "count"
"#;

/// A crash loop under `hearken up`, to its end: the folder with its ledger, and the config.
fn history() -> (Setup, PathBuf) {
    let setup = Setup::new(LOOPS);
    let config = setup.write();
    let mut hearken = setup.clone().start_with(&config);
    for unit in ["leaves", "stays"] {
        hearken.wait(&event("failed").unit(unit).is("decided_by", "restart_budget"));
    }
    hearken.exit_code();
    (setup, config)
}

/// The same services with this rule before all others.
fn with_rule(setup: &Setup, name: &str, rule: &str) -> PathBuf {
    let text = std::fs::read_to_string(setup.folder().join("hearken.toml")).unwrap();
    let place = text.find("[[service.stays.rule]]").unwrap();
    let (before, after) = text.split_at(place);
    setup.file(name, format!("{before}{rule}\n{after}").as_bytes(), 0o644)
}

#[test]
fn a_ledger_replayed_to_the_config_that_wrote_it_differs_in_nothing() {
    let (setup, config) = history();
    // The state directory, or a file of it.
    let state = setup.folder().join("state");
    for ledger in [state.clone(), state.join("ledger.jsonl")] {
        let told = simulate(&setup, &config, &["--replay", ledger.to_str().unwrap()]);
        assert_eq!(told.code, Some(0), "{}{}", told.output, told.errors);
        assert!(
            told.output.contains("9 ends replayed, none decided differently"),
            "{}",
            told.output
        );
        assert_eq!(told.errors, "");
    }
}

#[test]
fn a_changed_rule_differs_in_just_the_ends_it_is_about() {
    let (setup, _) = history();
    let state = setup.folder().join("state");
    let replay = ["--replay", state.to_str().unwrap()];
    let third =
        "[[service.leaves.rule]]\nmatch = { code = \"db.*\", attempt = 3 }\nunit = \"fail\"\n";
    let changed = with_rule(&setup, "third.toml", third);
    let told = simulate(&setup, &changed, &replay);
    assert_eq!(told.code, Some(1), "{}{}", told.output, told.errors);
    for part in [
        "leaves#1  transient db.down, about the service, exits with code 1 (no. 3)",
        "rule 1 of leaves (third.toml:",
        "the 2 ends after it would not have happened",
        "9 ends replayed, 1 decided differently, 2 would not have happened",
    ] {
        assert!(told.output.contains(part), "no {part:?} in\n{}", told.output);
    }

    // What was decided while it ran is decided again.
    let fails = "[[service.stays.rule]]\nmatch = { code = \"cache.full\" }\nunit = \"fail\"\n";
    let changed = with_rule(&setup, "fails.toml", fails);
    let told = simulate(&setup, &changed, &[&replay[..], &["--json"]].concat());
    assert_eq!(told.code, Some(1), "{}{}", told.output, told.errors);
    let lines: Vec<serde_json::Value> =
        told.output.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2, "{}", told.output);
    assert_eq!((&lines[0]["unit"], &lines[0]["incarnation"]), (&"stays".into(), &1.into()));
    assert_eq!(
        (&lines[0]["then"]["next"], &lines[0]["now"]["next"]),
        (&"restart".into(), &"failed".into())
    );
    assert_eq!(lines[1]["different"], 1);
    assert_eq!(lines[1]["would_not_have_happened"], 3);
}

#[test]
fn units_that_come_and_go_are_named_in_a_replay() {
    let (setup, _) = history();
    let other = setup.file(
        "other.toml",
        b"[service.leaves]\ncommand = [\"x\"]\nrestart = { delay = \"20ms\", max_delay = \"60ms\", limit = 4, window = \"1m\" }\n[service.new]\ncommand = [\"x\"]\n",
        0o644,
    );
    let state = setup.folder().join("state");
    let told = simulate(&setup, &other, &["--replay", state.to_str().unwrap()]);
    assert_eq!(told.code, Some(0), "{}{}", told.output, told.errors);
    for part in [
        "5 ends replayed",
        "not in the config: stays (4 ends)",
        "without an end in the ledger: new",
    ] {
        assert!(told.output.contains(part), "no {part:?} in\n{}", told.output);
    }
}

#[test]
fn lines_of_a_ledger_that_make_no_sense_are_skipped_and_named() {
    let (setup, config) = history();
    let ledger = setup.folder().join("state/ledger.jsonl");
    let mut text = std::fs::read_to_string(&ledger).unwrap();
    let lines = text.lines().count();
    text.push_str("{\"record\":\n\u{1b}[31mnonsense\n{\"torn\":");
    let copy = setup.file("damaged.jsonl", text.as_bytes(), 0o644);
    let told = simulate(&setup, &config, &["--replay", copy.to_str().unwrap()]);
    assert_eq!(told.code, Some(0), "{}{}", told.output, told.errors);
    assert!(told.output.contains("9 ends replayed, none decided differently"), "{}", told.output);
    for number in [lines + 1, lines + 2, lines + 3] {
        assert!(told.errors.contains(&format!("damaged.jsonl:{number}: ")), "{}", told.errors);
    }
    assert!(!told.errors.contains('\u{1b}'), "{:?}", told.errors);
}

#[test]
fn it_runs_beside_hearken_and_touches_nothing() {
    let setup = Setup::new("[service.web]\ncommand = [\"{fixture}\", \"run\"]\n");
    let config = setup.write();
    let hearken = setup.clone().start_with(&config);
    hearken.wait(&event("started").unit("web"));
    let listing = || {
        let names = std::fs::read_dir(setup.folder().join("state")).unwrap();
        let mut names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let before = listing();
    let told = simulate(&setup, &config, &["--signal", "SEGV", "--runs", "2s", "--repeat", "3"]);
    assert_eq!(told.code, Some(0), "{}", told.errors);
    assert_eq!(before, listing());
    assert_eq!(hearken.all(&event("started")).len(), 1, "nothing was started");
    for part in [
        "+2.000 s  web#1  dies by SIGSEGV",
        "again in 200 ms",
        "1 of 5 in 1 m",
        "the table: crashed",
        "web#1 is up since",
    ] {
        assert!(told.output.contains(part), "no {part:?} in\n{}", told.output);
    }
    assert!(!told.output.contains('\u{1b}'), "no colours outside of a terminal");
    let again = simulate(&setup, &config, &["--signal", "SEGV", "--runs", "2s", "--repeat", "3"]);
    assert_eq!(told.output, again.output, "the same seed draws the same delays");
}

#[test]
fn what_it_cannot_do_it_says_with_an_exit_code() {
    let setup = Setup::new("[service.web]\ncommand = [\"x\"]\n");
    let config = setup.write();
    let bad_scenario = setup.file("bad.toml", b"[[step]]\nat = \"1s\"\nservise = \"web\"\n", 0o644);
    let bad_config = setup.file("bad-config.toml", b"[service.web]\n", 0o644);
    let table: [(&Path, &[&str], i32, &str); 6] = [
        (&config, &["--service", "wbe"], 2, "did you mean web?"),
        (&config, &["--exit", "1", "--signal", "SEGV"], 2, "cannot be used with"),
        (&config, &["--error", "db.down", "--kind", "tranisent"], 2, "did you mean transient?"),
        (&config, &["--replay", "/nowhere/ledger.jsonl"], 2, "/nowhere/ledger.jsonl"),
        (&config, &["--scenario", bad_scenario.to_str().unwrap()], 78, "did you mean `service`?"),
        (&bad_config, &[], 78, "bad-config.toml:1"),
    ];
    for (config, arguments, code, says) in table {
        let told = simulate(&setup, config, arguments);
        assert_eq!(told.code, Some(code), "{arguments:?}: {}{}", told.output, told.errors);
        assert!(told.errors.contains(says), "no {says:?} in\n{}", told.errors);
        assert_eq!(told.output, "");
    }
}
