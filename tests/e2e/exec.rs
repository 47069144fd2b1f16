//! Pools of programs that know nothing of hearken: how they get a task, and what becomes of what
//! they write.

use crate::harness::{Hearken, Process, Setup, TaskId, Told, event};
use serde_json::{Value, json};

/// A pool `p` of one process a task, with these lines in its table.
pub(crate) fn pool(lines: &str) -> Setup {
    Setup::new(&format!("[pool.p]\nmode = \"exec\"\ndurability = \"memory\"\n{lines}\n"))
}

fn exec(lines: &str) -> Hearken {
    pool(lines).start()
}

/// A pool that runs this script of a shell.
fn shell(script: &str, lines: &str) -> Hearken {
    exec(&format!("shell = '''\n{script}\n'''\n{lines}"))
}

#[track_caller]
pub(crate) fn succeeded(hearken: &Hearken, payload: Value) -> TaskId {
    let task = hearken.task("p", payload);
    let told = hearken.end_of(&task);
    assert_eq!(told.state(), "succeeded", "{:#}\n{}", told.0, hearken.dump());
    task
}

/// What a program wrote about a payload.
#[track_caller]
fn result(hearken: &Hearken, payload: Value) -> Value {
    let task = succeeded(hearken, payload);
    hearken.result_of(&task)
}

/// A task that ends dead, with this code.
#[track_caller]
pub(crate) fn dead(hearken: &Hearken, payload: Value, code: &str) -> Told {
    let told = hearken.end_of(&hearken.task("p", payload));
    assert_eq!(told.state(), "dead", "{:#}\n{}", told.0, hearken.dump());
    assert_eq!(told.of_tries("error.code").last().unwrap(), code, "{:#}", told.0);
    told
}

