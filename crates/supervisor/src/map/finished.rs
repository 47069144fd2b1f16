//! One input that has ended: what a run has to say of it.

use super::input::Unfit;
use super::key::Key;
use bytes::Bytes;
use hearken_core::pool::TaskNext;
use hearken_proto::Raw;
use serde_json::Value;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// How an input ended, in the words of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    /// It was worked on, with success.
    Ok,
    /// It was given up.
    Failed,
    /// It was given up because its last try took too long.
    Timeout,
    /// It was taken back, because the run ends early. Another run does it.
    Cancelled,
}

impl Status {
    /// The word that stands in the output and in the job log.
    #[must_use]
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Failed => "failed",
            Self::Timeout => "timeout",
            Self::Cancelled => "cancelled",
        }
    }

    /// The status of this word.
    #[must_use]
    pub(super) fn named(word: &str) -> Option<Self> {
        let all = [Self::Ok, Self::Failed, Self::Timeout, Self::Cancelled];
        all.into_iter().find(|status| status.as_str() == word)
    }
}

/// What came out of an input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Nothing.
    Nothing,
    /// A value.
    Value(Raw),
    /// Bytes, with or without a media type.
    Bytes(Bytes),
}

impl Outcome {
    /// A result as it is kept: with a media type it is bytes, without one a MessagePack value. What
    /// `programs` wrote has one only if it was too long to be looked at; then it is done here.
    #[must_use]
    pub(super) fn of(bytes: Bytes, content_type: Option<&str>, programs: bool) -> Self {
        let value = match content_type {
            None | Some("application/msgpack") => Raw::from_msgpack(bytes.clone()).ok(),
            Some("application/json") => Raw::from_json(&bytes).ok(),
            Some("text/plain") if programs && bytes.last() == Some(&b'\n') => {
                return Self::Bytes(bytes.slice(..bytes.len() - 1));
            }
            Some(_) => None,
        };
        value.map_or(Self::Bytes(bytes), Self::Value)
    }

    /// How much is held of it, in bytes.
    #[must_use]
    pub(super) fn size(&self) -> usize {
        match self {
            Self::Nothing => 0,
            Self::Value(value) => value.as_msgpack().len(),
            Self::Bytes(bytes) => bytes.len(),
        }
    }

    /// Its bytes, if it is a text or bytes.
    #[must_use]
    pub(super) fn content(&self) -> Option<&[u8]> {
        match self {
            Self::Nothing => None,
            Self::Value(value) => value.content(),
            Self::Bytes(bytes) => Some(bytes),
        }
    }
}

/// What was wrong with the last try.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Failure {
    /// Its kind, code and message; empty where it has none.
    pub(super) kind: String,
    pub(super) code: String,
    pub(super) message: String,
    /// All that is known of it: JSON.
    pub(super) json: Arc<str>,
}

impl Failure {
    /// An error as the pools tell it.
    #[must_use]
    pub(super) fn read(json: &Arc<str>) -> Self {
        let value: Value = serde_json::from_str(json).unwrap_or_default();
        let text = |field| value.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
        Self {
            kind: text("kind"),
            code: text("code"),
            message: text("message"),
            json: json.clone(),
        }
    }

    /// For people: without what could steer a terminal.
    #[must_use]
    pub(super) fn sentence(&self) -> String {
        let name = if self.code.is_empty() { &self.kind } else { &self.code };
        let plain = |c: char| if c.is_control() { ' ' } else { c };
        format!("{name}: {}", self.message).chars().map(plain).collect()
    }

    fn of(kind: &str, code: &str, message: String) -> Self {
        let json = serde_json::json!({ "kind": kind, "code": code, "message": message });
        let json = json.to_string().into();
        Self { kind: kind.to_owned(), code: code.to_owned(), message, json }
    }
}

/// One input that has ended.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Finished {
    /// The how-manieth input it is, from 1.
    pub(super) index: u64,
    /// The input, if it is to stand beside its result.
    pub(super) input: Option<Raw>,
    /// What the job log knows it by, if there is one.
    pub(super) key: Option<Key>,
    /// It failed in an earlier run.
    pub(super) again: bool,
    /// How it ended.
    pub(super) status: Status,
    /// What came out.
    pub(super) outcome: Outcome,
    /// What was wrong.
    pub(super) error: Option<Failure>,
    /// How often it was given to a worker.
    pub(super) attempts: u32,
    /// How many workers it took along.
    pub(super) crashes: u32,
    /// When its last try began, if there was one.
    pub(super) started: Option<SystemTime>,
    /// How long that took.
    pub(super) took: Duration,
    /// Who made it: `map#3`; empty if nobody.
    pub(super) worker: Arc<str>,
    /// What it takes of the window, in bytes.
    pub(super) cost: usize,
}

