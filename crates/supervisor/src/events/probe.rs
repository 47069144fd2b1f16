//! What probes find out.

use super::{after, events};

events! {
    /// A probe of it failed. For health each time, while a number of failures ends it; else when
    /// the reason is new.
    WARN "probe_failed" ProbeFailed<'a> {
        /// The unit.
        unit: &'a str,
        /// The instance.
        instance: u32,
        /// `readiness` or `health`.
        purpose: &'a str,
        /// Why.
        reason: &'a str,
        /// The last words of the program that probed, on one line.
        said: Option<&'a str>,
        /// How many have failed in a row, this one counted.
        failures: u64,
        /// How many in a row end it; not there where any number may fail.
        limit: Option<u64>,
    } => |e| {
        let count = e.limit.map(|limit| format!(" ({} of {limit})", e.failures)).unwrap_or_default();
        format!("{} probe failed{count}: {}{}", e.purpose, e.reason, after("; it said: ", e.said))
    };

    /// Its health probe passes again.
    INFO "probe_recovered" ProbeRecovered<'a> {
        /// The unit.
        unit: &'a str,
        /// The instance.
        instance: u32,
        /// `health`.
        purpose: &'a str,
        /// How many had failed in a row.
        failures: u64,
    } => |e| format!("{} probe passes again, after {} that failed", e.purpose, e.failures);

    /// A probe could not be run, and that is no fault of what it was to look at: it is not counted
    /// against its health.
    WARN "probe_not_run" ProbeNotRun<'a> {
        /// The unit.
        unit: &'a str,
        /// The instance.
        instance: u32,
        /// `readiness` or `health`.
        purpose: &'a str,
        /// Why.
        reason: &'a str,
    } => |e| format!("{} probe could not be run: {}", e.purpose, e.reason);
}
