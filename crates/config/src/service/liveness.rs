//! `watchdog` and `progress_timeout`: the signs of life a service owes.

use super::ready::{self, Readiness};
use crate::diagnostic::Problem;
use crate::read::duration::{DAY, duration_or_never};
use crate::read::table::Table;
use crate::read::{Reader, Value};
use crate::unit::line::LineMode;
use std::ops::RangeInclusive;
use std::time::Duration;

/// Shorter than this, a busy machine would look like a dead child.
const PERIOD: RangeInclusive<Duration> = Duration::from_millis(100)..=DAY;

/// How often something has to be heard; `None` in each is `"never"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Liveness {
    pub(super) watchdog: Option<Duration>,
    pub(super) progress_timeout: Option<Duration>,
}

pub(super) fn read(
    reader: &mut Reader<'_>,
    service: &mut Table<'_>,
    ready: &ready::Read<'_>,
) -> Option<Liveness> {
    let (watchdog, progress) = (service.take("watchdog"), service.take("progress_timeout"));
    let read = (period(reader, watchdog), period(reader, progress));
    if let (Some(LineMode::None), Some(line)) = (ready.line, ready.line_value) {
        let notifies = matches!(ready.readiness, None | Some((Readiness::Notify, _)));
        if let (Some(Some(_)), Some(watchdog)) = (read.0, watchdog)
            && !notifies
        {
            let message = "`watchdog` waits for signs of life, but `line` is \"none\" and `ready` is not \
                 \"notify\"";
            let help = "write line = \"messagepack\" or \"json\", or ready = \"notify\"; for a \
                        program that says nothing, there is [service.NAME.health]";
            let problem = Problem::new(watchdog.span, message, help).label("waits for ever");
            reader.error(problem.also(line.span, "none can come"));
        }
        if let (Some(Some(_)), Some(progress)) = (read.1, progress) {
            let message = "`progress_timeout` waits for progress, but `line` is \"none\"";
            let help = "write line = \"messagepack\" or \"json\", or remove progress_timeout";
            let problem = Problem::new(progress.span, message, help).label("waits for ever");
            reader.error(problem.also(line.span, "none can come"));
        }
    }
    Some(Liveness { watchdog: read.0?, progress_timeout: read.1? })
}

/// `None` if it could not be read, `None` inside if it is `"never"`, as it is unless given.
#[expect(clippy::option_option, reason = "never or not, and if not read or not")]
pub(crate) fn period(
    reader: &mut Reader<'_>,
    value: Option<Value<'_>>,
) -> Option<Option<Duration>> {
    match value {
        Some(value) => reader.keep(duration_or_never(value, PERIOD)),
        None => Some(None),
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{problems, refuses_service, service};
    use std::time::Duration;

    #[test]
    fn good_liveness() {
        let seconds = |s| Some(Duration::from_secs(s));
        let table = [
            ("", None, None),
            ("watchdog = \"never\"\nprogress_timeout = \"never\"", None, None),
            ("watchdog = \"30s\"", seconds(30), None),
            ("progress_timeout = \"5m\"", None, seconds(300)),
            ("watchdog = \"1s\"\nline = \"json\"", seconds(1), None),
            ("watchdog = \"1d\"\nline = \"none\"\nready = \"notify\"", seconds(86_400), None),
            ("watchdog = \"never\"\nprogress_timeout = \"never\"\nline = \"none\"", None, None),
        ];
        for (lines, watchdog, progress) in table {
            let policy = service(lines).policy;
            assert_eq!((policy.watchdog, policy.progress_timeout), (watchdog, progress), "{lines}");
        }
    }

    #[test]
    fn bad_liveness() {
        let table = [
            ("watchdog = 30", ["3:12", "30", "not an integer", "\"30s\" for seconds"]),
            ("watchdog = 0", ["3:12", "0", "not an integer", "or \"never\""]),
            ("watchdog = \"0s\"", ["3:12", "\"0s\"", "not \"0s\"", "watchdog = \"never\""]),
            ("watchdog = \"99ms\"", ["3:12", "\"99ms\"", "from \"100ms\" to \"1d\"", "\"never\""]),
            ("watchdog = \"off\"", ["3:12", "\"off\"", "no duration", "\"never\""]),
            (
                "progress_timeout = \"0s\"",
                ["3:20", "\"0s\"", "not \"0s\"", "progress_timeout = \"never\""],
            ),
            ("watchdog_sec = 3", ["3:1", "watchdog_sec", "unknown key", "calls it `watchdog`"]),
            (
                "watchdog = \"30s\"\nline = \"none\"",
                ["3:12", "\"30s\"", "`watchdog` waits for signs of life, but `line`", "\"notify\""],
            ),
            (
                "line = \"none\"\nready = \"notify\"\nprogress_timeout = \"30s\"",
                ["5:20", "\"30s\"", "`progress_timeout` waits for progress, but `line`", "remove"],
            ),
        ];
        for (lines, expected) in table {
            refuses_service(lines, expected);
        }
    }

    #[test]
    fn both_keys_are_shown() {
        let text = "[service.a]\ncommand = [\"x\"]\nline = \"none\"\nwatchdog = \"1s\"\n";
        let shown = problems(text)[0].render(false);
        assert!(shown.contains("------ none can come"), "{shown}");
        assert!(shown.contains("^^^^ waits for ever"), "{shown}");
    }
}
