//! The simulator of pools: one seed, one policy, one history with everything that can go wrong.
//!
//! A store that answers late, goes down and is all that is left after a crash stands in `disk.rs`;
//! a supervision that starts and stops slots late, and not always, in `slots.rs`; what workers do by
//! themselves in `process.rs`; faults and commands in `fault.rs`. The laws that every action must
//! keep stand in `book.rs`, those of the end in `rest.rs`; the store has a few of its own: it takes
//! an end from the newest lease alone, and a batch ends as its rows say.

mod book;
mod disk;
mod fault;
mod life;
mod plan;
mod process;
mod rest;
mod slots;

use crate::seeds::Simulator;
use crate::simulation::dice::Dice;
use crate::world::Trace;
use life::Life;
use plan::Plan;

const POOLS: Simulator = Simulator { name: "pool::simulation", simulate, describe };

fn seeded(seed: u64) -> (Plan, Dice) {
    let mut dice = Dice::new(seed);
    (plan::plan(&mut dice), dice)
}

fn simulate(seed: u64, trace: &Trace) {
    let (plan, mut dice) = seeded(seed);
    let steps = dice.count(5, 60);
    let ends_early = dice.percent(15);
    let mut life = Life::begin(plan, dice, trace.clone());
    for _ in 0..steps {
        life.step();
    }
    if !ends_early {
        life.come_to_rest();
    }
    life.shut_down();
}

fn describe(seed: u64) -> String {
    format!("{:#?}", seeded(seed).0)
}

#[test]
fn every_seed_keeps_the_laws_first_quarter() {
    POOLS.every_fourth(0);
}

#[test]
fn every_seed_keeps_the_laws_second_quarter() {
    POOLS.every_fourth(1);
}

#[test]
fn every_seed_keeps_the_laws_third_quarter() {
    POOLS.every_fourth(2);
}

#[test]
fn every_seed_keeps_the_laws_last_quarter() {
    POOLS.every_fourth(3);
}

#[test]
fn any_seed_replays_to_the_same_trace() {
    POOLS.replays(60);
}
