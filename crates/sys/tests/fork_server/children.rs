//! What a child finds when its program begins.

use std::os::unix::process::parent_id;

use hearken_sys::{LINE_FD, Pid, Status, descriptor_limit, line_pair};

use crate::Test;
use crate::support::{
    Event, PATIENCE, SUCCESS, World, descriptors_of, program, readable, shell, status_field, words,
};

pub(crate) const TESTS: &[Test] = &[
    ("the_supervisor_is_the_parent_and_reaps_the_exit", supervisor_is_the_parent),
    ("a_child_has_0_1_2_and_the_line_and_nothing_else", only_its_descriptors),
    ("a_child_without_a_line_has_0_1_2", no_line_no_descriptor),
    ("the_line_carries_bytes_both_ways", line_works),
    ("the_environment_is_exactly_what_was_given", exact_environment),
    ("masks_are_empty_and_dispositions_default_whatever_was_inherited", clean_signals),
    ("a_child_leads_its_own_session_and_group", own_session),
    ("a_child_has_the_descriptor_limit_that_was_inherited", limit_restored),
    ("a_child_starts_in_its_directory", directory),
    ("a_command_is_looked_up_in_the_childs_own_path", own_path),
    ("the_fork_server_keeps_nothing_of_what_the_supervisor_has_open", nothing_kept),
    ("the_fork_server_is_not_to_be_read_by_its_own_user", unreadable),
    ("a_child_is_dumpable_though_the_fork_server_is_not", dumpable),
];

fn supervisor_is_the_parent() {
    let mut world = World::new();
    let (text, status) = world.output_of(&shell("echo $PPID; exit 7"));
    assert_eq!(text.trim(), Pid::own().to_string());
    assert_eq!(status, Status::Exited { code: 7 });
    assert_ne!(world.server.pid(), Pid::own());
    // And the fork server has no children: its wait would have nothing.
    assert_ne!(parent_id(), Pid::own().get().cast_unsigned());
}

fn only_its_descriptors() {
    let mut world = World::new();
    let (_ours, line) = line_pair().expect("line");
    // One more than its own: the directory that ls reads.
    let (text, status) = world.output_with(&program(&["ls", "/proc/self/fd"]), Some(line));
    assert_eq!(status, SUCCESS);
    assert_eq!(text.split_whitespace().collect::<Vec<_>>(), ["0", "1", "2", "3", "5"]);
    let (text, _) = world.output_of(&program(&["readlink", "/proc/self/fd/0"]));
    assert_eq!(text.trim(), "/dev/null");
}

fn no_line_no_descriptor() {
    let mut world = World::new();
    let (text, _) = world.output_of(&program(&["ls", "/proc/self/fd"]));
    assert_eq!(text.split_whitespace().collect::<Vec<_>>(), ["0", "1", "2", "3"]);
}

fn line_works() {
    use std::io::{Read, Write};
    let mut world = World::new();
    let (mut ours, line) = line_pair().expect("line");
    let script = format!("read word <&{LINE_FD}; echo \"$word back\" >&{LINE_FD}");
    ours.write_all(b"there\n").expect("room");
    let (_, status) = world.output_with(&shell(&script), Some(line));
    assert_eq!(status, SUCCESS);
    let mut answer = String::new();
    ours.read_to_string(&mut answer).expect("the child's end closed");
    assert_eq!(answer, "there back\n");
}

fn exact_environment() {
    let mut world = World::new();
    let mut env = program(&["/usr/bin/env"]);
    env.environment = words(&["B=2", "A=", "PATH=/x"]);
    assert_eq!(world.output_of(&env).0, "B=2\nA=\nPATH=/x\n");
    env.environment = Vec::new();
    assert_eq!(world.output_of(&env).0, "");
}

fn clean_signals() {
    // As bad as it can be inherited: everything ignored, everything blocked.
    // SAFETY: plain calls with live sets.
    unsafe {
        for signal in 1..=64 {
            libc::signal(signal, libc::SIG_IGN);
        }
        let mut all: libc::sigset_t = std::mem::zeroed();
        libc::sigfillset(&raw mut all);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const all, std::ptr::null_mut());
    }
    let mut world = World::new();
    let (token, pid) = world.start(&program(&["sleep", "1000"]));
    for field in ["SigBlk", "SigIgn", "SigCgt"] {
        assert_eq!(status_field(pid, field), "0000000000000000", "{field}");
    }
    world.signal(token, hearken_sys::Signal::TERM);
    world.end_of(pid);
}

