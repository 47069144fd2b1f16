//! A submission as it is written in JSON.

use super::problem::Problem;
use crate::simulate::duration;
use crate::tasks::{BatchSpec, Submission, TaskSpec};
use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hearken_core::task::{BatchPolicy, Priority, Share};
use hearken_proto::{Raw, Violation};
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// A task.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TaskBody<'a> {
    id: Option<Cow<'a, str>>,
    #[serde(rename = "type")]
    kind: Option<Arc<str>>,
    #[serde(borrow)]
    payload: Option<&'a RawValue>,
    payload_base64: Option<Cow<'a, str>>,
    content_type: Option<Arc<str>>,
    key: Option<Arc<str>>,
    fairness_key: Option<Arc<str>>,
    #[serde(default, deserialize_with = "priority")]
    priority: Priority,
    delay: Option<Cow<'a, str>>,
    expires: Option<Cow<'a, str>>,
    #[serde(borrow)]
    headers: Option<&'a RawValue>,
    traceparent: Option<Arc<str>>,
}

fn priority<'de, D: Deserializer<'de>>(from: D) -> Result<Priority, D::Error> {
    let number = Option::<u8>::deserialize(from)?;
    let priority = number.map_or(Some(Priority::DEFAULT), Priority::new);
    priority.ok_or_else(|| serde::de::Error::custom("a priority is 0 to 9"))
}

/// Several tasks.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TasksBody<'a> {
    #[serde(borrow)]
    tasks: Vec<&'a RawValue>,
    #[serde(borrow)]
    batch: Option<BatchBody<'a>>,
}

/// What makes them a batch.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct BatchBody<'a> {
    policy: PolicyName,
    quorum: Option<u64>,
    halt_percent: Option<u64>,
    #[serde(borrow)]
    on_complete: Option<&'a RawValue>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum PolicyName {
    All,
    Any,
    Quorum,
    Halt,
}

/// Whether there are several.
#[derive(Debug, Deserialize)]
struct Several {
    tasks: Option<IgnoredAny>,
}

/// How a body says what it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Notation {
    /// One JSON object.
    Json,
    /// One JSON object a line, each a task.
    Ndjson,
}

/// Reads a submission to this pool.
///
/// # Errors
/// What is wrong with it, and where.
pub(super) fn read(pool: Arc<str>, notation: Notation, body: &[u8]) -> Result<Submission, Problem> {
    if notation == Notation::Ndjson {
        let lines = body.split(|byte| *byte == b'\n').enumerate();
        let lines = lines.filter(|(_, line)| !line.trim_ascii().is_empty());
        let tasks = lines.map(|(number, line)| task(line, &format!("line {}", number + 1)));
        return Ok(Submission { pool, tasks: tasks.collect::<Result<_, _>>()?, batch: None });
    }
    let several =
        serde_json::from_slice::<Several>(body).map_err(|error| not_json("it", &error))?;
    if several.tasks.is_none() {
        return Ok(Submission { pool, tasks: vec![task(body, "it")?], batch: None });
    }
    let read: TasksBody<'_> =
        serde_json::from_slice(body).map_err(|error| not_json("it", &error))?;
    let mut tasks = Vec::with_capacity(read.tasks.len());
    for (place, text) in read.tasks.iter().enumerate() {
        tasks.push(task(text.get().as_bytes(), &format!("tasks[{place}]"))?);
    }
    let batch = read.batch.map(batch).transpose()?;
    Ok(Submission { pool, tasks, batch })
}

/// `place`: where the text stands in the request.
fn task(text: &[u8], place: &str) -> Result<TaskSpec, Problem> {
    let read: TaskBody<'_> =
        serde_json::from_slice(text).map_err(|error| not_json(place, &error))?;
    let wrong = |what: &str, why: &dyn fmt::Display, help: &str| unfit(place, what, why, help);
    let id = read
        .id
        .map(|id| id.parse().map_err(|error| wrong("id", &error, "leave it out to get a new one")));
    let payload = match (read.payload, read.payload_base64) {
        (Some(_), Some(_)) => {
            return Err(wrong("payload", &"there is payload_base64, too", "keep one of them"));
        }
        (Some(json), None) => value(json, place, "payload")?,
        (None, Some(base64)) => {
            let bytes = STANDARD.decode(base64.as_bytes()).map_err(|error| {
                wrong("payload_base64", &error, "write base64 with + and /, padded (RFC 4648)")
            })?;
            Raw::binary(&bytes)
        }
        (None, None) => Raw::nil(),
    };
    let headers = read.headers.map(|json| value(json, place, "headers")).transpose()?;
    if headers.as_ref().is_some_and(|headers| !headers.is_map()) {
        return Err(wrong("headers", &"they are no object", "write {\"name\": value}"));
    }
    let time = |name: &str, text: Option<Cow<'_, str>>| {
        let read = text.map(|text| duration(&text).map_err(|why| (why, text)));
        read.transpose().map_err(|(why, text)| {
            wrong(name, &format!("{text:?}: {why}"), "write it as in the config: \"5m\"")
        })
    };
    Ok(TaskSpec {
        id: id.transpose()?,
        kind: read.kind,
        payload,
        content_type: read.content_type,
        unique_key: read.key,
        fairness_key: read.fairness_key,
        priority: read.priority,
        delay: time("delay", read.delay)?.unwrap_or(Duration::ZERO),
        expires: time("expires", read.expires)?,
        headers,
        traceparent: read.traceparent,
    })
}

