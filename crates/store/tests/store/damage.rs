//! A store that was damaged is refused by name, or all it tells is true: never are there fewer tasks, or
//! other ones, without a word.
//!
//! Two stores are copied and damaged, over and over: one that was closed, whose tasks lie in the database,
//! and one that was killed, whose last commits lie in the write-ahead log. Every damaged copy is opened,
//! read wholly, worked with, and read wholly again.

use crate::subject::{
    AGAIN, DEAD, Kind, MAX_RESULT, Subject, at, batch_id, finish, full_task, id, new_batch, task,
};
use bytes::Bytes;
use hearken_core::pool::TaskNext;
use hearken_core::task::TaskId;
use hearken_store::{
    Command, Durability, Filter, Finish, History, NewTask, Read, Refusal, Reply, ResultBody,
    SqliteStore, Store, StoreError, TaskResult,
};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A folder in memory, where there is one: thousands of stores are opened.
fn folder() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

fn filled() -> Subject {
    let mut subject = Subject::new(Kind::Strict);
    subject.add((1..=40).map(full_task));
    let member = |number| NewTask { batch: Some(batch_id(1)), ..task(number) };
    let tasks = (41..=60).map(member).collect();
    subject.apply(Command::Enqueue { tasks, batch: Some(new_batch(1)) });
    let ends = [TaskNext::Succeeded, AGAIN, DEAD].into_iter().cycle();
    for (number, next) in (1..=60).step_by(2).zip(ends) {
        subject.run(id(number), next);
        let (lease, _) = match subject.state(id(number)).unwrap().is_final() {
            true => continue,
            false => subject.claim(id(number)),
        };
        let data = Bytes::from(vec![3; 900]);
        subject.apply(Command::Checkpoint { id: id(number), lease, sequence: 1, data });
        let next = Finish { error: Some("\"no\"".into()), ..finish(id(number), lease, AGAIN) };
        subject.end(next);
    }
    let (lease, _) = subject.claim(id(2));
    for sequence in 0..3 {
        let data = Bytes::from(vec![9; 700]);
        subject.apply(Command::Spool { id: id(2), lease, sequence, data });
    }
    let body = ResultBody::Spooled { pieces: 3, length: 2100 };
    let result = Some(TaskResult { body, content_type: None, summary: None });
    subject.end(Finish { result, ..finish(id(2), lease, TaskNext::Succeeded) });
    let mut large = task(61);
    large.input.payload = Bytes::from(vec![5; 9000]);
    subject.add([large]);
    subject
}

/// All that is told of the tasks, and the bytes of their results.
type Truth = BTreeMap<TaskId, (Box<History>, Option<Vec<u8>>)>;

fn read_all(store: &mut SqliteStore) -> Result<Truth, StoreError> {
    let mut truth = Truth::new();
    let mut filter = Filter { limit: 25, ..Filter::all() };
    loop {
        let page = store.query(&filter)?;
        for listed in page.tasks {
            let id = listed.record.id;
            let shown = store.show(id)?.expect("what is listed is shown");
            assert_eq!(shown.record, listed.record);
            let mut bytes = None;
            if let Some(result) = store.result(id)? {
                let all: Result<Vec<_>, _> = result.pieces.collect();
                bytes = Some(all?.concat());
            }
            truth.insert(id, (shown, bytes));
        }
        filter.after = page.next;
        if page.next.is_none() {
            return Ok(truth);
        }
    }
}

fn open(folder: &Path) -> Result<SqliteStore, StoreError> {
    SqliteStore::open(folder, Durability::Strict, MAX_RESULT)
}

