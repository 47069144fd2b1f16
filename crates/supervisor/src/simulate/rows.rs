//! The story as the rows of a table.

use super::books::Tally;
use super::scenario::{Deed, Scenario};
use super::span::show;
use super::words::{self, Names};
use super::world::{Entry, What, unit_of};
use hearken_core::action::Report;
use hearken_core::evidence::StopCause;
use hearken_core::identity::{InstanceId, UnitIndex};
use hearken_core::judge::{DecidedBy, Next};
use hearken_core::kind::Kind;
use hearken_core::moment::Moment;
use hearken_core::supervision::Supervision;
use hearken_core::verdict::UnitVerdict;
use std::collections::HashMap;

/// How a row is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    Plain,
    Good,
    Bad,
    Dim,
}

/// One row.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) at: Moment,
    pub(super) who: String,
    pub(super) text: String,
    pub(super) tone: Tone,
    pub(super) follows: Option<Follows>,
    id: Option<InstanceId>,
}

/// What follows, and who says so.
#[derive(Debug, Clone)]
pub(super) struct Follows {
    pub(super) what: String,
    pub(super) counted: String,
    pub(super) by: String,
    pub(super) note: Option<String>,
    pub(super) tone: Tone,
}

/// What is worth telling of the story.
pub(super) fn told<'a>(story: &'a [Entry], scenario: &Scenario) -> Vec<&'a Entry> {
    let about = scenario.about;
    let tells = |entry: &&Entry| {
        let What::Told(report, _) = &entry.what else { return true };
        match report {
            // That something has to wait for what comes at the same moment is no news.
            Report::Waiting { unit, .. } => !starts_at(story, *unit, entry.at),
            Report::Idle => false,
            Report::Started { .. } | Report::Ready { .. } => {
                let others = about.is_some_and(|about| unit_of(report) != Some(about));
                !(others && entry.at == Moment::START)
            }
            Report::Stopping { .. }
            | Report::Killing { .. }
            | Report::LineLost { .. }
            | Report::Reacted { .. }
            | Report::Reloading { .. }
            | Report::Reloaded { .. }
            | Report::Paused { .. }
            | Report::GroupRestarting { .. }
            | Report::GroupFailed { .. }
            | Report::Abandoned { .. }
            | Report::EndedLate { .. }
            | Report::Ended { .. }
            | Report::Stalled { .. }
            | Report::ShuttingDown { .. } => true,
        }
    };
    story.iter().filter(tells).collect()
}

fn starts_at(story: &[Entry], unit: UnitIndex, at: Moment) -> bool {
    let from = story.partition_point(|entry| entry.at < at);
    let now = story.get(from..).unwrap_or_default().iter().take_while(|entry| entry.at == at);
    now.into_iter().any(
        |entry| matches!(&entry.what, What::Told(Report::Started { id, .. }, _) if id.unit == unit),
    )
}

/// The rows of these entries. What happens to one instance at one moment stands in one row, up to
/// what follows from it.
pub(super) fn rows(core: &Supervision, entries: &[&Entry]) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    let mut said: HashMap<InstanceId, Kind> = HashMap::new();
    for entry in entries {
        if let What::Said(id, Deed { error: Some(error), .. }) = &entry.what {
            said.insert(*id, error.kind);
        }
        let row = row(Names(core), core, entry, &said);
        let now = rows.iter_mut().rev().take_while(|last| last.at == row.at);
        let mut same = now.filter(|last| row.id.is_some() && last.id == row.id);
        match same.next().filter(|last| last.follows.is_none()) {
            Some(last) => {
                if !row.text.is_empty() {
                    last.text = format!("{}, {}", last.text, row.text);
                }
                last.follows = row.follows;
                last.tone = row.tone;
            }
            None => rows.push(row),
        }
    }
    rows
}