fn own_session() {
    let mut world = World::new();
    let (token, pid) = world.start(&program(&["sleep", "1000"]));
    for field in ["NSpgid", "NSsid"] {
        assert_eq!(status_field(pid, field), pid.to_string(), "{field}");
    }
    world.signal(token, hearken_sys::Signal::KILL);
    world.end_of(pid);
}

fn limit_restored() {
    let low = libc::rlimit { rlim_cur: 123, rlim_max: 4000 };
    // SAFETY: a live rlimit.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const low) }, 0);
    let mut world = World::new();
    assert_eq!(descriptor_limit().soft, Some(4000));
    for _ in 0..2 {
        let (text, _) = world.output_of(&shell("ulimit -Sn; ulimit -Hn"));
        assert_eq!(text, "123\n4000\n");
        // The second round is that of an executed fork server.
        world.respawn();
    }
}

fn directory() {
    let mut world = World::new();
    let mut pwd = program(&["pwd"]);
    pwd.directory = Some(c"/usr/lib".into());
    assert_eq!(world.output_of(&pwd).0, "/usr/lib\n");
}

fn own_path() {
    let mut world = World::new();
    let mut program = program(&["true"]);
    program.environment = words(&["PATH=/nowhere:/dev/null:/usr/bin"]);
    assert_eq!(world.output_of(&program).1, SUCCESS);
    program.environment = words(&["PATH=/nowhere"]);
    let token = world.spawn(&program);
    world.until(|event| matches!(event, Event::Failed(who, ..) if *who == token));
}

fn dumpable() {
    let mut world = World::new();
    // In the child /proc/self/exe is this program.
    let (text, _) = world.output_of(&program(&["/proc/self/exe", "__role", "dumpable"]));
    assert_eq!(text, "1\n");
    // Root can still see how much memory the fork server takes.
    let server = world.server.pid();
    let rollup = std::fs::read_to_string(format!("/proc/{server}/smaps_rollup"));
    assert!(rollup.is_ok() || !rustix::process::geteuid().is_root(), "{rollup:?}");
}

fn nothing_kept() {
    let prepared = hearken_sys::prepare_supervisor().expect("prepare");
    let (line, childs) = line_pair().expect("line");
    // Above and below 10, and one that exec would keep.
    let many: Vec<_> = (0..20).map(|_| childs.try_clone().expect("dup")).collect();
    rustix::io::fcntl_setfd(&many[3], rustix::io::FdFlags::empty()).expect("open");
    let mut world = World::started(&prepared);
    // Who has run a program has settled in, and holds its pidfd.
    world.start(&program(&["true"]));
    // 0 to 9 are place holders, and the control socket.
    assert_eq!(descriptors_of(world.server.pid()), 10 + 1 + 1);
    drop((childs, many));
    assert!(readable(&line, PATIENCE), "somebody holds the other end");

    world.respawn();
    world.start(&program(&["true"]));
    assert_eq!(descriptors_of(world.server.pid()), 10 + 1 + 1);
}

fn unreadable() {
    // struct __user_cap_header_struct and two __user_cap_data_struct of capget(2), version 3.
    let (header, none) = ([0x2008_0522_u32, 0], [0_u32; 6]);
    // SAFETY: both live and are of the size that the version says.
    let done = unsafe { libc::syscall(libc::SYS_capset, header.as_ptr(), none.as_ptr()) };
    assert_eq!(done, 0);
    let mut world = World::new();
    for _ in 0..2 {
        world.server.probe(PATIENCE).expect("works");
        let of = |pid: Pid| std::fs::File::open(format!("/proc/{pid}/mem")).map(drop);
        of(Pid::own()).expect("one may read oneself");
        of(world.server.pid()).expect_err("with an ordinary user's rights");
        world.respawn();
    }
}