/// Reads, works, and reads again. Everything told must be the truth; an error is an answer too.
fn use_it(folder: &Path, truth: &Truth) -> Result<(), StoreError> {
    let mut store = open(folder)?;
    let told = read_all(&mut store)?;
    assert!(told == *truth, "what it tells is not true");
    let waiting: Vec<_> = store.waiting(None, 1000)?.into_iter().map(|it| it.id).collect();
    let expected: Vec<_> = truth
        .iter()
        .filter(|(_, (shown, _))| shown.record.state == hearken_core::task::TaskState::Waiting)
        .map(|(id, _)| *id)
        .collect();
    assert_eq!(waiting, expected);
    // What an unnoticed damage to the free pages would do, it does now.
    let tasks = (100..130).map(full_task).collect();
    let replies = store.apply(vec![Command::Enqueue { tasks, batch: None }])?;
    assert!(matches!(replies[0], Reply::Enqueued(_) | Reply::Refused(Refusal::Damaged(_))));
    let mut told = read_all(&mut store)?;
    told.retain(|one, _| *one < id(100));
    assert!(told == *truth, "work has changed what it should not touch");
    Ok(())
}

/// The files of a store, by their names within its folder.
struct Image(Vec<(PathBuf, Vec<u8>)>);

impl Image {
    fn of(folder: &Path) -> Self {
        let names = ["tasks.db", "tasks.db-wal", "tasks.commits"].map(PathBuf::from);
        let spool = fs::read_dir(folder.join("spool")).unwrap();
        let spooled = spool.map(|entry| Path::new("spool").join(entry.unwrap().file_name()));
        let files = names.into_iter().chain(spooled);
        Self(
            files
                .filter_map(|name| fs::read(folder.join(&name)).ok().map(|it| (name, it)))
                .collect(),
        )
    }

    fn write(&self, folder: &Path) {
        fs::create_dir(folder.join("spool")).unwrap();
        for (name, bytes) in &self.0 {
            fs::write(folder.join(name), bytes).unwrap();
        }
    }
}

struct Laboratory {
    image: Image,
    truth: Truth,
    /// How many damages were refused, and how many were without effect.
    refused: usize,
    harmless: usize,
}

impl Laboratory {
    fn closed() -> Self {
        let mut subject = filled();
        subject.close();
        Self::new(Image::of(subject.path()))
    }

    fn killed() -> Self {
        let subject = filled();
        Self::new(Image::of(subject.path()))
    }

    fn new(image: Image) -> Self {
        let whole = folder();
        image.write(whole.path());
        let truth = read_all(&mut open(whole.path()).unwrap()).unwrap();
        assert_eq!(truth.len(), 61);
        Self { image, truth, refused: 0, harmless: 0 }
    }

    /// Tries the store with one of its files damaged.
    fn try_with(&mut self, file: usize, what: &str, damage: impl FnOnce(&mut Vec<u8>)) {
        let copy = folder();
        self.image.write(copy.path());
        let (name, whole) = &self.image.0[file];
        let mut bytes = whole.clone();
        damage(&mut bytes);
        fs::write(copy.path().join(name), bytes).unwrap();
        let used = std::panic::catch_unwind(|| use_it(copy.path(), &self.truth));
        match used {
            Ok(Ok(())) => self.harmless += 1,
            Ok(Err(error)) => {
                let sentence = error.to_string();
                let fits = match error {
                    StoreError::Corrupt { .. }
                    | StoreError::Foreign { .. }
                    | StoreError::Newer { .. } => {
                        sentence.contains("tasks.") || sentence.contains("spool")
                    }
                    _ => false,
                };
                assert!(fits, "{}: {what}: {sentence}", name.display());
                self.refused += 1;
            }
            Err(_) => panic!("{}: {what} went unseen", name.display()),
        }
    }

    fn flip(&mut self, file: usize, bit: usize) {
        self.try_with(file, &format!("bit {bit} flipped"), |bytes| {
            bytes[bit / 8] ^= 1 << (bit % 8)
        });
    }

    fn truncate(&mut self, file: usize, length: usize) {
        self.try_with(file, &format!("cut to {length} bytes"), |bytes| bytes.truncate(length));
    }

