//! `ready` and `start_timeout`: when a service counts as ready, and how long that may take.

use super::line::LineMode;
use crate::diagnostic::Problem;
use crate::read::Reader;
use crate::read::choice::{Choice, choice, words};
use crate::read::duration::{DAY, TICK, duration_or_never};
use crate::read::table::{Table, not_yet};
use hearken_core::policy::Ready;
use std::time::Duration;

/// From the start to ready, unless the config says otherwise.
const START_TIMEOUT: Duration = Duration::from_secs(30);

impl Choice for Ready {
    const NAME: &'static str = "Ready";
    const WORDS: &'static [(&'static str, Self, &'static str)] = &[
        ("started", Self::Started, "as soon as its program runs"),
        ("message", Self::Message, "when it says `ready` on its line"),
    ];
    const LATER: &'static [&'static str] = &["notify", "newline", "tcp", "http", "exec"];
}

/// What the config says about becoming ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Readiness {
    pub(super) ready: Ready,
    pub(super) line: LineMode,
    pub(super) start_timeout: Option<Duration>,
}

pub(super) fn read(reader: &mut Reader<'_>, service: &mut Table<'_>) -> Option<Readiness> {
    let ready_value = service.take("ready");
    let ready = match ready_value {
        Some(value) if value.toml.is_table() => {
            let problem = not_yet(value.span, "a probe in `ready`");
            reader.error(problem.with_help(format!("the words are {}", words::<Ready>())));
            None
        }
        Some(value) => reader.keep(choice(value)),
        None => Some(Ready::Started),
    };
    let line_value = service.take("line");
    let line = match line_value {
        Some(value) => reader.keep(choice(value)),
        None => Some(LineMode::default()),
    };
    let start_timeout = match service.take("start_timeout") {
        Some(value) => reader.keep(duration_or_never(value, TICK..=DAY)),
        None => Some(Some(START_TIMEOUT)),
    };
    if let (Some(Ready::Message), Some(LineMode::None), Some(ready), Some(line)) =
        (ready, line, ready_value, line_value)
    {
        let message = "`ready` waits for a message, but `line` is \"none\"";
        let help = "write line = \"messagepack\" or \"json\", or ready = \"started\"";
        let problem = Problem::new(ready.span, message, help).label("waits for a message");
        reader.error(problem.also(line.span, "none can come"));
    }
    Some(Readiness { ready: ready?, line: line?, start_timeout: start_timeout? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{problems, refuses_service, service};

    #[test]
    fn good_readiness() {
        let seconds = |s| Some(Duration::from_secs(s));
        let table = [
            ("", Ready::Started, LineMode::MessagePack, seconds(30)),
            ("ready = \"message\"", Ready::Message, LineMode::MessagePack, seconds(30)),
            ("line = \"none\"", Ready::Started, LineMode::None, seconds(30)),
            ("ready = \"message\"\nline = \"json\"", Ready::Message, LineMode::Json, seconds(30)),
            ("start_timeout = \"2m\"", Ready::Started, LineMode::MessagePack, seconds(120)),
            ("start_timeout = \"never\"", Ready::Started, LineMode::MessagePack, None),
        ];
        for (lines, ready, line, timeout) in table {
            let service = service(lines);
            let read = (service.policy.ready, service.line, service.policy.start_timeout);
            assert_eq!(read, (ready, line, timeout), "{lines}");
        }
    }

    #[test]
    fn bad_readiness() {
        let table = [
            (
                "ready = \"mesage\"",
                ["3:9", "\"mesage\"", "`ready` cannot be `mesage`", "\"message\"?"],
            ),
            (
                "ready = \"notify\"",
                ["3:9", "\"notify\"", "not supported yet", "\"started\" or \"message\""],
            ),
            (
                "ready = { tcp = \"x\" }",
                ["3:9", "{ tcp = \"x\" }", "not supported yet", "\"started\""],
            ),
            (
                "ready = true",
                ["3:9", "true", "a word in quotes, not a boolean", "ready = \"started\""],
            ),
            (
                "line = \"msgpack\"",
                ["3:8", "\"msgpack\"", "`line` cannot be `msgpack`", "\"messagepack\"?"],
            ),
            ("start_timeout = 30", ["3:17", "30", "not an integer", "\"30s\" for seconds"]),
            ("start_timeout = 0", ["3:17", "0", "not an integer", "or \"never\""]),
            (
                "start_timeout = \"0s\"",
                ["3:17", "\"0s\"", "not \"0s\"", "start_timeout = \"never\""],
            ),
            ("start_timeout = \"forever\"", ["3:17", "\"forever\"", "no duration", "= \"never\""]),
            (
                "start_timeout = \"30sec\"",
                ["3:17", "\"30sec\"", "`sec` is no unit", "ms, s, m, h and d"],
            ),
            (
                "line = \"none\"\nready = \"message\"",
                [
                    "4:9",
                    "\"message\"",
                    "`ready` waits for a message, but `line` is \"none\"",
                    "line = \"messagepack\"",
                ],
            ),
        ];
        for (lines, expected) in table {
            refuses_service(lines, expected);
        }
    }

    #[test]
    fn both_keys_are_shown() {
        let text = "[service.a]\ncommand = [\"x\"]\nline = \"none\"\nready = \"message\"\n";
        let shown = problems(text)[0].render(false);
        assert!(shown.contains("------ none can come"), "{shown}");
        assert!(shown.contains("^^^^^^^^^ waits for a message"), "{shown}");
    }
}
