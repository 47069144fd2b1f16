//! What a child finds when it starts: exactly what was promised.

use crate::harness::{Event, Hearken, Setup, event, fixture, hearken};
use std::collections::BTreeMap;

/// The lines between the start and the `end of …`.
#[track_caller]
fn lines_until(hearken: &Hearken, end: &str) -> Vec<String> {
    let last: Event = hearken.wait(&event("child_output").is("message", end));
    let all = hearken.all(&event("child_output"));
    let before = all.iter().filter(|line| line.index < last.index);
    before.map(|line| line.text("message").to_owned()).collect()
}

#[test]
fn a_child_starts_with_a_clean_environment() {
    let setup = Setup::new(
        r#"
[service.web]
command = ["{fixture}", "print-environment"]
environment = { APP_ENV = "prod", LANG = "de_DE.UTF-8", FROM = "${E2E_SECRET_NAME:-default}" }
instances = 1
"#,
    )
    .environment("E2E_STRAY", "must not be handed on")
    .environment("USER", "tester")
    .environment("PATH", "/usr/bin:/bin");
    let home = setup.folder().to_str().unwrap().to_owned();
    let hearken = setup.start();
    let found: BTreeMap<String, String> = lines_until(&hearken, "end of environment")
        .iter()
        .map(|line| line.split_once('=').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap())
        .collect();
    let expected = [
        ("APP_ENV", "prod"),
        ("FROM", "default"),
        ("HEARKEN_FD", "3"),
        ("HEARKEN_INCARNATION", "1"),
        ("HEARKEN_INSTANCE", "1"),
        ("HEARKEN_UNIT", "web"),
        ("HOME", home.as_str()),
        ("LANG", "de_DE.UTF-8"),
        ("PATH", "/usr/bin:/bin"),
        ("USER", "tester"),
    ];
    let number = found.get("HEARKEN_FD").cloned().unwrap_or_default();
    assert!(number.parse::<u32>().is_ok_and(|number| number > 2), "{found:?}");
    let mut expected: BTreeMap<_, _> =
        expected.into_iter().map(|(a, b)| (a.to_owned(), b.to_owned())).collect();
    expected.insert("HEARKEN_FD".to_owned(), number);
    assert_eq!(found, expected);
}

/// Row 40: nothing but its own standard descriptors and its line.
#[test]
fn a_child_has_four_descriptors_and_no_more() {
    let hearken = hearken(
        r#"
[service.other]
command = ["{fixture}", "run"]
instances = 5
[service.web]
command = ["{fixture}", "print-descriptors"]
environment = { }
after = ["other"]
"#,
    );
    let found = lines_until(&hearken, "end of descriptors");
    let shape: Vec<(&str, &str)> = found
        .iter()
        .map(|line| {
            let mut words = line.split(' ').skip(1);
            let number = words.next().unwrap();
            (number, words.next().unwrap().split(':').next().unwrap())
        })
        .collect();
    assert_eq!(shape.len(), 4, "{found:?}");
    assert_eq!(shape[..3], [("0", "/dev/null"), ("1", "pipe"), ("2", "pipe")], "{found:?}");
    assert_eq!(shape[3].1, "socket", "{found:?}");
}

#[test]
fn a_child_without_a_line_has_three() {
    let hearken = hearken(
        "[service.web]\ncommand = [\"{fixture}\", \"print-descriptors\"]\nline = \"none\"\n",
    );
    let found = lines_until(&hearken, "end of descriptors");
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(!found.iter().any(|line| line.contains("socket")), "{found:?}");
}

/// Row 26: whatever hearken inherited, its children start with no signal blocked or ignored.
#[test]
fn a_child_starts_with_clean_signals() {
    for through in [&[][..], &["block-signals", "ignore-chld", "ignore-term", "--"][..]] {
        let words: Vec<&str> =
            if through.is_empty() { vec![] } else { [&[fixture()], through].concat() };
        let hearken = Setup::new("[service.web]\ncommand = [\"{fixture}\", \"print-signals\"]\n")
            .through(&words)
            .start();
        let found = lines_until(&hearken, "end of signals");
        for set in ["SigBlk", "SigIgn", "SigCgt", "SigPnd"] {
            // Rust ignores SIGPIPE (13) and handles SIGSEGV (11) and SIGBUS (7) in every program.
            let own = match set {
                "SigIgn" => 1_u64 << 12,
                "SigCgt" => 1 << 10 | 1 << 6,
                _ => 0,
            };
            let line = found.iter().find(|line| line.starts_with(set)).unwrap();
            let bits = u64::from_str_radix(line.split(' ').nth(1).unwrap(), 16).unwrap();
            assert_eq!(bits & !own, 0, "{line}");
        }
    }
}

#[test]
fn a_child_runs_in_the_directory_of_its_config() {
    let setup = Setup::new(
        r#"
[service.here]
command = ["{fixture}", "print-directory"]
[service.there]
command = ["{fixture}", "print-directory"]
directory = "sub"
"#,
    );
    std::fs::create_dir(setup.folder().join("sub")).unwrap();
    let folder = setup.folder().canonicalize().unwrap();
    let hearken = setup.start();
    let text = |path: &std::path::Path| format!("directory {}", path.display());
    hearken.wait(&event("child_output").unit("here").is("message", text(&folder)));
    hearken.wait(&event("child_output").unit("there").is("message", text(&folder.join("sub"))));
}

/// The supervisor raises its own limit; its children get back what it was started with.
#[test]
fn a_child_has_the_descriptor_limit_hearken_was_started_with() {
    let hearken = Setup::new("[service.web]\ncommand = [\"{fixture}\", \"print-limits\"]\n")
        .through(&["prlimit", "--nofile=512:4096", "--"])
        .start();
    hearken.wait(&event("child_output").has("message", "Max open files 512 4096"));
}
