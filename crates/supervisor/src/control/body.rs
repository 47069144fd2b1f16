//! The body of a request: whole, in time, and not too long.

use super::connection::Visit;
use super::problem::Problem;
use axum::body::Body;
use axum::extract::Request;
use axum::http::header::CONTENT_LENGTH;
use axum::http::{HeaderMap, StatusCode};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

/// The longest body, in bytes.
pub(super) const MAX: usize = 32 * 1024 * 1024;
/// How long nothing may come.
const SILENCE: Duration = Duration::from_secs(10);
/// How long the whole may take.
const WHOLE: Duration = Duration::from_secs(60);
/// How long it may wait for room.
const ROOM: Duration = Duration::from_secs(10);

/// A body, and the room it takes until it is dropped.
#[derive(Debug)]
pub(super) struct Whole {
    pub(super) bytes: Bytes,
    _room: OwnedSemaphorePermit,
}

/// Reads the body.
///
/// # Errors
/// If it is too long, too slow, or not whole.
pub(super) async fn read(visit: &Visit, request: Request) -> Result<Whole, Problem> {
    let claimed = claimed(request.headers())?;
    // One that does not say how long it is may be as long as any.
    let kib = u32::try_from(claimed.unwrap_or(MAX).div_ceil(1024)).unwrap_or(u32::MAX);
    let room = visit.bodies.clone().acquire_many_owned(kib);
    let room = match timeout(ROOM, room).await {
        Ok(Ok(room)) => room,
        Ok(Err(_)) | Err(_) => {
            return Err(Problem::busy("other requests hold all room for bodies"));
        }
    };
    match timeout(WHOLE, whole(request.into_body())).await {
        Ok(whole) => Ok(Whole { bytes: whole?, _room: room }),
        Err(_slow) => Err(too_slow(WHOLE)),
    }
}

async fn whole(body: Body) -> Result<Bytes, Problem> {
    let mut whole = BytesMut::new();
    let mut pieces = body.into_data_stream();
    loop {
        match timeout(SILENCE, pieces.next()).await {
            Err(_silent) => return Err(too_slow(SILENCE)),
            Ok(None) => return Ok(whole.freeze()),
            Ok(Some(Err(error))) => {
                let (message, help) = (format!("the body is cut short: {error}"), "send it again");
                return Err(Problem::new(StatusCode::BAD_REQUEST, "cut_short", message, help));
            }
            Ok(Some(Ok(piece))) if whole.len() + piece.len() > MAX => return Err(too_large()),
            Ok(Some(Ok(piece))) => whole.extend_from_slice(&piece),
        }
    }
}

/// How long it says it is.
fn claimed(headers: &HeaderMap) -> Result<Option<usize>, Problem> {
    // hyper has refused what is no number.
    let claimed = headers.get(CONTENT_LENGTH).and_then(|it| it.to_str().ok()?.parse::<u64>().ok());
    match claimed.map(usize::try_from) {
        None => Ok(None),
        Some(Ok(length)) if length <= MAX => Ok(Some(length)),
        Some(_) => Err(too_large()),
    }
}

fn too_large() -> Problem {
    let message = format!("the body has more than {MAX} bytes");
    let help = "split it into several requests, or send references to where the rest lies";
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", message, help)
}

fn too_slow(limit: Duration) -> Problem {
    let message = format!("the body was not there in time ({} s)", limit.as_secs());
    Problem::new(StatusCode::REQUEST_TIMEOUT, "too_slow", message, "send it without a pause")
}
