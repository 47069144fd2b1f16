//! `hearken up`, from the first call to the exit code.

use crate::child::{Manner, Signs};
use crate::clock::Clock;
use crate::convert;
use crate::daemon::{Begun, Daemon};
use crate::environment::Template;
use crate::events::{
    ConfigWarning, DescriptorsShort, LegacyClone, SupervisorStarted, SupervisorStopped, ms,
};
use crate::ledger::{Ledger, Origin};
use crate::logs;
use crate::notify::{self, NotifyError};
use crate::probes::{self, Probes};
use crate::spawner::{Job, Recipe, Spawner};
use crate::state_directory::{StateDirectory, StateError, state_directory};
use hearken_config::{Config, ConfigErrors, LoadOptions, Loaded, Program, Readiness, Service};
use hearken_core::action::{Action, Outcome};
use hearken_core::supervision::{Event, Supervision};
use hearken_sys::{
    ForkServer, Mechanism, PrepareError, ProbeError, StartError, descriptor_limit,
    prepare_supervisor,
};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// How long the probe of the fork server may take.
const PROBE: Duration = Duration::from_secs(5);
/// How many descriptors the supervisor holds beside those of its children.
const OWN_DESCRIPTORS: u64 = 64;
/// How many it holds for a child: its pidfd, line, standard output and standard error.
const CHILD_DESCRIPTORS: u64 = 4;

/// How many names may be looked up at once: the only thing that is done on another thread.
const LOOKUPS: usize = 4;

/// What `hearken up` is told.
#[derive(Debug, Clone)]
pub struct Up {
    /// The config file.
    pub config: PathBuf,
    /// Takes a config file that others could have written.
    pub insecure: bool,
}

