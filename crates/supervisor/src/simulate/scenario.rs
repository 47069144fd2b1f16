//! What is to happen in a simulation: the part of the world that is written down.

use hearken_core::evidence::{Ending, Intent, SpawnFailure, TypedError};
use hearken_core::identity::{InstanceId, UnitIndex};
use hearken_core::supervision::Event;
use std::time::Duration;

/// A whole scenario.
#[derive(Debug, Clone)]
pub(super) struct Scenario {
    /// What the processes of some units do, start by start.
    pub(super) faults: Vec<Fault>,
    /// What happens at given moments, in their order.
    pub(super) steps: Vec<Step>,
    /// How long the processes of each unit take to be ready, by unit.
    pub(super) ready_after: Vec<Duration>,
    /// How far it goes.
    pub(super) length: Duration,
    /// Where jitter comes from.
    pub(super) seed: u64,
    /// Whose story it is: of the other units, an undisturbed start is not told.
    pub(super) about: Option<UnitIndex>,
}

/// One instance of a unit, or all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Who {
    pub(super) unit: UnitIndex,
    pub(super) slot: Option<u32>,
}

impl Who {
    pub(super) fn means(self, id: InstanceId) -> bool {
        self.unit == id.unit && self.slot.is_none_or(|slot| slot == id.slot)
    }
}

/// What the next starts of somebody come to.
#[derive(Debug, Clone)]
pub(super) struct Fault {
    pub(super) who: Who,
    /// How often, for each instance.
    pub(super) times: u32,
    pub(super) fate: Fate,
}

/// What a start comes to.
#[derive(Debug, Clone)]
pub(super) enum Fate {
    /// The program cannot be started.
    StartFails(SpawnFailure),
    /// The process lives so long, then does this.
    Does { after: Duration, deed: Deed },
}

/// What a process does.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Deed {
    /// An error it says.
    pub(super) error: Option<TypedError>,
    /// What it announces.
    pub(super) intent: Option<Intent>,
    /// How it then ends; `None`: it runs on.
    pub(super) end: Option<Ending>,
}

/// Something at a given moment.
#[derive(Debug, Clone)]
pub(super) struct Step {
    pub(super) at: Duration,
    pub(super) act: Act,
}

/// What happens then.
#[derive(Debug, Clone)]
pub(super) enum Act {
    /// A running process does something; and so do the next ones, `more` times, each after it has
    /// run for so long.
    Deed { who: Who, deed: Deed, more: u32, runs: Duration },
    /// From now on, starts fail: so many of each instance.
    StartsFail { who: Who, failure: SpawnFailure, times: u32 },
    /// An operator commands something.
    Operator(Command),
}

/// What an operator may command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Command {
    Start(UnitIndex),
    Stop(UnitIndex),
    Restart(UnitIndex),
    Scale(UnitIndex, u32),
    Shutdown,
    ShutdownNow,
}

impl Command {
    pub(super) const WORDS: [&str; 6] =
        ["start", "stop", "restart", "scale", "shutdown", "shutdown_now"];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Start(_) => "start",
            Self::Stop(_) => "stop",
            Self::Restart(_) => "restart",
            Self::Scale(..) => "scale",
            Self::Shutdown => "shutdown",
            Self::ShutdownNow => "shutdown_now",
        }
    }

    /// The unit it is about.
    pub(super) fn unit(self) -> Option<UnitIndex> {
        match self {
            Self::Start(unit) | Self::Stop(unit) | Self::Restart(unit) | Self::Scale(unit, _) => {
                Some(unit)
            }
            Self::Shutdown | Self::ShutdownNow => None,
        }
    }

    pub(super) fn event(self) -> Event {
        match self {
            Self::Start(unit) => Event::Start(unit),
            Self::Stop(unit) => Event::Stop(unit),
            Self::Restart(unit) => Event::Restart(unit),
            Self::Scale(unit, instances) => Event::Scale(unit, instances),
            Self::Shutdown => Event::Shutdown,
            Self::ShutdownNow => Event::ShutdownNow,
        }
    }
}
