//! What happens to the supervisor itself.

use super::{after, events, spoken};

events! {
    /// It is up: the fork server works, the config is good, the first children are on their way.
    INFO "supervisor_started" SupervisorStarted<'a> {
        /// Its version.
        version: &'a str,
        /// Its process id.
        pid: i32,
        /// The fork server's process id.
        fork_server_pid: i32,
        /// The config file.
        config: &'a str,
        /// Its state directory.
        state_directory: &'a str,
        /// How many units it has.
        units: u64,
        /// How many instances these have together.
        instances: u64,
        /// How process trees are killed.
        containment: &'a str,
    } => |e| format!(
        "hearken {} runs {} ({} instances) from {}", e.version, plural(e.units, "unit"), e.instances, e.config
    );

    /// Something in the config is allowed but likely not meant.
    WARN "config_warning" ConfigWarning<'a> {
        /// The problem, with its place.
        problem: &'a str,
    } => |e| e.problem;

    /// `clone3` is refused here; children are cloned the older way.
    WARN "legacy_clone" LegacyClone<'a> {
        /// What the kernel said.
        error: &'a str,
    } => |e| format!("clone3 is refused here ({}): children are started with clone instead", e.error);

    /// More instances than descriptors.
    WARN "descriptors_short" DescriptorsShort {
        /// How many the config may need.
        needed: u64,
        /// How many the supervisor may open.
        limit: u64,
    } => |e| format!(
        "the config may need {} descriptors, but the limit is {}: raise the hard limit (ulimit -Hn), or some starts will fail",
        e.needed, e.limit
    );

    /// The fork server is gone; a new one takes its place.
    ERROR "fork_server_lost" ForkServerLost<'a> {
        /// The process that was the fork server.
        pid: i32,
        /// How that was noticed.
        reason: &'a str,
        /// How many spawns were under way; they are tried again.
        spawns: u64,
        /// Children nobody had heard of yet; they were killed, their starts are tried again.
        ghosts: u64,
    } => |e| format!(
        "the fork server (pid {}) is gone: {}; running children are not affected, {} tried again",
        e.pid, e.reason, plural(e.spawns, "start")
    );

    /// A new fork server took over.
    INFO "fork_server_replaced" ForkServerReplaced {
        /// Its process id.
        pid: i32,
    } => |e| format!("a new fork server runs as pid {}", e.pid);

    /// No fork server can be had for now.
    ERROR "fork_server_unavailable" ForkServerUnavailable<'a> {
        /// Why.
        error: &'a str,
        /// When the next try is.
        retry_ms: u64,
    } => |e| format!(
        "no fork server: {}; nothing can be started, what runs goes on; next try in {}",
        e.error, spoken(e.retry_ms)
    );

    /// A signal to the supervisor.
    INFO "signal_received" SignalReceived<'a> {
        /// Its name.
        signal: &'a str,
        /// What it means.
        meaning: &'a str,
    } => |e| format!("got {}: {}", e.signal, e.meaning);

    /// The shutdown began.
    INFO "shutting_down" ShuttingDown<'a> {
        /// Why, unless somebody asked for it.
        because: Option<&'a str>,
        /// How many instances have to stop.
        active: u64,
    } => |e| format!("shutting down {}{}", plural(e.active, "running instance"), after(": ", e.because));

    /// Who the shutdown still waits for.
    INFO "waiting_for" WaitingFor<'a> {
        /// Their names.
        who: &'a str,
    } => |e| format!("still waiting for {}; a second TERM or ^C kills at once", e.who);

    /// Nothing is left to run.
    INFO "idle" Idle {
        /// Whether the supervisor ends now.
        ends: bool,
    } => |e| if e.ends { "nothing is left to run" } else { "nothing is left to run; staying (when_idle = \"stay\")" };

    /// The supervisor was stopped or starved for a while.
    WARN "stalled" Stalled {
        /// For how long.
        by_ms: u64,
        /// How many deadlines were moved.
        moved: u64,
    } => |e| format!(
        "this supervisor was held up for {}; {} moved so that nobody is taken for dead",
        spoken(e.by_ms), plural(e.moved, "deadline")
    );

    /// A process that was adopted from a dead parent was reaped.
    DEBUG "orphan_reaped" OrphanReaped {
        /// Its process id.
        pid: i32,
    } => |e| format!("reaped an adopted orphan, pid {}", e.pid);

    /// The kernel refuses to tell of deaths. They are looked for again with the next sweep.
    ERROR "wait_failed" WaitFailed<'a> {
        /// What the kernel said.
        error: &'a str,
    } => |e| format!("waitid failed: {}; it is tried again within 5 s", e.error);

    /// The supervisor ends.
    INFO "supervisor_stopped" SupervisorStopped<'a> {
        /// Its exit code.
        exit_code: i64,
        /// Why, if it is not 0.
        because: Option<&'a str>,
        /// How long it ran.
        uptime_ms: u64,
    } => |e| format!("hearken ends after {}{}", spoken(e.uptime_ms), after(": ", e.because));
}

/// `1 unit`, `2 units`.
pub(super) fn plural(count: u64, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}
