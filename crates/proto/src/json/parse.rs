//! A line of JSON, made into the body of a frame.

use std::fmt;

use bytes::{BufMut, BytesMut};
use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::{ERROR_KIND, KIND};
use crate::frame::{FIRST_BYTE, MAX_DEPTH};
use crate::kind::Kind;
use crate::msgpack::write;
use crate::second_look::EXCERPT_LENGTH;
use crate::violation::Violation;

/// The body `[kind, fields]` of `{"kind": …, …fields}`.
pub(super) fn body(line: &[u8]) -> Result<BytesMut, Violation> {
    let mut found = Found::default();
    let mut json = serde_json::Deserializer::from_slice(line);
    let parsed = Line(&mut found).deserialize(&mut json).and_then(|()| json.end());
    if let Err(error) = parsed {
        // A reason we noticed ourselves says more than the parser's, which only carries it.
        return Err(found
            .violation
            .unwrap_or_else(|| Violation::NotJson { reason: error.to_string() }));
    }
    let kind = found.kind.ok_or_else(|| Violation::NotJson { reason: "no \"kind\"".to_owned() })?;
    let mut body = BytesMut::with_capacity(found.fields.len() + 8);
    body.put_u8(FIRST_BYTE);
    write::unsigned(&mut body, kind.number().into());
    write::map_head(&mut body, found.count);
    body.put_slice(&found.fields);
    Ok(body)
}

/// One JSON value as MessagePack; `depth` is how many containers it will stand in.
pub(crate) fn value(text: &[u8], depth: usize) -> Result<BytesMut, Violation> {
    let mut found = Found::default();
    let mut json = serde_json::Deserializer::from_slice(text);
    let parsed =
        Value { found: &mut found, depth }.deserialize(&mut json).and_then(|()| json.end());
    match (parsed, found.violation) {
        (Ok(()), _) => Ok(found.fields),
        (Err(_), Some(violation)) => Err(violation),
        (Err(error), None) => Err(Violation::NotJson { reason: error.to_string() }),
    }
}

#[derive(Default)]
struct Found {
    kind: Option<Kind>,
    fields: BytesMut,
    count: usize,
    violation: Option<Violation>,
}

impl Found {
    fn refuse<E: de::Error>(&mut self, violation: Violation) -> E {
        let error = E::custom(&violation);
        self.violation = Some(violation);
        error
    }
}

/// The object that is the line itself.
struct Line<'f>(&'f mut Found);

impl<'de> DeserializeSeed<'de> for Line<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Line<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            if key == KIND {
                let name: String = map.next_value()?;
                let Some(kind) = Kind::from_name(&name) else {
                    let name = name.chars().take(EXCERPT_LENGTH).collect();
                    return Err(self.0.refuse(Violation::UnknownKindName { name }));
                };
                if self.0.kind.replace(kind).is_some() {
                    return Err(self.0.refuse(Violation::DuplicateField { kind, field: KIND }));
                }
            } else {
                // In the fields of any message but an error `kind` is unknown, and ignored like `error_kind`.
                let key = if key == ERROR_KIND { KIND } else { &key };
                write::string(&mut self.0.fields, key);
                self.0.count += 1;
                // The line's object stands where the fields of a frame stand, at level 2.
                map.next_value_seed(Value { found: self.0, depth: 2 })?;
            }
        }
        Ok(())
    }
}

/// Any value inside the line, appended as MessagePack.
struct Value<'f> {
    found: &'f mut Found,
    /// How many containers it stands in.
    depth: usize,
}

impl Value<'_> {
    fn inside<E: de::Error>(&mut self) -> Result<usize, E> {
        if self.depth >= MAX_DEPTH {
            return Err(self.found.refuse(Violation::TooDeep));
        }
        Ok(self.depth + 1)
    }
}

impl<'de> DeserializeSeed<'de> for Value<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        write::nil(&mut self.found.fields);
        Ok(())
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        write::boolean(&mut self.found.fields, value);
        Ok(())
    }

    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        write::unsigned(&mut self.found.fields, value);
        Ok(())
    }

    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        write::signed(&mut self.found.fields, value);
        Ok(())
    }

    fn visit_f64<E>(self, value: f64) -> Result<(), E> {
        write::float(&mut self.found.fields, value);
        Ok(())
    }

    fn visit_str<E>(self, value: &str) -> Result<(), E> {
        write::string(&mut self.found.fields, value);
        Ok(())
    }

    // The head of a container says how much it holds, which is known only after it: so the elements are
    // written aside and put behind their head. Each byte moves once for each level it stands in.
    fn visit_seq<A: SeqAccess<'de>>(mut self, mut elements: A) -> Result<(), A::Error> {
        let depth = self.inside()?;
        let start = self.found.fields.len();
        let mut count = 0;
        while let Some(()) = elements.next_element_seed(Value { found: self.found, depth })? {
            count += 1;
        }
        let content = self.found.fields.split_off(start);
        write::array_head(&mut self.found.fields, count);
        self.found.fields.put_slice(&content);
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        let depth = self.inside()?;
        let start = self.found.fields.len();
        let mut count = 0;
        while let Some(key) = map.next_key::<String>()? {
            write::string(&mut self.found.fields, &key);
            map.next_value_seed(Value { found: self.found, depth })?;
            count += 1;
        }
        let content = self.found.fields.split_off(start);
        write::map_head(&mut self.found.fields, count);
        self.found.fields.put_slice(&content);
        Ok(())
    }
}
