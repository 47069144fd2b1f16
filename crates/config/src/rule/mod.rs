//! `[[service.NAME.rule]]` and `[[rule]]`: what follows from what a child says and how it ends.
//!
//! ```text
//! [[rule]] ── matches, verdicts, pace ── Draft ── reach ── the list each service gets
//! ```

mod attempt;
mod impossible;
pub(crate) mod matches;
mod pace;
pub(crate) mod reach;
mod signal;
mod uptime;
mod words;

pub(crate) use attempt::KEYS as ATTEMPT_KEYS;
pub(crate) use pace::KEYS as BACKOFF_KEYS;
pub(crate) use uptime::KEYS as UPTIME_KEYS;

use crate::diagnostic::Problem;
use crate::read::choice::{Choice, OneOf, choice};
use crate::read::duration::DurationShape;
use crate::read::keys::Keys;
use crate::read::table::{Table, elements};
use crate::read::{Reader, Value, quoted};
use crate::source::Span;
use hearken_core::policy::RestartWhen;
use hearken_core::rule::Rule;
use hearken_core::verdict::{InstanceVerdict, TaskVerdict, UnitVerdict};
use matches::{MatchShape, UnitMatchShape};
use pace::{BackoffShape, Pace};
use reach::UnitPattern;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use std::borrow::Cow;
use std::path::Path;

/// The most rules that one service may have of its own, and that all units may have together: the
/// first that matches is looked for at every failure.
pub(crate) const RULES_MAX: usize = 128;

/// Rules of a service.
pub(crate) const SERVICE_KEYS: Keys = Keys {
    place: "[[service.NAME.rule]]",
    shape: "ServiceRule",
    known: &["match", "instance", "unit", "delay", "backoff"],
    later: &["hook", "log", "notify"],
    aliases: ALIASES,
};

/// Rules of a pool.
pub(crate) const POOL_KEYS: Keys = Keys {
    place: "[[pool.NAME.rule]]",
    shape: "PoolRule",
    known: &["match", "task", "instance", "unit", "delay", "backoff"],
    later: &["hook", "log", "notify"],
    aliases: ALIASES,
};

/// Rules for all units.
pub(crate) const KEYS: Keys = Keys {
    place: "[[rule]]",
    shape: "Rule",
    known: &["match", "task", "instance", "unit", "delay", "backoff"],
    later: &["hook", "log", "notify"],
    aliases: ALIASES,
};

const ALIASES: &[(&str, &str)] = &[
    ("when", "match"),
    ("if", "match"),
    ("on", "match"),
    ("where", "match"),
    ("matches", "match"),
    ("action", "instance"),
    ("then", "instance"),
    ("restart", "instance"),
    ("process", "instance"),
    ("service", "unit"),
    ("wait", "delay"),
    ("after", "delay"),
    ("retry_after", "delay"),
    ("restartsec", "delay"),
];

/// What follows from a failure that matches. It decides on what it names, and leaves the rest as it
/// is.
#[derive(JsonSchema)]
#[schemars(
    rename = "ServiceRule",
    deny_unknown_fields,
    transform = crate::schema::optional,
    extend("x-required" = ["match"]),
)]
#[expect(dead_code, reason = "only its shape is used")]
pub(crate) struct ServiceRuleShape {
    /// What it is about: everything that is given has to hold.
    r#match: UnitMatchShape,
    /// What becomes of the process.
    instance: OneOf<InstanceVerdict>,
    /// What it means for the service.
    unit: OneOf<UnitVerdict>,
    /// It is started again after just this long.
    delay: DurationShape,
    /// It is started again in a backoff of the rule's own.
    backoff: BackoffShape,
}

/// The shape of `[[pool.NAME.rule]]`: that of a service's own, with what becomes of a task.
pub(crate) struct PoolRuleShape;

impl JsonSchema for PoolRuleShape {
    fn schema_name() -> Cow<'static, str> {
        "PoolRule".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = ServiceRuleShape::json_schema(generator);
        let mut task = generator.subschema_for::<OneOf<TaskVerdict>>();
        task.insert("description".into(), "What becomes of the task, in a pool.".into());
        if let Some(serde_json::Value::Object(keys)) = schema.get_mut("properties") {
            keys.insert("task".into(), task.into());
        }
        schema
    }
}

/// The shape of `[[rule]]`: that of a pool's own, with the units it is for.
pub(crate) struct RuleShape;

