//! A value that is passed on untouched.

use std::fmt;

use bytes::{Bytes, BytesMut};
use serde::de::{self, DeserializeOwned, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

use crate::frame::{EncodeError, MAX_DEPTH};
use crate::json::{parse, render};
use crate::msgpack::read::Reader;
use crate::msgpack::{lenient, scan, write};
use crate::violation::Violation;

/// The newtype name by which our serializer and deserializer know that bytes are MessagePack already.
pub(crate) const RAW: &str = "$hearken::Raw";

/// The deepest opaque value: it stands at level 3 of a frame at least.
const RAW_DEPTH: usize = MAX_DEPTH - 2;

/// What a log line shows of an opaque value, in bytes of JSON, unless told otherwise.
const DEFAULT_JSON: usize = 1024;

/// Exactly one MessagePack value, opaque to hearken: a payload, a result, the fields of a log message.
///
/// It is well-formed and at most 30 levels deep, but otherwise untouched: extensions, NaN, strings that
/// are not UTF-8 and duplicate keys go through as they came. Cloning is cheap. `Display` shows bounded JSON.
///
/// In serde formats other than the line's own it appears as bytes.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Raw(Bytes);

/// Why there is no [`Raw`] or nothing in it of the wanted type.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RawError {
    /// The bytes are not exactly one MessagePack value, or too deep.
    #[error("not a value that can be sent: {0}")]
    NotAValue(#[from] Violation),
    /// A Rust value that MessagePack cannot carry.
    #[error("cannot be written as MessagePack: {0}")]
    Encode(#[from] rmp_serde::encode::Error),
    /// The value has another type.
    #[error("the value has another type: {0}")]
    Decode(#[from] rmp_serde::decode::Error),
}

impl Raw {
    /// Takes over bytes that are already MessagePack.
    ///
    /// # Errors
    ///
    /// [`Violation`] if they are not exactly one value of at most 30 levels.
    pub fn from_msgpack(bytes: impl Into<Bytes>) -> Result<Raw, Violation> {
        let bytes = bytes.into();
        scan::one_value(&bytes, RAW_DEPTH)?;
        Ok(Raw(bytes))
    }

    /// Reads one JSON value. Keys keep their order, and stand as often as they stood.
    ///
    /// # Errors
    ///
    /// [`Violation::NotJson`] if it is no JSON, [`Violation::TooDeep`] if it has more than 30 levels.
    pub fn from_json(text: &[u8]) -> Result<Raw, Violation> {
        Ok(Raw(parse::value(text, MAX_DEPTH - RAW_DEPTH)?.freeze()))
    }

    /// Writes any serializable value, structs as named maps.
    ///
    /// # Errors
    ///
    /// [`RawError`] if MessagePack cannot carry it or it is too deep.
    pub fn from_value<T: Serialize + ?Sized>(value: &T) -> Result<Raw, RawError> {
        Ok(Raw::from_msgpack(rmp_serde::to_vec_named(value)?)?)
    }

    /// Nil.
    #[must_use]
    pub fn nil() -> Raw {
        Raw(Bytes::from_static(&[0xc0]))
    }

    /// A map without entries.
    #[must_use]
    pub fn empty_map() -> Raw {
        Raw(Bytes::from_static(&[0x80]))
    }

    /// A value of type `bin`.
    #[must_use]
    pub fn binary(bytes: &[u8]) -> Raw {
        let mut out = BytesMut::with_capacity(bytes.len() + 5);
        write::binary(&mut out, bytes);
        Raw(out.freeze())
    }

    /// A value of type `str`.
    #[must_use]
    pub fn string(text: &str) -> Raw {
        let mut out = BytesMut::with_capacity(text.len() + 5);
        write::string(&mut out, text);
        Raw(out.freeze())
    }

    /// The value as MessagePack, byte for byte as it came.
    #[must_use]
    pub fn as_msgpack(&self) -> &[u8] {
        &self.0
    }

    /// The value as MessagePack, shared.
    #[must_use]
    pub fn into_msgpack(self) -> Bytes {
        self.0
    }

    /// The content of a `str` or `bin`, which may not be UTF-8; nothing if it is another type.
    #[must_use]
    pub fn content(&self) -> Option<&[u8]> {
        lenient::bytes(&Reader::new(&self.0).head().ok()?)
    }

    /// Whether it is a map.
    #[must_use]
    pub fn is_map(&self) -> bool {
        // An empty array in the place of a map was made a map when it was read.
        matches!(self.0.first(), Some(0x80..=0x8f | 0xde | 0xdf))
    }

    /// Reads it as a type of one's own.
    ///
    /// # Errors
    ///
    /// [`RawError::Decode`] if it is something else.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, RawError> {
        Ok(rmp_serde::from_slice(&self.0)?)
    }

    /// The same value as JSON, on one line and nothing lost. At most six times as long.
    ///
    /// # Errors
    ///
    /// [`EncodeError::NotJson`] if it holds what JSON cannot say: NaN, extensions, bytes that are not UTF-8, keys
    /// that are no strings.
    pub fn to_exact_json(&self) -> Result<String, EncodeError> {
        render::exact(&self.0)
    }

    /// Valid JSON of about `limit` bytes at most (512 more for closing what is open). What does not fit is cut and
    /// marked with [`crate::CUT_MARK`]; what JSON cannot say (NaN, extensions, binary) is shown as near as it goes.
    #[must_use]
    pub fn to_json(&self, limit: usize) -> String {
        render::lossy(&self.0, limit)
    }
}

impl fmt::Display for Raw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_json(DEFAULT_JSON))
    }
}

impl fmt::Debug for Raw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Raw({self})")
    }
}

impl Serialize for Raw {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(RAW, serde_bytes::Bytes::new(&self.0))
    }
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(RAW, RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("one MessagePack value")
    }

    fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Raw, E> {
        Raw::from_msgpack(Bytes::copy_from_slice(bytes)).map_err(E::custom)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Raw, D::Error> {
        deserializer.deserialize_bytes(self)
    }
}

/// serde's `with` functions for opaque values that must be maps.
pub(crate) mod map {
    use super::{Deserialize, Deserializer, Raw, Reader, de, lenient};

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Raw, D::Error> {
        let value = Raw::deserialize(deserializer)?;
        let head =
            Reader::new(value.as_msgpack()).head().map_err(|_| de::Error::custom("no value"))?;
        match lenient::pairs(&head) {
            Some(0) => Ok(Raw::empty_map()),
            Some(_) => Ok(value),
            None => {
                Err(de::Error::custom(format_args!("{} where a map is expected", head.describe())))
            }
        }
    }
}

/// The same for those that may be left out.
pub(crate) mod optional_map {
    use super::{Deserialize, Deserializer, Raw, map};

    #[derive(Deserialize)]
    struct Map(#[serde(deserialize_with = "map::deserialize")] Raw);

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Raw>, D::Error> {
        Ok(Option::<Map>::deserialize(deserializer)?.map(|Map(value)| value))
    }
}
