//! A supervisor of one pool and nothing else, for as long as a front end has tasks for it: no
//! daemon, no socket, no file left behind.

use crate::boot::{Ground, Place, UpError, run};
use crate::tasks::Client;
use hearken_config::{Config, Exec, Input, LoadOptions, Loaded, Program, ResultForm};
use hearken_core::action::Outcome;
use hearken_core::pool::WorkMode;
use std::collections::BTreeMap;
use std::future::Future;
use std::path::PathBuf;
use std::time::Duration;

/// The name of the pool.
pub const POOL: &str = "map";

/// What the pool does, and how.
#[derive(Debug, Clone)]
pub struct LocalPool {
    /// The program and its arguments.
    pub command: Vec<String>,
    /// How it gets its tasks.
    pub mode: WorkMode,
    /// Where it runs.
    pub directory: PathBuf,
    /// What it finds in its environment, beside what hearken sets.
    pub environment: BTreeMap<String, String>,
    /// How many processes there are at once: 1 or more.
    pub workers: u32,
    /// How often a task is tried: 1 or more.
    pub attempts: u32,
    /// How long one try may take; `None` is for ever.
    pub timeout: Option<Duration>,
    /// In exec mode: where the payload goes.
    pub input: Input,
    /// In exec mode: what standard output comes to.
    pub result: ResultForm,
    /// From which level on hearken logs, to standard error: `warn`, `error` …
    pub log: &'static str,
}

impl LocalPool {
    /// As a config: what the defaults of a pool are is written there and nowhere else.
    fn config(self) -> Result<Config, UpError> {
        let mode = match self.mode {
            WorkMode::Line => "line",
            WorkMode::Exec => "exec",
        };
        let timeout = self.timeout.map_or("never".to_owned(), |it| format!("{}ms", it.as_millis()));
        let text = format!(
            "[supervisor]\nlog = {{ level = \"{}\", format = \"human\" }}\n\
             [pool.{POOL}]\ncommand = [\"true\"]\nmode = \"{mode}\"\nworkers = {}\n\
             task_timeout = \"{timeout}\"\ndurability = \"memory\"\nqueue = \"unlimited\"\n\
             retry = {{ attempts = {}, delay = \"200ms\" }}\nmax_result = \"1GiB\"\n",
            self.log,
            self.workers.max(1),
            self.attempts.max(1),
        );
        let Loaded { mut config, .. } =
            Config::parse("hearken map", &text, &LoadOptions::default())?;
        // The words of the command line are taken as they are: nothing in them is expanded.
        for pool in &mut config.pools {
            pool.unit.program = Program::Command(self.command.clone());
            pool.unit.directory.clone_from(&self.directory);
            pool.unit.environment.clone_from(&self.environment);
            pool.exec = (self.mode == WorkMode::Exec)
                .then_some(Exec { input: self.input, result: self.result });
        }
        Ok(config)
    }
}

/// Runs the pool, and `front` beside it, until `front` has it shut down. Must be called on the main
/// thread, before any other exists.
///
/// # Errors
/// Why it did not come up.
pub fn run_local<F: Future<Output = ()> + Send + 'static>(
    pool: LocalPool,
    front: impl FnOnce(Client) -> F,
) -> Result<Outcome, UpError> {
    let ground = Ground::lay()?;
    let config = pool.config()?;
    run(ground, config, Place { state: None, warnings: &[] }, front)
}
