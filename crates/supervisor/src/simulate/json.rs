//! The story for programs: one JSON object a line.

use super::books::Tally;
use super::endings;
use super::rows::told;
use super::scenario::{Deed, Scenario};
use super::words::Names;
use super::world::{Cut, Entry, What, unit_of};
use hearken_core::action::{Outcome, Report};
use hearken_core::evidence::{End, Ending, StopCause, TypedError};
use hearken_core::identity::{InstanceId, UnitIndex};
use hearken_core::judge::{DecidedBy, Next};
use hearken_core::kind::Kind;
use hearken_core::supervision::Supervision;
use serde_json::{Map, Value, json};
use std::time::Duration;

/// Renders the whole.
pub(super) fn render(core: &Supervision, scenario: &Scenario, story: &[Entry], cut: Cut) -> String {
    let mut out = String::new();
    let first =
        json!({ "event": "simulation", "seed": scenario.seed, "length_ms": ms(scenario.length) });
    line(&mut out, &first);
    for entry in told(story, scenario) {
        let mut object = object(Names(core), core, &entry.what);
        object.insert("at_ms".into(), ms(entry.at.since_start()).into());
        line(&mut out, &Value::Object(object));
    }
    let cut = match cut {
        Cut::Quiet => "quiet",
        Cut::Time => "time",
        Cut::Length => "length",
    };
    let endings = endings::sentences(core, scenario, story, Cut::Quiet);
    let endings: Vec<_> = endings.into_iter().map(|(_, sentence)| sentence).collect();
    line(&mut out, &json!({ "event": "end", "because": cut, "endings": endings }));
    out
}

/// Milliseconds, as everywhere in the logs.
pub(super) fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// `Value` escapes every control character, so a line is a line.
pub(super) fn line(out: &mut String, value: &Value) {
    out.push_str(&value.to_string());
    out.push('\n');
}

/// An object without the fields that are null.
pub(super) fn without_nulls(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(mut map) => {
            map.retain(|_, value| !value.is_null());
            map
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Map::new()
        }
    }
}

fn object(names: Names<'_>, core: &Supervision, what: &What) -> Map<String, Value> {
    let mut object = match what {
        What::Said(id, deed) => of(names, *id, json!({ "event": "said" }), Some(deed)),
        What::Missed(id, deed) => of(names, *id, json!({ "event": "missed" }), Some(deed)),
        What::Commanded(command) => without_nulls(json!({
            "event": "operator", "command": command.as_str(),
            "unit": command.unit().map(|unit| names.unit(unit)),
        })),
        What::Left(outcome) => without_nulls(json!({
            "event": "left", "because": names.outcome(*outcome),
            "exit_code": i32::from(*outcome != Outcome::Clean),
        })),
        What::Told(report, tally) => {
            let mut object = without_nulls(reported(names, core, report));
            if let Some(Tally { spent, limit }) = tally {
                object.insert("restarts_in_window".into(), (*spent).into());
                object.insert("limit".into(), limit.count().into());
                object.insert("window_ms".into(), ms(limit.window()).into());
            }
            if let Some(unit) = unit_of(report) {
                object.insert("unit".into(), names.unit(unit).into());
            }
            object
        }
    };
    object.retain(|_, value| !value.is_null());
    object
}

fn of(names: Names<'_>, id: InstanceId, value: Value, deed: Option<&Deed>) -> Map<String, Value> {
    let mut map = without_nulls(value);
    map.insert("unit".into(), names.unit(id.unit).into());
    map.insert("instance".into(), id.slot.into());
    if let Some(error) = deed.and_then(|deed| deed.error.as_ref()) {
        map.insert("error".into(), error_object(error));
    }
    if let Some(intent) = deed.and_then(|deed| deed.intent) {
        map.insert("intent".into(), intent.as_str().into());
    }
    map
}

/// An error as an object.
pub(super) fn error_object(error: &TypedError) -> Value {
    Value::Object(without_nulls(json!({
        "kind": error.kind.as_str(),
        "code": error.code,
        "message": (!error.message.is_empty()).then_some(&error.message),
        "retryable": error.retryable,
        "retry_after_ms": error.retry_after.map(ms),
        "scope": error.scope.map(|scope| scope.as_str()),
    })))
}

