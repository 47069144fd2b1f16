//! A supervisor with nothing to do does nothing.

use crate::harness::{PATIENCE, Process, event, hearken, is_root, skip, until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::process::{Command, Stdio};
use std::time::Duration;

/// One would do. The timer wheel of the runtime wakes twice on the way to a deadline 5 s ahead, to
/// move it to a finer wheel; with a timerfd of our own for the sweep this can be 1.
const WAKES_PER_SWEEP: u64 = 3;
/// In 10 s.
const SWEEPS: u64 = 2;

/// Context switches of all its threads.
fn switches(pid: i32) -> u64 {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    tasks
        .map(|task| {
            let status = std::fs::read_to_string(task.unwrap().path().join("status")).unwrap();
            let line =
                status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
            line.unwrap().trim().parse::<u64>().unwrap()
        })
        .sum()
}

#[test]
fn an_idle_supervisor_wakes_only_to_sweep() {
    let hearken = hearken("[service.web]\ncommand = [\"sleep\", \"infinity\"]\ninstances = 5\n");
    let started = hearken.wait_for_many(&event("started"), 5);
    let (lines, server) = (hearken.now(), hearken.fork_server());
    // Whatever the start still moves is over after a sweep.
    std::thread::sleep(Duration::from_millis(500));
    let (before, server_before) = (switches(hearken.pid()), switches(server));
    std::thread::sleep(Duration::from_secs(10));
    let (woken, server_woken) =
        (switches(hearken.pid()) - before, switches(server) - server_before);
    // And one for a sweep at either edge.
    assert!(woken <= WAKES_PER_SWEEP * SWEEPS + 1, "{woken} voluntary context switches in 10 s");
    assert!(server_woken <= 2, "{server_woken} of the fork server");
    assert_eq!(hearken.now(), lines, "and says nothing: {}", hearken.dump());
    assert_eq!(started.len(), 5);
}

/// A walk over /proc at every end makes a thousand ends a million looks.
#[test]
fn the_end_of_a_child_costs_no_look_at_all_other_processes() {
    if !is_root() || Command::new("strace").arg("-V").output().is_err() {
        return skip("watching system calls needs root and strace");
    }
    let hearken = hearken(
        "[service.web]\ncommand = [\"sleep\", \"infinity\"]\nrestart = { delay = \"0s\" }\n",
    );
    let web = hearken.wait(&event("started"));
    let trace = hearken.folder().join("trace");
    let mut strace = Command::new("strace")
        .args(["-qq", "-e", "trace=openat", "-p", &hearken.pid().to_string(), "-o"])
        .arg(&trace)
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    until("strace watches", PATIENCE, || {
        (Process::status(hearken.pid(), "TracerPid") > 0).then_some(())
    });
    kill(Pid::from_raw(web.pid()), Signal::SIGKILL).unwrap();
    hearken.wait(&event("started").incarnation(2));
    kill(Pid::from_raw(i32::try_from(strace.id()).unwrap()), Signal::SIGINT).unwrap();
    strace.wait().unwrap();
    let calls = std::fs::read_to_string(trace).unwrap();
    let looks = calls.matches("/stat\"").count();
    assert!(looks < 3, "{looks} other processes were looked at for one end");
}
