//! The error of a task in the one shape in which it is kept, shown and handed on: JSON.

use crate::convert;
use hearken_core::evidence::TypedError;
use hearken_proto::{ErrorKind, ErrorMessage};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::sync::Arc;

/// How long details may be, in bytes of JSON.
const DETAILS_MAX: usize = 16 * 1024;

/// An error of a task. The names of its fields are those of the protocol.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TaskError {
    /// What sort of failure.
    pub kind: Box<str>,
    /// Which one exactly.
    pub code: Box<str>,
    /// For people.
    pub message: Box<str>,
    /// The worker's hint whether another try makes sense.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retryable: Option<bool>,
    /// The worker's hint when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// What it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<Box<str>>,
    /// What was needed and not there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dependency: Option<Box<str>>,
    /// Whatever the worker attached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Box<RawValue>>,
    /// What lies underneath.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<Box<str>>,
    /// Where in the program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<Box<str>>,
}

impl TaskError {
    /// What a worker said.
    #[must_use]
    pub(crate) fn said(error: &ErrorMessage) -> Self {
        let details = error.details.as_ref().map(|details| details.to_json(DETAILS_MAX));
        Self {
            kind: error.kind.name().into(),
            code: convert::name(&error.code).into(),
            message: error.message.as_str().into(),
            retryable: error.retryable,
            retry_after_ms: error.retry_after_ms,
            scope: error.scope.map(|scope| convert::scope(scope).as_str().into()),
            dependency: error.dependency.as_deref().map(|name| convert::name(name).into()),
            details: details.and_then(|json| RawValue::from_string(json).ok()),
            causes: error
                .causes
                .iter()
                .flatten()
                .map(|cause| cause.message.as_str().into())
                .collect(),
            trace: error.trace.as_ref().map(|trace| trace.as_str().into()),
        }
    }

    /// What the core made of an end.
    #[must_use]
    pub(crate) fn found(error: &TypedError) -> Self {
        Self {
            kind: error.kind.as_str().into(),
            code: error.code.as_str().into(),
            message: error.message.as_str().into(),
            retryable: error.retryable,
            retry_after_ms: error.retry_after.map(crate::events::ms),
            scope: error.scope.map(|scope| scope.as_str().into()),
            dependency: None,
            details: None,
            causes: Vec::new(),
            trace: None,
        }
    }

    /// Whether the core speaks of this one.
    #[must_use]
    pub(crate) fn is(&self, error: &TypedError) -> bool {
        *self.kind == *error.kind.as_str() && *self.code == *error.code
    }

    /// As it is kept.
    #[must_use]
    pub(crate) fn json(&self) -> Arc<str> {
        serde_json::to_string(self).unwrap_or_default().into()
    }

    /// As the next try hears of it; `None` if it is not to be read.
    #[must_use]
    pub(crate) fn last(json: &str) -> Option<ErrorMessage> {
        let kept: Self = serde_json::from_str(json).ok()?;
        let kind: ErrorKind = serde_json::from_value(kept.kind.as_ref().into()).ok()?;
        let mut error = ErrorMessage::new(kind, kept.code.as_ref(), kept.message.as_ref());
        error.retryable = kept.retryable;
        error.retry_after_ms = kept.retry_after_ms;
        error.dependency = kept.dependency.map(Into::into);
        Some(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_try_hears_of_an_error_as_it_was_said() {
        let mut said = ErrorMessage::new(ErrorKind::Unavailable, "db.down", "no connection");
        (said.dependency, said.retryable) = (Some("db".into()), Some(true));
        let kept = TaskError::said(&said).json();
        assert_eq!(TaskError::last(&kept), Some(said));
    }

    #[test]
    fn what_was_not_written_here_is_no_error() {
        for json in ["", "{}", r#"{"kind":"made_up","code":"a","message":"b"}"#] {
            assert_eq!(TaskError::last(json), None, "{json:?}");
        }
    }
}
