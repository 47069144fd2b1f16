//! A disk that is full, and one that fails.

use bytes::Bytes;
use hearken_core::task::{Lease, Priority, TaskId};
use hearken_store::{
    Command, Durability, Enqueued, Fenced, Input, NewTask, Read, Refusal, Reply, SqliteStore,
    Store, StoreError, UnixMs,
};
use std::fs;
use std::path::Path;
use std::process::{self, Output};

#[expect(clippy::disallowed_methods, reason = "nothing is supervised here")]
fn output_of(program: &str, arguments: &[&str]) -> std::io::Result<Output> {
    process::Command::new(program).args(arguments).output()
}

fn open(folder: &Path) -> Result<SqliteStore, StoreError> {
    SqliteStore::open(folder, Durability::Strict, 64 * 1024 * 1024)
}

fn enqueue(number: u64, payload: usize) -> Command {
    let at = UnixMs::new(1_700_000_000_000 + number);
    let task = NewTask {
        id: TaskId::new(at.get(), u128::from(number)),
        pool: "pool".into(),
        kind: None,
        unique_key: None,
        fairness_key: None,
        priority: Priority::DEFAULT,
        not_before: at,
        expires: None,
        batch: None,
        created: at,
        held: false,
        input: Input { payload: Bytes::from(vec![7; payload]), ..Input::default() },
    };
    Command::Enqueue { tasks: vec![task], batch: None }
}

/// Submits tasks one by one until the store does not take one. Those it took, and why it stopped.
fn until_it_fails(store: &mut SqliteStore, from: u64, payload: usize) -> (Vec<TaskId>, StoreError) {
    let mut taken = Vec::new();
    for number in from..from + 100_000 {
        match store.apply_one(enqueue(number, payload)) {
            Ok(Reply::Enqueued(enqueued)) => match enqueued[..] {
                [Enqueued::Inserted(id)] => taken.push(id),
                _ => panic!("{enqueued:?}"),
            },
            Ok(other) => panic!("{other:?}"),
            Err(error) => return (taken, error),
        }
    }
    panic!("it took {} tasks", taken.len());
}

fn all_waiting(store: &mut SqliteStore) -> Vec<TaskId> {
    store.waiting(None, usize::MAX).unwrap().into_iter().map(|pending| pending.id).collect()
}

/// Gives [`fill`] a disk of its own.
pub(crate) fn full() -> Result<String, String> {
    let folder = tempfile::tempdir().unwrap();
    let (folder, ourselves) = (folder.path().to_str().unwrap(), std::env::current_exe().unwrap());
    let script = r#"mount -t tmpfs -o size=3m none "$1" || exit 77
        "$2" __fill "$1" && mount -o remount,ro none "$1" && "$2" __fill "$1""#;
    let arguments = ["--map-root-user", "--mount", "sh", "-c", script, "sh", folder];
    let arguments = [&arguments[..], &[ourselves.to_str().unwrap()]].concat();
    let output = output_of("unshare", &arguments).map_err(|error| format!("unshare: {error}"))?;
    let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let cried = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    match output.status.code() {
        Some(0) => Ok(said),
        Some(77) => Err("a small disk needs a user namespace that may mount".to_owned()),
        _ if cried.starts_with("unshare:") => Err(cried),
        _ => panic!("{said}\n{cried}"),
    }
}

