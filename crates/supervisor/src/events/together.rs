//! What happens to several units at once, or to a unit that runs on.

use super::{after, events, spoken};

events! {
    /// It said an error and runs on, and a rule or the table makes something of that.
    WARN "error_answered" ErrorAnswered<'a> {
        /// The unit.
        unit: &'a str,
        /// The instance.
        instance: u32,
        /// What becomes of the process: `keep`, `recycle`, `replace` or `stop`.
        process: &'a str,
        /// What it means for the unit: `none`, `count`, `pause`, `fail` or `shut_down`.
        verdict: &'a str,
        /// Whose voice decided.
        decided_by: &'a str,
        /// Which rule, if one did.
        rule: Option<&'a str>,
    } => |e| format!(
        "its error means: instance {}, unit {}{}",
        e.process, e.verdict, after(", by ", e.rule)
    );

    /// It reads its configuration again.
    INFO "reloading" Reloading<'a> {
        /// The unit.
        unit: &'a str,
        /// The instance.
        instance: u32,
    } => |_e| "reads its configuration again";

    /// It has read its configuration again.
    INFO "reloaded" Reloaded<'a> {
        /// The unit.
        unit: &'a str,
        /// The instance.
        instance: u32,
        /// How long that took.
        after_ms: u64,
    } => |e| format!("has read its configuration again, in {}", spoken(e.after_ms));

    /// It was stopped for the sake of others, and goes on with them.
    INFO "held" Held<'a> {
        /// The unit.
        unit: &'a str,
        /// The instance.
        instance: u32,
        /// For whose sake: `group` or `dependency`.
        decided_by: &'a str,
    } => |e| match e.decided_by {
        "group" => "down until its group starts again",
        _ => "down until what it comes after is up again",
    };

    /// No instance of the unit is started again for a while.
    WARN "paused" Paused<'a> {
        /// The unit.
        unit: &'a str,
        /// For how long.
        for_ms: u64,
    } => |e| format!("no instance is started again for {}", spoken(e.for_ms));

    /// A group starts again together.
    WARN "group_restarting" GroupRestarting<'a> {
        /// The group.
        group: &'a str,
        /// For whose sake.
        because: &'a str,
        /// Who is stopped and started again, in the order of their start.
        units: &'a str,
    } => |e| format!("group {} restarts {}, because of {}", e.group, e.units, e.because);

    /// A group used up its restart budget.
    ERROR "group_failed" GroupFailed<'a> {
        /// The group.
        group: &'a str,
        /// Whose restart was one too many.
        because: &'a str,
        /// Which units stay down.
        units: &'a str,
    } => |e| format!(
        "group {} was restarted too often, last because of {}: {} stay down; find out why, then start them again",
        e.group, e.because, e.units
    );
}
