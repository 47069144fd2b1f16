use super::*;
use crate::ledger::testing;
use crate::ledger::{Fact, file_name};
use crate::state_directory::StateDirectory;
use jiff::tz::TimeZone;
use std::fs;

fn now() -> Now {
    Now { at: testing::at(60_000), zone: TimeZone::UTC }
}

fn written(records: &[Record]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let lines: String =
        records.iter().map(|record| serde_json::to_string(record).unwrap() + "\n").collect();
    fs::write(folder.path().join(file_name(0)), lines).unwrap();
    folder
}

fn begun() -> Vec<Record> {
    let supervisor = testing::supervisor(&[("api", 2), ("db", 1)]);
    vec![
        testing::own(0, Fact::SupervisorStarted(Box::new(supervisor))),
        testing::record(5, "api", 1, Fact::Started { pid: 7, incarnation: 1 }),
        testing::record(5, "api", 1, Fact::Ready { after_ns: 9 }),
    ]
}

fn answer(folder: &Path, name: &str) -> Result<Answer, WhyError> {
    ask(&Question { directory: folder, name, history: 0 }, &now())
}

#[test]
fn a_unit_is_told_instance_by_instance() {
    let folder = written(&begun());
    let _running = StateDirectory::lock(folder.path()).unwrap();
    let text = answer(folder.path(), "api").unwrap().text(&now());
    let expected =
        "api#1 is ready since 10:00:00 (59.9 s), as pid 7.\napi#2 has not been started yet.\n";
    assert_eq!(text, expected);
    let one = answer(folder.path(), "api#2").unwrap();
    assert_eq!(one.instances.len(), 1);
}

#[test]
fn names_that_are_none_say_what_there_is() {
    let folder = written(&begun());
    let said = |name: &str| answer(folder.path(), name).unwrap_err().to_string();
    assert_eq!(said("apo"), "there is no unit \"apo\". Did you mean \"api\"? There is: api, db");
    assert_eq!(said("zebra"), "there is no unit \"zebra\". There is: api, db");
    assert_eq!(said("api#3"), "api has 2 instances, api#3 is none of them");
    for name in ["api#x", "../x", "", "#1"] {
        assert!(said(name).contains("is no name of a unit"), "{name}");
    }
}

#[test]
fn a_supervisor_that_was_killed_is_told_of() {
    let folder = written(&begun());
    let answer = answer(folder.path(), "api#1").unwrap();
    let text = answer.text(&now());
    assert!(text.contains("hearken itself is not running"), "{text}");
    assert!(text.contains("at about 10:00:00 or later"), "{text}");
    assert!(
        text.contains(
            "api#1 was ready since 10:00:00, as pid 7; its process was killed with hearken."
        ),
        "{text}"
    );
    assert!(!answer.supervisor.running);
}

#[test]
fn one_that_ended_in_good_order_is_told_of() {
    let mut records = begun();
    let because = Some("the critical unit db failed".into());
    records.push(testing::own(30_000, Fact::SupervisorStopped { exit_code: 1, because }));
    let folder = written(&records);
    let text = answer(folder.path(), "db").unwrap().text(&now());
    let expected = "hearken is not running: it ended at 10:00:30, 30 s ago, with exit code 1: the critical unit db failed.\ndb#1 was never started.\n";
    assert_eq!(text, expected);
}

#[test]
fn history_goes_back_through_older_files() {
    let folder = written(&begun());
    let old: String = (1..=3)
        .map(|n| serde_json::to_string(&*testing::ended("api", 1, n)).unwrap() + "\n")
        .collect();
    fs::write(folder.path().join(file_name(2)), old).unwrap();
    let asked = Question { directory: folder.path(), name: "api#1", history: 2 };
    let answer = ask(&asked, &now()).unwrap();
    let kept: Vec<_> =
        answer.instances[0].history.iter().map(|one| testing::incarnation(one)).collect();
    assert_eq!(kept, [3, 2]);
    assert!(answer.text(&now()).contains("    10:00:00: exited with code 1 (crashed) after 2 s; the default for exit code 1 decided: to start again after 200 ms"));
}

#[test]
fn flaws_are_counted_and_named_but_not_the_line_that_is_being_written() {
    let folder = written(&begun());
    let path = folder.path().join(file_name(0));
    let text = fs::read_to_string(&path).unwrap();
    let (first, rest) = text.split_once('\n').unwrap();
    fs::write(&path, format!("{first}\nrubbish\n{rest}{{\"time\":")).unwrap();
    let dead = answer(folder.path(), "api").unwrap();
    assert_eq!(dead.unreadable.len(), 2);
    assert!(dead.unreadable[0].contains("ledger.jsonl:2: expected value"), "{dead:?}");
    let _running = StateDirectory::lock(folder.path()).unwrap();
    assert_eq!(answer(folder.path(), "api").unwrap().unreadable.len(), 1);
}

#[test]
fn json_tells_the_same() {
    let folder = written(&begun());
    let json = answer(folder.path(), "api#1").unwrap().json();
    let value: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(value["supervisor"]["running"], false);
    assert_eq!(value["instances"][0]["state"], "ready");
    assert_eq!(value["instances"][0]["pid"], 7);
}
