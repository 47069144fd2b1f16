//! Children that a dying fork server forked and never told of.
//!
//! They are our children, nobody knows their tokens, and their starts are tried again: two
//! processes in one instance, unless the first is found. We are also the parent of every orphan
//! that was adopted, so being an unknown child is not enough: a ghost still carries the fork
//! server's name (it has not come to its exec), or the names of a start that was under way.

use crate::spawner::kill_tree;
use hearken_sys::{Pid, PidFd, children_of_self};
use std::ffi::CString;
use std::fs;

/// How the fork server and what it has just forked are called (`/proc/PID/comm`).
const FORK_SERVER: &str = "hearken-fork";

/// Kills the ghosts of these starts, each given by the variables that name it. Answers how many
/// there were.
pub(crate) fn kill(starts: &[Vec<CString>], known: impl Fn(Pid) -> bool) -> u64 {
    if starts.is_empty() {
        return 0;
    }
    let mut killed = 0;
    for pid in children_of_self() {
        if known(pid) {
            continue;
        }
        // Opened before it is looked at: what is looked at is then what is killed.
        let Ok(pidfd) = PidFd::open(pid) else { continue };
        if is_ghost(pid, starts) {
            kill_tree(&pidfd);
            killed += 1;
        }
    }
    killed
}

fn is_ghost(pid: Pid, starts: &[Vec<CString>]) -> bool {
    let read = |name: &str| fs::read(format!("/proc/{pid}/{name}")).unwrap_or_default();
    if read("comm").trim_ascii_end() == FORK_SERVER.as_bytes() {
        return true;
    }
    let environment = read("environ");
    let says = |variable: &CString| {
        environment.split(|byte| *byte == 0).any(|one| one == variable.as_bytes())
    };
    starts.iter().any(|names| names.iter().all(says))
}
