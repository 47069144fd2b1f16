//! What a replay came to, for people and for programs.

use super::slot::Recorded;
use super::{Difference, Replayed};
use crate::ledger::{Fact, KeptEvidence, Reading};
use crate::simulate::json::{line, ms, next_word};
use crate::simulate::span::{show, visible};
use crate::simulate::words;
use hearken_core::account::Decision;
use hearken_core::identity::UnitIndex;
use hearken_core::judge::{DecidedBy, Judgement, Next};
use hearken_core::policy::UnitPolicy;
use serde_json::json;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

pub(super) fn table(
    replayed: &Replayed,
    policies: &[&UnitPolicy],
    path: &Path,
    reading: &Reading,
    colour: bool,
) -> String {
    let bold = |text: &str| if colour { format!("\x1b[1m{text}\x1b[0m") } else { text.to_owned() };
    let mut out =
        format!("Replaying {}: {}.\n", visible(&path.display().to_string()), span(reading));
    let _infallible = writeln!(out, "Nothing is started: recorded ends are judged again.\n");
    let name = |it: &Difference| format!("{}#{}", unit(policies, it.unit), it.slot);
    for it in &replayed.differences {
        let Fact::Ended(ended) = &it.record.fact else { continue };
        let what = format!("{} (no. {})", cause(&ended.evidence), ended.incarnation);
        let _infallible = writeln!(out, "{:.3}  {}  {what}", it.record.time, bold(&name(it)));
        let (then, now) = (then(it, policies), now(it, policies));
        let width = then.0.chars().count().max(now.0.chars().count());
        for (word, (what, by)) in [("then", then), ("now", now)] {
            let _infallible = writeln!(out, "    {word:<4}  {what:<width$}  {by}");
        }
        match it.unreached {
            0 => {}
            1 => out.push_str("    the end after it would not have happened\n"),
            n => {
                let _infallible =
                    writeln!(out, "    the {n} ends after it would not have happened");
            }
        }
    }
    if !replayed.differences.is_empty() {
        out.push('\n');
    }
    let mut summary = format!("{} replayed, ", count(replayed.ends, "end"));
    summary += &match replayed.differences.len() {
        0 => "none decided differently".to_owned(),
        n => format!("{n} decided differently"),
    };
    if replayed.unreached > 0 {
        let _infallible = write!(summary, ", {} would not have happened", replayed.unreached);
    }
    let _infallible = writeln!(out, "{}", bold(&summary));
    let gone: Vec<String> = replayed
        .gone
        .iter()
        .map(|(name, ends)| format!("{} ({})", visible(name), count(*ends, "end")))
        .collect();
    if !gone.is_empty() {
        let _infallible =
            writeln!(out, "in the ledger, but not in the config: {}", gone.join(", "));
    }
    let silent = silent(replayed, policies);
    if !silent.is_empty() {
        let _infallible =
            writeln!(out, "in the config, but without an end in the ledger: {}", silent.join(", "));
    }
    if replayed.begins_within {
        out.push_str(
            "the ledger begins in the middle: how many restarts were counted before is not known\n",
        );
    }
    out
}

/// From when to when it goes.
fn span(reading: &Reading) -> String {
    match (reading.records.first(), reading.records.last()) {
        (Some(first), Some(last)) => {
            let records = count(reading.records.len() as u64, "record");
            format!("{records} from {:.3} to {:.3}", first.time, last.time)
        }
        _ => "it is empty".into(),
    }
}

fn count(n: u64, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") }
}

fn unit(policies: &[&UnitPolicy], unit: UnitIndex) -> String {
    policies.get(unit.0 as usize).map_or_else(|| "?".into(), |policy| policy.name.to_string())
}

fn silent(replayed: &Replayed, policies: &[&UnitPolicy]) -> Vec<String> {
    let ends = replayed.ends_of.iter().zip(policies);
    ends.filter(|(ends, _)| **ends == 0).map(|(_, policy)| policy.name.to_string()).collect()
}

/// What a child said or did, without anything a terminal would obey.
fn cause(kept: &KeptEvidence) -> String {
    let Ok(evidence) = kept.to_core() else { return "ended".into() };
    let end = words::end(evidence.end);
    match (evidence.explaining_error(), evidence.stopped_by) {
        (Some(error), _) => format!("{}, {end}", words::error(error)),
        (None, Some(cause)) => format!("stopped ({}), {end}", cause.as_str()),
        (None, None) => end,
    }
}

