//! Nothing that was acknowledged is lost, whatever ends the writer.
//!
//! One program in three parts. `__write FOLDER DURABILITY` works on a store as fast as it can, and says on
//! standard output what the store acknowledged, after it did. `__check FOLDER ACKS` compares a store with
//! what was said. Without either it is the test: writers are killed at random moments, and what they leave
//! is checked and worked on by the next one.
//!
//! - `cargo test -p hearken-store --test durability` kills 25 writers of a strict store, 25 of a relaxed one;
//! - `… -- __kill 1000` kills so many of each;
//! - `tests/durability/power_cut` takes the power away instead (it needs root).
#![expect(clippy::unwrap_used, reason = "in a test an unwrap is an assertion")]
#![expect(clippy::print_stdout, reason = "this is the test runner")]
#![expect(clippy::wildcard_enum_match_arm, reason = "a test looks for one thing among many")]

mod ack;
mod check;
mod dice;
mod kill;
mod write;

use hearken_store::Durability;
use std::process::ExitCode;

/// How many writers of each kind `cargo test` kills.
const CYCLES: u32 = 25;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["__write", folder, durability] => write::write(folder.as_ref(), named(durability)),
        ["__check", folder, acks] => return check::main(folder.as_ref(), acks.as_ref()),
        ["__kill", cycles] => kill::both(cycles.parse().unwrap()),
        // What cargo passes to libtest is a filter, or an option that filters nothing.
        _ if arguments.iter().all(|it| it.starts_with('-') || kill::NAME.contains(it)) => {
            kill::both(CYCLES);
        }
        _ => {}
    }
    ExitCode::SUCCESS
}

fn named(durability: &str) -> Durability {
    [Durability::Strict, Durability::Relaxed]
        .into_iter()
        .find(|one| one.as_str() == durability)
        .expect("strict or relaxed")
}
