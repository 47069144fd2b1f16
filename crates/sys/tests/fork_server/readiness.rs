//! The fourth descriptor: where it stands, what it carries, and who else has it.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, OwnedFd};

use hearken_sys::{
    ChildEnds, LINE_FD, SendError, Signal, Stage, line_pair, output_pipe, payload_file,
};

use crate::Test;
use crate::support::{
    Event, SUCCESS, World, nowhere, program, read_line, read_to_end, readable, shell,
};

pub(crate) const TESTS: &[Test] = &[
    ("a_newline_to_the_readiness_descriptor_comes_to_the_supervisor", newline),
    ("a_child_without_readiness_has_no_such_descriptor", without),
    ("every_descriptor_stands_in_its_place_and_nothing_else_does", every_place),
    ("what_cannot_run_writes_nothing_to_the_readiness_descriptor", failed_exec),
    ("the_readiness_descriptor_of_one_child_is_held_by_no_other", not_shared),
    ("a_readiness_descriptor_out_of_place_is_not_sent", out_of_place),
];

fn ready_at(number: i32) -> (OwnedFd, ChildEnds) {
    let (read, write) = output_pipe().expect("pipe");
    (read, ChildEnds { readiness: Some((number, write)), ..nowhere() })
}

fn newline() {
    let mut world = World::new();
    for number in 3..=9 {
        let (ready, ends) = ready_at(number);
        let token = world.spawn_with(&shell(&format!("echo >&{number}; exec sleep 1000")), ends);
        assert_eq!(read_line(&ready), "", "said while it runs");
        world.running(token);
        world.signal(token, Signal::KILL);
        assert_eq!(read_to_end(ready), "", "and no more than that");
    }
}

fn without() {
    let mut world = World::new();
    // In a subshell, because a redirection that fails ends dash.
    let script = "for n in 3 4 5 6 7 8 9; do (eval \"echo >&$n\") 2>/dev/null && echo $n; done";
    assert_eq!(world.output_of(&shell(&format!("{script}; exit 0"))), (String::new(), SUCCESS));
}

/// What a descriptor of this process is called in /proc.
fn name_of(fd: &impl AsFd) -> String {
    let number = std::os::fd::AsRawFd::as_raw_fd(&fd.as_fd());
    let name = std::fs::read_link(format!("/proc/self/fd/{number}")).expect("open");
    name.to_str().expect("ASCII").to_owned()
}

/// By number, what the descriptors of a child are. `stdin`, `line` and `number` say which it gets.
fn placed(world: &mut World, stdin: bool, line: bool, number: Option<i32>) {
    let (out, stdout) = output_pipe().expect("pipe");
    let (_err, stderr) = output_pipe().expect("pipe");
    let (_ready, readiness) = output_pipe().expect("pipe");
    let (_ours, childs) = line_pair().expect("line");
    let payload = payload_file(b"payload").expect("memory");
    let input = if stdin { name_of(&payload) } else { "/dev/null".to_owned() };
    let mut expected = BTreeMap::from([(0, input), (1, name_of(&stdout)), (2, name_of(&stderr))]);
    expected.extend(line.then(|| (LINE_FD, name_of(&childs))));
    expected.extend(number.map(|number| (number, name_of(&readiness))));
    let ends = ChildEnds {
        stdin: stdin.then_some(payload),
        line: line.then_some(childs),
        stdout,
        stderr,
        readiness: number.map(|number| (number, readiness)),
    };
    // Those of the shell, which has opened nothing: ls would see the directory that it reads.
    let token = world.spawn_with(&shell("ls -l /proc/$$/fd; exit 0"), ends);
    world.running(token);
    let found: BTreeMap<i32, String> = read_to_end(out)
        .lines()
        .filter_map(|line| line.split_once(" -> "))
        .map(|(left, target)| {
            let number = left.rsplit(' ').next().and_then(|number| number.parse().ok());
            (number.expect("a number"), target.to_owned())
        })
        .collect();
    assert_eq!(found, expected, "stdin: {stdin}, line: {line}, readiness: {number:?}");
}

fn every_place() {
    let mut world = World::new();
    // The second round is that of an executed fork server.
    for _ in 0..2 {
        for (stdin, line) in [(false, false), (false, true), (true, false), (true, true)] {
            let numbers = (3..=9).filter(|number| !line || *number != LINE_FD);
            for number in numbers.map(Some).chain([None]) {
                placed(&mut world, stdin, line, number);
            }
        }
        world.respawn();
    }
}

fn failed_exec() {
    let mut world = World::new();
    // 3 and 4 are where the status pipe may stand.
    for number in 3..=9 {
        let (ready, ends) = ready_at(number);
        let token = world.spawn_with(&program(&["/nonexistent"]), ends);
        assert!(matches!(world.next_reply(), Event::Forked(who, _) if who == token));
        assert_eq!(world.next_reply(), Event::Failed(token, Stage::Exec, libc::ENOENT));
        assert_eq!(read_to_end(ready), "");
    }
}

fn not_shared() {
    let mut world = World::new();
    let (ready, ends) = ready_at(3);
    let first = world.spawn_with(&program(&["sleep", "1000"]), ends);
    world.running(first);
    let (second, _) = world.start(&program(&["sleep", "1000"]));
    world.signal(first, Signal::KILL);
    assert_eq!(read_to_end(ready), "");
    assert!(!readable(&world.pidfds[&second], std::time::Duration::ZERO), "it lives");
    world.signal(second, Signal::KILL);
}

fn out_of_place() {
    let mut world = World::new();
    for number in [i32::MIN, -1, 0, 1, 2, 10, 256 + 3, i32::MAX] {
        let (_ready, ends) = ready_at(number);
        let refused = world.server.spawn(1, &program(&["true"]), ends);
        let Err(SendError::ReadinessNumber { number: said }) = refused else {
            panic!("{number}: {refused:?}");
        };
        assert_eq!(said, number);
    }
    let (_ours, line) = line_pair().expect("line");
    let ends = ChildEnds { line: Some(line), ..ready_at(LINE_FD).1 };
    let refused = world.server.spawn(1, &program(&["true"]), ends);
    assert!(matches!(refused, Err(SendError::ReadinessNumber { number: LINE_FD })), "{refused:?}");
    // The fork server is as before.
    assert_eq!(world.output_of(&program(&["true"])).1, SUCCESS);
}
