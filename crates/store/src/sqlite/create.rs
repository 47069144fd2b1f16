//! Making a store where there is none.

use super::failure::Failure;
use super::schema;
use super::table::Tables;
use rusqlite::Connection;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// What SQLite puts behind the name of a database for the files beside it.
const BESIDE: [&str; 4] = ["", "-journal", "-wal", "-shm"];

/// Makes an empty store of this name, and answers its schema.
///
/// It is made under another name, brought to disk, and only then given its own: whenever the power goes,
/// there is a whole store afterwards, or none.
pub(super) fn create(folder: &Path, name: &str) -> Result<i64, Failure> {
    let unfinished = format!("{name}.new");
    // A log that was left behind would be taken for that of the new one.
    for beside in BESIDE {
        for name in [&unfinished, name] {
            let path = folder.join(format!("{name}{beside}"));
            missing_is_fine(fs::remove_file(&path)).map_err(|error| Failure::Write(path, error))?;
        }
    }
    let path = folder.join(&unfinished);
    let fails = |error| Failure::Write(path.clone(), error);
    // SQLite would make it readable for all.
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).map_err(fails)?;
    let tables = Tables(Connection::open(&path)?);
    schema::migrate(&tables, 0)?;
    use_write_ahead_log(&tables.0)?;
    tables.0.close().map_err(|(_, error)| error)?;
    let to_disk = |path: &Path| {
        let synced = File::open(path).and_then(|file| file.sync_all());
        synced.map_err(|error| Failure::Sync(path.to_owned(), error))
    };
    to_disk(&path)?;
    fs::rename(&path, folder.join(name)).map_err(fails)?;
    to_disk(folder)?;
    Ok(schema::VERSION)
}

/// Has commits go to a log beside the database: one fsync each, and readers beside the writer.
pub(super) fn use_write_ahead_log(connection: &Connection) -> Result<(), Failure> {
    let mode: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    if mode == "wal" {
        return Ok(());
    }
    Err(Failure::Unusable(format!(
        "its file system does not allow a write-ahead log (SQLite stays in mode {mode}); choose a state_directory on a local disk"
    )))
}

fn missing_is_fine(done: io::Result<()>) -> io::Result<()> {
    match done {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
