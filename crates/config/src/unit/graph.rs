//! The order that `after` and groups ask for: names become places, and no way leads back to its
//! start.

use super::after::Awaited;
use super::{Draft, Sort};
use crate::diagnostic::Problem;
use crate::group::Neighbour;
use crate::read::suggest::nearest;
use crate::read::{Reader, quoted};
use crate::source::Span;
use hearken_core::identity::UnitIndex;
use hearken_core::policy::{After, RestartWhen, Until};
use std::collections::{BTreeSet, HashMap};

/// A unit that another one comes after.
#[derive(Clone, Copy)]
struct Edge<'t> {
    to: usize,
    /// Where that is said.
    span: Span,
    by: By<'t>,
}

/// Who says that one unit comes after another.
#[derive(Clone, Copy)]
enum By<'t> {
    /// Its own `after`.
    After(Until),
    /// The order of this group.
    Group(&'t str),
}

/// What each unit comes after, in the order of `drafts`. Every problem is kept.
///
/// `declared` are all names of the text, those of units that could not be read among them;
/// `None` if nobody knows them all, so that a missing one may be no mistake. `order` is that of the
/// groups: it makes no `after`, but must not contradict one.
pub(crate) fn resolve(
    reader: &mut Reader<'_>,
    drafts: &[Draft<'_>],
    declared: Option<&BTreeSet<&str>>,
    order: &[Neighbour<'_>],
) -> Vec<Vec<After>> {
    let places: HashMap<&str, usize> =
        drafts.iter().enumerate().map(|(place, draft)| (draft.name, place)).collect();
    let mut edges: Vec<Vec<Edge<'_>>> = Vec::with_capacity(drafts.len());
    for (from, draft) in drafts.iter().enumerate() {
        let mut found = Vec::with_capacity(draft.after.len());
        for awaited in &draft.after {
            match places.get(awaited.name) {
                Some(to) if *to == from => reader.error(itself(draft, awaited)),
                Some(to) => {
                    check_until(reader, awaited, &drafts[*to]);
                    let by = By::After(awaited.until);
                    found.push(Edge { to: *to, span: awaited.name_span, by });
                }
                None => {
                    let names = declared.filter(|names| !names.contains(awaited.name));
                    if let Some(names) = names
                        && reader.has_room()
                    {
                        let others = names.iter().copied().filter(|name| *name != draft.name);
                        reader.error(missing(
                            "after",
                            "service or pool",
                            awaited.name,
                            awaited.name_span,
                            others,
                        ));
                    }
                }
            }
        }
        edges.push(found);
    }
    for neighbour in order {
        let by = By::Group(neighbour.group);
        edges[neighbour.unit].push(Edge { to: neighbour.before, span: neighbour.span, by });
    }
    cycles(reader, drafts, &edges);
    edges.iter().map(|edges| edges.iter().filter_map(|edge| edge.after()).collect()).collect()
}

impl Edge<'_> {
    fn after(&self) -> Option<After> {
        let unit = UnitIndex(u32::try_from(self.to).ok()?);
        match self.by {
            By::After(until) => Some(After { unit, until }),
            By::Group(_) => None,
        }
    }
}

fn itself(draft: &Draft<'_>, awaited: &Awaited<'_>) -> Problem {
    let message = format!("{} waits for itself in `after`", quoted(draft.name));
    Problem::new(awaited.name_span, message, "remove it from `after`")
}

/// The name under `key` that stands at `span` is none of the `others`, which are `what`.
pub(crate) fn missing<'n>(
    key: &str,
    what: &str,
    name: &str,
    span: Span,
    others: impl Iterator<Item = &'n str>,
) -> Problem {
    let shown = quoted(name);
    let help = match nearest(name, others) {
        Some(near) => format!("did you mean \"{near}\"?"),
        None => {
            format!(
                "declare it as [service.{}], or remove it from `{key}`",
                shown.trim_matches('`')
            )
        }
    };
    let message = format!("`{key}` names {shown}, but there is no such {what}");
    Problem::new(span, message, help)
}

