//! Ends and decisions in words.

use super::clock::spoken_ns;
use crate::convert;
use crate::events::spoken;
use crate::ledger::{
    Ended, KeptBeyond, KeptEnd, KeptEvidence, KeptJudgement, KeptLimit, KeptNext, KeptPace, Voice,
};
use crate::report::signal_name;
use hearken_core::evidence::{SpawnFailure, StopCause};
use hearken_core::kind::Kind;
use hearken_sys::Errno;

/// What happened: `exited with code 75 (transient) after 3 s, having said …`.
pub(super) fn evidence(evidence: &KeptEvidence) -> String {
    let after = spoken_ns(evidence.uptime_ns);
    let end = match &evidence.end {
        KeptEnd::Exited { exit_code } => format!("exited with code {exit_code}"),
        KeptEnd::Killed { signal, core_dumped } => {
            let core = if *core_dumped { " (core dumped)" } else { "" };
            format!("was killed by {}{core}", signal_name(*signal))
        }
        KeptEnd::StartFailed { .. } => return start_failed(evidence),
    };
    // The kind explains the end where nothing else does.
    let kind = match (evidence.kind, &evidence.error, evidence.stopped_by) {
        (Some(kind), None, None) => format!(" ({kind})"),
        (_, _, _) => String::new(),
    };
    let mut text = match evidence.stopped_by {
        Some(cause) => format!("{}; it {end} after {after}", stopped(cause)),
        None => format!("{end}{kind} after {after}"),
    };
    if let Some(error) = &evidence.error {
        text += &format!(", having said {} {}: {:?}", error.kind, error.code, error.message);
    } else if evidence.kind.is_some()
        && let Some(line) = evidence.stderr.last()
    {
        text += &format!(", its last line on standard error: {line:?}");
    }
    if let (Some(reason), Some(StopCause::Health | StopCause::Unready | StopCause::StartTimeout)) =
        (&evidence.probe, evidence.stopped_by)
    {
        text += &format!(", its last probe: {reason:?}");
    }
    if let Some(intent) = evidence.intent {
        text += &format!(", having announced {:?}", intent.as_str());
    }
    text
}

fn start_failed(evidence: &KeptEvidence) -> String {
    let KeptEnd::StartFailed { stage, errno, permanent, subject } = &evidence.end else {
        return String::new();
    };
    let what = match &**stage {
        "cancelled" => return "was about to be started, and that was called off".into(),
        "fork_server" => return "could not be started: the fork server was lost".into(),
        stage => match subject {
            Some(subject) => format!("{subject}: "),
            None => format!("{stage}: "),
        },
    };
    let stages = ["exec", "directory", "fork"];
    let known = stages.into_iter().find(|known| *known == &**stage).unwrap_or("");
    let failure = SpawnFailure { stage: known, errno: *errno, permanent: *permanent };
    let help =
        if *permanent { format!(" ({})", convert::spawn_help(failure)) } else { String::new() };
    format!("could not be started: {what}{}{help}", Errno::new(*errno))
}

/// Why it was stopped.
pub(super) fn stopped(cause: StopCause) -> &'static str {
    match cause {
        StopCause::Operator => "was stopped by an operator",
        StopCause::Restart => "was stopped by an operator, to be started again",
        StopCause::Shutdown => "was stopped for the shutdown",
        StopCause::Scale => "was stopped because its unit was scaled down",
        StopCause::StartTimeout => "was stopped because it was not ready in time (start_timeout)",
        StopCause::Violation => "was stopped because it broke the protocol of its line",
        StopCause::LineLost => "was stopped because it closed its line and ran on",
        StopCause::Overdue => "was stopped because it announced its exit and ran on",
        StopCause::Watchdog => "was stopped because it gave no sign of life in time (watchdog)",
        StopCause::ProgressTimeout => {
            "was stopped because it made no progress in time (progress_timeout)"
        }
        StopCause::Unready => "was stopped because its readiness probe failed too often",
        StopCause::Health => "was stopped because its health probe failed too often",
        StopCause::Verdict => "was stopped for an error it said",
        StopCause::UnitFailed => "was stopped because its unit, or its group, failed",
        StopCause::GroupRestart => "was stopped because its group starts again together",
        StopCause::DependencyRestart => "was stopped because something it comes after starts again",
        StopCause::DependencyStop => "was stopped because something it comes after is gone",
        StopCause::TaskTimeout => "was stopped because its task took too long (task_timeout)",
        StopCause::TaskCancelled => "was stopped because its task was taken back",
        StopCause::NotAccepted => {
            "was stopped because it did not begin with a task in time (accept_timeout)"
        }
        StopCause::Recycle => "was stopped because another worker took its place (recycle)",
    }
}

