//! `match` of a rule: what it is about.

use super::attempt::{self, AttemptShape};
use super::reach::UnitPattern;
use super::signal::Deadly;
use super::uptime::{self, UptimeShape};
use super::{Owner, impossible, one_or_many_of};
use crate::diagnostic::Problem;
use crate::read::choice::{Choice, OneOf, choice};
use crate::read::keys::Keys;
use crate::read::list::one_or_many;
use crate::read::number::{boolean, integer};
use crate::read::signal::{Signal, SignalShape, signal};
use crate::read::table::Table;
use crate::read::text::{For, expanded};
use crate::read::{Reader, Value};
use hearken_core::evidence::Scope;
use hearken_core::glob::{GLOB_MAX, Glob};
use hearken_core::kind::Kind;
use hearken_core::rule::Match;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use std::borrow::Cow;
use std::marker::PhantomData;

/// Of a unit's own rules.
pub(crate) const UNIT_KEYS: Keys = Keys {
    place: "match = { … } of a rule",
    shape: "UnitMatch",
    known: &["kind", "code", "exit_code", "signal", "scope", "retryable", "uptime", "attempt"],
    later: &["message", "stderr", "stopped_by"],
    aliases: ALIASES,
};

/// Of the rules for all units.
pub(crate) const KEYS: Keys = Keys {
    place: "match = { … } of [[rule]]",
    shape: "Match",
    known: &[
        "kind",
        "code",
        "exit_code",
        "signal",
        "scope",
        "retryable",
        "uptime",
        "attempt",
        "unit",
    ],
    later: &["message", "stderr", "stopped_by"],
    aliases: ALIASES,
};

const ALIASES: &[(&str, &str)] = &[
    ("error_kind", "kind"),
    ("kinds", "kind"),
    ("type", "kind"),
    ("error_code", "code"),
    ("codes", "code"),
    ("error", "code"),
    ("exit", "exit_code"),
    ("exit_codes", "exit_code"),
    ("exitcode", "exit_code"),
    ("exitcodes", "exit_code"),
    ("exit_status", "exit_code"),
    ("status", "exit_code"),
    ("success_exit_status", "exit_code"),
    ("restart_prevent_exit_status", "exit_code"),
    ("signals", "signal"),
    ("sig", "signal"),
    ("retriable", "retryable"),
    ("runtime", "uptime"),
    ("age", "uptime"),
    ("attempts", "attempt"),
    ("failures", "attempt"),
    ("retries", "attempt"),
    ("tries", "attempt"),
];

/// What a unit's own rule is about: everything that is given has to hold.
#[derive(JsonSchema)]
#[schemars(
    rename = "UnitMatch",
    deny_unknown_fields,
    transform = crate::schema::optional,
    extend("minProperties" = 1),
)]
#[expect(dead_code, reason = "only its shape is used")]
pub(super) struct UnitMatchShape {
    /// The kind of the error.
    kind: OneOrMany<OneOf<Kind>>,
    /// The code of the error; * stands for anything.
    #[schemars(extend("examples" = ["db.*", ["db.deadlock", "net.*"]]))]
    code: OneOrMany<PatternShape>,
    /// The exit code.
    exit_code: OneOrMany<ExitCodeShape>,
    /// The signal that killed it; SIG may stand before the name.
    signal: OneOrMany<SignalShape<Deadly>>,
    /// What the error is about.
    scope: OneOrMany<OneOf<Scope>>,
    /// Whether the program says that trying again makes sense.
    retryable: bool,
    /// How long it ran.
    uptime: UptimeShape,
    /// The how-manieth failure in a row it is.
    attempt: AttemptShape,
}

/// The shape of a `match` for all units: that of a unit's own, with the units.
pub(super) struct MatchShape;

impl JsonSchema for MatchShape {
    fn schema_name() -> Cow<'static, str> {
        "Match".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = UnitMatchShape::json_schema(generator);
        let mut unit = generator.subschema_for::<OneOrMany<PatternShape>>();
        unit.insert("description".into(), "The name of the unit; * stands for anything.".into());
        schema.insert(
            "description".into(),
            "What a rule is about: everything that is given has to hold.".into(),
        );
        if let Some(serde_json::Value::Object(keys)) = schema.get_mut("properties") {
            keys.insert("unit".into(), unit.into());
        }
        schema
    }
}

/// The shape of one value or a list of them.
struct OneOrMany<T>(PhantomData<T>);

impl<T: JsonSchema> JsonSchema for OneOrMany<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("{}OrMany", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        one_or_many_of(&generator.subschema_for::<T>())
    }
}

struct PatternShape;

impl JsonSchema for PatternShape {
    fn schema_name() -> Cow<'static, str> {
        "Pattern".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "minLength": 1, "maxLength": GLOB_MAX })
    }
}

struct ExitCodeShape;

impl JsonSchema for ExitCodeShape {
    fn schema_name() -> Cow<'static, str> {
        "ExitCode".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": 0, "maximum": EXIT_CODE_MAX })
    }
}

/// The kernel keeps eight bits.
const EXIT_CODE_MAX: u32 = 255;

/// A `match` that could be read.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) matches: Match,
    /// Which units it is for; empty: all.
    pub(super) units: Vec<UnitPattern>,
}

