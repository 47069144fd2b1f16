//! A pool against a fake store and fake workers: time jumps, nobody sleeps.

mod batches;
mod cancels;
mod clocks;
mod dependencies;
mod dispatch;
mod ends;
mod exec;
mod floor;
mod recycling;
mod retries;
mod scaling;
mod simulation;
