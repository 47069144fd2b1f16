//! The core against a fake kernel: time jumps, nobody sleeps.
#![expect(clippy::unwrap_used, reason = "in a test an unwrap is an assertion")]
#![expect(clippy::wildcard_enum_match_arm, reason = "a test looks for one thing among many")]

mod dependencies;
mod endings;
mod groups;
mod incidents;
mod laws;
mod lines;
mod liveness;
mod load;
mod order;
mod pool;
mod reactions;
mod seeds;
mod simulation;
mod stalls;
mod starts;
mod stops;
mod world;
