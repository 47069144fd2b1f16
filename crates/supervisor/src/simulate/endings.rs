//! How it all ends, in a sentence for each instance it is about.

use super::books::Tally;
use super::rows::Tone;
use super::scenario::{Command, Scenario};
use super::span::{clock, show};
use super::words::{self, Names};
use super::world::{Cut, Entry, STORY_MAX, What};
use hearken_core::action::Report;
use hearken_core::evidence::Evidence;
use hearken_core::identity::InstanceId;
use hearken_core::instance::{Rest, Standing};
use hearken_core::judge::{DecidedBy, Judgement, Next};
use hearken_core::moment::Moment;
use hearken_core::supervision::Supervision;

struct LastEnd<'a> {
    at: Moment,
    evidence: &'a Evidence,
    judgement: Judgement,
    tally: Option<Tally>,
}

/// The sentences.
pub(super) fn sentences(
    core: &Supervision,
    scenario: &Scenario,
    story: &[Entry],
    cut: Cut,
) -> Vec<(Tone, String)> {
    let names = Names(core);
    let mut lines = Vec::new();
    let mut calm = 0;
    for id in core.instances().map(|it| it.id()) {
        let (Some(standing), Some(policy)) = (core.standing(id), core.policy(id.unit)) else {
            continue;
        };
        if id.slot > policy.instances && standing == Standing::Down(Rest::Stopped) {
            continue;
        }
        let concerned = scenario.about == Some(id.unit)
            || scenario.faults.iter().any(|fault| fault.who.means(id))
            || !matches!(standing, Standing::Ready);
        if !concerned && last_end(story, id).is_none() {
            calm += 1;
            continue;
        }
        lines.push(sentence(names, story, id, standing));
    }
    match calm {
        0 => {}
        1 => lines.push((Tone::Plain, "1 other instance is up, undisturbed".into())),
        n => lines.push((Tone::Plain, format!("{n} other instances are up, undisturbed"))),
    }
    match cut {
        Cut::Quiet => {}
        Cut::Time => {
            let length = show(scenario.length);
            lines.push((Tone::Dim, format!("stopped looking after {length}: --for sets how far to look")));
        }
        Cut::Length => lines.push((
            Tone::Bad,
            format!("cut off after {STORY_MAX} events: this goes on for ever, or look at less with --for"),
        )),
    }
    lines
}

fn last_end(story: &[Entry], of: InstanceId) -> Option<LastEnd<'_>> {
    story.iter().rev().find_map(|entry| match &entry.what {
        What::Told(Report::Ended { id, evidence, judgement, .. }, tally) if *id == of => {
            Some(LastEnd { at: entry.at, evidence, judgement: *judgement, tally: *tally })
        }
        What::Told(..) | What::Said(..) | What::Commanded(_) | What::Missed(..) | What::Left(_) => {
            None
        }
    })
}

/// When it last became what it is, if that can be seen.
fn since(story: &[Entry], of: InstanceId) -> Option<Moment> {
    story.iter().rev().find_map(|entry| match &entry.what {
        What::Commanded(Command::Stop(unit)) if *unit == of.unit => Some(entry.at),
        What::Told(
            Report::Ready { id, .. } | Report::Started { id, .. } | Report::Ended { id, .. },
            _,
        ) if *id == of => Some(entry.at),
        What::Told(..) | What::Said(..) | What::Commanded(_) | What::Missed(..) | What::Left(_) => {
            None
        }
    })
}

fn sentence(
    names: Names<'_>,
    story: &[Entry],
    id: InstanceId,
    standing: Standing,
) -> (Tone, String) {
    let who = names.instance(id);
    let at = since(story, id).map(|at| clock(at.since_start())).unwrap_or_default();
    match standing {
        Standing::Ready => {
            let after = restarts(story, id);
            (Tone::Good, format!("{who} is up since {at}{after}"))
        }
        Standing::Starting { .. } => {
            (Tone::Plain, format!("{who} starts since {at}, and is not ready"))
        }
        Standing::Backoff => {
            (Tone::Plain, format!("{who} is down since {at} and will be started again"))
        }
        Standing::Stopping => (Tone::Plain, format!("{who} is being stopped")),
        Standing::Held => {
            (Tone::Plain, format!("{who} is down since {at}{}", waits_for(names, id)))
        }
        Standing::Abandoned => (Tone::Bad, format!("{who} would not die and is left behind")),
        Standing::Down(Rest::New) => {
            (Tone::Plain, format!("{who} was never started{}", waits_for(names, id)))
        }
        Standing::Down(Rest::Stopped) => {
            (Tone::Plain, format!("{who} was stopped at {at}, and stays down"))
        }
        Standing::Down(Rest::Finished) => (Tone::Good, format!("{who} finished at {at}")),
        Standing::Down(Rest::Failed) => (Tone::Bad, failed(names, story, id, &who)),
    }
}

fn waits_for(names: Names<'_>, id: InstanceId) -> String {
    match names.0.waits_for(id.unit).as_slice() {
        [] => String::new(),
        on => format!(": it waits for {}", names.units(on)),
    }
}

fn restarts(story: &[Entry], of: InstanceId) -> String {
    let starts = story.iter().filter(
        |entry| matches!(&entry.what, What::Told(Report::Started { id, .. }, _) if *id == of),
    );
    match starts.count() {
        0 | 1 => String::new(),
        2 => ", after one restart".into(),
        n => format!(", after {} restarts", n - 1),
    }
}

fn failed(names: Names<'_>, story: &[Entry], id: InstanceId, who: &str) -> String {
    const STAYS: &str = "down until an operator starts it";
    let Some(end) = last_end(story, id) else { return format!("{who} failed: {STAYS}") };
    let at = clock(end.at.since_start());
    let why = match (end.judgement.decided_by, end.tally) {
        // It did not fail by its own end: it was to be started again.
        (by, _) if by == DecidedBy::Unit || end.judgement.next != Next::Failed => {
            "its unit, or its group, failed".to_owned()
        }
        (DecidedBy::Budget, Some(Tally { limit, .. })) => {
            format!("{} restarts in {}", limit.count(), show(limit.window()))
        }
        (by, _) => {
            let what = match end.evidence.explaining_error() {
                Some(error) => words::error(error),
                None => words::end(end.evidence.end),
            };
            let policy = names.0.policy(id.unit);
            let by = policy.map(|policy| {
                words::decider(names, id.unit, by, words::kind(end.evidence), &policy.restart)
            });
            format!("{what}, by {}", by.unwrap_or_default())
        }
    };
    format!("{who} failed at {at}: {why}; {STAYS}")
}
