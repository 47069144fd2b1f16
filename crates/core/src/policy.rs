//! What the config asks of a unit, as checked values.
//!
//! Everything here was checked when it was made; the machines that read it never check again.

use crate::backoff::Backoff;
use crate::budget::Limit;
use crate::identity::{UnitIndex, UnitName};
use crate::rule::Rule;
use std::sync::Arc;
use std::time::Duration;

/// Everything the core knows of a unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitPolicy {
    /// Its name.
    pub name: UnitName,
    /// How many instances it has: 1 to [`INSTANCES_MAX`].
    pub instances: u32,
    /// Who says which of them run.
    pub role: Role,
    /// Whether its failing for good ends the daemon, with a non-zero exit code.
    pub critical: bool,
    /// When it is restarted.
    pub restart: RestartPolicy,
    /// How it is stopped.
    pub stop: StopPolicy,
    /// When it counts as ready.
    pub ready: Ready,
    /// How long it may take from spawn to ready; `None` waits for ever (`"never"` in the config).
    pub start_timeout: Option<Duration>,
    /// What must hold before it is started. Never a cycle: the plan checks it.
    pub after: Vec<After>,
    /// What follows when something it comes after ends.
    pub on_dependency_restart: OnDependencyRestart,
    /// The rules of the config that concern it, in the order they are asked: its own, then those
    /// for all units.
    pub rules: Arc<[Rule]>,
    /// How often it must give a sign of life once it is ready; `None`: it need not.
    pub watchdog: Option<Duration>,
    /// How often it must make progress once it is ready; `None`: it need not.
    pub progress_timeout: Option<Duration>,
    /// How its health is probed once it is ready.
    pub health: Option<Probing>,
}

/// Who says which instances of a unit run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// A service: all of them, for as long as it is wanted.
    Service,
    /// A pool: so many from the start on, the others whenever the pool asks for them. It is up as
    /// long as one of its workers is; with none ahead, as long as it is wanted.
    Pool {
        /// How many are started with the unit.
        ahead: u32,
    },
}

/// The most instances one unit may have.
pub const INSTANCES_MAX: u32 = 10_000;

/// One thing a unit waits for before it is started; it is stopped before that thing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct After {
    /// The unit waited for.
    pub unit: UnitIndex,
    /// What it must have reached, in all its instances.
    pub until: Until,
}

/// How far a dependency must have come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// Its program runs.
    Started,
    /// It is ready.
    Ready,
    /// It has ended with success and stays down (a oneshot).
    Succeeded,
}

/// What a unit does when one it comes after has come as far as it had to, and then ends.
/// (A oneshot that succeeded is no such thing: `until = "succeeded"` is not looked at again.)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnDependencyRestart {
    /// It runs on.
    Keep,
    /// It is stopped at once, and started again when the other has come as far again.
    Restart,
    /// It is stopped, and stays down until an operator starts it.
    Stop,
}

/// When a unit counts as ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ready {
    /// As soon as its program runs (the exec worked).
    Started,
    /// When it says so: on its line, to `NOTIFY_SOCKET`, by a newline, or in its log.
    Said,
    /// When a probe finds it ready.
    Probe(Probing),
}

/// The rhythm of a probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Probing {
    /// From the end of one probe to the start of the next.
    pub interval: Duration,
    /// How long one may take; then it is ended and counts as failed.
    pub timeout: Duration,
    /// How many may fail in a row before the child is stopped for it: 1 or more. `None`: any number.
    pub failures: Option<u32>,
}

/// Units that restart together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupPolicy {
    /// Its name.
    pub name: UnitName,
    /// Its units, in the order they are started. No unit is in two groups.
    pub units: Vec<UnitIndex>,
    /// Who is restarted when one of them is.
    pub strategy: Strategy,
    /// How many automatic restarts all of them together may have in how long.
    pub limit: Option<Limit>,
    /// What follows when the limit is reached.
    pub on_limit: GroupOnLimit,
}

/// Who is restarted with a unit of a group. (The names and their meaning are OTP's:
/// *supervisor(3erl)*.)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strategy {
    /// Nobody else.
    OneForOne,
    /// All units of the group.
    OneForAll,
    /// Those that stand after it in the group.
    RestForOne,
}

/// What follows when a group has used up its restart budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupOnLimit {
    /// All its units are stopped and stay down as `failed` until an operator starts them.
    Fail,
    /// The daemon shuts down with a non-zero exit code.
    ShutDown,
}

/// When an instance that ended by itself is started again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestartPolicy {
    /// The rule for an ending that nothing else decides.
    pub when: RestartWhen,
    /// The delay before each restart, growing from failure to failure.
    pub backoff: Backoff,
    /// The ready uptime that forgives past failures.
    pub settle: Duration,
    /// How many automatic restarts one instance may have in how long; `None` is `"unlimited"`.
    pub limit: Option<Limit>,
    /// What follows when the limit is reached.
    pub on_limit: OnLimit,
}

/// The last word on a restart, after everything else had its say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RestartWhen {
    /// Whatever it exits with.
    Always,
    /// Unless it exits with 0.
    OnFailure,
    /// Never; not even when the child asks for it. Such a unit is a oneshot.
    Never,
    /// Whatever it exits with; and a worker that ends in good order, having announced it or not, is
    /// replaced, and nothing is held against it.
    Worker,
    /// Never by itself: its pool starts it for the next task. However it ends, that is the task's
    /// matter, unless it could not be started or a rule says more.
    OnTask,
}

/// What follows when the restart budget is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnLimit {
    /// It stays down as `failed` until an operator starts it.
    Fail,
    /// It waits until the window has room again.
    Wait,
    /// The daemon shuts down with a non-zero exit code.
    ShutDown,
}

/// How a process is stopped: the signal, then CONT, then after the grace the whole tree is killed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StopPolicy {
    /// The signal that asks it to stop, by number (15 is TERM).
    pub signal: i32,
    /// How long it has from the signal to its exit.
    pub grace: Duration,
}
