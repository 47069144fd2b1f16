//! serde's deserializer for the fields of a message.
//!
//! Architecture invariant: it is driven by our own types, never by the data, so its depth is the depth of those
//! types. An opaque value is taken over as its bytes and never walked.

use std::fmt::Display;

use serde::de::{
    self, DeserializeSeed, EnumAccess, IntoDeserializer, MapAccess, SeqAccess, VariantAccess,
    Visitor,
};
use serde::forward_to_deserialize_any;

use super::lenient::{self, Integer};
use super::read::{Broken, Head, Reader};
use crate::kind::Kind;
use crate::raw::RAW;
use crate::violation::Violation;

/// What is wrong with one field; [`Violation`] once the message is known.
#[derive(Debug)]
pub(crate) enum Fault {
    Missing(&'static str),
    Duplicate(&'static str),
    Invalid { field: String, reason: String },
    Broken(Broken),
}

impl Fault {
    fn invalid(reason: impl Display) -> Self {
        Fault::Invalid { field: String::new(), reason: reason.to_string() }
    }

    fn expected(what: &str, head: Head<'_>) -> Self {
        Fault::invalid(format_args!("{} where {what} is expected", head.describe()))
    }

    /// The same fault, seen from the struct that holds the field.
    fn inside(self, key: &str) -> Self {
        match self {
            Fault::Invalid { field, reason } if field.is_empty() => {
                Fault::Invalid { field: key.to_owned(), reason }
            }
            Fault::Invalid { field, reason } => {
                Fault::Invalid { field: format!("{key}.{field}"), reason }
            }
            Fault::Missing(_) | Fault::Duplicate(_) | Fault::Broken(_) => self,
        }
    }

    pub(crate) fn of(self, kind: Kind) -> Violation {
        match self {
            Fault::Missing(field) => Violation::MissingField { kind, field },
            Fault::Duplicate(field) => Violation::DuplicateField { kind, field },
            Fault::Invalid { field, reason } => Violation::InvalidField { kind, field, reason },
            Fault::Broken(broken) => broken.into(),
        }
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self:?}")
    }
}

impl std::error::Error for Fault {}

impl From<Broken> for Fault {
    fn from(broken: Broken) -> Self {
        Fault::Broken(broken)
    }
}

impl de::Error for Fault {
    fn custom<T: Display>(message: T) -> Self {
        Fault::invalid(message)
    }

    fn missing_field(field: &'static str) -> Self {
        Fault::Missing(field)
    }

    fn duplicate_field(field: &'static str) -> Self {
        Fault::Duplicate(field)
    }
}

/// The next value of a reader.
pub(crate) struct Value<'r, 'de> {
    reader: &'r mut Reader<'de>,
}

impl<'r, 'de> Value<'r, 'de> {
    pub(crate) fn of(reader: &'r mut Reader<'de>) -> Self {
        Value { reader }
    }

    fn string(self) -> Result<&'de str, Fault> {
        let head = self.reader.head()?;
        let Head::Str(bytes) = head else {
            return Err(Fault::expected("a string", head));
        };
        std::str::from_utf8(bytes).map_err(|_| Fault::invalid("a string that is not UTF-8"))
    }

    /// Whether the next value is nil, without reading it.
    fn is_nil(&self) -> bool {
        self.reader.rest().first() == Some(&0xc0)
    }
}

impl<'de> de::Deserializer<'de> for Value<'_, 'de> {
    type Error = Fault;

    /// Our types name what they expect: `any` is asked for by nobody but the shapes no message has.
    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Fault> {
        Err(Fault::invalid("a shape no message has"))
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let head = self.reader.head()?;
        let Head::Bool(value) = head else {
            return Err(Fault::expected("a boolean", head));
        };
        visitor.visit_bool(value)
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let head = self.reader.head()?;
        match lenient::integer(&head) {
            Some(Integer::Unsigned(value)) => visitor.visit_u64(value),
            Some(Integer::Negative(value)) => visitor.visit_i64(value),
            None => Err(Fault::expected("an integer", head)),
        }
    }

