//! The catalogue: every event, rendered, held against `events.jsonl` beside the crate.
//!
//! People filter and alert on names and fields. A change shows up here as a difference to the file;
//! `HEARKEN_BLESS=1` writes it anew, and the difference stands in the review.

use super::{
    ChildLog, ChildOutput, ChildStatus, child, control, daemon, ledger, lifecycle, notify, probe,
    task, together,
};
use crate::logs::{self, Style};
use std::collections::BTreeSet;

const CATALOGUE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/events.jsonl");

/// Something to show in a field.
pub(super) trait Sample {
    fn sample() -> Self;
}

impl Sample for &str {
    fn sample() -> Self {
        "7"
    }
}

impl<T: Sample> Sample for Option<T> {
    fn sample() -> Self {
        Some(T::sample())
    }
}

macro_rules! samples {
    ($($of:ty = $value:expr),*) => {
        $( impl Sample for $of { fn sample() -> Self { $value } } )*
    };
}
samples!(u32 = 7, u64 = 7, i32 = 7, i64 = 7, f64 = 0.5, bool = true);

fn emit_all() {
    daemon::emit_samples();
    control::emit_samples();
    ledger::emit_samples();
    lifecycle::emit_samples();
    notify::emit_samples();
    probe::emit_samples();
    task::emit_samples();
    together::emit_samples();
    child::emit_samples();
    ChildOutput { unit: "7", instance: 7, stream: "7", partial: true, text: "7" }.emit();
    ChildStatus { unit: "7", instance: 7, text: "7" }.emit();
    for level in 0..=5 {
        ChildLog {
            unit: "7",
            instance: 7,
            level,
            text: "7",
            target: Some("7"),
            fields: Some("{\"seven\":7}"),
            time_us: Some(7),
        }
        .emit();
    }
}

fn rendered(style: Style) -> String {
    logs::rendered(style, emit_all)
}

#[test]
fn every_event_is_in_the_catalogue_as_it_is_rendered() {
    let now: String = rendered(Style::Json)
        .lines()
        .map(|line| {
            let mut event: serde_json::Map<_, _> = serde_json::from_str(line).expect(line);
            assert!(event.remove("time").is_some(), "{line}");
            serde_json::to_string(&event).unwrap() + "\n"
        })
        .collect();
    if std::env::var_os("HEARKEN_BLESS").is_some() {
        std::fs::write(CATALOGUE, &now).unwrap();
    }
    let known = std::fs::read_to_string(CATALOGUE).unwrap();
    assert_eq!(
        now, known,
        "names and fields of events are an interface; HEARKEN_BLESS=1 writes the new ones"
    );
}

#[test]
fn every_event_has_a_name_of_its_own_and_a_sentence_for_people() {
    let mut names = BTreeSet::new();
    for line in rendered(Style::Json).lines() {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        let name = event["event"].as_str().expect(line).to_owned();
        assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{name}");
        assert!(!event["message"].as_str().expect(line).is_empty(), "{line}");
        assert!(
            names.insert(name.clone()) || name == ChildLog::NAME,
            "{name} stands for two events"
        );
    }
    assert!(names.len() > 40, "{names:?}");
    let people = rendered(Style::Human { colour: false });
    assert_eq!(people.lines().count(), rendered(Style::Json).lines().count(), "one line each");
    assert!(!people.contains('\x1b'), "no colour where none was asked for");
}
