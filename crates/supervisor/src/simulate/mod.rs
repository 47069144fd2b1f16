//! `hearken simulate`: what a config would decide, without running anything.
//!
//! ```text
//!   options, or a scenario file ─▶ Scenario ─▶ World (fake processes, a clock that jumps)
//!                                                └─ Supervision of hearken-core ─▶ story
//!   story ─▶ rows ─▶ table, for people     └▶ json, for programs
//!   ledger ─▶ replay: the recorded ends, judged again by another config
//! ```
//!
//! Architecture invariant: nothing here starts a process, touches a state directory, takes a lock
//! or reads a clock, and nothing here decides: every decision comes out of the core that runs the
//! daemon.

mod books;
mod endings;
mod json;
mod quick;
mod replay;
mod rows;
mod scenario;
mod span;
mod table;
#[cfg(test)]
mod tests;
mod words;
mod world;
mod written;

pub use hearken_core::evidence::{Intent, Scope, SpawnFailure};
pub use hearken_core::kind::Kind;
pub use quick::Quick;
pub use span::{duration, intent, kind, scope, signal, start_failure};

use crate::convert;
use crate::ledger::ReadError;
use hearken_config::{Config, ConfigErrors, Diagnostic, LoadOptions, Loaded};
use quick::Written;
use std::path::PathBuf;
use std::time::Duration;
use world::World;

/// How far a simulation goes if nobody says otherwise.
pub(crate) const LENGTH: Duration = Duration::from_secs(3600);
/// Where its jitter comes from if nobody says otherwise: always the same, so that two runs of one
/// scenario print the same.
pub(crate) const SEED: u64 = 1;

/// What `hearken simulate` is told.
#[derive(Debug, Clone)]
pub struct Simulate {
    /// The config file.
    pub config: PathBuf,
    /// Takes a config file that others could have written.
    pub insecure: bool,
    /// What is to happen.
    pub given: Given,
    /// How far it goes.
    pub length: Option<Duration>,
    /// Where jitter comes from.
    pub seed: Option<u64>,
    /// For programs: one JSON object a line.
    pub json: bool,
    /// For a terminal.
    pub colour: bool,
}

/// What is to happen in a simulation.
#[derive(Debug, Clone)]
pub enum Given {
    /// One thing is wrong with one service.
    Quick(Box<Quick>),
    /// What this file says.
    Scenario(PathBuf),
    /// What this ledger (a file, or a state directory) has recorded.
    Replay(PathBuf),
}

/// What a simulation came to.
#[derive(Debug)]
pub struct Simulated {
    /// The whole of it, for standard output.
    pub text: String,
    /// What the config warns of, and what of a ledger could not be used.
    pub warnings: Vec<String>,
    /// A replayed decision is another one now.
    pub differs: bool,
}

/// Why nothing could be simulated. Each names the next step.
#[derive(Debug, thiserror::Error)]
pub enum SimulateError {
    /// The config has problems.
    #[error("{}", .0.render(false))]
    Config(#[from] ConfigErrors),
    /// The service that was named is none.
    #[error("--service: {0}")]
    Service(String),
    /// Some options do not go together.
    #[error("{0}")]
    Options(String),
    /// The scenario has problems: all of them, as people read them.
    #[error("{0}")]
    Scenario(String),
    /// The ledger cannot be read.
    #[error(transparent)]
    Ledger(#[from] ReadError),
    /// What is to be replayed has lines, and none of them is a record.
    #[error(
        "--replay: {0} is no ledger: not one of its lines is a record; name a state directory, or a ledger.jsonl in one"
    )]
    NoLedger(String),
}

/// Simulates.
///
/// # Errors
/// Why it could not.
pub fn simulate(options: &Simulate) -> Result<Simulated, SimulateError> {
    let load = LoadOptions { insecure: options.insecure, ..LoadOptions::of_process() };
    let Loaded { config, warnings } = Config::load(&options.config, &load)?;
    let mut simulated = with_config(options, &config)?;
    let warn = |warning: &Diagnostic| warning.render(options.colour).trim_end().to_owned();
    simulated.warnings.splice(0..0, warnings.iter().map(warn));
    Ok(simulated)
}

fn with_config(options: &Simulate, config: &Config) -> Result<Simulated, SimulateError> {
    let (length, seed) = (options.length.unwrap_or(LENGTH), options.seed.unwrap_or(SEED));
    let Written { scenario, title } = match &options.given {
        Given::Quick(quick) => quick::write(quick, config, length, seed)?,
        Given::Scenario(path) => written::read(path, config, options.length, options.seed)
            .map_err(SimulateError::Scenario)?,
        Given::Replay(path) => return replay::replay(path, config, options),
    };
    let title = format!(
        "{title}\nNothing is started: clock and processes are made up. Jitter: seed {}.",
        scenario.seed
    );
    let mut world = World::new(convert::plan(config.clone(), scenario.seed), scenario);
    let cut = world.run();
    let World { core, story, scenario, .. } = &world;
    let text = if options.json {
        json::render(core, scenario, story, cut)
    } else {
        table::render(&title, core, scenario, story, cut, options.colour)
    };
    Ok(Simulated { text, warnings: Vec::new(), differs: false })
}
