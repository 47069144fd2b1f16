//! What the core reports, as log events.

use crate::convert;
use crate::events::{
    Abandoned, EndedLate, ErrorAnswered, Exited, Failed, Finished, GroupFailed, GroupRestarting,
    Held, Idle, Killing, LineLost, Paused, ReadyNow, Reloaded, Reloading, Restarting, ShuttingDown,
    Stalled, StartFailed, Started, Stopped, Stopping, Waiting, ms,
};
use crate::spawner::{CANCELLED, Recipe};
use hearken_core::action::{Outcome, Report};
use hearken_core::evidence::{End, Ending, Evidence, StopCause};
use hearken_core::identity::{GroupIndex, InstanceId, UnitIndex};
use hearken_core::judge::{self, DecidedBy, Judgement, Next};
use hearken_core::kind::Kind;
use hearken_core::policy::Ready;
use hearken_core::supervision::{Supervision, WhenIdle};
use hearken_sys::{Errno, Signal};
use std::time::Duration;

/// The names that reports have to be told in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Teller<'a> {
    /// By unit.
    pub(crate) recipes: &'a [Recipe],
    /// Who knows how many are active.
    pub(crate) supervision: &'a Supervision,
    /// What happens when nothing is left to run.
    pub(crate) when_idle: WhenIdle,
}

