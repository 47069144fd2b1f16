//! Who is let in: the connections as they come, until there are too many.
//!
//! Root and whoever the supervisor runs as are let in, by what the kernel says of the peer; the mode
//! of the file is the first gate, this is the second. Everybody else hears why not, and is logged.

use super::connection::{self, Visit};
use super::problem::Problem;
use super::routes::routes;
use super::seats::{EACH, Room, Seats};
use crate::events::{ControlDenied, ControlDown, ControlListening, ControlShort};
use crate::tasks::Client;
use axum::Router;
use axum::http::StatusCode;
use std::collections::HashMap;
use std::os::unix::net::UnixListener as StdUnixListener;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::task::{AbortHandle, Id, JoinError, JoinSet};
use tokio::time::{Instant, sleep, timeout};

/// How long whoever is turned away may take to hear it.
const FAREWELL: Duration = Duration::from_secs(1);
/// How many are told so at once; more are cut off without a word.
const FAREWELLS: usize = 16;
/// How long nothing is accepted when the kernel refuses it: it has no descriptor, or no memory.
const SHORT: Duration = Duration::from_millis(100);
/// How often it is logged that strangers, or shortages, keep coming.
const QUIET: Duration = Duration::from_secs(10);
/// How many connections of one user may wait for the ends of tasks: the rest is for short requests.
const WAITS: usize = EACH - 4;

/// Accepts for good.
pub(super) async fn receive(listener: StdUnixListener, path: &Path, client: Client) {
    let listener = match UnixListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return ControlDown { error: &error.to_string() }.emit(),
    };
    ControlListening { socket: &path.to_string_lossy() }.emit();
    let mut reception = Reception {
        routes: routes(),
        client,
        bodies: connection::bodies(),
        owner: rustix::process::geteuid().as_raw(),
        seats: Seats::new(),
        guests: HashMap::new(),
        waits: HashMap::new(),
        connections: JoinSet::new(),
        farewells: JoinSet::new(),
        denied: Repeated::default(),
        short: Repeated::default(),
    };
    loop {
        tokio::select! {
            biased;
            Some(ended) = reception.connections.join_next_with_id() => reception.ended(ended),
            Some(_) = reception.farewells.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => reception.came(stream),
                Err(error) => {
                    if let Some(unlogged) = reception.short.again() {
                        ControlShort { error: &error.to_string(), unlogged }.emit();
                    }
                    sleep(SHORT).await;
                }
            }
        }
    }
}

/// Somebody in the house.
#[derive(Debug)]
struct Guest {
    connection: AbortHandle,
    /// Something has come of them.
    began: Arc<AtomicBool>,
}

#[derive(Debug)]
struct Reception {
    routes: Router<Visit>,
    client: Client,
    bodies: Arc<Semaphore>,
    owner: u32,
    seats: Seats<Id>,
    guests: HashMap<Id, Guest>,
    waits: HashMap<u32, Arc<Semaphore>>,
    connections: JoinSet<()>,
    farewells: JoinSet<()>,
    denied: Repeated,
    short: Repeated,
}

impl Reception {
    fn came(&mut self, stream: UnixStream) {
        // A peer whom the kernel does not name is a stranger.
        let peer = stream.peer_cred().ok();
        let uid = peer.map_or(u32::MAX, |peer| peer.uid());
        let privileged = uid == 0 || uid == self.owner;
        if !privileged {
            if let Some(unlogged) = self.denied.again() {
                let pid = peer.and_then(|peer| peer.pid());
                ControlDenied { uid, pid, unlogged }.emit();
            }
            return self.turn_away(stream, denied(uid, self.owner));
        }
        let idle = |id| self.guests.get(&id).is_some_and(|it| !it.began.load(Ordering::Relaxed));
        match self.seats.room(uid, privileged, idle) {
            Room::Free => {}
            Room::Of(id) => {
                // Its end is not waited for: the seat is free now, and an idle one holds nothing.
                if let Some(guest) = self.guests.get(&id) {
                    guest.connection.abort();
                }
                self.leave(id);
            }
            Room::NoneForUser(own) => {
                let message =
                    format!("uid {uid} has {own} connections at work, and may have no more");
                return self.turn_away(stream, Problem::busy(message));
            }
            Room::None(all) => {
                let message = format!("{all} connections are at work, and there are no more");
                return self.turn_away(stream, Problem::busy(message));
            }
        }
        self.waits.retain(|_, waits| Arc::strong_count(waits) > 1);
        let waits = self.waits.entry(uid).or_insert_with(|| Arc::new(Semaphore::new(WAITS)));
        let visit = Visit {
            client: self.client.clone(),
            bodies: Arc::clone(&self.bodies),
            waits: Arc::clone(waits),
        };
        let began = Arc::new(AtomicBool::new(connection::has_begun(&stream)));
        let serve = connection::serve(stream, self.routes.clone(), visit, Arc::clone(&began));
        let connection = self.connections.spawn(serve);
        let id = connection.id();
        self.seats.take(id, uid);
        self.guests.insert(id, Guest { connection, began });
    }

