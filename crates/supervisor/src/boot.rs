//! `hearken up`, from the first call to the exit code.

mod ground;
pub(crate) mod pools;
mod recipes;

pub(crate) use ground::Ground;

use crate::clock::Clock;
use crate::control::{ControlError, ControlSocket, control_socket};
use crate::convert;
use crate::daemon::{Begun, Daemon};
use crate::events::{
    ConfigWarning, DescriptorsShort, LegacyClone, SupervisorStarted, SupervisorStopped, ms,
};
use crate::ledger::{Ledger, Origin};
use crate::logs::{self, Outlet};
use crate::notify::{self, NotifyError};
use crate::probes::{self, Probes};
use crate::spawner::{Job, Spawner};
use crate::state_directory::{StateDirectory, StateError, state_directory};
use crate::tasks::{Client, OpenError};
use hearken_config::{Config, ConfigErrors, LoadOptions, Loaded, Service};
use hearken_core::action::{Action, Outcome};
use hearken_core::supervision::{Event, Supervision};
use hearken_store::StoreError;
use hearken_sys::{Mechanism, PrepareError, ProbeError, StartError, descriptor_limit};
use std::future::Future;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::{Path, PathBuf};
use std::sync::Arc;

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
    /// There is no socket to give commands at.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// There is no store for the tasks of pools.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The pools could not be opened.
    #[error(transparent)]
    Pools(#[from] OpenError),
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
    up_beside(options, |_client| async {})
}

/// The same, and `front` beside it: it has the pools at hand.
///
/// # Errors
/// Why it did not come up.
pub fn up_beside<F: Future<Output = ()> + Send + 'static>(
    options: &Up,
    front: impl FnOnce(Client) -> F,
) -> Result<Outcome, UpError> {
    // Before the config is read: the fork server keeps a copy of this process's memory, and no
    // secret of the config shall be in it.
    let ground = Ground::lay()?;
    let Loaded { config, warnings } = read_config(options)?;
    let state = StateDirectory::lock(&state_directory(&config)?)?;
    // Under the lock of the state directory: no other supervisor of it comes here.
    let path = control_socket(&config, state.path());
    let control = ControlSocket::bind(&path, &config.supervisor.control)?;
    let place = Place { state: Some(state), warnings: &warnings, outlet: None };
    run(ground, config, place, |client| {
        let front = front(client.clone());
        async {
            tokio::join!(control.serve(client), front);
        }
    })
}

/// Where a supervisor works, and what was noticed on the way there.
#[derive(Debug)]
pub(crate) struct Place<'a> {
    /// Its state directory; without one it leaves nothing behind.
    pub(crate) state: Option<StateDirectory>,
    /// What is probably not meant in its config.
    pub(crate) warnings: &'a [hearken_config::Diagnostic],
    /// Where the log goes, if not where the config says. Whoever says so is a front end that hears
    /// signals itself, and outlives the supervisor: it is waited for.
    pub(crate) outlet: Option<Outlet>,
}

