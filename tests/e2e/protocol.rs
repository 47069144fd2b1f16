//! A child that breaks the protocol ends its own line, and nobody else's.

use crate::harness::{Process, event, hearken};
use std::fmt::Write as _;
use std::time::Duration;

const NEIGHBOUR: &str = r#"
[service.neighbour]
command = ["{fixture}", "ignore-term", "hello", "ready", "serve"]
ready = "message"
"#;

fn service(name: &str, verbs: &str) -> String {
    let verbs: Vec<_> = verbs.split(' ').map(|verb| format!("{verb:?}")).collect();
    format!(
        "[service.{name}]\ncommand = [\"{{fixture}}\", {}]\nrestart = \"never\"\n",
        verbs.join(", ")
    )
}

/// Each of these children breaks a rule: its line is ended by the name of that rule, it is stopped,
/// and judged as `protocol`; a neighbour on a line of its own is served to its orderly end.
#[track_caller]
fn are_violations(children: &[(String, String, String)]) {
    let mut config = NEIGHBOUR.to_owned();
    for (name, verbs, _) in children {
        config += &service(name, verbs);
    }
    let mut hearken = hearken(&config);
    for (name, verbs, code) in children {
        let broken = hearken.wait(&event("protocol_violation").unit(name.as_str()));
        assert_eq!(broken.text("code"), code, "{verbs}: {broken}");
        assert!(!broken.text("reason").is_empty(), "{broken}");
        let stopping = event("stopping").unit(name.as_str()).is("cause", "protocol_violation");
        let stopping = hearken.wait_after(&broken, &stopping);
        hearken.wait_after(&stopping, &event("exited").unit(name.as_str()));
        assert_eq!(hearken.wait(&event("failed").unit(name.as_str())).text("kind"), "protocol");
        assert_eq!(hearken.all(&event("protocol_violation").unit(name.as_str())).len(), 1);
    }
    hearken.wait(&event("ready").unit("neighbour"));
    hearken.shut_down_well();
    let exited = hearken.wait(&event("exited").unit("neighbour"));
    assert_eq!(exited.number("exit_code"), 0, "it heard `drain`: {}", hearken.dump());
}

/// Rows 44, 45, 48, 49, 50, 54 and the kinds only the supervisor makes.
#[test]
fn every_broken_rule_of_the_protocol_ends_that_line_only() {
    let children = [
        ("zero-length", "hello zero-length run", "empty_frame"),
        ("huge", "hello huge-frame run", "frame_too_long"),
        ("huge-before-hello", "huge-frame run", "frame_too_long"),
        ("garbage", "hello garbage-frame run", "not_a_message"),
        ("garbage-first", "garbage-frame run", "not_a_message"),
        ("trailing", "hello trailing run", "trailing_bytes"),
        ("deep", "hello deep run", "too_deep"),
        ("before-hello", "before-hello run", "hello_expected"),
        ("second-hello", "hello second-hello run", "second_hello"),
        ("not-its-kind", "hello supervisor-only-kind run", "supervisor_only_kind"),
        ("after-exiting", "hello exiting done ready run", "after_exiting"),
        ("two-lines-at-once", "hello ready garbage-frame garbage-frame run", "not_a_message"),
    ];
    are_violations(&children.map(|(name, verbs, code)| (name.into(), verbs.into(), code.into())));
}

/// Rows 48 to 52: every frame that the reference rejects, from a real child.
#[test]
fn every_rejected_golden_frame_is_rejected_from_a_real_child() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/proto/vectors/rejected.json");
    let vectors: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let children: Vec<_> = vectors
        .as_array()
        .unwrap()
        .iter()
        .enumerate()
        .map(|(at, vector)| {
            let verbs = format!("hello bytes {} run", vector["frame"].as_str().unwrap());
            (format!("vector-{at}"), verbs, vector["code"].as_str().unwrap().to_owned())
        })
        .collect();
    assert!(children.len() > 20);
    are_violations(&children);
}

/// Row 46: slow loris.
#[test]
fn a_frame_left_half_is_waited_for_five_seconds() {
    let hearken = hearken(&format!("{NEIGHBOUR}{}", service("half", "hello half-frame run")));
    let hello = hearken.wait(&event("child_hello").unit("half"));
    let broken = hearken.wait(&event("protocol_violation").unit("half"));
    assert_eq!(broken.text("code"), "half_frame");
    let waited = broken.since(&hello);
    assert!(
        waited >= Duration::from_millis(4_900) && waited < Duration::from_secs(9),
        "{waited:?}"
    );
    hearken.wait(&event("exited").unit("half").is("stopped_by", "protocol_violation"));
    assert!(Process::lives(hearken.wait(&event("started").unit("neighbour")).pid()));
}

