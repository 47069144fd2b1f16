//! `recycle`: when a worker is replaced although nothing is wrong with it.

use crate::diagnostic::Problem;
use crate::read::bytes::{BytesShape, GIB, MIB, bytes};
use crate::read::duration::{DurationShape, duration};
use crate::read::keys::Keys;
use crate::read::number::integer;
use crate::read::table::Table;
use crate::read::{Reader, Value};
use hearken_core::pool::Recycle;
use schemars::JsonSchema;
use std::ops::RangeInclusive;
use std::time::Duration;

/// The most tasks that can be written; more is as good as never.
const TASKS_MAX: u32 = 1_000_000_000;

/// Below a MiB no process runs at all.
const MEMORY: RangeInclusive<u64> = MIB..=1024 * 1024 * GIB;

/// Shorter than a second, a pool would do nothing but start workers; the longest is a year.
const AGE: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(365 * 86_400);

pub(crate) const KEYS: Keys = Keys {
    place: "recycle = { … } of a pool",
    shape: "RecycleTable",
    known: &["tasks", "memory", "age"],
    later: &["idle"],
    aliases: &[
        ("max_tasks", "tasks"),
        ("max_requests", "tasks"),
        ("max_jobs", "tasks"),
        ("requests", "tasks"),
        ("jobs", "tasks"),
        ("max_tasks_per_child", "tasks"),
        ("maxtasksperchild", "tasks"),
        ("max_memory", "memory"),
        ("max_memory_per_child", "memory"),
        ("rss", "memory"),
        ("max_age", "age"),
        ("lifetime", "age"),
        ("max_lifetime", "age"),
        ("ttl", "age"),
    ],
};

/// When a worker is replaced although nothing is wrong with it.
#[derive(JsonSchema)]
#[schemars(rename = "Recycle", untagged)]
#[expect(dead_code, reason = "only its shape is used")]
pub(crate) enum RecycleShape {
    Never(#[schemars(extend("const" = "never"))] String),
    Table(RecycleTable),
}

/// When a worker is replaced: whatever of these comes first. The new one is ready before the old
/// one goes.
#[derive(JsonSchema)]
#[schemars(
    deny_unknown_fields,
    transform = crate::schema::optional,
    extend("minProperties" = 1),
)]
#[expect(dead_code, reason = "only its shape is used")]
pub(crate) struct RecycleTable {
    /// After so many tasks, give or take a tenth.
    #[schemars(range(min = 1, max = TASKS_MAX))]
    tasks: u32,
    /// Once it says in its heartbeats that it uses so much memory.
    memory: BytesShape,
    /// Once it is so old, give or take a tenth.
    age: DurationShape,
}

pub(super) fn read(reader: &mut Reader<'_>, value: Option<Value<'_>>) -> Option<Recycle> {
    let Some(value) = value.filter(|value| value.toml.as_str() != Some("never")) else {
        return Some(Recycle::default());
    };
    let help = "write recycle = { tasks = 500, memory = \"256MiB\", age = \"1h\" }, or one of them";
    let Some(mut table) = Table::of(value, &KEYS) else {
        reader.error(value.wrong_type("a table or \"never\"", help));
        return None;
    };
    if table.left().next().is_none() {
        reader.error(Problem::new(value.span, "`recycle` is empty", help));
        return None;
    }
    let tasks = table.take("tasks").map(|value| reader.keep(integer(value, 1..=TASKS_MAX)));
    let memory = table.take("memory").map(|value| reader.keep(bytes(value, MEMORY)));
    let age = table.take("age").map(|value| reader.keep(duration(value, AGE)));
    table.close(reader);
    Some(Recycle { tasks: given(tasks)?, memory: given(memory)?, age: given(age)? })
}

/// `None` if it could not be read, `None` inside if it is not given.
#[expect(clippy::option_option, reason = "given or not, and if so read or not")]
fn given<T>(read: Option<Option<T>>) -> Option<Option<T>> {
    match read {
        Some(read) => read.map(Some),
        None => Some(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{pool, refuses_pool};

    #[test]
    fn good_recycles() {
        let never = Recycle::default();
        let hour = Some(Duration::from_secs(3600));
        let table = [
            ("", never),
            ("recycle = \"never\"", never),
            ("recycle = { tasks = 500 }", Recycle { tasks: Some(500), ..never }),
            ("recycle.memory = \"256MiB\"", Recycle { memory: Some(256 * MIB), ..never }),
            ("recycle.age = \"1h\"", Recycle { age: hour, ..never }),
            (
                "[pool.jobs.recycle]\ntasks = 1\nmemory = \"1MiB\"\nage = \"1h\"",
                Recycle { tasks: Some(1), memory: Some(MIB), age: hour },
            ),
        ];
        for (lines, expected) in table {
            assert_eq!(pool(lines).policy.recycle, expected, "{lines}");
        }
    }

    #[test]
    fn bad_recycles() {
        let table = [
            ("recycle = {}", ["3:11", "{}", "`recycle` is empty", "recycle = { tasks = 500"]),
            ("recycle = 500", ["3:11", "500", "a table or \"never\"", "tasks = 500"]),
            ("recycle.tasks = 0", ["3:17", "0", "from 1 to 1000000000, not `0`", "from 1"]),
            ("recycle.memory = \"64KiB\"", ["3:18", "\"64KiB\"", "from \"1MiB\"", "\"1MiB\""]),
            ("recycle.memory = 256", ["3:18", "256", "must be a size", "\"256MiB\""]),
            ("recycle.age = \"10ms\"", ["3:15", "\"10ms\"", "from \"1s\" to \"365d\"", "\"1s\""]),
            (
                "recycle.max_requests = 5",
                ["3:9", "max_requests", "unknown key", "hearken calls it `tasks`"],
            ),
        ];
        for (lines, expected) in table {
            refuses_pool(lines, expected);
        }
    }
}