    /// Some damages of each file; small files get all.
    fn some(&mut self, each: usize) {
        let mut dice = 0x2545_f491_4f6c_dd1d_u64;
        let mut roll = |sides: usize| {
            dice ^= dice << 13;
            dice ^= dice >> 7;
            dice ^= dice << 17;
            usize::try_from(dice % sides as u64).unwrap()
        };
        for file in 0..self.image.0.len() {
            let length = self.image.0[file].1.len();
            for _ in 0..each {
                self.flip(file, roll(length * 8));
                self.truncate(file, roll(length));
            }
            // The edges of pages are where a cut looks whole.
            for page in 0..(length / 4096).min(each) {
                self.truncate(file, page * 4096);
            }
        }
    }

    /// So many bytes of each file, evenly spread, or every one: one bit of it, and the file cut there.
    fn every_byte(&mut self, at_most: usize) {
        for file in 0..self.image.0.len() {
            let length = self.image.0[file].1.len();
            for byte in (0..length).step_by(length.div_ceil(at_most)) {
                self.flip(file, byte * 8 + byte % 8);
                self.truncate(file, byte);
            }
        }
    }
}

#[test]
fn a_damaged_database_is_refused_or_true() {
    let mut laboratory = Laboratory::closed();
    laboratory.some(25);
    assert!(laboratory.refused > 40, "{} refused", laboratory.refused);
}

#[test]
fn a_damaged_log_is_refused_or_true() {
    let mut laboratory = Laboratory::killed();
    assert!(laboratory.image.0.iter().any(|(name, _)| name.ends_with("tasks.db-wal")));
    laboratory.some(25);
    assert!(laboratory.refused > 40, "{} refused", laboratory.refused);
}

#[test]
fn a_row_damaged_under_an_open_store_is_named_and_holds_up_nothing_else() {
    let mut subject = Subject::new(Kind::Strict);
    subject.add([1, 2, 3].map(task));
    let other = rusqlite::Connection::open(subject.path().join("tasks.db")).unwrap();
    let key = id(2).to_u128().to_be_bytes();
    let changed = other.execute("UPDATE input SET record = zeroblob(9) WHERE id = ?1", [key]);
    assert_eq!(changed.unwrap(), 1);
    let claims: Vec<_> = [1, 2, 3]
        .map(|number| {
            let lease = subject.lease();
            Command::Claim { id: id(number), lease, worker: "w#1".into(), at: at(1) }
        })
        .into();
    let replies = subject.store().apply(claims).unwrap();
    assert!(matches!(replies[0], Reply::Claimed(_)), "{:?}", replies[0]);
    let Reply::Refused(Refusal::Damaged(what)) = &replies[1] else { panic!("{:?}", replies[1]) };
    assert!(what.contains("input") && what.contains(&id(2).to_string()), "{what}");
    assert!(matches!(replies[2], Reply::Claimed(_)), "{:?}", replies[2]);
    let error = subject.store().show(id(2)).unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
    assert_eq!(subject.store().query(&Filter::all()).unwrap().tasks.len(), 3);
}

#[test]
fn a_damaged_piece_of_a_result_is_not_served() {
    let mut subject = filled();
    let spooled = Image::of(subject.path()).0.pop().unwrap();
    let path = subject.path().join(&spooled.0);
    for byte in (0..spooled.1.len()).step_by(97) {
        let mut bytes = spooled.1.clone();
        bytes[byte] ^= 1;
        fs::write(&path, bytes).unwrap();
        let result = subject.store().result(id(2)).unwrap().unwrap();
        let mut served = 0;
        let mut error = None;
        for piece in result.pieces {
            match piece {
                Ok(bytes) => {
                    assert!(error.is_none(), "nothing comes behind a damaged piece");
                    assert!(bytes.iter().all(|byte| *byte == 9));
                    served += bytes.len();
                }
                Err(found) => error = Some(found),
            }
        }
        let sentence = error.expect("a damage is told").to_string();
        assert!(sentence.contains("spool") && sentence.contains(&id(2).to_string()), "{sentence}");
        assert!(served < 2100, "byte {byte}");
    }
    fs::remove_file(&path).unwrap();
    let sentence = subject.store().result(id(2)).unwrap_err().to_string();
    assert!(sentence.contains("is missing"), "{sentence}");
}