fn row(
    names: Names<'_>,
    core: &Supervision,
    entry: &Entry,
    said: &HashMap<InstanceId, Kind>,
) -> Row {
    let at = entry.at;
    let plain = |id: Option<InstanceId>, who: String, text: String| Row {
        at,
        who,
        text,
        tone: Tone::Plain,
        follows: None,
        id,
    };
    let of = |id: InstanceId, text: String| plain(Some(id), names.instance(id), text);
    match &entry.what {
        What::Said(id, deed) => of(*id, words::said(deed)),
        What::Missed(id, deed) => {
            let text = format!("has no process that {}: left out", words::deed(deed));
            Row { tone: Tone::Dim, ..of(*id, text) }
        }
        What::Commanded(command) => plain(None, "operator".into(), names.command(*command)),
        What::Left(outcome) => {
            plain(None, "hearken".into(), format!("ends: {}", names.outcome(*outcome)))
        }
        What::Told(report, tally) => match report {
            Report::Waiting { unit, on } if on.is_empty() => {
                plain(None, names.unit(*unit), "waits".into())
            }
            Report::Waiting { unit, on } => {
                plain(None, names.unit(*unit), format!("waits for {}", names.units(on)))
            }
            Report::Started { id, incarnation: 1, .. } => of(*id, "starts".into()),
            Report::Started { id, incarnation, .. } => {
                of(*id, format!("starts (no. {incarnation})"))
            }
            Report::Ready { id, .. } => Row { tone: Tone::Good, ..of(*id, "is ready".into()) },
            Report::Stopping { id, cause, .. } => of(*id, stopped(*cause).into()),
            Report::Killing { id, cause, .. } => of(*id, format!("is killed ({})", cause.as_str())),
            Report::LineLost { id, .. } => of(*id, "closed its line".into()),
            Report::Reacted { id, verdict } => {
                let policy = core.policy(id.unit);
                let by = policy.map(|policy| {
                    let by = verdict.decided_by;
                    let kind = said.get(id).copied();
                    words::decider(names, id.unit, by, kind, &policy.restart)
                });
                let what = words::verdict(verdict.instance, verdict.unit);
                let counted = counted(*tally, verdict.unit == UnitVerdict::Count);
                let by = by.unwrap_or_default();
                let follows = Follows { what, counted, by, note: None, tone: Tone::Plain };
                Row { follows: Some(follows), ..of(*id, String::new()) }
            }
            Report::Reloading { id } => of(*id, "reloads".into()),
            Report::Reloaded { id, .. } => of(*id, "has reloaded".into()),
            Report::Paused { unit, length } => {
                let text = format!("pauses: no restart for {}", show(*length));
                plain(None, names.unit(*unit), text)
            }
            Report::GroupRestarting { group, because, units } => {
                let text = format!(
                    "restarts {}, because of {}",
                    names.units(units),
                    names.instance(*because)
                );
                plain(None, names.group(*group), text)
            }
            Report::GroupFailed { group, because } => {
                let limit = core.group(*group).and_then(|group| group.limit);
                let limit = limit.map(|limit| {
                    format!("all {} restarts in {} used, ", limit.count(), show(limit.window()))
                });
                let text = format!(
                    "fails as a group: {}the last by {}",
                    limit.unwrap_or_default(),
                    names.instance(*because)
                );
                Row { tone: Tone::Bad, ..plain(None, names.group(*group), text) }
            }
            Report::Ended { id, evidence, judgement, restart_in, .. } => {
                let policy = core.policy(id.unit);
                let (by, kind) = (judgement.decided_by, words::kind(evidence));
                let by =
                    policy.map(|policy| words::decider(names, id.unit, by, kind, &policy.restart));
                let follows = Follows {
                    what: words::next(judgement.next, *restart_in),
                    counted: match judgement.next {
                        Next::Restart { counted, .. } => self::counted(*tally, counted),
                        Next::Failed if judgement.decided_by == DecidedBy::Budget => {
                            used_up(*tally)
                        }
                        Next::Held | Next::Stopped | Next::Finished | Next::Failed => String::new(),
                    },
                    by: by.unwrap_or_default(),
                    note: words::asked(judgement.next),
                    tone: match judgement.next {
                        Next::Failed => Tone::Bad,
                        Next::Finished => Tone::Good,
                        Next::Restart { .. } | Next::Held | Next::Stopped => Tone::Plain,
                    },
                };
                Row { follows: Some(follows), ..of(*id, words::end(evidence.end)) }
            }
            Report::Abandoned { id, .. } => of(*id, "would not die, and is left behind".into()),
            Report::EndedLate { id, .. } => of(*id, "has ended after all".into()),
            Report::Stalled { by, .. } => {
                plain(None, "hearken".into(), format!("was stalled for {}", show(*by)))
            }
            Report::ShuttingDown { because } => {
                let why = because.map(|it| format!(": {}", names.outcome(it)));
                plain(None, "hearken".into(), format!("shuts down{}", why.unwrap_or_default()))
            }
            Report::Idle => plain(None, "hearken".into(), "has nothing left to run".into()),
        },
    }
}

fn counted(tally: Option<Tally>, counted: bool) -> String {
    match (counted, tally) {
        (false, _) => "not counted".into(),
        (true, None) => "no limit".into(),
        (true, Some(Tally { spent, limit })) => {
            format!("{spent} of {} in {}", limit.count(), show(limit.window()))
        }
    }
}

fn used_up(tally: Option<Tally>) -> String {
    tally.map_or_else(String::new, |Tally { limit, .. }| {
        format!("all {} in {} used", limit.count(), show(limit.window()))
    })
}

fn stopped(cause: StopCause) -> &'static str {
    match cause {
        StopCause::Operator => "is stopped (operator)",
        StopCause::Restart => "is stopped for a restart",
        StopCause::Shutdown => "is stopped (shutdown)",
        StopCause::Scale => "is stopped (scaled down)",
        StopCause::StartTimeout => "is stopped: not ready within start_timeout",
        StopCause::Violation => "is stopped: broke the protocol",
        StopCause::LineLost => "is stopped: closed its line",
        StopCause::Overdue => "is stopped: announced its exit and stayed",
        StopCause::Watchdog => "is stopped: no sign of life (watchdog)",
        StopCause::ProgressTimeout => "is stopped: no progress (progress_timeout)",
        StopCause::Unready => "is stopped: its readiness probe failed",
        StopCause::Health => "is stopped: its health probe failed",
        StopCause::Verdict => "is stopped for that",
        StopCause::UnitFailed => "is stopped: its unit failed",
        StopCause::GroupRestart => "is stopped with its group",
        StopCause::DependencyRestart => "is stopped: what it comes after restarts",
        StopCause::DependencyStop => "is stopped: what it comes after is gone",
        StopCause::TaskTimeout => "is stopped: its task took too long",
        StopCause::TaskCancelled => "is stopped: its task was cancelled",
        StopCause::NotAccepted => "is stopped: did not begin with its task",
        StopCause::Recycle => "is stopped: replaced by another worker",
    }
}
