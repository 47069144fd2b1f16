//! Bytes of a row: fields one behind the other, each of a known shape.
//!
//! Numbers are little-endian; what has a length carries it in front, as a `u32`; what may be absent has
//! a byte 0 or 1 in front. Which fields a row has, and in which order, is the schema's matter: it
//! changes only with the schema's version.

use bytes::Bytes;

/// Writes fields.
#[derive(Debug, Default)]
pub(super) struct Writer(Vec<u8>);

impl Writer {
    pub(super) fn with_capacity(capacity: usize) -> Self {
        Self(Vec::with_capacity(capacity))
    }

    pub(super) fn u8(&mut self, value: u8) {
        self.0.push(value);
    }

    pub(super) fn u32(&mut self, value: u32) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    pub(super) fn u64(&mut self, value: u64) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    pub(super) fn u128(&mut self, value: u128) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        // Everything that is kept is bounded far below this (see `limits`).
        self.u32(u32::try_from(bytes.len()).expect("no field is longer than its limit"));
        self.0.extend_from_slice(bytes);
    }

    /// Something that may be absent.
    pub(super) fn option<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        match value {
            None => self.u8(0),
            Some(value) => {
                self.u8(1);
                write(self, value);
            }
        }
    }

    pub(super) fn text(&mut self, text: Option<&str>) {
        self.option(text, |to, text| to.bytes(text.as_bytes()));
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

/// Reads fields. Each is `None` where the bytes do not hold it.
#[derive(Debug)]
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    pub(super) fn u128(&mut self) -> Option<u128> {
        self.array().map(u128::from_le_bytes)
    }

    pub(super) fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.u32()?).ok()?;
        self.take(length)
    }

    pub(super) fn str(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.bytes()?).ok()
    }

    /// Something that may be absent: then `Some(None)`.
    pub(super) fn option<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Option<T>,
    ) -> Option<Option<T>> {
        match self.u8()? {
            0 => Some(None),
            1 => read(self).map(Some),
            _ => None,
        }
    }

    /// A text that may be absent.
    pub(super) fn text<T: From<&'a str>>(&mut self) -> Option<Option<T>> {
        self.option(|from| from.str().map(T::from))
    }

    /// Bytes that may be absent.
    pub(super) fn blob(&mut self) -> Option<Option<Bytes>> {
        self.option(|from| from.bytes().map(Bytes::copy_from_slice))
    }

    /// Whether nothing is left; something that is left was not written by us.
    pub(super) fn end(&self) -> Option<()> {
        self.0.is_empty().then_some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_was_written_is_read(number: u64, id: u128, text: Option<String>, blob: Vec<u8>) {
            let mut to = Writer::default();
            to.u64(number);
            to.text(text.as_deref());
            to.u128(id);
            to.bytes(&blob);
            let bytes = to.into_bytes();
            let mut from = Reader::new(&bytes);
            prop_assert_eq!(from.u64(), Some(number));
            prop_assert_eq!(from.text::<String>(), Some(text));
            prop_assert_eq!(from.u128(), Some(id));
            prop_assert_eq!(from.bytes(), Some(&blob[..]));
            prop_assert_eq!(from.end(), Some(()));
        }

        #[test]
        fn bytes_that_claim_more_than_there_is_are_not_read(claim in 1_u32.., rest: Vec<u8>) {
            prop_assume!(rest.len() < claim as usize);
            let mut bytes = claim.to_le_bytes().to_vec();
            bytes.extend(rest);
            prop_assert_eq!(Reader::new(&bytes).bytes(), None);
        }
    }
}
