//! `ready`, `line` and `start_timeout`: when a service counts as ready, and how long that may take.

pub(crate) mod log;

use super::check::http::StatusShape;
use super::check::probing::{Defaults, FailuresShape};
use super::check::{self, Check, FORMS, Form};
use crate::diagnostic::Problem;
use crate::read::choice::{Choice, OneOf, choice, words};
use crate::read::duration::{DAY, DurationShape, TICK, duration_or_never};
use crate::read::keys::Keys;
use crate::read::number::integer;
use crate::read::table::Table;
use crate::read::{Reader, Value};
use crate::unit::line::LineMode;
use hearken_core::policy::{Probing, Ready};
use log::LogPattern;
use schemars::JsonSchema;
use std::time::Duration;

/// From the start to ready, unless the config says otherwise.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// How a probe goes, unless the config says otherwise. `start_timeout` ends it.
const PROBING: Defaults = Defaults {
    probing: Probing {
        interval: Duration::from_secs(1),
        timeout: Duration::from_secs(1),
        failures: None,
    },
    without: None,
};

/// The descriptor of `ready = "newline"`.
const NEWLINE: i32 = 3;

/// The descriptor that is taken by the line (`HEARKEN_FD`).
const LINE: u32 = 5;

/// How it is found out that a service is ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Readiness {
    /// It is as soon as its program runs.
    Started,
    /// It says `ready` on its line.
    Message,
    /// It sends `READY=1` to `NOTIFY_SOCKET`.
    Notify,
    /// It writes a newline to a descriptor (s6 calls it notification-fd).
    Newline {
        /// The number that the descriptor has in the child: 3 to 9, and not that of the line.
        descriptor: i32,
    },
    /// It writes a line that matches to its stdout or stderr.
    Log(LogPattern),
    /// A probe finds it so; how often it looks stands in `policy.ready`.
    Probe(Check),
}

impl Readiness {
    /// What a probe looks at, if one does.
    #[must_use]
    pub fn check(&self) -> Option<&Check> {
        match self {
            Self::Probe(check) => Some(check),
            Self::Started | Self::Message | Self::Notify | Self::Newline { .. } | Self::Log(_) => {
                None
            }
        }
    }
}

/// The forms of readiness that are a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Word {
    Started,
    Message,
    Notify,
    Newline,
}

impl Choice for Word {
    const NAME: &'static str = "Ready";
    const WORDS: &'static [(&'static str, Self, &'static str)] = &[
        ("started", Self::Started, "as soon as its program runs"),
        ("message", Self::Message, "when it says `ready` on its line"),
        ("notify", Self::Notify, "when it sends READY=1 to NOTIFY_SOCKET, as systemd has it"),
        ("newline", Self::Newline, "when it writes a newline to descriptor 3, as s6 has it"),
    ];
    const REFUSED: &'static [(&'static str, &'static str)] = &[
        ("tcp", "say where: ready = { tcp = \"127.0.0.1:8080\" }"),
        ("http", "say where: ready = { http = \"http://127.0.0.1:8080/health\" }"),
        ("exec", "say what to run: ready = { exec = [\"program\", \"argument\"] }"),
        ("log", "say what to look for: ready = { log = \"listening on\" }"),
        ("simple", "write ready = \"started\""),
        ("forking", "keep the program in the foreground, and write ready = \"started\""),
    ];
}

pub(crate) const KEYS: Keys = Keys {
    place: "ready = { … } of a service",
    shape: "ReadyTable",
    known: &["newline", "tcp", "http", "exec", "log", "status", "interval", "timeout", "failures"],
    later: &["unix", "grpc", "headers", "successes"],
    aliases: &[
        ("fd", "newline"),
        ("descriptor", "newline"),
        ("notification_fd", "newline"),
        ("port", "tcp"),
        ("socket", "tcp"),
        ("tcpsocket", "tcp"),
        ("tcp_socket", "tcp"),
        ("url", "http"),
        ("httpget", "http"),
        ("http_get", "http"),
        ("command", "exec"),
        ("cmd", "exec"),
        ("test", "exec"),
        ("script", "exec"),
        ("regex", "log"),
        ("pattern", "log"),
        ("output", "log"),
        ("period", "interval"),
        ("periodseconds", "interval"),
        ("period_seconds", "interval"),
        ("timeoutseconds", "timeout"),
        ("timeout_seconds", "timeout"),
        ("retries", "failures"),
        ("failurethreshold", "failures"),
        ("failure_threshold", "failures"),
    ],
};

/// When it counts as ready; a word for what it says itself, a table for what is looked at.
#[derive(JsonSchema)]
#[schemars(rename = "Readiness", untagged)]
#[expect(dead_code, reason = "only its shape is used")]
pub(crate) enum ReadyShape {
    Word(OneOf<Word>),
    Table(ReadyTable),
}