impl Teller<'_> {
    fn recipe(&self, unit: UnitIndex) -> Option<&Recipe> {
        self.recipes.get(unit.0 as usize)
    }

    fn unit(&self, unit: UnitIndex) -> &str {
        self.recipe(unit).map_or("?", |recipe| &recipe.unit)
    }

    fn instance(&self, id: InstanceId) -> String {
        format!("{}#{}", self.unit(id.unit), id.slot)
    }

    fn names(&self, units: &[UnitIndex]) -> String {
        let names: Vec<_> = units.iter().map(|unit| self.unit(*unit)).collect();
        names.join(", ")
    }

    fn group(&self, group: GroupIndex) -> &str {
        self.supervision.group(group).map_or("?", |group| group.name.as_str())
    }

    /// The rule that decided, if one did, as people find it again.
    fn rule(&self, unit: UnitIndex, decided_by: DecidedBy) -> Option<&str> {
        let DecidedBy::Rule(place) = decided_by else { return None };
        let rules = &self.supervision.policy(unit)?.rules;
        rules.get(place as usize).map(|rule| &*rule.label)
    }

    fn is_ready_when_started(&self, unit: UnitIndex) -> bool {
        self.supervision.policy(unit).is_some_and(|policy| policy.ready == Ready::Started)
    }

    /// Why the supervisor ends, when nobody asked for it.
    #[must_use]
    pub(crate) fn outcome(&self, outcome: Outcome) -> Option<String> {
        match outcome {
            Outcome::Clean => None,
            Outcome::CriticalFailed(unit) => {
                Some(format!("the critical unit {} failed", self.unit(unit)))
            }
            Outcome::LimitReached(unit) => Some(format!(
                "{} used up its restart budget (on_limit = \"shut_down\")",
                self.unit(unit)
            )),
            Outcome::GroupLimitReached(group) => Some(format!(
                "the group {} used up its restart budget (on_limit = \"shut_down\")",
                self.group(group)
            )),
            Outcome::RuleShutDown(unit) => {
                Some(format!("a rule about {} says so (unit = \"shut_down\")", self.unit(unit)))
            }
            Outcome::Abandoned => Some("a process that would not die was left behind".into()),
        }
    }

    /// Logs one report.
    pub(crate) fn tell(&self, report: &Report) {
        match report {
            Report::Waiting { unit, on } => {
                Waiting { unit: self.unit(*unit), on: &self.names(on) }.emit();
            }
            Report::Started { id, pid, incarnation } => {
                let (unit, instance) = (self.unit(id.unit), id.slot);
                Started { unit, instance, pid: *pid, incarnation: *incarnation }.emit();
            }
            // Where ready is started, one line says both.
            Report::Ready { id, .. } if self.is_ready_when_started(id.unit) => {}
            Report::Ready { id, after } => {
                ReadyNow { unit: self.unit(id.unit), instance: id.slot, after_ms: ms(*after) }
                    .emit();
            }
            Report::Stopping { id, cause, signal, grace } => {
                let signal = signal_name(*signal);
                let (unit, instance, cause) = (self.unit(id.unit), id.slot, cause.as_str());
                Stopping { unit, instance, cause, signal: &signal, grace_ms: ms(*grace) }.emit();
            }
            Report::Killing { id, cause, after } => {
                let (unit, instance, cause) = (self.unit(id.unit), id.slot, cause.as_str());
                Killing { unit, instance, cause, after_ms: ms(*after) }.emit();
            }
            Report::LineLost { id, after } => {
                LineLost { unit: self.unit(id.unit), instance: id.slot, after_ms: ms(*after) }
                    .emit();
            }
            Report::Reacted { id, verdict } => ErrorAnswered {
                unit: self.unit(id.unit),
                instance: id.slot,
                process: verdict.instance.as_str(),
                verdict: verdict.unit.as_str(),
                decided_by: verdict.decided_by.as_str(),
                rule: self.rule(id.unit, verdict.decided_by),
            }
            .emit(),
            Report::Reloading { id } => {
                Reloading { unit: self.unit(id.unit), instance: id.slot }.emit();
            }
            Report::Reloaded { id, after } => {
                Reloaded { unit: self.unit(id.unit), instance: id.slot, after_ms: ms(*after) }
                    .emit();
            }
            Report::Paused { unit, length } => {
                Paused { unit: self.unit(*unit), for_ms: ms(*length) }.emit();
            }
            Report::GroupRestarting { group, because, units } => {
                let (group, units) = (self.group(*group), &self.names(units));
                GroupRestarting { group, because: &self.instance(*because), units }.emit();
            }
            Report::GroupFailed { group, because } => {
                let of = self.supervision.group(*group);
                let units = &self.names(of.map_or(&[], |group| &group.units));
                let because = &self.instance(*because);
                GroupFailed { group: self.group(*group), because, units }.emit();
            }
            Report::Ended { id, pid, incarnation, evidence, judgement, restart_in } => {
                self.ended(*id, *pid, *incarnation, evidence);
                self.decided(*id, evidence, *judgement, *restart_in);
            }
            Report::Abandoned { id, pid } => {
                let wait_channel = pid.and_then(wait_channel);
                let (unit, instance) = (self.unit(id.unit), id.slot);
                let pid = pid.map(i64::from);
                Abandoned { unit, instance, pid, wait_channel: wait_channel.as_deref() }.emit();
            }
            Report::EndedLate { id, pid } => {
                EndedLate { unit: self.unit(id.unit), instance: id.slot, pid: pid.map(i64::from) }
                    .emit();
            }
            Report::Stalled { by, moved } => {
                Stalled { by_ms: ms(*by), moved: *moved as u64 }.emit()
            }
            Report::ShuttingDown { because } => {
                let because = because.and_then(|outcome| self.outcome(outcome));
                let active =
                    self.supervision.instances().filter(|it| it.standing().is_active()).count()
                        as u64;
                ShuttingDown { because: because.as_deref(), active }.emit();
            }
            Report::Idle => Idle { ends: self.when_idle == WhenIdle::Exit }.emit(),
        }
    }

    fn ended(&self, id: InstanceId, pid: Option<i32>, incarnation: u32, evidence: &Evidence) {
        let (unit, instance) = (self.unit(id.unit), id.slot);
        match evidence.end {
            End::Process(ending) => {
                let (exit_code, exit_signal, core_dumped) = match ending {
                    Ending::Exited(code) => (Some(i64::from(code)), None, false),
                    Ending::Killed { signal, core_dumped } => {
                        (None, Some(signal_name(signal)), core_dumped)
                    }
                };
                Exited {
                    unit,
                    instance,
                    pid: pid.unwrap_or_default(),
                    incarnation,
                    exit_code,
                    exit_signal: exit_signal.as_deref(),
                    core_dumped,
                    uptime_ms: ms(evidence.uptime),
                    stopped_by: evidence.stopped_by.map(StopCause::as_str),
                }
                .emit();
            }
            // Nothing went wrong: there was no point in it any more.
            End::SpawnFailed(CANCELLED) => {}
            End::SpawnFailed(failure) => {
                let recipe = self.recipe(id.unit);
                let subject = recipe.map(|recipe| match failure.stage {
                    "directory" => recipe.template.directory(),
                    _ => recipe.template.program(),
                });
                StartFailed {
                    unit,
                    instance,
                    incarnation,
                    stage: failure.stage,
                    errno: &errno_text(failure.errno),
                    subject: subject.as_deref().unwrap_or("?"),
                    help: convert::spawn_help(failure),
                }
                .emit();
            }
        }
    }

    fn decided(
        &self,
        id: InstanceId,
        evidence: &Evidence,
        judgement: Judgement,
        restart_in: Option<Duration>,
    ) {
        let (unit, instance) = (self.unit(id.unit), id.slot);
        let decided_by = judgement.decided_by.as_str();
        let rule = self.rule(id.unit, judgement.decided_by);
        let kind = evidence.kind().map(Kind::as_str);
        let code = evidence.error.as_ref().map(|error| error.code.as_str());
        match (restart_in, judgement.next) {
            (Some(delay), next) => Restarting {
                unit,
                instance,
                in_ms: ms(delay),
                kind,
                code,
                decided_by,
                rule,
                failures: u64::from(evidence.failures) + u64::from(judge::is_failure(evidence)),
                counted: matches!(next, Next::Restart { counted: true, .. }),
            }
            .emit(),
            (None, Next::Failed | Next::Restart { .. }) => Failed {
                unit,
                instance,
                kind: kind.unwrap_or("restarted_too_often"),
                code,
                error: evidence.error.as_ref().map(|error| error.message.as_str()),
                decided_by,
                rule,
                help: next_step(evidence, judgement.decided_by),
            }
            .emit(),
            (None, Next::Finished) => Finished { unit, instance, decided_by, rule }.emit(),
            (None, Next::Stopped) => Stopped { unit, instance, decided_by, rule }.emit(),
            (None, Next::Held) => Held { unit, instance, decided_by }.emit(),
        }
    }
}

