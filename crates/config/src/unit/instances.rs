//! `instances`: how many processes of a service run; and how many all units may have.

use super::{Draft, Sort};
use crate::diagnostic::Problem;
use crate::read::number::integer;
use crate::read::{Reader, Value};
use hearken_core::policy::INSTANCES_MAX;

/// The most instances that all units may have together: each costs memory from the start on,
/// whether it runs or not.
pub(crate) const INSTANCES_TOTAL_MAX: u64 = 100_000;

pub(crate) fn read(value: Value<'_>) -> Result<u32, Problem> {
    integer(value, 1..=INSTANCES_MAX)
}

/// All units together must not have more than [`INSTANCES_TOTAL_MAX`].
pub(crate) fn check_total(reader: &mut Reader<'_>, drafts: &[Draft<'_>]) {
    let total: u64 = drafts.iter().map(|draft| u64::from(draft.instances.0)).sum();
    if total <= INSTANCES_TOTAL_MAX {
        return;
    }
    // The first of those that have the most.
    let largest = drafts.iter().rev().max_by_key(|draft| draft.instances.0);
    if let Some(draft) = largest {
        let span = draft.instances.1.unwrap_or(draft.name_span);
        let key = match draft.sort {
            Sort::Service => "instances",
            Sort::Pool => "workers",
        };
        let help = format!("lower `{key}`, here or elsewhere");
        let message =
            format!("all units together have {total} instances; {INSTANCES_TOTAL_MAX} is the most");
        reader.error(Problem::new(span, message, help));
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{good, refuses, refuses_service, service};

    #[test]
    fn good_instances() {
        for (lines, expected) in [("", 1), ("instances = 1", 1), ("instances = 10_000", 10_000)] {
            assert_eq!(service(lines).policy.instances, expected, "{lines}");
        }
    }

    #[test]
    fn bad_instances() {
        let table = [
            ("instances = 0", ["3:13", "0", "from 1 to 10000, not `0`", "from 1 to 10000"]),
            ("instances = -2", ["3:13", "-2", "not `-2`", "from 1 to 10000"]),
            ("instances = 10_001", ["3:13", "10_001", "not `10001`", "from 1 to 10000"]),
            ("instances = 1_000_000_000", ["3:13", "1_000_000_000", "not `1000000000`", "10000"]),
            (
                "instances = 0xffff_ffff_ffff",
                ["3:13", "0xffff_ffff_ffff", "not `0xffffffffffff`", "10000"],
            ),
            (
                "instances = 99999999999999999999999999999999999999999999",
                ["3:13", "99999999999999999999999999999999999999999999", "from 1", "10000"],
            ),
            (
                "instances = \"2\"",
                ["3:13", "\"2\"", "not a string", "without quotes: instances = 2"],
            ),
            ("instances = 2.0", ["3:13", "2.0", "not a float", "instances = 1"]),
        ];
        for (lines, expected) in table {
            refuses_service(lines, expected);
        }
    }

    #[test]
    fn all_together_have_a_limit_too() {
        let services = |count: usize| -> String {
            let one = |n| format!("[service.s{n}]\ncommand = [\"x\"]\ninstances = 10_000\n");
            (0..count).map(one).collect()
        };
        good(&services(10));
        refuses(
            &services(11),
            ["3:13", "10_000", "have 110000 instances; 100000 is", "lower `instances`"],
        );
    }
}