fn batch(read: BatchBody<'_>) -> Result<BatchSpec, Problem> {
    let wrong = |what: &str, why: &dyn fmt::Display, help: &str| unfit("batch", what, why, help);
    let not_with = "only its own policy has it";
    let policy = match (read.policy, read.quorum, read.halt_percent) {
        (PolicyName::All, None, None) => BatchPolicy::All,
        (PolicyName::Any, None, None) => BatchPolicy::Any,
        (PolicyName::Quorum, Some(quorum @ 1..), None) => BatchPolicy::Quorum(quorum),
        (PolicyName::Halt, None, Some(percent)) => {
            let share = Share::percent(percent);
            BatchPolicy::HaltOn(
                share.map_err(|error| wrong("halt_percent", &error, "write 0 to 100"))?,
            )
        }
        (PolicyName::Quorum, None | Some(0), None) => {
            return Err(wrong("quorum", &"it is missing, or 0", "say how many have to succeed"));
        }
        (PolicyName::Halt, None, None) => {
            return Err(wrong("halt_percent", &"it is missing", "say how many percent may fail"));
        }
        (_, Some(_), _) if read.policy != PolicyName::Quorum => {
            return Err(wrong(
                "quorum",
                &not_with,
                "write \"policy\": \"quorum\", or leave it out",
            ));
        }
        (PolicyName::All | PolicyName::Any | PolicyName::Quorum | PolicyName::Halt, _, _) => {
            let help = "write \"policy\": \"halt\", or leave it out";
            return Err(wrong("halt_percent", &not_with, help));
        }
    };
    let completion = read.on_complete.map(|text| task(text.get().as_bytes(), "batch.on_complete"));
    Ok(BatchSpec { policy, completion: completion.transpose()? })
}

fn value(json: &RawValue, place: &str, what: &str) -> Result<Raw, Problem> {
    Raw::from_json(json.get().as_bytes()).map_err(|violation| {
        if violation != Violation::TooDeep {
            return unfit(place, what, &violation, "write one JSON value");
        }
        let message = format!("{what} of {place} has more than 30 levels");
        Problem::new(StatusCode::BAD_REQUEST, "too_deep", message, "send it flatter, or as text")
    })
}

fn unfit(place: &str, what: &str, why: &dyn fmt::Display, help: &str) -> Problem {
    let message = format!("{what} of {place}: {why}");
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "unfit", message, help)
}

