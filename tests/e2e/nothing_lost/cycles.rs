//! Kills at random moments, again and again.
//!
//! `HEARKEN_CYCLES` says how often, `HEARKEN_SEED` which moments (as near as the machine allows).

use super::chance::Chance;
use super::check::check;
use super::submitter::{Book, Submitter};
use super::{killed, setup};
use crate::harness::{Hearken, event};
use nix::sys::signal::Signal;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How often, if nobody says otherwise.
const CYCLES: u64 = 500;

/// How many kills a state directory sees before it is looked at. What was submitted stays in it, and
/// is read at each start.
const ROUND: u64 = 25;

/// How many rounds go on at once: a supervisor that starts or dies waits more than it works. Few,
/// because other tests go on beside.
const LOOPS: usize = 2;

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|error| panic!("{variable}={text}: {error}")))
}

/// Kills the supervisor, and perhaps others before it.
fn strike(hearken: &Hearken, chance: &mut Chance) {
    // One that never had a fork server refuses to start, and says so.
    let is_up = !hearken.all(&event("supervisor_started")).is_empty();
    let _hit = match chance.within(0..10) {
        0 => killed(hearken, |_any| true),
        1 if is_up => killed(hearken, |it| it.name == "hearken-fork"),
        2 => killed(hearken, |it| it.name == "effects"),
        _ => 0,
    };
    if chance.within(0..2) == 0 {
        thread::sleep(Duration::from_millis(chance.within(0..30)));
    }
    hearken.signal(Signal::SIGKILL);
}

/// So many kills in a state directory of their own, and then a look at what is left.
fn round(seed: u64, kills: u64) -> Book {
    let mut chance = Chance::new(seed);
    let mut hearken = setup("").start();
    let submitter = Submitter::start(&hearken.control_socket(), chance.number());
    for _ in 0..kills {
        // Every fourth dies while it starts.
        let life = if chance.within(0..4) == 0 { 0..40 } else { 40..360 };
        thread::sleep(Duration::from_millis(chance.within(life)));
        strike(&hearken, &mut chance);
        hearken = hearken.again();
        if submitter.has_ended() {
            break;
        }
    }
    let book = submitter.finish();
    check(&hearken, &book);
    hearken.shut_down_well();
    book
}

#[test]
fn supervisors_killed_at_random_moments_lose_nothing() {
    let seed = number("HEARKEN_SEED").unwrap_or_else(|| u64::from(std::process::id()));
    let cycles = number("HEARKEN_CYCLES").unwrap_or(CYCLES);
    eprintln!("HEARKEN_SEED={seed} HEARKEN_CYCLES={cycles}");
    let begun = Instant::now();
    let next = AtomicU64::new(0);
    let rounds = || {
        let mut books = Vec::new();
        loop {
            let round = next.fetch_add(1, Ordering::SeqCst);
            let Some(left) = cycles.checked_sub(round * ROUND).filter(|left| *left > 0) else {
                return books;
            };
            let kills = left.min(ROUND);
            books.push(self::round(seed.wrapping_add(round), kills));
        }
    };
    let books: Vec<Book> = thread::scope(|scope| {
        let loops: Vec<_> = (0..LOOPS).map(|_| scope.spawn(rounds)).collect();
        loops.into_iter().flat_map(|it| it.join().expect("a round that lost nothing")).collect()
    });
    let sum = |of: fn(&Book) -> u64| books.iter().map(of).sum::<u64>();
    let tasks = sum(|book| book.tasks.len() as u64);
    eprintln!(
        "{cycles} kills in {:?}: {tasks} tasks and {} batches acknowledged, none lost; \
         sent again {} times, kept already {}",
        begun.elapsed(),
        sum(|book| book.batches.len() as u64),
        sum(|book| book.again),
        sum(|book| book.there),
    );
    assert!(tasks > cycles, "the submitters hardly came to anything");
}
