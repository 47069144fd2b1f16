//! Signals: to whom they go, and to whom they do not.

use hearken_sys::{Pid, PidFd, Sent, Signal, Status, children_of_self, session_members};

use crate::Test;
use crate::refuse::{Where, refuse};
use crate::support::{Event, SUCCESS, World, program, shell};

pub(crate) const TESTS: &[Test] = &[
    ("a_group_signal_reaches_a_grandchild_after_the_leader_was_reaped", group_outlives_leader),
    ("the_same_without_pidfd_signal_process_group", group_by_proc),
    ("a_signal_to_a_reaped_child_says_gone", reaped_is_gone),
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

fn group_by_proc() {
    // The flag is argument 3: an older kernel says EINVAL to it.
    refuse(libc::SYS_pidfd_send_signal, Some(Where { index: 3, equals: 1 << 2 }), libc::EINVAL);
    group_outlives_leader();
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
