//! Writes MessagePack in its shortest form. Writing to memory cannot fail, so nothing here returns an error.

use bytes::{BufMut, BytesMut};

pub(crate) fn nil(out: &mut BytesMut) {
    out.put_u8(0xc0);
}

pub(crate) fn boolean(out: &mut BytesMut, value: bool) {
    out.put_u8(if value { 0xc3 } else { 0xc2 });
}

#[expect(clippy::cast_possible_truncation, reason = "each arm has checked the range")]
pub(crate) fn unsigned(out: &mut BytesMut, value: u64) {
    match value {
        0..=0x7f => out.put_u8(value as u8),
        0x80..=0xff => {
            out.put_u8(0xcc);
            out.put_u8(value as u8);
        }
        0x100..=0xffff => {
            out.put_u8(0xcd);
            out.put_u16(value as u16);
        }
        0x1_0000..=0xffff_ffff => {
            out.put_u8(0xce);
            out.put_u32(value as u32);
        }
        0x1_0000_0000.. => {
            out.put_u8(0xcf);
            out.put_u64(value);
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "each arm has checked the range")]
pub(crate) fn signed(out: &mut BytesMut, value: i64) {
    if let Ok(value) = u64::try_from(value) {
        return unsigned(out, value);
    }
    if value >= -32 {
        out.put_i8(value as i8);
    } else if value >= i8::MIN.into() {
        out.put_u8(0xd0);
        out.put_i8(value as i8);
    } else if value >= i16::MIN.into() {
        out.put_u8(0xd1);
        out.put_i16(value as i16);
    } else if value >= i32::MIN.into() {
        out.put_u8(0xd2);
        out.put_i32(value as i32);
    } else {
        out.put_u8(0xd3);
        out.put_i64(value);
    }
}

pub(crate) fn float(out: &mut BytesMut, value: f64) {
    out.put_u8(0xcb);
    out.put_f64(value);
}

pub(crate) fn string(out: &mut BytesMut, value: &str) {
    match u8::try_from(value.len()) {
        Ok(length @ 0..=31) => out.put_u8(0xa0 | length),
        Ok(length) => {
            out.put_u8(0xd9);
            out.put_u8(length);
        }
        Err(_) => long_head(out, value.len(), 0xda, 0xdb),
    }
    out.put_slice(value.as_bytes());
}

pub(crate) fn binary(out: &mut BytesMut, value: &[u8]) {
    match u8::try_from(value.len()) {
        Ok(length) => {
            out.put_u8(0xc4);
            out.put_u8(length);
        }
        Err(_) => long_head(out, value.len(), 0xc5, 0xc6),
    }
    out.put_slice(value);
}

pub(crate) fn array_head(out: &mut BytesMut, count: usize) {
    match u8::try_from(count) {
        Ok(count @ 0..=15) => out.put_u8(0x90 | count),
        Ok(_) | Err(_) => long_head(out, count, 0xdc, 0xdd),
    }
}

pub(crate) fn map_head(out: &mut BytesMut, count: usize) {
    match u8::try_from(count) {
        Ok(count @ 0..=15) => out.put_u8(0x80 | count),
        Ok(_) | Err(_) => long_head(out, count, 0xde, 0xdf),
    }
}

/// A length of two or four bytes. More than 4 GiB cannot be written; [`crate::EncodeError::TooLong`] is what the
/// caller says, since such a frame is far over every limit.
fn long_head(out: &mut BytesMut, length: usize, short: u8, long: u8) {
    if let Ok(length) = u16::try_from(length) {
        out.put_u8(short);
        out.put_u16(length);
    } else {
        out.put_u8(long);
        out.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
    }
}
