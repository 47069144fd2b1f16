//! What happens to the processes of a unit.

use super::daemon::plural;
use super::{after, events, spoken};

events! {
    /// It waits for others.
    INFO "waiting" Waiting<'a> {
        /// The unit.
        unit: &'a str,
        /// For whom.
        on: &'a str,
    } => |e| format!("waits for {}", e.on);

    /// Its program runs.
    INFO "started" Started<'a> {
        /// The unit.
        unit: &'a str,
        /// The instance.
        instance: u32,
        /// Its process id.
        pid: i32,
        /// The how-manieth process of this instance.
        incarnation: u32,
    } => |e| format!("started as pid {}", e.pid);

    /// It is ready. (Not said where `ready = "started"`: there `started` says it.)
    INFO "ready" ReadyNow<'a> {
        /// The unit.
        unit: &'a str,
        /// The instance.
        instance: u32,
        /// How long that took.
        after_ms: u64,
    } => |e| format!("ready after {}", spoken(e.after_ms));

    /// Its program could not be started.
    ERROR "start_failed" StartFailed<'a> {
        /// The unit.
        unit: &'a str,
        /// The instance.
        instance: u32,
        /// The how-manieth try of this instance.
        incarnation: u32,
        /// The step that failed.
        stage: &'a str,
        /// What the kernel said, by name.
        errno: &'a str,
        /// What was to be started, or entered.
        subject: &'a str,
        /// What to do about it.
        help: &'a str,
    } => |e| format!("could not be started: {}: {} ({}){}", e.subject, e.errno, e.stage, after("; ", Some(e.help)));

    /// It is asked to stop.
    INFO "stopping" Stopping<'a> {
        /// The unit.
        unit: &'a str,
        /// The instance.
        instance: u32,
        /// Why.
        cause: &'a str,
        /// The signal it gets.
        signal: &'a str,
        /// How long it has.
        grace_ms: u64,
    } => |e| format!("stopping ({}): {}, and {} until it is killed", e.cause, e.signal, spoken(e.grace_ms));

    /// The kernel did not let us send a signal.
    ERROR "signal_refused" SignalRefused<'a> {
        /// The unit.
        unit: &'a str,
        /// The instance.
        instance: u32,
        /// The signal.
        signal: &'a str,
        /// What the kernel said.
        error: &'a str,
    } => |e| format!("could not be sent {}: {}; if it runs as another user, hearken must be root", e.signal, e.error);

    /// Its tree is killed.
    WARN "killing" Killing<'a> {
        /// The unit.
        unit: &'a str,
        /// The instance.
        instance: u32,
        /// Why it was being stopped.
        cause: &'a str,
        /// How long it was asked nicely.
        after_ms: u64,
    } => |e| if e.after_ms == 0 {
        format!("killed at once ({})", e.cause)
    } else {
        format!("killed, for it did not stop within {} ({})", spoken(e.after_ms), e.cause)
    };

    /// Its process ended: the wait status in full.
    INFO "exited" Exited<'a> {
        /// The unit.
        unit: &'a str,
        /// The instance.
        instance: u32,
        /// Its process id.
        pid: i32,
        /// The how-manieth process of this instance.
        incarnation: u32,
        /// Its exit code, if it exited.
        exit_code: Option<i64>,
        /// The signal that killed it, if one did.
        exit_signal: Option<&'a str>,
        /// Whether it left a core dump.
        core_dumped: bool,
        /// How long it ran.
        uptime_ms: u64,
        /// Who had it stopped, if anybody.
        stopped_by: Option<&'a str>,
    } => |e| {
        let how = match (e.exit_code, e.exit_signal) {
            (Some(code), _) => format!("exited with code {code}"),
            (None, signal) => format!("killed by {}", signal.unwrap_or("a signal")),
        };
        let core = if e.core_dumped { ", core dumped" } else { "" };
        let asked = e.stopped_by.map(|cause| format!(" ({cause})")).unwrap_or_default();
        format!("{how}{core} after {}{asked}", spoken(e.uptime_ms))
    };

    /// It will be started again.
    WARN "restarting" Restarting<'a> {
        /// The unit.
        unit: &'a str,
        /// The instance.
        instance: u32,
        /// When.
        in_ms: u64,
        /// What sort of failure it was, if it was one.
        kind: Option<&'a str>,
        /// Which one, in the child's words.
        code: Option<&'a str>,
        /// Whose voice decided.
        decided_by: &'a str,
        /// Which rule, if one did.
        rule: Option<&'a str>,
        /// The number of failures in a row, this one counted.
        failures: u64,
        /// Whether it is held against the budget.
        counted: bool,
    } => |e| format!(
        "restarts in {}{}{}, {}",
        spoken(e.in_ms), after(": ", e.kind), after(" ", e.code), voice(e.decided_by, e.rule)
    );

    /// It failed and stays down.
    ERROR "failed" Failed<'a> {
        /// The unit.
        unit: &'a str,
        /// The instance.
        instance: u32,
        /// What sort of failure.
        kind: &'a str,
        /// Which one, in the child's words.
        code: Option<&'a str>,
        /// In the child's words.
        error: Option<&'a str>,
        /// Whose voice decided.
        decided_by: &'a str,
        /// Which rule, if one did.
        rule: Option<&'a str>,
        /// The next step for the operator.
        help: &'a str,
    } => |e| format!(
        "failed and stays down: {}{}{}, {}; {}",
        e.kind, after(" ", e.code), after(": ", e.error), voice(e.decided_by, e.rule), e.help
    );

    /// It did what it was there for.
    INFO "finished" Finished<'a> {
        /// The unit.
        unit: &'a str,
        /// The instance.
        instance: u32,
        /// Whose voice decided.
        decided_by: &'a str,
        /// Which rule, if one did.
        rule: Option<&'a str>,
    } => |e| format!("finished, {}", voice(e.decided_by, e.rule));

    /// It was stopped and stays down.
    INFO "stopped" Stopped<'a> {
        /// The unit.
        unit: &'a str,
        /// The instance.
        instance: u32,
        /// Who stopped it.
        decided_by: &'a str,
        /// Which rule, if one did.
        rule: Option<&'a str>,
    } => |e| format!("stopped, {}", voice(e.decided_by, e.rule));

    /// Even SIGKILL did not end it.
    ERROR "abandoned" Abandoned<'a> {
        /// The unit.
        unit: &'a str,
        /// The instance.
        instance: u32,
        /// The process, if it is known.
        pid: Option<i64>,
        /// What it is doing in the kernel.
        wait_channel: Option<&'a str>,
    } => |e| format!(
        "pid {} does not die, even of SIGKILL{}; it is left behind and its slot stays taken until it is gone",
        e.pid.unwrap_or(0), after(": it hangs in ", e.wait_channel)
    );

    /// A process that was left behind has ended after all.
    INFO "ended_late" EndedLate<'a> {
        /// The unit.
        unit: &'a str,
        /// The instance.
        instance: u32,
        /// The process.
        pid: Option<i64>,
    } => |e| format!("pid {}, left behind before, has ended", e.pid.unwrap_or(0));

    /// Its process was stopped by a signal (SIGSTOP, SIGTSTP …) and does nothing.
    WARN "suspended" Suspended<'a> {
        /// The unit.
        unit: &'a str,
        /// The instance.
        instance: u32,
        /// The signal.
        signal: &'a str,
    } => |e| format!("its process was suspended by {}; `kill -CONT` wakes it", e.signal);

    /// Its process runs again after it was suspended.
    INFO "resumed" Resumed<'a> {
        /// The unit.
        unit: &'a str,
        /// The instance.
        instance: u32,
    } => |_e| "its process runs again";

    /// The main process is gone, but others of its group are not: they are killed.
    WARN "leftovers_killed" LeftoversKilled<'a> {
        /// The unit.
        unit: &'a str,
        /// The instance.
        instance: u32,
        /// Who they are: pid and name.
        processes: &'a str,
    } => |e| format!("killed what its process left behind: {}", e.processes);

    /// Its line and outputs cannot be listened to.
    ERROR "outputs_unheard" OutputsUnheard<'a> {
        /// The unit.
        unit: &'a str,
        /// The instance.
        instance: u32,
        /// What the kernel said.
        error: &'a str,
    } => |e| format!("its line and outputs cannot be listened to: {}; it is judged by its exit alone", e.error);

    /// Its line or outputs are still held open after its exit.
    INFO "outputs_held" OutputsHeld<'a> {
        /// The unit.
        unit: &'a str,
        /// The instance.
        instance: u32,
        /// Who may hold them: pid and name.
        processes: &'a str,
    } => |e| format!("its outputs are still held open{}; they are closed", after(", maybe by ", Some(e.processes)));

    /// It closed its line and still runs: it is stopped.
    WARN "line_lost" LineLost<'a> {
        /// The unit.
        unit: &'a str,
        /// The instance.
        instance: u32,
        /// How long it had to end by itself.
        after_ms: u64,
    } => |e| format!("closed its line without `exiting` {} ago and still runs; it is stopped", spoken(e.after_ms));

    /// It broke the protocol of the line.
    ERROR "protocol_violation" ProtocolViolation<'a> {
        /// The unit.
        unit: &'a str,
        /// The instance.
        instance: u32,
        /// Which rule it broke.
        code: &'a str,
        /// In words.
        reason: &'a str,
        /// The first bytes of what it sent, escaped.
        excerpt: Option<&'a str>,
    } => |e| format!(
        "broke the protocol of its line: {}{}; the line is closed and the process stopped",
        e.reason, after("; it sent ", e.excerpt)
    );

    /// It hung up in the middle of a frame.
    WARN "truncated_frame" FrameTruncated<'a> {
        /// The unit.
        unit: &'a str,
        /// The instance.
        instance: u32,
        /// How much of it came.
        reason: &'a str,
    } => |e| format!("hung up in the middle of a word: {}; what it said before counts", e.reason);

    /// Frames that meant nothing here.
    INFO "frames_ignored" FramesIgnored<'a> {
        /// The unit.
        unit: &'a str,
        /// The instance.
        instance: u32,
        /// Why.
        reason: &'a str,
        /// How many.
        count: u64,
    } => |e| format!("{} ignored: {}", plural(e.count, "frame"), e.reason);
}

/// Whose voice decided, as people say it.
fn voice(decided_by: &str, rule: Option<&str>) -> String {
    let words = match decided_by {
        "operator" => "as the operator asked",
        "shutdown" => "for the shutdown",
        "supervisor" => "by the supervisor",
        "group" => "for its group",
        "dependency" => "for what it comes after",
        "unit_failed" => "with all of its unit or group",
        "exiting_intent" => "as it announced",
        "rule" => return format!("by {}", rule.unwrap_or("a rule")),
        "error_hint" => "by the hint in its error",
        "error_kind" => "by the kind of its error",
        "exit_status" => "by how it ended",
        "restart_policy" => "as restart.policy says",
        "restart_budget" => "because its restart budget is used up",
        other => other,
    };
    words.into()
}
