//! The clocks of a task: `accept_timeout`, `soft_timeout`, `task_timeout`, `total_timeout`, and
//! `cancel_grace`.

use super::mode::Mode;
use crate::diagnostic::Problem;
use crate::read::duration::{DAY, TICK, duration, duration_or_never, show};
use crate::read::table::Table;
use crate::read::{Reader, Value};
use hearken_core::pool::{Clocks, WorkMode};
use std::time::Duration;

const ACCEPT: Duration = Duration::from_secs(10);
const HARD: Duration = Duration::from_secs(300);
const CANCEL_GRACE: Duration = Duration::from_secs(10);

/// The longest of the clocks that may be "never": 30 days for a try.
const TRY_MAX: Duration = Duration::from_secs(30 * 86_400);

/// The longest that a task may have from its submission to its end: a year.
const TOTAL_MAX: Duration = Duration::from_secs(365 * 86_400);

pub(super) fn read(reader: &mut Reader<'_>, pool: &mut Table<'_>, mode: Mode) -> Option<Clocks> {
    let accept = match mode.take(reader, pool, "accept_timeout", WorkMode::Line) {
        Some(value) => reader.keep(duration(value, TICK..=DAY)),
        None => Some(ACCEPT),
    };
    let hard_value = pool.take("task_timeout");
    let hard = match hard_value {
        Some(value) => reader.keep(duration_or_never(value, TICK..=TRY_MAX)),
        None => Some(Some(HARD)),
    };
    let soft_value = pool.take("soft_timeout");
    let soft = match soft_value {
        Some(value) => reader.keep(duration_or_never(value, TICK..=TRY_MAX)),
        None => Some(None),
    };
    let total = match pool.take("total_timeout") {
        Some(value) => reader.keep(duration_or_never(value, TICK..=TOTAL_MAX)),
        None => Some(None),
    };
    let cancel_grace = match pool.take("cancel_grace") {
        Some(value) => reader.keep(duration(value, TICK..=DAY)),
        None => Some(CANCEL_GRACE),
    };
    let clocks = Clocks {
        accept: accept?,
        soft: soft?,
        hard: hard?,
        total: total?,
        cancel_grace: cancel_grace?,
    };
    if let (Some(soft), Some(hard), Some(at)) = (clocks.soft, clocks.hard, soft_value)
        && soft >= hard
    {
        reader.error(too_late(at, soft, hard, hard_value));
        return None;
    }
    Some(clocks)
}

/// Who is killed already cannot be asked to give up.
fn too_late(at: Value<'_>, soft: Duration, hard: Duration, given: Option<Value<'_>>) -> Problem {
    let (soft, hard) = (show(soft), show(hard));
    let default = if given.is_none() { ", the default" } else { "" };
    let message = format!(
        "`soft_timeout` (\"{soft}\") is not shorter than `task_timeout` (\"{hard}\"{default}): the \
         worker would be killed before it is asked to give up"
    );
    let help = match given {
        Some(_) => format!("write a soft_timeout below \"{hard}\", or a longer task_timeout"),
        None => format!("also write a task_timeout above \"{soft}\", or task_timeout = \"never\""),
    };
    let problem = Problem::new(at.span, message, help).label("asked");
    match given {
        Some(hard) => problem.also(hard.span, "killed"),
        None => problem,
    }
}
