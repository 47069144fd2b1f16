//! What children write becomes events: whole, marked, or counted as dropped; and never at the
//! price of a neighbour.

use crate::harness::{PATIENCE, Process, Setup, alone, event, hearken, until};
use std::time::Duration;

const NEIGHBOUR: &str = r#"
[service.neighbour]
command = ["{fixture}", "print-lines", "300", "3", "run"]
"#;

fn resident_kb(pid: i32) -> u64 {
    Process::status(pid, "VmHWM")
}

/// Row 65.
#[test]
fn a_flood_costs_the_neighbour_no_line_and_the_supervisor_no_memory() {
    let _alone = alone();
    let mut hearken = Setup::new(&format!(
        "{NEIGHBOUR}[service.flood]\ncommand = [\"{{fixture}}\", \"flood-output\", \"100\"]\n"
    ))
    .start();
    hearken.wait(&event("exited").unit("flood").is("exit_code", 0));
    hearken.wait(&event("child_output").unit("neighbour").is("message", "line 300"));
    let lines = hearken.all(&event("child_output").unit("neighbour"));
    assert_eq!(lines.len(), 300, "none is lost");
    let texts: Vec<_> = lines.iter().map(|line| line.text("message").to_owned()).collect();
    let expected: Vec<_> = (1..=300).map(|number| format!("line {number}")).collect();
    assert_eq!(texts, expected, "and none out of order");
    let resident = resident_kb(hearken.pid());
    assert!(resident < 64 * 1024, "{resident} KiB");
    let came = hearken.all(&event("child_output").unit("flood")).len();
    let dropped: i64 = hearken
        .all(&event("output_dropped").unit("flood"))
        .iter()
        .map(|it| it.number("lines"))
        .sum();
    let all = 100 * ((1 << 20) / 1024);
    assert_eq!(came + usize::try_from(dropped).unwrap(), all, "each line came or was counted");
    hearken.shut_down_well();
}

/// Row 65: the reader of standard error stops reading. No child waits for it.
#[test]
fn a_log_that_nobody_reads_blocks_no_child_and_drops_are_counted() {
    let _alone = alone();
    let mut hearken = Setup::new(
        r#"
[service.flood]
command = ["{fixture}", "sleep", "300", "flood-output", "30"]
restart = "never"
[service.web]
command = ["{fixture}", "run"]
"#,
    )
    .start();
    let flood = hearken.wait(&event("started").unit("flood"));
    hearken.wait(&event("started").unit("web"));
    hearken.pause_log(true);
    until("the end of the flood", PATIENCE, || (!Process::lives(flood.pid())).then_some(()));
    let resident = resident_kb(hearken.pid());
    hearken.pause_log(false);
    let dropped = hearken.wait(&event("output_dropped").unit("flood"));
    assert!(dropped.number("lines") > 1_000 && dropped.number("bytes") > 1_000_000, "{dropped}");
    assert!(resident < 64 * 1024, "{resident} KiB");
    hearken.wait(&event("exited").unit("flood").is("exit_code", 0));
    hearken.shut_down_well();
}

/// Row 64.
#[test]
fn a_line_without_end_comes_in_marked_pieces_and_memory_stays_bounded() {
    let _alone = alone();
    let hearken = Setup::new(&format!(
        "{NEIGHBOUR}[service.endless]\ncommand = [\"{{fixture}}\", \"no-newline\", \"128\"]\nrestart = \"never\"\n"
    ))
    .start();
    hearken.wait(&event("exited").unit("endless").is("exit_code", 0));
    let pieces = hearken.all(&event("child_output").unit("endless").is("partial", true));
    assert!(pieces.len() > 100, "{}", pieces.len());
    assert!(pieces[0].text("message").starts_with("65536 characters"), "{}", pieces[0]);
    hearken.wait(&event("child_output").unit("neighbour").is("message", "line 300"));
    let resident = resident_kb(hearken.pid());
    assert!(resident < 64 * 1024, "{resident} KiB");
}

#[test]
fn bytes_that_are_no_text_are_replaced_and_standard_error_is_told_apart() {
    let mut hearken = hearken(
        "[service.web]\ncommand = [\"{fixture}\", \"invalid-utf8\", \"print-error\", \"oh no\"]\n",
    );
    assert_eq!(hearken.exit_code(), 0);
    let out = hearken.wait(&event("child_output").is("stream", "stdout"));
    assert_eq!(out.text("message"), "caf\u{e9} \u{fffd}\u{fffd} \u{1b}[31mred");
    hearken.wait(&event("child_output").is("stream", "stderr").is("message", "oh no"));
}

#[test]
fn the_last_words_of_a_child_are_in_the_log_before_its_end() {
    let mut hearken = hearken(
        "[service.web]\ncommand = [\"{fixture}\", \"print-error\", \"last words\", \"_exit\", \"1\"]\nrestart = \"never\"\ninstances = 50\n",
    );
    assert_eq!(hearken.exit_code(), 0);
    assert_eq!(hearken.all(&event("child_output").is("message", "last words")).len(), 50);
    for exited in hearken.all(&event("exited")) {
        let instance = exited.number("instance");
        let words = event("child_output").is("instance", instance);
        assert!(hearken.wait(&words).index < exited.index, "{}", hearken.dump());
    }
}

/// Row 55.
#[test]
fn a_flood_of_frames_leaves_the_neighbour_its_turn() {
    let hearken = hearken(&format!(
        "{NEIGHBOUR}[service.flood]\ncommand = [\"{{fixture}}\", \"hello\", \"flood-progress\", \"20000\"]\n"
    ));
    let last = hearken.wait(&event("child_output").unit("neighbour").is("message", "line 300"));
    let first = hearken.wait(&event("child_output").unit("neighbour").is("message", "line 1"));
    assert!(last.since(&first) < Duration::from_secs(10), "{:?}", last.since(&first));
    hearken.wait(&event("finished").unit("flood"));
}
