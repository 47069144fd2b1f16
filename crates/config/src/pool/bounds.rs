//! `queue`, `max_payload`, `max_result` and `logs`: how much a pool takes and keeps.

use super::exec::{Exec, Input};
use super::placeholder::{Piece, pieces};
use crate::diagnostic::Problem;
use crate::read::bytes::{GIB, KIB, MIB, bytes, show};
use crate::read::number::integer_or_unlimited;
use crate::read::table::Table;
use crate::read::{Reader, Value};
use crate::unit::program::Program;
use crate::unit::size;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use std::borrow::Cow;
use std::ops::RangeInclusive;

/// How many tasks may wait, unless the config says otherwise.
const QUEUE: u32 = 100_000;
const QUEUE_MAX: u32 = 1_000_000_000;

const MAX_PAYLOAD: u64 = MIB;

/// One that goes into the arguments has to fit into the request to the fork server.
const MAX_ARGUMENT: u64 = 16 * KIB;

/// The largest frame on a line has 16 MiB (protocol.md). A MiB of it is for what is said of the task
/// beside its payload: the checkpoint and the last error above all.
const PAYLOAD: RangeInclusive<u64> = 1..=15 * MIB;

const MAX_RESULT: u64 = 64 * MIB;
const RESULT: RangeInclusive<u64> = 1..=GIB;

const LOGS: u64 = 64 * KIB;
const LOGS_RANGE: RangeInclusive<u64> = 0..=MIB;

/// The shape of `queue` in the schema.
pub(crate) struct QueueShape;

impl JsonSchema for QueueShape {
    fn schema_name() -> Cow<'static, str> {
        "Queue".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "oneOf": [
            { "type": "integer", "minimum": 1, "maximum": QUEUE_MAX },
            { "const": "unlimited" },
        ]})
    }
}

/// How much a pool takes and keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bounds {
    /// In tasks.
    pub(super) queue: u64,
    /// The others in bytes.
    pub(super) max_payload: u64,
    pub(super) max_result: u64,
    pub(super) logs: u64,
}

/// Reads them. `request` is how many bytes the rest of a request to the fork server has.
pub(super) fn read(
    reader: &mut Reader<'_>,
    pool: &mut Table<'_>,
    exec: Option<Exec>,
    program: Option<&Program>,
    request: Option<usize>,
) -> Option<Bounds> {
    let queue = match pool.take("queue") {
        Some(value) => reader.keep(integer_or_unlimited(value, 1..=QUEUE_MAX)),
        None => Some(Some(QUEUE)),
    };
    let into_arguments = exec.is_some_and(|exec| exec.input == Input::Arguments);
    let payload_value = pool.take("max_payload");
    let max_payload = match payload_value {
        Some(value) => reader.keep(bytes(value, PAYLOAD)),
        None if into_arguments => Some(MAX_ARGUMENT),
        None => Some(MAX_PAYLOAD),
    };
    let max_result = match pool.take("max_result") {
        Some(value) => reader.keep(bytes(value, RESULT)),
        None => Some(MAX_RESULT),
    };
    let logs = match pool.take("logs") {
        Some(value) => reader.keep(bytes(value, LOGS_RANGE)),
        None => Some(LOGS),
    };
    if let (true, Some(Program::Command(words)), Some(max_payload), Some(request)) =
        (into_arguments, program, max_payload, request)
    {
        let fits = fits(pool, payload_value, max_payload, places(words), request);
        reader.keep(fits)?;
    }
    Some(Bounds {
        queue: queue?.map_or(u64::MAX, u64::from),
        max_payload: max_payload?,
        max_result: max_result?,
        logs: logs?,
    })
}

/// How often the payload stands in the arguments.
fn places(words: &[String]) -> usize {
    let pieces = words.iter().flat_map(|word| pieces(word.as_bytes()));
    pieces.filter(|piece| matches!(piece, Piece::Place(_))).count()
}

