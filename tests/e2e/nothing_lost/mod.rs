//! What was acknowledged is never lost: whoever is killed, and whatever the disk does.

mod chance;
mod check;
mod checker;
mod cycles;
mod disk;
mod every_process;
mod promise;
mod state;
mod submitter;

use crate::harness::{Hearken, Process, Setup};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// A pool `work` whose workers leave traces in the folder `effects`, and whose tasks fail only by
/// what they say; and whatever more is wanted of the config.
fn setup(more: &str) -> Setup {
    let setup = Setup::new(&format!(
        r#"
[pool.work]
command = ["{}", "{{folder}}/effects"]
workers = 3
retry = {{ attempts = 5, crashes = "unlimited", delay = "10ms", max_delay = "50ms" }}
restart = {{ delay = "10ms", max_delay = "50ms", limit = "unlimited" }}
forget = {{ succeeded = "never", dead = "never", cancelled = "never" }}
{more}
"#,
        env!("CARGO_BIN_EXE_effects"),
    ));
    std::fs::create_dir(setup.folder().join("effects")).unwrap();
    setup
}

/// SIGKILL to these processes of its tree, as they are now. Gives how many there were.
fn killed(hearken: &Hearken, who: impl Fn(&Process) -> bool) -> usize {
    let doomed: Vec<Process> = hearken.tree().into_iter().filter(who).collect();
    for process in &doomed {
        // It may have ended by itself, or with the one before.
        let _gone = kill(Pid::from_raw(process.pid), Signal::SIGKILL);
    }
    doomed.len()
}
