//! How results are written, read back by parsers that are not ours.

use super::shell::{Ran, Shell};
use crate::harness::skip;
use crate::sdk::PYTHON;
use serde_json::{Value, json};
use std::io::Write as _;
use std::process::{Command, Stdio};

/// Results of these inputs, one of which fails.
#[track_caller]
fn written(options: &[&str]) -> Ran {
    let script = r#"case $1 in bad) exit 65 ;; *) printf 'say "%s", twice\n' "$1" ;; esac"#;
    let command = ["--", "sh", "-c", script, "sh", ":::", "plain", "bad", "two\nlines", "grüße"];
    Shell::new().run(&[&["--exec"], options, &command].concat())
}

const TEXTS: [&str; 3] =
    ["say \"plain\", twice", "say \"two\nlines\", twice", "say \"grüße\", twice"];

/// What Python makes of these bytes by this expression over `text`.
fn python(expression: &str, bytes: &[u8]) -> Option<Value> {
    let script = format!(
        "import csv, io, json, sys; text = sys.stdin.buffer.read().decode(); print(json.dumps({expression}))"
    );
    let mut child = Command::new(PYTHON)
        .args(["-c", &script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .ok()?;
    child.stdin.take().unwrap().write_all(bytes).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{expression}");
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

#[track_caller]
fn check(rows: &Value, nothing: &Value) {
    let rows = rows.as_array().unwrap();
    let each = |field: &str| rows.iter().map(|it| it[field].clone()).collect::<Vec<_>>();
    let status = ["ok", "failed", "ok", "ok"];
    assert_eq!(each("status"), status);
    assert_eq!(
        each("result"),
        [json!(TEXTS[0]), nothing.clone(), json!(TEXTS[1]), json!(TEXTS[2])]
    );
    assert_eq!(each("input"), ["plain", "bad", "two\nlines", "grüße"]);
}

#[test]
fn ndjson_is_one_object_a_line() {
    let ran = written(&["-k", "--with-input"]);
    assert_eq!(ran.code(), 1, "{}", ran.said);
    match python("[json.loads(line) for line in text.splitlines()]", &ran.out) {
        Some(rows) => check(&rows, &Value::Null),
        None => skip("no python3 here"),
    }
}

#[test]
fn json_is_one_array() {
    let ran = written(&["-k", "--with-input", "--format", "json"]);
    match python("json.loads(text)", &ran.out) {
        Some(rows) => check(&rows, &Value::Null),
        None => skip("no python3 here"),
    }
    let nothing = Shell::new().run(&["--exec", "--format", "json", "--", "true", ":::"]);
    assert_eq!(serde_json::from_slice::<Value>(&nothing.out).unwrap(), json!([]));
}

#[test]
fn csv_has_a_header_and_quotes() {
    let ran = written(&["-k", "--with-input", "--format", "csv"]);
    match python("list(csv.DictReader(io.StringIO(text, newline='')))", &ran.out) {
        Some(rows) => {
            check(&rows, &json!(""));
            assert_eq!(
                (&rows[1]["kind"], &rows[1]["code"]),
                (&json!("invalid"), &json!("exit.65"))
            );
            assert_eq!((&rows[1]["attempts"], &rows[0]["index"]), (&json!("1"), &json!("1")));
        }
        None => skip("no python3 here"),
    }
}

#[test]
fn raw_is_what_programs_wrote_and_nothing_else() {
    let ran = written(&["-k", "--format", "raw"]);
    assert_eq!(ran.code(), 1);
    assert_eq!(ran.text(), TEXTS.map(|text| format!("{text}\n")).concat());
    let bytes = Shell::new().run(&[
        "--exec",
        "--format",
        "raw",
        "--",
        "printf",
        "\\200{}\\377",
        ":::",
        "x",
    ]);
    assert_eq!((bytes.code(), bytes.out), (0, b"\x80x\xff".to_vec()));
}

#[test]
fn bytes_that_are_no_text_are_base64_in_json() {
    let arguments = ["--exec", "--result", "bytes", "--", "printf", "\\200{}\\377", ":::", "x"];
    let ran = Shell::new().run(&arguments);
    assert_eq!(ran.of_each(0, "result_base64"), ["gHj/"]);
}

#[test]
fn results_come_as_they_end_or_in_the_order_of_the_inputs() {
    // The first waits for the third, which begins when the second has ended.
    let script = "case $1 in 1) read -r _ < pipe ;; 3) echo go > pipe ;; esac; echo $1";
    let order = |options: &[&str]| {
        let command = ["--", "sh", "-c", script, "sh", ":::", "1", "2", "3"];
        let arguments = [&["--exec", "-j", "2", "--format", "raw"], options, &command].concat();
        let shell = Shell::new();
        nix::unistd::mkfifo(&shell.path("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        let ran = shell.run(&arguments);
        assert_eq!(ran.code(), 0, "{}", ran.said);
        ran.text()
    };
    assert_eq!(order(&["--ordered"]), "1\n2\n3\n");
    assert!(order(&[]).starts_with("2\n"), "the second ended first");
}
