//! What happened and what was decided, in words.

use super::scenario::{Command, Deed};
use super::span::{show, visible};
use hearken_core::action::Outcome;
use hearken_core::evidence::{End, Ending, Evidence, SpawnFailure, TypedError};
use hearken_core::identity::{GroupIndex, InstanceId, UnitIndex};
use hearken_core::judge::{DecidedBy, Next, Pace};
use hearken_core::kind::Kind;
use hearken_core::policy::{RestartPolicy, RestartWhen};
use hearken_core::supervision::Supervision;
use hearken_core::verdict::{InstanceVerdict, UnitVerdict};
use std::time::Duration;

/// The names of a plan.
#[derive(Debug, Clone, Copy)]
pub(super) struct Names<'a>(pub(super) &'a Supervision);

impl Names<'_> {
    pub(super) fn unit(self, unit: UnitIndex) -> String {
        self.0.policy(unit).map_or_else(|| "?".into(), |policy| policy.name.to_string())
    }

    pub(super) fn units(self, units: &[UnitIndex]) -> String {
        let names: Vec<_> = units.iter().map(|unit| self.unit(*unit)).collect();
        names.join(", ")
    }

    pub(super) fn instance(self, id: InstanceId) -> String {
        format!("{}#{}", self.unit(id.unit), id.slot)
    }

    pub(super) fn group(self, group: GroupIndex) -> String {
        self.0.group(group).map_or_else(|| "?".into(), |group| group.name.to_string())
    }

    /// The rule that decided, if one did, as people find it again.
    pub(super) fn rule(self, unit: UnitIndex, by: DecidedBy) -> Option<String> {
        let DecidedBy::Rule(place) = by else { return None };
        let rule = self.0.policy(unit)?.rules.get(place as usize)?;
        Some(visible(&rule.label))
    }

    pub(super) fn command(self, command: Command) -> String {
        let unit = command.unit().map(|unit| self.unit(unit)).unwrap_or_default();
        match command {
            Command::Scale(_, instances) => format!("scales {unit} to {instances}"),
            Command::Start(_) => format!("starts {unit}"),
            Command::Stop(_) => format!("stops {unit}"),
            Command::Restart(_) => format!("restarts {unit}"),
            Command::Shutdown => "shuts down".into(),
            Command::ShutdownNow => "shuts down, now and by force".into(),
        }
    }

    /// Why the daemon ends.
    pub(super) fn outcome(self, outcome: Outcome) -> String {
        match outcome {
            Outcome::Clean => "everything is down; exit code 0".into(),
            Outcome::CriticalFailed(unit) => {
                format!("the critical unit {} failed; exit code 1", self.unit(unit))
            }
            Outcome::LimitReached(unit) => format!(
                "{} used up its restart budget (on_limit = \"shut_down\"); exit code 1",
                self.unit(unit)
            ),
            Outcome::GroupLimitReached(group) => format!(
                "the group {} used up its restart budget (on_limit = \"shut_down\"); exit code 1",
                self.group(group)
            ),
            Outcome::RuleShutDown(unit) => format!(
                "a rule about {} says so (unit = \"shut_down\"); exit code 1",
                self.unit(unit)
            ),
            Outcome::Abandoned => "a process would not die; exit code 1".into(),
        }
    }
}

/// An error in a few words.
pub(super) fn error(error: &TypedError) -> String {
    let mut words = visible(&error.code);
    if error.kind.as_str() != error.code {
        words = format!("{} {words}", error.kind);
    }
    if let Some(asked) = error.retry_after {
        words += &format!(", retry after {}", show(asked));
    }
    match error.retryable {
        Some(true) => words += ", retryable",
        Some(false) => words += ", not retryable",
        None => {}
    }
    if let Some(scope) = error.scope {
        words += &format!(", about the {}", scope.as_str());
    }
    words
}

/// What a process says.
pub(super) fn said(deed: &Deed) -> String {
    let mut parts = Vec::new();
    if let Some(it) = &deed.error {
        parts.push(format!("says {}", error(it)));
    }
    if let Some(intent) = deed.intent {
        parts.push(format!("announces {}", intent.as_str()));
    }
    parts.join(", ")
}

