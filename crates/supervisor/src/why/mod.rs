//! `hearken why`: what the ledger tells of one unit or instance, in sentences and as JSON.
//!
//! ```text
//!   state directory ─▶ ledger::read ─▶ Standings ─▶ Answer (facts) ─▶ sentence
//!          └─ lock: does it run?
//! ```
//!
//! It reads files and asks nobody, so it answers for a supervisor that is gone as well.

mod clock;
mod safe;
mod sentence;
mod words;

pub use clock::Now;
pub use safe::{safe, safe_json};
pub use sentence::{Alive, past_end, sentence};

use crate::ledger::{self, Flaw, ReadError, Record, Standings, Stands};
use crate::state_directory;
use jiff::Timestamp;
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What is asked.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// The state directory.
    pub directory: &'a Path,
    /// A unit, or one instance of it: `api`, `api#2`.
    pub name: &'a str,
    /// How many of its last ends are wanted.
    pub history: usize,
}

/// Why there is no answer. Each names the next step.
#[derive(Debug, thiserror::Error)]
pub enum WhyError {
    /// There is no ledger, or we may not read it.
    #[error(transparent)]
    Ledger(#[from] ReadError),
    /// It cannot be seen whether hearken runs.
    #[error("the lock in {path}: {error}; the state directory belongs to the user hearken runs as")]
    Lock {
        /// The state directory.
        path: PathBuf,
        /// What the kernel said.
        error: std::io::Error,
    },
    /// Not a single whole line is in the ledger.
    #[error(
        "the ledger in {0} holds nothing that can be read; hearken writes it from its start on: is this the state directory of the config you mean?"
    )]
    Empty(PathBuf),
    /// The name says neither a unit nor an instance.
    #[error("{0:?} is no name of a unit, as \"api\", or of one of its instances, as \"api#2\"")]
    NoName(String),
    /// There is no such unit.
    #[error("{}", unknown(.name, .nearest.as_deref(), .known))]
    Unknown {
        /// What was asked for.
        name: String,
        /// What was probably meant.
        nearest: Option<String>,
        /// What there is.
        known: Vec<String>,
    },
    /// There is the unit, but not so many instances of it.
    #[error("{unit} has {}, {unit}#{instance} is none of them", counted(*.instances))]
    NoInstance {
        /// The unit.
        unit: String,
        /// What was asked for.
        instance: u32,
        /// How many it has.
        instances: usize,
    },
}

/// What is known.
#[derive(Debug, Clone, Serialize)]
pub struct Answer {
    /// The state directory.
    pub state_directory: PathBuf,
    /// The supervisor.
    pub supervisor: Overseer,
    /// The instances that were asked for.
    pub instances: Vec<Told>,
    /// Lines of the ledger that could not be read, with their place.
    pub unreadable: Vec<String>,
}

/// The supervisor, as its ledger and its lock show it.
#[derive(Debug, Clone, Serialize)]
pub struct Overseer {
    /// Whether it runs.
    pub running: bool,
    /// Its process, while it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pid: Option<i32>,
    /// When it came up.
    #[serde(
        skip_serializing_if = "Option::is_none",
        serialize_with = "ledger::maybe_time::serialize"
    )]
    pub started: Option<Timestamp>,
    /// When it ended in good order.
    #[serde(
        skip_serializing_if = "Option::is_none",
        serialize_with = "ledger::maybe_time::serialize"
    )]
    pub stopped: Option<Timestamp>,
    /// Its exit code, if it ended in good order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<u8>,
    /// Why it ended or shuts down, unless somebody asked for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub because: Option<Box<str>>,
    /// The last thing it wrote: when it was killed, its end lies behind this.
    #[serde(
        skip_serializing_if = "Option::is_none",
        serialize_with = "ledger::maybe_time::serialize"
    )]
    pub last_record: Option<Timestamp>,
    /// All that in a sentence; empty when it simply runs.
    pub sentence: String,
}