fn not_json(place: &str, error: &serde_json::Error) -> Problem {
    let message = format!("{place} is no submission: {error}");
    let help = "write {\"payload\": …}, or {\"tasks\": [{\"payload\": …}, …]}";
    Problem::malformed(message, help)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn json(body: &str) -> Result<Submission, Problem> {
        read("p".into(), Notation::Json, body.as_bytes())
    }

    #[test]
    fn a_task_has_all_its_fields() {
        let read = json(
            r#"{"id":"0192f0c1-7a3b-7c4d-8e5f-0123456789ab","type":"resize","payload":{"b":1,"a":[2.5]},
            "content_type":"x/y","key":"k","fairness_key":"f","priority":9,"delay":"5m","expires":"1h30m",
            "headers":{"h":1},"traceparent":"00-x"}"#,
        );
        let task = read.unwrap().tasks.remove(0);
        assert_eq!(task.id.unwrap().to_string(), "0192f0c1-7a3b-7c4d-8e5f-0123456789ab");
        assert_eq!(task.payload.to_json(100), r#"{"b":1,"a":[2.5]}"#);
        assert_eq!(
            (task.kind.as_deref(), task.content_type.as_deref()),
            (Some("resize"), Some("x/y"))
        );
        assert_eq!(
            (task.unique_key.as_deref(), task.fairness_key.as_deref()),
            (Some("k"), Some("f"))
        );
        assert_eq!((task.priority.get(), task.delay.as_secs()), (9, 300));
        assert_eq!(task.expires, Some(Duration::from_secs(5400)));
        assert!(task.headers.unwrap().is_map() && task.traceparent.is_some());
    }

    #[test]
    fn nothing_of_a_task_must_be_there() {
        for body in ["{}", r#"{"payload":null,"priority":null}"#] {
            assert_eq!(json(body).unwrap().tasks, vec![TaskSpec::new(Raw::nil())], "{body}");
        }
        let bytes = json(r#"{"payload_base64":"//4="}"#).unwrap().tasks.remove(0).payload;
        assert_eq!(bytes.content(), Some(&b"\xff\xfe"[..]));
    }

    #[test]
    fn many_tasks_are_a_list_or_one_a_line() {
        let list = json(r#"{"tasks":[{"payload":1},{"payload":2}]}"#).unwrap();
        assert_eq!((list.tasks.len(), list.batch), (2, None));
        let lines = b"{\"payload\":1}\r\n\n  \n{\"payload\":2}";
        let lines = read("p".into(), Notation::Ndjson, lines).unwrap();
        assert_eq!(lines.tasks, list.tasks);
        let refused = read("p".into(), Notation::Ndjson, b"{}\n\n{]\n").unwrap_err();
        assert!(refused.message.starts_with("line 3 is no submission"), "{refused:?}");
    }

    #[test]
    fn a_batch_says_when_it_is_over() {
        let policy = |batch: &str| {
            let read = json(&format!(r#"{{"tasks":[{{}}],"batch":{batch}}}"#));
            read.map(|read| read.batch.unwrap()).map_err(|problem| problem.message)
        };
        assert_eq!(policy(r#"{"policy":"all"}"#).unwrap().policy, BatchPolicy::All);
        assert_eq!(policy(r#"{"policy":"any"}"#).unwrap().policy, BatchPolicy::Any);
        let quorum = policy(r#"{"policy":"quorum","quorum":3}"#).unwrap();
        assert_eq!(quorum.policy, BatchPolicy::Quorum(3));
        let halt =
            policy(r#"{"policy":"halt","halt_percent":10,"on_complete":{"payload":7}}"#).unwrap();
        assert_eq!(halt.policy, BatchPolicy::HaltOn(Share::percent(10).unwrap()));
        assert_eq!(halt.completion.unwrap().payload.to_json(9), "7");
        for (batch, expected) in [
            (r#"{"policy":"most"}"#, "most"),
            (r#"{"policy":"quorum"}"#, "quorum of batch"),
            (r#"{"policy":"quorum","quorum":0}"#, "quorum of batch"),
            (r#"{"policy":"halt"}"#, "halt_percent of batch"),
            (r#"{"policy":"halt","halt_percent":101}"#, "not 101"),
            (r#"{"policy":"all","quorum":1}"#, "quorum of batch"),
            (r#"{"policy":"any","halt_percent":1}"#, "halt_percent of batch"),
            (r#"{"policy":"quorum","quorum":1,"halt_percent":1}"#, "halt_percent of batch"),
            (r#"{"policy":"all","on_complete":{"payload":1,"x":2}}"#, "batch.on_complete"),
            (r#"{}"#, "policy"),
        ] {
            let refused = policy(batch).unwrap_err();
            assert!(refused.contains(expected), "{batch}: {refused}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        let deep = format!(r#"{{"payload":{}{}}}"#, "[".repeat(31), "]".repeat(31));
        let very_deep = format!(r#"{{"payload":{}"#, "[".repeat(100_000));
        for (body, code, expected) in [
            ("", "malformed", "EOF"),
            ("{", "malformed", "EOF"),
            ("[]", "malformed", "it is no submission"),
            ("\u{0}", "malformed", "line 1 column 1"),
            (
                r#"{"tasks":[{},{"paylod":1}]}"#,
                "malformed",
                "tasks[1] is no submission: unknown field `paylod`",
            ),
            (r#"{"tasks":{}}"#, "malformed", "expected a sequence"),
            (r#"{"payload":1,"payload":2}"#, "malformed", "duplicate field"),
            (r#"{"priority":10}"#, "malformed", "0 to 9"),
            (r#"{"id":"x"}"#, "unfit", "id of it: an id looks like"),
            (r#"{"delay":"5"}"#, "unfit", "delay of it: \"5\""),
            (r#"{"expires":"soon"}"#, "unfit", "expires of it"),
            (r#"{"headers":[1]}"#, "unfit", "headers of it: they are no object"),
            (r#"{"payload_base64":"*"}"#, "unfit", "payload_base64 of it"),
            (r#"{"payload":1,"payload_base64":"AA=="}"#, "unfit", "payload of it"),
            (&deep, "too_deep", "payload of it has more than 30 levels"),
            (&very_deep, "malformed", "it is no submission"),
        ] {
            let refused = json(body).unwrap_err();
            assert_eq!(refused.code, code, "{body:.60}: {refused:?}");
            assert!(refused.message.contains(expected), "{body:.60}: {refused:?}");
        }
    }

    proptest! {
        #[test]
        fn no_body_makes_it_panic(body: Vec<u8>, cut in 0_usize..200) {
            let _refused = read("p".into(), Notation::Json, &body);
            let _refused = read("p".into(), Notation::Ndjson, &body);
            let whole = r#"{"tasks":[{"payload":{"a":[1,"é"]},"delay":"5m"}],"batch":{"policy":"all"}}"#;
            let cut = cut.min(whole.len() - 1);
            prop_assert!(read("p".into(), Notation::Json, &whole.as_bytes()[..cut]).is_err());
        }
    }
}
