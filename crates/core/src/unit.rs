//! The instances of one unit, and how it stands as a whole.

use crate::identity::{InstanceId, UnitIndex};
use crate::instance::{Instance, Rest, Standing};
use crate::moment::Moment;
use crate::policy::{Role, UnitPolicy, Until};

/// What became of the wish that a unit shall run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Going {
    /// Nobody wants it to run.
    Off,
    /// It shall run, once everything it comes after has come far enough.
    Held,
    /// Its instances were told to start.
    On,
    /// It is down for the sake of others, and goes on once they have come far enough again.
    Suspended,
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
    /// No instance is started again by itself before this.
    pub paused_until: Moment,
}

impl Unit {
    /// A unit whose instances hold nothing yet.
    #[must_use]
    pub fn new(index: UnitIndex, policy: UnitPolicy) -> Self {
        let mut unit = Self {
            policy,
            going: Going::Off,
            instances: Vec::new(),
            active: 0,
            paused_until: Moment::START,
        };
        unit.resize(index, unit.policy.instances);
        unit
    }

    /// Makes room for `instances` slots; slots above stay until their process is gone.
    pub fn resize(&mut self, index: UnitIndex, instances: u32) {
        let before = std::mem::replace(&mut self.policy.instances, instances);
        let have = u32::try_from(self.instances.len()).unwrap_or(u32::MAX);
        // Most units have one; a vector would make room for four.
        self.instances.reserve_exact(instances.saturating_sub(have) as usize);
        for it in self.instances.iter_mut().skip(before as usize) {
            it.renew();
        }
        for slot in have + 1..=instances {
            self.instances.push(Instance::new(InstanceId { unit: index, slot }));
        }
    }

    /// The slots in use.
    pub fn in_use(&self) -> impl Iterator<Item = &Instance> {
        self.instances.iter().take(self.policy.instances as usize)
    }

    /// The slots that run when the unit does: of a pool those it has ahead, and whatever is under way.
    pub fn to_run(&self) -> impl Iterator<Item = &Instance> {
        let ahead = match self.policy.role {
            Role::Service => u32::MAX,
            Role::Pool { ahead } => ahead,
        };
        self.in_use()
            .filter(move |it| it.id().slot <= ahead || !matches!(it.standing(), Standing::Down(_)))
    }

    /// Whether it has come as far as a dependent waits for.
    #[must_use]
    pub fn has_come(&self, until: Until) -> bool {
        let come = |instance: &Instance| Self::instance_has_come(instance, until);
        match self.policy.role {
            Role::Service => self.in_use().all(come),
            Role::Pool { ahead: 0 } => self.going == Going::On,
            // One that was let go is no success of the whole.
            Role::Pool { .. } => {
                self.to_run().any(|it| come(it) && it.standing() != Standing::Down(Rest::Finished))
            }
        }
    }

    fn instance_has_come(instance: &Instance, until: Until) -> bool {
        match (until, instance.standing()) {
            (Until::Started, Standing::Starting { running }) => running,
            (Until::Started | Until::Ready, Standing::Ready)
            | (_, Standing::Down(Rest::Finished)) => true,
            (Until::Ready | Until::Succeeded, Standing::Starting { .. })
            | (Until::Succeeded, Standing::Ready)
            | (_, Standing::Down(Rest::New | Rest::Stopped | Rest::Failed))
            | (_, Standing::Held | Standing::Backoff | Standing::Stopping | Standing::Abandoned) => {
                false
            }
        }
    }

    /// Whether any instance has a process, or has asked for one.
    #[must_use]
    pub fn has_process(&self) -> bool {
        self.instances.iter().any(|instance| instance.standing().has_process())
    }

    /// Whether nobody has to wait for it any more: every instance is ready, or down for good.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        let settled = |it: Standing| matches!(it, Standing::Ready | Standing::Down(_));
        self.in_use().all(|instance| settled(instance.standing()))
    }
}
