//! Results: whole, in pieces, spooled, and none.

use crate::harness::{Hearken, PATIENCE, TaskId, until};
use crate::pools::pool;
use serde_json::{Value, json};

fn hearken(lines: &str) -> Hearken {
    pool("", &format!("workers = 1\nretry = 1\n{lines}")).start()
}

#[track_caller]
fn succeeded(hearken: &Hearken, steps: Value) -> TaskId {
    let task = hearken.task("p", steps);
    let told = hearken.end_of(&task);
    assert_eq!(told.state(), "succeeded", "{:#}\n{}", told.0, hearken.dump());
    task
}

/// Pieces of this length, each full of its own number.
fn pieces(count: usize, length: usize) -> Vec<u8> {
    (0..count).flat_map(|at| vec![u8::try_from(at % 251).unwrap(); length]).collect()
}

#[test]
fn a_value_comes_back_as_it_was() {
    let hearken = hearken("");
    let value = json!({"text": "ü", "deep": [[[1, -1, 0.5]]], "none": null, "big": u64::MAX});
    let task = succeeded(&hearken, json!([{"kind": "result", "data": value}]));
    assert_eq!(hearken.result_of(&task), value);
    let task = succeeded(&hearken, json!([{"kind": "result"}]));
    assert_eq!(hearken.result_of(&task), Value::Null);
}

#[test]
fn a_result_in_pieces_is_put_together() {
    let hearken = hearken("");
    let small = succeeded(&hearken, json!([["chunks", 3, 10]]));
    assert_eq!(hearken.result_bytes(&small), pieces(3, 10));
    let none = succeeded(&hearken, json!([["chunks", 1, 0]]));
    assert_eq!(hearken.result_bytes(&none), b"");
}

#[test]
fn a_result_around_the_limit_of_what_is_held_is_kept_whole() {
    let hearken = hearken("");
    for (count, length) in [(4, 256 * 1024 - 1), (4, 256 * 1024), (5, 256 * 1024), (5000, 500)] {
        let task = succeeded(&hearken, json!([["chunks", count, length]]));
        assert!(hearken.result_bytes(&task) == pieces(count, length), "{count} of {length}");
    }
}

#[test]
fn a_large_result_is_spooled() {
    let hearken = hearken("");
    let task = succeeded(&hearken, json!([["chunks", 160, 256 * 1024]]));
    assert!(hearken.result_bytes(&task) == pieces(160, 256 * 1024));
}

#[test]
fn a_result_that_is_too_large_is_an_error_that_says_so() {
    let hearken = hearken("max_result = \"1MiB\"");
    let most = succeeded(&hearken, json!([["chunks", 4, 256 * 1024]]));
    assert_eq!(hearken.result_bytes(&most).len(), 1024 * 1024);
    let task = hearken.task("p", json!([["chunks", 5, 256 * 1024]]));
    let told = hearken.end_of(&task);
    assert_eq!(told.state(), "dead");
    assert_eq!(told.of_tries("error.code"), ["result.too_large"]);
    assert!(told.of_tries("error.message")[0].contains("max_result"));
    succeeded(&hearken, json!([]));
}

#[test]
fn pieces_that_are_no_whole_are_no_result() {
    let hearken = hearken("");
    for steps in [json!([["chunks-shuffled"]]), json!([{"kind": "result", "chunks": 2}])] {
        let task = hearken.task("p", steps);
        let told = hearken.end_of(&task);
        assert_eq!(
            (told.state(), told.of_tries("error.code")),
            ("dead", vec!["result.pieces".to_owned()])
        );
    }
    succeeded(&hearken, json!([["chunks", 2, 10]]));
}

#[test]
fn the_pieces_of_a_try_that_failed_are_not_in_the_result_of_the_next() {
    let hearken = pool("", "workers = 1\nretry = { delay = \"10ms\" }").start();
    let first = json!([["some-chunks", 6, 200_000], ["signal", 9]]);
    let task = hearken.task("p", json!([["attempt", 1, first], ["chunks", 8, 256 * 1024]]));
    assert_eq!(hearken.end_of(&task).state(), "succeeded", "{}", hearken.dump());
    assert!(hearken.result_bytes(&task) == pieces(8, 256 * 1024));
}

#[test]
fn old_tasks_are_forgotten_faster_than_a_page_a_sweep() {
    const TASKS: usize = 10_000;
    let hearken = pool("", "workers = 1\nforget = { cancelled = \"1s\" }").start();
    let later = json!({"payload": null, "delay": "1h"});
    let tasks = json!({"tasks": vec![&later; TASKS], "batch": {"policy": "all"}});
    let submitted = hearken.submit("p", &tasks).json();
    let batch = submitted["batch"].as_str().unwrap_or_else(|| panic!("{submitted}"));
    let cancelled = hearken.ask("POST", &format!("/v1/batches/{batch}/cancel"), "").json();
    assert_eq!(cancelled["cancelled"], TASKS);
    until("all to be forgotten", PATIENCE, || {
        let pools = hearken.ask("GET", "/v1/pools", "").json();
        (pools["pools"][0]["tasks"] == json!({})).then_some(())
    });
}