/// Fills the disk under this folder, and makes room again. A disk that cannot be written at all is
/// named for what it is.
pub(crate) fn fill(folder: &Path) {
    let ballast = folder.join("ballast");
    if let Err(error) = fs::write(&ballast, vec![1; 1024 * 1024]) {
        assert_eq!(error.kind(), std::io::ErrorKind::ReadOnlyFilesystem);
        let sentence = open(folder).unwrap_err().to_string();
        assert!(sentence.contains("tasks.db") && sentence.contains("os error 30"), "{sentence}");
        return;
    }
    let reserve = folder.join("reserve");
    fs::write(&reserve, vec![1; 256 * 1024]).unwrap();
    let mut store = open(folder).unwrap();
    let (mut taken, error) = until_it_fails(&mut store, 1, 10_000);
    assert!(taken.len() > 20, "{}", taken.len());
    let is_full = |error: &StoreError| matches!(error, StoreError::Full { .. });
    assert!(is_full(&error) && error.to_string().contains("no space left"), "{error}");

    assert_eq!(all_waiting(&mut store), taken, "what it has, it still tells");
    let again = store.apply_one(enqueue(500_000, 100_000)).unwrap_err();
    assert!(is_full(&again), "{again}");

    fs::remove_file(&ballast).unwrap();
    let (more, _) = until_it_fails(&mut store, 600_000, 10_000);
    assert!(!more.is_empty(), "it goes on without being opened anew");
    taken.extend(&more);

    // Even to begin a new epoch takes room.
    drop(store);
    if let Err(error) = open(folder) {
        assert!(error.to_string().to_lowercase().contains("no space left"), "{error}");
    }
    fs::remove_file(&reserve).unwrap();
    let mut store = open(folder).unwrap();
    assert_eq!(all_waiting(&mut store), taken, "nothing that was acknowledged is lost");

    // Pieces of a commit that finds no room are taken back, with those of them that did.
    let (id, lease) = (taken[0], Lease { epoch: store.epoch(), number: 1 });
    let claim = Command::Claim { id, lease, worker: "w".into(), at: UnixMs::new(1) };
    store.apply_one(claim).unwrap();
    let spool = |sequence, length| {
        let data = Bytes::from(vec![2; length]);
        Command::Spool { id, lease, sequence, data }
    };
    let kept = Reply::Fenced(Fenced::Kept);
    for taken in [0, 1] {
        let long = store.apply(vec![spool(taken, 1), spool(taken + 1, 1024 * 1024)]).unwrap_err();
        assert!(is_full(&long), "{long}");
        let expected = Refusal::PieceOutOfOrder { sequence: taken + 1, expected: taken };
        assert_eq!(store.apply_one(spool(taken + 1, 1)).unwrap(), Reply::Refused(expected));
        assert_eq!(store.apply_one(spool(taken, 1)).unwrap(), kept);
    }
    print!("{} acknowledged, 0 lost", taken.len());
}

/// Lets one fsync of [`fail`] fail, and looks at every one that follows.
pub(crate) fn failed_fsync() -> Result<String, String> {
    let scratch = tempfile::tempdir().unwrap();
    let (folder, log) = (scratch.path().join("state"), scratch.path().join("log"));
    fs::create_dir(&folder).unwrap();
    let ourselves = std::env::current_exe().unwrap();
    let arguments = [
        "-f",
        "-qq",
        "-o",
        log.to_str().unwrap(),
        "-e",
        "trace=fsync,fdatasync,sync_file_range,msync",
        "-e",
        "inject=fsync,fdatasync:error=EIO:when=40",
        ourselves.to_str().unwrap(),
        "__fail",
        folder.to_str().unwrap(),
    ];
    let output = output_of("strace", &arguments).map_err(|error| format!("strace: {error}"))?;
    let cried = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() && cried.contains("ptrace") {
        return Err(format!("strace: {cried}"));
    }
    assert!(output.status.success(), "{cried}");
    let log = fs::read_to_string(log).unwrap();
    let (before, after) = log.split_once("(INJECTED)").expect("one fsync failed");
    assert!(before.lines().count() >= 40);
    let later: Vec<_> = after.lines().filter(|line| line.contains("sync(")).collect();
    assert!(later.is_empty(), "{later:?}");

    let said = String::from_utf8(output.stdout).unwrap();
    let taken: Vec<TaskId> = said.lines().map(|line| line.parse().unwrap()).collect();
    let kept = all_waiting(&mut open(&folder).unwrap());
    assert!(taken.iter().all(|id| kept.contains(id)), "nothing that was acknowledged is lost");
    Ok(format!("{} acknowledged before, 0 lost", taken.len()))
}

/// Works until an fsync fails, and then tries to go on.
pub(crate) fn fail(folder: &Path) {
    let mut store = open(folder).unwrap();
    let (taken, error) = until_it_fails(&mut store, 1, 100);
    assert!(matches!(error, StoreError::Broken { .. }), "{error}");
    for number in 1000..1010 {
        assert_eq!(store.apply_one(enqueue(number, 100)).unwrap_err(), error, "for good");
    }
    assert!(all_waiting(&mut store).len() >= taken.len(), "what is known can be asked");
    drop(store);
    for id in taken {
        println!("{id}");
    }
}
