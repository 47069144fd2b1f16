//! `mode`: how the workers of a pool get their tasks. Some keys belong to one mode alone.

use crate::diagnostic::Problem;
use crate::read::choice::{Choice, choice};
use crate::read::table::Table;
use crate::read::{Reader, Value};
use crate::source::Span;
use hearken_core::pool::WorkMode;

impl Choice for WorkMode {
    const NAME: &'static str = "WorkMode";
    const WORDS: &'static [(&'static str, Self, &'static str)] = &[
        ("line", Self::Line, "over its line: a worker of an SDK lives through many tasks"),
        ("exec", Self::Exec, "one process a task: any program, by standard input or arguments"),
    ];
    const REFUSED: &'static [(&'static str, &'static str)] = &[
        ("stdin", "write mode = \"exec\": the payload is on standard input then"),
        ("process", "write mode = \"exec\" for a process a task"),
        ("worker", "write mode = \"line\" for workers that live through many tasks"),
    ];
}

/// The mode of a pool, and where it stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mode {
    /// `None` if it could not be read: then no key is foreign.
    pub(super) mode: Option<WorkMode>,
    at: Option<Span>,
}

pub(super) fn read(reader: &mut Reader<'_>, pool: &mut Table<'_>) -> Mode {
    match pool.take("mode") {
        Some(value) => Mode { mode: reader.keep(choice(value)), at: Some(value.span) },
        None => Mode { mode: Some(WorkMode::Line), at: None },
    }
}

impl Mode {
    pub(super) fn is(self, mode: WorkMode) -> bool {
        self.mode == Some(mode)
    }

    /// The value of a key that only pools of the mode `of` have; in others it is a problem.
    pub(super) fn take<'t>(
        self,
        reader: &mut Reader<'_>,
        table: &mut Table<'t>,
        key: &'static str,
        of: WorkMode,
    ) -> Option<Value<'t>> {
        let value = table.take(key)?;
        if self.mode.is_none_or(|mode| mode == of) {
            return Some(value);
        }
        reader.error(self.foreign(value, of));
        None
    }

    fn foreign(self, value: Value<'_>, of: WorkMode) -> Problem {
        let (ours, theirs, why) = match of {
            WorkMode::Line => ("line", "exec", "there each task has a process of its own"),
            WorkMode::Exec => ("exec", "line", "there tasks come over the line of a worker"),
        };
        let message = format!("{} has no meaning with mode = \"{theirs}\": {why}", value.name());
        let help = format!("remove it, or write mode = \"{ours}\"");
        let problem = Problem::new(value.key_span, message, help);
        match self.at {
            Some(at) => problem.label("not used").also(at, "the mode"),
            None => problem.label("\"line\" is the default"),
        }
    }
}
