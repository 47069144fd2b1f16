//! The control socket: HTTP and JSON over a Unix socket, for commands and tasks.
//!
//! ```text
//!   client ─▶ reception (who may come in, how many) ─▶ connection (one request) ─▶ routes ─┬─▶ Client: what changes
//!                                                                                         └─▶ Client::read: what is kept
//! ```
//!
//! # The API, version 1
//!
//! Names of fields are those of the config, the log and the protocol. Moments are RFC 3339 in UTC,
//! lengths of time that come in are written as in the config (`"5m"`), those that go out are
//! milliseconds in a field that ends in `_ms`. What is not there is left out. Ids are UUIDs.
//!
//! | request | answer |
//! |---|---|
//! | `POST /v1/pools/{pool}/tasks` | 201: each task with its `id` and `outcome`, `inserted` or `duplicate`, and `trouble` if nothing is done there for now; 200 if all are duplicates |
//! | `GET /v1/tasks?pool=&state=&batch=&type=&after=&limit=&order=` | a page of `tasks`, `next` for the page behind it, and all `pools` with their counts and durability; `order` is `newest` or `oldest` |
//! | `GET /v1/tasks/{id}?wait=` | one task with its whole history, and what is known of it while it runs; with `wait` when it has ended, or when so much time is over |
//! | `GET /v1/tasks/{id}/result` | the result: bytes with their media type, a value as JSON; as MessagePack if JSON cannot say it, if it has more than 16 MiB, or if `Accept` asks for `application/msgpack` |
//! | `POST /v1/tasks/{id}/retry`, `…/cancel` | where the task stands now; a running one is asked to stop, and stands at `running` until it has |
//! | `GET /v1/batches/{id}` | the batch and how its tasks stand |
//! | `POST /v1/batches/{id}/cancel` | how many tasks were `cancelled` |
//! | `GET /v1/batches/{id}/results?format=&order=` | a row for each task: `ndjson`, `json` or `csv`, in the order of `input` or of `completion` |
//! | `GET /v1/pools` | how the pools stand |
//! | `GET /v1/health` | that it works, and what does not |
//!
//! A task that is submitted: `payload` (any JSON) or `payload_base64` (bytes), `content_type`, `id`,
//! `type`, `key`, `fairness_key`, `priority`, `delay`, `expires`, `headers`, `traceparent`; none of
//! them must be there. The body is one task, `{"tasks": […], "batch": {…}}`, or with the content type
//! `application/x-ndjson` one task a line. A batch has a `policy` (`all`, `any`, `quorum`, `halt`),
//! `quorum`, `halt_percent`, and `on_complete`, a task. All tasks of a request are kept, or none.
//!
//! A client that does not know whether its submission arrived sends it again with the same `id`s: what
//! is kept already is a `duplicate`, and nothing is done twice.
//!
//! What is refused is answered with `{"error": {"code", "message", "help"}}`:
//!
//! | status | code |
//! |---|---|
//! | 400 | `malformed`, `unknown_parameter`, `bad_parameter`, `too_deep`, `cut_short` |
//! | 403 | `denied`, `browser` |
//! | 404 | `no_route`, `no_pool`, `no_task`, `no_batch`, `no_result` |
//! | 405 | `wrong_method` |
//! | 408 | `too_slow` |
//! | 409 | `wrong_state`, `id_taken`, `batch_differs` |
//! | 413 | `too_large` |
//! | 415 | `unknown_content_type` |
//! | 422 | `unfit` |
//! | 429 | `queue_full`, with `Retry-After` |
//! | 500 | `store_damaged` |
//! | 503 | `busy`, `closing`, `storage_full`, `store_busy`, `store_down` |
//!
//! # Invariants
//!
//! - A name from a request is looked up among those there are; it never becomes a path.
//! - Nothing waits in the runtime: what is large is read and written by threads for that.
//! - One request a connection. So there is nothing to smuggle a second one into, and who is idle has
//!   asked for nothing yet.

mod batches;
mod body;
mod collect;
mod connection;
mod health;
mod patience;
mod problem;
mod query;
mod reception;
mod results;
mod routes;
mod seats;
mod shown;
mod submission;
mod submit;
mod tasks;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod value;
mod wait;

use crate::tasks::Client;
use hearken_config::{Config, Control};
use hearken_sys::{ListenError, SocketFile, listen_at};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

/// The name of the socket in the state directory, if the config does not say another place.
const FILE: &str = "control.sock";

/// Where the control socket of this config is, if its state directory is `state`.
#[must_use]
pub fn control_socket(config: &Config, state: &Path) -> PathBuf {
    config.supervisor.control.socket.clone().unwrap_or_else(|| state.join(FILE))
}

/// Why there is no control socket.
#[derive(Debug, thiserror::Error)]
#[error("the control socket: {0}")]
pub struct ControlError(#[from] ListenError);

/// The control socket, before anybody is let in. Dropped, its file is removed.
#[derive(Debug)]
pub(crate) struct ControlSocket {
    listener: UnixListener,
    path: PathBuf,
    _file: SocketFile,
}

impl ControlSocket {
    /// Makes the socket. The state directory is locked by the caller: two supervisors of one
    /// directory never come here together.
    ///
    /// # Errors
    /// If somebody listens there already, or the kernel refuses it.
    pub(crate) fn bind(path: &Path, control: &Control) -> Result<Self, ControlError> {
        let path = std::path::absolute(path)
            .map_err(|error| ListenError::Refused { path: path.to_owned(), error })?;
        let (listener, file) = listen_at(&path, control.mode)?;
        Ok(Self { listener, path, _file: file })
    }

    /// Serves whoever comes, until it is dropped. Must be called inside the runtime.
    pub(crate) async fn serve(self, client: Client) {
        reception::receive(self.listener, &self.path, client).await;
    }
}
