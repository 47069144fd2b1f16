//! `hearken task add`.

use super::answers::Submitted;
use super::daemon::{Asked, Daemon, escaped};
use super::failure::Failure;
use super::payload::Payload;
use super::place::Place;
use super::wait;
use crate::exit::Exit;
use crate::{complain, print};
use clap::Args;
use hearken_supervisor::simulate::duration;
use hearken_supervisor::why::safe;
use serde::Serialize;
use serde_json::value::RawValue;
use std::time::Duration;

/// How many tasks go into one request, and how long their payloads may be together.
const TASKS_MAX: usize = 10_000;
const BYTES_MAX: usize = 24 * 1024 * 1024;

#[derive(Debug, Args)]
pub(super) struct Add {
    /// The pool that is to do it.
    pool: String,
    #[command(flatten)]
    payload: Payload,
    /// Its type.
    #[arg(long = "type", value_name = "NAME")]
    kind: Option<String>,
    /// An id of your own, a UUID: a task that is added twice with it is kept once.
    #[arg(long, value_name = "UUID", conflicts_with = "ndjson")]
    id: Option<String>,
    /// While a task of this key is kept, no other is taken: the id of that one is printed.
    #[arg(long, conflicts_with = "ndjson")]
    key: Option<String>,
    /// Tasks of different keys take turns.
    #[arg(long, value_name = "KEY")]
    fairness_key: Option<String>,
    /// From 0, last, to 9, first.
    #[arg(long, value_name = "0-9", value_parser = clap::value_parser!(u8).range(0..=9))]
    priority: Option<u8>,
    /// Not before so long from now: 30s, 5m.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    delay: Option<Duration>,
    /// To be over so long from now: 1h.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    expires: Option<Duration>,
    /// The tasks are a batch, and print its id: over when all have ended, when one has succeeded,
    /// when N have, or when more than N percent have failed.
    #[arg(long, value_name = "all|any|quorum=N|halt=N%", value_parser = batch)]
    batch: Option<Batch>,
    /// A payload of JSON: when the batch is over, a task with it is done.
    #[arg(long, value_name = "JSON", requires = "batch", value_parser = json)]
    on_complete: Option<Box<RawValue>>,
    /// Wait until it has ended, or so long, and print the result; of a batch all results, one a
    /// line. Exits with 0 if it succeeded.
    #[arg(long, value_name = "TIME", num_args = 0..=1, require_equals = true, value_parser = duration,
          default_missing_value = "366d")]
    wait: Option<Duration>,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Batch {
    policy: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    quorum: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    halt_percent: Option<u8>,
}

fn batch(text: &str) -> Result<Batch, String> {
    let of = |policy, quorum, halt_percent| Ok(Batch { policy, quorum, halt_percent });
    let help = "write all, any, quorum=N or halt=N%";
    match text.split_once('=') {
        None if text == "all" => of("all", None, None),
        None if text == "any" => of("any", None, None),
        Some(("quorum", number)) => {
            let number = number.parse().ok().filter(|number| *number > 0);
            of("quorum", Some(number.ok_or(format!("how many have to succeed; {help}"))?), None)
        }
        Some(("halt", share)) => {
            let share = share.strip_suffix('%').and_then(|share| share.parse().ok());
            let share = share.filter(|share| *share <= 100);
            of("halt", None, Some(share.ok_or(format!("0% to 100% may fail; {help}"))?))
        }
        None | Some(_) => Err(help.to_owned()),
    }
}

fn json(text: &str) -> Result<Box<RawValue>, String> {
    serde_json::from_str(text).map_err(|error| format!("it is not JSON: {error}"))
}

#[derive(Debug, Serialize)]
struct Request<'a> {
    tasks: Vec<Task<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    batch: Option<BatchWanted<'a>>,
}

#[derive(Debug, Serialize)]
struct BatchWanted<'a> {
    #[serde(flatten)]
    batch: &'a Batch,
    #[serde(skip_serializing_if = "Option::is_none")]
    on_complete: Option<Task<'a>>,
}

/// What is not there is left out.
#[derive(Debug, Clone, Default, Serialize)]
struct Task<'a> {
    payload: Option<&'a RawValue>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fairness_key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    priority: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delay: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<String>,
}

