//! `[supervisor]`: the daemon itself.

pub(crate) mod log;
pub(crate) mod starts;
pub(crate) mod when_idle;

use crate::read::choice::{OneOf, choice};
use crate::read::keys::Keys;
use crate::read::path::path;
use crate::read::table::Table;
use crate::read::{Reader, Value};
use log::{Log, LogShape};
use schemars::JsonSchema;
use starts::{Starts, StartsShape};
use std::path::PathBuf;
use when_idle::WhenIdle;

/// What the config asks of the daemon itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Supervisor {
    /// Where it keeps what outlives it; absolute. `None`: the place that suits whoever starts it.
    pub state_directory: Option<PathBuf>,
    /// Its own log.
    pub log: Log,
    /// How fast all automatic restarts together may go.
    pub starts: Starts,
    /// What `up` does when every unit is down for good.
    pub when_idle: WhenIdle,
}

pub(crate) const KEYS: Keys = Keys {
    place: "[supervisor]",
    shape: "Supervisor",
    known: &["state_directory", "log", "starts", "when_idle"],
    later: &["control", "metrics", "include", "user", "group", "cgroup", "drain_timeout", "store"],
    aliases: &[
        ("statedir", "state_directory"),
        ("state_dir", "state_directory"),
        ("data_dir", "state_directory"),
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
    let log = table.take("log").map(|value| log::read(reader, value));
    let starts = table.take("starts").map(|value| starts::read(reader, value));
    let when_idle = table.take("when_idle").and_then(|value| reader.keep(choice(value)));
    table.close(reader);
    Supervisor {
        state_directory,
        log: log.unwrap_or_default(),
        starts: starts.unwrap_or_default(),
        when_idle: when_idle.unwrap_or_default(),
    }
}
