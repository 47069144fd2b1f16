//! The configs that are shown to people do what they say.

use crate::harness::{Hearken, Setup, event, skip};
use crate::sdk::{PYTHON, has_python};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::Command;

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("config").join(name)
}

fn start(name: &str) -> Hearken {
    start_in(Setup::new(""), name)
}

fn start_in(setup: Setup, name: &str) -> Hearken {
    let state = setup.folder().join("state");
    setup.environment("HEARKEN_STATE_DIR", state.to_str().unwrap()).start_with(&example(name))
}

fn is_here(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success())
}

#[test]
fn the_demo_shows_what_it_promises() {
    if !example("demo.toml").exists() || !is_here("python3") {
        return skip("no config/demo.toml, or no python3");
    }
    let mut hearken = start("demo.toml");
    hearken.wait(&event("started").unit("web"));
    let down = hearken.wait(&event("failed").unit("mailer"));
    assert_eq!((down.text("kind"), down.text("code")), ("config", "smtp.host"), "{down}");
    let ready = hearken.wait(&event("ready").unit("database"));
    let tries = hearken.all(&event("restarting").unit("database").is("kind", "transient"));
    assert_eq!(tries.len(), 2, "the third try works: {}", hearken.dump());
    let import = hearken.wait(&event("started").unit("import"));
    assert!(import.index > ready.index, "it waits for the database: {}", hearken.dump());
    hearken.wait(&event("child_progress").unit("import").is("done", 5).is("total", 5));
    hearken.wait(&event("finished").unit("import"));
    hearken.shut_down_well();
    assert_eq!(hearken.all(&event("started").unit("mailer")).len(), 1);
    assert_eq!(hearken.all(&event("started").unit("import")).len(), 1);
}

#[test]
fn the_php_example_shows_what_it_promises() {
    if !example("php.toml").exists() || !is_here("php") {
        return skip("no config/php.toml, or no php");
    }
    let mut hearken = start("php.toml");
    assert_eq!(hearken.exit_code(), 0, "it ends when all five have ended: {}", hearken.dump());
    hearken.wait(&event("child_hello").unit("hello"));
    hearken.wait(&event("child_progress").unit("hello").is("done", 10));
    hearken.wait(&event("finished").unit("hello"));
    for (unit, kind) in [
        ("exit-code", "transient"),
        ("signal", "crashed"),
        ("typed-error", "unavailable"),
        ("mistake", "bug"),
    ] {
        assert_eq!(hearken.wait(&event("failed").unit(unit)).text("kind"), kind, "{unit}");
    }
    let typed = hearken.wait(&event("child_error").unit("typed-error"));
    assert_eq!((typed.text("code"), typed.text("dependency")), ("db.connect", "postgres"));
    assert_eq!(typed.field("details").unwrap()["host"], "db1");
    assert!(hearken.wait(&event("child_error").unit("mistake")).has("trace"));
    assert_eq!(hearken.all(&event("started")).len(), 5, "none is started again");
}

#[test]
fn the_example_of_python_workers_counts_words() {
    if !has_python() {
        return skip("no python3 with msgpack here");
    }
    // Where that python3 is.
    let path = Path::new(PYTHON).parent().unwrap().to_str().unwrap();
    let hearken = start_in(Setup::new("").environment("PATH", path), "pool.toml");
    let text = hearken.folder().join("text");
    std::fs::write(&text, "one two\nthree\n").unwrap();
    let task = hearken.add("words", &json!({"type": "count_words", "payload": text}));
    assert_eq!(hearken.result_of(&task), json!({"lines": 2, "words": 3}));
    let missing = json!({"type": "count_words", "payload": "/no/such/file"});
    let told = hearken.end_of(&hearken.add("words", &missing));
    assert_eq!(
        (told.state(), told.of_tries("error.code")),
        ("dead", vec!["file.missing".to_owned()])
    );
}

#[test]
fn the_example_of_php_workers_hashes_and_tries_again() {
    if !is_here("php") {
        return skip("no php here");
    }
    let hearken = start("hashes.toml");
    let empty = hearken.folder().join("empty");
    std::fs::write(&empty, "").unwrap();
    let task = hearken.add("hashes", &json!({"type": "hash", "payload": empty}));
    let hash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(hearken.result_of(&task)["sha256"], hash);
    // By their checksums: the first is fine, the second fails twice, the third is put off once.
    for (word, counters) in [("APPLE", (0, 0, 0)), ("PLUM", (2, 0, 0)), ("POMELO", (0, 0, 1))] {
        let task = hearken.task("unsteady", json!(word.to_lowercase()));
        assert_eq!(hearken.result_of(&task), word);
        assert_eq!(hearken.show(&task).counters(), counters, "{word}");
    }
}

#[test]
fn every_example_is_good() {
    let folder = example("");
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            let arguments = ["check", "--config", path.to_str().unwrap()];
            let checked = Setup::new("").command(&arguments).output().unwrap();
            let said = String::from_utf8_lossy(&checked.stderr).into_owned();
            assert!(checked.status.success(), "{}: {said}", path.display());
            seen += 1;
        }
    }
    assert!(seen > 0, "there are examples");
}
