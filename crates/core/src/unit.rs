//! The instances of one unit, and how it stands as a whole.

use crate::identity::{InstanceId, UnitIndex};
use crate::instance::{Instance, Rest, Standing};
use crate::policy::{UnitPolicy, Until};

/// What became of the wish that a unit shall run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Going {
    /// Nobody wants it to run.
    Off,
    /// It shall run, once everything it comes after has come far enough.
    Held,
    /// Its instances were told to start.
    On,
}

/// One unit of the plan.
#[derive(Debug)]
pub struct Unit {
    /// What the config asks of it.
    pub policy: UnitPolicy,
    /// What became of the wish that it shall run.
    pub going: Going,
    /// Its slots; the first `policy.instances` of them are in use.
    pub instances: Vec<Instance>,
    /// How many instances have a process, or one to come.
    pub active: u32,
}

impl Unit {
    /// A unit whose instances hold nothing yet.
    #[must_use]
    pub fn new(index: UnitIndex, policy: UnitPolicy) -> Self {
        let mut unit = Self { policy, going: Going::Off, instances: Vec::new(), active: 0 };
        unit.resize(index, unit.policy.instances);
        unit
    }

    /// Makes room for `instances` slots; slots above stay until their process is gone.
    pub fn resize(&mut self, index: UnitIndex, instances: u32) {
        self.policy.instances = instances;
        let have = u32::try_from(self.instances.len()).unwrap_or(u32::MAX);
        // Most units have one; a vector would make room for four.
        self.instances.reserve_exact(instances.saturating_sub(have) as usize);
        for slot in have + 1..=instances {
            self.instances.push(Instance::new(InstanceId { unit: index, slot }));
        }
    }

    /// The slots in use.
    pub fn in_use(&self) -> impl Iterator<Item = &Instance> {
        self.instances.iter().take(self.policy.instances as usize)
    }

    /// Whether it has come as far as a dependent waits for.
    #[must_use]
    pub fn has_come(&self, until: Until) -> bool {
        self.in_use().all(|instance| match (until, instance.standing()) {
            (Until::Started, Standing::Starting { running }) => running,
            (Until::Started | Until::Ready, Standing::Ready)
            | (_, Standing::Down(Rest::Finished)) => true,
            (Until::Ready | Until::Succeeded, Standing::Starting { .. })
            | (Until::Succeeded, Standing::Ready)
            | (_, Standing::Down(Rest::New | Rest::Stopped | Rest::Failed))
            | (_, Standing::Backoff | Standing::Stopping | Standing::Abandoned) => false,
        })
    }
}
