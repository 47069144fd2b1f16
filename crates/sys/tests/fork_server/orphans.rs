//! What is left when the supervisor is killed. Each scene is a second process (roles.rs).

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::{Duration, Instant};

use hearken_sys::{Pid, PidFd, Signal, children_of_self};

use crate::support::{PATIENCE, readable};
use crate::{Test, again};

pub(crate) const TESTS: &[Test] = &[
    ("a_killed_supervisor_leaves_an_empty_tree_in_2_seconds", tree_is_cleared),
    ("the_tree_is_emptied_without_pidfd_signal_process_group", tree_is_cleared_by_proc),
    ("a_killed_supervisor_that_had_stopped_reading_leaves_an_empty_tree", unread_is_cleared),
    ("a_killed_process_group_leaves_an_empty_tree_too", group_kill_is_cleared),
    ("without_a_fork_server_the_death_signal_still_ends_the_children", death_signal),
    ("an_adopted_child_is_cleared_away_by_the_next_fork_server", adopted_is_cleared),
    ("zombies_that_nobody_reaps_do_not_keep_the_fork_server", zombies_are_left),
    ("a_forgotten_childs_group_is_left_alone", forgotten_is_left),
];

struct Scene {
    supervisor: PidFd,
    server: PidFd,
    child: PidFd,
    grandchild: PidFd,
}

impl Scene {
    fn play(role: &str) -> Scene {
        // The kernel reaps the orphans.
        // SAFETY: a plain call.
        unsafe { libc::signal(libc::SIGCHLD, libc::SIG_IGN) };
        Scene::play_unreaped(role)
    }

    #[expect(clippy::zombie_processes, reason = "the kernel reaps it, or the test wants it so")]
    fn play_unreaped(role: &str) -> Scene {
        rustix::process::set_child_subreaper(Some(rustix::process::getpid())).expect("permitted");
        let mut child =
            again(&["__role", role]).stdout(Stdio::piped()).spawn().expect("this program");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("piped");
        BufReader::new(stdout).read_line(&mut line).expect("the role speaks");
        let mut pids = line.split_whitespace().map(|word| {
            let pid = Pid::new(word.parse().expect("a pid")).expect("positive");
            PidFd::open(pid).expect("it lives")
        });
        let mut next = || pids.next().expect("four pids");
        Scene { supervisor: next(), server: next(), child: next(), grandchild: next() }
    }

    fn assert_ended(&self, who: &[&PidFd]) {
        for pidfd in who {
            assert!(readable(*pidfd, PATIENCE), "{pidfd:?} lives");
        }
    }

    fn kill_supervisor(&self) -> Instant {
        self.supervisor.signal(Signal::KILL).expect("our child");
        Instant::now()
    }
}

fn tree_is_cleared() {
    cleared("tree");
}

fn tree_is_cleared_by_proc() {
    cleared("tree_on_an_old_kernel");
}

fn unread_is_cleared() {
    cleared("trees_never_read_of");
}

fn cleared(role: &str) {
    let scene = Scene::play(role);
    let killed = scene.kill_supervisor();
    scene.assert_ended(&[&scene.child, &scene.grandchild, &scene.server]);
    let took = killed.elapsed();
    assert!(took < Duration::from_secs(2), "took {took:?}");
    // Whatever else there was would have come to this process.
    assert_eq!(children_of_self(), []);
}

fn group_kill_is_cleared() {
    // The role leads a group; the fork server has left it.
    let scene = Scene::play("tree_of_a_group");
    scene.supervisor.signal_group(Signal::KILL).expect("our child");
    scene.assert_ended(&[&scene.supervisor, &scene.child, &scene.grandchild, &scene.server]);
}

fn death_signal() {
    let scene = Scene::play("tree_without_fork_server");
    scene.kill_supervisor();
    scene.assert_ended(&[&scene.child]);
    assert!(!readable(&scene.grandchild, Duration::ZERO), "nobody was left to end it");
    scene.grandchild.signal(Signal::KILL).expect("our orphan");
}

fn adopted_is_cleared() {
    let scene = Scene::play("tree_adopted");
    scene.kill_supervisor();
    scene.assert_ended(&[&scene.child, &scene.grandchild, &scene.server]);
}

fn zombies_are_left() {
    let scene = Scene::play_unreaped("tree");
    let killed = scene.kill_supervisor();
    scene.assert_ended(&[&scene.child, &scene.grandchild, &scene.server]);
    let took = killed.elapsed();
    assert!(took < Duration::from_secs(1), "took {took:?}");
    assert!(children_of_self().contains(&scene.grandchild.pid()), "a zombie");
}

fn forgotten_is_left() {
    let scene = Scene::play("tree_forgotten");
    scene.kill_supervisor();
    // The janitor has been and gone.
    scene.assert_ended(&[&scene.server, &scene.child]);
    assert!(!readable(&scene.grandchild, Duration::ZERO), "it was not its business");
    scene.grandchild.signal(Signal::KILL).expect("our orphan");
}
