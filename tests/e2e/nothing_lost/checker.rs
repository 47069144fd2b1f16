//! The checker goes red: where something is truly lost or done twice, it says so.

use super::check::{breaches, check};
use super::promise::{Broken, Seen, of_batch, of_task};
use super::submitter::{Acknowledged, AcknowledgedBatch, Book};
use super::{killed, setup};
use crate::harness::{Gate, Hearken, event};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

fn acknowledged(hearken: &Hearken, kind: &'static str) -> Acknowledged {
    let id = hearken.add("work", &json!({"type": kind})).0;
    Acknowledged { id, kind, seen: None }
}

fn book(tasks: &[&Acknowledged]) -> Book {
    Book { tasks: tasks.iter().map(|&task| task.clone()).collect(), ..Book::default() }
}

#[track_caller]
fn broken(hearken: &Hearken, tasks: &[&Acknowledged]) -> Vec<(String, Broken)> {
    breaches(hearken, &book(tasks)).into_iter().map(|it| (it.id, it.broken)).collect()
}

#[test]
fn a_task_that_hearken_does_not_know_is_reported() {
    let mut hearken = setup("").start();
    let there = acknowledged(&hearken, "succeed");
    let id = "0192f0c1-7a3b-4c4d-8e5f-0123456789ab".to_owned();
    let never_kept = Acknowledged { id: id.clone(), kind: "succeed", seen: None };
    assert_eq!(broken(&hearken, &[&there, &never_kept]), [(id, Broken::Lost)]);
    hearken.shut_down_well();
}

#[test]
fn an_end_that_is_not_the_one_that_was_seen_is_reported() {
    let mut hearken = setup("").start();
    let mut task = acknowledged(&hearken, "succeed");
    check(&hearken, &book(&[&task]));
    task.seen = Some("dead".to_owned());
    let changed = Broken::Changed { before: "dead".to_owned(), now: "succeeded".to_owned() };
    assert_eq!(broken(&hearken, &[&task]), [(task.id.clone(), changed)]);
    hearken.shut_down_well();
}

/// The files of the store; nobody has them open.
fn store(state: &Path) -> Vec<PathBuf> {
    let all = fs::read_dir(state).unwrap().map(|it| it.unwrap().path());
    let of_store =
        |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().starts_with("tasks.");
    all.filter(of_store).collect()
}

/// What a disk does that forgets what it said it kept: the whole store is as it was a life ago.
#[test]
fn a_store_that_forgot_a_life_shows_as_a_task_lost_and_an_effect_twice() {
    let setup = setup("");
    let gate = Gate::new(&setup.folder().join("effects"));
    let state = setup.folder().join("state");
    let hearken = setup.start();
    let waits = acknowledged(&hearken, "wait");
    let it_waits = event("child_log").is("message", "it waits");
    hearken.wait(&it_waits);
    assert!(killed(&hearken, |_any| true) >= 3);
    let mut before = Vec::new();
    let hearken = hearken.again_after(|| {
        before.extend(store(&state).into_iter().map(|it| (fs::read(&it).unwrap(), it)));
    });
    gate.open(1);
    let later = acknowledged(&hearken, "succeed");
    check(&hearken, &book(&[&waits, &later]));
    assert!(killed(&hearken, |_any| true) >= 3);
    let mut hearken = hearken.again_after(|| {
        store(&state).into_iter().for_each(|it| fs::remove_file(it).unwrap());
        before.iter().for_each(|(bytes, path)| fs::write(path, bytes).unwrap());
    });
    gate.open(1);
    let twice = Broken::Runs { attempt: 2, runs: 2 };
    let expected = [(waits.id.clone(), twice), (later.id.clone(), Broken::Lost)];
    assert_eq!(broken(&hearken, &[&waits, &later]), expected);
    hearken.shut_down_well();
}

/// What is seen of a task that succeeded at its second try, with these changes.
fn seen(change: impl FnOnce(&mut Value, &mut Value, &mut BTreeMap<u64, usize>)) -> Vec<Broken> {
    let mut told = json!({"state": "succeeded", "history": [
        {"attempt": 1, "outcome": "failed"}, {"attempt": 2, "outcome": "succeeded"},
    ]});
    let (mut result, mut runs) = (json!(2), BTreeMap::from([(1, 1), (2, 1)]));
    change(&mut told, &mut result, &mut runs);
    let task = Acknowledged { id: String::new(), kind: "succeed", seen: None };
    of_task(&task, &Seen { told: Some(told), result: Some(result), runs })
}

#[test]
fn each_broken_promise_to_a_task_is_reported_by_its_name() {
    assert_eq!(seen(|_told, _result, _runs| {}), []);
    let committed = Broken::Committed { due: 1, tries: 2 };
    assert_eq!(seen(|told, _, _| told["history"][0]["outcome"] = "succeeded".into()), [committed]);
    let none = [Broken::Committed { due: 1, tries: 0 }, Broken::NotLast];
    assert_eq!(seen(|told, _, _| told["history"][1]["outcome"] = "failed".into()), none);
    let numbered = Broken::Numbered(vec![2, 2]);
    assert_eq!(seen(|told, _, _| told["history"][0]["attempt"] = 2.into()), [numbered]);
    let stale = Broken::Stale { newest: 2, result: json!(1) };
    assert_eq!(seen(|_, result, _| *result = json!(1)), [stale]);
    let twice = Broken::Runs { attempt: 1, runs: 2 };
    assert_eq!(seen(|_, _, runs| *runs = [(1, 2), (2, 1)].into()), [twice]);
    let never = Broken::Runs { attempt: 2, runs: 0 };
    assert_eq!(seen(|_, _, runs| *runs = [(1, 1)].into()), [never]);
    let ended = Broken::Ended { due: "succeeded".to_owned(), state: "waiting".to_owned() };
    assert_eq!(seen(|told, _, _| told["state"] = "waiting".into()), [ended]);
}

#[test]
fn a_batch_that_is_lost_or_counts_wrong_is_reported() {
    let on_complete = "after".to_owned();
    let batch = AcknowledgedBatch { id: String::new(), tasks: 3, failing: 1, on_complete };
    let mut told = json!({
        "on_complete": "after", "total": 3, "open": 0, "succeeded": 2, "failed": 1, "cancelled": 0,
    });
    assert_eq!(of_batch(&batch, Some(&told)), []);
    assert_eq!(of_batch(&batch, None), [Broken::Lost]);
    told["open"] = 1.into();
    let open = Broken::Counted { field: "open".to_owned(), due: json!(0), told: json!(1) };
    assert_eq!(of_batch(&batch, Some(&told)), [open]);
}
