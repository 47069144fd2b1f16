//! `stop`: how a unit is asked to end.

use crate::read::choice::Choice;
use crate::read::duration::{DAY, DurationShape, TICK, duration};
use crate::read::keys::Keys;
use crate::read::signal::{self, SignalShape, signal};
use crate::read::table::Table;
use crate::read::{Reader, Value};
use hearken_core::policy::StopPolicy;
use schemars::JsonSchema;
use std::time::Duration;
use toml::de::DeValue;

const GRACE: Duration = Duration::from_secs(10);

/// A signal that may ask a process to end, by its number on Linux.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Signal(i32);

const TERM: Signal = Signal(15);

impl Choice for Signal {
    const NAME: &'static str = "Signal";
    const WORDS: &'static [(&'static str, Self, &'static str)] = &[
        ("TERM", TERM, "end"),
        ("INT", Self(2), "interrupt, as Ctrl-C does"),
        ("HUP", Self(1), "hang up"),
        ("QUIT", Self(3), "quit; some servers finish what they hold"),
        ("USR1", Self(10), "whatever the program takes it for"),
        ("USR2", Self(12), "whatever the program takes it for"),
        ("WINCH", Self(28), "some servers finish what they hold"),
        ("ALRM", Self(14), "alarm"),
        ("ABRT", Self(6), "abort, often with a core dump"),
        ("KILL", Self(9), "at once, without a word"),
    ];
    const REFUSED: &'static [(&'static str, &'static str)] = &[
        ("CONT", "it is sent after the stop signal anyway; write signal = \"TERM\""),
        ("STOP", "a stopped process does not end; write signal = \"TERM\""),
        ("TSTP", "a stopped process does not end; write signal = \"TERM\""),
        ("CHLD", "programs ignore it; write signal = \"TERM\""),
    ];
}

impl signal::Signal for Signal {
    fn number(self) -> i32 {
        self.0
    }
}

pub(crate) const KEYS: Keys = Keys {
    place: "stop = { … } of a service or pool",
    shape: "StopTable",
    known: &["signal", "timeout"],
    later: &["command", "steps", "scope", "kill"],
    aliases: &[
        ("grace", "timeout"),
        ("grace_period", "timeout"),
        ("wait", "timeout"),
        ("stop_timeout", "timeout"),
        ("stop_signal", "signal"),
    ],
};

/// How it is stopped; the signal alone is enough: stop = "INT".
#[derive(JsonSchema)]
#[schemars(rename = "Stop", untagged)]
#[expect(dead_code, reason = "only its shape is used")]
pub(crate) enum StopShape {
    Signal(SignalShape<Signal>),
    Table(StopTable),
}

/// The signal, then CONT, then after the timeout the whole tree is killed.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, transform = crate::schema::optional)]
#[expect(dead_code, reason = "only its shape is used")]
pub(crate) struct StopTable {
    /// The signal that asks it to end; SIG may stand before the name.
    #[schemars(extend("default" = "TERM"))]
    signal: SignalShape<Signal>,
    /// How long it has before it is killed.
    #[schemars(extend("default" = "10s"))]
    timeout: DurationShape,
}

pub(crate) fn read(reader: &mut Reader<'_>, value: Option<Value<'_>>) -> Option<StopPolicy> {
    let Some(value) = value else {
        return Some(StopPolicy { signal: TERM.0, grace: GRACE });
    };
    if matches!(value.toml, DeValue::String(_)) {
        let signal: Signal = reader.keep(signal(value))?;
        return Some(StopPolicy { signal: signal.0, grace: GRACE });
    }
    let Some(mut table) = Table::of(value, &KEYS) else {
        let help = "write stop = \"TERM\", or stop = { signal = \"TERM\", timeout = \"10s\" }";
        reader.error(value.wrong_type("a signal or a table", help));
        return None;
    };
    let signal = match table.take("signal") {
        Some(value) => reader.keep(signal::<Signal>(value)),
        None => Some(TERM),
    };
    let grace = match table.take("timeout") {
        Some(value) => reader.keep(duration(value, TICK..=DAY)),
        None => Some(GRACE),
    };
    table.close(reader);
    Some(StopPolicy { signal: signal?.0, grace: grace? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{refuses_service, service};

    #[test]
    fn good_stops() {
        let table = [
            ("", 15, 10),
            ("stop = \"INT\"", 2, 10),
            ("stop = \"SIGQUIT\"", 3, 10),
            ("stop = {}", 15, 10),
            ("stop = { signal = \"SIGUSR2\", timeout = \"1m\" }", 12, 60),
            ("stop.timeout = \"2s\"", 15, 2),
            ("[service.web.stop]\nsignal = \"KILL\"", 9, 10),
        ];
        for (lines, signal, seconds) in table {
            let grace = Duration::from_secs(seconds);
            assert_eq!(service(lines).policy.stop, StopPolicy { signal, grace }, "{lines}");
        }
    }

    #[test]
    fn bad_stops() {
        let table = [
            (
                "stop = \"TERN\"",
                ["3:8", "\"TERN\"", "`stop` cannot be `TERN`", "did you mean \"TERM\"?"],
            ),
            ("stop = \"term\"", ["3:8", "\"term\"", "cannot be `term`", "did you mean \"TERM\"?"]),
            (
                "stop = \"CONT\"",
                ["3:8", "\"CONT\"", "cannot be `CONT`", "sent after the stop signal"],
            ),
            ("stop = \"SIGSTOP\"", ["3:8", "\"SIGSTOP\"", "`SIGSTOP`", "does not end"]),
            ("stop = 15", ["3:8", "15", "a signal or a table, not an integer", "stop = \"TERM\""]),
            (
                "stop.signal = 15",
                ["3:15", "15", "name of a signal, not an integer", "signal = \"TERM\""],
            ),
            (
                "stop = { timeout = 5 }",
                ["3:20", "5", "`timeout` must be a duration", "\"5s\" for seconds"],
            ),
            ("stop.timeout = \"0s\"", ["3:16", "\"0s\"", "from \"1ms\" to \"1d\"", "\"1ms\""]),
            ("stop.timeout = \"never\"", ["3:16", "\"never\"", "no duration", "has no \"never\""]),
            (
                "stop = { grace = \"5s\" }",
                ["3:10", "grace", "unknown key `grace` in `stop`", "`timeout`"],
            ),
            (
                "stop = { signl = \"INT\" }",
                ["3:10", "signl", "unknown key `signl`", "did you mean `signal`?"],
            ),
        ];
        for (lines, expected) in table {
            refuses_service(lines, expected);
        }
    }
}
