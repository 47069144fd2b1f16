//! The supervisors that orphans.rs kills. Each prints four pids, its own, its fork server's, its
//! child's and its grandchild's, and waits for its end.

use std::io::Write;

use hearken_sys::{ChildEnds, Pid, output_pipe};

use crate::groups::without_group_flag;
use crate::support::{PATIENCE, World, read_line, shell};

pub(crate) fn play(role: &str, arguments: &[String]) {
    if role == "pause" {
        pause();
    }
    if role == "family" {
        crate::ancestry::role();
        pause();
    }
    if role == "notify" {
        return crate::notify::role(&arguments[0], arguments.get(1).map(String::as_str));
    }
    if role == "dumpable" {
        // SAFETY: takes no pointers.
        println!("{}", unsafe { libc::prctl(libc::PR_GET_DUMPABLE) });
        return;
    }
    if role == "tree_of_a_group" {
        // SAFETY: takes no pointers.
        unsafe { libc::setpgid(0, 0) };
    }
    if role == "tree_on_an_old_kernel" {
        without_group_flag();
    }
    let mut world = World::new();
    let (child, grandchild) = tree(&mut world);
    match role {
        "tree" | "tree_of_a_group" => {}
        "trees_never_read_of" => while world.spawn_now(&shell("sleep 1000 & wait")) {},
        "tree_on_an_old_kernel" => {}
        "tree_without_fork_server" => {
            world.kill_server();
            // Nobody's in the place of the fork server's.
            print(&[Pid::own(), child, child, grandchild]);
        }
        "tree_adopted" => {
            world.kill_server();
            world.respawn();
            let (token, pidfd) = world.pidfds.first_key_value().expect("the child");
            world.server.adopt(*token, pidfd).expect("alive");
            // Answered after the adoption was read.
            world.server.probe(PATIENCE).expect("alive");
        }
        "tree_forgotten" => {
            world.server.forget(1);
            world.server.flush().expect("alive");
            world.server.probe(PATIENCE).expect("alive");
        }
        other => panic!("no role {other}"),
    }
    print(&[Pid::own(), world.server.pid(), child, grandchild]);
    pause()
}

fn pause() -> ! {
    loop {
        // SAFETY: takes no pointers.
        unsafe { libc::pause() };
    }
}

/// A child and its own child in the same group, both deaf to SIGTERM.
fn tree(world: &mut World) -> (Pid, Pid) {
    let script = "trap '' TERM; sleep 1000 >/dev/null 2>&1 & echo $!; wait";
    let (read, stdout) = output_pipe().expect("pipe");
    let stderr = stdout.try_clone().expect("dup");
    let ends = ChildEnds { stdin: None, line: None, stdout, stderr, readiness: None };
    let token = world.spawn_with(&shell(script), ends);
    assert_eq!(token, 1);
    let child = world.running(token);
    let grandchild = read_line(&read).parse().ok().and_then(Pid::new).expect("a pid");
    (child, grandchild)
}

fn print(pids: &[Pid]) {
    let words: Vec<String> = pids.iter().map(Pid::to_string).collect();
    println!("{}", words.join(" "));
    std::io::stdout().flush().expect("read by the test");
}
