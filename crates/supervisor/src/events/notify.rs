//! What comes through `NOTIFY_SOCKET`.

use super::daemon::plural;
use super::{after, events};

events! {
    /// Something was said through NOTIFY_SOCKET that is not as it should be; it changed nothing.
    WARN "notify_malformed" NotifyMalformed<'a> {
        /// The unit.
        unit: &'a str,
        /// The instance.
        instance: u32,
        /// Who sent it.
        pid: i32,
        /// What was wrong.
        reason: &'a str,
        /// How many lines of it, if single ones were.
        lines: Option<u64>,
    } => |e| match e.lines {
        Some(lines) => format!(
            "{} from pid {} to NOTIFY_SOCKET ignored: {}", plural(lines, "line"), e.pid, e.reason
        ),
        None => format!("a message from pid {} to NOTIFY_SOCKET ignored: {}", e.pid, e.reason),
    };

    /// Somebody sent to NOTIFY_SOCKET who has no say; it changed nothing.
    WARN "notify_stranger" NotifyStranger<'a> {
        /// The last one, as far as it is known.
        pid: Option<i64>,
        /// Its user.
        uid: Option<u32>,
        /// Why it has no say.
        reason: &'a str,
        /// How many messages since this was told last.
        messages: u64,
        /// The next step for the operator.
        help: &'a str,
    } => |e| format!(
        "{} to NOTIFY_SOCKET ignored, the last from {}: {}; {}",
        plural(e.messages, "message"),
        match (e.pid, e.uid) {
            (Some(pid), Some(uid)) => format!("pid {pid} (user {uid})"),
            (Some(pid), None) => format!("pid {pid}"),
            (None, _) => "somebody outside of this pid namespace".to_owned(),
        },
        e.reason, e.help
    );

    /// NOTIFY_SOCKET could not be read.
    ERROR "notify_unheard" NotifyUnheard<'a> {
        /// What the kernel said.
        error: &'a str,
    } => |e| format!("NOTIFY_SOCKET cannot be read now: {}", e.error);

    /// It named another process as its main one.
    INFO "main_process" MainProcess<'a> {
        /// The unit.
        unit: &'a str,
        /// The instance.
        instance: u32,
        /// The process.
        pid: i32,
    } => |e| format!("its main process is pid {}", e.pid);

    /// It named a process as its main one that cannot be it.
    WARN "main_process_refused" MainProcessRefused<'a> {
        /// The unit.
        unit: &'a str,
        /// The instance.
        instance: u32,
        /// The process.
        pid: i32,
        /// Why not.
        reason: &'a str,
    } => |e| format!("names pid {} as its main process, which it cannot be: {}", e.pid, e.reason);

    /// The main process ended, and its parent took its wait status.
    WARN "main_process_lost" MainProcessLost<'a> {
        /// The unit.
        unit: &'a str,
        /// The instance.
        instance: u32,
        /// The process.
        pid: i32,
        /// The process that decides in its place, if there is one.
        main_pid: Option<i64>,
    } => |e| format!(
        "its main process, pid {}, ended, and how is known to its parent only{}", e.pid,
        match e.main_pid {
            Some(pid) => after("; it is judged by the process that was started, pid ", Some(&pid.to_string())),
            None => "; that counts as a failure (exit code 255)".to_owned(),
        }
    );
}
