//! `line` of a pool: what its workers speak. How they get ready follows from the mode.

use super::mode::Mode;
use crate::diagnostic::Problem;
use crate::read::Reader;
use crate::read::choice::choice;
use crate::read::table::Table;
use crate::unit::line::LineMode;
use hearken_core::pool::WorkMode;

pub(super) fn read(reader: &mut Reader<'_>, pool: &mut Table<'_>, mode: Mode) -> Option<LineMode> {
    if let Some(ready) = pool.take_foreign("ready") {
        let message = "`ready` has no place in a pool: when a worker is ready is fixed";
        let help = "remove it: with mode = \"line\" a worker says so with the number of tasks it \
                    takes at once, with \"exec\" it has its task from the start";
        reader.error(Problem::new(ready.key_span, message, help));
    }
    let Some(value) = pool.take("line") else {
        // Programs that know nothing of hearken are many; a shell among them may speak JSON.
        return Some(match mode.mode? {
            WorkMode::Line => LineMode::MessagePack,
            WorkMode::Exec => LineMode::Json,
        });
    };
    let line = reader.keep(choice(value))?;
    if line == LineMode::None && mode.is(WorkMode::Line) {
        let message = "`line` cannot be \"none\" here: a worker gets its tasks over its line";
        let help = "write line = \"messagepack\" or \"json\"; for a program that has no line, \
                    mode = \"exec\"";
        reader.error(Problem::new(value.span, message, help));
        return None;
    }
    Some(line)
}

#[cfg(test)]
mod tests {
    use crate::testing::{pool, refuses_pool};
    use crate::{LineMode, Readiness};
    use hearken_core::policy::Ready;
    use std::time::Duration;

    #[test]
    fn good_lines() {
        let table = [
            ("", LineMode::MessagePack),
            ("line = \"json\"", LineMode::Json),
            ("mode = \"exec\"", LineMode::Json),
            ("mode = \"exec\"\nline = \"messagepack\"", LineMode::MessagePack),
            ("mode = \"exec\"\nline = \"none\"", LineMode::None),
        ];
        for (lines, expected) in table {
            assert_eq!(pool(lines).unit.line, expected, "{lines}");
        }
    }

    #[test]
    fn when_a_worker_is_ready_follows_from_the_mode() {
        let unit = pool("start_timeout = \"5s\"\nwatchdog = \"1m\"").unit;
        assert_eq!((&unit.readiness, unit.policy.ready), (&Readiness::Message, Ready::Said));
        assert_eq!(unit.policy.start_timeout, Some(Duration::from_secs(5)));
        assert_eq!(unit.policy.watchdog, Some(Duration::from_secs(60)));
        let unit = pool("mode = \"exec\"").unit;
        assert_eq!((&unit.readiness, unit.policy.ready), (&Readiness::Started, Ready::Started));
        assert_eq!((unit.policy.start_timeout, unit.policy.watchdog), (None, None));
    }

    #[test]
    fn bad_lines() {
        let table = [
            (
                "line = \"none\"",
                ["3:8", "\"none\"", "a worker gets its tasks over its line", "mode = \"exec\""],
            ),
            ("line = \"jsno\"", ["3:8", "\"jsno\"", "`line` cannot be `jsno`", "\"json\"?"]),
            (
                "ready = \"message\"",
                ["3:1", "ready", "`ready` has no place in a pool", "remove it"],
            ),
            ("health = {}", ["3:1", "health", "unknown key", "belongs in [service.NAME]"]),
            (
                "progress_timeout = \"1m\"",
                ["3:1", "progress_timeout", "unknown key", "belongs in [service.NAME]"],
            ),
            ("start_timeout = \"0s\"", ["3:17", "\"0s\"", "must be from", "\"never\""]),
            ("watchdog = \"1ms\"", ["3:12", "\"1ms\"", "from \"100ms\"", "\"100ms\""]),
        ];
        for (lines, expected) in table {
            refuses_pool(lines, expected);
        }
    }
}
