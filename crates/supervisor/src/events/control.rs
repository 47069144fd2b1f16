//! What happens at the control socket.

use super::{after, events};

events! {
    /// Commands and tasks are taken.
    DEBUG "control_listening" ControlListening<'a> {
        /// Where.
        socket: &'a str,
    } => |e| format!("takes commands and tasks at {}", e.socket);

    /// Nobody can give commands.
    ERROR "control_down" ControlDown<'a> {
        /// Why.
        error: &'a str,
    } => |e| format!("the control socket cannot be served: {}; everything runs on, restart hearken to give commands again", e.error);

    /// Somebody was turned away. Said at once, and then every ten seconds while they keep coming.
    WARN "control_denied" ControlDenied {
        /// Their user.
        uid: u32,
        /// Their process.
        pid: Option<i32>,
        /// How many were turned away since this was last said.
        unlogged: u64,
    } => |e| {
        let process = e.pid.map(|pid| format!("pid {pid}"));
        format!(
            "turned uid {} away from the control socket{}: only root and the user hearken runs as are let in{}",
            e.uid,
            after(", ", process.as_deref()),
            more(e.unlogged),
        )
    };

    /// Nobody can come in for now. Said at once, and then every ten seconds while it lasts.
    ERROR "control_short" ControlShort<'a> {
        /// What the kernel said.
        error: &'a str,
        /// How often it said so since this was last said.
        unlogged: u64,
    } => |e| format!(
        "cannot accept at the control socket: {}{}; tried again ten times a second: raise the limit of descriptors (ulimit -Hn)",
        e.error, more(e.unlogged)
    );
}

fn more(unlogged: u64) -> String {
    if unlogged == 0 { String::new() } else { format!(" ({unlogged} more since the last time)") }
}
