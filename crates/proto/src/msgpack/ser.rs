//! serde's serializer for the fields of a message: named maps, shortest forms.

use bytes::{BufMut, BytesMut};
use serde::Serialize;
use serde::ser::{self, Impossible, SerializeSeq, SerializeStruct, SerializeTuple};

use super::write;
use crate::frame::EncodeError;
use crate::raw::RAW;

impl ser::Error for EncodeError {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        EncodeError::Unsupported(message.to_string())
    }
}

/// Appends values to a buffer.
pub(crate) struct Writer<'o> {
    out: &'o mut BytesMut,
    /// The next bytes are MessagePack already.
    verbatim: bool,
}

impl<'o> Writer<'o> {
    pub(crate) fn to(out: &'o mut BytesMut) -> Self {
        Writer { out, verbatim: false }
    }
}

fn unsupported<T>(shape: &str) -> Result<T, EncodeError> {
    Err(EncodeError::Unsupported(format!("no message has a {shape}")))
}

impl<'w, 'o> ser::Serializer for &'w mut Writer<'o> {
    type Ok = ();
    type Error = EncodeError;
    type SerializeSeq = Elements<'w, 'o>;
    type SerializeTuple = Elements<'w, 'o>;
    type SerializeTupleStruct = Impossible<(), EncodeError>;
    type SerializeTupleVariant = Impossible<(), EncodeError>;
    type SerializeMap = Impossible<(), EncodeError>;
    type SerializeStruct = Elements<'w, 'o>;
    type SerializeStructVariant = Impossible<(), EncodeError>;

    fn serialize_bool(self, value: bool) -> Result<(), EncodeError> {
        write::boolean(self.out, value);
        Ok(())
    }

    fn serialize_i8(self, value: i8) -> Result<(), EncodeError> {
        self.serialize_i64(value.into())
    }

    fn serialize_i16(self, value: i16) -> Result<(), EncodeError> {
        self.serialize_i64(value.into())
    }

    fn serialize_i32(self, value: i32) -> Result<(), EncodeError> {
        self.serialize_i64(value.into())
    }

    fn serialize_i64(self, value: i64) -> Result<(), EncodeError> {
        write::signed(self.out, value);
        Ok(())
    }

    fn serialize_u8(self, value: u8) -> Result<(), EncodeError> {
        self.serialize_u64(value.into())
    }

    fn serialize_u16(self, value: u16) -> Result<(), EncodeError> {
        self.serialize_u64(value.into())
    }

    fn serialize_u32(self, value: u32) -> Result<(), EncodeError> {
        self.serialize_u64(value.into())
    }

    fn serialize_u64(self, value: u64) -> Result<(), EncodeError> {
        write::unsigned(self.out, value);
        Ok(())
    }

    fn serialize_f32(self, value: f32) -> Result<(), EncodeError> {
        self.serialize_f64(value.into())
    }

    fn serialize_f64(self, value: f64) -> Result<(), EncodeError> {
        if !value.is_finite() {
            return Err(EncodeError::NotFinite);
        }
        write::float(self.out, value);
        Ok(())
    }

    fn serialize_char(self, _value: char) -> Result<(), EncodeError> {
        unsupported("char")
    }

    fn serialize_str(self, value: &str) -> Result<(), EncodeError> {
        write::string(self.out, value);
        Ok(())
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), EncodeError> {
        if self.verbatim {
            self.out.put_slice(value);
        } else {
            write::binary(self.out, value);
        }
        Ok(())
    }

    fn serialize_none(self) -> Result<(), EncodeError> {
        write::nil(self.out);
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), EncodeError> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), EncodeError> {
        unsupported("unit")
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result<(), EncodeError> {
        unsupported("unit struct")
    }

    fn serialize_unit_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
    ) -> Result<(), EncodeError> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<(), EncodeError> {
        self.verbatim = name == RAW;
        let written = value.serialize(&mut *self);
        self.verbatim = false;
        written
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        _variant: &'static str,
        _value: &T,
    ) -> Result<(), EncodeError> {
        unsupported("variant with content")
    }

    fn serialize_seq(self, length: Option<usize>) -> Result<Elements<'w, 'o>, EncodeError> {
        let Some(length) = length else {
            return unsupported("list of unknown length");
        };
        write::array_head(self.out, length);
        Ok(Elements { writer: self })
    }

    fn serialize_tuple(self, length: usize) -> Result<Elements<'w, 'o>, EncodeError> {
        self.serialize_seq(Some(length))
    }

    fn serialize_tuple_struct(
        self,
        _name: &'static str,
        _length: usize,
    ) -> Result<Self::SerializeTupleStruct, EncodeError> {
        unsupported("tuple struct")
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        _variant: &'static str,
        _length: usize,
    ) -> Result<Self::SerializeTupleVariant, EncodeError> {
        unsupported("variant with content")
    }

    fn serialize_map(self, _length: Option<usize>) -> Result<Self::SerializeMap, EncodeError> {
        unsupported("map that is not opaque")
    }

    fn serialize_struct(
        self,
        _name: &'static str,
        length: usize,
    ) -> Result<Elements<'w, 'o>, EncodeError> {
        write::map_head(self.out, length);
        Ok(Elements { writer: self })
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        _variant: &'static str,
        _length: usize,
    ) -> Result<Self::SerializeStructVariant, EncodeError> {
        unsupported("variant with content")
    }
}

/// The elements of a list or the fields of a struct, after their head.
pub(crate) struct Elements<'w, 'o> {
    writer: &'w mut Writer<'o>,
}

impl SerializeSeq for Elements<'_, '_> {
    type Ok = ();
    type Error = EncodeError;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
        value.serialize(&mut *self.writer)
    }

    fn end(self) -> Result<(), EncodeError> {
        Ok(())
    }
}

impl SerializeTuple for Elements<'_, '_> {
    type Ok = ();
    type Error = EncodeError;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
        value.serialize(&mut *self.writer)
    }

    fn end(self) -> Result<(), EncodeError> {
        Ok(())
    }
}

impl SerializeStruct for Elements<'_, '_> {
    type Ok = ();
    type Error = EncodeError;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), EncodeError> {
        write::string(self.writer.out, key);
        value.serialize(&mut *self.writer)
    }

    fn end(self) -> Result<(), EncodeError> {
        Ok(())
    }
}
