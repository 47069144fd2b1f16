//! Tasks and how they end.

use super::super::Bench;
use super::super::conversation::Conversation;
use super::super::fault::Setback;
use super::super::report::Section;
use super::super::task_record::Ending;
use super::{Check, Needs};
use hearken_proto::{ErrorKind, ErrorMessage, Kind, Ping, Raw, ToChild};

pub(super) const CHECKS: &[Check] = &[
    Check {
        name: "result",
        tries: "a task ends with one result under its handle",
        section: Section::Life,
        needs: Needs::Nothing,
        after: Some("ready"),
        run: result,
    },
    Check {
        name: "accepted",
        tries: "a task is accepted, once, before its result",
        section: Section::FromChild,
        needs: Needs::Nothing,
        after: Some("result"),
        run: accepted,
    },
    Check {
        name: "every_field",
        tries: "a task with every field is as good as one with few",
        section: Section::ToChild,
        needs: Needs::Nothing,
        after: Some("result"),
        run: every_field,
    },
    Check {
        name: "credits",
        tries: "as many tasks at once as it has credits all end, twice over",
        section: Section::FromChild,
        needs: Needs::Nothing,
        after: Some("result"),
        run: credits,
    },
    Check {
        name: "error",
        tries: "a task that fails ends with an error of a kind a child may use, and a code",
        section: Section::FromChild,
        needs: Needs::Fail,
        after: Some("ready"),
        run: error,
    },
    Check {
        name: "error_then_work",
        tries: "after a task that failed the next one succeeds",
        section: Section::Life,
        needs: Needs::Fail,
        after: Some("error"),
        run: error_then_work,
    },
];

/// How many tasks are given at once, however many credits there are.
const MOST: u16 = 32;

fn result(bench: &Bench<'_>) -> Result<(), Setback> {
    let mut talk = Conversation::open(bench)?;
    let handle = talk.give(&bench.asked.payload);
    talk.result(handle)?;
    // Whatever it says twice it has said by the time it answers this.
    talk.say(ToChild::Ping(Ping { sequence: 1 }));
    talk.heartbeat_of(1)?;
    let ends = |kind: Kind| matches!(kind, Kind::Result | Kind::Error | Kind::Snooze);
    match talk.beyond().iter().find(|(kind, _)| ends(*kind)) {
        Some((kind, of)) => {
            let came = format!("another {kind}, of handle {of}");
            Err(talk.fault(&format!("one ending, of handle {handle}"), came))
        }
        None => Ok(()),
    }
}

fn accepted(bench: &Bench<'_>) -> Result<(), Setback> {
    let mut talk = Conversation::open(bench)?;
    let handle = talk.give(&bench.asked.payload);
    let times = talk.result(handle)?.accepted;
    if times == 1 {
        return Ok(());
    }
    let expected = format!("accepted, of task {handle}, once and before the result");
    Err(talk.fault(&expected, format!("a result after {times} of them")))
}

fn every_field(bench: &Bench<'_>) -> Result<(), Setback> {
    let mut talk = Conversation::open(bench)?;
    let mut task = talk.make(&bench.asked.payload);
    let handle = task.handle;
    task.attempt = 3;
    task.crashes = 1;
    task.content_type = Some("application/msgpack".to_owned());
    task.soft_ms = Some(3_600_000);
    task.hard_ms = Some((1 << 32) + 1);
    task.key = Some("customer-12".to_owned());
    task.headers = Raw::from_value(&serde_json::json!({ "user": "anna" })).ok();
    task.traceparent = Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned());
    task.checkpoint = Some(b"row=300\xff".to_vec());
    task.last_error =
        Some(ErrorMessage::new(ErrorKind::Crashed, "signal.SEGV", "killed by SIGSEGV"));
    task.batch = Some("night".to_owned());
    talk.say(ToChild::Task(Box::new(task)));
    talk.result(handle).map(|_| ())
}

fn credits(bench: &Bench<'_>) -> Result<(), Setback> {
    let mut talk = Conversation::open(bench)?;
    let credits = talk.ready()?.min(MOST);
    for _ in 0..2 {
        let handles: Vec<_> = (0..credits).map(|_| talk.give(&bench.asked.payload)).collect();
        for handle in handles {
            talk.result(handle)?;
        }
    }
    Ok(())
}

fn error(bench: &Bench<'_>) -> Result<(), Setback> {
    let mut talk = Conversation::open(bench)?;
    let handle = talk.give(bench.asked.fail.as_ref().unwrap_or(&bench.asked.payload));
    // A kind that is not a child's to use has ended the line before this.
    match talk.ended(handle)?.1 {
        Ending::Error(error) if is_code(&error.code) && !error.message.trim().is_empty() => Ok(()),
        Ending::Error(error) => Err(talk.fault(
            "an error with a dotted code and a message",
            format!("the code {:?} and the message {:?}", error.code, error.message.as_str()),
        )),
        other @ (Ending::Result(_) | Ending::Snooze(_)) => {
            Err(talk.fault("an error: --fail must make the task fail", other.describe()))
        }
    }
}

/// A code is what rules are written against: one word.
fn is_code(code: &str) -> bool {
    !code.is_empty() && !code.chars().any(|c| c.is_whitespace() || c.is_control())
}

fn error_then_work(bench: &Bench<'_>) -> Result<(), Setback> {
    let mut talk = Conversation::open(bench)?;
    let handle = talk.give(bench.asked.fail.as_ref().unwrap_or(&bench.asked.payload));
    talk.ended(handle)?;
    talk.still_works()
}