/// Why the supervisor did not come up. Each names the next step.
#[derive(Debug, thiserror::Error)]
pub enum UpError {
    /// The process could not be made ready.
    #[error("this process cannot supervise: {0}")]
    Prepare(#[from] PrepareError),
    /// There is no fork server.
    #[error("the fork server could not be started: {0}")]
    ForkServer(#[from] StartError),
    /// The fork server does not work here.
    #[error("the fork server does not work on this machine: {0}")]
    Probe(#[from] ProbeError),
    /// The config has problems.
    #[error("{}", .0.render(false))]
    Config(#[from] ConfigErrors),
    /// There is no state directory to work in.
    #[error(transparent)]
    State(#[from] StateError),
    /// There is no socket for those with `ready = "notify"`.
    #[error(transparent)]
    Notify(#[from] NotifyError),
    /// The logs or the runtime could not be started.
    #[error("{what}: {error}")]
    Runtime {
        /// What could not.
        what: &'static str,
        /// Why.
        error: std::io::Error,
    },
}

/// Runs the supervisor to its end. Must be called on the main thread, before any other exists: the
/// children's death signal is tied to this thread.
///
/// # Errors
/// Why it did not come up. Once it is up, everything that goes wrong is a log event.
pub fn up(options: &Up) -> Result<Outcome, UpError> {
    let clock = Clock::start();
    let prepared = prepare_supervisor()?;
    // Before the config is read: the fork server keeps a copy of this process's memory, and no
    // secret of the config shall be in it.
    let mut server = ForkServer::start(&prepared)?;
    let mechanism = server.probe(PROBE)?;

    let Loaded { config, warnings } = read_config(options)?;
    let state = StateDirectory::lock(&state_directory(&config)?)?;
    let notify = config.services.iter().any(notifies).then(|| notify::path_in(state.path()));
    let notify = notify.transpose()?;
    let socket = notify.as_deref().map(notify::bind).transpose()?;
    let refused = |what| move |error| UpError::Runtime { what, error };
    let logs = logs::start(&config.supervisor.log).map_err(refused("the log writer"))?;
    for warning in &warnings {
        ConfigWarning { problem: warning.render(false).trim_end() }.emit();
    }
    say_started(&config, &server, mechanism, &state);
    let mut ledger = Ledger::open(state.path(), clock, origin(&config))?;

    // The core decides what starts first, and the fork server is at work on it before the
    // runtime exists.
    let mut spawner = Spawner::new(prepared, clock, recipes(&config, notify.as_deref()));
    let probes = Probes::new(&config.services);
    // Nothing of the config is kept but what it came to.
    let plan = convert::plan(config, RandomState::new().build_hasher().finish());
    let when_idle = plan.when_idle;
    let mut supervision = Supervision::new(plan);
    supervision.handle(clock.now(), Event::Boot);
    let mut later = Vec::new();
    while let Some(action) = supervision.poll_action() {
        match action {
            Action::Spawn { id, token, incarnation } => {
                spawner.want(Job { id, token, incarnation, probe: None })
            }
            Action::Drain { .. }
            | Action::Signal { .. }
            | Action::KillTree { .. }
            | Action::Probe { .. }
            | Action::EndProbe { .. }
            | Action::Release { .. }
            | Action::Report(_)
            | Action::Leave(_) => later.push(action),
        }
    }
    let failed = spawner.pump(&mut server);

    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .max_blocking_threads(LOOKUPS)
        .build()
        .map_err(refused("the runtime"))?;
    let ended = runtime.block_on(async {
        let begun = Begun { supervision, when_idle, clock, spawner, server, probes };
        let mut daemon = Daemon::new(begun, logs.queue(), &mut ledger)?;
        if let Some(socket) = socket {
            daemon.hear_notifications(socket)?;
        }
        for action in later {
            daemon.perform(action);
        }
        daemon.run(failed).await
    });
    // Without waiting for a lookup that hangs.
    runtime.shutdown_background();
    let (outcome, why) = match ended {
        Ok(ended) => ended,
        Err(error) => {
            ledger.finish(1, Some("the supervisor's own sources failed"));
            logs.finish();
            return Err(refused("the supervisor's own sources")(error));
        }
    };
    let exit_code = u8::from(outcome != Outcome::Clean);
    ledger.finish(exit_code, why.as_deref());
    let exit_code = i64::from(exit_code);
    SupervisorStopped {
        exit_code,
        because: why.as_deref(),
        uptime_ms: ms(clock.now().since_start()),
    }
    .emit();
    logs.finish();
    Ok(outcome)
}

fn read_config(options: &Up) -> Result<Loaded, ConfigErrors> {
    let options_of_process =
        LoadOptions { insecure: options.insecure, ..LoadOptions::of_process() };
    Config::load(&options.config, &options_of_process)
}

fn origin(config: &Config) -> Origin<'_> {
    let unit =
        |service: &Service| (Arc::from(service.policy.name.as_str()), service.policy.instances);
    Origin { config: &config.path, units: config.services.iter().map(unit).collect() }
}

/// `socket`: the notify socket, if there is one.
fn recipes(config: &Config, socket: Option<&Path>) -> Vec<Recipe> {
    config.services.iter().map(|service| recipe(service, socket)).collect()
}

fn notifies(service: &Service) -> bool {
    matches!(service.readiness, Readiness::Notify)
}

fn recipe(service: &Service, socket: Option<&Path>) -> Recipe {
    let socket = socket.filter(|_| notifies(service));
    Recipe {
        template: Template::new(service, |name| std::env::var_os(name), socket),
        notifies: socket.is_some(),
        mode: convert::line_mode(service.line),
        unit: Arc::from(service.policy.name.as_str()),
        manner: Manner {
            signs: Signs::of(&service.policy),
            log: match &service.readiness {
                Readiness::Log(pattern) => Some(pattern.clone()),
                Readiness::Started
                | Readiness::Message
                | Readiness::Notify
                | Readiness::Newline { .. }
                | Readiness::Probe(_) => None,
            },
        },
        newline: match service.readiness {
            Readiness::Newline { descriptor } => Some(descriptor),
            Readiness::Started
            | Readiness::Message
            | Readiness::Notify
            | Readiness::Log(_)
            | Readiness::Probe(_) => None,
        },
        signal_group: matches!(service.program, Program::Shell(_)),
    }
}

fn say_started(config: &Config, server: &ForkServer, mechanism: Mechanism, state: &StateDirectory) {
    let instances = config.services.iter().map(|service| u64::from(service.policy.instances)).sum();
    if let Mechanism::LegacyClone { why } = mechanism {
        LegacyClone { error: &why.to_string() }.emit();
    }
    SupervisorStarted {
        version: env!("CARGO_PKG_VERSION"),
        pid: hearken_sys::Pid::own().get(),
        fork_server_pid: server.pid().get(),
        config: &config.path.to_string_lossy(),
        state_directory: &state.path().to_string_lossy(),
        units: config.services.len() as u64,
        instances,
        containment: "process_group",
    }
    .emit();
    let probes: u64 = config.services.iter().map(probes::descriptors).sum();
    let needed = OWN_DESCRIPTORS + CHILD_DESCRIPTORS * instances + probes;
    let limit = descriptor_limit().soft;
    if let Some(limit) = limit
        && needed > limit
    {
        DescriptorsShort { needed, limit }.emit();
    }
}
