//! Opening: what is refused, what is found, and what it leaves alone.

use crate::subject::{AGAIN, MAX_RESULT, Subject, at, id, task};
use hearken_core::task::TaskState;
use hearken_store::{Command, Durability, Read, SqliteStore, Store, StoreError};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

fn open(folder: &Path) -> Result<SqliteStore, StoreError> {
    SqliteStore::open(folder, Durability::Strict, MAX_RESULT)
}

fn enqueue(store: &mut SqliteStore, numbers: impl Iterator<Item = u64>) {
    let tasks = numbers.map(task).collect();
    store.apply_one(Command::Enqueue { tasks, batch: None }).unwrap();
}

/// Every file of the folder, but for the index of the write-ahead log, which is only memory.
fn contents(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut contents: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.file_type().unwrap().is_file())
        .map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap()))
        .filter(|(name, _)| !name.ends_with("-shm"))
        .collect();
    contents.sort();
    contents
}

#[test]
fn what_a_later_hearken_wrote_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tasks.db");
    enqueue(&mut open(folder.path()).unwrap(), 1..=3);
    // The later one was killed: its last words are still in the write-ahead log.
    let later = rusqlite::Connection::open(&path).unwrap();
    later.pragma_update(None, "user_version", 2).unwrap();
    let copy = tempfile::tempdir().unwrap();
    for (name, bytes) in contents(folder.path()) {
        fs::write(copy.path().join(name), bytes).unwrap();
    }
    let before = contents(copy.path());
    assert!(before.iter().any(|(name, bytes)| name.ends_with("-wal") && !bytes.is_empty()));
    let error = open(copy.path()).unwrap_err();
    let path = copy.path().join("tasks.db");
    assert_eq!(error, StoreError::Newer { path, found: 2, known: 1 });
    let sentence = error.to_string();
    assert!(sentence.contains("schema 2") && sentence.contains("up to 1"), "{sentence}");
    assert!(contents(copy.path()) == before, "a byte was changed");
}

#[test]
fn somebody_elses_file_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tasks.db");
    let foreign = rusqlite::Connection::open(&path).unwrap();
    foreign.execute_batch("CREATE TABLE theirs (a)").unwrap();
    drop(foreign);
    let before = contents(folder.path());
    assert_eq!(open(folder.path()).unwrap_err(), StoreError::Foreign { path: path.clone() });
    assert!(contents(folder.path()) == before);
    fs::write(&path, "this is a letter, not a database").unwrap();
    assert_eq!(open(folder.path()).unwrap_err(), StoreError::Foreign { path });
}

#[test]
fn what_cannot_be_opened_is_named_with_its_errno() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("tasks.db")).unwrap();
    let sentence = open(folder.path()).unwrap_err().to_string();
    let named = sentence.contains("tasks.db") && sentence.contains("os error 21");
    assert!(named, "{sentence}");
    let sentence = open(Path::new("/proc/self")).unwrap_err().to_string();
    assert!(sentence.contains("/proc/self") && sentence.contains("os error"), "{sentence}");
    let sentence = open(Path::new("/proc/nowhere")).unwrap_err().to_string();
    assert!(sentence.contains("/proc/nowhere") && sentence.contains("os error"), "{sentence}");
}

#[test]
fn a_store_that_was_never_finished_is_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("tasks.db.new"), "half of it").unwrap();
    fs::write(folder.path().join("tasks.db-wal"), "somebody's").unwrap();
    enqueue(&mut open(folder.path()).unwrap(), 1..=3);
    assert_eq!(open(folder.path()).unwrap().waiting(None, 10).unwrap().len(), 3);
    assert!(!folder.path().join("tasks.db.new").exists());
}

#[test]
fn nobody_else_can_read_what_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path()).unwrap();
    enqueue(&mut store, 1..=3);
    let mut seen = 0;
    for entry in fs::read_dir(folder.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{:?}", entry.path());
        seen += 1;
    }
    assert_eq!(seen, 5, "database, log, its index, commits, spool");
}

#[test]
fn an_opening_tells_what_it_found() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path()).unwrap();
    let first = store.opened();
    assert_eq!((first.epoch, first.lost_leases, first.orphans), (1, 0, 0));
    assert!(!first.unwitnessed, "there is nothing yet that could be missing");
    enqueue(&mut store, 1..=2);
    let lease = hearken_core::task::Lease { epoch: 1, number: 1 };
    let claim = Command::Claim { id: id(1), lease, worker: "w#1".into(), at: at(1) };
    store.apply_one(claim).unwrap();
    let data = bytes::Bytes::from_static(b"half");
    store.apply_one(Command::Spool { id: id(1), lease, sequence: 0, data }).unwrap();
    drop(store);
    fs::write(folder.path().join("spool/not-ours"), "x").unwrap();
    let store = open(folder.path()).unwrap();
    let opened = store.opened();
    assert_eq!((opened.epoch, opened.lost_leases, opened.orphans), (2, 1, 1));
    let left: Vec<_> = fs::read_dir(folder.path().join("spool")).unwrap().collect();
    assert_eq!(left.len(), 1, "what is not ours stays");
}

#[test]
fn a_reader_sees_every_commit_while_the_store_works() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path()).unwrap();
    let mut reader = store.reader().unwrap();
    for number in 1..=5 {
        enqueue(&mut store, number..=number);
        assert_eq!(reader.waiting(None, 100).unwrap().len() as u64, number);
    }
}

#[test]
fn the_log_is_moved_into_the_database_as_it_grows() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path()).unwrap();
    let payload = bytes::Bytes::from(vec![7; 1024 * 1024]);
    for number in 1..=40 {
        let mut new = task(number);
        new.input.payload = payload.clone();
        store.apply_one(Command::Enqueue { tasks: vec![new], batch: None }).unwrap();
    }
    let size = |name| fs::metadata(folder.path().join(name)).unwrap().size();
    let (log, database) = (size("tasks.db-wal"), size("tasks.db"));
    assert!(log < 24 * 1024 * 1024, "{log} bytes of log");
    assert!(database > 28 * 1024 * 1024, "{database} bytes of database");
}

#[test]
fn a_lock_of_somebody_else_fails_a_commit_and_not_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path()).unwrap();
    let other = rusqlite::Connection::open(folder.path().join("tasks.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let command = || Command::Enqueue { tasks: vec![task(1)], batch: None };
    let error = store.apply_one(command()).unwrap_err();
    assert!(matches!(error, StoreError::Busy { .. }), "{error}");
    other.execute_batch("ROLLBACK").unwrap();
    store.apply_one(command()).unwrap();
}

#[test]
fn a_commit_that_fails_leaves_nothing_behind() {
    let mut subject = Subject::new(crate::subject::Kind::Strict);
    let one = subject.one();
    let lease = subject.run(one, AGAIN);
    let path = subject.path().join("tasks.db");
    let other = rusqlite::Connection::open(path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let commands = vec![
        Command::Enqueue { tasks: vec![task(2)], batch: None },
        Command::Expire { id: one, at: at(1) },
        Command::Extend { id: one, lease },
    ];
    assert!(subject.store().apply(commands).is_err());
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(subject.state(one), Some(TaskState::Waiting));
    assert_eq!(subject.state(id(2)), None);
    assert_eq!(subject.count(TaskState::Waiting), 1);
    subject.reopen();
    assert_eq!(subject.count(TaskState::Waiting), 1);
}