#[test]
fn a_payload_is_read_on_standard_input() {
    let hearken = exec("command = [\"cat\"]");
    for text in ["", "text as it is", "two\nlines", "$(reboot); `x`", "\u{0}nul", "grüße"] {
        assert_eq!(result(&hearken, json!(text)), text);
    }
    assert_eq!(result(&hearken, json!({"b": [1, null], "a": "x"})), r#"{"a":"x","b":[1,null]}"#);
    assert_eq!(result(&hearken, json!(-2.5)), "-2.5");
    assert_eq!(result(&hearken, Value::Null), "", "nothing is nothing");
}

#[test]
fn a_payload_of_many_megabytes_is_read_or_left() {
    let hearken = exec("command = [\"wc\", \"-c\"]\nmax_payload = \"15MiB\"");
    let payload = "x".repeat(8 << 20);
    assert_eq!(result(&hearken, json!(payload)), payload.len().to_string());
    let careless = exec("command = [\"echo\", \"unread\"]\nmax_payload = \"15MiB\"");
    assert_eq!(result(&careless, json!(payload)), "unread");
}

#[test]
fn a_payload_stands_in_the_arguments() {
    let command = r#"["printf", "%s|", "{}", "{.}", "{/}", "{//}", "{/.}", "out/{/.}.png", "{1}"]"#;
    let hearken = exec(&format!("command = {command}"));
    for (payload, expected) in [
        (json!("in/cat.jpg"), "in/cat.jpg|in/cat|cat.jpg|in|cat|out/cat.png|{1}|"),
        (json!("plain"), "plain|plain|plain|.|plain|out/plain.png|{1}|"),
        (json!(42), "42|42|42|.|42|out/42.png|{1}|"),
        (json!("a b; $(x)"), "a b; $(x)|a b; $(x)|a b; $(x)|.|a b; $(x)|out/a b; $(x).png|{1}|"),
        (json!("{/}"), "{/}|{/}|}|{|}|out/}.png|{1}|"),
    ] {
        assert_eq!(result(&hearken, payload), expected);
    }
    // With a payload in its arguments a program has nothing to read.
    let hearken = exec("command = [\"sh\", \"-c\", \"cat; echo $1\", \"sh\", \"{}\"]");
    assert_eq!(result(&hearken, json!("alone")), "alone");
}

#[test]
fn a_payload_that_is_no_argument_ends_its_task_and_nothing_else() {
    let hearken = exec("command = [\"echo\", \"{}\", \"{}\"]\nmax_payload = \"60000B\"");
    for payload in [json!({"a": 1}), json!([1]), json!(true), Value::Null, json!("nul \u{0}")] {
        let told = dead(&hearken, payload, "payload.not_an_argument");
        assert_eq!(told.of_tries("error.kind"), ["invalid"]);
        assert!(told.of_tries("error.message")[0].contains("take `{}` out"), "{:#}", told.0);
    }
    // The most that `max_payload` lets in fits, however often it stands there.
    let long = "x".repeat(59_990);
    assert_eq!(result(&hearken, json!(long)), format!("{long} {long}"));
    assert_eq!(result(&hearken, json!("good")), "good good");
    assert!(hearken.all(&event("failed")).is_empty(), "{}", hearken.dump());
}

#[test]
fn what_a_program_writes_is_its_result_in_the_form_that_was_asked_for() {
    let text = exec("command = [\"cat\"]\nresult = \"text\"\nretry = 1");
    assert_eq!(result(&text, json!("one\ntwo\n")), "one\ntwo", "without the last newline");
    let json_pool = exec("command = [\"cat\"]\nresult = \"json\"\nretry = 1");
    assert_eq!(
        result(&json_pool, json!(" {\"z\": [1, 2.5], \"a\": null}\n")),
        json!({"z": [1, 2.5], "a": null})
    );
    for wrong in ["", "{", "1 2", "no json"] {
        dead(&json_pool, json!(wrong), "result.not_json");
    }
    let none = exec("command = [\"cat\"]\nresult = \"none\"");
    assert_eq!(result(&none, json!("a line for the log")), Value::Null);
    none.wait(&event("child_output").unit("p").is("message", "a line for the log"));
    let binary = shell("printf '\\200\\377'", "result = \"text\"\nretry = 1");
    dead(&binary, Value::Null, "result.not_text");
}

/// A value takes more room than the text it was read from: neither form may lose a task for that.
#[test]
fn a_text_or_json_of_just_the_limit_is_a_result() {
    let lines = "max_payload = \"4MiB\"\nmax_result = \"1MiB\"\nretry = 1";
    let text = exec(&format!("command = [\"cat\"]\nresult = \"text\"\n{lines}"));
    let numbers = exec(&format!("command = [\"cat\"]\nresult = \"json\"\n{lines}"));
    for length in [(1 << 20) - 5, (1 << 20) - 1, 1 << 20] {
        let payload = "x".repeat(length);
        let task = succeeded(&text, json!(payload));
        let found = text.result_bytes(&task);
        let value = serde_json::to_vec(&payload).unwrap();
        let same = found == payload.as_bytes() || found.trim_ascii_end() == value;
        assert!(same, "{length}: {}", found.len());
        // Nine bytes each as a value, four as they stand here.
        let payload = format!("[{}0.5]", "0.5,".repeat((length - 5) / 4));
        let task = succeeded(&numbers, json!(payload));
        let found = numbers.result_bytes(&task);
        assert!(found == payload.as_bytes(), "{length}: {}", found.len());
    }
    dead(&text, json!("x".repeat((1 << 20) + 1)), "result.too_large");
}

#[test]
fn bytes_come_back_as_they_were_written() {
    let setup = pool("command = [\"cat\", \"{folder}/{}\"]\nresult = \"bytes\"");
    // Of every byte, and of the lengths where a result goes from one place to another.
    let every: Vec<u8> = (0..=255).collect();
    let files = [0, 1, 256, 65_536, 262_144, 1 << 20, (1 << 20) + 1, 5_000_000];
    for length in files {
        let bytes: Vec<u8> = every.iter().copied().cycle().take(length).collect();
        setup.file(&length.to_string(), &bytes, 0o644);
    }
    let hearken = setup.start();
    for length in files {
        let task = succeeded(&hearken, json!(length.to_string()));
        let expected = std::fs::read(hearken.folder().join(length.to_string())).unwrap();
        assert!(hearken.result_bytes(&task) == expected, "{length} bytes");
    }
}

#[test]
fn a_result_may_be_as_long_as_max_result_and_no_longer() {
    let hearken = shell(
        "head -c \"$(cat)\" /dev/zero",
        "result = \"bytes\"\nmax_result = \"2MiB\"\nretry = 1",
    );
    let task = succeeded(&hearken, json!((2 << 20).to_string()));
    assert_eq!(hearken.result_bytes(&task).len(), 2 << 20);
    dead(&hearken, json!(((2 << 20) + 1).to_string()), "result.too_large");
}

/// Row 71.
#[test]
fn a_program_that_writes_a_gigabyte_is_stopped_and_costs_no_memory() {
    let script = "read -r bytes; head -c \"$bytes\" /dev/zero";
    let hearken = shell(script, "max_result = \"1MiB\"\nretry = 1");
    succeeded(&hearken, json!("1048576\n"));
    let before = Process::status(hearken.pid(), "VmHWM");
    let told = dead(&hearken, json!("1073741824\n"), "result.too_large");
    assert!(told.of_tries("error.message")[0].contains("max_result"), "{:#}", told.0);
    let after = Process::status(hearken.pid(), "VmHWM");
    assert!(after < before + 4 * 1024, "from {before} to {after} KiB");
    let endless = shell("cat /dev/zero", "max_result = \"1MiB\"\nretry = 1");
    dead(&endless, Value::Null, "result.too_large");
}

/// Row 63.
#[test]
fn a_grandchild_that_keeps_standard_output_does_not_keep_the_result() {
    let hearken = shell("sleep 1000 & echo whole; head -c 50000 /dev/zero | tr '\\0' x", "");
    let text = result(&hearken, Value::Null);
    assert_eq!(text.as_str().unwrap().len(), "whole\n".len() + 50_000);
    hearken.wait(&event("leftovers_killed").unit("p"));
    let away = shell("setsid sleep 3 & echo away", "");
    assert_eq!(result(&away, Value::Null), "away");
}

#[test]
fn a_process_knows_its_task() {
    let script = "[ \"$HEARKEN_TASK_ATTEMPT\" -ge 3 ] || exit 75\n\
                  echo \"$HEARKEN_TASK_ID $HEARKEN_TASK_ATTEMPT $HEARKEN_TASK_TYPE $HEARKEN_TASK_KEY\"";
    let hearken = shell(script, "retry = { attempts = 5, delay = \"10ms\" }");
    let task = hearken.add("p", &json!({"type": "resize", "key": "k 1", "payload": null}));
    assert_eq!(hearken.result_of(&task), format!("{} 3 resize k 1", task.0));
    assert_eq!(hearken.show(&task).counters(), (2, 0, 0));
    let plain = shell("env | grep -c '^HEARKEN_TASK_'", "");
    assert_eq!(result(&plain, Value::Null), "2", "no type and no key");
}