impl Finished {
    /// An input that nobody can be given.
    #[must_use]
    pub(super) fn unfit(index: u64, unfit: &Unfit) -> Self {
        let failure = Failure::of("invalid", unfit.code(), unfit.to_string());
        Self { error: Some(failure), ..Self::never_tried(index, Status::Failed) }
    }

    /// An input of this status that no worker had.
    #[must_use]
    pub(super) fn never_tried(index: u64, status: Status) -> Self {
        Self {
            index,
            input: None,
            key: None,
            again: false,
            status,
            outcome: Outcome::Nothing,
            error: None,
            attempts: 0,
            crashes: 0,
            started: None,
            took: Duration::ZERO,
            worker: "".into(),
            cost: 0,
        }
    }
}

/// How an input ended whose task came to this. `None`: it has not.
#[must_use]
pub(super) fn status(next: TaskNext, error: Option<&Failure>) -> Option<Status> {
    match next {
        TaskNext::Succeeded => Some(Status::Ok),
        TaskNext::Dead(_) | TaskNext::Discarded => {
            // The code of the pool's own clock; a worker may say `timeout` of something else.
            let slow = error.is_some_and(|it| it.kind == "timeout" && it.code == "task.timeout");
            Some(if slow { Status::Timeout } else { Status::Failed })
        }
        TaskNext::Expired => Some(Status::Timeout),
        TaskNext::Cancelled => Some(Status::Cancelled),
        TaskNext::Again { .. } | TaskNext::Released => None,
    }
}

#[cfg(test)]
pub(super) mod testing {
    use super::*;

    /// An input that succeeded with the text `index`.
    pub(in crate::map) fn ok(index: u64) -> Finished {
        Finished {
            outcome: Outcome::Value(Raw::string(&index.to_string())),
            attempts: 1,
            started: Some(SystemTime::UNIX_EPOCH + Duration::from_millis(1_500)),
            took: Duration::from_millis(20),
            worker: "map#1".into(),
            ..Finished::never_tried(index, Status::Ok)
        }
    }

    /// One that failed with this code.
    pub(in crate::map) fn failed(index: u64, code: &str) -> Finished {
        let failure = Failure::of("transient", code, "it did not work".to_owned());
        let (outcome, error) = (Outcome::Nothing, Some(failure));
        Finished { status: Status::Failed, outcome, error, ..ok(index) }
    }

    /// One that was taken back.
    pub(in crate::map) fn cancelled(index: u64) -> Finished {
        Finished::never_tried(index, Status::Cancelled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hearken_core::pool::{Ceiling, DeadBy};

    #[test]
    fn an_error_of_the_tasks_own_clock_is_a_timeout_and_no_other() {
        let dead = TaskNext::Dead(DeadBy::Ceiling(Ceiling::Attempts));
        let clock = Failure::of("timeout", "task.timeout", String::new());
        let other = Failure::of("timeout", "db.timeout", String::new());
        assert_eq!(status(dead, Some(&clock)), Some(Status::Timeout));
        assert_eq!(status(dead, Some(&other)), Some(Status::Failed));
        assert_eq!(status(dead, None), Some(Status::Failed));
        assert_eq!(status(TaskNext::Expired, None), Some(Status::Timeout));
        assert_eq!(status(TaskNext::Released, None), None);
    }

    #[test]
    fn an_error_is_read_whatever_it_holds() {
        let table = [
            (r#"{"kind":"bug","code":"a.b","message":"no"}"#, ["bug", "a.b", "no"]),
            (r#"{"kind":7,"code":null}"#, ["", "", ""]),
            ("[]", ["", "", ""]),
            ("{", ["", "", ""]),
        ];
        for (json, [kind, code, message]) in table {
            let failure = Failure::read(&json.into());
            assert_eq!((&*failure.kind, &*failure.code, &*failure.message), (kind, code, message));
        }
    }

    #[test]
    fn a_status_is_read_back_by_its_word() {
        for status in [Status::Ok, Status::Failed, Status::Timeout, Status::Cancelled] {
            assert_eq!(Status::named(status.as_str()), Some(status));
        }
        assert_eq!(Status::named("OK"), None);
    }
}
