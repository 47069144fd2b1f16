//! Where the daemon is that is meant.

use super::daemon::Daemon;
use super::failure::Failure;
use crate::{colour, complain};
use clap::Args;
use hearken_config::{Config, LoadOptions};
use hearken_supervisor::control::control_socket;
use hearken_supervisor::state_directory;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(super) struct Place {
    /// The config file of the hearken that is meant.
    #[arg(short, long, value_name = "FILE", default_value = "/etc/hearken/hearken.toml")]
    config: PathBuf,
    /// Its control socket, instead of the config that says where it is.
    #[arg(long, value_name = "PATH", conflicts_with = "config")]
    socket: Option<PathBuf>,
}

impl Place {
    /// The daemon there; it is not asked anything yet.
    pub(super) fn daemon(&self) -> Result<Daemon, Failure> {
        let (socket, start) = match &self.socket {
            Some(socket) => (socket.clone(), "hearken up --config FILE".to_owned()),
            None => (self.of_config()?, format!("hearken up --config {}", self.config.display())),
        };
        Daemon::at(socket, start)
    }

    fn of_config(&self) -> Result<PathBuf, Failure> {
        // Nothing is started from it: who else may write it does not matter.
        let options = LoadOptions { insecure: true, ..LoadOptions::of_process() };
        let loaded = Config::load(&self.config, &options).map_err(|errors| {
            complain(errors.render(colour()).trim_end());
            Failure::Config("--socket PATH asks without the config")
        })?;
        let state =
            state_directory(&loaded.config).map_err(|error| Failure::Here(error.to_string()))?;
        Ok(control_socket(&loaded.config, &state))
    }
}
