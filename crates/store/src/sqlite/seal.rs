//! The checksum on every row.
//!
//! SQLite notices some damage to its pages, not all: one bit of a value may change and nobody sees it.
//! So each row carries a CRC-32 of the table, the key and the fields; a row in the wrong place, or
//! with another's key, does not fit either.

use super::codec::{Reader, Writer};
use super::rows::Row;
use super::table::Table;

const LENGTH: usize = 4;

fn checksum(table: Table, key: &[u8], fields: &[u8]) -> [u8; LENGTH] {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(table.name().as_bytes());
    hasher.update(key);
    hasher.update(fields);
    hasher.finalize().to_le_bytes()
}

/// The bytes of a row: its fields, and the seal behind them.
pub(super) fn seal(table: Table, key: &[u8], row: &impl Row) -> Vec<u8> {
    let mut to = Writer::with_capacity(256);
    row.write(&mut to);
    let mut bytes = to.into_bytes();
    let seal = checksum(table, key, &bytes);
    bytes.extend_from_slice(&seal);
    bytes
}

/// What stands in a row, if its seal is whole and it holds just that.
pub(super) fn open<T: Row>(table: Table, key: &[u8], bytes: &[u8]) -> Option<T> {
    let (fields, seal) = bytes.split_at_checked(bytes.len().checked_sub(LENGTH)?)?;
    if checksum(table, key, fields) != seal {
        return None;
    }
    let mut from = Reader::new(fields);
    let row = T::read(&mut from)?;
    from.end()?;
    Some(row)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    #[test]
    fn no_changed_bit_goes_unseen() {
        let (key, row) = (b"key", Bytes::from_static(b"some fields"));
        let sealed = seal(Table::Checkpoint, key, &row);
        assert_eq!(open(Table::Checkpoint, key, &sealed), Some(row));
        for bit in 0..sealed.len() * 8 {
            let mut changed = sealed.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(open::<Bytes>(Table::Checkpoint, key, &changed), None, "bit {bit}");
        }
        for length in 0..sealed.len() {
            assert_eq!(open::<Bytes>(Table::Checkpoint, key, &sealed[..length]), None);
        }
    }

    #[test]
    fn a_row_in_another_place_does_not_fit() {
        let sealed = seal(Table::Checkpoint, b"one", &Bytes::from_static(b"x"));
        assert_eq!(open::<Bytes>(Table::Checkpoint, b"two", &sealed), None);
        assert_eq!(open::<Bytes>(Table::Input, b"one", &sealed), None);
    }
}
