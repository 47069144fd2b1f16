//! `restart` of a pool: how fast a worker that ended by itself is started again. That it is goes
//! without saying: a pool without workers does nothing.

use crate::diagnostic::Problem;
use crate::read::choice::OneOf;
use crate::read::duration::DurationShape;
use crate::read::keys::Keys;
use crate::read::table::Table;
use crate::read::{Reader, Value};
use crate::unit::limit::LimitShape;
use crate::unit::restart::{self, Pace};
use hearken_core::policy::{OnLimit, RestartPolicy, RestartWhen};
use hearken_core::pool::WorkMode;
use schemars::JsonSchema;

pub(crate) const KEYS: Keys = Keys {
    place: "restart = { … } of a pool",
    shape: "PoolRestart",
    known: &["delay", "max_delay", "settle", "limit", "window", "on_limit"],
    later: &["jitter"],
    aliases: &[
        ("backoff", "delay"),
        ("initial_delay", "delay"),
        ("max_retries", "limit"),
        ("burst", "limit"),
        ("interval", "window"),
        ("min_uptime", "settle"),
    ],
};

/// How fast a worker that ended by itself is started again.
#[derive(JsonSchema)]
#[schemars(rename = "PoolRestart", deny_unknown_fields, transform = crate::schema::optional)]
#[expect(dead_code, reason = "only its shape is used")]
pub(crate) struct PoolRestartShape {
    /// The wait before the first restart; it doubles from failure to failure.
    #[schemars(extend("default" = "200ms"))]
    delay: DurationShape,
    /// The longest wait.
    #[schemars(extend("default" = "1m"))]
    max_delay: DurationShape,
    /// How long it must have been ready for past failures to be forgiven.
    #[schemars(extend("default" = "30s"))]
    settle: DurationShape,
    /// How many automatic restarts one worker may have in `window`.
    #[schemars(extend("default" = 5))]
    limit: LimitShape,
    /// The sliding window of `limit`.
    #[schemars(extend("default" = "1m"))]
    window: DurationShape,
    /// What follows when the limit is reached.
    #[schemars(extend("default" = "fail"))]
    on_limit: OneOf<OnLimit>,
}

pub(super) fn read(
    reader: &mut Reader<'_>,
    value: Option<Value<'_>>,
    mode: Option<WorkMode>,
) -> Option<RestartPolicy> {
    if mode == Some(WorkMode::Exec) {
        // Its processes are started for a task, and by nothing else; how a task ends is no matter
        // of the unit's budget.
        let pace = Pace::unsaid()?;
        return Some(RestartPolicy { limit: None, ..pace.with(RestartWhen::OnTask) });
    }
    let Some(value) = value else {
        return Some(Pace::unsaid()?.with(RestartWhen::Worker));
    };
    let Some(mut table) = Table::of(value, &KEYS) else {
        let help = "a worker is always started again; write restart = { delay = \"200ms\" } to say \
                    how fast";
        reader.error(value.wrong_type("a table", help));
        return None;
    };
    if let Some(policy) = table.take_foreign("policy") {
        let message = "`policy` has no meaning in a pool: its workers are always started again";
        let help = "remove it; a rule can leave a worker down: instance = \"stop\"";
        reader.error(Problem::new(policy.key_span, message, help));
    }
    let no_restart = "write a rule with instance = \"stop\"";
    let pace = restart::pace(reader, &mut table, no_restart);
    table.close(reader);
    Some(pace?.with(RestartWhen::Worker))
}

#[cfg(test)]
mod tests {
    use crate::testing::{pool, refuses_pool};
    use hearken_core::policy::{OnLimit, RestartWhen};

    #[test]
    fn good_restarts() {
        let five = Some((5, 60));
        let worker = RestartWhen::Worker;
        let table = [
            ("", (worker, 200, 30, five, OnLimit::Fail)),
            ("restart = {}", (worker, 200, 30, five, OnLimit::Fail)),
            (
                "restart = { delay = \"1s\", settle = \"1m\", on_limit = \"wait\" }",
                (worker, 1_000, 60, five, OnLimit::Wait),
            ),
            ("restart.limit = \"unlimited\"", (worker, 200, 30, None, OnLimit::Fail)),
            // How a task ends is no matter of the unit's budget.
            ("mode = \"exec\"", (RestartWhen::OnTask, 200, 30, None, OnLimit::Fail)),
        ];
        for (lines, expected) in table {
            let restart = pool(lines).unit.policy.restart;
            let limit = restart.limit.map(|limit| (limit.count(), limit.window().as_secs()));
            let pace = (restart.backoff.delay().as_millis(), restart.settle.as_secs());
            let found = (restart.when, pace.0, pace.1, limit, restart.on_limit);
            assert_eq!(found, expected, "{lines}");
        }
    }

    #[test]
    fn bad_restarts() {
        let table = [
            (
                "restart = \"always\"",
                ["3:11", "\"always\"", "must be a table", "is always started again"],
            ),
            (
                "restart = { policy = \"never\" }",
                ["3:13", "policy", "`policy` has no meaning in a pool", "instance = \"stop\""],
            ),
            (
                "restart.limit = 0",
                ["3:17", "0", "from 1 to 10000, not `0`", "a rule with instance = \"stop\""],
            ),
            (
                "restart.max_retries = 3",
                ["3:9", "max_retries", "unknown key", "hearken calls it `limit`"],
            ),
        ];
        for (lines, expected) in table {
            refuses_pool(lines, expected);
        }
    }
}
