//! The core against a fake kernel: time jumps, nobody sleeps.

mod endings;
mod laws;
mod lines;
mod load;
mod order;
mod stalls;
mod starts;
mod stops;
mod world;