    fn deserialize_u8<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_u64(visitor)
    }

    fn deserialize_u16<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_u64(visitor)
    }

    fn deserialize_u32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_u64(visitor)
    }

    fn deserialize_i64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_u64(visitor)
    }

    /// Integers too: JavaScript has no way to write 3.0 other than 3. No NaN and no infinity, which no arithmetic
    /// on the supervisor's side survives.
    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.reader.head()? {
            Head::Float(value) if value.is_finite() => visitor.visit_f64(value),
            Head::Unsigned(value) => visitor.visit_u64(value),
            Head::Negative(value) => visitor.visit_i64(value),
            head @ (Head::Nil
            | Head::Bool(_)
            | Head::Float(_)
            | Head::Str(_)
            | Head::Bin(_)
            | Head::Ext(..)
            | Head::Array(_)
            | Head::Map(_)) => Err(Fault::expected("a finite number", head)),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_borrowed_str(self.string()?)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_str(visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_str(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let head = self.reader.head()?;
        match lenient::bytes(&head) {
            Some(bytes) => visitor.visit_borrowed_bytes(bytes),
            None => Err(Fault::expected("binary", head)),
        }
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        if self.is_nil() {
            self.reader.head()?;
            visitor.visit_none()
        } else {
            visitor.visit_some(self)
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        if name == RAW {
            visitor.visit_borrowed_bytes(self.reader.value()?)
        } else {
            visitor.visit_newtype_struct(self)
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let head = self.reader.head()?;
        let Head::Array(left) = head else {
            return Err(Fault::expected("an array", head));
        };
        visitor.visit_seq(Elements { reader: self.reader, left })
    }

    /// Exactly as long as the tuple: serde's own tuple visitor ignores what is left over.
    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let head = self.reader.head()?;
        if let Head::Array(left) = head
            && usize::try_from(left) == Ok(length)
        {
            return visitor.visit_seq(Elements { reader: self.reader, left });
        }
        Err(Fault::expected(&format!("an array of {length}"), head))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let head = self.reader.head()?;
        match lenient::pairs(&head) {
            Some(left) => visitor.visit_map(Pairs { reader: self.reader, left, key: "" }),
            None => Err(Fault::expected("a map", head)),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_enum(UnitVariant(self.string()?))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.reader.value()?;
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i128 u128 f32 char unit unit_struct tuple_struct map
    }
}

struct Elements<'r, 'de> {
    reader: &'r mut Reader<'de>,
    left: u32,
}

impl<'de> SeqAccess<'de> for Elements<'_, 'de> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Fault> {
        let Some(left) = self.left.checked_sub(1) else {
            return Ok(None);
        };
        self.left = left;
        seed.deserialize(Value::of(self.reader)).map(Some)
    }

    // No size_hint: a Vec grows by what really comes, never by a claim.
}

struct Pairs<'r, 'de> {
    reader: &'r mut Reader<'de>,
    left: u32,
    /// The key last read, to name the field in an error about its value.
    key: &'de str,
}

impl<'de> MapAccess<'de> for Pairs<'_, 'de> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Fault> {
        let Some(left) = self.left.checked_sub(1) else {
            return Ok(None);
        };
        self.left = left;
        self.key = Value::of(self.reader).string().map_err(|fault| fault.inside("(key)"))?;
        seed.deserialize(de::value::BorrowedStrDeserializer::new(self.key)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        seed.deserialize(Value::of(self.reader)).map_err(|fault| fault.inside(self.key))
    }
}

/// The variants of our enums are words; an index is refused.
struct UnitVariant<'de>(&'de str);

impl<'de> EnumAccess<'de> for UnitVariant<'de> {
    type Error = Fault;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Fault> {
        let variant: de::value::StrDeserializer<'_, Fault> = self.0.into_deserializer();
        Ok((seed.deserialize(variant)?, self))
    }
}

impl<'de> VariantAccess<'de> for UnitVariant<'de> {
    type Error = Fault;

    fn unit_variant(self) -> Result<(), Fault> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, _seed: T) -> Result<T::Value, Fault> {
        Err(Fault::invalid("a word where a variant with content is expected"))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _len: usize, _visitor: V) -> Result<V::Value, Fault> {
        Err(Fault::invalid("a word where a variant with content is expected"))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _fields: &'static [&'static str],
        _visitor: V,
    ) -> Result<V::Value, Fault> {
        Err(Fault::invalid("a word where a variant with content is expected"))
    }
}
