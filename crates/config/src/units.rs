//! All units together: what can only be checked when every one of them is read.

use crate::diagnostic::{Diagnostic, Problem, Severity};
use crate::group;
use crate::pool::{self, Pool, durability};
use crate::read::{Reader, Value};
use crate::rule::reach::{self, Lists};
use crate::rule::{self, Owner};
use crate::service::{self, Service};
use crate::source::{Source, Span};
use crate::syntax::Damage;
use crate::unit::{Draft, Made, graph, instances};
use hearken_core::policy::GroupPolicy;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// The tables of a file that say what is run.
#[derive(Debug)]
pub(crate) struct Tables<'t> {
    pub(crate) services: Vec<Value<'t>>,
    pub(crate) pools: Vec<Value<'t>>,
    pub(crate) groups: Vec<Value<'t>>,
    /// All of `[[rule]]`.
    pub(crate) rules: Option<Value<'t>>,
}

/// What is run.
#[derive(Debug)]
pub(crate) struct Units {
    pub(crate) services: Vec<Service>,
    pub(crate) pools: Vec<Pool>,
    pub(crate) groups: Vec<GroupPolicy>,
}

/// Reads them; `None` if any of them could not be read. `named` says whether every header of the
/// text is still there, so that a name that is missing is a mistake.
pub(crate) fn read(
    reader: &mut Reader<'_>,
    tables: &Tables<'_>,
    damage: &Damage,
    named: bool,
) -> Option<Units> {
    let Tables { services, pools, groups, rules } = tables;
    let whole = |value: &&Value<'_>| !damage.hits(value.key_span.start);
    let rules = rule::read_but(reader, *rules, Owner::All, |at| damage.hits(at));
    let groups: Vec<group::Draft<'_>> =
        groups.iter().filter(whole).filter_map(|value| group::read(reader, *value)).collect();
    if services.is_empty() && pools.is_empty() {
        // Whatever else was found is probably why.
        if !reader.has_found() {
            reader.diagnostic(nothing_to_run(reader.source()));
        }
        return None;
    }
    check_names(reader, services, pools);
    // Services first: the place here becomes the `UnitIndex`.
    let mut drafts: Vec<Draft<'_>> =
        services.iter().filter(whole).filter_map(|value| service::read(reader, *value)).collect();
    let mut asked = Vec::new();
    for read in pools.iter().filter(whole).filter_map(|value| pool::read(reader, *value)) {
        drafts.push(read.draft);
        asked.extend(read.durability);
    }
    instances::check_total(reader, &drafts);
    let durability = durability::of_file(reader, &asked);
    let names: BTreeSet<&str> = services.iter().chain(pools).map(|value| value.key).collect();
    let names = named.then_some(&names);
    if let Some(names) = names {
        reach::warn_unfitting(reader, &rules.drafts, names);
    }
    let (groups, order) = group::resolve(reader, &groups, &drafts, names);
    let after = graph::resolve(reader, &drafts, names, &order);
    let mut lists = Lists::new(&rules.drafts);
    let (mut services, mut pools, mut fine) = (Vec::new(), Vec::new(), true);
    for (draft, after) in drafts.into_iter().zip(after) {
        let rules = lists.of(draft.name, draft.sort, &draft.rules);
        match draft.made {
            Some(Made::Service(mut service)) => {
                (service.policy.after, service.policy.rules) = (after, rules);
                services.push(*service);
            }
            Some(Made::Pool(mut pool)) => {
                pool.unit.policy.after = after;
                pool.unit.policy.rules = Arc::clone(&rules);
                pool.policy.rules = rules;
                pool.durability = pool.durability.beside(durability);
                pools.push(*pool);
            }
            None => fine = false,
        }
    }
    lists.check(reader);
    groups.filter(|_| fine).map(|groups| Units { services, pools, groups })
}

/// Services and pools are called by their names alone, so none may be that of both.
fn check_names(reader: &mut Reader<'_>, services: &[Value<'_>], pools: &[Value<'_>]) {
    let places: HashMap<&str, Span> =
        services.iter().map(|service| (service.key, service.key_span)).collect();
    for pool in pools {
        let Some(service) = places.get(pool.key) else {
            continue;
        };
        let (first, second) = (pool.key_span.min(*service), pool.key_span.max(*service));
        let message = format!("{} is the name of a service and of a pool", pool.name());
        let help = "give one of them another name: `after`, rules and the log call both by it";
        reader.error(Problem::new(second, message, help).label("again").also(first, "first"));
    }
}

fn nothing_to_run(source: &Source) -> Diagnostic {
    let message = "no service and no pool is declared, so there is nothing to run";
    let help = "declare one:\n  [service.web]\n  command = [\"python3\", \"-m\", \
                \"http.server\"]\n  restart = \"on_failure\"";
    Diagnostic::of_file(Severity::Error, source.name(), message, help)
}