impl JsonSchema for RuleShape {
    fn schema_name() -> Cow<'static, str> {
        "Rule".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = PoolRuleShape::json_schema(generator);
        let mut matches = generator.subschema_for::<MatchShape>();
        let what = "What it is about: everything that is given has to hold.";
        matches.insert("description".into(), what.into());
        if let Some(serde_json::Value::Object(keys)) = schema.get_mut("properties") {
            keys.insert("match".into(), matches.into());
        }
        schema
    }
}

/// Whose rules are read.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Owner<'t> {
    /// Those of one service.
    Service(&'t str),
    /// Those of one pool.
    Pool(&'t str),
    /// Those for all units.
    All,
}

impl Owner<'_> {
    fn keys(self) -> &'static Keys {
        match self {
            Self::Service(_) => &SERVICE_KEYS,
            Self::Pool(_) => &POOL_KEYS,
            Self::All => &KEYS,
        }
    }

    /// How messages call one of them.
    fn title(self) -> String {
        match self {
            Self::Service(name) => format!("[[service.{}.rule]]", quoted(name).trim_matches('`')),
            Self::Pool(name) => format!("[[pool.{}.rule]]", quoted(name).trim_matches('`')),
            Self::All => "[[rule]]".into(),
        }
    }

    /// How people find one of them again.
    fn label(self, reader: &Reader<'_>, number: usize, at: Span) -> Box<str> {
        let source = reader.source();
        let file = Path::new(source.name()).file_name().unwrap_or_default().to_string_lossy();
        let place = format!("{}:{}", quoted(&file).trim_matches('`'), source.line(at.start) + 1);
        match self {
            Self::Service(name) | Self::Pool(name) => {
                format!("rule {number} of {} ({place})", quoted(name).trim_matches('`')).into()
            }
            Self::All => format!("rule {number} of all units ({place})").into(),
        }
    }
}

/// A rule that could be read.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) rule: Rule,
    /// Which units it is for; empty: all.
    pub(crate) units: Vec<UnitPattern>,
    /// Its header.
    pub(crate) span: Span,
    /// The key of its pace.
    pace: Option<Span>,
}

/// The rules of a list.
#[derive(Debug)]
pub(crate) struct Read {
    /// Those that could be read.
    pub(crate) drafts: Vec<Draft>,
    /// Whether they are all of them.
    pub(crate) fine: bool,
}

/// Reads the rules of `owner`.
pub(crate) fn read(reader: &mut Reader<'_>, value: Option<Value<'_>>, owner: Owner<'_>) -> Read {
    read_but(reader, value, owner, |_| false)
}

/// Reads the rules of `owner`, but for those that start where `damaged` says.
pub(crate) fn read_but(
    reader: &mut Reader<'_>,
    value: Option<Value<'_>>,
    owner: Owner<'_>,
    damaged: impl Fn(usize) -> bool,
) -> Read {
    let mut read = Read { drafts: Vec::new(), fine: true };
    let Some(value) = value else {
        return read;
    };
    let Some(all) = elements(value) else {
        let help = format!("write two brackets on each side: {}", owner.title());
        reader.error(value.wrong_type("an array of tables", help));
        return Read { fine: false, ..read };
    };
    if all.len() > RULES_MAX {
        let message = format!("there are {} rules here; {RULES_MAX} is the most", all.len());
        let help = "match several things in one: code = [\"db.*\", \"net.*\"]";
        reader.error(Problem::new(all[RULES_MAX].span, message, help));
        return Read { fine: false, ..read };
    }
    for (place, value) in all.into_iter().enumerate() {
        if damaged(value.span.start) {
            read.fine = false;
            continue;
        }
        match one(reader, value, place + 1, owner) {
            Some(draft) => read.drafts.push(draft),
            None => read.fine = false,
        }
    }
    reach::warn_hidden(reader, &read.drafts, owner);
    read
}

/// A verdict, and where it stands.
#[derive(Debug, Clone, Copy)]
struct Verdict<'t, T> {
    value: Value<'t>,
    word: T,
}

/// The verdict under `key`; `None` if it could not be read, `None` inside if it is not given.
fn verdict<'t, T: Choice>(
    reader: &mut Reader<'_>,
    table: &mut Table<'t>,
    key: &'static str,
) -> Option<Option<Verdict<'t, T>>> {
    match table.take(key) {
        Some(value) => reader.keep(choice(value)).map(|word| Some(Verdict { value, word })),
        None => Some(None),
    }
}

