//! Whose process is it? Asked of a family that a child made.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::time::Duration;

use hearken_sys::{
    ChildEnds, Errno, Pid, PidFd, Sent, Signal, belongs_to, leader_among, output_pipe,
};

use crate::Test;
use crate::support::{PATIENCE, World, nowhere, program, read_line, readable};

pub(crate) const TESTS: &[Test] = &[
    ("a_family_belongs_to_its_leader_whatever_sessions_it_made", family_belongs),
    ("strangers_belong_to_no_leader", strangers),
    ("a_zombie_still_belongs_and_who_was_reaped_does_not", ended),
    ("an_orphan_in_the_leaders_session_belongs_after_the_leader_was_reaped", orphans),
    ("a_leader_is_found_among_thousands_by_one_look", among_thousands),
    ("a_process_that_is_no_child_can_be_held_and_signalled", held),
];

/// The part of the child: it leads, `member` is in its session, `apart` has one of its own, and
/// so has `further`, a child of that one.
pub(crate) fn role() {
    // A name that reads like fields of /proc/PID/stat.
    // SAFETY: a NUL-terminated string.
    unsafe { libc::prctl(libc::PR_SET_NAME, c") S 1 1 1 (x".as_ptr()) };
    let fork_as = |name: &str, own_session: bool| {
        // SAFETY: one thread.
        let child = unsafe { libc::fork() } == 0;
        if child {
            // A test that fails leaves nobody behind.
            // SAFETY: takes no pointers.
            unsafe { libc::alarm(60) };
            if own_session {
                rustix::process::setsid().expect("it leads no group");
            }
            println!("{name} {}", Pid::own());
        }
        child
    };
    println!("leader {}", Pid::own());
    if !fork_as("member", false) && fork_as("apart", true) {
        fork_as("further", true);
    }
}

struct Family {
    world: World,
    leader: Pid,
    member: Pid,
    apart: Pid,
    further: Pid,
    token: u64,
}

impl Family {
    fn new() -> Family {
        let mut world = World::new();
        let (read, stdout) = output_pipe().expect("pipe");
        let ends = ChildEnds { stdout, ..nowhere() };
        let token = world.spawn_with(&program(&["/proc/self/exe", "__role", "family"]), ends);
        let leader = world.running(token);
        let mut pids: BTreeMap<String, Pid> = (0..4)
            .map(|_| {
                let line = read_line(&read);
                let (name, pid) = line.split_once(' ').expect("a name and a pid");
                (name.to_owned(), pid.parse().ok().and_then(Pid::new).expect("a pid"))
            })
            .collect();
        let mut pid = |name| pids.remove(name).expect("it speaks");
        assert_eq!(pid("leader"), leader);
        let (member, apart, further) = (pid("member"), pid("apart"), pid("further"));
        Family { world, leader, member, apart, further, token }
    }

    fn kill_leader(&self) {
        self.world.signal(self.token, Signal::KILL);
        assert!(readable(&self.world.pidfds[&self.token], PATIENCE));
    }

    /// Whoever is left of it.
    fn kill_all(&self) {
        for pid in [self.leader, self.member, self.apart, self.further] {
            if let Ok(pidfd) = PidFd::open(pid) {
                pidfd.signal(Signal::KILL).expect("ours");
            }
        }
    }
}

fn family_belongs() {
    let family = Family::new();
    for pid in [family.leader, family.member, family.apart, family.further] {
        assert!(belongs_to(pid, family.leader), "{pid}");
        assert_eq!(leader_among(pid, |known| known == family.leader), Some(family.leader));
    }
    // The nearest one that is known.
    let known = [family.leader, family.apart];
    let nearest = leader_among(family.further, |pid| known.contains(&pid));
    assert_eq!(nearest, Some(family.apart));
    family.kill_all();
}

fn strangers() {
    let mut family = Family::new();
    let (token, other) = family.world.start(&program(&["sleep", "1000"]));
    let init = Pid::new(1).expect("positive");
    let server = family.world.server.pid();
    for pid in [other, Pid::own(), init, server] {
        assert!(!belongs_to(pid, family.leader), "{pid}");
    }
    for pid in [family.leader, family.member, family.apart, family.further] {
        for leader in [other, Pid::own(), init, server] {
            assert!(!belongs_to(pid, leader), "{pid} to {leader}");
        }
    }
    family.world.signal(token, Signal::KILL);
    family.kill_all();
}

fn ended() {
    let mut family = Family::new();
    let members = PidFd::open(family.member).expect("it lives");
    members.signal(Signal::KILL).expect("ours");
    assert!(readable(&members, PATIENCE));
    // Its parent never waits.
    assert!(belongs_to(family.member, family.leader));
    family.kill_leader();
    assert!(belongs_to(family.leader, family.leader));
    assert_eq!(leader_among(family.leader, |_| true), Some(family.leader));
    family.world.end_of(family.leader);
    family.world.end_of(family.member);
    for pid in [family.leader, family.member] {
        assert!(!belongs_to(pid, family.leader));
        assert_eq!(leader_among(pid, |_| true), None);
    }
    family.kill_all();
}

fn orphans() {
    let mut family = Family::new();
    family.kill_leader();
    family.world.end_of(family.leader);
    assert!(belongs_to(family.member, family.leader));
    // Nothing leads from these to the leader any more.
    assert!(!belongs_to(family.apart, family.leader));
    assert!(!belongs_to(family.further, family.leader));
    // The number of the leader is still that of a session, and of no process.
    let refused = PidFd::open(family.leader).expect_err("reaped");
    assert_eq!(refused, Errno::new(libc::ESRCH));
    family.kill_all();
}

fn among_thousands() {
    let family = Family::new();
    let asked = Cell::new(0);
    let know = |pid: Pid| {
        asked.set(asked.get() + 1);
        pid == family.leader
    };
    assert_eq!(leader_among(family.member, know), Some(family.leader));
    // The session: the group and the number were not even asked for.
    assert_eq!(asked.get(), 1);
    family.kill_all();
}

/// What a daemon does with MAINPID=.
fn held() {
    let mut family = Family::new();
    let main = PidFd::open(family.further).expect("it lives");
    assert!(belongs_to(main.pid(), family.leader));
    assert!(!readable(&main, Duration::ZERO), "it lives");
    assert_eq!(main.signal(Signal::KILL), Ok(Sent::Delivered));
    assert!(readable(&main, PATIENCE), "its end is told though it is no child");
    // The parent of the dead never waits; once that is gone, it comes to us.
    let apart = PidFd::open(family.apart).expect("it lives");
    assert_eq!(apart.signal_group(Signal::KILL), Ok(Sent::Delivered));
    family.world.end_of(family.further);
    assert_eq!(main.signal(Signal::KILL), Ok(Sent::Gone));
    assert_eq!(PidFd::open(main.pid()).expect_err("reaped"), Errno::new(libc::ESRCH));
    family.kill_all();
}