/// What an operator does about a failure that stays.
fn next_step(evidence: &Evidence, decided_by: DecidedBy) -> &'static str {
    match (decided_by, evidence.kind()) {
        (DecidedBy::Budget, _) => {
            "find out why it keeps failing; restart.limit and restart.window say how often is too often"
        }
        (DecidedBy::Policy, _) => "restart = \"never\" starts it no more",
        (DecidedBy::Rule(_), _) => "mend what the rule is about, then start it again",
        (DecidedBy::Unit, _) => "see what failed first, mend that, then start it again",
        (_, Some(Kind::Config)) => "correct its configuration, then start it again",
        (_, Some(Kind::StartFailed)) => "correct what is named above, then start it again",
        (_, Some(Kind::Denied)) => "give it the permission it lacks, then start it again",
        (_, _) => "starting it again as it is would meet the same error",
    }
}

/// A signal by its name.
#[must_use]
pub(crate) fn signal_name(number: i32) -> String {
    Signal::new(number).map_or_else(|| format!("signal {number}"), |signal| signal.to_string())
}

fn errno_text(errno: i32) -> String {
    if errno == 0 { "the fork server was lost".into() } else { Errno::new(errno).to_string() }
}

/// Where in the kernel a process hangs (proc_pid_wchan(5)).
fn wait_channel(pid: i32) -> Option<String> {
    let channel = std::fs::read_to_string(format!("/proc/{pid}/wchan")).ok()?;
    (!channel.is_empty() && channel != "0").then_some(channel)
}
