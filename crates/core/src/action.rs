//! What the core asks of the shell, and what it tells it.

use crate::evidence::{Evidence, StopCause};
use crate::identity::{GroupIndex, InstanceId, Token, UnitIndex};
use crate::judge::{Judgement, Verdict};
use std::time::Duration;

/// One thing for the shell to do. Actions are performed in the order they come out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Start the program of this instance; answer with `Spawned` or `SpawnFailed` of this token.
    Spawn {
        /// For whom.
        id: InstanceId,
        /// Names the spawn.
        token: Token,
        /// The how-manieth process of the instance this is, from 1.
        incarnation: u32,
    },
    /// Say `drain` on its line: the signal that asks it to stop follows at once.
    Drain {
        /// Whose line.
        token: Token,
        /// How long it has.
        grace: Duration,
        /// Why it is stopped.
        cause: StopCause,
    },
    /// Send its process this signal.
    Signal {
        /// Which process.
        token: Token,
        /// The signal's number.
        signal: i32,
    },
    /// Kill its whole tree. When the process is not known yet, kill it as soon as it is.
    KillTree {
        /// Whose tree.
        token: Token,
    },
    /// Probe this process; answer with `Probed` of this number.
    Probe {
        /// Whom.
        token: Token,
        /// What for.
        purpose: Purpose,
        /// The how-manieth probe of this process, from 1: an answer to another is history.
        number: u32,
    },
    /// End this probe, and whatever it started: it is late, or nobody waits for it any more.
    EndProbe {
        /// Of which process.
        token: Token,
        /// Which probe.
        number: u32,
    },
    /// It was judged: close its line and its pipes, and kill what is left of its tree.
    Release {
        /// Which process.
        token: Token,
    },
    /// Tell the world.
    Report(Report),
    /// Everything is down and nothing will come back: leave.
    Leave(Outcome),
}

/// What a probe is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To find out whether it is ready.
    Readiness,
    /// To find out whether it still does its work.
    Health,
}

/// How the supervisor ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// As it should.
    Clean,
    /// A critical unit failed for good.
    CriticalFailed(UnitIndex),
    /// A unit used up its restart budget, and its config says that this ends the daemon.
    LimitReached(UnitIndex),
    /// A group used up its restart budget, and its config says that this ends the daemon.
    GroupLimitReached(GroupIndex),
    /// A rule about this unit says that this ends the daemon.
    RuleShutDown(UnitIndex),
    /// Something would not die and was left behind.
    Abandoned,
}

/// Something that happened, for the logs and for whoever asks later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    /// The unit has to wait for others before it starts.
    Waiting {
        /// Who waits.
        unit: UnitIndex,
        /// For whom, still.
        on: Vec<UnitIndex>,
    },
    /// Its program runs.
    Started {
        /// Who.
        id: InstanceId,
        /// Its process id.
        pid: i32,
        /// The how-manieth process of the instance.
        incarnation: u32,
    },
    /// It is ready.
    Ready {
        /// Who.
        id: InstanceId,
        /// How long that took from the spawn.
        after: Duration,
    },
    /// It is being asked to stop.
    Stopping {
        /// Who.
        id: InstanceId,
        /// Why.
        cause: StopCause,
        /// The signal it gets.
        signal: i32,
        /// How long it has.
        grace: Duration,
    },
    /// It had its time; its tree is killed.
    Killing {
        /// Who.
        id: InstanceId,
        /// Why it was being stopped.
        cause: StopCause,
        /// How long it was asked nicely; zero when it was not asked at all.
        after: Duration,
    },
    /// It closed its line and still runs; it is stopped. (Not said at the hang-up: nearly every
    /// child that ends hangs up a moment before its exit is seen.)
    LineLost {
        /// Who.
        id: InstanceId,
        /// How long it had to end by itself.
        after: Duration,
    },
    /// It said an error and runs on, and a rule or the table makes something of that.
    Reacted {
        /// Who.
        id: InstanceId,
        /// What, and who decided.
        verdict: Verdict,
    },
    /// It reads its configuration again.
    Reloading {
        /// Who.
        id: InstanceId,
    },
    /// It has read its configuration again.
    Reloaded {
        /// Who.
        id: InstanceId,
        /// How long that took.
        after: Duration,
    },
    /// No instance of this unit is started again for a while.
    Paused {
        /// Which unit.
        unit: UnitIndex,
        /// For how long.
        length: Duration,
    },
    /// A group starts again together.
    GroupRestarting {
        /// Which group.
        group: GroupIndex,
        /// For whose sake.
        because: InstanceId,
        /// Who is stopped and started again, in the order of their start.
        units: Vec<UnitIndex>,
    },
    /// A group used up its restart budget: all its units stay down.
    GroupFailed {
        /// Which group.
        group: GroupIndex,
        /// Whose restart was one too many.
        because: InstanceId,
    },
    /// It ended and was judged.
    Ended {
        /// Who.
        id: InstanceId,
        /// Its process id, if it ever ran.
        pid: Option<i32>,
        /// The how-manieth process of the instance.
        incarnation: u32,
        /// What is known of the end.
        evidence: Box<Evidence>,
        /// What follows.
        judgement: Judgement,
        /// How long until it is started again, if it is.
        restart_in: Option<Duration>,
    },
    /// Even SIGKILL did not end it (state D, most likely). It is left behind.
    Abandoned {
        /// Who.
        id: InstanceId,
        /// The process that would not die; `None` when it was never known.
        pid: Option<i32>,
    },
    /// What had been left behind has ended after all; how, and what follows, says the
    /// [`Report::Ended`] that comes next.
    EndedLate {
        /// Who.
        id: InstanceId,
        /// The process.
        pid: Option<i32>,
    },
    /// The supervisor itself was stopped or starved; what could look dead for that got more time.
    Stalled {
        /// For how long.
        by: Duration,
        /// How many deadlines moved.
        moved: usize,
    },
    /// The shutdown began.
    ShuttingDown {
        /// Why: `None` when somebody asked for it.
        because: Option<Outcome>,
    },
    /// Every unit is down for good.
    Idle,
}