fn one(
    reader: &mut Reader<'_>,
    value: Value<'_>,
    number: usize,
    owner: Owner<'_>,
) -> Option<Draft> {
    let title = owner.title();
    let Some(table) = value.toml.as_table() else {
        reader.error(value.wrong_type("a table", format!("write it as a table: {title}")));
        return None;
    };
    let mut table = Table::open(table, value.span, title, owner.keys());
    let matches = matches::read(reader, &mut table, owner);
    let task = match owner {
        Owner::Pool(_) | Owner::All => verdict::<TaskVerdict>(reader, &mut table, "task"),
        Owner::Service(_) => match table.take_foreign("task") {
            Some(task) => {
                let message = "`task` says what becomes of a task, and a service has none";
                let help = "`task` belongs to the rules of pools; for a service there are \
                            `instance` and `unit`";
                reader.error(Problem::new(task.key_span, message, help));
                None
            }
            None => Some(None),
        },
    };
    let instance = verdict::<InstanceVerdict>(reader, &mut table, "instance");
    let unit = verdict::<UnitVerdict>(reader, &mut table, "unit");
    let pace = pace::read(reader, &mut table);
    table.close(reader);

    let (task, instance, unit, pace) = (task?, instance?, unit?, pace?);
    if task.is_none() && instance.is_none() && unit.is_none() && pace.is_none() {
        let message = format!("this {} decides nothing", owner.title());
        let help = "say what follows: instance = \"stop\", unit = \"fail\" or delay = \"5s\", for \
                    example";
        reader.error(Problem::new(value.span, message, help));
        return None;
    }
    if let Some(pace) = pace
        && let Some(problem) = unused(pace, owner, task, instance, unit)
    {
        reader.error(problem);
        return None;
    }
    let matches = matches?;
    let rule = Rule {
        label: owner.label(reader, number, value.span),
        matches: matches.matches,
        task: task.map(|it| it.word),
        instance: instance.map(|it| it.word),
        unit: unit.map(|it| it.word),
        pace: pace.map(|it| it.pace),
    };
    Some(Draft { rule, units: matches.units, span: value.span, pace: pace.map(|it| it.key) })
}

/// A pace in a rule after which nothing is started again.
fn unused(
    pace: Pace,
    owner: Owner<'_>,
    task: Option<Verdict<'_, TaskVerdict>>,
    instance: Option<Verdict<'_, InstanceVerdict>>,
    unit: Option<Verdict<'_, UnitVerdict>>,
) -> Option<Problem> {
    let tried_again = match task.map(|it| it.word) {
        Some(TaskVerdict::Retry | TaskVerdict::RetryElsewhere | TaskVerdict::Snooze) => true,
        Some(TaskVerdict::DeadLetter | TaskVerdict::Discard | TaskVerdict::Succeed) => false,
        // The tasks of a pool may be, whatever becomes of the worker.
        None => matches!(owner, Owner::Pool(_)),
    };
    if tried_again {
        return None;
    }
    let stays_down = instance.filter(|it| it.word == InstanceVerdict::Stop).map(|it| it.value);
    let ends = |word| matches!(word, UnitVerdict::Fail | UnitVerdict::ShutDown);
    let verdict = stays_down.or(unit.filter(|it| ends(it.word)).map(|it| it.value))?;
    let word = verdict.toml.as_str().unwrap_or_default();
    let message = format!(
        "`{}` has no use beside {} = \"{word}\": nothing is started again",
        pace.name, verdict.key
    );
    let help = format!("remove `{}`, or choose another `{}`", pace.name, verdict.key);
    let problem = Problem::new(pace.key, message, help).label("never waited for");
    Some(problem.also(verdict.span, "stays down"))
}

/// A rule that only says when has no use in a service that is never restarted.
pub(crate) fn warn_idle(
    reader: &mut Reader<'_>,
    drafts: &[Draft],
    (when, at): (Option<RestartWhen>, Option<Span>),
) {
    let (Some(RestartWhen::Never), Some(at)) = (when, at) else {
        return;
    };
    for draft in drafts {
        if let (Some(pace), None, None) = (draft.pace, draft.rule.instance, draft.rule.unit) {
            let message = "this rule only says when to start again, but `restart` is \"never\"";
            let help = "add instance = \"keep\" to start it again in this case all the same, or \
                        remove the rule";
            let problem = Problem::new(pace, message, help).label("never waited for");
            reader.warning(problem.also(at, "never restarted"));
        }
    }
}

/// The shape of a value that may also be a list of such values.
fn one_or_many_of(one: &Schema) -> Schema {
    json_schema!({ "anyOf": [
        one,
        { "type": "array", "items": one, "minItems": 1, "maxItems": crate::read::list::LIST_MAX },
    ]})
}

#[cfg(test)]
mod tests;