/// Runs a supervisor of this config to its end, and `front` beside it.
pub(crate) fn run<F: Future<Output = ()> + Send + 'static>(
    ground: Ground,
    config: Config,
    place: Place<'_>,
    front: impl FnOnce(Client) -> F,
) -> Result<Outcome, UpError> {
    let Ground { clock, prepared, mut server, mechanism } = ground;
    let state = place.state.as_ref().map(StateDirectory::path);
    let notify = match state {
        Some(state) if config.services.iter().any(recipes::notifies) => {
            Some(notify::path_in(state)?)
        }
        Some(_) | None => None,
    };
    let socket = notify.as_deref().map(notify::bind).transpose()?;
    let refused = |what| move |error| UpError::Runtime { what, error };
    let is_front = place.outlet.is_some();
    let outlet = place.outlet.unwrap_or_else(|| Outlet::of(&config.supervisor.log));
    let logs = logs::start(outlet).map_err(refused("the log writer"))?;
    for warning in place.warnings {
        ConfigWarning { problem: warning.render(false).trim_end() }.emit();
    }
    if let Some(state) = state {
        say_started(&config, server.pid().get(), &mechanism, state);
    }
    let mut ledger = Ledger::open(state, clock, origin(&config))?;
    let seed = RandomState::new().build_hasher().finish();
    let tasks = pools::open(&config, state, clock, seed)?;

    // The core decides what starts first, and the fork server is at work on it before the
    // runtime exists.
    let mut spawner = Spawner::new(prepared, clock, recipes::recipes(&config, notify.as_deref()));
    let probes = Probes::new(&config.services);
    // Nothing of the config is kept but what it came to.
    let plan = convert::plan(config, seed);
    let when_idle = plan.when_idle;
    let mut tasks = tasks;
    let (supervision, later) = begin(plan, clock, &mut spawner, &mut tasks);
    let failed = spawner.pump(&mut server);

    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .max_blocking_threads(LOOKUPS)
        .build()
        .map_err(refused("the runtime"))?;
    let ended = runtime.block_on(async {
        let front = tokio::spawn(front(tasks.client()));
        let signals = !is_front;
        let begun =
            Begun { supervision, when_idle, clock, spawner, server, probes, tasks, signals };
        let mut daemon = Daemon::new(begun, logs.queue(), &mut ledger)?;
        if let Some(socket) = socket {
            daemon.hear_notifications(socket)?;
        }
        for action in later {
            daemon.perform(action);
        }
        let ended = daemon.run(failed).await;
        if is_front {
            // It has the last words to take in. (A panic in it has ended the process.)
            let _ended = front.await;
        }
        ended
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
    let uptime_ms = ms(clock.now().since_start());
    SupervisorStopped { exit_code, because: why.as_deref(), uptime_ms }.emit();
    logs.finish();
    Ok(outcome)
}

/// Boots the core: what it wants started goes to the spawner, everything else waits for the runtime.
fn begin(
    plan: hearken_core::supervision::Plan,
    clock: Clock,
    spawner: &mut Spawner,
    tasks: &mut crate::tasks::Tasks,
) -> (Supervision, Vec<Action>) {
    let mut supervision = Supervision::new(plan);
    supervision.handle(clock.now(), Event::Boot);
    let mut later = Vec::new();
    while let Some(action) = supervision.poll_action() {
        match action {
            Action::Spawn { id, token, incarnation } => {
                tasks.spawning(id, token);
                spawner.want(Job { id, token, incarnation, probe: None });
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
    (supervision, later)
}

fn read_config(options: &Up) -> Result<Loaded, ConfigErrors> {
    let options_of_process =
        LoadOptions { insecure: options.insecure, ..LoadOptions::of_process() };
    Config::load(&options.config, &options_of_process)
}

/// Every unit, by its `UnitIndex`.
fn units(config: &Config) -> impl Iterator<Item = &Service> {
    config.services.iter().chain(config.pools.iter().map(|pool| &pool.unit))
}

fn origin(config: &Config) -> Origin<'_> {
    let unit =
        |service: &Service| (Arc::from(service.policy.name.as_str()), service.policy.instances);
    Origin { config: &config.path, units: units(config).map(unit).collect() }
}

fn say_started(config: &Config, fork_server_pid: i32, mechanism: &Mechanism, state: &Path) {
    let instances = units(config).map(|service| u64::from(service.policy.instances)).sum();
    if let Mechanism::LegacyClone { why } = mechanism {
        LegacyClone { error: &why.to_string() }.emit();
    }
    SupervisorStarted {
        version: env!("CARGO_PKG_VERSION"),
        pid: hearken_sys::Pid::own().get(),
        fork_server_pid,
        config: &config.path.to_string_lossy(),
        state_directory: &state.to_string_lossy(),
        units: units(config).count() as u64,
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
