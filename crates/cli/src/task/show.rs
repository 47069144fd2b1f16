//! `hearken task show`: the history of a task, as one tells it.

use super::answers::{Attempt, Task};
use super::daemon::{Asked, escaped};
use super::failure::Failure;
use super::place::Place;
use super::result;
use super::wait::{because, progress_words};
use crate::exit::Exit;
use crate::print;
use clap::Args;
use hearken_supervisor::events::spoken;
use hearken_supervisor::why::{Now, safe};
use std::fmt::Write as _;

/// How much of a payload is shown, in characters.
const PAYLOAD: usize = 400;

#[derive(Debug, Args)]
pub(super) struct Show {
    /// The task.
    id: String,
    /// Print the same facts as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

pub(super) fn run(show: &Show) -> Result<Exit, Failure> {
    let daemon = show.place.daemon()?;
    let asked = Asked::get(format!("/v1/tasks/{}", escaped(&show.id)));
    if show.json {
        return result::copy(&daemon, &asked);
    }
    let task: Task = daemon.json(&asked)?;
    Ok(print(&told(&task, &Now::here())))
}

/// The whole history.
fn told(task: &Task, now: &Now) -> String {
    let mut out = String::new();
    let mut line = |text: String| {
        out.push_str(&safe(&text));
        out.push('\n');
    };
    line(headline(task));
    if let Some(created) = task.created {
        line(format!("  submitted {}", now.past(created)));
    }
    let traits = traits(task);
    if !traits.is_empty() {
        line(format!("  {traits}"));
    }
    line(format!("  payload: {}", payload(task)));
    for attempt in &task.history {
        tried(attempt, now, &mut line);
    }
    if let Some(live) = &task.live {
        let mut words =
            format!("  now: {} works on it for {}", live.worker, spoken(live.worked_ms));
        if let Some(progress) = &live.progress {
            let _infallible = write!(words, ": {}", progress_words(progress));
        }
        line(words);
        logged(&live.logs, &mut line);
    }
    for next in next(task, now) {
        line(format!("  {next}"));
    }
    out
}

fn headline(task: &Task) -> String {
    let kind = task.kind.as_ref().map(|kind| format!(" ({kind})")).unwrap_or_default();
    let by = task.decided_by.as_ref().map(|by| format!(", decided by {by}")).unwrap_or_default();
    format!("{}{kind} of pool {} is {}{by}", task.id, task.pool, task.state)
}

/// What sets it apart from a task of which nothing was said.
fn traits(task: &Task) -> String {
    let of = |name: &str, value: &Option<String>| value.as_ref().map(|it| format!("{name} {it}"));
    let counts = [(task.crashes, "crashes"), (task.snoozes, "snoozes")];
    let counts = counts.into_iter().filter(|(count, _)| *count > 0);
    let counts = counts.map(|(count, what)| Some(format!("{what} {count}")));
    [
        (task.priority != 5).then(|| format!("priority {}", task.priority)),
        of("key", &task.key),
        of("fairness key", &task.fairness_key),
        of("batch", &task.batch),
    ]
    .into_iter()
    .chain(counts)
    .flatten()
    .collect::<Vec<_>>()
    .join(", ")
}

fn payload(task: &Task) -> String {
    let bytes = format!("{} bytes", task.payload_bytes);
    let Some(payload) = &task.payload else {
        return match &task.content_type {
            Some(content_type) => format!("{bytes} of {content_type}"),
            None => bytes,
        };
    };
    match payload.get().char_indices().nth(PAYLOAD) {
        Some((cut, _)) => format!("{}… ({bytes})", &payload.get()[..cut]),
        None => payload.get().to_owned(),
    }
}

fn tried(attempt: &Attempt, now: &Now, line: &mut impl FnMut(String)) {
    let at = attempt.started.map(|at| format!(", {}", now.clock(at))).unwrap_or_default();
    let became = match (attempt.ended, attempt.outcome.as_str()) {
        (None, _) => "nobody saw its end: hearken was gone before",
        (_, "succeeded") => "succeeded",
        (_, "again") => "to be tried again",
        (_, "released") => "cut short, and not counted",
        (_, "dead") => "given up",
        (_, other) => other,
    };
    let by = attempt.rule.as_ref().unwrap_or(&attempt.decided_by);
    let seen = match attempt.ended {
        Some(_) => format!(" (took {}, decided by {by})", spoken(attempt.took_ms)),
        None => String::new(),
    };
    line(format!("  try {} on {}{at}: {became}{seen}", attempt.attempt, attempt.worker));
    if let Some(error) = &attempt.error {
        line(format!("    what was wrong{}", because(Some(error))));
        for cause in &error.causes {
            line(format!("      because of: {cause}"));
        }
    }
    if let Some(progress) = &attempt.progress {
        line(format!("    it got to {}", progress_words(progress)));
    }
    if let Some(result) = &attempt.result {
        let kind = result.content_type.as_ref().map(|it| format!(" of {it}")).unwrap_or_default();
        line(format!("    what came out: {} bytes{kind}", result.bytes));
    }
    logged(attempt.logs.as_deref().unwrap_or_default(), line);
}

fn logged(logs: &str, line: &mut impl FnMut(String)) {
    for text in logs.lines() {
        line(format!("    | {text}"));
    }
}

/// What comes next, and what can be done.
fn next(task: &Task, now: &Now) -> Vec<String> {
    let id = &task.id;
    let mut next = Vec::new();
    match task.state.as_str() {
        "held" => next.push("it waits for the end of its batch".to_owned()),
        "waiting" => next.push(match task.not_before.and_then(|at| now.until(at)) {
            Some(time) => format!("it waits, not to be tried before {time} from now"),
            None => "it waits for a worker".to_owned(),
        }),
        "succeeded" => next.push(format!("hearken task result {id} prints what came out")),
        "dead" | "cancelled" | "expired" => {
            next.push(format!("hearken task retry {id} has it done after all"));
        }
        _ => {}
    }
    if let Some(at) = task.expires.filter(|_| !task.is_over())
        && let Some(time) = now.until(at)
    {
        next.push(format!("it expires in {time}"));
    }
    if let Some(at) = task.ended {
        next.insert(0, format!("ended {}", now.past(at)));
    }
    next
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_is_told_from_the_submission_to_what_can_be_done() {
        let task: Task = serde_json::from_str(
            r#"{"id":"ID","pool":"words","type":"count","state":"dead","priority":7,"created":"2026-11-22T10:00:00Z",
            "tries":2,"crashes":0,"snoozes":0,"ended":"2026-11-22T10:00:09Z","decided_by":"retry.attempts",
            "payload":{"file":"a.txt"},"payload_bytes":12,"history":[
            {"attempt":1,"worker":"words#2","started":"2026-11-22T10:00:01Z","ended":"2026-11-22T10:00:02Z",
             "took_ms":1500,"outcome":"again","decided_by":"rule","rule":"rule 2 of words (h.toml:9)",
             "error":{"kind":"transient","code":"db.down","message":"gone\u001b[2J","causes":["refused"]},
             "progress":{"done":3,"total":9},"logs":"info reading\nwarn slow\n"},
            {"attempt":2,"worker":"words#1","started":"2026-11-22T10:00:08Z","took_ms":0,"outcome":"again","decided_by":"worker"}]}"#,
        )
        .unwrap();
        let now =
            Now { at: "2026-11-22T10:01:00Z".parse().unwrap(), zone: jiff::tz::TimeZone::UTC };
        let expected = r#"ID (count) of pool words is dead, decided by retry.attempts
  submitted 10:00:00, 1 min ago
  priority 7
  payload: {"file":"a.txt"}
  try 1 on words#2, 10:00:01: to be tried again (took 1.5 s, decided by rule 2 of words (h.toml:9))
    what was wrong: transient db.down: gone\x1b[2J
      because of: refused
    it got to 3 of 9
    | info reading
    | warn slow
  try 2 on words#1, 10:00:08: nobody saw its end: hearken was gone before
  ended 10:00:09, 51 s ago
  hearken task retry ID has it done after all
"#;
        assert_eq!(told(&task, &now), expected);
    }
}
