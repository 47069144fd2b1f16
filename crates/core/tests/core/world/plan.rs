//! Plans, moments and words for the tests.

use hearken_core::backoff::Backoff;
use hearken_core::budget::Limit;
use hearken_core::evidence::{Intent, Said, SpawnFailure, TypedError};
use hearken_core::identity::{InstanceId, UnitIndex, UnitName};
use hearken_core::judge::{Next, Pace};
use hearken_core::kind::Kind;
use hearken_core::policy::{
    After, OnDependencyRestart, OnLimit, Ready, RestartPolicy, RestartWhen, Role, StopPolicy,
    UnitPolicy, Until,
};
use std::time::Duration;

pub(crate) const TERM: i32 = 15;
pub(crate) const KILL: i32 = 9;
pub(crate) const CONT: i32 = 18;
pub(crate) const ENOENT: SpawnFailure = SpawnFailure { stage: "exec", errno: 2, permanent: true };
pub(crate) const EAGAIN: SpawnFailure = SpawnFailure { stage: "fork", errno: 11, permanent: false };

pub(crate) fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

pub(crate) fn s(s: u64) -> Duration {
    Duration::from_secs(s)
}

pub(crate) fn nth(unit: u32, slot: u32) -> InstanceId {
    InstanceId { unit: UnitIndex(unit), slot }
}

/// The only instance of the first unit.
pub(crate) const WEB: InstanceId = InstanceId { unit: UnitIndex(0), slot: 1 };

/// A unit with plain habits: restarts on failure after 200 ms, up to 1 min; five times a minute;
/// ready once it runs; 10 s to stop.
pub(crate) fn service(name: &str, change: impl FnOnce(&mut UnitPolicy)) -> UnitPolicy {
    let mut policy = UnitPolicy {
        name: UnitName::new(name).unwrap(),
        instances: 1,
        role: Role::Service,
        critical: false,
        restart: RestartPolicy {
            when: RestartWhen::OnFailure,
            backoff: backoff(),
            settle: s(30),
            limit: Some(Limit::new(5, s(60)).unwrap()),
            on_limit: OnLimit::Fail,
        },
        stop: StopPolicy { signal: TERM, grace: s(10) },
        ready: Ready::Started,
        start_timeout: Some(s(30)),
        after: Vec::new(),
        on_dependency_restart: OnDependencyRestart::Keep,
        rules: [].into(),
        watchdog: None,
        progress_timeout: None,
        health: None,
    };
    change(&mut policy);
    policy
}

pub(crate) fn after(unit: u32, until: Until) -> After {
    After { unit: UnitIndex(unit), until }
}

pub(crate) fn error(kind: Kind) -> TypedError {
    TypedError {
        kind,
        code: "a.code".into(),
        message: "words".into(),
        retryable: None,
        retry_after: None,
        scope: None,
    }
}

/// The backoff of [`service`].
pub(crate) fn backoff() -> Backoff {
    Backoff::new(ms(200), s(60)).unwrap()
}

/// To be started again after that backoff.
pub(crate) fn again(counted: bool) -> Next {
    Next::Restart { pace: Pace::Backoff(backoff()), counted }
}

pub(crate) fn exiting(intent: Intent) -> Said {
    Said::Exiting(intent)
}
