//! The one place where core, proto, sys and config meet: conversions between their words.
//!
//! They know nothing of each other on purpose; what each calls a thing is translated here and
//! nowhere else.

use hearken_config::{Pool, Service};
use hearken_core::evidence::{self, Ending, Said, Scope, SpawnFailure, TypedError};
use hearken_core::gate::StartRate;
use hearken_core::kind::Kind;
use hearken_core::policy::UnitPolicy;
use hearken_core::supervision::{Plan, WhenIdle};
use hearken_proto as proto;
use hearken_sys as sys;
use std::time::Duration;

/// The plan of a config. `seed` feeds the jitter.
#[must_use]
pub(crate) fn plan(config: hearken_config::Config, seed: u64) -> Plan {
    let starts = config.supervisor.starts;
    Plan {
        units: units(config.services, config.pools),
        groups: config.groups,
        starts: StartRate { burst: starts.burst, per_second: starts.per_second },
        when_idle: match config.supervisor.when_idle {
            hearken_config::WhenIdle::Exit => WhenIdle::Exit,
            hearken_config::WhenIdle::Stay => WhenIdle::Stay,
        },
        seed,
    }
}

/// All units, by their index: services first.
fn units(services: Vec<Service>, pools: Vec<Pool>) -> Vec<UnitPolicy> {
    let pools = pools.into_iter().map(|pool| pool.unit);
    services.into_iter().chain(pools).map(|service| service.policy).collect()
}

/// The longest name a child may give to something, in bytes: codes, targets, versions. Whatever is
/// longer is cut, for names stand in every line of the log.
const NAME_MAX: usize = 256;

/// A name a child gave, no longer than names may be.
#[must_use]
pub(crate) fn name(given: &str) -> &str {
    let end = (0..=NAME_MAX.min(given.len())).rev().find(|at| given.is_char_boundary(*at));
    given.get(..end.unwrap_or_default()).unwrap_or_default()
}

/// An error on the line as the core's.
#[must_use]
pub(crate) fn typed_error(error: &proto::ErrorMessage) -> TypedError {
    TypedError {
        kind: kind(error.kind),
        code: name(&error.code).to_owned(),
        message: error.message.as_str().to_owned(),
        retryable: error.retryable,
        retry_after: error.retry_after_ms.map(Duration::from_millis),
        scope: error.scope.map(scope),
    }
}

fn kind(kind: proto::ErrorKind) -> Kind {
    match kind {
        proto::ErrorKind::Transient => Kind::Transient,
        proto::ErrorKind::Timeout => Kind::Timeout,
        proto::ErrorKind::RateLimited => Kind::RateLimited,
        proto::ErrorKind::Unavailable => Kind::Unavailable,
        proto::ErrorKind::Conflict => Kind::Conflict,
        proto::ErrorKind::Resource => Kind::Resource,
        proto::ErrorKind::Invalid => Kind::Invalid,
        proto::ErrorKind::NotFound => Kind::NotFound,
        proto::ErrorKind::Denied => Kind::Denied,
        proto::ErrorKind::Config => Kind::Config,
        proto::ErrorKind::Bug => Kind::Bug,
        proto::ErrorKind::Cancelled => Kind::Cancelled,
        proto::ErrorKind::Crashed => Kind::Crashed,
        proto::ErrorKind::Oom => Kind::Oom,
        proto::ErrorKind::Lost => Kind::Lost,
        proto::ErrorKind::Protocol => Kind::Protocol,
        proto::ErrorKind::StartFailed => Kind::StartFailed,
    }
}

/// An announced intent as the core's.
#[must_use]
pub(crate) fn exiting(intent: proto::Intent) -> Said {
    Said::Exiting(match intent {
        proto::Intent::Done => evidence::Intent::Done,
        proto::Intent::Retry => evidence::Intent::Retry,
        proto::Intent::RestartNow => evidence::Intent::RestartNow,
        proto::Intent::StayDown => evidence::Intent::StayDown,
    })
}

/// A wait status as the core's ending; `None` while the process lives on.
#[must_use]
pub(crate) fn ending(status: sys::Status) -> Option<Ending> {
    match status {
        sys::Status::Exited { code } => Some(Ending::Exited(code)),
        sys::Status::Killed { signal, core_dumped } => {
            Some(Ending::Killed { signal: signal.number(), core_dumped })
        }
        sys::Status::Stopped { .. } | sys::Status::Continued => None,
    }
}

/// A failed spawn as the core's. Permanent is what the next try would meet again until somebody
/// mends it: a program or directory that is missing, not allowed, or not what it should be.
#[must_use]
pub(crate) fn spawn_failure(stage: sys::Stage, errno: sys::Errno) -> SpawnFailure {
    let about_a_path = matches!(stage, sys::Stage::Exec | sys::Stage::Directory);
    let permanent = about_a_path
        && matches!(
            errno.name(),
            "ENOENT"
                | "EACCES"
                | "ENOEXEC"
                | "ENOTDIR"
                | "EISDIR"
                | "ELOOP"
                | "ENAMETOOLONG"
                | "E2BIG"
                | "EINVAL"
                | "EPERM"
        );
    SpawnFailure { stage: stage.as_str(), errno: errno.get(), permanent }
}

/// What an operator can do about a failed spawn.
#[must_use]
pub(crate) fn spawn_help(failure: SpawnFailure) -> &'static str {
    match (failure.stage, sys::Errno::new(failure.errno).name()) {
        ("exec", "ENOENT") => {
            "check the path, and PATH in the unit's environment; for a script, the interpreter in its `#!` line may be what is missing"
        }
        ("exec", "EACCES") => {
            "make it executable (chmod +x), and check the folders above it and noexec mounts"
        }
        ("exec", "ENOEXEC") => {
            "it is no program for this machine: a script needs a `#!` line, a binary must be of this architecture"
        }
        ("directory", _) => "check `directory` in the unit",
        ("fork_server", _) => "it is tried again with a new fork server",
        ("fork", "EAGAIN") => {
            "a limit on processes is reached (ulimit -u, pids.max, threads-max); it is tried again"
        }
        ("fork", "ENOMEM") => "the machine is out of memory; it is tried again",
        (_, "EMFILE" | "ENFILE") => {
            "no descriptor is left: raise the limit (ulimit -n); it is tried again"
        }
        _ => "see errno(3)",
    }
}

/// What an error on the line is about.
#[must_use]
pub(crate) fn scope(scope: proto::Scope) -> Scope {
    match scope {
        proto::Scope::Task => Scope::Task,
        proto::Scope::Worker => Scope::Worker,
        proto::Scope::Dependency => Scope::Dependency,
        proto::Scope::Service => Scope::Service,
    }
}

/// The type of a metric, in full.
#[must_use]
pub(crate) fn metric_type(of: proto::MetricType) -> &'static str {
    match of {
        proto::MetricType::Counter => "counter",
        proto::MetricType::Gauge => "gauge",
        proto::MetricType::Histogram => "histogram",
    }
}

/// What is spoken on the lines of a service; `None`: nothing.
#[must_use]
pub(crate) fn line_mode(mode: hearken_config::LineMode) -> Option<proto::Mode> {
    match mode {
        hearken_config::LineMode::MessagePack => Some(proto::Mode::MessagePack),
        hearken_config::LineMode::Json => Some(proto::Mode::Json),
        hearken_config::LineMode::None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_cut_between_two_characters() {
        assert_eq!(name("db.deadlock"), "db.deadlock");
        let long = "\u{e9}".repeat(200);
        assert_eq!(name(&long).len(), 256);
        let odd = format!("x{long}");
        assert_eq!(name(&odd).len(), 255);
    }
}
