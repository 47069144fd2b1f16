//! Nothing that was acknowledged is lost, whatever ends the writer or goes wrong with its disk.
//!
//! One program in several parts. `__write FOLDER DURABILITY` works on a store as fast as it can, and says on
//! standard output what the store acknowledged, after it did. `__check FOLDER ACKS` compares a store with
//! what was said. Others are played by the tests in [`disk`]. Without any it is the test runner:
//!
//! - `cargo test -p hearken-store --test durability` kills 25 writers of a strict store and 25 of a relaxed
//!   one, fills a disk, and has one fail;
//! - `… -- __kill 1000` kills so many of each;
//! - `tests/durability/power_cut` takes the power away instead (it needs root).
#![expect(clippy::unwrap_used, reason = "in a test an unwrap is an assertion")]
#![expect(clippy::print_stdout, reason = "this is the test runner")]
#![expect(clippy::wildcard_enum_match_arm, reason = "a test looks for one thing among many")]

mod ack;
mod check;
mod dice;
mod disk;
mod kill;
mod write;

use hearken_store::Durability;
use std::process::ExitCode;
use std::time::Instant;

/// How many writers of each kind `cargo test` kills.
const CYCLES: u32 = 25;

/// A test answers what it saw, or why it was skipped.
type Test = (&'static str, fn() -> Result<String, String>);

const TESTS: [Test; 4] = [
    ("a_killed_writer_loses_nothing_a_strict_store_acknowledged", || {
        Ok(kill::cycles(Durability::Strict, CYCLES))
    }),
    ("a_killed_writer_loses_nothing_a_relaxed_store_acknowledged", || {
        Ok(kill::cycles(Durability::Relaxed, CYCLES))
    }),
    ("a_full_disk_refuses_and_loses_nothing_and_goes_on_when_there_is_room", disk::full),
    ("after_a_failed_fsync_nothing_is_written_or_synced_any_more", disk::failed_fsync),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["__write", folder, durability] => write::write(folder.as_ref(), named(durability)),
        ["__check", folder, acks] => return check::main(folder.as_ref(), acks.as_ref()),
        ["__fill", folder] => disk::fill(folder.as_ref()),
        ["__fail", folder] => disk::fail(folder.as_ref()),
        ["__kill", cycles] => {
            for durability in [Durability::Strict, Durability::Relaxed] {
                let cycles = cycles.parse().unwrap();
                println!("{}: {}", durability.as_str(), kill::cycles(durability, cycles));
            }
        }
        _ => run(&arguments),
    }
    ExitCode::SUCCESS
}

/// Runs the tests whose name holds one of these. (What cargo passes to libtest besides, such as
/// --nocapture, filters nothing.)
fn run(filters: &[&str]) {
    let filters: Vec<_> = filters.iter().filter(|filter| !filter.starts_with('-')).collect();
    let wanted = |name: &str| filters.is_empty() || filters.iter().any(|it| name.contains(**it));
    for (name, test) in TESTS.into_iter().filter(|(name, _)| wanted(name)) {
        let begun = Instant::now();
        match test() {
            Ok(seen) => println!("ok      {name}: {seen} ({} ms)", begun.elapsed().as_millis()),
            Err(why) => {
                println!("skipped {name}: {why}");
                let may = std::env::var("HEARKEN_TESTS_MAY_SKIP").unwrap_or_default();
                assert_ne!(may, "none", "skipped although HEARKEN_TESTS_MAY_SKIP=none");
            }
        }
    }
}

fn named(durability: &str) -> Durability {
    [Durability::Strict, Durability::Relaxed]
        .into_iter()
        .find(|one| one.as_str() == durability)
        .expect("strict or relaxed")
}
