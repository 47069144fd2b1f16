//! From the names in `units` to places, and to the order in which a group starts.

use super::{Draft, Member};
use crate::diagnostic::Problem;
use crate::read::{Reader, quoted};
use crate::source::Span;
use crate::unit::{self, Sort, graph};
use hearken_core::identity::UnitIndex;
use hearken_core::policy::{GroupPolicy, Strategy};
use std::collections::{BTreeSet, HashMap};

/// A unit that a group starts after the one before it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Neighbour<'t> {
    /// Its place among the units.
    pub(crate) unit: usize,
    /// Where it is named in the group.
    pub(crate) span: Span,
    /// The place of the one before it.
    pub(crate) before: usize,
    /// The group.
    pub(crate) group: &'t str,
}

/// The groups with their units by place, and who is started after whom. Every problem is kept; the
/// groups are `None` if there is one.
///
/// `declared` are all names of the text, as in [`graph::resolve`].
pub(crate) fn resolve<'t>(
    reader: &mut Reader<'_>,
    groups: &[Draft<'t>],
    drafts: &[unit::Draft<'_>],
    declared: Option<&BTreeSet<&str>>,
) -> (Option<Vec<GroupPolicy>>, Vec<Neighbour<'t>>) {
    let places: HashMap<&str, usize> =
        drafts.iter().enumerate().map(|(place, draft)| (draft.name, place)).collect();
    let mut taken: HashMap<&str, (&str, Span)> = HashMap::new();
    let mut policies = Some(Vec::with_capacity(groups.len()));
    let mut order = Vec::new();
    for group in groups {
        let mut units: Vec<(usize, Member<'t>)> = Vec::with_capacity(group.units.len());
        for member in &group.units {
            if let Some((other, span)) = taken.get(member.name) {
                reader.error(in_two(group, member, other, *span));
                continue;
            }
            taken.insert(member.name, (group.name, member.span));
            match places.get(member.name) {
                Some(place) if drafts[*place].sort == Sort::Pool => {
                    reader.error(is_pool(member, &drafts[*place]));
                }
                Some(place) => units.push((*place, *member)),
                None => {
                    let names = declared.filter(|names| !names.contains(member.name));
                    if let Some(names) = names
                        && reader.has_room()
                    {
                        let others = names.iter().copied();
                        reader.error(graph::missing(
                            "units",
                            "service",
                            member.name,
                            member.span,
                            others,
                        ));
                    }
                }
            }
        }
        if matches!(group.strategy, Some(Strategy::OneForAll | Strategy::RestForOne)) {
            let pairs = units.iter().zip(units.iter().skip(1));
            order.extend(pairs.map(|((before, _), (unit, member))| Neighbour {
                unit: *unit,
                span: member.span,
                before: *before,
                group: group.name,
            }));
        }
        let policy = policy(group, &units);
        policies = policies.zip(policy).map(|(mut policies, policy)| {
            policies.push(policy);
            policies
        });
    }
    (policies, order)
}

/// The group, if all of it could be read and all of its units are there.
fn policy(group: &Draft<'_>, units: &[(usize, Member<'_>)]) -> Option<GroupPolicy> {
    let (name, limit, on_limit) = group.policy.clone()?;
    if units.len() < group.units.len() {
        return None;
    }
    let units = units.iter().map(|(place, _)| Some(UnitIndex(u32::try_from(*place).ok()?)));
    Some(GroupPolicy {
        name,
        units: units.collect::<Option<Vec<_>>>()?,
        strategy: group.strategy?,
        limit,
        on_limit,
    })
}

/// To restart a pool with others would take tasks from workers that nothing is wrong with.
fn is_pool(member: &Member<'_>, pool: &unit::Draft<'_>) -> Problem {
    let message = format!("`units` names {}, which is a pool", quoted(member.name));
    let help = "a group has services only; a pool that needs others names them in `after`, with \
                on_dependency_restart = \"restart\"";
    Problem::new(member.span, message, help).also(pool.name_span, "a pool")
}

fn in_two(group: &Draft<'_>, member: &Member<'_>, other: &str, first: Span) -> Problem {
    let [unit, here, there] = [member.name, group.name, other].map(quoted);
    let message = format!("{unit} is in two groups: {there} and {here}");
    let help = "a unit restarts with one group: remove it from the other";
    Problem::new(member.span, message, help).label("here").also(first, "and here")
}
