//! The order that `after` asks for: names become places, and no way leads back to its start.

use super::Draft;
use super::after::Awaited;
use crate::diagnostic::Problem;
use crate::read::suggest::nearest;
use crate::read::{Reader, quoted};
use hearken_core::identity::UnitIndex;
use hearken_core::policy::{After, RestartWhen, Until};
use std::collections::{BTreeSet, HashMap};

/// A service waited for: where it is, and where it is named.
#[derive(Clone, Copy)]
struct Edge<'t> {
    to: usize,
    awaited: Awaited<'t>,
}

/// What each service comes after, in the order of `drafts`. Every problem is kept.
///
/// `declared` are all names of the text, those of services that could not be read among them;
/// `None` if nobody knows them all, so that a missing one may be no mistake.
pub(crate) fn resolve(
    reader: &mut Reader<'_>,
    drafts: &[Draft<'_>],
    declared: Option<&BTreeSet<&str>>,
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
                    found.push(Edge { to: *to, awaited: *awaited });
                }
                None => {
                    let names = declared.filter(|names| !names.contains(awaited.name));
                    if let Some(names) = names
                        && reader.has_room()
                    {
                        reader.error(missing(awaited, draft, names));
                    }
                }
            }
        }
        edges.push(found);
    }
    cycles(reader, drafts, &edges);
    edges.iter().map(|edges| edges.iter().filter_map(|edge| edge.after()).collect()).collect()
}

impl Edge<'_> {
    fn after(&self) -> Option<After> {
        let unit = UnitIndex(u32::try_from(self.to).ok()?);
        Some(After { unit, until: self.awaited.until })
    }
}

fn itself(draft: &Draft<'_>, awaited: &Awaited<'_>) -> Problem {
    let message = format!("{} waits for itself in `after`", quoted(draft.name));
    Problem::new(awaited.name_span, message, "remove it from `after`")
}

fn missing(awaited: &Awaited<'_>, draft: &Draft<'_>, declared: &BTreeSet<&str>) -> Problem {
    let others = declared.iter().copied().filter(|name| *name != draft.name);
    let name = quoted(awaited.name);
    let help = match nearest(awaited.name, others) {
        Some(near) => format!("did you mean \"{near}\"?"),
        None => {
            format!("declare it as [service.{}], or remove it from `after`", name.trim_matches('`'))
        }
    };
    let message = format!("`after` names {name}, but there is no such service");
    Problem::new(awaited.name_span, message, help)
}

/// What is always restarted never stays down with success.
fn check_until(reader: &mut Reader<'_>, awaited: &Awaited<'_>, other: &Draft<'_>) {
    let (when, at) = other.restart_when;
    if awaited.until != Until::Succeeded || when != Some(RestartWhen::Always) {
        return;
    }
    let name = quoted(other.name);
    let message = format!(
        "`until` waits for {name} to succeed, but its `restart` is \"always\": it never stays down"
    );
    let help = "write until = \"ready\", or restart = \"on_failure\" there";
    let problem = Problem::new(awaited.until_span, message, help).label("never comes");
    reader.error(problem.also(at.unwrap_or(other.name_span), "always started again"));
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Seen {
    NotYet,
    OnTheWay,
    Done,
}

/// Walks depth first from every service, in the order of the text, and names each way that comes
/// back to itself. Without recursion: a chain may be as long as a config has services.
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
    let taken: Vec<Edge<'_>> =
        way.iter().filter_map(|(place, next)| edges[*place].get(next - 1).copied()).collect();
    let mut names: Vec<&str> = way.iter().map(|(place, _)| drafts[*place].name).collect();
    if names.len() > SHOWN_MAX {
        names.truncate(SHOWN_MAX);
        names.push("…");
    }
    names.extend(way.first().map(|(place, _)| drafts[*place].name));
    let shown: Vec<String> =
        names.iter().map(|name| quoted(name).trim_matches('`').to_owned()).collect();
    let message = format!("`after` goes in a circle: {}", shown.join(" → "));
    let help = "none of them could ever start: remove one of these names";
    let mut steps = taken.iter().take(SHOWN_MAX);
    let first = steps.next().map_or(drafts[way[0].0].name_span, |edge| edge.awaited.name_span);
    steps.fold(Problem::new(first, message, help), |problem, edge| {
        problem.also(edge.awaited.name_span, "and this")
    })
}
