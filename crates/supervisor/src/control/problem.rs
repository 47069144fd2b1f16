//! What is refused, and how it is said.

use crate::tasks::Refused;
use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use hearken_store::{Refusal, StoreError};
use serde_json::json;
use std::fmt;

/// After how many seconds another try makes sense where a queue or the house is full.
const LATER: u64 = 1;

/// A refusal, with the next step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) status: StatusCode,
    /// Which one, for programs.
    pub(super) code: &'static str,
    /// What, why and where, for people.
    pub(super) message: String,
    /// The next step.
    pub(super) help: String,
    retry_after: Option<u64>,
}

impl Problem {
    pub(super) fn new(
        status: StatusCode,
        code: &'static str,
        message: impl fmt::Display,
        help: impl fmt::Display,
    ) -> Self {
        let (message, help) = (message.to_string(), help.to_string());
        Self { status, code, message, help, retry_after: None }
    }

    /// The request is not what it should be.
    pub(super) fn malformed(message: impl fmt::Display, help: impl fmt::Display) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed", message, help)
    }

    /// Every seat is taken.
    pub(super) fn busy(message: impl fmt::Display) -> Self {
        let help = "ask again in a moment, over fewer connections at once";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", message, help).later()
    }

    pub(super) fn no_task(id: impl fmt::Display) -> Self {
        let message = format!("there is no task {id}");
        let help = "it was never here, or was removed after its time (`forget` of its pool)";
        Self::new(StatusCode::NOT_FOUND, "no_task", message, help)
    }

    pub(super) fn no_batch(id: impl fmt::Display) -> Self {
        let message = format!("there is no batch {id}");
        let help = "it was never here, or was removed with the last of its tasks";
        Self::new(StatusCode::NOT_FOUND, "no_batch", message, help)
    }

    fn later(self) -> Self {
        Self { retry_after: Some(LATER), ..self }
    }

    /// The body of the answer.
    pub(super) fn json(&self) -> String {
        let error = json!({ "code": self.code, "message": self.message, "help": self.help });
        json!({ "error": error }).to_string() + "\n"
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.json()));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        use StatusCode as S;
        let message = refused.to_string();
        let problem = |status, code, help| Self::new(status, code, &message, help);
        match refused {
            Refused::NoPool { .. } => problem(
                S::NOT_FOUND,
                "no_pool",
                "name one of them, or add it to the config and restart hearken",
            ),
            Refused::NoTask(id) => Self::no_task(id),
            Refused::NoBatch(_) => {
                problem(S::NOT_FOUND, "no_batch", "GET /v1/batches/{id} says how it ended")
            }
            Refused::State { help, .. } => problem(S::CONFLICT, "wrong_state", help),
            Refused::QueueFull { .. } => problem(
                S::TOO_MANY_REQUESTS,
                "queue_full",
                "submit again when some of them are done, or raise `queue` of the pool",
            )
            .later(),
            Refused::TooLarge(_) => problem(
                S::PAYLOAD_TOO_LARGE,
                "too_large",
                "send less, or a reference to where it lies",
            ),
            Refused::Unfit(_) => problem(
                S::UNPROCESSABLE_ENTITY,
                "unfit",
                "mend it and submit it again: nothing of it was kept",
            ),
            Refused::Store(error) => error.into(),
            Refused::NotKept(refusal) => refusal.into(),
            Refused::Busy => Self::busy(message),
            Refused::Closing => {
                problem(S::SERVICE_UNAVAILABLE, "closing", "wait until hearken is up again").later()
            }
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let (status, code) = match refusal {
            Refusal::TooLong { .. } | Refusal::ResultTooLong { .. } => {
                (StatusCode::PAYLOAD_TOO_LARGE, "too_large")
            }
            Refusal::TaskExists(_) | Refusal::BatchExists(_) => (StatusCode::CONFLICT, "id_taken"),
            Refusal::NoBatch(_) | Refusal::BatchOver(_) => (StatusCode::CONFLICT, "wrong_state"),
            Refusal::Damaged(_) => (StatusCode::INTERNAL_SERVER_ERROR, "store_damaged"),
            Refusal::HeldForNobody(_)
            | Refusal::NoCompletion(_)
            | Refusal::LeaseUnfit { .. }
            | Refusal::PieceOutOfOrder { .. }
            | Refusal::SpoolDiffers { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "unfit"),
        };
        Self::new(status, code, refusal, "mend it and submit it again: nothing of it was kept")
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        let unavailable = StatusCode::SERVICE_UNAVAILABLE;
        let (status, code, help) = match error {
            StoreError::Full { .. } => {
                (unavailable, "storage_full", "make room, and submit again: nothing was kept")
            }
            StoreError::Busy { .. } => {
                (unavailable, "store_busy", "submit again in a moment: nothing was kept")
            }
            StoreError::Corrupt { .. } => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "store_damaged",
                "what is damaged is not served; what is not, is",
            ),
            StoreError::Broken { .. }
            | StoreError::Unusable { .. }
            | StoreError::Newer { .. }
            | StoreError::Foreign { .. } => {
                (unavailable, "store_down", "nothing is kept until hearken was restarted")
            }
        };
        let problem = Self::new(status, code, error, help);
        if status == unavailable { problem.later() } else { problem }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hearken_core::task::{BatchId, TaskId, TaskState};

    #[test]
    fn each_refusal_has_its_status_and_code() {
        let (task, batch) = (TaskId::from_u128(7), BatchId::from_u128(7));
        let path = || "/var/lib/hearken".into();
        let why = || "EIO".to_owned();
        let table = [
            (Refused::NoPool { pool: "x".into(), known: vec!["y".into()] }, 404, "no_pool"),
            (Refused::NoTask(task), 404, "no_task"),
            (Refused::NoBatch(batch), 404, "no_batch"),
            (Refused::State { task, state: TaskState::Dead, help: "h" }, 409, "wrong_state"),
            (Refused::QueueFull { pool: "x".into(), waiting: 9, limit: 9 }, 429, "queue_full"),
            (Refused::TooLarge("t".into()), 413, "too_large"),
            (Refused::Unfit("u".into()), 422, "unfit"),
            (Refused::Closing, 503, "closing"),
            (Refused::NotKept(Refusal::TaskExists(task)), 409, "id_taken"),
            (Refused::NotKept(Refusal::BatchOver(batch)), 409, "wrong_state"),
            (
                Refused::NotKept(Refusal::TooLong { what: "it", length: 2, limit: 1 }),
                413,
                "too_large",
            ),
            (Refused::Store(StoreError::Full { path: path(), reason: why() }), 503, "storage_full"),
            (Refused::Store(StoreError::Broken { path: path(), reason: why() }), 503, "store_down"),
            (
                Refused::Store(StoreError::Corrupt { path: path(), what: why() }),
                500,
                "store_damaged",
            ),
        ];
        for (refused, status, code) in table {
            let problem = Problem::from(refused.clone());
            assert_eq!((problem.status.as_u16(), problem.code), (status, code), "{refused}");
            assert!(!problem.help.is_empty() && !problem.message.is_empty());
            let retry = matches!(status, 429 | 503);
            let response = problem.into_response();
            assert_eq!(response.headers().contains_key(RETRY_AFTER), retry, "{refused}");
        }
    }
}
