//! `[supervisor]`: the daemon itself.

pub(crate) mod control;
pub(crate) mod log;
pub(crate) mod starts;
pub(crate) mod when_idle;

use crate::read::choice::{OneOf, choice};
use crate::read::keys::Keys;
use crate::read::path::path;
use crate::read::table::Table;
use crate::read::{Reader, Value};
use control::{Control, ControlShape};
use hearken_core::gate::StartRate;
use log::{Log, LogShape};
use schemars::JsonSchema;
use starts::StartsShape;
use std::path::PathBuf;
use when_idle::WhenIdle;

/// What the config asks of the daemon itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Supervisor {
    /// Where it keeps what outlives it; absolute. `None`: the place that suits whoever starts it.
    pub state_directory: Option<PathBuf>,
    /// Where it takes commands and tasks.
    pub control: Control,
    /// Its own log.
    pub log: Log,
    /// How fast all automatic restarts together may go.
    pub starts: StartRate,
    /// What `up` does when every unit is down for good.
    pub when_idle: WhenIdle,
}

pub(crate) const KEYS: Keys = Keys {
    place: "[supervisor]",
    shape: "Supervisor",
    known: &["state_directory", "control", "log", "starts", "when_idle"],
    later: &["metrics", "include", "user", "group", "cgroup", "drain_timeout", "store"],
    aliases: &[
        ("statedir", "state_directory"),
        ("state_dir", "state_directory"),
        ("data_dir", "state_directory"),
        ("socket", "control"),
        ("control_socket", "control"),
        ("listen", "control"),
        ("logging", "log"),
        ("log_level", "log"),
        ("loglevel", "log"),
    ],
};

/// The daemon itself.
#[derive(JsonSchema)]
#[schemars(rename = "Supervisor", deny_unknown_fields, transform = crate::schema::optional)]
#[expect(dead_code, reason = "only its shape is used")]
pub(crate) struct SupervisorShape {
    /// Where hearken keeps what outlives it: absolute, or relative to the folder of the config
    /// file.
    #[schemars(extend("examples" = ["/var/lib/hearken"]))]
    state_directory: String,
    /// The socket on which hearken takes commands and tasks; its path alone is enough.
    control: ControlShape,
    /// Hearken's own log; the level alone is enough: log = "debug".
    log: LogShape,
    /// The rate that all automatic restarts together keep to, so that many processes that fail
    /// together do not come back together.
    starts: StartsShape,
    /// What `hearken up` does when every unit is down for good.
    #[schemars(extend("default" = "exit"))]
    when_idle: OneOf<WhenIdle>,
}

pub(crate) fn read(reader: &mut Reader<'_>, value: Value<'_>) -> Supervisor {
    let Some(table) = value.toml.as_table() else {
        reader.error(value.wrong_type("a table", "write it as a table: [supervisor]"));
        return Supervisor::default();
    };
    let mut table = Table::open(table, value.span, KEYS.place, &KEYS);
    let state_directory = table.take("state_directory").and_then(|value| path(reader, value));
    let control = table.take("control").map(|value| control::read(reader, value));
    let log = table.take("log").map(|value| log::read(reader, value));
    let starts = table.take("starts").map(|value| starts::read(reader, value));
    let when_idle = table.take("when_idle").and_then(|value| reader.keep(choice(value)));
    table.close(reader);
    Supervisor {
        state_directory,
        control: control.unwrap_or_default(),
        log: log.unwrap_or_default(),
        starts: starts.unwrap_or_default(),
        when_idle: when_idle.unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{good, refuses};
    use log::{LogFormat, LogLevel};

    fn text(lines: &str) -> String {
        format!("[supervisor]\n{lines}\n[service.web]\ncommand = [\"x\"]\n")
    }

    #[test]
    fn good_supervisors() {
        let default = Supervisor::default();
        let log =
            |level, format| Supervisor { log: Log { level, format }, ..Supervisor::default() };
        let at =
            |path: &str| Supervisor { state_directory: Some(path.into()), ..Supervisor::default() };
        let rate = |burst, per_second| Supervisor {
            starts: StartRate { burst, per_second },
            ..Supervisor::default()
        };
        let table = [
            ("", default.clone()),
            ("log = \"debug\"", log(LogLevel::Debug, LogFormat::Auto)),
            ("log = { format = \"json\" }", log(LogLevel::Info, LogFormat::Json)),
            (
                "log = { level = \"error\", format = \"human\" }",
                log(LogLevel::Error, LogFormat::Human),
            ),
            ("state_directory = \"/var/lib/h\"", at("/var/lib/h")),
            ("state_directory = \"./state/${HOST}\"", at("/etc/hearken/state/db1")),
            ("starts = { burst = 1 }", rate(1, 256)),
            ("starts = { burst = 5, per_second = 2 }", rate(5, 2)),
            ("when_idle = \"stay\"", Supervisor { when_idle: WhenIdle::Stay, ..default }),
        ];
        for (lines, expected) in table {
            assert_eq!(good(&text(lines)).config.supervisor, expected, "{lines}");
        }
    }

    #[test]
    fn bad_supervisors() {
        let table = [
            ("log = \"debgu\"", ["2:7", "\"debgu\"", "`log` cannot be `debgu`", "\"debug\"?"]),
            ("log = \"warning\"", ["2:7", "\"warning\"", "cannot be `warning`", "\"warn\""]),
            ("log = 3", ["2:7", "3", "a level or a table, not an integer", "level = \"info\""]),
            (
                "log = { format = \"yaml\" }",
                ["2:18", "\"yaml\"", "`format` cannot be `yaml`", "\"human\""],
            ),
            (
                "log = { levle = \"info\" }",
                ["2:9", "levle", "unknown key `levle` in `log`", "`level`?"],
            ),
            ("starts = 10", ["2:10", "10", "`starts` must be a table", "burst = 1024"]),
            ("starts = { burst = 0 }", ["2:20", "0", "`burst` must be from 1", "from 1"]),
            ("starts = { per_second = 9_000_000 }", ["2:25", "9_000_000", "to 1000000", "1000000"]),
            (
                "when_idle = \"quit\"",
                ["2:13", "\"quit\"", "`when_idle` cannot be", "\"exit\" or \"stay\""],
            ),
            (
                "state_directory = \"\"",
                ["2:19", "\"\"", "must not be empty", "state_directory = \".\""],
            ),
            ("state_directory = \"~/h\"", ["2:19", "\"~/h\"", "`~` is not expanded", "${HOME}"]),
            ("state_directory = \"${SATE}\"", ["2:20", "${SATE}", "SATE is not set", "${SATE:-…}"]),
            (
                "statedir = \"/x\"",
                ["2:1", "statedir", "unknown key `statedir` in [supervisor]", "`state_directory`"],
            ),
            ("instances = 2", ["2:1", "instances", "unknown key", "belongs in [service.NAME]"]),
            (
                "metrics = \"x\"",
                [
                    "2:1",
                    "metrics",
                    "`metrics` in [supervisor] is not supported yet",
                    "reference.toml",
                ],
            ),
            (
                "xyzzy = 1",
                [
                    "2:1",
                    "xyzzy",
                    "unknown key `xyzzy`",
                    "`state_directory`, `control`, `log`, `starts` and `when_idle`",
                ],
            ),
        ];
        for (lines, expected) in table {
            refuses(&text(lines), expected);
        }
        let web = "[service.web]\ncommand = [\"x\"]\n";
        refuses(
            &format!("supervisor = 1\n{web}"),
            ["1:14", "1", "`supervisor` must be a table", "[supervisor]"],
        );
    }
}
