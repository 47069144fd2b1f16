//! `[group.NAME]`: services that restart together.

mod order;

pub(crate) use order::{Neighbour, resolve};

use crate::diagnostic::Problem;
use crate::read::choice::{Choice, OneOf, choice};
use crate::read::duration::DurationShape;
use crate::read::keys::Keys;
use crate::read::table::{Table, elements};
use crate::read::text::text;
use crate::read::{Reader, Value, quoted};
use crate::source::Span;
use crate::unit::limit::{self, Accounting, LimitShape};
use crate::unit::name;
use hearken_core::budget::Limit;
use hearken_core::identity::UnitName;
use hearken_core::policy::{GroupOnLimit, Strategy};
use schemars::JsonSchema;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

impl Choice for Strategy {
    const NAME: &'static str = "Strategy";
    const WORDS: &'static [(&'static str, Self, &'static str)] = &[
        ("one_for_one", Self::OneForOne, "nobody is restarted with it; only the limit is shared"),
        ("one_for_all", Self::OneForAll, "all of the group are"),
        ("rest_for_one", Self::RestForOne, "those that stand after it in `units` are"),
    ];
}

impl Choice for GroupOnLimit {
    const NAME: &'static str = "GroupOnLimit";
    const WORDS: &'static [(&'static str, Self, &'static str)] = &[
        ("fail", Self::Fail, "all of them are stopped and stay down until an operator starts them"),
        ("shut_down", Self::ShutDown, "hearken ends, with a non-zero exit code"),
    ];
    const REFUSED: &'static [(&'static str, &'static str)] =
        &[("wait", "a group that waits is one without a limit: limit = \"unlimited\"")];
}

pub(crate) const KEYS: Keys = Keys {
    place: "[group.NAME]",
    shape: "Group",
    known: &["units", "strategy", "limit", "window", "on_limit"],
    later: &["groups", "critical", "delay"],
    aliases: &[
        ("members", "units"),
        ("services", "units"),
        ("programs", "units"),
        ("children", "units"),
        ("restart", "strategy"),
        ("restart_strategy", "strategy"),
        ("policy", "strategy"),
        ("intensity", "limit"),
        ("max_restarts", "limit"),
        ("max_r", "limit"),
        ("period", "window"),
        ("max_t", "window"),
        ("interval", "window"),
    ],
};

/// Services that restart together.
#[derive(JsonSchema)]
#[schemars(
    rename = "Group",
    deny_unknown_fields,
    transform = crate::schema::optional,
    extend("x-required" = ["units"]),
)]
#[expect(dead_code, reason = "only its shape is used")]
pub(crate) struct GroupShape {
    /// Its services, in the order they are started. No service is in two groups.
    #[schemars(length(min = 1), extend("examples" = [["db", "api"]]))]
    units: Vec<String>,
    /// Who is restarted when one of them is.
    #[schemars(extend("default" = "one_for_one"))]
    strategy: OneOf<Strategy>,
    /// How many automatic restarts all of them together may have in `window`.
    #[schemars(extend("default" = 5))]
    limit: LimitShape,
    /// The sliding window of `limit`.
    #[schemars(extend("default" = "1m"))]
    window: DurationShape,
    /// What follows when the limit is reached.
    #[schemars(extend("default" = "fail"))]
    on_limit: OneOf<GroupOnLimit>,
}

/// A unit as a group names it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Member<'t> {
    pub(crate) name: &'t str,
    pub(crate) span: Span,
}

/// A group whose units still are names.
#[derive(Debug)]
pub(crate) struct Draft<'t> {
    pub(crate) name: &'t str,
    /// Its units, as far as they could be read.
    units: Vec<Member<'t>>,
    strategy: Option<Strategy>,
    /// The rest of it, if all could be read.
    policy: Option<(UnitName, Option<Limit>, GroupOnLimit)>,
}

/// Reads a group. There is a draft even of a broken one, so that its units are checked.
pub(crate) fn read<'t>(reader: &mut Reader<'_>, value: Value<'t>) -> Option<Draft<'t>> {
    let Some(table) = value.toml.as_table() else {
        let key = value.key;
        let message = format!("{} must be a table of a group", quoted(&format!("group.{key}")));
        let help = "a group has a name, and its keys stand below it: [group.backend]";
        reader.error(Problem::new(value.key_span, message, help));
        return None;
    };
    let name = name::read(reader, value, "group");
    let title = format!("[group.{}]", quoted(value.key).trim_matches('`'));
    let mut table = Table::open(table, value.span, title, &KEYS);
    let units_value = table.take("units");
    let units = match units_value {
        Some(value) => units(reader, value),
        None => {
            let message = format!("{} has no `units`", table.title());
            let help = "say which services restart together: units = [\"db\", \"api\"]";
            reader.error(Problem::new(value.key_span, message, help));
            None
        }
    };
    let strategy_value = table.take("strategy");
    let strategy = match strategy_value {
        Some(value) => reader.keep(choice(value)),
        None => Some(Strategy::OneForOne),
    };
    let accounting = Accounting {
        on_limit: GroupOnLimit::Fail,
        no_restart: "write restart = \"never\" in its services",
    };
    let limit = limit::read(reader, &mut table, accounting);
    table.close(reader);

    if let (Some([_]), Some(units), Some(given)) = (units.as_deref(), units_value, strategy_value)
        && strategy.is_some_and(|it| it != Strategy::OneForOne)
    {
        let message = "`strategy` has no use in a group of one: there is nobody to restart with it";
        let help = "name more services in `units`, or remove `strategy`";
        let problem = Problem::new(given.span, message, help).label("not used");
        reader.warning(problem.also(units.span, "only one"));
    }
    let whole = units.is_some();
    let policy = name.zip(limit).filter(|_| whole && strategy.is_some());
    let policy = policy.map(|(name, (limit, on_limit))| (name, limit, on_limit));
    Some(Draft { name: value.key, units: units.unwrap_or_default(), strategy, policy })
}

fn units<'t>(reader: &mut Reader<'_>, value: Value<'t>) -> Option<Vec<Member<'t>>> {
    let Some(all) = elements(value) else {
        let help = match value.toml.as_str() {
            Some(name) => format!("write units = [\"{name}\"]"),
            None => "write units = [\"db\", \"api\"]".into(),
        };
        reader.error(value.wrong_type("an array of names", help));
        return None;
    };
    if all.is_empty() {
        let help = "name the services that restart together: units = [\"db\", \"api\"]";
        reader.error(Problem::new(value.span, "`units` is empty", help));
        return None;
    }
    let count = all.len();
    let mut members: Vec<Member<'t>> = Vec::with_capacity(count);
    let mut first: HashMap<&str, Span> = HashMap::new();
    for value in all {
        let Some(name) = reader.keep(text(value)) else {
            continue;
        };
        match first.entry(name) {
            Entry::Occupied(earlier) => {
                let message = format!("`units` names {} twice", quoted(name));
                let problem = Problem::new(value.span, message, "remove one of them");
                reader.error(problem.label("again").also(*earlier.get(), "first"));
            }
            Entry::Vacant(place) => {
                place.insert(value.span);
                members.push(Member { name, span: value.span });
            }
        }
    }
    (members.len() == count).then_some(members)
}

#[cfg(test)]
mod tests;