/// Who decided: `by rule 2 of api (hearken.toml:14)`.
pub(super) fn decided(ended: &Ended) -> String {
    let (judgement, evidence) = (&ended.judgement, &ended.evidence);
    match judgement.decided_by {
        Voice::Operator => "an operator decided".into(),
        Voice::Shutdown => "the shutdown decided".into(),
        Voice::Supervisor => match evidence.kind {
            Some(kind) => format!("the default for {} decided", named(kind)),
            None => "hearken decided".into(),
        },
        Voice::Group => "its group decided".into(),
        Voice::Dependency => "what it comes after decided (on_dependency_restart)".into(),
        Voice::Unit => "the failure of its unit, or its group, decided".into(),
        Voice::Intent => match evidence.intent {
            Some(intent) => format!("its announcement {:?} decided", intent.as_str()),
            None => "its announcement decided".into(),
        },
        Voice::Rule => match &judgement.rule {
            Some(rule) => format!("{} decided", rule.label),
            None => "a rule decided".into(),
        },
        Voice::Hint => match evidence.error.as_ref().and_then(|error| error.retryable) {
            Some(retryable) => format!("its hint \"retryable\": {retryable} decided"),
            None => "the hint in its error decided".into(),
        },
        Voice::Error => match &evidence.error {
            Some(error) => format!("the default for {} errors decided", error.kind),
            None => "the default for its error decided".into(),
        },
        Voice::Exit => exit_default(evidence),
        Voice::Policy => "restart.policy decided".into(),
        Voice::Budget => budget(ended.budget),
        Voice::Task => "its pool decided, for the sake of its task".into(),
    }
}

fn exit_default(evidence: &KeptEvidence) -> String {
    match &evidence.end {
        KeptEnd::Exited { exit_code } => format!("the default for exit code {exit_code} decided"),
        KeptEnd::Killed { .. } => "the default for a death by signal decided".into(),
        KeptEnd::StartFailed { .. } => "the default for a failed start decided".into(),
    }
}

/// What the supervisor itself found, in words.
fn named(kind: Kind) -> String {
    if kind == Kind::Lost {
        "a child that is lost".into()
    } else if kind == Kind::Timeout {
        "a child that is late".into()
    } else if kind == Kind::Protocol {
        "a broken protocol".into()
    } else {
        kind.to_string()
    }
}

fn budget(limit: Option<KeptLimit>) -> String {
    match limit {
        Some(KeptLimit { limit, window_ns }) => format!(
            "its restart budget decided: {limit} automatic restart{} within {} {} used up (restart.limit, restart.window)",
            if limit == 1 { "" } else { "s" },
            spoken_ns(window_ns),
            if limit == 1 { "is" } else { "are" },
        ),
        None => "its restart budget decided: it is used up".into(),
    }
}

/// What it meant for others, if anything.
pub(super) fn beyond(judgement: &KeptJudgement) -> Option<&'static str> {
    match judgement.beyond {
        KeptBeyond::Nothing => None,
        KeptBeyond::Pause => Some("no instance of the unit starts before it"),
        KeptBeyond::FailUnit => Some("its whole unit failed with it"),
        KeptBeyond::ShutDown => Some("hearken shuts down for it"),
    }
}

/// How its delay came about, where that is worth a word.
pub(super) fn pace(ended: &Ended) -> Option<String> {
    let judgement = &ended.judgement;
    match judgement.pace? {
        KeptPace::Asked { asked_ms, .. } => {
            let waits_ms = ended.restart_in_ns.map(|ns| ns / 1_000_000);
            let bounded = if waits_ms == Some(asked_ms) {
                String::new()
            } else {
                ", kept within the bounds of its backoff".into()
            };
            Some(format!("it asked for {}{bounded}", spoken(asked_ms)))
        }
        KeptPace::AtOnce | KeptPace::After { .. } | KeptPace::Backoff { .. } => None,
    }
}

/// What followed an end, for the list of ends.
pub(super) fn followed(ended: &Ended) -> String {
    match (ended.judgement.next, ended.restart_in_ns) {
        (KeptNext::Held, _) => "to start again with those it was stopped for".into(),
        (_, Some(0)) => "to start again at once".into(),
        (_, Some(ns)) => format!("to start again after {}", spoken_ns(ns)),
        (KeptNext::Stopped, None) => "stopped".into(),
        (KeptNext::Finished, None) => "finished".into(),
        (KeptNext::Failed | KeptNext::Restart, None) => "failed".into(),
    }
}
