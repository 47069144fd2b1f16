//! `hearken simulate --replay`: a recorded history, judged again by another config.
//!
//! Each end of each instance is judged again from its recorded evidence, in order. Where the new
//! config would have left an instance down, the ends it went on to have are counted and not judged,
//! up to the next start by hand: they would not have happened.
//!
//! What the ledger cannot tell is left as it was: which errors of a running child came to nothing,
//! what a group would have done, when things would have happened instead, and that an operator
//! started what was running already (which forgives).

mod bounds;
mod show;
mod slot;
#[cfg(test)]
mod tests;

use super::{Simulate, SimulateError, Simulated};
use crate::ledger::{Ended, Fact, Reading, Record, State, read};
use hearken_config::Config;
use hearken_core::account::Decision;
use hearken_core::identity::UnitIndex;
use hearken_core::judge::Beyond;
use hearken_core::moment::Moment;
use hearken_core::policy::UnitPolicy;
use slot::{Again, Recorded, Slot};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Another decision about a recorded end.
#[derive(Debug)]
struct Difference {
    record: Arc<Record>,
    unit: UnitIndex,
    slot: u32,
    recorded: Recorded,
    /// What would follow now; `None`: it would have run on.
    now: Option<Decision>,
    /// How many further ends it would not have come to.
    unreached: u64,
}

/// What a replay came to.
#[derive(Debug, Default)]
struct Replayed {
    ends: u64,
    unreached: u64,
    differences: Vec<Difference>,
    /// Units of the ledger that the config does not have, with their ends.
    gone: BTreeMap<Arc<str>, u64>,
    /// Ends of units the config has.
    ends_of: Vec<u64>,
    /// Whole lines that make no sense to this version.
    strange: Vec<String>,
    /// It begins in the middle of a life.
    begins_within: bool,
}

pub(super) fn replay(
    path: &Path,
    config: &Config,
    options: &Simulate,
) -> Result<Simulated, SimulateError> {
    let reading = read(path)?;
    if reading.records.is_empty() && !reading.flaws.is_empty() {
        let path = super::span::visible(&path.display().to_string());
        return Err(SimulateError::NoLedger(path));
    }
    let policies: Vec<&UnitPolicy> = config.services.iter().map(|it| &it.policy).collect();
    let replayed = walk(&reading, &policies, options.seed.unwrap_or(super::SEED));
    let mut warnings: Vec<String> = reading
        .flaws
        .iter()
        .map(|flaw| format!("warning: skipped {}", super::span::visible(&flaw.to_string())))
        .collect();
    warnings.extend(replayed.strange.iter().map(|why| format!("warning: skipped {why}")));
    let text = if options.json {
        show::json(&replayed, &policies)
    } else {
        show::table(&replayed, &policies, path, &reading, options.colour)
    };
    Ok(Simulated { text, warnings, differs: !replayed.differences.is_empty() })
}

