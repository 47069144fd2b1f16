//! What services and pools have alike: a program, where it runs, what it waits for, how it ends.

pub(crate) mod after;
pub(crate) mod backoff;
pub(crate) mod dependency;
pub(crate) mod environment;
pub(crate) mod graph;
pub(crate) mod instances;
pub(crate) mod limit;
pub(crate) mod line;
pub(crate) mod name;
pub(crate) mod program;
pub(crate) mod restart;
pub(crate) mod size;
pub(crate) mod stop;

use crate::diagnostic::Problem;
use crate::pool::Pool;
use crate::read::keys::Keys;
use crate::read::number::boolean;
use crate::read::path::path;
use crate::read::table::Table;
use crate::read::{Reader, Value, quoted};
use crate::rule;
use crate::service::Service;
use crate::source::Span;
use after::Awaited;
use hearken_core::identity::UnitName;
use hearken_core::policy::{OnDependencyRestart, RestartWhen, StopPolicy};
use program::Program;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// What a unit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sort {
    Service,
    Pool,
}

impl Sort {
    /// The key its tables stand under.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::Pool => "pool",
        }
    }
}

/// A unit whose `after` still are names, and where what later checks point at stands.
#[derive(Debug)]
pub(crate) struct Draft<'t> {
    pub(crate) name: &'t str,
    pub(crate) name_span: Span,
    pub(crate) sort: Sort,
    pub(crate) after: Vec<Awaited<'t>>,
    /// When it is started again as it was read, and where that stands if it was given.
    pub(crate) restart_when: (Option<RestartWhen>, Option<Span>),
    pub(crate) instances: (u32, Option<Span>),
    /// Its own rules.
    pub(crate) rules: Vec<rule::Draft>,
    /// The unit without its `after` and its rules, if all of it could be read.
    pub(crate) made: Option<Made>,
}

/// A unit that could be read.
#[derive(Debug)]
pub(crate) enum Made {
    Service(Box<Service>),
    Pool(Box<Pool>),
}

/// The table of a unit, and its name if it is one.
pub(crate) fn open<'t>(
    reader: &mut Reader<'_>,
    value: Value<'t>,
    sort: Sort,
    keys: &'static Keys,
) -> Option<(Option<UnitName>, Table<'t>)> {
    let (key, what) = (value.key, sort.key());
    let Some(table) = value.toml.as_table() else {
        let message = format!("{} must be a table of a {what}", quoted(&format!("{what}.{key}")));
        let help = format!("a {what} has a name, and its keys stand below it: [{what}.web]");
        reader.error(Problem::new(value.key_span, message, help));
        return None;
    };
    let name = name::read(reader, value, what);
    let title = format!("[{what}.{}]", quoted(key).trim_matches('`'));
    Some((name, Table::open(table, value.span, title, keys)))
}

/// The knobs that both have, as far as they could be read.
#[derive(Debug)]
pub(crate) struct Common<'t> {
    pub(crate) program: Option<Program>,
    /// Where it stands.
    pub(crate) program_value: Option<Value<'t>>,
    pub(crate) directory: Option<PathBuf>,
    pub(crate) environment: Option<BTreeMap<String, String>>,
    pub(crate) critical: Option<bool>,
    pub(crate) after: Vec<Awaited<'t>>,
    pub(crate) on_dependency_restart: Option<OnDependencyRestart>,
    pub(crate) stop: Option<StopPolicy>,
}

/// Reads them; `value` is the unit.
pub(crate) fn read<'t>(
    reader: &mut Reader<'_>,
    table: &mut Table<'t>,
    value: Value<'t>,
) -> Common<'t> {
    let of_program = |value: &&Value<'t>| matches!(value.key, "command" | "shell");
    let program_value = table.left().find(of_program).copied();
    let program = program::read(reader, table, value.key_span);
    let directory = match table.take("directory") {
        Some(value) => path(reader, value),
        None => Some(reader.directory().to_path_buf()),
    };
    let environment = match table.take("environment") {
        Some(value) => environment::read(reader, value),
        None => Some(BTreeMap::new()),
    };
    let critical = match table.take("critical") {
        Some(value) => reader.keep(boolean(value)),
        None => Some(false),
    };
    let after_value = table.take("after");
    let after = after_value.map(|value| after::read(reader, value)).unwrap_or_default();
    let on_dependency_restart =
        dependency::read(reader, table.take("on_dependency_restart"), after_value, &after);
    let stop = stop::read(reader, table.take("stop"));
    Common {
        program,
        program_value,
        directory,
        environment,
        critical,
        after,
        on_dependency_restart,
        stop,
    }
}

impl Common<'_> {
    /// How many bytes a request to the fork server has, if all that goes into it could be read.
    pub(crate) fn request_size(&self) -> Option<usize> {
        let (program, environment) = (self.program.as_ref()?, self.environment.as_ref()?);
        Some(size::of(program, self.directory.as_ref()?, environment))
    }

    /// Whether the request to the fork server for the unit `value` fits. If nobody knows how large
    /// it is, it does.
    pub(crate) fn check_size(&self, reader: &mut Reader<'_>, value: Value<'_>) -> bool {
        let checked = self.request_size().map(|size| size::fits(value, "command", size));
        checked.is_none_or(|fits| reader.keep(fits).is_some())
    }
}