/// Row 47: what was said before the cut counts, and the end has a reason of its own. Half of these
/// leave with the welcome unread, which ends their line by a reset.
#[test]
fn a_frame_cut_off_by_the_end_is_told_and_earlier_frames_are_kept() {
    let mut hearken = hearken(&format!(
        "{}instances = 10\n{}instances = 10\n",
        service("cut", "hello status whole truncated exit 0"),
        service("late", "hello status whole sleep 100 truncated exit 0"),
    ));
    assert_eq!(hearken.exit_code(), 0);
    for name in ["cut", "late"] {
        let status = event("child_status").unit(name).is("message", "whole");
        assert_eq!(hearken.all(&status).len(), 10, "{}", hearken.dump());
        let truncated = hearken.all(&event("truncated_frame").unit(name));
        assert_eq!(truncated.len(), 10, "{}", hearken.dump());
        assert!(truncated[0].text("reason").contains("half"), "{}", truncated[0]);
        assert_eq!(hearken.all(&event("finished").unit(name)).len(), 10);
    }
    assert!(hearken.all(&event("protocol_violation")).is_empty());
}

/// Row 53.
#[test]
fn a_child_of_another_version_fails_without_a_storm_of_restarts() {
    let mut hearken = hearken(
        "[service.newer]\ncommand = [\"{fixture}\", \"ignore-term\", \"wrong-version\", \"serve\"]\nrestart = \"always\"\n",
    );
    let refused = hearken.wait(&event("protocol_unsupported").unit("newer"));
    assert_eq!((refused.number("lowest"), refused.number("highest")), (7, 9));
    hearken.wait(&event("child_output").unit("newer").has("message", "heard Message(Reject"));
    let failed = hearken.wait(&event("failed").unit("newer"));
    assert_eq!(failed.text("code"), "protocol.unsupported", "{failed}");
    assert_eq!(hearken.exit_code(), 0);
    assert_eq!(hearken.all(&event("started")).len(), 1, "{}", hearken.dump());
}

/// Row 57: plain reads install no descriptor that a child passes.
#[test]
fn passed_descriptors_never_arrive() {
    let mut hearken = hearken(
        r#"
[service.passer]
command = ["{fixture}", "hello", "ready", "pass-descriptors", "200", "run"]
ready = "message"
[service.quiet]
command = ["{fixture}", "run"]
"#,
    );
    hearken.wait(&event("started").unit("quiet"));
    hearken.wait(&event("child_output").unit("passer").has("message", "of 200"));
    let most = Process::descriptors(hearken.pid());
    // Four for each child; the rest is hearken's own.
    assert!(most < 40, "{most} descriptors are open");
    hearken.shut_down_well();
    assert!(hearken.all(&event("protocol_violation")).is_empty(), "{}", hearken.dump());
}

/// Row 59.
#[test]
fn a_result_that_nobody_asked_for_is_counted_and_dropped() {
    let mut hearken = hearken(
        r#"
[service.eager]
command = ["{fixture}", "ignore-term", "hello", "stale-result", "stale-result", "ready", "serve"]
ready = "message"
"#,
    );
    hearken.wait(&event("ready").unit("eager"));
    hearken.shut_down_well();
    let ignored = hearken.wait(&event("frames_ignored").unit("eager"));
    assert_eq!(ignored.number("count"), 2, "{ignored}");
    assert_eq!(hearken.wait(&event("exited")).number("exit_code"), 0);
    assert!(hearken.all(&event("protocol_violation")).is_empty());
}

/// Row 56.
#[test]
fn a_child_that_never_reads_holds_up_nobody() {
    let mut hearken = hearken(&format!(
        "{NEIGHBOUR}[service.deaf]\ncommand = [\"{{fixture}}\", \"slow-reader\", \"run\"]\nready = \"message\"\n"
    ));
    hearken.wait(&event("child_progress").unit("deaf").is("done", 1_999));
    hearken.wait(&event("ready").unit("neighbour"));
    hearken.shut_down_well();
    assert_eq!(hearken.wait(&event("exited").unit("neighbour")).number("exit_code"), 0);
}

/// JSON mode keeps to the same rules.
#[test]
fn a_shell_that_says_nonsense_is_told_what_was_wrong() {
    let mut config = String::new();
    for (name, line, _) in NONSENSE {
        let line = line.replace('\'', "");
        write!(
            config,
            "[service.{name}]\nline = \"json\"\nrestart = \"never\"\n\
             shell = '''printf '%s\\n' '{line}' >&\"$HEARKEN_FD\"; sleep 1000'''\n"
        )
        .unwrap();
    }
    let mut hearken = hearken(&config);
    for (name, _, code) in NONSENSE {
        let broken = hearken.wait(&event("protocol_violation").unit(name));
        assert_eq!(broken.text("code"), code, "{broken}");
    }
    assert_eq!(hearken.exit_code(), 0);
}

const NONSENSE: [(&str, &str, &str); 4] = [
    ("no-json", "ready", "not_json"),
    ("no-such-kind", r#"{"kind":"redy"}"#, "unknown_kind_name"),
    ("a-field-missing", r#"{"kind":"status"}"#, "missing_field"),
    ("the-other-way", r#"{"kind":"ping","sequence":1}"#, "wrong_direction"),
];