const EXAMPLES: &str = "say what it is about: match = { kind = \"transient\" }, { code = \"db.*\" } \
                        or { exit_code = 75 }, for example; { attempt = { at_least = 1 } } is \
                        every failure";

pub(super) fn read(
    reader: &mut Reader<'_>,
    rule: &mut Table<'_>,
    owner: Owner<'_>,
) -> Option<Read> {
    let Some(value) = rule.take("match") else {
        let message = format!("this {} has no `match`", rule.title());
        reader.error(Problem::new(rule.span(), message, EXAMPLES));
        return None;
    };
    let keys = match owner {
        Owner::Service(_) | Owner::Pool(_) => &UNIT_KEYS,
        Owner::All => &KEYS,
    };
    let Some(mut table) = Table::of(value, keys) else {
        reader.error(value.wrong_type("a table", EXAMPLES));
        return None;
    };
    if table.left().next().is_none() {
        reader.error(Problem::new(value.span, "`match` is empty", EXAMPLES));
        return None;
    }
    let given = Given {
        kind: table.take("kind"),
        code: table.take("code"),
        exit_code: table.take("exit_code"),
        signal: table.take("signal"),
        scope: table.take("scope"),
        retryable: table.take("retryable"),
    };
    let kind = listed(reader, given.kind, word);
    let code = listed(reader, given.code, pattern);
    let exit_code = listed(reader, given.exit_code, exit_code);
    let signal = listed(reader, given.signal, |reader, value| {
        reader.keep(signal::<Deadly>(value)).map(Signal::number)
    });
    let scope = listed(reader, given.scope, word);
    let retryable = given.retryable.map(|value| reader.keep(boolean(value)));
    let uptime = table.take("uptime").map(|value| uptime::read(reader, value));
    let attempt = table.take("attempt").map(|value| attempt::read(reader, value));
    let units = match owner {
        Owner::All => listed(reader, table.take("unit"), unit_pattern),
        Owner::Service(name) | Owner::Pool(name) => not_here(reader, &mut table, name),
    };
    table.close(reader);
    let matches = Match {
        kind: kind?,
        code: code?,
        exit_code: exit_code?,
        signal: signal?,
        scope: scope?,
        retryable: given_at_all(retryable)?,
        uptime: given_at_all(uptime)?,
        attempt: given_at_all(attempt)?,
    };
    impossible::warn(reader, &matches, &given);
    Some(Read { matches, units: units? })
}

/// The criteria that may contradict each other, where they stand.
#[derive(Debug)]
pub(super) struct Given<'t> {
    pub(super) kind: Option<Value<'t>>,
    pub(super) code: Option<Value<'t>>,
    pub(super) exit_code: Option<Value<'t>>,
    pub(super) signal: Option<Value<'t>>,
    pub(super) scope: Option<Value<'t>>,
    pub(super) retryable: Option<Value<'t>>,
}

/// A criterion that is a list; one that is not given is an empty one.
fn listed<'t, T: PartialEq>(
    reader: &mut Reader<'_>,
    value: Option<Value<'t>>,
    read: impl FnMut(&mut Reader<'_>, Value<'t>) -> Option<T>,
) -> Option<Vec<T>> {
    value.map_or(Some(Vec::new()), |value| one_or_many(reader, value, read))
}

/// `None` if it could not be read, `None` inside if it is not given.
#[expect(clippy::option_option, reason = "given or not, and if so read or not")]
fn given_at_all<T>(read: Option<Option<T>>) -> Option<Option<T>> {
    match read {
        Some(read) => read.map(Some),
        None => Some(None),
    }
}

fn word<T: Choice>(reader: &mut Reader<'_>, value: Value<'_>) -> Option<T> {
    reader.keep(choice(value))
}

fn exit_code(reader: &mut Reader<'_>, value: Value<'_>) -> Option<i32> {
    let code = reader.keep(integer(value, 0..=EXIT_CODE_MAX))?;
    i32::try_from(code).ok()
}

fn pattern(reader: &mut Reader<'_>, value: Value<'_>) -> Option<Glob> {
    let text = expanded(reader, value, For::Program)?;
    let read = Glob::new(&text).map_err(|error| {
        let message = format!("{} is no pattern: {error}", value.name());
        let help = format!(
            "write {} = \"db.*\", for example: * stands for anything, ? for one character",
            value.key
        );
        Problem::new(value.span, message, help)
    });
    reader.keep(read)
}

fn unit_pattern(reader: &mut Reader<'_>, value: Value<'_>) -> Option<UnitPattern> {
    pattern(reader, value).map(|glob| UnitPattern { glob, span: value.span })
}

/// A unit's own rule is for that unit.
fn not_here(
    reader: &mut Reader<'_>,
    table: &mut Table<'_>,
    name: &str,
) -> Option<Vec<UnitPattern>> {
    let Some(unit) = table.take_foreign("unit") else {
        return Some(Vec::new());
    };
    let name = crate::read::quoted(name);
    let message = format!("`unit` in `match` has no place here: this rule is for {name} alone");
    let help = "remove it, or write the rule as [[rule]], which is for all units";
    reader.error(Problem::new(unit.key_span, message, help));
    None
}
