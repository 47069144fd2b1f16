//! The clocks of a task: `accept_timeout`, `soft_timeout`, `task_timeout`, `total_timeout`, and
//! `cancel_grace`.

use super::mode::Mode;
use crate::diagnostic::Problem;
use crate::read::duration::{DAY, TICK, duration, duration_or_never, show};
use crate::read::table::Table;
use crate::read::{Reader, Value};
use hearken_core::pool::{Clocks, WorkMode};
use std::time::Duration;

const ACCEPT: Duration = Duration::from_secs(10);
const HARD: Duration = Duration::from_secs(300);
const CANCEL_GRACE: Duration = Duration::from_secs(10);

/// The longest of the clocks that may be "never": 30 days for a try.
const TRY_MAX: Duration = Duration::from_secs(30 * 86_400);

/// The longest that a task may have from its submission to its end: a year.
const TOTAL_MAX: Duration = Duration::from_secs(365 * 86_400);

pub(super) fn read(reader: &mut Reader<'_>, pool: &mut Table<'_>, mode: Mode) -> Option<Clocks> {
    let accept = match mode.take(reader, pool, "accept_timeout", WorkMode::Line) {
        Some(value) => reader.keep(duration(value, TICK..=DAY)),
        None => Some(ACCEPT),
    };
    let hard_value = pool.take("task_timeout");
    let hard = match hard_value {
        Some(value) => reader.keep(duration_or_never(value, TICK..=TRY_MAX)),
        None => Some(Some(HARD)),
    };
    let soft_value = pool.take("soft_timeout");
    let soft = match soft_value {
        Some(value) => reader.keep(duration_or_never(value, TICK..=TRY_MAX)),
        None => Some(None),
    };
    let total = match pool.take("total_timeout") {
        Some(value) => reader.keep(duration_or_never(value, TICK..=TOTAL_MAX)),
        None => Some(None),
    };
    let cancel_grace = match pool.take("cancel_grace") {
        Some(value) => reader.keep(duration(value, TICK..=DAY)),
        None => Some(CANCEL_GRACE),
    };
    let clocks = Clocks {
        accept: accept?,
        soft: soft?,
        hard: hard?,
        total: total?,
        cancel_grace: cancel_grace?,
    };
    if let (Some(soft), Some(hard), Some(at)) = (clocks.soft, clocks.hard, soft_value)
        && soft >= hard
    {
        reader.error(too_late(at, soft, hard, hard_value));
        return None;
    }
    Some(clocks)
}

/// Who is killed already cannot be asked to give up.
fn too_late(at: Value<'_>, soft: Duration, hard: Duration, given: Option<Value<'_>>) -> Problem {
    let (soft, hard) = (show(soft), show(hard));
    let default = if given.is_none() { ", the default" } else { "" };
    let message = format!(
        "`soft_timeout` (\"{soft}\") is not shorter than `task_timeout` (\"{hard}\"{default}): the \
         worker would be killed before it is asked to give up"
    );
    let help = match given {
        Some(_) => format!("write a soft_timeout below \"{hard}\", or a longer task_timeout"),
        None => format!("also write a task_timeout above \"{soft}\", or task_timeout = \"never\""),
    };
    let problem = Problem::new(at.span, message, help).label("asked");
    match given {
        Some(hard) => problem.also(hard.span, "killed"),
        None => problem,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{pool, problems, refuses_pool, with_pool};

    #[test]
    fn good_clocks() {
        let default = Clocks {
            accept: Duration::from_secs(10),
            soft: None,
            hard: Some(Duration::from_secs(300)),
            total: None,
            cancel_grace: Duration::from_secs(10),
        };
        let (ms, secs) = (Duration::from_millis, Duration::from_secs);
        let table = [
            ("", default),
            ("task_timeout = \"30s\"", Clocks { hard: Some(secs(30)), ..default }),
            ("task_timeout = \"never\"", Clocks { hard: None, ..default }),
            ("soft_timeout = \"299999ms\"", Clocks { soft: Some(ms(299_999)), ..default }),
            (
                "soft_timeout = \"30d\"\ntask_timeout = \"never\"",
                Clocks { soft: Some(secs(2_592_000)), hard: None, ..default },
            ),
            ("soft_timeout = \"never\"", default),
            ("accept_timeout = \"1ms\"", Clocks { accept: ms(1), ..default }),
            ("total_timeout = \"365d\"", Clocks { total: Some(secs(31_536_000)), ..default }),
            ("total_timeout = \"never\"", default),
            ("cancel_grace = \"1m\"", Clocks { cancel_grace: secs(60), ..default }),
        ];
        for (lines, expected) in table {
            assert_eq!(pool(lines).policy.clocks, expected, "{lines}");
        }
    }

    #[test]
    fn bad_clocks() {
        let never = |key: &str| format!("write {key} = \"never\"");
        for key in ["task_timeout", "soft_timeout", "total_timeout"] {
            let at = format!("3:{}", key.len() + 4);
            let zero = format!("{key} = \"0s\"");
            refuses_pool(&zero, [&at, "\"0s\"", "must be from \"1ms\"", &never(key)]);
            let word = format!("{key} = \"unlimited\"");
            refuses_pool(&word, [&at, "\"unlimited\"", "is no duration", &never(key)]);
        }
        for key in ["accept_timeout", "cancel_grace"] {
            let at = format!("3:{}", key.len() + 4);
            let zero = format!("{key} = \"0s\"");
            refuses_pool(&zero, [&at, "\"0s\"", "from \"1ms\" to \"1d\"", "\"1ms\""]);
            let word = format!("{key} = \"never\"");
            refuses_pool(&word, [&at, "\"never\"", "is no duration", "has no \"never\""]);
        }
        let table = [
            ("task_timeout = 30", ["3:16", "30", "must be a duration", "\"30s\" for seconds"]),
            ("task_timeout = \"31d\"", ["3:16", "\"31d\"", "to \"30d\"", "or \"never\""]),
            ("total_timeout = \"366d\"", ["3:17", "\"366d\"", "to \"365d\"", "or \"never\""]),
            (
                "soft_timeout = \"5m\"",
                [
                    "3:16",
                    "\"5m\"",
                    "(\"5m\") is not shorter than `task_timeout` (\"5m\", the default)",
                    "also write a task_timeout above \"5m\"",
                ],
            ),
            (
                "task_timeout = \"10s\"\nsoft_timeout = \"1m\"",
                [
                    "4:16",
                    "\"1m\"",
                    "`soft_timeout` (\"1m\") is not shorter than `task_timeout` (\"10s\")",
                    "a soft_timeout below \"10s\"",
                ],
            ),
            ("timeout = \"1m\"", ["3:1", "timeout", "unknown key", "calls it `task_timeout`"]),
        ];
        for (lines, expected) in table {
            refuses_pool(lines, expected);
        }
        let text = with_pool("task_timeout = \"10s\"\nsoft_timeout = \"1m\"");
        let shown = problems(&text)[0].render(false);
        assert!(shown.contains("----- killed") && shown.contains("^^^^ asked"), "{shown}");
    }
}
