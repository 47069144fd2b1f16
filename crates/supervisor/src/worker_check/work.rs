//! The tasks that a worker is given, in words of its own.

use hearken_proto::{Handle, Raw, Task};
use std::str::FromStr;
use std::time::{SystemTime, UNIX_EPOCH};
use thiserror::Error;

/// A task that the worker under check understands: written as `JSON`, or as `TYPE=JSON`.
#[derive(Debug, Clone)]
pub struct Work {
    /// Its own type, instead of the one of all tasks.
    pub task_type: Option<String>,
    /// The payload, as it was given.
    pub json: String,
    payload: Raw,
}

/// Why a text is no task.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WorkRefused {
    /// What follows the type, or everything, is not JSON.
    #[error(
        "{json:?} is not JSON ({source}); write JSON or TYPE=JSON, as in '{{\"n\":1}}', resize={{\"n\":1}}"
    )]
    NotJson {
        /// What should be JSON.
        json: String,
        /// What the parser says.
        source: serde_json::Error,
    },
    /// It nests too deep for a frame.
    #[error("no frame carries it: {0}")]
    NotSendable(#[from] hearken_proto::RawError),
}

impl FromStr for Work {
    type Err = WorkRefused;

    fn from_str(text: &str) -> Result<Work, WorkRefused> {
        let (task_type, json) = match text.split_once('=') {
            // JSON has no `=` outside of a string, and no string begins before a quote.
            Some((name, json)) if !name.is_empty() && !name.contains(['"', '{', '[']) => {
                (Some(name.to_owned()), json)
            }
            Some(_) | None => (None, text),
        };
        let value: serde_json::Value = serde_json::from_str(json)
            .map_err(|source| WorkRefused::NotJson { json: json.to_owned(), source })?;
        let payload = Raw::from_value(&value)?;
        Ok(Work { task_type, json: json.to_owned(), payload })
    }
}

impl Work {
    /// The `task` message, with nothing but what must be there.
    pub(super) fn task(&self, handle: Handle, default_type: Option<&str>) -> Task {
        Task {
            handle,
            id: task_id(handle),
            task_type: self.task_type(default_type).map(str::to_owned),
            attempt: 1,
            crashes: 0,
            payload: self.payload.clone(),
            content_type: None,
            soft_ms: None,
            hard_ms: None,
            key: None,
            headers: None,
            traceparent: None,
            checkpoint: None,
            last_error: None,
            batch: None,
        }
    }

    /// The type it goes by.
    pub(super) fn task_type<'a>(&'a self, default_type: Option<&'a str>) -> Option<&'a str> {
        self.task_type.as_deref().or(default_type)
    }
}

/// A UUIDv7: the time, and the handle in the place of chance.
fn task_id(handle: Handle) -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let milliseconds = since.as_millis() & 0xffff_ffff_ffff;
    let (high, low) = (milliseconds >> 16, milliseconds & 0xffff);
    format!("{high:08x}-{low:04x}-7000-8000-{:012x}", handle.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> (Option<String>, String) {
        let work: Work = text.parse().unwrap();
        (work.task_type, work.payload.to_json(100))
    }

    #[test]
    fn a_task_is_json_with_or_without_a_type() {
        assert_eq!(parts("null"), (None, "null".to_owned()));
        assert_eq!(parts("slow=250"), (Some("slow".to_owned()), "250".to_owned()));
        assert_eq!(parts(r#"{"a":"b=c"}"#), (None, r#"{"a":"b=c"}"#.to_owned()));
        assert_eq!(parts(r#""a=b""#), (None, r#""a=b""#.to_owned()));
        assert_eq!(parts(r#"a.b=["x=y"]"#), (Some("a.b".to_owned()), r#"["x=y"]"#.to_owned()));
    }

    #[test]
    fn what_is_not_json_or_too_deep_is_refused_with_the_next_step() {
        let refused = "slow=slowly".parse::<Work>().unwrap_err().to_string();
        assert!(refused.contains("slowly") && refused.contains("TYPE=JSON"), "{refused}");
        assert!("".parse::<Work>().is_err());
        let deep = "[".repeat(40) + &"]".repeat(40);
        assert!(matches!(deep.parse::<Work>(), Err(WorkRefused::NotSendable(_))));
    }

    #[test]
    fn an_id_is_a_uuid_of_version_7() {
        let id = task_id(Handle(0xabc));
        let parts: Vec<_> = id.split('-').map(str::len).collect();
        assert_eq!(parts, [8, 4, 4, 4, 12]);
        assert!(id.ends_with("-7000-8000-000000000abc"), "{id}");
    }
}