fn then(it: &Difference, policies: &[&UnitPolicy]) -> (String, String) {
    let Fact::Ended(ended) = &it.record.fact else { return Default::default() };
    let Recorded { judgement, restart_in } = it.recorded;
    let label = ended.judgement.rule.as_ref().map(|rule| visible(&rule.label));
    let by = match (label, ended.budget) {
        (Some(label), _) => label,
        (None, Some(budget)) => format!(
            "restart.limit, {} in {}",
            budget.limit,
            show(Duration::from_nanos(budget.window_ns))
        ),
        (None, None) => decider(it, judgement.decided_by, policies, ended.evidence.kind),
    };
    (what(judgement, restart_in), by)
}

fn now(it: &Difference, policies: &[&UnitPolicy]) -> (String, String) {
    let Fact::Ended(ended) = &it.record.fact else { return Default::default() };
    let Some(Decision { judgement, until }) = it.now else {
        return ("would have run on".into(), String::new());
    };
    let restart_in = until.map(|until| until.since(it.record.moment()));
    let by = decider(it, judgement.decided_by, policies, ended.evidence.kind);
    (what(judgement, restart_in), by)
}

fn decider(
    it: &Difference,
    by: DecidedBy,
    policies: &[&UnitPolicy],
    kind: Option<hearken_core::kind::Kind>,
) -> String {
    let Some(policy) = policies.get(it.unit.0 as usize) else { return by.as_str().into() };
    let DecidedBy::Rule(place) = by else { return words::voice(by, kind, &policy.restart) };
    let rule = policy.rules.get(place as usize);
    rule.map_or_else(|| words::voice(by, kind, &policy.restart), |rule| visible(&rule.label))
}

fn what(judgement: Judgement, restart_in: Option<Duration>) -> String {
    let next = words::next(judgement.next, restart_in);
    let counted = match judgement.next {
        Next::Restart { counted: true, .. } => ", counted",
        Next::Restart { counted: false, .. } => ", not counted",
        Next::Held | Next::Stopped | Next::Finished | Next::Failed => "",
    };
    let beyond = match judgement.beyond {
        hearken_core::judge::Beyond::Nothing => "",
        hearken_core::judge::Beyond::Pause => ", the unit pauses",
        hearken_core::judge::Beyond::FailUnit => ", the whole unit",
        hearken_core::judge::Beyond::ShutDown => ", hearken shuts down",
    };
    format!("{next}{counted}{beyond}")
}

pub(super) fn json(replayed: &Replayed, policies: &[&UnitPolicy]) -> String {
    let mut out = String::new();
    for it in &replayed.differences {
        let Fact::Ended(ended) = &it.record.fact else { continue };
        let side = |judgement: Judgement, delay: Option<Duration>, rule: Option<String>| {
            crate::simulate::json::without_nulls(json!({
                "next": next_word(judgement.next),
                "counted": matches!(judgement.next, Next::Restart { counted: true, .. }),
                "restart_in_ms": delay.map(ms),
                "decided_by": judgement.decided_by.as_str(),
                "rule": rule,
            }))
        };
        let label = ended.judgement.rule.as_ref().map(|rule| rule.label.to_string());
        let now = it.now.map(|now| {
            let delay = now.until.map(|until| until.since(it.record.moment()));
            let by = now.judgement.decided_by;
            let rule = matches!(by, DecidedBy::Rule(_)).then(|| decider(it, by, policies, None));
            side(now.judgement, delay, rule)
        });
        line(
            &mut out,
            &json!({
                "event": "difference",
                "time": format!("{:.3}", it.record.time),
                "unit": unit(policies, it.unit),
                "instance": it.slot,
                "incarnation": ended.incarnation,
                "then": side(it.recorded.judgement, it.recorded.restart_in, label),
                "now": now.map_or(json!({ "next": "runs_on" }), serde_json::Value::Object),
                "ends_that_would_not_have_happened": it.unreached,
            }),
        );
    }
    line(
        &mut out,
        &json!({
            "event": "replayed",
            "ends": replayed.ends,
            "different": replayed.differences.len(),
            "would_not_have_happened": replayed.unreached,
            "not_in_config": replayed.gone.keys().map(|name| name.to_string()).collect::<Vec<_>>(),
            "without_ends": silent(replayed, policies),
        }),
    );
    out
}
