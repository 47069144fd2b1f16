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
