//! Which rules a unit gets, and which rules are never reached.

use super::{Draft, Owner};
use crate::diagnostic::Problem;
use crate::read::Reader;
use crate::read::suggest::nearest;
use crate::read::table::list;
use crate::source::Span;
use crate::unit::Sort;
use hearken_core::glob::Glob;
use hearken_core::rule::Rule;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// A pattern for names of units, and where it stands.
#[derive(Debug)]
pub(crate) struct UnitPattern {
    pub(crate) glob: Glob,
    pub(crate) span: Span,
}

/// The same pattern, wherever it stands.
impl PartialEq for UnitPattern {
    fn eq(&self, other: &Self) -> bool {
        self.glob == other.glob
    }
}

impl Draft {
    /// Whether it is about the unit of this name.
    fn is_for(&self, name: &str) -> bool {
        self.units.is_empty() || self.units.iter().any(|pattern| pattern.glob.matches(name))
    }

    /// Whether it decides anything for a service: what becomes of a task does not.
    fn decides_for_services(&self) -> bool {
        self.rule.instance.is_some() || self.rule.unit.is_some() || self.rule.pace.is_some()
    }

    /// Whether `later` is never reached behind this one in the rules of `owner`.
    fn hides(&self, later: &Self, owner: Owner<'_>) -> bool {
        let among = |glob: &Glob| self.units.iter().any(|ours| ours.glob.covers(glob));
        let units = self.units.is_empty()
            || (!later.units.is_empty() && later.units.iter().all(|it| among(&it.glob)));
        // One that has nothing for a service is not in the list of any, and hides nothing there.
        let there = matches!(owner, Owner::Pool(_))
            || self.decides_for_services()
            || !later.decides_for_services();
        units && there && self.rule.matches.covers(&later.rule.matches)
    }
}

/// Warns of each rule that is never reached, and names the one that hides it.
pub(super) fn warn_hidden(reader: &mut Reader<'_>, rules: &[Draft], owner: Owner<'_>) {
    for (place, later) in rules.iter().enumerate() {
        let Some(earlier) = rules[..place].iter().find(|earlier| earlier.hides(later, owner))
        else {
            continue;
        };
        let message = format!(
            "{} is never reached: {} matches all that it does",
            later.rule.label, earlier.rule.label
        );
        let same = earlier.rule.matches == later.rule.matches && earlier.units == later.units;
        let help = if same {
            "the first rule that matches decides: remove one of the two, or merge them"
        } else {
            "the first rule that matches decides: put it before the other, or remove it"
        };
        let problem = Problem::new(later.span, message, help).label("never reached");
        reader.warning(problem.also(earlier.span, "always decides before it"));
    }
}

/// The most names that a help line lists.
const SHOWN_MAX: usize = 8;

/// Warns of each pattern that fits none of the `declared` units.
pub(crate) fn warn_unfitting(reader: &mut Reader<'_>, rules: &[Draft], declared: &BTreeSet<&str>) {
    for pattern in rules.iter().flat_map(|rule| &rule.units) {
        if declared.iter().any(|name| pattern.glob.matches(name)) {
            continue;
        }
        let plain = pattern.glob.as_str();
        let near = nearest(plain, declared.iter().copied()).filter(|_| !plain.contains(['*', '?']));
        let help = match near {
            Some(near) => format!("did you mean \"{near}\"?"),
            None if declared.len() > SHOWN_MAX => "check how the units are called".into(),
            None => format!("the units are {}", list(declared.iter().copied())),
        };
        reader.warning(Problem::new(pattern.span, "this pattern fits no unit", help));
    }
}

/// Warns of each rule that only says what becomes of tasks, where no unit it is for has any: none of
/// the `pools` fits.
pub(crate) fn warn_without_tasks(reader: &mut Reader<'_>, rules: &[Draft], pools: &[&str]) {
    for rule in rules {
        if rule.decides_for_services() || pools.iter().any(|name| rule.is_for(name)) {
            continue;
        }
        let message = "this rule only says what becomes of tasks, and it is for no pool";
        let help = if pools.is_empty() {
            "there is no pool: say what follows for a service, with `instance` or `unit`, or remove \
             the rule"
                .into()
        } else {
            format!("the pools are {}", list(pools.iter().copied().take(SHOWN_MAX)))
        };
        reader.warning(Problem::new(rule.span, message, help));
    }
}

/// The most rules that the lists of all units may hold together: each costs memory.
const TOTAL_MAX: usize = 100_000;

/// The lists of rules that units get. Units with the same one share it.
pub(crate) struct Lists<'r> {
    /// The rules for all units.
    all: &'r [Draft],
    shared: HashMap<Vec<usize>, Arc<[Rule]>>,
    total: usize,
}

impl<'r> Lists<'r> {
    pub(crate) fn new(all: &'r [Draft]) -> Self {
        Self { all, shared: HashMap::new(), total: 0 }
    }

    /// The list of a unit: its own rules, then those for all units that are about it. Those that
    /// only say what becomes of a task are for pools.
    pub(crate) fn of(&mut self, name: &str, sort: Sort, own: &[Draft]) -> Arc<[Rule]> {
        let about = |place: &usize| {
            let rule = &self.all[*place];
            rule.is_for(name) && (sort == Sort::Pool || rule.decides_for_services())
        };
        let about: Vec<usize> = (0..self.all.len()).filter(about).collect();
        if let (true, Some(list)) = (own.is_empty(), self.shared.get(&about)) {
            return Arc::clone(list);
        }
        self.total = self.total.saturating_add(own.len() + about.len());
        if self.total > TOTAL_MAX {
            return Arc::default();
        }
        let others = about.iter().map(|place| &self.all[*place]);
        let list: Arc<[Rule]> = own.iter().chain(others).map(|it| it.rule.clone()).collect();
        if own.is_empty() {
            self.shared.insert(about, Arc::clone(&list));
        }
        list
    }

    /// That all lists together are not too long.
    pub(crate) fn check(&self, reader: &mut Reader<'_>) {
        if let (true, Some(first)) = (self.total > TOTAL_MAX, self.all.first()) {
            let message =
                format!("the units have more than {TOTAL_MAX} rules together, these among them");
            let help = "say in `match` for which units a [[rule]] is: unit = \"web-*\"";
            reader.error(Problem::new(first.span, message, help));
        }
    }
}