/// The largest payload in every place that the arguments have for it, beside all the rest.
fn fits(
    pool: &Table<'_>,
    given: Option<Value<'_>>,
    max_payload: u64,
    places: usize,
    request: usize,
) -> Result<(), Problem> {
    let each = size::SIZE_MAX.saturating_sub(request) / places.max(1);
    let each = u64::try_from(each).unwrap_or(u64::MAX);
    if max_payload <= each {
        return Ok(());
    }
    let shown = show(max_payload);
    let default = if given.is_none() { ", the default" } else { "" };
    let message = format!(
        "a payload of `max_payload` (\"{shown}\"{default}) does not fit into the arguments, where it \
         stands {}",
        if places == 1 { "once".into() } else { format!("{places} times") },
    );
    let help = if each > 0 {
        format!("write max_payload = \"{}\" or less, or take it from standard input", show(each))
    } else {
        "take it from standard input: remove the {} from `command`".into()
    };
    Err(Problem::new(given.map_or(pool.span(), |value| value.span), message, help))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{pool, refuses, refuses_pool};

    #[test]
    fn good_bounds() {
        let table = [
            ("", (100_000, MIB, 64 * MIB, 64 * KIB)),
            ("queue = 1", (1, MIB, 64 * MIB, 64 * KIB)),
            ("queue = \"unlimited\"", (u64::MAX, MIB, 64 * MIB, 64 * KIB)),
            ("max_payload = \"15MiB\"", (100_000, 15 * MIB, 64 * MIB, 64 * KIB)),
            ("max_result = \"1GiB\"\nlogs = \"0B\"", (100_000, MIB, GIB, 0)),
            ("mode = \"exec\"\nlogs = \"1MiB\"", (100_000, MIB, 64 * MIB, MIB)),
        ];
        for (lines, expected) in table {
            let pool = pool(lines);
            let found = (pool.policy.queue, pool.max_payload, pool.max_result, pool.logs);
            assert_eq!(found, expected, "{lines}");
        }
    }

    #[test]
    fn bad_bounds() {
        let table = [
            ("queue = 0", ["3:9", "0", "`queue` must be from 1", "queue = \"unlimited\""]),
            ("queue = \"never\"", ["3:9", "\"never\"", "not a string", "queue = \"unlimited\""]),
            ("max_payload = \"16MiB\"", ["3:15", "\"16MiB\"", "to \"15MiB\"", "\"15MiB\""]),
            ("max_result = \"2GiB\"", ["3:14", "\"2GiB\"", "to \"1GiB\"", "\"1GiB\""]),
            ("max_result = \"0B\"", ["3:14", "\"0B\"", "from \"1B\"", "\"1B\""]),
            ("logs = \"2MiB\"", ["3:8", "\"2MiB\"", "to \"1MiB\"", "\"1MiB\""]),
        ];
        for (lines, expected) in table {
            refuses_pool(lines, expected);
        }
    }

    /// A pool that takes its payload in this many places, from line 3 on.
    fn with_places(count: usize, lines: &str) -> String {
        let places = "\"{}\", ".repeat(count);
        format!("[pool.jobs]\nmode = \"exec\"\n{lines}\ncommand = [\"x\", {places}]\n")
    }

    #[test]
    fn a_payload_has_to_fit_into_the_arguments_as_often_as_it_stands_there() {
        let max = |text: &str| crate::testing::good(text).config.pools[0].max_payload;
        assert_eq!(max(&with_places(1, "")), 16 * KIB);
        assert_eq!(max(&with_places(7, "")), 16 * KIB);
        assert_eq!(max(&with_places(1, "max_payload = \"119KiB\"")), 119 * KIB);
        assert_eq!(max(&with_places(8, "input = \"stdin\"")), MIB);
        // 120 KiB less "x", "/etc/hearken" and "{}" eight times, each with its NUL.
        refuses(
            &with_places(8, ""),
            ["1:1", "[pool.jobs]", "(\"16KiB\", the default) does not fit", "\"15355B\" or less"],
        );
        refuses(
            &with_places(1, "max_payload = \"1MiB\""),
            ["3:15", "\"1MiB\"", "it stands once", "or take it from standard input"],
        );
    }
}
