//! A map leaves nothing behind: no process (every test of this folder looks for them) and no file.

use super::shell::Shell;
use nix::sys::signal::Signal::SIGKILL;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Where programs like to leave files.
const PLACES: [&str; 6] = [
    "TMPDIR",
    "XDG_RUNTIME_DIR",
    "XDG_STATE_HOME",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
];

fn shell() -> Shell {
    let shell = Shell::new();
    let paths = PLACES.map(|name| (name, shell.path(name)));
    paths.into_iter().fold(shell, |shell, (name, path)| {
        std::fs::create_dir(&path).unwrap();
        shell.environment(name, path.to_str().unwrap())
    })
}

/// Everything in this folder, which is home and where the map is called, too.
fn everything(folder: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            }
            found.insert(entry.path());
        }
    }
    found
}

#[test]
fn no_file_is_left_by_a_run() {
    let shell = shell();
    let before = everything(shell.folder());
    assert_eq!(before.len(), PLACES.len());
    assert_eq!(shell.run(&["--exec", "--", "echo", ":::", "a", "b"]).code(), 0);
    assert_eq!(shell.run(&["--exec", "--", "false", ":::", "a", "b"]).code(), 1);
    assert_eq!(shell.run(&["--", "cat", ":::", "a"]).code(), 69);
    // Longer than what is kept in memory as it is.
    let script = "head -c 3000000 /dev/zero | tr '\\0' x";
    let large = shell.run(&["--exec", "--", "sh", "-c", script, "sh", ":::", "a", "b"]);
    assert!(large.of_each(0, "result").iter().all(|it| it.as_str().unwrap().len() == 3_000_000));
    assert_eq!(everything(shell.folder()), before);
}

#[test]
fn no_file_and_no_process_is_left_by_a_run_that_is_killed() {
    let shell = shell();
    let before = everything(shell.folder());
    let script = "echo begun >&2; exec sleep 600";
    let running = shell.start(&["--exec", "-j2", "--", "sh", "-c", script, "sh", ":::", "a", "b"]);
    running.says("begun");
    running.signal(SIGKILL);
    // Waits until no process of its home lives.
    let ran = running.end();
    assert_eq!(ran.status.code(), None);
    assert_eq!(everything(shell.folder()), before);
}
