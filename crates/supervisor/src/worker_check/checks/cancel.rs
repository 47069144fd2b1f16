//! Tasks that are not wanted any more.

use super::super::Bench;
use super::super::conversation::Conversation;
use super::super::fault::Setback;
use super::super::report::Section;
use super::{Check, Needs};
use hearken_proto::{Ack, Acked, Cancel, CancelReason, Handle, ToChild};

pub(super) const CHECKS: &[Check] = &[
    Check {
        name: "cancel_waiting",
        tries: "a task cancelled before it began is answered all the same",
        section: Section::ToChild,
        needs: Needs::Nothing,
        after: Some("result"),
        run: cancel_waiting,
    },
    Check {
        name: "cancel_running",
        tries: "a task cancelled while it runs ends as cancelled, and the next one succeeds",
        section: Section::ToChild,
        needs: Needs::Slow,
        after: Some("result"),
        run: cancel_running,
    },
    Check {
        name: "stale_handles",
        tries: "cancel and ack of a task it never had are ignored",
        section: Section::Life,
        needs: Needs::Nothing,
        after: Some("result"),
        run: stale_handles,
    },
];

/// A handle that no check gets to.
const NOBODYS: Handle = Handle(4_000_000_000);

fn cancel_waiting(bench: &Bench<'_>) -> Result<(), Setback> {
    let mut talk = Conversation::open(bench)?;
    let credits = talk.ready()?;
    let Some(slow) = &bench.asked.slow else {
        // It may be done before it hears of the cancellation; then that came too late.
        let handle = talk.give(&bench.asked.payload);
        cancel(&mut talk, handle);
        let (_, ending) = talk.ended(handle)?;
        let fine = ending.is_result() || ending.is_cancelled();
        let wrong = || talk.fault("a result, or an error of kind cancelled", ending.describe());
        return if fine { Ok(()) } else { Err(wrong()) };
    };
    let first = (credits > 1).then(|| talk.give(slow));
    if let Some(first) = first {
        talk.accepted(first)?;
    }
    let waiting = talk.give(slow);
    cancel(&mut talk, waiting);
    if let Some(first) = first {
        cancel(&mut talk, first);
    }
    ends_cancelled(&mut talk, waiting)?;
    talk.still_works()
}

fn cancel_running(bench: &Bench<'_>) -> Result<(), Setback> {
    let mut talk = Conversation::open(bench)?;
    let handle = talk.give(bench.asked.slow.as_ref().unwrap_or(&bench.asked.payload));
    talk.accepted(handle)?;
    cancel(&mut talk, handle);
    ends_cancelled(&mut talk, handle)?;
    talk.still_works()
}

fn stale_handles(bench: &Bench<'_>) -> Result<(), Setback> {
    let mut talk = Conversation::open(bench)?;
    cancel(&mut talk, NOBODYS);
    for of in [Acked::Result, Acked::Error, Acked::Checkpoint, Acked::Snooze] {
        talk.say(ToChild::Ack(Ack { handle: NOBODYS, of }));
    }
    talk.still_works()
}

fn cancel(talk: &mut Conversation<'_>, handle: Handle) {
    let grace_ms = u64::try_from(talk.bench().asked.timeout.as_millis()).unwrap_or(u64::MAX);
    talk.say(ToChild::Cancel(Cancel { handle, reason: CancelReason::Operator, grace_ms }));
}

fn ends_cancelled(talk: &mut Conversation<'_>, handle: Handle) -> Result<(), Setback> {
    let (_, ending) = talk.ended(handle)?;
    if ending.is_cancelled() {
        return Ok(());
    }
    Err(talk.fault(&format!("an error of kind cancelled, of task {handle}"), ending.describe()))
}
