use super::super::standing::Standings;
use super::super::{CURRENT, file_name, read, testing};
use super::*;
use std::fs;
use std::path::Path;

fn desk<'a>(queue: &'a Queue, folder: &Path, full: u64) -> Desk<'a> {
    let (file, _) = LedgerFile::open(folder).unwrap();
    let stamp = Stamp { clock: Clock::start(), life: Life(7) };
    Desk::new(queue, file, stamp, full)
}

fn names(folder: &Path) -> Vec<String> {
    let records = read(folder).unwrap().records;
    records
        .iter()
        .map(|record| serde_json::to_value(record).unwrap()["record"].to_string())
        .collect()
}

/// The loop's side: hands over, and a snapshot if one is wanted.
fn hand_over(queue: &Queue, standings: &mut Standings, record: Arc<Record>) {
    standings.apply(&record);
    let snapshot = queue.take_wish().then(|| {
        let head = testing::own(0, Fact::Snapshot(Box::new(testing::supervisor(&[("api", 1)]))));
        let stands = standings.all().map(|(unit, instance, stands)| {
            testing::record(0, unit, instance, Fact::Stands(Box::new(stands.clone())))
        });
        std::iter::once(head).chain(stands).map(Arc::new).collect()
    });
    queue.push(&mut vec![record], snapshot);
}

fn round(desk: &mut Desk<'_>) {
    let Batch { items, lost, .. } = desk.queue.take(Some(Duration::ZERO));
    desk.lose(lost);
    for item in items {
        match item {
            Item::Record(record) => desk.line(&record),
            Item::Snapshot(records) => desk.rotate(&records),
        }
    }
    desk.write();
}

#[test]
fn a_full_file_is_moved_aside_and_the_next_knows_where_all_stand() {
    let folder = tempfile::tempdir().unwrap();
    let queue = Queue::default();
    let mut desk = desk(&queue, folder.path(), 10_000);
    let mut standings = Standings::default();
    for incarnation in 1..=400 {
        hand_over(&queue, &mut standings, testing::ended("api", 1, incarnation));
        round(&mut desk);
        // Whatever was thrown away, the file that is written tells the last end.
        let records = read(&folder.path().join(CURRENT)).unwrap().records;
        let mut known = Standings::default();
        records.iter().for_each(|record| known.apply(record));
        let last = known.get(&"api".into(), 1).and_then(|stands| stands.last_end.clone());
        assert_eq!(last.map(|end| testing::incarnation(&end)), Some(incarnation));
    }
    assert!(folder.path().join(file_name(4)).exists());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 5);
    for age in 1..=4 {
        let length = fs::metadata(folder.path().join(file_name(age))).unwrap().len();
        assert!((10_000..14_000).contains(&length), "{length}");
    }
}

#[test]
fn a_snapshot_longer_than_a_file_may_be_does_not_rotate_at_every_line() {
    let folder = tempfile::tempdir().unwrap();
    let queue = Queue::default();
    let mut desk = desk(&queue, folder.path(), 1_000);
    let mut standings = Standings::default();
    for instance in 1..=100 {
        standings.apply(&testing::ended("api", instance, 1));
    }
    let mut rotations = 0;
    for incarnation in 1..=300 {
        hand_over(&queue, &mut standings, testing::ended("api", 1, incarnation));
        let before = desk.file.grown();
        round(&mut desk);
        rotations += u32::from(desk.file.grown() < before);
    }
    assert!((1..=4).contains(&rotations), "{rotations}");
}

/// A disk with room for `room` bytes: `/dev/full` takes nothing, a directory in the way no rename.
#[test]
fn a_full_disk_is_told_once_and_nothing_is_lost_that_fits_the_next_try() {
    let folder = tempfile::tempdir().unwrap();
    let queue = Queue::default();
    let mut desk = desk(&queue, folder.path(), 1 << 20);
    let good = std::mem::replace(&mut desk.file, LedgerFile::on_a_full_disk(folder.path()));
    let log = crate::logs::rendered(crate::logs::Style::Json, || {
        for incarnation in 1..=50 {
            queue.push(&mut vec![testing::ended("api", 1, incarnation)], None);
            round(&mut desk);
        }
    });
    assert_eq!(log.matches("ledger_unwritten").count(), 1, "{log}");
    assert!(log.contains("os error 28") && log.contains("free"), "{log}");
    desk.file = good;
    let log = crate::logs::rendered(crate::logs::Style::Json, || round(&mut desk));
    assert!(log.contains("ledger_recovered") && log.contains("\"lost\":0"), "{log}");
    assert_eq!(names(folder.path()), vec!["\"ended\""; 50]);
}