/// One instance.
#[derive(Debug, Clone, Serialize)]
pub struct Told {
    /// Its unit.
    pub unit: Arc<str>,
    /// Which instance.
    pub instance: u32,
    /// All below in a sentence.
    pub sentence: String,
    /// Where it stands, or stood when the supervisor ended.
    #[serde(flatten)]
    pub stands: Stands,
    /// Its last ends, the latest first, as many as were asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<Arc<Record>>,
}

/// Answers from what lies in the state directory.
///
/// # Errors
/// If there is no ledger to answer from, or nothing in it that bears this name.
pub fn ask(question: &Question<'_>, now: &Now) -> Result<Answer, WhyError> {
    let Question { directory, name, history } = *question;
    let (unit, instance) = parse(name)?;
    let (records, flaws) = records(directory, history > 0)?;
    let mut standings = Standings::default();
    records.iter().for_each(|record| standings.apply(record));
    if standings.supervisor.is_none() {
        return Err(WhyError::Empty(directory.to_owned()));
    }
    // Looked at after the ledger was read: what runs now was running then, or has come up since.
    let holder = state_directory::held_by(directory)
        .map_err(|error| WhyError::Lock { path: directory.to_owned(), error })?;
    let alive = if holder.is_some() { Alive::Yes } else { Alive::No };
    let mut instances = Vec::new();
    for (instance, stands) in asked(&standings, unit, instance)? {
        let sentence = sentence(unit, instance, stands, &standings, alive, now);
        let unit: Arc<str> = unit.into();
        let history = ends(&records, &unit, instance, history);
        instances.push(Told { unit, instance, sentence, stands: stands.clone(), history });
    }
    // A last line without an end is being written, while somebody writes.
    let unreadable = flaws.iter().filter(|flaw| !(flaw.torn && holder.is_some()));
    Ok(Answer {
        state_directory: directory.to_owned(),
        supervisor: overseer(&standings, holder, now),
        instances,
        unreadable: unreadable.map(Flaw::to_string).collect(),
    })
}

impl Answer {
    /// As text, for people.
    #[must_use]
    pub fn text(&self, now: &Now) -> String {
        let mut text = String::new();
        if !self.supervisor.sentence.is_empty() {
            text += &format!("{}\n", self.supervisor.sentence);
        }
        for told in &self.instances {
            text += &format!("{}\n", told.sentence);
            for end in &told.history {
                if let Some(ended) = end.ended() {
                    text += &format!("    {}: {}\n", now.clock(end.time), past_end(ended));
                }
            }
        }
        text
    }

    /// As JSON, for machines; it moves no terminal either.
    #[must_use]
    pub fn json(&self) -> String {
        let json = serde_json::to_string_pretty(self).expect("an answer can be written to memory");
        safe::safe_json(&json) + "\n"
    }
}

/// What has to be read: the file that is written knows where all stand; all of them know more ends.
fn records(directory: &Path, all: bool) -> Result<(Vec<Arc<Record>>, Vec<Flaw>), WhyError> {
    if !directory.is_dir() {
        return Err(ReadError::Missing { path: directory.join(ledger::CURRENT) }.into());
    }
    if !all && let Ok(reading) = ledger::read_current(directory) {
        let mut standings = Standings::default();
        reading.records.iter().for_each(|record| standings.apply(record));
        if standings.supervisor.is_some() {
            return Ok((reading.records, reading.flaws));
        }
    }
    let reading = ledger::read(directory)?;
    Ok((reading.records, reading.flaws))
}

fn parse(name: &str) -> Result<(&str, Option<u32>), WhyError> {
    let no_name = || WhyError::NoName(name.to_owned());
    let (unit, instance) = match name.split_once('#') {
        None => (name, None),
        Some((unit, slot)) => (unit, Some(slot.parse().map_err(|_| no_name())?)),
    };
    match hearken_core::identity::UnitName::new(unit) {
        Ok(_) => Ok((unit, instance)),
        Err(_) => Err(no_name()),
    }
}

