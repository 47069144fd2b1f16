//! The simulator: one seed, one plan, one history with everything that can go wrong.
//!
//! A failing seed prints its plan and its history; how seeds are chosen stands in `seeds.rs`.
//!
//! The laws that every action must keep are those of the world (`world/laws.rs`, `world/groups.rs`,
//! `world/probes.rs`); those of the living and of the end stand in `rest.rs`; faults and commands in
//! `fault.rs`; what children do by themselves in `child.rs`. A crash of the supervisor drops the
//! core: the next life begins with the same plan, and with nothing else.

mod child;
pub(crate) mod dice;
mod fault;
mod life;
mod plan;
mod rest;

use crate::seeds::Simulator;
use crate::world::Trace;
use dice::Dice;
use hearken_core::supervision::Plan;
use life::Life;
use std::fmt::Write;

const PROCESSES: Simulator = Simulator { name: "simulation", simulate, describe };

fn seeded(seed: u64) -> (Plan, Dice) {
    let mut dice = Dice::new(seed);
    (plan::plan(&mut dice), dice)
}

fn simulate(seed: u64, trace: &Trace) {
    let (plan, mut dice) = seeded(seed);
    let steps = dice.count(10, 90);
    let mut life = Life::begin(plan, dice, trace.clone());
    for _ in 0..steps {
        life.step();
        life.nobody_is_forgotten();
    }
    life.come_to_rest();
    life.shut_down();
}

fn describe(seed: u64) -> String {
    let (plan, _) = seeded(seed);
    let mut text = format!("{:?}", plan.starts);
    for (index, unit) in plan.units.iter().enumerate() {
        let _ = write!(text, "\n  unit {index}: {unit:?}");
    }
    for group in &plan.groups {
        let _ = write!(text, "\n  {group:?}");
    }
    text
}

#[test]
fn every_seed_keeps_the_laws_first_quarter() {
    PROCESSES.every_fourth(0);
}

#[test]
fn every_seed_keeps_the_laws_second_quarter() {
    PROCESSES.every_fourth(1);
}

#[test]
fn every_seed_keeps_the_laws_third_quarter() {
    PROCESSES.every_fourth(2);
}

#[test]
fn every_seed_keeps_the_laws_last_quarter() {
    PROCESSES.every_fourth(3);
}

#[test]
fn any_seed_replays_to_the_same_trace() {
    PROCESSES.replays(60);
}
