//! Signals: to whom they go, and to whom they do not.

use std::time::Duration;

use hearken_sys::{
    ChildEnds, Pid, PidFd, Sent, Signal, Status, children_of_self, output_pipe, session_members,
    signal_groups,
};

use crate::refuse::{Where, refuse};
use crate::support::{
    Event, PATIENCE, SUCCESS, World, nowhere, program, read_line, read_to_end, readable, shell,
    status_field,
};
use crate::{Test, again, skip};

pub(crate) const TESTS: &[Test] = &[
    ("a_group_signal_reaches_a_grandchild_after_the_leader_was_reaped", group_outlives_leader),
    ("the_same_without_pidfd_signal_process_group", group_by_proc),
    ("a_group_signal_reaches_a_child_that_leads_no_group_yet", no_group_yet),
    ("many_groups_are_signalled_in_one_go", many_groups),
    ("a_late_probe_without_a_line_is_killed_with_all_its_children", late_probe),
    ("the_same_late_probe_without_pidfd_signal_process_group", late_probe_by_proc),
    ("a_signal_to_a_reaped_child_says_gone", reaped_is_gone),
    ("a_stranger_with_the_same_number_is_never_signalled", stranger_is_safe),
    ("the_same_stranger_without_pidfd_signal_process_group", stranger_is_safe_by_proc),
    ("stop_and_continue_are_seen", stop_and_continue),
    ("orphans_come_to_the_supervisor", orphans_come),
    ("the_scan_finds_session_members_and_own_children", scan),
];

const KILLED: Status = Status::Killed { signal: Signal::KILL, core_dumped: false };

/// A child that has exited and was reaped, and its own child, which ignores SIGTERM.
fn leader_gone(world: &mut World) -> (PidFd, Pid) {
    // It speaks once it is deaf; its pipe ends before it sleeps.
    let deaf = "trap \"\" TERM; echo $$; exec sleep 1000 >/dev/null 2>&1";
    let script = format!("sh -c '{deaf}' &");
    let (text, status) = world.output_of(&shell(&script));
    assert_eq!(status, SUCCESS);
    let (_, leader) = world.pidfds.pop_last().expect("the leader");
    (leader, Pid::new(text.trim().parse().expect("a pid")).expect("positive"))
}

fn group_outlives_leader() {
    let mut world = World::new();
    let (leader, grandchild) = leader_gone(&mut world);
    assert_eq!(leader.signal(Signal::KILL), Ok(Sent::Gone));
    assert!(leader.group_alive());
    assert_eq!(leader.signal_group(Signal::TERM), Ok(Sent::Delivered));
    assert!(leader.group_alive());
    assert_eq!(leader.signal_group(Signal::KILL), Ok(Sent::Delivered));
    assert_eq!(world.end_of(grandchild), KILLED);
    assert!(!leader.group_alive());
    assert_eq!(leader.signal_group(Signal::KILL), Ok(Sent::Gone));
}

/// The flag is argument 3: an older kernel says EINVAL to it.
pub(crate) fn without_group_flag() {
    let flag = Some(Where { index: 3, equals: 1 << 2 });
    refuse(libc::SYS_pidfd_send_signal, flag, libc::EINVAL);
}

fn group_by_proc() {
    without_group_flag();
    group_outlives_leader();
}

/// A process, not of the fork server, that has this number and leads a group of that number.
fn stranger_numbered(number: Pid) -> PidFd {
    let numbers = [number.get()];
    let sigchld = u64::from(libc::SIGCHLD.cast_unsigned());
    let (set_tid, count) = (numbers.as_ptr() as u64, 1);
    // struct clone_args of Linux 5.5.
    let args: [u64; 10] = [0, 0, 0, 0, sigchld, 0, 0, 0, set_tid, count];
    // SAFETY: whole arguments; the child makes plain calls and never returns.
    let pid = unsafe {
        let pid = libc::syscall(libc::SYS_clone3, args.as_ptr(), size_of_val(&args));
        if pid == 0 {
            // A test that fails leaves nobody behind to hold the pipes of the runner.
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
            libc::setsid();
            loop {
                libc::pause();
            }
        }
        pid
    };
    if pid < 0 {
        skip("clone3 with set_tid is not permitted here");
    }
    assert_eq!(pid, libc::c_long::from(number.get()));
    let stranger = PidFd::open(number).expect("it lives");
    // SAFETY: takes no pointers.
    while unsafe { libc::getsid(number.get()) } != number.get() {
        std::thread::yield_now();
    }
    stranger
}

fn stranger_is_safe() {
    let mut world = World::new();
    let (token, pid) = world.start(&program(&["true"]));
    world.end_of(pid);
    let ours = &world.pidfds[&token];
    let stranger = stranger_numbered(pid);
    assert!(stranger.group_alive());
    assert!(!ours.group_alive());
    assert_eq!(ours.signal(Signal::KILL), Ok(Sent::Gone));
    assert_eq!(ours.signal_group(Signal::KILL), Ok(Sent::Gone));
    // A signal sent to it would be pending or have killed it by now.
    assert_eq!(stranger.signal(Signal::STOP), Ok(Sent::Delivered));
    let stopped = Event::Changed(pid, Status::Stopped { signal: Signal::STOP });
    assert_eq!(world.next(), stopped);
    stranger.signal_group(Signal::KILL).expect("our child");
    assert_eq!(world.end_of(pid), KILLED);
}

