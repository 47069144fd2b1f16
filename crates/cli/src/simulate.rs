//! `hearken simulate`.

use crate::arguments::ConfigFile;
use crate::exit::Exit;
use clap::Args;
use hearken_supervisor::simulate::{
    self, Given, Intent, Kind, Quick, Scope, Simulate, SimulateError, Simulated, SpawnFailure,
};
use std::path::PathBuf;
use std::time::Duration;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hearken simulate -c api.toml --service api --error db.timeout --repeat 10
  hearken simulate -c api.toml --error rate_limited --retry-after 30s
  hearken simulate -c api.toml --service 'api#2' --signal SEGV --runs 2s
  hearken simulate -c api.toml --service api --start-fails ENOENT
  hearken simulate -c api.toml --scenario friday.toml
  hearken simulate -c changed.toml --replay /var/lib/hearken

A scenario is a file with steps, each at its time:
  [[step]]
  at = \"10s\"
  service = \"api#2\"
  error = { kind = \"timeout\", code = \"db.timeout\", retry_after = \"30s\" }
  exit = 1                # or signal = \"SEGV\"; without both it runs on
  [[step]]
  at = \"1m\"
  operator = \"stop\"       # start, restart, scale, shutdown, shutdown_now
  service = \"web\"
Steps may also have intent, start_fails, repeat, runs; the file may have for, seed, ready_after.

Exit codes: 0; 1 if --replay finds a decision that differs; 2 if options, service or ledger make \
no sense; 78 if the config or the scenario has problems.")]
pub(crate) struct SimulateArguments {
    #[command(flatten)]
    file: ConfigFile,

    /// The service that has the trouble, NAME or NAME#2; all its instances if none is named.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["scenario", "replay"])]
    service: Option<String>,
    /// Its processes say this error: db.timeout, unavailable:db.down, or a kind alone.
    #[arg(long, value_name = "[KIND:]CODE", conflicts_with_all = ["scenario", "replay", "start_fails"])]
    error: Option<String>,
    /// The kind of the error: transient if nothing else says.
    #[arg(long, value_parser = simulate::kind, requires = "error")]
    kind: Option<Kind>,
    /// The error's message.
    #[arg(long, value_name = "TEXT", requires = "error")]
    message: Option<String>,
    /// The error's hint when to try again.
    #[arg(long, value_name = "TIME", value_parser = simulate::duration, requires = "error")]
    retry_after: Option<Duration>,
    /// The error's hint whether to try again.
    #[arg(long, value_name = "true|false", requires = "error")]
    retryable: Option<bool>,
    /// What the error is about: task, worker, dependency, service.
    #[arg(long, value_parser = simulate::scope, requires = "error")]
    scope: Option<Scope>,
    /// They exit with this code [default: 1; 0 after --intent alone].
    #[arg(long, value_name = "CODE", value_parser = clap::value_parser!(u8),
        conflicts_with_all = ["scenario", "replay", "start_fails", "signal"])]
    exit: Option<u8>,
    /// They die by this signal: SEGV, SIGSEGV or 11.
    #[arg(long, value_parser = simulate::signal,
        conflicts_with_all = ["scenario", "replay", "start_fails"])]
    signal: Option<i32>,
    /// They announce this with `exiting` before: done, retry, restart_now, stay_down.
    #[arg(long, value_parser = simulate::intent,
        conflicts_with_all = ["scenario", "replay", "start_fails"])]
    intent: Option<Intent>,
    /// They cannot be started: ENOENT, EACCES, EAGAIN …
    #[arg(long, value_name = "ERRNO", value_parser = simulate::start_failure,
        conflicts_with_all = ["scenario", "replay"])]
    start_fails: Option<SpawnFailure>,
    /// How long each process lives before [default: 0s; with --stays-up: 1s between two errors].
    #[arg(long, value_name = "TIME", value_parser = simulate::duration,
        conflicts_with_all = ["scenario", "replay"])]
    runs: Option<Duration>,
    /// How long each process takes to be ready [default: 0s].
    #[arg(long, value_name = "TIME", value_parser = simulate::duration,
        conflicts_with_all = ["scenario", "replay"])]
    ready_after: Option<Duration>,
    /// It says the error and runs on.
    #[arg(long, requires = "error", conflicts_with_all = ["exit", "signal", "intent"])]
    stays_up: bool,
    /// How often it happens to each instance; then it works.
    #[arg(long, value_name = "N", default_value_t = 10,
        value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    repeat: u32,

    /// Play this scenario, a TOML file with steps in time (see below).
    #[arg(long, value_name = "FILE", conflicts_with = "replay")]
    scenario: Option<PathBuf>,
    /// Judge the ends of this ledger, a file or a state directory, again by the config.
    #[arg(long, value_name = "LEDGER")]
    replay: Option<PathBuf>,

    /// How far to look [default: 1h].
    #[arg(long = "for", value_name = "TIME", value_parser = simulate::duration)]
    length: Option<Duration>,
    /// Where jitter comes from [default: 1]; the same seed gives the same delays.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
}

impl SimulateArguments {
    fn into_options(self, colour: bool) -> Simulate {
        let given = match (self.scenario, self.replay) {
            (Some(path), _) => Given::Scenario(path),
            (None, Some(path)) => Given::Replay(path),
            (None, None) => Given::Quick(Box::new(Quick {
                service: self.service,
                error: self.error,
                kind: self.kind,
                message: self.message,
                retry_after: self.retry_after,
                retryable: self.retryable,
                scope: self.scope,
                exit: self.exit.map(i32::from),
                signal: self.signal,
                intent: self.intent,
                start_fails: self.start_fails,
                runs: self.runs,
                ready_after: self.ready_after,
                stays_up: self.stays_up,
                repeat: self.repeat,
            })),
        };
        Simulate {
            config: self.file.config,
            insecure: self.file.insecure_config,
            given,
            length: self.length,
            seed: self.seed,
            json: self.json,
            colour,
        }
    }
}

/// Simulates, prints, and says how it went.
pub(crate) fn run(arguments: SimulateArguments) -> Exit {
    match simulate::simulate(&arguments.into_options(crate::colour_of(&std::io::stdout()))) {
        Ok(Simulated { text, warnings, differs }) => {
            for warning in &warnings {
                crate::complain(warning);
            }
            let exit = crate::print(&text);
            if exit == Exit::Ok && differs { Exit::Failure } else { exit }
        }
        Err(SimulateError::Config(errors)) => crate::invalid(&errors),
        Err(error @ SimulateError::Scenario(_)) => {
            crate::complain(&error.to_string());
            Exit::InvalidConfig
        }
        Err(
            error @ (SimulateError::Service(_)
            | SimulateError::Options(_)
            | SimulateError::Ledger(_)
            | SimulateError::NoLedger(_)),
        ) => {
            crate::complain(&format!("error: {error}"));
            Exit::Usage
        }
    }
}
