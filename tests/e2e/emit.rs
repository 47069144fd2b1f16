//! `hearken emit`: what a script says reaches hearken as if an SDK had said it.

use crate::harness::{Hearken, Setup, event};
use std::io::Write;
use std::path::PathBuf;
use std::process::{Output, Stdio};

/// A place for `hearken` that a script finds by a short name.
fn with_hearken(services: &str) -> Setup {
    let setup = Setup::new(services);
    let program = PathBuf::from(setup.command(&[]).get_program());
    std::os::unix::fs::symlink(program, setup.folder().join("hearken")).unwrap();
    setup
}

/// A service that speaks JSON, and does this.
fn script(lines: &str, more: &str) -> Hearken {
    let setup = with_hearken(&format!(
        "[service.script]\ncommand = [\"/bin/sh\", \"{{folder}}/script\"]\nline = \"json\"\n\
         directory = \"{{folder}}\"\n{more}\n"
    ));
    let setup = setup.supervisor("log = \"debug\"");
    setup.file("script", lines.as_bytes(), 0o644);
    setup.start()
}

/// Runs `hearken emit` beside no supervisor at all.
fn alone(arguments: &[&str], input: &[u8]) -> Output {
    let words: Vec<&str> = ["emit"].iter().chain(arguments).copied().collect();
    let setup = Setup::new("");
    let mut command = setup.command(&words);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.env_remove("HEARKEN_FD").spawn().unwrap();
    // One that refuses its arguments reads nothing.
    let _unread = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

#[track_caller]
fn said_alone(arguments: &[&str], input: &[u8]) -> serde_json::Value {
    let output = alone(arguments, input);
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {text}");
    assert!(output.stdout.is_empty());
    serde_json::from_str(&text).unwrap()
}

#[track_caller]
fn refused(arguments: &[&str], input: &[u8], code: i32) -> String {
    let output = alone(arguments, input);
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {text}");
    text
}

#[test]
fn everything_a_script_emits_is_heard() {
    let mut hearken = script(
        "set -e\n\
         ./hearken emit status 'warming up'\n\
         ./hearken emit progress 3 9 --unit files --stage scan --message 'on its way'\n\
         ./hearken emit log --level warn 'disk nearly full' --field used=93 --target df\n\
         ./hearken emit metric queue.length -1.5 --type gauge --label host=a\n\
         ./hearken emit error transient db.down 'no connection' --retry-after 30s --dependency db\n",
        "restart = \"never\"",
    );
    let unit = |name| event(name).unit("script");
    hearken.wait(&unit("child_status").is("message", "warming up"));
    let progress = hearken.wait(&unit("child_progress").is("done", 3).is("total", 9));
    assert_eq!(progress.text("of"), "files", "{progress}");
    assert_eq!(progress.text("stage"), "scan", "{progress}");
    assert_eq!(progress.text("text"), "on its way", "{progress}");
    let log = hearken.wait(&unit("child_log").is("level", "warn"));
    assert!(log.text("message").starts_with("disk nearly full"), "{log}");
    assert_eq!(log.text("source"), "df", "{log}");
    assert_eq!(log.field("fields"), Some(&serde_json::json!({"used": 93})), "{log}");
    let metric = hearken.wait(&unit("child_metric").is("name", "queue.length"));
    assert_eq!(metric.field("value"), Some(&(-1.5).into()), "{metric}");
    let error = hearken.wait(&unit("child_error").is("code", "db.down"));
    assert_eq!((error.text("kind"), error.text("dependency")), ("transient", "db"), "{error}");
    assert_eq!(error.number("retry_after_ms"), 30_000, "{error}");
    assert_eq!(hearken.exit_code(), 0);
    assert!(hearken.all(&event("protocol_violation")).is_empty(), "{}", hearken.dump());
}

#[test]
fn an_emitted_error_decides_what_follows_the_exit() {
    let hearken = script("./hearken emit error config app.key 'no key'; exit 1\n", "");
    let failed = hearken.wait(&event("failed").unit("script"));
    assert_eq!((failed.text("kind"), failed.text("code")), ("config", "app.key"), "{failed}");
}

#[test]
fn lines_of_many_processes_at_once_do_not_mix() {
    let mut hearken = script(
        "long=$(printf '%08000d' 0)\n\
         for n in 1 2 3 4 5 6 7 8; do ./hearken emit log \"$n $long\" & done; wait\n",
        "restart = \"never\"",
    );
    let logged = hearken.wait_for_many(&event("child_log").unit("script"), 8);
    assert!(logged.iter().all(|log| log.text("message").starts_with("8002 characters")));
    assert_eq!(hearken.exit_code(), 0);
    assert!(hearken.all(&event("protocol_violation")).is_empty(), "{}", hearken.dump());
}

#[test]
fn a_result_of_a_process_without_a_task_is_ignored_and_ends_nothing() {
    let mut hearken = script(
        "./hearken emit result '{\"x\":1}' && ./hearken emit status after\n",
        "restart = \"never\"",
    );
    hearken.wait(&event("child_status").is("message", "after"));
    hearken.wait(&event("frames_ignored").unit("script"));
    assert_eq!(hearken.exit_code(), 0);
}

#[test]
fn without_hearken_it_prints_what_it_would_have_said() {
    let result = said_alone(&["result", "-"], b"{\"x\": [1, \"\xc3\xa4\"]}\n");
    assert_eq!(result["kind"], "result");
    assert_eq!(result["data"]["x"][1], "ä");
    assert_eq!(said_alone(&["result", "-", "--text"], b"{no json")["data"], "{no json");
    assert_eq!(said_alone(&["result", "-1.5"], b"")["data"], -1.5);
    assert_eq!(said_alone(&["progress", "--message", "begun"], b"")["message"], "begun");
    assert!(said_alone(&["result"], b"").get("data").is_none());
    let snooze = said_alone(&["snooze", "1h30m", "not there yet"], b"");
    assert_eq!(snooze["delay_ms"], 5_400_000);
    assert_eq!(snooze["reason"], "not there yet");
}

#[test]
fn a_long_message_is_cut_and_a_long_result_is_refused() {
    let long = "x".repeat(20_000);
    let cut = said_alone(&["status", &long], b"")["text"].as_str().unwrap().to_owned();
    assert!(cut.len() <= 8192 && cut.ends_with("…[cut]"), "{}", cut.len());
    let error = said_alone(&["error", "bug", "app.bug", &long], b"");
    assert!(error["message"].as_str().unwrap().len() <= 8192);
    let large = format!("\"{}\"", "y".repeat(70_000));
    assert!(refused(&["result", "-"], large.as_bytes(), 2).contains("goes to standard output"));
    let endless = vec![b'z'; 2 << 20];
    assert!(refused(&["result", "-", "--text"], &endless, 2).contains("goes to standard output"));
}

#[test]
fn arguments_that_make_no_sense_are_refused_before_anything_is_said() {
    let table: [(&[&str], &str); 14] = [
        (&["error", "oom", "a.b", "x"], "only hearken says that"),
        (&["error", "sometimes", "a.b", "x"], "transient, timeout, rate_limited"),
        (&["error", "bug", "a b", "x"], "write it dotted"),
        (&["error", "bug", "", "x"], "empty"),
        (&["error", "bug", "a.b", "x", "--retry-after", "30"], "30s"),
        (&["log", "--level", "loud", "x"], "trace, debug, info"),
        (&["log", "x", "--field", "novalue"], "KEY=VALUE"),
        (&["progress"], "<DONE>"),
        (&["progress", "-1"], "-1"),
        (&["progress", "three"], "three"),
        (&["metric", "m", "NaN"], "finite"),
        (&["metric", "m", "1", "--type", "sum"], "counter, gauge, histogram"),
        (&["snooze", "soon", "x"], "soon"),
        (&["result", "{x}"], "--text"),
    ];
    for (arguments, expected) in table {
        let text = refused(arguments, b"", 2);
        assert!(text.contains(expected), "{arguments:?}: {text}");
    }
}

#[test]
fn a_descriptor_that_is_no_line_is_told_and_left_alone() {
    for (value, expected) in
        [("x", "is no descriptor"), ("0", "is no descriptor"), ("77", "is not the line")]
    {
        let setup = Setup::new("");
        let mut command = setup.command(&["emit", "status", "well"]);
        let output = command.env("HEARKEN_FD", value).output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(69), "{value}: {text}");
        assert!(text.contains(expected), "{value}: {text}");
    }
}
