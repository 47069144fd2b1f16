//! SQLite alone: the rows that hearken writes for tasks, in as many transactions.

use crate::drive::{Measured, processor};
use rusqlite::{Connection, params};
use std::path::Path;
use std::time::Instant;

/// About as long as the rows of an empty task.
const RECORD: [u8; 150] = [7; 150];
const INPUT: [u8; 20] = [7; 20];
const ATTEMPT: [u8; 120] = [7; 120];

const SCHEMA: &str = "
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA wal_autocheckpoint = 4096;
    CREATE TABLE task (id BLOB PRIMARY KEY, record BLOB NOT NULL) WITHOUT ROWID;
    CREATE TABLE input (id BLOB PRIMARY KEY, record BLOB NOT NULL) WITHOUT ROWID;
    CREATE TABLE attempt (id BLOB PRIMARY KEY, record BLOB NOT NULL) WITHOUT ROWID;";
const INSERT_TASK: &str = "INSERT INTO task (id, record) VALUES (?1, ?2)";
const INSERT_INPUT: &str = "INSERT INTO input (id, record) VALUES (?1, ?2)";
const INSERT_ATTEMPT: &str = "INSERT INTO attempt (id, record) VALUES (?1, ?2)";
const UPDATE_TASK: &str = "UPDATE task SET record = ?2 WHERE id = ?1";

/// Every task is written when it is submitted, claimed and finished: the same sums of rows and
/// transactions, in groups of one size.
pub(crate) fn measure(folder: &Path, tasks: u64, commits: u64) -> Measured {
    let database = Connection::open(folder.join("rows.db")).expect("a database");
    database.execute_batch(SCHEMA).expect("the schema");
    let write = |sql, id: u64, record: &[u8]| {
        let mut statement = database.prepare_cached(sql).expect("a statement");
        let key = u128::from(id).to_be_bytes();
        statement.execute(params![key, record]).expect("a row");
    };
    let transaction = |ids: std::ops::Range<u64>, each: &dyn Fn(u64)| {
        database.prepare_cached("BEGIN IMMEDIATE").expect("it").execute([]).expect("a transaction");
        ids.for_each(each);
        database.prepare_cached("COMMIT").expect("it").execute([]).expect("a commit");
    };
    let group = (3 * tasks).div_ceil(commits.max(1)).max(1);
    let (began, before) = (Instant::now(), processor());
    let mut made = 0;
    for first in (0..tasks).step_by(usize::try_from(group).expect("a group fits in memory")) {
        let ids = || first..tasks.min(first + group);
        transaction(ids(), &|id| {
            write(INSERT_TASK, id, &RECORD);
            write(INSERT_INPUT, id, &INPUT);
        });
        transaction(ids(), &|id| write(UPDATE_TASK, id, &RECORD));
        transaction(ids(), &|id| {
            write(UPDATE_TASK, id, &RECORD);
            write(INSERT_ATTEMPT, id, &ATTEMPT);
        });
        made += 3;
    }
    Measured {
        count: tasks,
        seconds: began.elapsed().as_secs_f64(),
        processor: processor() - before,
        commits: made,
    }
}

/// How many commits the store in this state directory has made: it counts them in a file of its own.
pub(crate) fn commits(state: &Path) -> u64 {
    let told = std::fs::read(state.join("tasks.commits")).expect("a store");
    u64::from_le_bytes(*told.first_chunk().expect("a number"))
}