/// When it counts as ready.
#[derive(JsonSchema)]
#[schemars(
    deny_unknown_fields,
    transform = crate::schema::optional,
    extend("oneOf" = [
        { "required": ["newline"] },
        { "required": ["tcp"] },
        { "required": ["http"] },
        { "required": ["exec"] },
        { "required": ["log"] },
    ]),
)]
#[expect(dead_code, reason = "only its shape is used")]
pub(crate) struct ReadyTable {
    /// When it writes a newline to the descriptor of this number; not 5, which is the line's.
    #[schemars(range(min = 3, max = 9))]
    newline: i32,
    /// When it takes a connection there, host:port.
    #[schemars(extend("examples" = ["127.0.0.1:8080", "[::1]:8080"]))]
    tcp: String,
    /// When it answers a GET of this URL, http only.
    #[schemars(extend("examples" = ["http://127.0.0.1:8080/health"]))]
    http: String,
    /// When this program exits with 0; it runs as the service is run, and no shell sees it.
    #[schemars(length(min = 1), extend("examples" = [["pg_isready", "-q"]]))]
    exec: Vec<String>,
    /// When it writes a line that matches this regular expression.
    #[schemars(length(min = 1), extend("examples" = ["listening on"]))]
    log: String,
    /// The status codes of `http` that are fine.
    #[schemars(extend("default" = "200-299"))]
    status: StatusShape,
    /// From the end of one probe to the start of the next.
    #[schemars(extend("default" = "1s"))]
    interval: DurationShape,
    /// How long a probe may take.
    #[schemars(extend("default" = "1s"))]
    timeout: DurationShape,
    /// How many probes may fail in a row before it counts as failed.
    #[schemars(extend("default" = "unlimited"))]
    failures: FailuresShape,
}

/// What the config says about becoming ready, as far as it could be read.
#[derive(Debug)]
pub(super) struct Read<'t> {
    pub(super) readiness: Option<(Readiness, Ready)>,
    pub(super) line: Option<LineMode>,
    pub(super) line_value: Option<Value<'t>>,
    pub(super) start_timeout: Option<Option<Duration>>,
}

pub(super) fn read<'t>(reader: &mut Reader<'_>, service: &mut Table<'t>) -> Read<'t> {
    let ready_value = service.take("ready");
    let readiness = match ready_value {
        Some(value) => ready(reader, value),
        None => Some((Readiness::Started, Ready::Started)),
    };
    let line_value = service.take("line");
    let line = match line_value {
        Some(value) => reader.keep(choice(value)),
        None => Some(LineMode::default()),
    };
    let start_timeout = start_timeout(reader, service.take("start_timeout"));
    if let (Some((Readiness::Message, _)), Some(LineMode::None), Some(ready), Some(line)) =
        (&readiness, line, ready_value, line_value)
    {
        let message = "`ready` waits for a message, but `line` is \"none\"";
        let help = "write line = \"messagepack\" or \"json\", or ready = \"started\"";
        let problem = Problem::new(ready.span, message, help).label("waits for a message");
        reader.error(problem.also(line.span, "none can come"));
    }
    Read { readiness, line, line_value, start_timeout }
}

/// `None` if it could not be read, `None` inside if it is `"never"`.
#[expect(clippy::option_option, reason = "never or not, and if not read or not")]
pub(crate) fn start_timeout(
    reader: &mut Reader<'_>,
    value: Option<Value<'_>>,
) -> Option<Option<Duration>> {
    match value {
        Some(value) => reader.keep(duration_or_never(value, TICK..=DAY)),
        None => Some(Some(START_TIMEOUT)),
    }
}

fn ready(reader: &mut Reader<'_>, value: Value<'_>) -> Option<(Readiness, Ready)> {
    let Some(mut table) = Table::of(value, &KEYS) else {
        let word = choice(value).map_err(|problem| match value.toml.as_str() {
            Some(_) => problem,
            None => value.wrong_type(
                "a word in quotes or a table",
                format!(
                    "write ready = {}, or ready = {{ tcp = \"127.0.0.1:8080\" }}",
                    words::<Word>()
                ),
            ),
        });
        return Some(match reader.keep(word)? {
            Word::Started => (Readiness::Started, Ready::Started),
            Word::Message => (Readiness::Message, Ready::Said),
            Word::Notify => (Readiness::Notify, Ready::Said),
            Word::Newline => (Readiness::Newline { descriptor: NEWLINE }, Ready::Said),
        });
    };
    let form = check::form(reader, &mut table, &["newline", "tcp", "http", "exec", "log"]);
    let probe = check::read(reader, &mut table, form, PROBING);
    let read = match form {
        // An unknown key is probably why.
        Form::Missing if table.left().next().is_some() => None,
        Form::Missing => {
            let message = "`ready` does not say what to look at";
            let help = format!(
                "write {}, newline or log in it; or one of the words {}",
                FORMS.join(", "),
                words::<Word>()
            );
            reader.error(Problem::new(value.span, message, help));
            None
        }
        Form::Several => None,
        Form::One(form) => match form.key {
            "newline" => reader
                .keep(descriptor(form))
                .map(|descriptor| (Readiness::Newline { descriptor }, Ready::Said)),
            "log" => log::read(reader, form).map(|it| (Readiness::Log(it), Ready::Said)),
            _ => probe.map(|(check, probing)| (Readiness::Probe(check), Ready::Probe(probing))),
        },
    };
    table.close(reader);
    read
}

/// One digit, because that is all that some shells can write to; above the standard ones.
fn descriptor(value: Value<'_>) -> Result<i32, Problem> {
    let number = integer(value, 3..=9)?;
    if number == LINE {
        let message = "`newline` cannot be 5: that is the number of the line";
        return Err(Problem::new(value.span, message, "write newline = 3"));
    }
    Ok(i32::try_from(number).unwrap_or(NEWLINE))
}

#[cfg(test)]
mod tests;
