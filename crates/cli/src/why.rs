//! `hearken why`: what stands behind where a unit stands.

use crate::exit::Exit;
use crate::{colour, complain, print};
use clap::Args;
use hearken_config::{Config, LoadOptions};
use hearken_supervisor::state_directory;
use hearken_supervisor::why::{Now, Question, WhyError, ask};
use std::path::PathBuf;

/// How many unreadable lines of the ledger are shown.
const FLAWS: usize = 3;

#[derive(Debug, Args)]
pub(crate) struct Why {
    /// A unit, or one instance of it: `api`, `api#2`.
    name: String,
    /// The config file of the hearken that is meant.
    #[arg(short, long, value_name = "FILE", default_value = "/etc/hearken/hearken.toml")]
    config: PathBuf,
    /// Its state directory, instead of the config that names it.
    #[arg(long, value_name = "DIR", conflicts_with = "config")]
    state_directory: Option<PathBuf>,
    /// Print the same facts as JSON.
    #[arg(long)]
    json: bool,
    /// Show so many of its last ends as well, the latest first.
    #[arg(long, value_name = "N", default_value_t = 0)]
    history: usize,
}

/// Answers on standard output.
pub(crate) fn why(asked: &Why) -> Exit {
    let directory = match &asked.state_directory {
        Some(directory) => directory.clone(),
        None => match directory_of(&asked.config) {
            Ok(directory) => directory,
            Err(exit) => return exit,
        },
    };
    let now = Now::here();
    let question = Question { directory: &directory, name: &asked.name, history: asked.history };
    match ask(&question, &now) {
        Ok(answer) => {
            let unreadable = &answer.unreadable;
            for line in unreadable.iter().take(FLAWS) {
                complain(&format!("warning: skipped what is no record: {line}"));
            }
            if unreadable.len() > FLAWS {
                complain(&format!("warning: and {} more", unreadable.len() - FLAWS));
            }
            print(&if asked.json { answer.json() } else { answer.text(&now) })
        }
        Err(error) => {
            complain(&format!("error: {error}"));
            match error {
                WhyError::NoName(_) | WhyError::Unknown { .. } | WhyError::NoInstance { .. } => {
                    Exit::Usage
                }
                WhyError::Ledger(_) | WhyError::Lock { .. } | WhyError::Empty(_) => Exit::Failure,
            }
        }
    }
}

/// Where the hearken of this config keeps its ledger.
fn directory_of(config: &std::path::Path) -> Result<PathBuf, Exit> {
    // Nothing is started from it: who else may write it does not matter.
    let options = LoadOptions { insecure: true, ..LoadOptions::of_process() };
    let loaded = Config::load(config, &options).map_err(|errors| {
        complain(errors.render(colour()).trim_end());
        complain("help: --state-directory DIR asks without the config");
        Exit::InvalidConfig
    })?;
    state_directory(&loaded.config).map_err(|error| {
        complain(&format!("error: {error}"));
        Exit::Failure
    })
}
