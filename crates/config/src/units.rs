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
        let pools: Vec<&str> = pools.iter().map(|value| value.key).collect();
        reach::warn_without_tasks(reader, &rules.drafts, &pools);
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

#[cfg(test)]
mod tests {
    use crate::testing::{good, refuses, refuses_all};
    use hearken_core::identity::UnitIndex;
    use hearken_core::policy::{After, Until};

    fn unit(sort: &str, name: &str, lines: &str) -> String {
        format!("[{sort}.{name}]\ncommand = [\"x\"]\n{lines}\n")
    }

    #[test]
    fn pools_stand_behind_all_services() {
        let text = unit("pool", "p", "after = [\"b\"]")
            + &unit("service", "a", "after = [{ name = \"q\", until = \"started\" }]")
            + &unit("pool", "q", "after = [\"p\"]")
            + &unit("service", "b", "");
        let config = good(&text).config;
        let names: Vec<&str> = config.units().map(|unit| unit.policy.name.as_str()).collect();
        assert_eq!(names, ["a", "b", "p", "q"]);
        let after = |unit, until| vec![After { unit: UnitIndex(unit), until }];
        assert_eq!(config.services[0].policy.after, after(3, Until::Started));
        assert_eq!(config.pools[0].unit.policy.after, after(1, Until::Ready));
        assert_eq!(config.pools[1].unit.policy.after, after(2, Until::Ready));
    }

    #[test]
    fn a_pool_alone_is_enough() {
        let config = good(&unit("pool", "p", "")).config;
        assert!(config.services.is_empty());
        assert_eq!(config.units().count(), 1);
    }

    #[test]
    fn a_service_and_a_pool_never_have_the_same_name() {
        let help = "give one of them another name";
        let text = unit("pool", "x", "") + &unit("service", "x", "");
        let message = "`x` is the name of a service and of a pool";
        refuses(&text, ["4:10", "x", message, help]);
        let text = unit("service", "x", "") + &unit("pool", "x", "");
        refuses(&text, ["4:7", "x", message, help]);
    }

    #[test]
    fn a_pool_never_succeeds_as_a_whole() {
        let text = unit("service", "a", "after = [{ name = \"p\", until = \"succeeded\" }]")
            + &unit("pool", "p", "");
        let message = "`until` waits for `p` to succeed, which is a pool: it never stays down";
        refuses(&text, ["3:32", "\"succeeded\"", message, "write until = \"ready\""]);
    }

    #[test]
    fn circles_go_through_services_and_pools() {
        let text = unit("service", "a", "after = [\"p\"]") + &unit("pool", "p", "after = [\"a\"]");
        refuses(&text, ["3:10", "\"p\"", "goes in a circle: a → p → a", "remove one of these"]);
        let text = unit("pool", "p", "after = [\"jbos\"]") + &unit("pool", "jobs", "");
        refuses(&text, ["3:10", "\"jbos\"", "no such service or pool", "did you mean \"jobs\"?"]);
    }

    #[test]
    fn a_group_has_no_pool() {
        let text = unit("service", "a", "")
            + &unit("pool", "p", "")
            + "[group.g]\nunits = [\"a\", \"p\"]\n";
        refuses(&text, ["8:15", "\"p\"", "`units` names `p`, which is a pool", "in `after`"]);
    }

    #[test]
    fn the_problems_of_pools_come_with_all_others() {
        let text = "[pool.A]\nworkers = 0\nretry = 0\nxyzzy = 1\nmax_payload = 5\n\
                    [service.b]\ncommand = [\"x\"]\nafter = [\"c\"]\n[pool]\nmode = 1\n";
        refuses_all(
            text,
            &[
                ["1:7", "A", "[pool.A] has no `command`", "command ="],
                ["1:7", "A", "no name for a pool", "[pool.a]"],
                ["2:11", "0", "`workers` must be from 1", "10000"],
                ["3:9", "0", "`retry` must be from 1", "\"unlimited\""],
                ["4:1", "xyzzy", "unknown key `xyzzy`", "the keys here are"],
                ["5:15", "5", "`max_payload` must be a size", "\"5B\""],
                ["8:10", "\"c\"", "no such service or pool", "[service.c]"],
                ["10:1", "mode", "`pool.mode` must be a table of a pool", "[pool.web]"],
            ],
        );
    }

    #[test]
    fn workers_count_among_all_instances() {
        let pools: String =
            (0..10).map(|n| unit("pool", &format!("p{n}"), "workers = 10_000")).collect();
        good(&pools);
        let text = unit("service", "a", "") + &pools;
        refuses(&text, ["6:11", "10_000", "all units together have 100001", "lower `workers`"]);
    }
}
