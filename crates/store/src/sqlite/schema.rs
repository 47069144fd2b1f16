//! The schema, and how an older one becomes the present one.

use super::failure::Failure;
use super::meta::Meta;
use super::table::Tables;
use rusqlite::Connection;

/// Marks the file as ours, for `file(1)` and against mistakes: "hkn" and 1.
pub(super) const APPLICATION_ID: i64 = 0x686b_6e01;

/// What brings a database of version n (its place) to version n + 1.
const STEPS: [&str; 1] =
    ["CREATE TABLE task (id BLOB PRIMARY KEY, record BLOB NOT NULL) WITHOUT ROWID;
     CREATE TABLE input (id BLOB PRIMARY KEY, record BLOB NOT NULL) WITHOUT ROWID;
     CREATE TABLE attempt (id BLOB PRIMARY KEY, record BLOB NOT NULL) WITHOUT ROWID;
     CREATE TABLE checkpoint (id BLOB PRIMARY KEY, record BLOB NOT NULL) WITHOUT ROWID;
     CREATE TABLE batch (id BLOB PRIMARY KEY, record BLOB NOT NULL) WITHOUT ROWID;
     CREATE TABLE batch_task (id BLOB PRIMARY KEY, record BLOB NOT NULL) WITHOUT ROWID;
     CREATE TABLE unique_key (id BLOB PRIMARY KEY, record BLOB NOT NULL) WITHOUT ROWID;
     CREATE TABLE meta (id BLOB PRIMARY KEY, record BLOB NOT NULL) WITHOUT ROWID;"];

/// The version this hearken writes.
pub(super) const VERSION: i64 = 1;

// Each version is reached by the step at its place.
const _: () = assert!(STEPS.len() == 1);

/// What a file says it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    /// A database in which nothing was ever written.
    Empty,
    /// A store of this version.
    Store(i64),
    /// Somebody else's database.
    Foreign,
}

/// Asks a file what it is.
pub(super) fn version(connection: &Connection) -> Result<Version, Failure> {
    let number = |pragma| connection.query_row(pragma, [], |row| row.get::<_, i64>(0));
    let application = number("PRAGMA application_id")?;
    let version = number("PRAGMA user_version")?;
    let tables = number("SELECT count(*) FROM sqlite_schema")?;
    Ok(match (application, version, tables) {
        (0, 0, 0) => Version::Empty,
        (APPLICATION_ID, version, _) => Version::Store(version),
        (_, _, _) => Version::Foreign,
    })
}

/// Brings a database of this version to the present one, in one transaction.
pub(super) fn migrate(tables: &Tables, from: i64) -> Result<(), Failure> {
    if from == VERSION {
        return Ok(());
    }
    let transaction = tables.0.unchecked_transaction()?;
    for step in STEPS.iter().skip(usize::try_from(from).unwrap_or_default()) {
        transaction.execute_batch(step)?;
    }
    if from == 0 {
        Meta::default().create(tables)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    Ok(transaction.commit()?)
}

/// Checks that the schema in the file is word for word the one that was written.
pub(super) fn check(connection: &Connection) -> Result<(), Failure> {
    let ours = Connection::open_in_memory()?;
    for step in STEPS {
        ours.execute_batch(step)?;
    }
    if statements(&ours)? == statements(connection)? {
        Ok(())
    } else {
        Err(Failure::Damaged("its schema is not what was written".to_owned()))
    }
}

fn statements(connection: &Connection) -> Result<Vec<(String, Option<String>)>, Failure> {
    let mut statement = connection.prepare("SELECT name, sql FROM sqlite_schema ORDER BY name")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}
