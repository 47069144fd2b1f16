//! Which request goes where.

use super::connection::Visit;
use super::problem::Problem;
use super::{batches, health, results, submit, tasks};
use axum::Router;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request};
use axum::http::header::{CONTENT_TYPE, ORIGIN};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Serialize;

/// The whole API.
pub(super) fn routes() -> Router<Visit> {
    Router::new()
        .route("/v1/pools", get(health::pools))
        .route("/v1/pools/{pool}/tasks", post(submit::submit))
        .route("/v1/tasks", get(tasks::list))
        .route("/v1/tasks/{id}", get(tasks::show))
        .route("/v1/tasks/{id}/result", get(results::of_task))
        .route("/v1/tasks/{id}/retry", post(tasks::retry))
        .route("/v1/tasks/{id}/cancel", post(tasks::cancel))
        .route("/v1/batches/{id}", get(batches::show))
        .route("/v1/batches/{id}/cancel", post(batches::cancel))
        .route("/v1/batches/{id}/results", get(batches::results))
        .route("/v1/health", get(health::health))
        .fallback(no_route)
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn(no_browser))
}

/// A name in the path, as it was meant.
pub(super) type Named = Result<Path<String>, PathRejection>;

/// # Errors
/// If it is no text.
pub(super) fn name(named: Named) -> Result<String, Problem> {
    let help = "write it in UTF-8, percent-encoded";
    named.map(|Path(name)| name).map_err(|error| Problem::malformed(error.body_text(), help))
}

/// An answer in JSON, on one line.
pub(super) fn json(status: StatusCode, answer: &impl Serialize) -> Response {
    // Everything that is shown has keys that are texts: nothing is left that could fail.
    let mut body = serde_json::to_vec(answer).unwrap_or_default();
    body.push(b'\n');
    let media_type = (CONTENT_TYPE, HeaderValue::from_static("application/json"));
    (status, [media_type], body).into_response()
}

/// A page of the web that somebody has open could send requests in their name, if it found a way to
/// a socket of this machine; but it says where it comes from, and no program does.
async fn no_browser(request: Request, next: Next) -> Response {
    if request.headers().contains_key(ORIGIN) {
        let message = "the request has an Origin, as those of browsers have";
        let help = "ask from a program, and without that header";
        return Problem::new(StatusCode::FORBIDDEN, "browser", message, help).into_response();
    }
    next.run(request).await
}

async fn no_route(request: Request) -> Problem {
    let message = format!("there is nothing at {:?}", request.uri().path());
    let help = "there are /v1/tasks, /v1/batches, /v1/pools and /v1/health";
    Problem::new(StatusCode::NOT_FOUND, "no_route", message, help)
}

async fn wrong_method(request: Request) -> Problem {
    let message = format!("{:?} does not take {}", request.uri().path(), request.method());
    let help = "GET reads; POST submits, retries and cancels";
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "wrong_method", message, help)
}
