//! Writers are killed at random moments.

use crate::ack;
use crate::check::check;
use crate::dice::Dice;
use hearken_store::Durability;
use std::io::{BufRead, BufReader, Read as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// So many lives one store has.
const LIVES: u32 = 8;

/// Kills so many writers, and says what was seen.
pub(crate) fn cycles(durability: Durability, cycles: u32) -> String {
    let (mut killed, mut acknowledged) = (0, 0);
    while killed < cycles {
        let lives = LIVES.min(cycles - killed);
        acknowledged += one_store(durability, lives);
        killed += lives;
    }
    format!("{killed} killed, {acknowledged} acknowledged, 0 lost")
}

/// The lives of one store, each ended by a kill. How much was acknowledged.
fn one_store(durability: Durability, lives: u32) -> usize {
    let mut dice = Dice::new();
    let folder = tempfile::tempdir().unwrap();
    let mut said = Vec::new();
    for life in 1..=lives {
        said.extend(ack::read(&life_of_a_writer(folder.path(), durability, &mut dice)));
        let findings = check(folder.path(), &said);
        assert!(findings.is_good(), "life {life}, {}: {findings}", durability.as_str());
    }
    said.len()
}

/// Everything it said until it was killed.
#[expect(clippy::disallowed_methods, reason = "nothing is supervised here")]
fn life_of_a_writer(folder: &Path, durability: Durability, dice: &mut Dice) -> String {
    let mut writer = Command::new("/proc/self/exe")
        .arg("__write")
        .arg(folder)
        .arg(durability.as_str())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = String::new();
    let mut from = BufReader::new(writer.stdout.take().unwrap());
    for _ in 0..dice.roll(600) {
        from.read_line(&mut said).unwrap();
    }
    // Not only just after an acknowledgement: anywhere within the commits that follow.
    std::thread::sleep(Duration::from_micros(dice.roll(3000)));
    writer.kill().unwrap();
    from.read_to_string(&mut said).unwrap();
    writer.wait().unwrap();
    said
}
