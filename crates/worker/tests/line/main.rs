//! The worker against a supervisor made of a socketpair, and against the golden frames.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod answers;
mod peer;
mod process;
mod service;
mod tasks;
mod turns;
