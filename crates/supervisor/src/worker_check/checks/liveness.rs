//! Signs of life.

use super::super::Bench;
use super::super::conversation::{Conversation, welcome};
use super::super::fault::Setback;
use super::super::report::Section;
use super::{Check, Needs};
use hearken_proto::{Handle, Ping, ToChild};
use std::time::Duration;

pub(super) const CHECKS: &[Check] = &[
    Check {
        name: "ping",
        tries: "a ping is answered by a heartbeat of its sequence, also of one above 2^32",
        section: Section::ToChild,
        needs: Needs::Nothing,
        after: Some("ready"),
        run: ping,
    },
    Check {
        name: "heartbeat",
        tries: "an idle worker says heartbeat as often as welcome.heartbeat_ms asks",
        section: Section::ToChild,
        needs: Needs::Nothing,
        after: Some("ready"),
        run: heartbeat,
    },
];

pub(super) const WHILE_BUSY: &[Check] = &[
    Check {
        name: "ping_busy",
        tries: "a ping in the middle of a task is answered before its end",
        section: Section::ToChild,
        needs: Needs::Slow,
        after: Some("result"),
        run: ping_busy,
    },
    Check {
        name: "heartbeat_busy",
        tries: "heartbeats go on during a task, and name it if they name any",
        section: Section::FromChild,
        needs: Needs::Slow,
        after: Some("result"),
        run: heartbeat_busy,
    },
];

/// How often a heartbeat is asked for.
const HEARTBEAT: Duration = Duration::from_millis(250);

fn ping(bench: &Bench<'_>) -> Result<(), Setback> {
    let mut talk = Conversation::open(bench)?;
    for sequence in [7, (1 << 32) + 7] {
        talk.say(ToChild::Ping(Ping { sequence }));
        talk.heartbeat_of(sequence)?;
    }
    Ok(())
}

fn heartbeat(bench: &Bench<'_>) -> Result<(), Setback> {
    let mut talk = beating(bench)?;
    // Twice the time they take, for a machine that has other things to do.
    let count = 4;
    talk.heartbeats(count, HEARTBEAT * 2 * 4).map(|_| ())
}

fn ping_busy(bench: &Bench<'_>) -> Result<(), Setback> {
    let mut talk = Conversation::open(bench)?;
    let handle = begin_slow(&mut talk, bench)?;
    talk.say(ToChild::Ping(Ping { sequence: 11 }));
    talk.heartbeat_of(11)?;
    before_its_end(&talk, handle)
}

fn heartbeat_busy(bench: &Bench<'_>) -> Result<(), Setback> {
    let mut talk = beating(bench)?;
    let handle = begin_slow(&mut talk, bench)?;
    let beats = talk.heartbeats(2, bench.asked.timeout)?;
    before_its_end(&talk, handle)?;
    let forgets = |busy: &Vec<Handle>| !busy.contains(&handle);
    match beats.iter().filter_map(|beat| beat.busy.as_ref()).find(|busy| forgets(busy)) {
        Some(busy) => Err(talk.fault(
            &format!("task {handle} in busy, the tasks it holds"),
            format!("{:?}", busy.iter().map(|handle| handle.0).collect::<Vec<_>>()),
        )),
        None => Ok(()),
    }
}

fn beating<'a>(bench: &'a Bench<'a>) -> Result<Conversation<'a>, Setback> {
    let mut welcome = welcome();
    welcome.heartbeat_ms = u32::try_from(HEARTBEAT.as_millis()).ok();
    Conversation::open_with(bench, welcome)
}

fn begin_slow(talk: &mut Conversation<'_>, bench: &Bench<'_>) -> Result<Handle, Setback> {
    let handle = talk.give(bench.asked.slow.as_ref().unwrap_or(&bench.asked.payload));
    talk.accepted(handle)?;
    Ok(handle)
}

fn before_its_end(talk: &Conversation<'_>, handle: Handle) -> Result<(), Setback> {
    if talk.has_ended(handle) {
        let came = "the task's end first; --slow must take a second or more";
        return Err(talk.fault("it while the task runs", came.to_owned()));
    }
    Ok(())
}
