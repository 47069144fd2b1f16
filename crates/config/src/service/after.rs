//! `after`: what must hold before a service is started.

use crate::diagnostic::Problem;
use crate::read::choice::{Choice, OneOf, choice};
use crate::read::keys::Keys;
use crate::read::table::{Table, elements};
use crate::read::text::text;
use crate::read::{Reader, Value, quoted};
use crate::source::Span;
use hearken_core::policy::Until;
use schemars::JsonSchema;
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
    place: "after = [{ … }] of a service",
    shape: "AwaitedTable",
    known: &["name", "until"],
    later: &["timeout", "optional"],
    aliases: &[
        ("service", "name"),
        ("unit", "name"),
        ("condition", "until"),
        ("state", "until"),
        ("when", "until"),
    ],
};

/// A service to wait for; its name alone is enough: after = ["db"].
#[derive(JsonSchema)]
#[schemars(rename = "Awaited", untagged)]
#[expect(dead_code, reason = "only its shape is used")]
pub(crate) enum AwaitedShape {
    Name(String),
    Table(AwaitedTable),
}

/// A service to wait for, and how far it must have come.
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

/// A service waited for, by name.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Awaited<'t> {
    pub(crate) name: &'t str,
    pub(crate) name_span: Span,
    pub(crate) until: Until,
    /// Where `until` stands; the name, if nowhere.
    pub(crate) until_span: Span,
}

pub(super) fn read<'t>(reader: &mut Reader<'_>, value: Value<'t>) -> Vec<Awaited<'t>> {
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
    for value in all {
        let Some(one) = element(reader, value) else {
            continue;
        };
        match awaited.iter().find(|earlier| earlier.name == one.name) {
            Some(earlier) => {
                let message = format!("`after` names {} twice", quoted(one.name));
                let problem =
                    Problem::new(one.name_span, message, "remove one of them").label("again");
                reader.error(problem.also(earlier.name_span, "first"));
            }
            None => awaited.push(one),
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
