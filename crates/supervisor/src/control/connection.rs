//! One connection, and the one request it brings.

use super::patience::Patient;
use crate::tasks::Client;
use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use rustix::net::{RecvFlags, recv};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::io::Interest;
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

/// Whether something has come already.
pub(super) fn has_begun(stream: &UnixStream) -> bool {
    peek(stream).is_ok_and(|length| length > 0)
}

/// How much there is to read, up to a byte; nothing at the end.
fn peek(stream: &UnixStream) -> io::Result<usize> {
    let (_, length) = recv(stream, &mut [0], RecvFlags::PEEK | RecvFlags::DONTWAIT)?;
    Ok(length)
}

/// Waits until something has come, or the end. The runtime takes a new socket for readable until a
/// read has said otherwise; so one is made, and leaves there what it finds.
async fn first_byte(stream: &UnixStream) -> io::Result<usize> {
    stream.async_io(Interest::READABLE, || peek(stream)).await
}

/// Serves the connection to its end; `began` is set with its first byte.
pub(super) async fn serve(
    stream: UnixStream,
    routes: Router<Visit>,
    visit: Visit,
    began: Arc<AtomicBool>,
) {
    match timeout(IDLE, first_byte(&stream)).await {
        Ok(Ok(1..)) => began.store(true, Ordering::Relaxed),
        Ok(Ok(0) | Err(_)) | Err(_) => return,
    }
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