/// Opens a closed store after something was done to its tables that leaves every row whole.
fn opened_after(change: impl FnOnce(&rusqlite::Connection)) -> Result<SqliteStore, StoreError> {
    let mut subject = filled();
    subject.close();
    let other = rusqlite::Connection::open(subject.path().join("tasks.db")).unwrap();
    change(&other);
    drop(other);
    open(subject.path())
}

#[test]
fn a_row_that_is_gone_is_missed_in_every_table() {
    let tables =
        ["task", "input", "attempt", "checkpoint", "batch", "batch_task", "unique_key", "meta"];
    for table in tables {
        let error = opened_after(|other| {
            let sql = format!("DELETE FROM {table} WHERE id = (SELECT max(id) FROM {table})");
            assert_eq!(other.execute(&sql, []).unwrap(), 1);
        })
        .unwrap_err();
        assert!(matches!(error, StoreError::Corrupt { .. }), "{table}: {error}");
    }
}

#[test]
fn an_old_row_in_place_of_a_new_one_is_seen() {
    let mut subject = Subject::new(Kind::Strict);
    subject.add([1, 2].map(task));
    let path = subject.path().join("tasks.db");
    let key = id(1).to_u128().to_be_bytes();
    let other = rusqlite::Connection::open(path).unwrap();
    let record = "SELECT record FROM task WHERE id = ?1";
    let old: Vec<u8> = other.query_row(record, [key], |row| row.get(0)).unwrap();
    subject.run(id(1), DEAD);
    subject.close();
    other.execute("UPDATE task SET record = ?2 WHERE id = ?1", (key, old)).unwrap();
    drop(other);
    let sentence = open(subject.path()).unwrap_err().to_string();
    assert!(sentence.contains("by pool and state"), "{sentence}");
}

#[test]
fn a_changed_schema_is_refused() {
    let sentence = opened_after(|other| {
        other.execute_batch("CREATE INDEX extra ON task (record)").unwrap();
    })
    .unwrap_err()
    .to_string();
    assert!(sentence.contains("schema"), "{sentence}");
}

#[test]
fn a_lost_file_is_missed() {
    for mut laboratory in [Laboratory::closed(), Laboratory::killed()] {
        for lost in 0..laboratory.image.0.len() {
            let copy = folder();
            laboratory.image.write(copy.path());
            let name = &laboratory.image.0[lost].0;
            fs::remove_file(copy.path().join(name)).unwrap();
            let used = use_it(copy.path(), &laboratory.truth);
            // The second witness may be missing: it is what an operator removes to go on.
            let may_be = name == Path::new("tasks.commits");
            assert_eq!(used.is_ok(), may_be, "{}: {used:?}", name.display());
            laboratory.refused += 1;
        }
    }
}

#[test]
#[ignore = "takes a quarter of an hour"]
fn a_database_damaged_at_every_byte_is_refused_or_true() {
    let mut laboratory = Laboratory::closed();
    laboratory.every_byte(usize::MAX);
    println!("{} refused, {} without effect", laboratory.refused, laboratory.harmless);
    assert!(laboratory.refused > laboratory.harmless, "most bytes matter");
}

#[test]
#[ignore = "takes some minutes"]
fn a_log_damaged_all_along_is_refused_or_true() {
    let mut laboratory = Laboratory::killed();
    laboratory.every_byte(5_000);
    println!("{} refused, {} without effect", laboratory.refused, laboratory.harmless);
    assert!(laboratory.refused > laboratory.harmless, "most bytes matter");
}