/// What a process does, as a step of a scenario has it.
pub(super) fn deed(deed: &Deed) -> String {
    let mut parts = vec![said(deed)];
    parts.extend(deed.end.map(ending));
    parts.retain(|part| !part.is_empty());
    parts.join(", ")
}

/// How a process ends.
pub(super) fn ending(of: Ending) -> String {
    match of {
        Ending::Exited(code) => format!("exits with code {code}"),
        Ending::Killed { signal, .. } => format!("dies by {}", crate::report::signal_name(signal)),
    }
}

/// Why it does not start.
pub(super) fn start_failure(failure: SpawnFailure) -> String {
    let errno = hearken_sys::Errno::new(failure.errno).name();
    format!("cannot be started ({}: {errno})", visible(failure.stage))
}

/// How an incarnation came to its end.
pub(super) fn end(of: End) -> String {
    match of {
        End::Process(it) => ending(it),
        End::SpawnFailed(failure) => start_failure(failure),
    }
}

/// Who decided, in the words of the config.
pub(super) fn decider(
    names: Names<'_>,
    unit: UnitIndex,
    by: DecidedBy,
    kind: Option<Kind>,
    policy: &RestartPolicy,
) -> String {
    names.rule(unit, by).unwrap_or_else(|| voice(by, kind, policy))
}

/// Who decided, if it was no rule that can be named.
pub(super) fn voice(by: DecidedBy, kind: Option<Kind>, policy: &RestartPolicy) -> String {
    match by {
        DecidedBy::Operator => "the operator".into(),
        DecidedBy::Shutdown => "the shutdown".into(),
        DecidedBy::Group => "its group".into(),
        DecidedBy::Dependency => "what it comes after".into(),
        DecidedBy::Unit => "its unit failed".into(),
        DecidedBy::Intent => "what it announced".into(),
        DecidedBy::Rule(place) => format!("rule {}", place.saturating_add(1)),
        DecidedBy::Hint => "its own hint (retryable)".into(),
        DecidedBy::Supervisor | DecidedBy::Error | DecidedBy::Exit => match kind {
            Some(kind) => format!("the table: {kind}"),
            None => "the table".into(),
        },
        DecidedBy::Policy => format!("restart.policy = {}", when(policy.when)),
        DecidedBy::Budget => "restart.limit".into(),
        DecidedBy::Task => "its task".into(),
    }
}

fn when(when: RestartWhen) -> &'static str {
    match when {
        RestartWhen::Always => "always",
        RestartWhen::OnFailure => "on_failure",
        RestartWhen::Never => "never",
        RestartWhen::Worker => "worker",
        RestartWhen::OnTask => "on_task",
    }
}

/// What follows an end.
pub(super) fn next(next: Next, restart_in: Option<Duration>) -> String {
    match (next, restart_in) {
        (_, Some(Duration::ZERO)) => "again at once".into(),
        (_, Some(delay)) => format!("again in {}", show(delay)),
        (Next::Held, None) => "waits for others".into(),
        (Next::Stopped, None) => "stays down".into(),
        (Next::Finished, None) => "has finished".into(),
        (Next::Failed | Next::Restart { .. }, None) => "failed".into(),
    }
}

/// What is made of an error of a child that runs on.
pub(super) fn verdict(instance: InstanceVerdict, unit: UnitVerdict) -> String {
    let process = match instance {
        InstanceVerdict::Keep => "runs on",
        InstanceVerdict::Recycle => "is recycled",
        InstanceVerdict::Replace => "is replaced",
        InstanceVerdict::Stop => "is stopped",
    };
    match unit {
        UnitVerdict::None | UnitVerdict::Count => process.into(),
        UnitVerdict::Pause => format!("{process}, unit pauses"),
        UnitVerdict::Fail => "is stopped, unit fails".into(),
        UnitVerdict::ShutDown => "all shut down".into(),
    }
}

/// What brought the delay about that a child asked for, when it is not just that.
pub(super) fn asked(next: Next) -> Option<String> {
    let Next::Restart { pace: Pace::Asked(asked, within), .. } = next else { return None };
    let given = within.clamp(asked);
    (given != asked).then(|| {
        let bound = if given < asked { "max_delay" } else { "delay" };
        format!("it asked for {}, {bound} is {}", show(asked), show(given))
    })
}

/// The kind of an end, for the table.
pub(super) fn kind(evidence: &Evidence) -> Option<Kind> {
    evidence.kind()
}
