//! `interval`, `timeout` and `failures`: the rhythm of a probe.

use crate::diagnostic::Problem;
use crate::read::duration::{DAY, duration};
use crate::read::number::{integer, integer_or_unlimited};
use crate::read::table::Table;
use crate::read::{Reader, Value};
use hearken_core::policy::Probing;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use std::borrow::Cow;
use std::ops::RangeInclusive;
use std::time::Duration;

/// A probe may not be what keeps the machine busy.
const INTERVAL: RangeInclusive<Duration> = Duration::from_millis(10)..=DAY;
const TIMEOUT: RangeInclusive<Duration> = Duration::from_millis(10)..=Duration::from_secs(3600);

/// The most failures in a row that a probe may be allowed by number.
pub(crate) const FAILURES_MAX: u32 = 1000;

/// The keys that are read here.
pub(super) const KEYS: [&str; 3] = ["interval", "timeout", "failures"];

/// What a probe keeps to unless the config says otherwise.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Defaults {
    pub(crate) probing: Probing,
    /// How to do without a probe that nothing follows from; `None`, if it is of use.
    pub(crate) without: Option<&'static str>,
}

/// The values of the three keys, as far as they are given.
pub(super) struct Given<'t> {
    interval: Option<Value<'t>>,
    timeout: Option<Value<'t>>,
    failures: Option<Value<'t>>,
}

impl<'t> Given<'t> {
    pub(super) fn take(table: &mut Table<'t>) -> Self {
        Self {
            interval: table.take("interval"),
            timeout: table.take("timeout"),
            failures: table.take("failures"),
        }
    }

    pub(super) fn all(&self) -> impl Iterator<Item = Value<'t>> {
        [self.interval, self.timeout, self.failures].into_iter().flatten()
    }

    pub(super) fn read(&self, reader: &mut Reader<'_>, defaults: Defaults) -> Option<Probing> {
        let interval = match self.interval {
            Some(value) => reader.keep(duration(value, INTERVAL)),
            None => Some(defaults.probing.interval),
        };
        let timeout = match self.timeout {
            Some(value) => reader.keep(duration(value, TIMEOUT)),
            None => Some(defaults.probing.timeout),
        };
        let failures = match self.failures {
            Some(value) => reader.keep(failures(value, defaults)),
            None => Some(defaults.probing.failures),
        };
        Some(Probing { interval: interval?, timeout: timeout?, failures: failures? })
    }
}

fn failures(value: Value<'_>, defaults: Defaults) -> Result<Option<u32>, Problem> {
    let Some(without) = defaults.without else {
        return integer_or_unlimited(value, 1..=FAILURES_MAX);
    };
    if value.toml.as_str() == Some("unlimited") {
        let message = "with `failures` \"unlimited\" nothing would follow from the probe";
        let help = format!("write failures = 3, or {without}");
        return Err(Problem::new(value.span, message, help));
    }
    integer(value, 1..=FAILURES_MAX).map(Some)
}

/// The shape of a number of failures that may be `"unlimited"`.
pub(crate) struct FailuresShape;

impl JsonSchema for FailuresShape {
    fn schema_name() -> Cow<'static, str> {
        "Failures".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "oneOf": [
            { "type": "integer", "minimum": 1, "maximum": FAILURES_MAX },
            { "const": "unlimited" },
        ]})
    }
}
