//! Who is related to whom, by /proc/*/stat (proc_pid_stat(5)).
//!
//! A scan is a row of snapshots, not one: a process may come and go meanwhile. What is found
//! must be pinned by a pidfd and looked at again before it is acted on.

use std::fs;

use crate::Pid;

/// One process of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its number.
    pub pid: Pid,
    /// The name of its program, at most 15 bytes, as in /proc/PID/comm.
    pub command: String,
}

/// The processes whose session has the number of `leader`: the child and its descendants that
/// made no session of their own. Zombies are included. Empty where /proc cannot be read.
pub fn session_members(leader: Pid) -> Vec<Member> {
    processes()
        .filter(|process| process.session == leader.get())
        .map(|process| Member { pid: process.pid, command: process.command })
        .collect()
}

/// The processes whose parent is the calling process, the fork server and zombies included.
/// Empty where /proc cannot be read.
pub fn children_of_self() -> Vec<Pid> {
    let own = Pid::own().get();
    processes().filter(|process| process.parent == own).map(|process| process.pid).collect()
}

/// How much memory this process has in RAM, in bytes: what proc_pid_statm(5) calls resident. Nothing
/// if there is no such process.
pub fn resident_memory(pid: Pid) -> Option<u64> {
    let pages = resident_pages(&fs::read_to_string(format!("/proc/{pid}/statm")).ok()?)?;
    pages.checked_mul(u64::try_from(rustix::param::page_size()).ok()?)
}

fn resident_pages(statm: &str) -> Option<u64> {
    statm.split_ascii_whitespace().nth(1)?.parse().ok()
}

/// The fields of /proc/PID/stat that name relations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) pid: Pid,
    pub(crate) command: String,
    /// It has ended, and was not reaped.
    pub(crate) ended: bool,
    pub(crate) parent: i32,
    pub(crate) group: i32,
    pub(crate) session: i32,
    /// In clock ticks since boot: with the pid it names a process for good.
    pub(crate) started: u64,
}

/// Every process that /proc shows and that lives long enough to be read.
pub(crate) fn processes() -> impl Iterator<Item = Process> {
    fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|entry| Pid::new(entry.ok()?.file_name().to_str()?.parse().ok()?))
        .filter_map(process)
}

/// The process with this number, if there is one now.
pub(crate) fn process(pid: Pid) -> Option<Process> {
    parse(&fs::read(format!("/proc/{pid}/stat")).ok()?)
}

fn parse(stat: &[u8]) -> Option<Process> {
    // The command may itself hold spaces and parentheses; nothing after it does.
    let open = stat.iter().position(|byte| *byte == b'(')?;
    let close = stat.iter().rposition(|byte| *byte == b')')?;
    let pid = str::from_utf8(&stat[..open]).ok()?.trim().parse().ok()?;
    let command = String::from_utf8_lossy(stat.get(open + 1..close)?).into_owned();
    let mut rest = str::from_utf8(&stat[close + 1..]).ok()?.split_ascii_whitespace();
    let ended = matches!(rest.next()?, "Z" | "X");
    let (parent, group, session) =
        (rest.next()?.parse().ok()?, rest.next()?.parse().ok()?, rest.next()?.parse().ok()?);
    // Field 22 of the file; 7 is the next one here.
    let started = rest.nth(22 - 7)?.parse().ok()?;
    Some(Process { pid: Pid::new(pid)?, command, ended, parent, group, session, started })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_knows_its_own_memory() {
        let own = resident_memory(Pid::own()).expect("it lives");
        assert!(own > 100 * 1024, "{own} bytes");
        assert_eq!(resident_pages("1234 56 7 8 0 9 0"), Some(56));
        assert_eq!(resident_pages(""), None);
    }

    const TAIL: &str = "S 1 42 42 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 98765 1000 20 0";

    #[test]
    fn a_command_of_parentheses_and_spaces_is_no_field() {
        let process = parse(format!("42 (a) R 9 (b) {TAIL}\n").as_bytes()).expect("well formed");
        assert_eq!(process.command, "a) R 9 (b");
        assert_eq!((process.pid.get(), process.parent), (42, 1));
        assert_eq!((process.group, process.session, process.started), (42, 42, 98765));
        assert!(!process.ended);
    }

    #[test]
    fn a_zombie_has_ended() {
        let process = parse(b"7 (sh) Z 1 42 42 0 -1 0 1 0 0 0 0 0 0 0 20 0 1 0 98765 0 0 0");
        assert!(process.expect("well formed").ended);
    }

    #[test]
    fn a_cut_or_garbled_file_is_no_process() {
        let whole = format!("42 (cat) {TAIL}");
        let started = whole.find("98765").expect("in TAIL");
        for length in 0..=started {
            assert_eq!(parse(&whole.as_bytes()[..length]), None, "{length}");
        }
        assert_eq!(parse(b")("), None);
        assert_eq!(parse(&[0xFF; 40]), None);
    }

    #[test]
    fn this_process_is_found_among_all() {
        let own = processes().find(|process| process.pid == Pid::own()).expect("procfs");
        assert_eq!(own.parent, std::os::unix::process::parent_id().cast_signed());
    }
}
