//! `restart`: when and how fast a service is started again. How fast is the same for the workers of a
//! pool.

use super::backoff::{self, Bounds};
use super::limit::{self, Accounting, LimitShape};
use crate::diagnostic::Problem;
use crate::read::choice::{Choice, OneOf, choice, words};
use crate::read::duration::{DAY, DurationShape, TICK, duration};
use crate::read::keys::Keys;
use crate::read::table::{Table, list};
use crate::read::{Reader, Value};
use crate::source::Span;
use hearken_core::backoff::Backoff;
use hearken_core::budget::Limit;
use hearken_core::policy::{OnLimit, RestartPolicy, RestartWhen};
use schemars::JsonSchema;
use std::time::Duration;
use toml::de::DeValue;

const WHEN: RestartWhen = RestartWhen::OnFailure;
const SETTLE: Duration = Duration::from_secs(30);

impl Choice for RestartWhen {
    const NAME: &'static str = "RestartWhen";
    const WORDS: &'static [(&'static str, Self, &'static str)] = &[
        ("always", Self::Always, "whatever it exits with"),
        ("on_failure", Self::OnFailure, "unless it exits with 0"),
        ("never", Self::Never, "never: it runs once"),
    ];
}

pub(crate) const KEYS: Keys = Keys {
    place: "restart = { … } of a service",
    shape: "RestartTable",
    known: &["policy", "delay", "max_delay", "settle", "limit", "window", "on_limit"],
    later: &["jitter", "schedule", "exit_codes", "max_age"],
    aliases: &[
        ("when", "policy"),
        ("backoff", "delay"),
        ("initial_delay", "delay"),
        ("restartsec", "delay"),
        ("retries", "limit"),
        ("max_retries", "limit"),
        ("startretries", "limit"),
        ("burst", "limit"),
        ("startlimitburst", "limit"),
        ("interval", "window"),
        ("within", "window"),
        ("min_uptime", "settle"),
        ("startsecs", "settle"),
    ],
};

/// When and how fast it is started again; the policy alone is enough: restart = "always".
#[derive(JsonSchema)]
#[schemars(rename = "Restart", untagged)]
#[expect(dead_code, reason = "only its shape is used")]
pub(crate) enum RestartShape {
    Policy(OneOf<RestartWhen>),
    Table(RestartTable),
}

/// When and how fast it is started again.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, transform = crate::schema::optional)]
#[expect(dead_code, reason = "only its shape is used")]
pub(crate) struct RestartTable {
    /// After which endings it is started again.
    #[schemars(extend("default" = "on_failure"))]
    policy: OneOf<RestartWhen>,
    /// The wait before the first restart; it doubles from failure to failure.
    #[schemars(extend("default" = "200ms"))]
    delay: DurationShape,
    /// The longest wait.
    #[schemars(extend("default" = "1m"))]
    max_delay: DurationShape,
    /// How long it must have been ready for past failures to be forgiven.
    #[schemars(extend("default" = "30s"))]
    settle: DurationShape,
    /// How many automatic restarts one instance may have in `window`.
    #[schemars(extend("default" = 5))]
    limit: LimitShape,
    /// The sliding window of `limit`.
    #[schemars(extend("default" = "1m"))]
    window: DurationShape,
    /// What follows when the limit is reached.
    #[schemars(extend("default" = "fail"))]
    on_limit: OneOf<OnLimit>,
}

/// What was read: the policy, if all of it could be; and for `until = "succeeded"` elsewhere, when
/// it restarts and where that stands.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) policy: Option<RestartPolicy>,
    pub(crate) when: Option<RestartWhen>,
    pub(crate) when_span: Option<Span>,
}

pub(crate) fn read(reader: &mut Reader<'_>, value: Option<Value<'_>>) -> Read {
    let Some(value) = value else {
        return Read { policy: default(WHEN), when: Some(WHEN), when_span: None };
    };
    if matches!(value.toml, DeValue::String(_)) {
        let when = reader.keep(choice(value));
        return Read { policy: when.and_then(default), when, when_span: Some(value.span) };
    }
    let Some(mut table) = Table::of(value, &KEYS) else {
        let help = format!("write restart = {}", words::<RestartWhen>());
        reader.error(value.wrong_type("a policy or a table", help));
        return Read { policy: None, when: None, when_span: None };
    };
    let policy = table.take("policy");
    let when = match policy {
        Some(value) => reader.keep(choice(value)),
        None => Some(WHEN),
    };
    if let (Some(RestartWhen::Never), Some(policy)) = (when, policy) {
        warn_unused(reader, policy.span, &table);
    }
    let pace = pace(reader, &mut table, "write policy = \"never\"");
    table.close(reader);
    let when_span = policy.map(|value| value.span);
    Read { policy: when.zip(pace).map(|(when, pace)| pace.with(when)), when, when_span }
}