#[test]
fn what_a_full_disk_costs_is_counted_and_a_snapshot_makes_up_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let queue = Queue::default();
    let mut desk = desk(&queue, folder.path(), 64 << 20);
    let mut standings = Standings::default();
    let good = std::mem::replace(&mut desk.file, LedgerFile::on_a_full_disk(folder.path()));
    for incarnation in 1..=5_000 {
        hand_over(&queue, &mut standings, testing::ended("api", 1, incarnation));
        round(&mut desk);
    }
    desk.file = good;
    let log = crate::logs::rendered(crate::logs::Style::Json, || {
        round(&mut desk);
        hand_over(&queue, &mut standings, testing::ended("api", 1, 5_001));
        round(&mut desk);
    });
    assert!(log.contains("ledger_recovered"), "{log}");
    let reading = read(folder.path()).unwrap();
    assert!(reading.flaws.is_empty());
    let lost: u64 = reading
        .records
        .iter()
        .map(|record| if let Fact::RecordsLost { count } = record.fact { count } else { 0 })
        .sum();
    let kept = names(folder.path());
    let ends = kept.iter().filter(|name| *name == "\"ended\"").count() as u64;
    assert!(lost > 0 && lost + ends == 5_001, "{lost} lost, {ends} kept");
    assert_eq!(kept[kept.len() - 2..], ["\"snapshot\"", "\"stands\""]);
}

/// The count of what was lost fits a disk that the snapshot after it does not.
#[test]
fn a_snapshot_that_meets_a_full_disk_again_is_made_up_for() {
    let folder = tempfile::tempdir().unwrap();
    let queue = Queue::default();
    let mut desk = desk(&queue, folder.path(), 64 << 20);
    let mut standings = Standings::default();
    desk.lose(3);
    hand_over(&queue, &mut standings, testing::ended("api", 1, 1));
    round(&mut desk);
    let good = std::mem::replace(&mut desk.file, LedgerFile::on_a_full_disk(folder.path()));
    hand_over(&queue, &mut standings, testing::ended("api", 1, 2));
    round(&mut desk);
    desk.file = good;
    for incarnation in 3..=4 {
        hand_over(&queue, &mut standings, testing::ended("api", 1, incarnation));
        round(&mut desk);
    }
    let kept = names(folder.path());
    assert_eq!(kept[kept.len() - 2..], ["\"snapshot\"", "\"stands\""], "{kept:?}");
}

/// Not a test of anything: prints what a record costs.
#[test]
#[ignore = "a measurement: cargo test --release -- --ignored --nocapture what_a_record_costs"]
fn what_a_record_costs() {
    let folder = tempfile::tempdir().unwrap();
    let queue = Queue::default();
    let mut desk = desk(&queue, folder.path(), 1 << 30);
    let record = testing::ended("api", 1, 1);
    let begun = Instant::now();
    for _ in 0..100_000 {
        desk.line(&record);
    }
    let lines = begun.elapsed();
    let bytes = desk.lines.len();
    desk.write();
    let text = format!(
        "a line: {:?}, {} bytes; with its share of one write: {:?}; in memory: {} bytes\n",
        lines / 100_000,
        bytes / 100_000,
        begun.elapsed() / 100_000,
        record.cost()
    );
    let begun = Instant::now();
    let read = read(folder.path()).unwrap().records.len();
    let text =
        format!("{text}read back: {:?} each\n", begun.elapsed() / u32::try_from(read).unwrap());
    std::io::Write::write_all(&mut std::io::stderr(), text.as_bytes()).unwrap();
}
