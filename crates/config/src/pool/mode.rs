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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{pool, problems, refuses_pool, with_pool};

    #[test]
    fn good_modes() {
        let table = [
            ("", WorkMode::Line),
            ("mode = \"line\"", WorkMode::Line),
            ("mode = \"exec\"", WorkMode::Exec),
        ];
        for (lines, expected) in table {
            let pool = pool(lines);
            assert_eq!(pool.policy.mode, expected, "{lines}");
            assert_eq!(pool.exec.is_some(), expected == WorkMode::Exec, "{lines}");
        }
    }

    #[test]
    fn bad_modes() {
        let table = [
            ("mode = \"exce\"", ["3:8", "\"exce\"", "`mode` cannot be `exce`", "\"exec\"?"]),
            ("mode = \"stdin\"", ["3:8", "\"stdin\"", "cannot be `stdin`", "mode = \"exec\""]),
            ("mode = 1", ["3:8", "1", "a word in quotes", "mode = \"line\""]),
            // What belongs to which mode is not said while nobody knows the mode.
            ("mode = 1\nresult = \"json\"\nrecycle.tasks = 5", ["3:8", "1", "a word", "\"line\""]),
        ];
        for (lines, expected) in table {
            refuses_pool(lines, expected);
        }
    }

    #[test]
    fn keys_of_the_other_mode_say_so() {
        let exec = [
            "accept_timeout = \"1s\"",
            "start_timeout = \"1s\"",
            "watchdog = \"1s\"",
            "recycle = \"never\"",
            "restart = {}",
        ];
        for line in exec {
            let key = line.split(' ').next().unwrap();
            let message = format!("`{key}` has no meaning with mode = \"exec\": there each task");
            let lines = format!("mode = \"exec\"\n{line}");
            refuses_pool(&lines, ["4:1", key, &message, "or write mode = \"line\""]);
        }
        for line in ["input = \"stdin\"", "result = \"json\""] {
            let key = line.split(' ').next().unwrap();
            let message = format!("`{key}` has no meaning with mode = \"line\": there tasks come");
            refuses_pool(line, ["3:1", key, &message, "or write mode = \"exec\""]);
        }
        let shown = problems(&with_pool("result = \"json\""))[0].render(false);
        assert!(shown.contains("\"line\" is the default"), "{shown}");
        let shown = problems(&with_pool("mode = \"exec\"\nrestart = {}"))[0].render(false);
        assert!(shown.contains("------ the mode"), "{shown}");
    }
}
