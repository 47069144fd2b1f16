//! `instances`: how many processes of a service run.

use super::Draft;
use crate::diagnostic::Problem;
use crate::read::number::integer;
use crate::read::{Reader, Value};
use hearken_core::policy::INSTANCES_MAX;

/// The most instances that all services may have together: each costs memory from the start on,
/// whether it runs or not.
pub(crate) const INSTANCES_TOTAL_MAX: u64 = 100_000;

pub(super) fn read(value: Value<'_>) -> Result<u32, Problem> {
    integer(value, 1..=INSTANCES_MAX)
}

/// All services together must not have more than [`INSTANCES_TOTAL_MAX`].
pub(crate) fn check_total(reader: &mut Reader<'_>, drafts: &[Draft<'_>]) {
    let total: u64 = drafts.iter().map(|draft| u64::from(draft.instances.0)).sum();
    if total <= INSTANCES_TOTAL_MAX {
        return;
    }
    // The first of those that have the most.
    let largest = drafts.iter().rev().max_by_key(|draft| draft.instances.0);
    if let Some(draft) = largest {
        let span = draft.instances.1.unwrap_or(draft.name_span);
        let message = format!(
            "all services together have {total} instances; {INSTANCES_TOTAL_MAX} is the most"
        );
        reader.error(Problem::new(span, message, "lower `instances`, here or elsewhere"));
    }
}