/// What is always restarted never stays down with success.
fn check_until(reader: &mut Reader<'_>, awaited: &Awaited<'_>, other: &Draft<'_>) {
    let (when, at) = other.restart_when;
    if awaited.until != Until::Succeeded
        || !matches!(when, Some(RestartWhen::Always | RestartWhen::Worker))
    {
        return;
    }
    let name = quoted(other.name);
    let (why, help) = match other.sort {
        Sort::Service => (
            "but its `restart` is \"always\"",
            "write until = \"ready\", or restart = \"on_failure\" there",
        ),
        Sort::Pool => ("which is a pool", "write until = \"ready\", or until = \"started\""),
    };
    let message = format!("`until` waits for {name} to succeed, {why}: it never stays down");
    let problem = Problem::new(awaited.until_span, message, help).label("never comes");
    reader.error(problem.also(at.unwrap_or(other.name_span), "always started again"));
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Seen {
    NotYet,
    OnTheWay,
    Done,
}

/// Walks depth first from every unit, in the order of the text, and names each way that comes
/// back to itself. Without recursion: a chain may be as long as a config has units.
fn cycles(reader: &mut Reader<'_>, drafts: &[Draft<'_>], edges: &[Vec<Edge<'_>>]) {
    let mut seen = vec![Seen::NotYet; drafts.len()];
    for start in 0..drafts.len() {
        if seen[start] != Seen::NotYet {
            continue;
        }
        // The way from `start` to here: a service, and which of its edges is next.
        let mut way: Vec<(usize, usize)> = vec![(start, 0)];
        seen[start] = Seen::OnTheWay;
        while let Some((place, next)) = way.last_mut() {
            let Some(edge) = edges[*place].get(*next) else {
                seen[*place] = Seen::Done;
                way.pop();
                continue;
            };
            *next += 1;
            match seen[edge.to] {
                Seen::Done => {}
                Seen::NotYet => {
                    seen[edge.to] = Seen::OnTheWay;
                    way.push((edge.to, 0));
                }
                Seen::OnTheWay => {
                    let from = way.iter().position(|(place, _)| *place == edge.to).unwrap_or(0);
                    reader.error(cycle(drafts, edges, &way[from..]));
                }
            }
        }
    }
}

/// The longest cycle that is shown whole.
const SHOWN_MAX: usize = 12;

fn cycle(drafts: &[Draft<'_>], edges: &[Vec<Edge<'_>>], way: &[(usize, usize)]) -> Problem {
    // Each step of the way took the edge before its next one.
    let taken: Vec<(usize, Edge<'_>)> = way
        .iter()
        .filter_map(|(place, next)| Some((*place, *edges[*place].get(next - 1)?)))
        .collect();
    let bare = |place: usize| quoted(drafts[place].name).trim_matches('`').to_owned();
    let mut names: Vec<String> =
        way.iter().take(SHOWN_MAX).map(|(place, _)| bare(*place)).collect();
    if way.len() > SHOWN_MAX {
        names.push("…".into());
    }
    names.extend(way.first().map(|(place, _)| bare(*place)));
    let shown = names.join(" → ");
    let group = taken.iter().find_map(|(_, edge)| match edge.by {
        By::Group(name) => Some(name),
        By::After(_) => None,
    });
    let (message, help) = match group {
        None => (
            format!("`after` goes in a circle: {shown}"),
            "none of them could ever start: remove one of these names",
        ),
        Some(name) => (
            format!(
                "`after` and the `units` of [group.{}] go in a circle: {shown}",
                quoted(name).trim_matches('`')
            ),
            "none of them could ever start: name in `units` first what the others come after",
        ),
    };
    let label = |(from, edge): &(usize, Edge<'_>)| match (group, edge.by) {
        (None, _) => "and this".to_owned(),
        (Some(_), By::After(_)) => format!("{} comes after it", quoted(drafts[*from].name)),
        (Some(_), By::Group(_)) => {
            format!("stands behind {}", quoted(drafts[edge.to].name))
        }
    };
    let mut steps = taken.iter().take(SHOWN_MAX);
    let Some(first) = steps.next() else {
        return Problem::new(drafts[way[0].0].name_span, message, help);
    };
    let mut problem = Problem::new(first.1.span, message, help);
    if group.is_some() {
        problem = problem.label(label(first));
    }
    steps.fold(problem, |problem, step| problem.also(step.1.span, label(step)))
}
