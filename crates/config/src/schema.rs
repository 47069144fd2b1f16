//! The JSON schema, for editors. It is made of the shapes that stand beside each knob.

use crate::config::ConfigShape;
use hearken_core::identity::NAME_MAX;
use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use std::borrow::Cow;
use std::marker::PhantomData;

/// The JSON schema (draft 2020-12) of a config, as it stands in `config/hearken.schema.json`.
#[must_use]
pub fn schema() -> String {
    let settings = SchemaSettings::draft2020_12().with_transform(RecursiveTransform(unbroken));
    let schema = settings.into_generator().into_root_schema_for::<ConfigShape>();
    // A schema is a JSON value already.
    let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    text.push('\n');
    text
}

/// Every key of a table may be left out, whatever its type in Rust says; except those that the
/// shape names in `x-required`.
pub(crate) fn optional(schema: &mut Schema) {
    schema.remove("required");
    if let Some(required) = schema.remove("x-required") {
        schema.insert("required".into(), required);
    }
}

/// A description is one line, however the comment it came from was broken.
fn unbroken(schema: &mut Schema) {
    if let Some(serde_json::Value::String(text)) = schema.get_mut("description") {
        *text = text.replace('\n', " ");
    }
}

/// The shape of `[service.*]` and `[group.*]`: tables by name.
pub(crate) struct Named<T>(PhantomData<T>);

impl<T: JsonSchema> JsonSchema for Named<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("{}s", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let one = generator.subschema_for::<T>();
        json_schema!({
            "type": "object",
            "propertyNames": { "pattern": format!("^[a-z0-9][a-z0-9._-]{{0,{}}}$", NAME_MAX - 1) },
            "additionalProperties": one,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::keys::ALL;
    use serde_json::Value;
    use std::collections::{BTreeMap, BTreeSet};
    use std::path::Path;

    const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/hearken.schema.json");

    #[test]
    fn the_schema_in_the_config_folder_is_this_one() {
        if std::env::var_os("HEARKEN_BLESS").is_some() {
            std::fs::write(FILE, schema()).unwrap();
        }
        let there = std::fs::read_to_string(Path::new(FILE)).unwrap_or_default();
        assert!(
            there == schema(),
            "run the tests once with HEARKEN_BLESS=1, then look at git diff"
        );
    }

    /// Every table of the schema, with its keys.
    fn tables(schema: &Value) -> BTreeMap<String, BTreeSet<String>> {
        let root = schema.get("title").and_then(Value::as_str).unwrap().to_owned();
        let definitions = schema["$defs"].as_object().unwrap().iter();
        let all = definitions.map(|(name, shape)| (name.clone(), shape)).chain([(root, schema)]);
        all.filter_map(|(name, shape)| {
            let keys = shape.get("properties")?.as_object()?.keys().cloned().collect();
            Some((name, keys))
        })
        .collect()
    }

    #[test]
    fn reader_and_schema_know_the_same_keys() {
        let schema: Value = serde_json::from_str(&schema()).unwrap();
        let read: BTreeMap<String, BTreeSet<String>> = ALL
            .iter()
            .map(|keys| {
                let known = keys.known.iter().map(|key| (*key).to_owned()).collect();
                (keys.shape.to_owned(), known)
            })
            .collect();
        assert_eq!(tables(&schema), read);
    }

    #[test]
    fn no_key_is_known_and_yet_to_come() {
        for keys in ALL {
            for later in keys.later {
                assert!(!keys.known.contains(later), "{later} in {}", keys.place);
            }
            for (alias, ours) in keys.aliases {
                assert!(keys.known.contains(ours), "{ours} in {}", keys.place);
                assert!(!keys.known.contains(alias), "{alias} in {}", keys.place);
            }
        }
    }
}