/// Goes through the records, oldest first.
fn walk(reading: &Reading, policies: &[&UnitPolicy], seed: u64) -> Replayed {
    let by_name: HashMap<&str, usize> =
        policies.iter().enumerate().map(|(index, policy)| (policy.name.as_str(), index)).collect();
    let mut replayed = Replayed { ends_of: vec![0; policies.len()], ..Replayed::default() };
    let mut slots: HashMap<(usize, u32), Slot> = HashMap::new();
    let mut paused: Vec<Moment> = vec![Moment::START; policies.len()];
    // Whether the last decision about each unit was a pause, by the config at hand.
    let mut pauses: Vec<bool> = vec![false; policies.len()];
    let mut last_difference: HashMap<(usize, u32), usize> = HashMap::new();
    let mut life = None;
    let mut within = !matches!(
        reading.records.first().map(|record| &record.fact),
        Some(Fact::SupervisorStarted(_)) | None
    );
    replayed.begins_within = within;

    for record in &reading.records {
        if life != Some(record.life) {
            // Whoever starts next knows nothing of what went before.
            if life.is_some() {
                within = false;
            }
            life = Some(record.life);
            slots.values_mut().for_each(Slot::renew);
            paused.fill(Moment::START);
        }
        if let Fact::RecordsLost { .. } = record.fact {
            within = true;
            slots.values_mut().for_each(Slot::lose_sight);
        }
        let Some(name) = &record.unit else { continue };
        let Some(index) = by_name.get(&**name).copied() else {
            let ends = replayed.gone.entry(Arc::clone(name)).or_default();
            *ends += u64::from(matches!(record.fact, Fact::Ended(_)));
            continue;
        };
        let (Some(policy), Some(paused), Some(pauses)) =
            (policies.get(index), paused.get_mut(index), pauses.get_mut(index))
        else {
            continue;
        };
        let at = record.moment();
        if let (Fact::Paused { length_ns }, true) = (&record.fact, *pauses) {
            *paused = (*paused).max(at + Duration::from_nanos(*length_ns));
        }
        let Some(number) = record.instance else { continue };
        let key = (index, number);
        let slot = slots.entry(key).or_insert_with(|| Slot::new(seed, within));
        match &record.fact {
            Fact::Started { .. } => slot.started(at, policy),
            Fact::Reacted(reaction) => {
                slot.reacted(at, reaction.process, reaction.verdict, policy);
            }
            Fact::Ended(ended) => {
                let (evidence, recorded) = match read_end(ended) {
                    Ok(end) => end,
                    Err(why) => {
                        replayed
                            .strange
                            .push(format!("the end of {name}#{number} at {}: {why}", record.time));
                        continue;
                    }
                };
                replayed.ends += 1;
                if let Some(ends) = replayed.ends_of.get_mut(index) {
                    *ends += 1;
                }
                let again = slot.ended(at, evidence, recorded, policy, *paused);
                let now = match again {
                    Again::Same => {
                        *pauses = recorded.judgement.beyond == Beyond::Pause;
                        continue;
                    }
                    Again::Unreached => {
                        replayed.unreached += 1;
                        let before = last_difference.get(&key).copied();
                        if let Some(it) = before.and_then(|at| replayed.differences.get_mut(at)) {
                            it.unreached += 1;
                        }
                        continue;
                    }
                    Again::Differs(decision) => Some(decision),
                    Again::RunsOn => None,
                };
                *pauses = now.is_some_and(|it| it.judgement.beyond == Beyond::Pause);
                if let (true, Some(until)) = (*pauses, now.and_then(|it| it.until)) {
                    *paused = (*paused).max(until);
                }
                last_difference.insert(key, replayed.differences.len());
                replayed.differences.push(Difference {
                    record: Arc::clone(record),
                    unit: UnitIndex(u32::try_from(index).unwrap_or(u32::MAX)),
                    slot: number,
                    recorded,
                    now,
                    unreached: 0,
                });
            }
            Fact::Stands(stands) => match stands.state {
                State::Stopped | State::Finished | State::Failed => slot.called_off(),
                State::New
                | State::Waiting
                | State::Starting
                | State::Ready
                | State::Stopping
                | State::Restarting
                | State::Held
                | State::Abandoned => {}
            },
            Fact::Waiting { .. }
            | Fact::SupervisorStarted(_)
            | Fact::Snapshot(_)
            | Fact::Ready { .. }
            | Fact::Stopping { .. }
            | Fact::Killing { .. }
            | Fact::LineLost { .. }
            | Fact::Reloading
            | Fact::Reloaded { .. }
            | Fact::Paused { .. }
            | Fact::GroupRestarting(_)
            | Fact::GroupFailed(_)
            | Fact::Abandoned { .. }
            | Fact::EndedLate { .. }
            | Fact::Suspended { .. }
            | Fact::Resumed
            | Fact::Stalled { .. }
            | Fact::ShuttingDown { .. }
            | Fact::Idle
            | Fact::SupervisorStopped { .. }
            | Fact::RecordsLost { .. }
            | Fact::TailCut { .. }
            | Fact::Unknown => {}
        }
    }
    replayed
}

fn read_end(
    ended: &Ended,
) -> Result<(hearken_core::evidence::Evidence, Recorded), crate::ledger::NotOfThisVersion> {
    let judgement = ended.judgement.to_core()?;
    let restart_in = ended.restart_in_ns.map(Duration::from_nanos);
    Ok((ended.evidence.to_core()?, Recorded { judgement, restart_in }))
}