pub(super) fn run(add: Add) -> Result<Exit, Failure> {
    let payloads = add.payload.read()?;
    if add.wait.is_some() && payloads.len() > 1 && add.batch.is_none() {
        let what = "--wait for several tasks wants them together: add --batch all";
        return Err(Failure::Usage(what.to_owned()));
    }
    let daemon = add.place.daemon()?;
    let mut last = None;
    for part in parts(&payloads, add.batch.is_some()) {
        let submitted = submit(&daemon, &add, part)?;
        if let Some(exit) = say(&add, &submitted) {
            return Ok(exit);
        }
        last = Some(submitted);
    }
    if let Some(why) = last.as_ref().and_then(|it| it.trouble.as_ref()) {
        complain(&safe(&format!("note: pool {}: {why}", add.pool)));
    }
    let (Some(time), Some(submitted)) = (add.wait, last) else { return Ok(Exit::Ok) };
    match (&submitted.batch, submitted.tasks.first()) {
        (Some(batch), _) => wait::for_batch(&daemon, batch, time),
        (None, Some(task)) => wait::for_task(&daemon, &task.id, time),
        (None, None) => Ok(Exit::Ok),
    }
}

fn submit(daemon: &Daemon, add: &Add, payloads: &[Box<RawValue>]) -> Result<Submitted, Failure> {
    let ms = |time: Duration| format!("{}ms", time.as_millis());
    let task = |payload| Task {
        payload: Some(payload),
        kind: add.kind.as_deref(),
        id: add.id.as_deref(),
        key: add.key.as_deref(),
        fairness_key: add.fairness_key.as_deref(),
        priority: add.priority,
        delay: add.delay.map(ms),
        expires: add.expires.map(ms),
    };
    let on_complete = add.on_complete.as_deref().map(|payload| Task {
        payload: Some(payload),
        kind: add.kind.as_deref(),
        ..Task::default()
    });
    let request = Request {
        tasks: payloads.iter().map(|payload| task(payload)).collect(),
        batch: add.batch.as_ref().map(|batch| BatchWanted { batch, on_complete }),
    };
    let body = serde_json::to_string(&request).expect("its keys are texts, its values JSON");
    daemon.json(&Asked::post(format!("/v1/pools/{}/tasks", escaped(&add.pool)), Some(body)))
}

/// Prints what was kept. Gives the exit code if that went wrong.
fn say(add: &Add, submitted: &Submitted) -> Option<Exit> {
    for task in submitted.tasks.iter().filter(|task| task.outcome == "duplicate") {
        complain(&format!("note: {} was there already, and is kept once", task.id));
    }
    if add.wait.is_some() {
        return None;
    }
    let ids = match &submitted.batch {
        Some(batch) => format!("{batch}\n"),
        None => submitted.tasks.iter().map(|task| format!("{}\n", task.id)).collect(),
    };
    let exit = print(&ids);
    (exit != Exit::Ok).then_some(exit)
}

/// As many as go into a request. A batch is one request, whatever the daemon says to it.
fn parts(payloads: &[Box<RawValue>], together: bool) -> Vec<&[Box<RawValue>]> {
    if together {
        return vec![payloads];
    }
    let (mut parts, mut begin, mut bytes) = (Vec::new(), 0, 0);
    for (place, payload) in payloads.iter().enumerate() {
        let length = payload.get().len();
        if place > begin && (place - begin == TASKS_MAX || bytes + length > BYTES_MAX) {
            parts.push(&payloads[begin..place]);
            (begin, bytes) = (place, 0);
        }
        bytes += length;
    }
    parts.push(&payloads[begin..]);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_written_as_a_policy() {
        let of = |policy, quorum, halt_percent| Ok(Batch { policy, quorum, halt_percent });
        assert_eq!(batch("all"), of("all", None, None));
        assert_eq!(batch("any"), of("any", None, None));
        assert_eq!(batch("quorum=3"), of("quorum", Some(3), None));
        assert_eq!(batch("halt=10%"), of("halt", None, Some(10)));
        for text in ["", "most", "all=1", "quorum", "quorum=0", "quorum=x", "halt=10", "halt=101%"]
        {
            assert!(batch(text).is_err(), "{text}");
        }
    }

    #[test]
    fn many_tasks_go_in_several_requests_unless_they_belong_together() {
        let of = |json: &str, count| vec![RawValue::from_string(json.to_owned()).unwrap(); count];
        let sizes = |payloads: &[Box<RawValue>], together| {
            parts(payloads, together).iter().map(|part| part.len()).collect::<Vec<_>>()
        };
        assert_eq!(sizes(&of("1", 20_001), false), [10_000, 10_000, 1]);
        assert_eq!(sizes(&of("1", 20_001), true), [20_001]);
        assert_eq!(sizes(&of("1", 1), false), [1]);
        let large = format!("\"{}\"", "x".repeat(10 << 20));
        assert_eq!(sizes(&of(&large, 5), false), [2, 2, 1]);
    }
}