    fn ended(&mut self, ended: Result<(Id, ()), JoinError>) {
        self.leave(match ended {
            Ok((id, ())) => id,
            Err(aborted) => aborted.id(),
        });
    }

    fn leave(&mut self, id: Id) {
        self.guests.remove(&id);
        self.seats.leave(id);
    }

    /// Says why, once they have begun to ask: clients take an answer that comes before for a broken
    /// connection. And goes on listening for a moment: who is cut off while still asking would not
    /// hear it.
    fn turn_away(&mut self, mut stream: UnixStream, problem: Problem) {
        if self.farewells.len() >= FAREWELLS {
            return;
        }
        let answer = raw(&problem);
        let farewell = async move {
            let mut unheard = [0; 4096];
            if !matches!(stream.read(&mut unheard).await, Ok(1..))
                || stream.write_all(answer.as_bytes()).await.is_err()
                || stream.shutdown().await.is_err()
            {
                return;
            }
            while matches!(stream.read(&mut unheard).await, Ok(1..)) {}
        };
        self.farewells.spawn(async move {
            let _gone_or_slow = timeout(FAREWELL, farewell).await;
        });
    }
}

fn denied(uid: u32, owner: u32) -> Problem {
    let message = format!("uid {uid} may not give commands to this hearken");
    let help = if owner == 0 {
        "ask as root".to_owned()
    } else {
        format!("ask as root, or as uid {owner}, which it runs as")
    };
    Problem::new(StatusCode::FORBIDDEN, "denied", message, help)
}

/// An answer to somebody who was not asked what they want.
fn raw(problem: &Problem) -> String {
    let body = problem.json();
    format!(
        "HTTP/1.1 {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        problem.status,
        body.len(),
    )
}

/// Something that may happen in floods, and is logged now and then.
#[derive(Debug, Default)]
struct Repeated {
    logged: Option<Instant>,
    unlogged: u64,
}

impl Repeated {
    /// It happened again: if it is to be logged, how often it happened since and was not.
    fn again(&mut self) -> Option<u64> {
        if self.logged.is_some_and(|at| at.elapsed() < QUIET) {
            self.unlogged += 1;
            return None;
        }
        self.logged = Some(Instant::now());
        Some(std::mem::take(&mut self.unlogged))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn floods_are_counted_and_logged_now_and_then() {
        let mut repeated = Repeated::default();
        assert_eq!(repeated.again(), Some(0));
        for _ in 0..1000 {
            assert_eq!(repeated.again(), None);
        }
        tokio::time::advance(QUIET).await;
        assert_eq!(repeated.again(), Some(1000));
        tokio::time::advance(QUIET).await;
        assert_eq!(repeated.again(), Some(0));
    }

    #[test]
    fn a_stranger_hears_who_may_come_in() {
        let answer = raw(&denied(65534, 1000));
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 403 Forbidden\r\n"), "{head}");
        assert!(head.contains(&format!("content-length: {}\r\n", body.len())), "{head}");
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(body["error"]["code"], "denied");
        assert!(body["error"]["message"].as_str().unwrap().contains("65534"));
        assert!(body["error"]["help"].as_str().unwrap().contains("uid 1000"));
    }
}