fn asked<'a>(
    standings: &'a Standings,
    unit: &str,
    instance: Option<u32>,
) -> Result<Vec<(u32, &'a Stands)>, WhyError> {
    let all: Vec<_> = standings.of_unit(unit).collect();
    if all.is_empty() {
        let mut known: Vec<_> = standings.all().map(|(unit, ..)| unit.to_string()).collect();
        known.dedup();
        let nearest = nearest(unit, &known);
        return Err(WhyError::Unknown { name: unit.to_owned(), nearest, known });
    }
    let instances = all.len();
    let asked: Vec<_> =
        all.into_iter().filter(|(one, _)| instance.is_none_or(|asked| asked == *one)).collect();
    match instance {
        Some(instance) if asked.is_empty() => {
            Err(WhyError::NoInstance { unit: unit.to_owned(), instance, instances })
        }
        Some(_) | None => Ok(asked),
    }
}

fn ends(records: &[Arc<Record>], unit: &str, instance: u32, most: usize) -> Vec<Arc<Record>> {
    let own = |record: &&Arc<Record>| {
        record.ended().is_some()
            && record.who().is_some_and(|(of, number)| &**of == unit && number == instance)
    };
    records.iter().rev().filter(own).take(most).cloned().collect()
}

fn overseer(standings: &Standings, holder: Option<i32>, now: &Now) -> Overseer {
    let left = standings.left.as_ref();
    let shutting_down = standings.shutting_down.as_ref();
    let because = left
        .and_then(|left| left.because.clone())
        .or_else(|| shutting_down.and_then(|(_, because)| because.clone()));
    let why = because.as_ref().map(|because| format!(": {because}")).unwrap_or_default();
    let sentence = match (holder, left, shutting_down, standings.last) {
        // It has only just come up, and not written yet.
        (Some(_), Some(_), _, _) => {
            "hearken has just started; this is what the one before it left.".into()
        }
        (Some(_), None, Some((at, _)), _) => {
            format!("hearken is shutting down since {}{why}.", now.clock(*at))
        }
        (Some(_), None, None, _) => String::new(),
        (None, Some(left), _, _) => format!(
            "hearken is not running: it ended at {}, with exit code {}{why}.",
            now.past(left.at),
            left.exit_code
        ),
        (None, None, _, Some(last)) => format!(
            "hearken itself is not running: it was killed, or the machine went down, at about {} or later (its ledger ends there, {} ago, without a farewell).",
            now.clock(last),
            now.ago(last)
        ),
        (None, None, _, None) => "hearken is not running.".into(),
    };
    Overseer {
        running: holder.is_some(),
        pid: holder,
        started: standings.supervisor.as_ref().map(|supervisor| supervisor.started),
        stopped: left.map(|left| left.at),
        exit_code: left.map(|left| left.exit_code),
        because,
        last_record: standings.last,
        sentence: safe::safe(&sentence),
    }
}

/// The name that was probably meant: at most a third of its letters wrong.
fn nearest(name: &str, known: &[String]) -> Option<String> {
    let distance = |one: &String| strsim::damerau_levenshtein(name, one);
    let best = known.iter().min_by_key(|one| distance(one))?;
    (distance(best) <= (best.len().max(name.len()) / 3).max(1)).then(|| best.clone())
}

fn unknown(name: &str, nearest: Option<&str>, known: &[String]) -> String {
    const MOST: usize = 20;

    let meant = nearest.map(|nearest| format!(" Did you mean {nearest:?}?")).unwrap_or_default();
    let listed: Vec<&str> = known.iter().take(MOST).map(String::as_str).collect();
    let more = known.len().saturating_sub(MOST);
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    format!("there is no unit {name:?}.{meant} There is: {}{more}", listed.join(", "))
}

fn counted(instances: usize) -> String {
    if instances == 1 { "one instance".into() } else { format!("{instances} instances") }
}

#[cfg(test)]
mod tests;
