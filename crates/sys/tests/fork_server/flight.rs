//! Many at once, and many in a row.

use std::collections::{BTreeMap, BTreeSet};

use hearken_sys::{Pid, Signal, Spawn, Stage, Status};

use crate::refuse::hang;
use crate::support::{
    Event, PATIENCE, SUCCESS, World, descriptors_of, program, readable, status_field, words,
};
use crate::{Test, skip};

pub(crate) const TESTS: &[Test] = &[
    ("200_children_16_at_a_time_each_forked_then_execed_and_reaped_once", two_hundred),
    ("a_child_stuck_before_its_exec_delays_nobody_and_can_be_killed", stuck_before_exec),
    ("a_supervisor_that_does_not_read_loses_nothing", nobody_reads),
    ("the_fork_server_keeps_no_secret_of_a_childs_environment", no_secret_kept),
    ("no_descriptor_leaks_and_memory_is_flat_over_2000_spawns", nothing_leaks),
];

/// Runs `count` children, `window` at a time, each to its end. Checks the law of every one:
/// Forked, then Execed or Failed, and one exit.
fn run(world: &mut World, count: usize, window: usize, spawn: impl Fn(usize) -> Spawn) {
    let (mut sent, mut ended) = (0, 0);
    let mut pids = BTreeMap::new();
    let mut told = BTreeSet::new();
    let mut reaped = BTreeMap::new();
    while ended < count {
        while sent < count && sent - ended < window {
            world.spawn(&spawn(sent));
            sent += 1;
        }
        match world.next() {
            Event::Forked(token, pid) => assert_eq!(pids.insert(token, pid), None),
            Event::Execed(token) | Event::Failed(token, Stage::Exec, libc::ENOENT) => {
                assert!(pids.contains_key(&token), "told before it was forked");
                assert!(told.insert(token), "told twice");
            }
            Event::Changed(pid, Status::Exited { .. }) => *reaped.entry(pid).or_insert(0) += 1,
            other @ (Event::Failed(..)
            | Event::LegacyClone(_)
            | Event::Changed(..)
            | Event::Lost(_)) => panic!("{other:?}"),
        }
        // All three have come, in whichever order.
        let done: Vec<u64> = told
            .iter()
            .copied()
            .filter(|token| reaped.get(&pids[token]).is_some_and(|times| *times > 0))
            .collect();
        for token in done {
            assert_eq!(reaped.remove(&pids[&token]), Some(1), "reaped once");
            told.remove(&token);
            world.pidfds.remove(&token);
            world.server.forget(token);
            ended += 1;
        }
    }
    assert!(reaped.is_empty(), "exits of nobody: {reaped:?}");
}

fn two_hundred() {
    let mut world = World::new();
    run(&mut world, 200, 16, |index| {
        program(&[if index % 5 == 0 { "/nonexistent" } else { "/bin/true" }])
    });
}

fn stuck_before_exec() {
    let listener = hang(libc::SYS_chdir);
    let mut world = World::new();
    let mut stuck = program(&["true"]);
    stuck.directory = Some(c"/".into());
    let token = world.spawn(&stuck);
    let Event::Forked(_, pid) = world.next_reply() else {
        panic!("no Forked");
    };
    assert!(readable(&listener, PATIENCE), "it never came to its chdir");

    let (_, next) = world.start(&program(&["true"]));
    assert_eq!(world.end_of(next), SUCCESS);
    // It holds nothing of the fork server's: its own three, and the status pipe.
    assert_eq!(descriptors_of(pid), 4);

    world.signal(token, Signal::TERM);
    let killed = Status::Killed { signal: Signal::TERM, core_dumped: false };
    assert_eq!(world.end_of(pid), killed);
}

fn nobody_reads() {
    let mut world = World::new();
    let mut sent = 0;
    // Until the fork server waits for us and the socket to it is full.
    while world.spawn_now(&program(&["/bin/true"])) {
        sent += 1;
    }
    let (mut execed, mut reaped) = (0, 0);
    while execed < sent || reaped < sent {
        match world.next() {
            Event::Forked(..) => {}
            Event::Execed(_) => execed += 1,
            Event::Changed(_, SUCCESS) => reaped += 1,
            other @ (Event::Failed(..)
            | Event::LegacyClone(_)
            | Event::Changed(..)
            | Event::Lost(_)) => panic!("{other:?}"),
        }
    }
}

fn nothing_leaks() {
    let kib = |pid: Pid| -> u64 {
        let field = status_field(pid, "VmRSS");
        field.trim_end_matches(" kB").parse().expect("a number")
    };
    let mut world = World::new();
    let server = world.server.pid();
    let round = |world: &mut World, count| {
        run(world, count, 16, |_| program(&["/bin/true"]));
        world.server.flush().expect("alive");
        // A last spawn behind the flush: once it is answered, the flush was read.
        let (token, pid) = world.start(&program(&["/bin/true"]));
        world.end_of(pid);
        world.server.forget(token);
        world.pidfds.clear();
    };
    round(&mut world, 100);
    let before = (descriptors_of(Pid::own()), descriptors_of(server));
    let memory = kib(server);
    round(&mut world, 2000);
    assert_eq!((descriptors_of(Pid::own()), descriptors_of(server)), before);
    let grown = kib(server).saturating_sub(memory);
    assert!(grown <= 32, "the fork server grew by {grown} KiB");
}

fn no_secret_kept() {
    let mut world = World::new();
    let server = world.server.pid();
    // Made after the fork, and nowhere whole in this program's text.
    let secret = format!("hunter-{server}-{}", Pid::own());
    let mut spawn = program(&["/bin/true", &secret]);
    spawn.environment = words(&[&format!("TOKEN={secret}")]);
    spawn.directory = Some(c"/".into());
    let (_, pid) = world.start(&spawn);
    world.end_of(pid);
    assert!(memory_of(Pid::own()).windows(secret.len()).any(|at| at == secret.as_bytes()));
    assert!(!memory_of(server).windows(secret.len()).any(|at| at == secret.as_bytes()));
}

/// What a process has in its writable memory. Needs root for a process that is not dumpable.
fn memory_of(pid: Pid) -> Vec<u8> {
    use std::os::unix::fs::FileExt;
    let Ok(memory) = std::fs::File::open(format!("/proc/{pid}/mem")) else {
        skip("reading the memory of the fork server is not permitted here");
    };
    let maps = std::fs::read_to_string(format!("/proc/{pid}/maps")).expect("readable as mem is");
    let mut bytes = Vec::new();
    for line in maps.lines().filter(|line| line.contains(" rw")) {
        let (start, end) =
            line.split_once(' ').and_then(|(range, _)| range.split_once('-')).expect("a range");
        let address = |hex| u64::from_str_radix(hex, 16).expect("hexadecimal");
        let length = usize::try_from(address(end) - address(start)).expect("fits");
        let begin = bytes.len();
        bytes.resize(begin + length, 0);
        // Guard pages and the like cannot be read, and hold nothing.
        let read = memory.read_at(&mut bytes[begin..], address(start)).unwrap_or(0);
        bytes.truncate(begin + read);
    }
    bytes
}
