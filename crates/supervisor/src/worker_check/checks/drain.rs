//! Leaving in good order.

use super::super::Bench;
use super::super::conversation::Conversation;
use super::super::fault::Setback;
use super::super::report::Section;
use super::{Check, Needs};
use hearken_proto::{Ack, Acked, Drain, Handle, ToChild};
use hearken_sys::Signal;
use std::time::Duration;

pub(super) const CHECKS: &[Check] = &[
    Check {
        name: "drain_idle",
        tries: "told to drain with nothing to do, it says exiting and exits with 0",
        section: Section::ToChild,
        needs: Needs::Nothing,
        after: Some("ready"),
        run: drain_idle,
    },
    Check {
        name: "drain_busy",
        tries: "told to drain, it finishes the task it holds, says exiting and exits with 0",
        section: Section::ToChild,
        needs: Needs::Nothing,
        after: Some("result"),
        run: drain_busy,
    },
    Check {
        name: "acks_awaited",
        tries: "told to drain, it waits for the ack of its result before it leaves",
        section: Section::Life,
        needs: Needs::Nothing,
        after: Some("drain_idle"),
        run: acks_awaited,
    },
    Check {
        name: "drain_grace",
        tries: "an ack that never comes keeps it no longer than the grace of the drain",
        section: Section::ToChild,
        needs: Needs::Nothing,
        after: Some("drain_idle"),
        run: drain_grace,
    },
    Check {
        name: "sigterm_idle",
        tries: "SIGTERM is as good as a drain",
        section: Section::Life,
        needs: Needs::Nothing,
        after: Some("ready"),
        run: sigterm_idle,
    },
    Check {
        name: "sigterm_busy",
        tries: "at SIGTERM, with a drain before it or without, it finishes the task it holds",
        section: Section::Life,
        needs: Needs::Slow,
        after: Some("result"),
        run: sigterm_busy,
    },
];

/// A worker that waits for nothing is gone within this time.
const LINGERS: Duration = Duration::from_millis(500);

fn drain_idle(bench: &Bench<'_>) -> Result<(), Setback> {
    let mut talk = Conversation::open(bench)?;
    drain(&mut talk);
    leaves_well(&mut talk)
}

fn drain_busy(bench: &Bench<'_>) -> Result<(), Setback> {
    let mut talk = Conversation::open(bench)?;
    let handle = talk.give(bench.asked.slow.as_ref().unwrap_or(&bench.asked.payload));
    if bench.asked.slow.is_some() {
        talk.accepted(handle)?;
    }
    drain(&mut talk);
    talk.result(handle)?;
    leaves_well(&mut talk)
}

fn acks_awaited(bench: &Bench<'_>) -> Result<(), Setback> {
    let mut talk = Conversation::open(bench)?;
    talk.withhold_acks();
    let handle = talk.give(&bench.asked.payload);
    talk.result(handle)?;
    drain(&mut talk);
    talk.listen(LINGERS)?;
    if talk.is_leaving() {
        let came = "it leaves without the ack".to_owned();
        return Err(talk.fault(&format!("it to wait for the ack of task {handle}"), came));
    }
    talk.say(ToChild::Ack(Ack { handle, of: Acked::Result }));
    leaves_well(&mut talk)
}

fn drain_grace(bench: &Bench<'_>) -> Result<(), Setback> {
    let mut talk = Conversation::open(bench)?;
    talk.withhold_acks();
    let handle = talk.give(&bench.asked.payload);
    talk.result(handle)?;
    drain_within(&mut talk, LINGERS);
    talk.ends_by_itself()
}

fn sigterm_idle(bench: &Bench<'_>) -> Result<(), Setback> {
    let mut talk = Conversation::open(bench)?;
    talk.still_works()?;
    talk.flush()?;
    talk.signal(Signal::TERM)?;
    leaves_well(&mut talk)
}

fn sigterm_busy(bench: &Bench<'_>) -> Result<(), Setback> {
    for drain_first in [false, true] {
        let mut talk = Conversation::open(bench)?;
        let handle: Handle = talk.give(bench.asked.slow.as_ref().unwrap_or(&bench.asked.payload));
        talk.accepted(handle)?;
        if drain_first {
            drain(&mut talk);
            talk.flush()?;
        }
        talk.signal(Signal::TERM)?;
        talk.result(handle)?;
        leaves_well(&mut talk)?;
    }
    Ok(())
}

fn drain(talk: &mut Conversation<'_>) {
    let grace = talk.bench().asked.timeout;
    drain_within(talk, grace);
}

fn drain_within(talk: &mut Conversation<'_>, grace: Duration) {
    let grace_ms = u64::try_from(grace.as_millis()).unwrap_or(u64::MAX);
    talk.say(ToChild::Drain(Drain { grace_ms, reason: "worker-check".into() }));
}

fn leaves_well(talk: &mut Conversation<'_>) -> Result<(), Setback> {
    talk.farewell()?;
    let status = talk.exit()?;
    if status.code() == Some(0) {
        return Ok(());
    }
    Err(talk.fault("that it exits with 0", status.to_string()))
}
