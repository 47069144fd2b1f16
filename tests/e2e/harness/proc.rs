//! Other processes, by what /proc tells of them.

use std::fs;
use std::path::Path;

/// A process, at the moment it was looked at.
#[derive(Debug, Clone)]
pub(crate) struct Process {
    pub(crate) pid: i32,
    pub(crate) parent: i32,
    pub(crate) name: String,
    /// `R`unning, `S`leeping, `D`, s`T`opped, `Z`ombie …
    pub(crate) state: char,
}

impl Process {
    /// The process of this number, if there is one.
    pub(crate) fn look(pid: i32) -> Option<Process> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let (head, rest) = stat.rsplit_once(')')?;
        let name = head.split_once('(')?.1.to_owned();
        let rest: Vec<&str> = rest.split_whitespace().collect();
        let number = |at: usize| rest.get(at)?.parse().ok();
        let state = rest.first()?.chars().next()?;
        Some(Process { pid, parent: number(1)?, name, state })
    }

    /// Whether it runs: a zombie does not.
    pub(crate) fn lives(pid: i32) -> bool {
        Process::look(pid).is_some_and(|process| !matches!(process.state, 'Z' | 'X'))
    }

    /// How many descriptors it has open.
    pub(crate) fn descriptors(pid: i32) -> usize {
        fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count)
    }

    /// A number of /proc/PID/status, without its unit.
    pub(crate) fn status(pid: i32, field: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        line.and_then(|value| value.split_whitespace().next()?.parse().ok()).unwrap_or(0)
    }

    /// User and system time it has used, in milliseconds.
    pub(crate) fn cpu_ms(pid: i32) -> u64 {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let Some((_, rest)) = stat.rsplit_once(')') else { return 0 };
        let ticks = rest.split_whitespace().skip(11).take(2);
        // A tick is 10 ms on every Linux of today (USER_HZ).
        ticks.filter_map(|ticks| ticks.parse::<u64>().ok()).sum::<u64>() * 10
    }

    fn has_variable(pid: i32, variable: &[u8]) -> bool {
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|one| one == variable)
    }
}

/// Every process there is.
pub(crate) fn processes() -> Vec<Process> {
    fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(Process::look)
        .collect()
}

/// Every live process that found this home in its environment: hearken hands it on to all of its
/// children, and each test has one of its own.
pub(crate) fn processes_at_home(home: &Path) -> Vec<Process> {
    let variable = [b"HOME=", home.as_os_str().as_encoded_bytes()].concat();
    processes()
        .into_iter()
        .filter(|process| !matches!(process.state, 'Z' | 'X'))
        .filter(|process| Process::has_variable(process.pid, &variable))
        .collect()
}
