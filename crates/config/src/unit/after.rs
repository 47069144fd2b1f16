//! `after`: what must hold before a unit is started.

use crate::diagnostic::Problem;
use crate::read::choice::{Choice, OneOf, choice};
use crate::read::keys::Keys;
use crate::read::table::{Table, elements};
use crate::read::text::text;
use crate::read::{Reader, Value, quoted};
use crate::source::Span;
use hearken_core::policy::Until;
use schemars::JsonSchema;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use toml::de::DeValue;

impl Choice for Until {
    const NAME: &'static str = "Until";
    const WORDS: &'static [(&'static str, Self, &'static str)] = &[
        ("started", Self::Started, "its program runs"),
        ("ready", Self::Ready, "it is ready"),
        ("succeeded", Self::Succeeded, "it has ended with success and stays down"),
    ];
}

pub(crate) const KEYS: Keys = Keys {
    place: "after = [{ … }] of a service or pool",
    shape: "AwaitedTable",
    known: &["name", "until"],
    later: &["timeout", "optional"],
    aliases: &[
        ("service", "name"),
        ("pool", "name"),
        ("unit", "name"),
        ("condition", "until"),
        ("state", "until"),
        ("when", "until"),
    ],
};

/// A service or pool to wait for; its name alone is enough: after = ["db"].
#[derive(JsonSchema)]
#[schemars(rename = "Awaited", untagged)]
#[expect(dead_code, reason = "only its shape is used")]
pub(crate) enum AwaitedShape {
    Name(String),
    Table(AwaitedTable),
}

/// A service or pool to wait for, and how far it must have come.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, transform = crate::schema::optional, extend("x-required" = ["name"]))]
#[expect(dead_code, reason = "only its shape is used")]
pub(crate) struct AwaitedTable {
    /// Its name.
    name: String,
    /// How far it must have come, in all its instances.
    #[schemars(extend("default" = "ready"))]
    until: OneOf<Until>,
}

/// A unit waited for, by name.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Awaited<'t> {
    pub(crate) name: &'t str,
    pub(crate) name_span: Span,
    pub(crate) until: Until,
    /// Where `until` stands; the name, if nowhere.
    pub(crate) until_span: Span,
}

pub(crate) fn read<'t>(reader: &mut Reader<'_>, value: Value<'t>) -> Vec<Awaited<'t>> {
    let Some(all) = elements(value) else {
        let help = match value.toml {
            DeValue::String(name) => format!("write after = [\"{name}\"]"),
            DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_)
            | DeValue::Array(_)
            | DeValue::Table(_) => "write after = [\"name\"]".into(),
        };
        reader.error(value.wrong_type("an array of names", help));
        return Vec::new();
    };
    let mut awaited: Vec<Awaited<'t>> = Vec::new();
    let mut first: HashMap<&str, Span> = HashMap::new();
    for value in all {
        let Some(one) = element(reader, value) else {
            continue;
        };
        match first.entry(one.name) {
            Entry::Occupied(earlier) => {
                let message = format!("`after` names {} twice", quoted(one.name));
                let problem = Problem::new(one.name_span, message, "remove one of them");
                reader.error(problem.label("again").also(*earlier.get(), "first"));
            }
            Entry::Vacant(place) => {
                place.insert(one.name_span);
                awaited.push(one);
            }
        }
    }
    awaited
}