/// The policy of a config that says no more than when.
fn default(when: RestartWhen) -> Option<RestartPolicy> {
    Pace::unsaid().map(|pace| pace.with(when))
}

/// How fast something is started again, and how often.
#[derive(Debug)]
pub(crate) struct Pace {
    backoff: Backoff,
    settle: Duration,
    limit: Option<Limit>,
    on_limit: OnLimit,
}

impl Pace {
    /// That of a config that says nothing of it.
    pub(crate) fn unsaid() -> Option<Self> {
        let (limit, on_limit) = limit::default()?;
        Some(Self { backoff: Bounds::OF_RESTARTS.backoff()?, settle: SETTLE, limit, on_limit })
    }

    /// The policy at this pace.
    pub(crate) fn with(self, when: RestartWhen) -> RestartPolicy {
        let Self { backoff, settle, limit, on_limit } = self;
        RestartPolicy { when, backoff, settle, limit, on_limit }
    }
}

/// Reads the pace; `no_restart` is how to say that there shall be no restart at all.
pub(crate) fn pace(
    reader: &mut Reader<'_>,
    table: &mut Table<'_>,
    no_restart: &'static str,
) -> Option<Pace> {
    let backoff = backoff::read(reader, table, Bounds::OF_RESTARTS);
    let settle = match table.take("settle") {
        Some(value) => reader.keep(duration(value, TICK..=DAY)),
        None => Some(SETTLE),
    };
    let accounting = Accounting { on_limit: OnLimit::Fail, no_restart };
    let limit = limit::read(reader, table, accounting);
    let (limit, on_limit) = limit?;
    Some(Pace { backoff: backoff?, settle: settle?, limit, on_limit })
}

/// What is never restarted needs no other knob; probably something else was meant.
fn warn_unused(reader: &mut Reader<'_>, policy: Span, table: &Table<'_>) {
    let known = table.left().filter(|value| KEYS.known.contains(&value.key));
    let unused: Vec<Value<'_>> = known.copied().collect();
    if let Some(first) = unused.first() {
        let names = list(unused.iter().map(|value| value.key));
        let message = format!("with `policy` \"never\" there is no use for {names}");
        let help = "remove what is not used, or choose policy = \"on_failure\"";
        let problem = Problem::new(first.key_span, message, help).label("not used");
        reader.warning(problem.also(policy, "never restarted"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{good, refuses_service, service};

    #[test]
    fn good_restarts() {
        let table = [
            ("", RestartWhen::OnFailure, 30),
            ("restart = \"always\"", RestartWhen::Always, 30),
            ("restart = \"never\"", RestartWhen::Never, 30),
            ("restart = {}", RestartWhen::OnFailure, 30),
            ("restart = { policy = \"always\", settle = \"5m\" }", RestartWhen::Always, 300),
            ("[service.web.restart]\nsettle = \"1s\"", RestartWhen::OnFailure, 1),
        ];
        for (lines, when, settle) in table {
            let restart = service(lines).policy.restart;
            assert_eq!((restart.when, restart.settle.as_secs()), (when, settle), "{lines}");
        }
    }

    #[test]
    fn bad_restarts() {
        let table = [
            (
                "restart = \"allways\"",
                ["3:11", "\"allways\"", "`restart` cannot be", "did you mean \"always\"?"],
            ),
            (
                "restart = \"on-failure\"",
                ["3:11", "\"on-failure\"", "cannot be", "did you mean \"on_failure\"?"],
            ),
            ("restart = true", ["3:11", "true", "a policy or a table, not a boolean", "\"never\""]),
            (
                "restart.policy = 1",
                ["3:18", "1", "`policy` must be a word in quotes", "policy = \"always\""],
            ),
            ("restart.settle = \"0s\"", ["3:18", "\"0s\"", "`settle` must be from", "\"1ms\""]),
            ("restart.settle = \"2d\"", ["3:18", "\"2d\"", "`settle` must be from", "\"1d\""]),
            (
                "restart = { polcy = \"never\" }",
                ["3:13", "polcy", "unknown key `polcy` in `restart`", "`policy`?"],
            ),
            ("restart = { jitter = 1 }", ["3:13", "jitter", "not supported yet", "reference.toml"]),
        ];
        for (lines, expected) in table {
            refuses_service(lines, expected);
        }
    }

    #[test]
    fn knobs_without_use_are_warned_of() {
        let text = "[service.web]\ncommand = [\"x\"]\n\
                    restart = { policy = \"never\", delay = \"1s\", limit = 3 }\n";
        let warnings = good(text).warnings;
        let shown = warnings[0].render(false);
        assert_eq!(warnings.len(), 1);
        assert!(shown.starts_with("warning: with `policy` \"never\""), "{shown}");
        assert!(shown.contains("`delay` and `limit`"), "{shown}");
        assert!(shown.contains(":3:31\n") && shown.contains("^^^^^ not used"), "{shown}");
    }
}
