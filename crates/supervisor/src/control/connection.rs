//! One connection, and the one request it brings.

use super::patience::Patient;
use crate::tasks::Client;
use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::net::UnixStream;
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// How long a connection may be there and say nothing.
const IDLE: Duration = Duration::from_secs(60);
/// How long the head of a request may take, from its first byte on.
const HEAD: Duration = Duration::from_secs(10);
/// The longest head, in bytes.
const HEAD_MAX: usize = 32 * 1024;
/// The most headers.
const HEADERS_MAX: usize = 64;
/// How many KiB of bodies are held at once, over all connections: two of the longest.
const BODIES_KIB: usize = 2 * super::body::MAX / 1024;

/// The room for the bodies of all connections, in KiB.
pub(super) fn bodies() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(BODIES_KIB))
}

/// What a request works with.
#[derive(Debug, Clone)]
pub(super) struct Visit {
    pub(super) client: Client,
    /// Room for bodies, in KiB.
    pub(super) bodies: Arc<Semaphore>,
    /// How many of this user's requests may wait for something.
    pub(super) waits: Arc<Semaphore>,
}

/// Serves the connection to its end; `began` is set with its first byte.
pub(super) async fn serve(
    stream: UnixStream,
    routes: Router<Visit>,
    visit: Visit,
    began: Arc<AtomicBool>,
) {
    if timeout(IDLE, stream.readable()).await.is_err() {
        return;
    }
    began.store(true, Ordering::Relaxed);
    let service = TowerToHyperService::new(routes.with_state(visit));
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(HEAD_MAX)
        .max_headers(HEADERS_MAX)
        .keep_alive(false)
        .serve_connection(TokioIo::new(Patient::new(stream)), service);
    // What a client does to its own connection is its own matter: gone, too slow, no HTTP.
    let _its_own_matter = served.await;
}
