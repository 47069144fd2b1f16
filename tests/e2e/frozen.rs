//! Row 22: a process in state D does not die, and nobody waits for it for ever.

use crate::harness::{PATIENCE, Process, event, hearken, is_root, skip, until};
use std::fs;
use std::path::PathBuf;

/// A cgroup of version 1 in which processes hang in the kernel, as on a dead network disk.
struct Freezer(PathBuf);

impl Freezer {
    fn make(name: &str) -> Option<Freezer> {
        let folder = format!("/sys/fs/cgroup/freezer/hearken-e2e-{name}-{}", std::process::id());
        fs::create_dir(&folder).ok()?;
        let freezer = Freezer(folder.into());
        fs::metadata(freezer.0.join("freezer.state")).ok()?;
        Some(freezer)
    }

    fn freeze(&self, pid: i32) {
        fs::write(self.0.join("cgroup.procs"), pid.to_string()).unwrap();
        fs::write(self.0.join("freezer.state"), "FROZEN").unwrap();
        until("state D", PATIENCE, || (Process::look(pid)?.state == 'D').then_some(()));
    }

    fn thaw(&self) {
        fs::write(self.0.join("freezer.state"), "THAWED").unwrap();
    }
}

impl Drop for Freezer {
    fn drop(&mut self) {
        let _not_made = fs::write(self.0.join("freezer.state"), "THAWED");
        let deadline = std::time::Instant::now() + PATIENCE;
        while fs::remove_dir(&self.0).is_err() && std::time::Instant::now() < deadline {
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }
}

#[test]
fn a_process_that_cannot_die_is_abandoned_and_its_late_end_is_seen() {
    let Some(freezer) = is_root().then(|| Freezer::make("late")).flatten() else {
        return skip("no freezer of cgroup v1 here");
    };
    let mut hearken = hearken(
        r#"
[service.stuck]
command = ["{fixture}", "never-ready"]
ready = "message"
start_timeout = "1s"
stop = { timeout = "200ms" }
[service.web]
command = ["{fixture}", "run"]
"#,
    );
    let pid = hearken.wait(&event("started").unit("stuck")).pid();
    freezer.freeze(pid);
    hearken.wait(&event("killing").unit("stuck"));
    let abandoned = hearken.wait(&event("abandoned").unit("stuck"));
    assert_eq!(abandoned.pid(), pid);
    assert!(abandoned.has("wait_channel"), "{abandoned}");
    assert_eq!(hearken.all(&event("started").unit("stuck")).len(), 1, "its slot stays taken");
    freezer.thaw();
    let late = hearken.wait_after(&abandoned, &event("ended_late").unit("stuck"));
    assert_eq!(late.pid(), pid);
    assert!(Process::look(pid).is_none(), "reaped: {}", hearken.dump());
    hearken.shut_down_well();
}

#[test]
fn the_shutdown_ends_without_a_process_that_cannot_die_and_says_so() {
    let Some(freezer) = is_root().then(|| Freezer::make("shutdown")).flatten() else {
        return skip("no freezer of cgroup v1 here");
    };
    let mut hearken = hearken(
        r#"
[service.stuck]
command = ["{fixture}", "run"]
stop = { timeout = "200ms" }
[service.web]
command = ["{fixture}", "run"]
"#,
    );
    let pid = hearken.wait(&event("started").unit("stuck")).pid();
    freezer.freeze(pid);
    assert_eq!(hearken.shut_down(), 1, "{}", hearken.dump());
    hearken.wait(&event("abandoned").unit("stuck"));
    hearken.wait(&event("stopped").unit("web"));
    let last = hearken.wait(&event("supervisor_stopped"));
    assert!(last.text("because").contains("would not die"), "{last}");
    freezer.thaw();
}
