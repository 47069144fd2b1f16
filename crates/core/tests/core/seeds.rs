//! Runs a simulator over many seeds: one seed, one history.
//!
//! A failing seed prints its plan and its history. `HEARKEN_SEED=0x2a` runs one seed alone;
//! `HEARKEN_SEEDS=100000` runs so many instead of ten thousand.

use crate::world::Trace;
use std::fmt::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Something that can be simulated.
pub(crate) struct Simulator {
    /// The tests it is found by.
    pub(crate) name: &'static str,
    /// Runs one seed, and panics where a law is broken.
    pub(crate) simulate: fn(u64, &Trace),
    /// The plan of a seed, to be read.
    pub(crate) describe: fn(u64) -> String,
}

impl Simulator {
    fn run(&self, seed: u64, trace: &Trace) -> Result<(), String> {
        let outcome = catch_unwind(AssertUnwindSafe(|| (self.simulate)(seed, trace)));
        outcome.map_err(|why| match why.downcast::<String>() {
            Ok(why) => *why,
            Err(why) => why.downcast_ref::<&str>().copied().unwrap_or_default().into(),
        })
    }

    /// Runs a seed again that failed, and tells the whole story.
    fn story(&self, seed: u64) -> String {
        let trace = Trace::readable();
        let why = self.run(seed, &trace).expect_err("it failed before");
        let mut story = format!("seed {seed:#x} fails\n\nthe plan: {}", (self.describe)(seed));
        let _ = write!(story, "\n\nthe history:{}\n\nseed {seed:#x}: {why}", trace.text());
        let _ = write!(
            story,
            "\nagain: HEARKEN_SEED={seed:#x} cargo test -p hearken-core --test core {}",
            self.name
        );
        story
    }

    /// Each of these runs every fourth seed, so that they share the machine.
    pub(crate) fn every_fourth(&self, from: u64) {
        let seeds: Vec<_> = match number("HEARKEN_SEED") {
            Some(seed) => (seed % 4 == from).then_some(seed).into_iter().collect(),
            None => (from..number("HEARKEN_SEEDS").unwrap_or(10_000)).step_by(4).collect(),
        };
        let failed: Vec<_> = seeds
            .iter()
            .filter_map(|seed| Some((*seed, self.run(*seed, &Trace::none()).err()?)))
            .collect();
        let Some((first, _)) = failed.first() else { return };
        let mut all = String::new();
        for (seed, why) in failed.iter().take(50) {
            let _ = write!(all, "\n  {seed:#x}: {}", why.lines().next().unwrap_or_default());
        }
        panic!("{}\n\n{} of {} seeds fail:{all}", self.story(*first), failed.len(), seeds.len());
    }

    /// The first seeds lead to the same histories whenever they are run.
    pub(crate) fn replays(&self, seeds: u64) {
        for seed in 0..seeds {
            let hash = || {
                let trace = Trace::hashed();
                // A seed that fails is told elsewhere; it fails the same way twice.
                let _ = self.run(seed, &trace);
                trace.hash()
            };
            assert_eq!(hash(), hash(), "seed {seed:#x}");
        }
    }
}

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    let number = match text.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16),
        None => text.parse(),
    };
    Some(number.unwrap_or_else(|error| panic!("{name}={text}: {error}")))
}