fn stranger_is_safe_by_proc() {
    without_group_flag();
    stranger_is_safe();
}

fn no_group_yet() {
    for round in 0..2 {
        #[expect(clippy::zombie_processes, reason = "the world reaps it")]
        let child = again(&["__role", "pause"]).spawn().expect("this program");
        let pid = i32::try_from(child.id()).ok().and_then(Pid::new).expect("a pid");
        let child = PidFd::open(pid).expect("our child");
        assert!(child.group_alive());
        assert_eq!(child.signal_group(Signal::KILL), Ok(Sent::Delivered));
        assert!(readable(&child, PATIENCE));
        if round == 0 {
            without_group_flag();
        }
    }
}

fn many_groups() {
    let mut world = World::new();
    for round in 0..2 {
        let pids: Vec<Pid> = (0..5).map(|_| world.start(&program(&["sleep", "1000"])).1).collect();
        let leaders: Vec<&PidFd> = world.pidfds.values().collect();
        // Those of the first round are gone.
        let mut expected = vec![Ok(Sent::Gone); 5 * round];
        expected.extend([Ok(Sent::Delivered); 5]);
        assert_eq!(signal_groups(&leaders, Signal::KILL), expected);
        for pid in pids {
            assert_eq!(world.end_of(pid), KILLED);
        }
        if round == 0 {
            without_group_flag();
        }
    }
}

/// A child as a health check is one: no line, a deadline, and children that it waits for.
fn late_probe() {
    const DEADLINE: Duration = Duration::from_millis(20);

    let mut world = World::new();
    let (read, stdout) = output_pipe().expect("pipe");
    let script = "trap '' TERM HUP; for n in 1 2 3; do sleep 1000 & echo $!; done; wait";
    let token = world.spawn_with(&shell(script), ChildEnds { stdout, ..nowhere() });
    let pid = world.running(token);
    let children: Vec<Pid> =
        (0..3).map(|_| read_line(&read).parse().ok().and_then(Pid::new).expect("a pid")).collect();
    for process in children.iter().copied().chain([pid]) {
        for field in ["NSpgid", "NSsid"] {
            assert_eq!(status_field(process, field), pid.to_string(), "{field} of {process}");
        }
    }
    let probe = world.pidfds.remove(&token).expect("forked");
    assert!(!readable(&probe, DEADLINE), "it is late");
    assert_eq!(probe.signal_group(Signal::KILL), Ok(Sent::Delivered));
    // Its children come to us, who are the reaper of orphans.
    for process in children.into_iter().chain([pid]) {
        assert_eq!(world.end_of(process), KILLED);
    }
    assert!(!probe.group_alive());
    assert!(session_members(pid).is_empty());
    assert_eq!(read_to_end(read), "", "nobody holds its output");
    assert_eq!(world.output_of(&program(&["true"])).1, SUCCESS);
}

fn late_probe_by_proc() {
    without_group_flag();
    late_probe();
}

fn reaped_is_gone() {
    let mut world = World::new();
    let (token, pid) = world.start(&program(&["true"]));
    world.end_of(pid);
    assert_eq!(world.pidfds[&token].signal(Signal::TERM), Ok(Sent::Gone));
    assert_eq!(world.pidfds[&token].signal_group(Signal::TERM), Ok(Sent::Gone));
}

fn stop_and_continue() {
    let mut world = World::new();
    let (token, pid) = world.start(&program(&["sleep", "1000"]));
    world.signal(token, Signal::STOP);
    assert_eq!(world.next(), Event::Changed(pid, Status::Stopped { signal: Signal::STOP }));
    // A stopped process takes SIGTERM only once it runs again.
    world.signal(token, Signal::TERM);
    world.signal(token, Signal::CONT);
    let signal = Signal::TERM;
    let seen = world.until(|event| {
        *event == Event::Changed(pid, Status::Killed { signal, core_dumped: false })
    });
    assert!(seen.len() <= 2, "{seen:?}");
    if seen.len() == 2 {
        assert_eq!(seen[0], Event::Changed(pid, Status::Continued));
    }
}

fn orphans_come() {
    let mut world = World::new();
    let (text, _) = world.output_of(&shell("(sleep 0.05; exit 9) >/dev/null 2>&1 & echo $!"));
    let orphan = Pid::new(text.trim().parse().expect("a pid")).expect("positive");
    assert_eq!(world.end_of(orphan), Status::Exited { code: 9 });
}

fn scan() {
    let mut world = World::new();
    let (leader, grandchild) = leader_gone(&mut world);
    let members = session_members(leader.pid());
    assert_eq!(members.len(), 1, "{members:?}");
    assert_eq!(members[0].pid, grandchild);
    assert!(["sh", "sleep"].contains(&members[0].command.as_str()), "{members:?}");
    let mut children = children_of_self();
    children.sort();
    let mut expected = [world.server.pid(), grandchild];
    expected.sort();
    assert_eq!(children, expected);
    leader.signal_group(Signal::KILL).expect("ours");
    world.end_of(grandchild);
    assert!(session_members(leader.pid()).is_empty());
}
