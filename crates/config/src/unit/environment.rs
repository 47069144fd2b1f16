//! `environment`: what a child finds in its environment.

use crate::diagnostic::Problem;
use crate::read::table::entries;
use crate::read::text::{For, expanded};
use crate::read::{Reader, Value};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Names that only hearken sets.
const RESERVED: &str = "HEARKEN_";

/// The shape of an environment in the schema.
pub(crate) struct EnvironmentShape;

impl JsonSchema for EnvironmentShape {
    fn schema_name() -> Cow<'static, str> {
        "Environment".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "propertyNames": { "pattern": "^(?!HEARKEN_)[A-Za-z_][A-Za-z0-9_]*$" },
            "additionalProperties": { "type": "string" },
            "default": {},
            "examples": [{ "APP_ENV": "prod", "PASSWORD": "${DB_PASSWORD:?see the wiki}" }],
        })
    }
}

pub(crate) fn read(reader: &mut Reader<'_>, value: Value<'_>) -> Option<BTreeMap<String, String>> {
    let Some(table) = value.toml.as_table() else {
        let help = "write environment = { NAME = \"value\" }";
        reader.error(value.wrong_type("a table", help));
        return None;
    };
    let mut environment = BTreeMap::new();
    let mut fine = true;
    for entry in entries(table) {
        // What it holds may be a secret, and problems show the lines they are in. A value with a
        // variable keeps its secret elsewhere, and has to be seen to be corrected.
        if entry.toml.as_str().is_some_and(|text| !text.contains("${")) {
            reader.secret(entry.span);
        }
        let named = check_name(entry);
        let named = reader.keep(named).is_some();
        match expanded(reader, entry, For::Program) {
            Some(text) if named => {
                environment.insert(entry.key.to_owned(), text);
            }
            Some(_) | None => fine = false,
        }
    }
    fine.then_some(environment)
}

fn check_name(entry: Value<'_>) -> Result<(), Problem> {
    let name = entry.key;
    if name.starts_with(RESERVED) {
        let message = format!("{} is set by hearken itself", entry.name());
        let help = format!("choose a name that does not start with {RESERVED}");
        return Err(Problem::new(entry.key_span, message, help));
    }
    let start = |c: char| c.is_ascii_alphabetic() || c == '_';
    let rest = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.starts_with(start) && name.chars().all(rest) {
        return Ok(());
    }
    let message = format!("{} is no name for an environment variable", entry.name());
    let help = "a name is made of A-Z, a-z, 0-9 and '_', and does not start with a digit";
    Err(Problem::new(entry.key_span, message, help))
}

#[cfg(test)]
mod tests {
    use crate::testing::{refuses_service, service};

    #[test]
    fn good_environments() {
        let service = service(
            "environment = { APP_ENV = \"prod\", _x1 = \"\", DB = \"${HOST}:${PORT:-5432}\" }",
        );
        let pairs: Vec<(&str, &str)> = service
            .environment
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        assert_eq!(pairs, [("APP_ENV", "prod"), ("DB", "db1:5432"), ("_x1", "")]);
    }

    #[test]
    fn a_problem_is_shown_without_the_values_beside_it() {
        let text = "[service.web]\ncommand = [\"x\"]\nenvironment = { KEY = \"hunter2\", \"A=B\" = \"hunter2\" }";
        let shown: String =
            crate::testing::problems(text).iter().map(|it| it.render(false)).collect();
        assert!(shown.contains("KEY = *********") && !shown.contains("hunter2"), "{shown}");
    }

    #[test]
    fn no_value_is_shown_by_accident() {
        let service = service("environment = { PASSWORD = \"hunter2\" }");
        let shown = format!("{service:?}");
        assert!(shown.contains("PASSWORD") && !shown.contains("hunter2"), "{shown}");
    }

    #[test]
    fn bad_environments() {
        let table = [
            (
                "environment = \"A=1\"",
                ["3:15", "\"A=1\"", "a table, not a string", "{ NAME = \"value\" }"],
            ),
            (
                "environment = { \"A B\" = \"\" }",
                ["3:17", "\"A B\"", "`A B` is no name", "A-Z, a-z"],
            ),
            ("environment = { \"\" = \"\" }", ["3:17", "\"\"", "`` is no name", "A-Z, a-z"]),
            (
                "environment = { 1A = \"\" }",
                ["3:17", "1A", "`1A` is no name", "does not start with a digit"],
            ),
            (
                "environment = { \"A=B\" = \"\" }",
                ["3:17", "\"A=B\"", "`A=B` is no name", "A-Z, a-z"],
            ),
            (
                "environment = { HEARKEN_FD = \"3\" }",
                ["3:17", "HEARKEN_FD", "set by hearken itself", "HEARKEN_"],
            ),
            (
                "environment = { HEARKEN_X = \"3\" }",
                ["3:17", "HEARKEN_X", "set by hearken itself", "HEARKEN_"],
            ),
            ("environment = { PORT = 80 }", ["3:24", "80", "`PORT` must be a string", "\"80\""]),
            ("environment = { DEBUG = true }", ["3:25", "true", "not a boolean", "\"true\""]),
            (
                "environment.A.B = \"x\"",
                ["3:13", "A", "`A` must be a string, not a table", "\"…\""],
            ),
            (
                "environment = { A = \"a\\u0000\" }",
                ["3:21", "*********", "holds a NUL", "remove it"],
            ),
            (
                "environment = { A = \"${NOPE}\" }",
                ["3:22", "${NOPE}", "NOPE is not set", "${NOPE:-…}"],
            ),
            (
                "environment = { A = \"${HEARKEN_UNIT}\" }",
                ["3:22", "${HEARKEN_UNIT}", "is not set", "in each process"],
            ),
        ];
        for (lines, expected) in table {
            refuses_service(lines, expected);
        }
    }
}
