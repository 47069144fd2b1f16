//! From a report of the core to a record.

use super::core::{cut, ns, voice};
use super::kept::{Ended, Group, KeptEnd, KeptLimit, Reaction, Voice};
use super::record::Fact;
use crate::report::Teller;
use hearken_core::action::Report;
use hearken_core::identity::{GroupIndex, InstanceId, UnitIndex};
use hearken_core::rule::Rule;
use std::sync::Arc;

/// How much of a path or a reason is kept, in bytes.
const SUBJECT_MAX: usize = 256;

/// What is about whom: the unit, the instance, and the fact.
pub(super) type Noted = (Option<UnitIndex>, Option<u32>, Fact);

/// The record of a report. Standard error and the like are not known here.
pub(super) fn note(report: &Report, names: &Teller<'_>) -> Noted {
    let of = |id: &InstanceId, fact| (Some(id.unit), Some(id.slot), fact);
    match report {
        Report::Waiting { unit, on } => {
            let on = on.iter().map(|unit| name(names, *unit)).collect();
            (Some(*unit), None, Fact::Waiting { on })
        }
        Report::Started { id, pid, incarnation } => {
            of(id, Fact::Started { pid: *pid, incarnation: *incarnation })
        }
        Report::Ready { id, after } => of(id, Fact::Ready { after_ns: ns(*after) }),
        Report::Stopping { id, cause, signal, grace } => {
            of(id, Fact::Stopping { cause: *cause, signal: *signal, grace_ns: ns(*grace) })
        }
        Report::Killing { id, cause, after } => {
            of(id, Fact::Killing { cause: *cause, after_ns: ns(*after) })
        }
        Report::LineLost { id, after } => of(id, Fact::LineLost { after_ns: ns(*after) }),
        Report::Reacted { id, verdict } => {
            let (decided_by, rule) = voice(verdict.decided_by, rules(names, id.unit));
            let (process, verdict) = (verdict.instance, verdict.unit);
            of(id, Fact::Reacted(Box::new(Reaction { process, verdict, decided_by, rule })))
        }
        Report::Reloading { id } => of(id, Fact::Reloading),
        Report::Reloaded { id, after } => of(id, Fact::Reloaded { after_ns: ns(*after) }),
        Report::Paused { unit, length } => {
            (Some(*unit), None, Fact::Paused { length_ns: ns(*length) })
        }
        Report::GroupRestarting { group: index, because, units } => {
            (None, None, Fact::GroupRestarting(Box::new(group(names, *index, *because, units))))
        }
        Report::GroupFailed { group: index, because } => {
            let units = names.supervision.group(*index).map_or(&[][..], |group| &group.units);
            (None, None, Fact::GroupFailed(Box::new(group(names, *index, *because, units))))
        }
        Report::Ended { id, pid, incarnation, evidence, judgement, restart_in } => {
            let rules = rules(names, id.unit);
            let ended = Ended::of(*pid, *incarnation, evidence, judgement, *restart_in, rules);
            of(id, Fact::Ended(Box::new(completed(ended, names, id.unit))))
        }
        Report::Abandoned { id, pid } => of(id, Fact::Abandoned { pid: *pid }),
        Report::EndedLate { id, pid } => of(id, Fact::EndedLate { pid: *pid }),
        Report::Stalled { by, moved } => {
            (None, None, Fact::Stalled { by_ns: ns(*by), moved: *moved as u64 })
        }
        Report::ShuttingDown { because } => {
            let because = because.and_then(|outcome| names.outcome(outcome));
            (None, None, Fact::ShuttingDown { because: because.map(String::into_boxed_str) })
        }
        Report::Idle => (None, None, Fact::Idle),
    }
}

/// What only the shell knows of an end: the path that could not be started, the budget that is
/// used up.
fn completed(mut ended: Ended, names: &Teller<'_>, unit: UnitIndex) -> Ended {
    if let KeptEnd::StartFailed { stage, subject, .. } = &mut ended.evidence.end
        && let Some(recipe) = names.recipes.get(unit.0 as usize)
        && matches!(&**stage, "exec" | "directory")
    {
        let path = match &**stage {
            "directory" => recipe.template.directory(),
            _ => recipe.template.program(),
        };
        *subject = Some(cut(&path, SUBJECT_MAX));
    }
    if ended.judgement.decided_by == Voice::Budget {
        let limit = names.supervision.policy(unit).and_then(|policy| policy.restart.limit);
        ended.budget =
            limit.map(|limit| KeptLimit { limit: limit.count(), window_ns: ns(limit.window()) });
    }
    ended
}

fn group(names: &Teller<'_>, index: GroupIndex, because: InstanceId, units: &[UnitIndex]) -> Group {
    let group = names.supervision.group(index).map_or("?", |group| group.name.as_str());
    Group {
        group: group.into(),
        because: name(names, because.unit),
        because_instance: because.slot,
        units: units.iter().map(|unit| name(names, *unit)).collect(),
    }
}

/// The name of a unit, shared with everything else that names it.
pub(super) fn name(names: &Teller<'_>, unit: UnitIndex) -> Arc<str> {
    names.recipes.get(unit.0 as usize).map_or_else(|| "?".into(), |it| Arc::clone(&it.unit))
}

fn rules<'a>(names: &Teller<'a>, unit: UnitIndex) -> &'a [Rule] {
    names.supervision.policy(unit).map_or(&[], |policy| &policy.rules)
}
