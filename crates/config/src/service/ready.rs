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