fn element<'t>(reader: &mut Reader<'_>, value: Value<'t>) -> Option<Awaited<'t>> {
    let (name_span, until) = (value.span, Until::Ready);
    if let DeValue::String(name) = value.toml {
        return Some(Awaited { name, name_span, until, until_span: name_span });
    }
    let Some(mut table) = Table::of(value, &KEYS) else {
        let help = "write \"name\", or { name = \"name\", until = \"ready\" }";
        reader.error(value.wrong_type("a name or a table", help));
        return None;
    };
    let name = table.take("name");
    if name.is_none() {
        let message = "a table in `after` has no `name`";
        reader.error(Problem::new(value.span, message, "say which: { name = \"db\" }"));
    }
    let until_value = table.take("until");
    let until = match until_value {
        Some(value) => reader.keep(choice(value)),
        None => Some(until),
    };
    table.close(reader);
    let name_value = name?;
    let name = reader.keep(text(name_value))?;
    let until_span = until_value.map_or(name_value.span, |value| value.span);
    Some(Awaited { name, name_span: name_value.span, until: until?, until_span })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{good, refuses, refuses_all};
    use hearken_core::identity::UnitIndex;
    use hearken_core::policy::After;

    /// Three services, of which the first has this `after` in line 3.
    fn text(after: &str) -> String {
        format!(
            "[service.web]\ncommand = [\"x\"]\nafter = {after}\n\
             [service.db]\ncommand = [\"x\"]\n[service.cache]\ncommand = [\"x\"]\n"
        )
    }

    #[test]
    fn good_afters() {
        let after = |unit, until| After { unit: UnitIndex(unit), until };
        let table = [
            ("[]", vec![]),
            ("[\"db\"]", vec![after(1, Until::Ready)]),
            ("[\"cache\", \"db\"]", vec![after(2, Until::Ready), after(1, Until::Ready)]),
            ("[{ name = \"db\" }]", vec![after(1, Until::Ready)]),
            ("[{ name = \"db\", until = \"started\" }]", vec![after(1, Until::Started)]),
            ("[{ name = \"cache\", until = \"succeeded\" }]", vec![after(2, Until::Succeeded)]),
        ];
        for (given, expected) in table {
            assert_eq!(good(&text(given)).config.services[0].policy.after, expected, "{given}");
        }
    }

    #[test]
    fn bad_afters() {
        let table = [
            ("\"db\"", ["3:9", "\"db\"", "an array of names, not a string", "after = [\"db\"]"]),
            ("[3]", ["3:10", "3", "an element of `after` must be a name or a table", "\"name\""]),
            (
                "[\"bd\"]",
                [
                    "3:10",
                    "\"bd\"",
                    "names `bd`, but there is no such service",
                    "did you mean \"db\"?",
                ],
            ),
            ("[\"redis\"]", ["3:10", "\"redis\"", "no such service", "[service.redis]"]),
            ("[\"web\"]", ["3:10", "\"web\"", "`web` waits for itself", "remove it"]),
            ("[\"db\", \"db\"]", ["3:16", "\"db\"", "names `db` twice", "remove one"]),
            (
                "[{ until = \"ready\" }]",
                ["3:10", "{ until = \"ready\" }", "has no `name`", "{ name = \"db\" }"],
            ),
            ("[{ name = 5 }]", ["3:19", "5", "`name` must be a string", "\"5\""]),
            (
                "[{ name = \"db\", until = \"running\" }]",
                ["3:33", "\"running\"", "`until` cannot be", "\"started\""],
            ),
            (
                "[{ name = \"db\", untl = \"ready\" }]",
                ["3:25", "untl", "unknown key `untl` in an element", "`until`?"],
            ),
        ];
        for (after, expected) in table {
            refuses(&text(after), expected);
        }
    }

    #[test]
    fn circles_are_shown_as_a_way() {
        let one = |name: &str, after: &str| {
            format!("[service.{name}]\ncommand = [\"x\"]\nafter = [{after}]\n")
        };
        let text = one("a", "\"b\"") + &one("b", "{ name = \"c\" }") + &one("c", "\"a\"");
        refuses(&text, ["3:10", "\"b\"", "goes in a circle: a → b → c → a", "remove one of these"]);
        let two = one("a", "\"b\"") + &one("b", "\"a\"") + &one("c", "\"d\"") + &one("d", "\"c\"");
        refuses_all(
            &two,
            &[["3:10", "\"b\"", "a → b → a", "remove"], ["9:10", "\"d\"", "c → d → c", "remove"]],
        );
        // A diamond is no circle.
        good(&(one("a", "\"b\", \"c\"") + &one("b", "\"d\"") + &one("c", "\"d\"") + &one("d", "")));
    }

    #[test]
    fn a_chain_may_be_long() {
        let count = 5_000;
        let one = |n: usize, after: usize| {
            format!("[service.s{n}]\ncommand = [\"x\"]\nafter = [\"s{after}\"]\n")
        };
        let chain: String = (0..count).map(|n| one(n, n + 1)).collect();
        good(&format!("{chain}[service.s{count}]\ncommand = [\"x\"]\n"));
        let circle = chain + &one(count, 0);
        refuses(&circle, ["3:10", "\"s1\"", "s0 → s1 → s2", "remove"]);
    }

    #[test]
    fn what_always_restarts_never_succeeds() {
        let text = "[service.web]\ncommand = [\"x\"]\n\
                    after = [{ name = \"db\", until = \"succeeded\" }]\n\
                    [service.db]\ncommand = [\"x\"]\nrestart = \"always\"\n";
        refuses(
            text,
            [
                "3:33",
                "\"succeeded\"",
                "`until` waits for `db` to succeed, but its `restart`",
                "until = \"ready\"",
            ],
        );
        let shown = crate::testing::problems(text)[0].render(false);
        assert!(shown.contains("-------- always started again"), "{shown}");
    }
}
