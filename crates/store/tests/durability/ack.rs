//! What a writer says was acknowledged: a line each.

use hearken_core::task::{Lease, TaskId};
use std::fmt;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ack {
    Enqueued(TaskId),
    Claimed(TaskId, Lease),
    /// With what the finish made of the task.
    Finished(TaskId, Lease, Outcome),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Succeeded,
    Again,
    Dead,
}

impl Outcome {
    const ALL: [Self; 3] = [Self::Succeeded, Self::Again, Self::Dead];

    /// The name the store keeps it by.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Again => "again",
            Self::Dead => "dead",
        }
    }
}

impl fmt::Display for Ack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Enqueued(id) => write!(f, "enqueued {id}"),
            Self::Claimed(id, lease) => write!(f, "claimed {id} {lease}"),
            Self::Finished(id, lease, outcome) => {
                write!(f, "finished {id} {lease} {}", outcome.name())
            }
        }
    }
}

/// Everything a writer said, but for a last line that was cut short by its end.
pub(crate) fn read(text: &str) -> Vec<Ack> {
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole.lines().map(|line| parse(line).unwrap_or_else(|| panic!("{line:?}"))).collect()
}

fn parse(line: &str) -> Option<Ack> {
    let words: Vec<&str> = line.split(' ').collect();
    let id = words.get(1)?.parse().ok()?;
    match words[..] {
        ["enqueued", _] => Some(Ack::Enqueued(id)),
        ["claimed", _, name] => Some(Ack::Claimed(id, lease(name)?)),
        ["finished", _, name, outcome] => {
            let outcome = Outcome::ALL.into_iter().find(|it| it.name() == outcome)?;
            Some(Ack::Finished(id, lease(name)?, outcome))
        }
        _ => None,
    }
}

fn lease(name: &str) -> Option<Lease> {
    let (epoch, number) = name.split_once('.')?;
    Some(Lease { epoch: epoch.parse().ok()?, number: number.parse().ok()? })
}

/// What a try returns: nobody else's result looks like it.
pub(crate) fn result_of(id: TaskId, lease: Lease) -> Vec<u8> {
    let line = format!("{id} {lease}\n");
    // Every ninth is long enough for several pieces.
    let lines = if lease.number.is_multiple_of(9) { 400 } else { 1 };
    line.repeat(lines).into_bytes()
}

/// How long a piece of a spooled result is.
pub(crate) const PIECE: usize = 8 * 1024;
