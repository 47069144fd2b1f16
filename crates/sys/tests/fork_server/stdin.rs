//! Standard input: a payload that is there as a file, or nothing.

use hearken_sys::{ChildEnds, Signal, output_pipe, payload_file};

use crate::Test;
use crate::support::{SUCCESS, World, nowhere, program, read_line, read_to_end, shell};

pub(crate) const TESTS: &[Test] = &[
    ("a_child_reads_its_payload_to_the_end_on_standard_input", to_the_end),
    ("a_payload_of_many_megabytes_waits_for_nobody", large),
    ("a_child_without_a_payload_reads_nothing", nothing),
    ("a_payload_can_be_read_twice_and_not_be_changed", twice),
    ("each_child_reads_its_own_payload", each_its_own),
];

/// Runs a program on a payload; returns what it wrote.
fn output_on(world: &mut World, script: &str, payload: &[u8]) -> String {
    let (read, stdout) = output_pipe().expect("pipe");
    let stdin = Some(payload_file(payload).expect("memory"));
    let token = world.spawn_with(&shell(script), ChildEnds { stdin, stdout, ..nowhere() });
    let pid = world.running(token);
    let text = read_to_end(read);
    assert_eq!(world.end_of(pid), SUCCESS, "{text}");
    text
}

fn to_the_end() {
    let mut world = World::new();
    // The second round is that of an executed fork server.
    for _ in 0..2 {
        assert_eq!(output_on(&mut world, "cat", b"one\ntwo"), "one\ntwo");
        assert_eq!(output_on(&mut world, "cat; echo end", b""), "end\n");
        world.respawn();
    }
}

fn large() {
    let mut world = World::new();
    let payload = vec![b'x'; 8 << 20];
    assert_eq!(output_on(&mut world, "wc -c", &payload).trim(), payload.len().to_string());
    // One that never reads it is no trouble either: nobody writes.
    assert_eq!(output_on(&mut world, "echo unread", &payload), "unread\n");
}

fn nothing() {
    let mut world = World::new();
    assert_eq!(world.output_of(&program(&["cat"])), (String::new(), SUCCESS));
}

fn twice() {
    let mut world = World::new();
    // /dev/stdin is opened anew, and so is read from its beginning.
    let script = "cat /dev/stdin; (echo else >/dev/stdin) 2>/dev/null; cat /dev/stdin; cat";
    assert_eq!(output_on(&mut world, script, b"here "), "here here here ");
}

fn each_its_own() {
    let mut world = World::new();
    let mut children = Vec::new();
    for payload in ["first", "second", "third"] {
        let (read, stdout) = output_pipe().expect("pipe");
        let stdin = Some(payload_file(payload.as_bytes()).expect("memory"));
        let script = shell("cat; echo; exec sleep 1000");
        let token = world.spawn_with(&script, ChildEnds { stdin, stdout, ..nowhere() });
        world.running(token);
        children.push((token, payload, read));
    }
    for (_, payload, output) in &children {
        assert_eq!(read_line(output), *payload);
    }
    for (token, ..) in children {
        world.signal(token, Signal::KILL);
    }
}