fn units(names: Names<'_>, units: &[UnitIndex]) -> Vec<String> {
    units.iter().map(|unit| names.unit(*unit)).collect()
}

/// What happens next, as a word.
pub(super) fn next_word(next: Next) -> &'static str {
    match next {
        Next::Restart { .. } => "restart",
        Next::Held => "held",
        Next::Stopped => "stopped",
        Next::Finished => "finished",
        Next::Failed => "failed",
    }
}

fn reported(names: Names<'_>, core: &Supervision, report: &Report) -> Value {
    let by = |unit: UnitIndex, by: DecidedBy| (by.as_str(), names.rule(unit, by));
    match report {
        Report::Waiting { on, .. } => json!({ "event": "waiting", "on": units(names, on) }),
        Report::Started { id, incarnation, .. } => {
            json!({ "event": "started", "instance": id.slot, "incarnation": incarnation })
        }
        Report::Ready { id, after } => {
            json!({ "event": "ready", "instance": id.slot, "after_ms": ms(*after) })
        }
        Report::Stopping { id, cause, .. } => {
            json!({ "event": "stopping", "instance": id.slot, "cause": cause.as_str() })
        }
        Report::Killing { id, cause, .. } => {
            json!({ "event": "killing", "instance": id.slot, "cause": cause.as_str() })
        }
        Report::LineLost { id, .. } => json!({ "event": "line_lost", "instance": id.slot }),
        Report::Reacted { id, verdict } => {
            let (decided_by, rule) = by(id.unit, verdict.decided_by);
            json!({
                "event": "error_answered", "instance": id.slot,
                "process": verdict.instance.as_str(), "verdict": verdict.unit.as_str(),
                "decided_by": decided_by, "rule": rule,
            })
        }
        Report::Reloading { id } => json!({ "event": "reloading", "instance": id.slot }),
        Report::Reloaded { id, .. } => json!({ "event": "reloaded", "instance": id.slot }),
        Report::Paused { length, .. } => json!({ "event": "paused", "for_ms": ms(*length) }),
        Report::GroupRestarting { group, because, units: with } => json!({
            "event": "group_restarting", "group": names.group(*group),
            "because": names.instance(*because), "units": units(names, with),
        }),
        Report::GroupFailed { group, because } => json!({
            "event": "group_failed", "group": names.group(*group),
            "because": names.instance(*because),
            "units": units(names, core.group(*group).map_or(&[], |it| &it.units)),
        }),
        Report::Ended { id, incarnation, evidence, judgement, restart_in, .. } => {
            let (decided_by, rule) = by(id.unit, judgement.decided_by);
            let (exit_code, signal, start) = match evidence.end {
                End::Process(Ending::Exited(code)) => (Some(code), None, None),
                End::Process(Ending::Killed { signal, .. }) => {
                    (None, Some(crate::report::signal_name(signal)), None)
                }
                End::SpawnFailed(failure) => {
                    let errno = hearken_sys::Errno::new(failure.errno).name();
                    (None, None, Some(format!("{}: {errno}", failure.stage)))
                }
            };
            json!({
                "event": "ended", "instance": id.slot, "incarnation": incarnation,
                "exit_code": exit_code, "exit_signal": signal, "start_failed": start,
                "stopped_by": evidence.stopped_by.map(StopCause::as_str),
                "kind": evidence.kind().map(Kind::as_str), "code": evidence.code(),
                "uptime_ms": ms(evidence.uptime),
                "next": next_word(judgement.next),
                "decided_by": decided_by, "rule": rule,
                "counted": matches!(judgement.next, Next::Restart { counted: true, .. }),
                "restart_in_ms": restart_in.map(ms),
            })
        }
        Report::Abandoned { id, .. } => json!({ "event": "abandoned", "instance": id.slot }),
        Report::EndedLate { id, .. } => json!({ "event": "ended_late", "instance": id.slot }),
        Report::Stalled { by, .. } => json!({ "event": "stalled", "by_ms": ms(*by) }),
        Report::ShuttingDown { because } => {
            json!({ "event": "shutting_down", "because": because.map(|it| names.outcome(it)) })
        }
        Report::Idle => json!({ "event": "idle" }),
    }
}
