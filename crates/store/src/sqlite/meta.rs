//! What is true of the whole store, in one row: it is written with every commit.

use super::codec::{Reader, Writer};
use super::failure::Failure;
use super::rows::{self, Row};
use super::table::{Table, Tables};
use crate::tally::Tally;

/// The key of the one row.
const KEY: &[u8] = b"store";

/// How many rows there are of each of [`Table::COUNTED`].
pub(super) type RowCounts = [i64; Table::COUNTED.len()];

/// What is true of the whole.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Meta {
    /// How often the store was opened.
    pub(super) epoch: u64,
    /// How many commits there were.
    pub(super) commits: u64,
    /// How many rows there are.
    pub(super) rows: RowCounts,
    /// How many tasks of each pool are in each state.
    pub(super) tally: Tally,
}

impl Meta {
    pub(super) fn load(tables: &Tables) -> Result<Self, Failure> {
        tables.expect(Table::Meta, KEY)
    }

    pub(super) fn create(&self, tables: &Tables) -> Result<(), Failure> {
        tables.insert(Table::Meta, KEY, self)
    }

    pub(super) fn save(&self, tables: &Tables) -> Result<(), Failure> {
        tables.update(Table::Meta, KEY, self)
    }
}

impl Row for Meta {
    fn write(&self, to: &mut Writer) {
        to.u64(self.epoch);
        to.u64(self.commits);
        for rows in self.rows {
            to.u64(u64::try_from(rows).unwrap_or_default());
        }
        for (pool, state, tasks) in self.tally.iter() {
            to.bytes(pool.as_bytes());
            rows::put_state(to, state);
            to.u64(u64::try_from(tasks).unwrap_or_default());
        }
    }

    fn read(from: &mut Reader<'_>) -> Option<Self> {
        let (epoch, commits) = (from.u64()?, from.u64()?);
        let mut counts = RowCounts::default();
        for rows in &mut counts {
            *rows = i64::try_from(from.u64()?).ok()?;
        }
        let mut tally = Tally::default();
        while from.end().is_none() {
            let pool = from.str()?.into();
            let state = rows::state(from)?;
            tally.add(&pool, state, i64::try_from(from.u64()?).ok()?);
        }
        Some(Self { epoch, commits, rows: counts, tally })
    }
}
