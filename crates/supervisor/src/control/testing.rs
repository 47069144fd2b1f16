//! Pools whose workers never come, and the API in front of them.

use super::connection::{self, Visit};
use super::routes::routes;
use crate::boot;
use crate::clock::Clock;
use axum::Router;
use hearken_config::{Config, LoadOptions};
use hearken_core::task::{Counters, Priority, TaskId, TaskState};
use hearken_store::{Listed, Record, UnixMs};
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::Semaphore;

const CONFIG: &str = r#"
[pool.thumbnails]
command = ["true"]
durability = "memory"
queue = 50
max_payload = "1KiB"
"#;

/// The API.
#[derive(Debug, Clone)]
pub(super) struct Api {
    routes: Router<Visit>,
    pub(super) visit: Visit,
}

/// Does something with the API, while the pools do what is asked of them.
pub(super) fn with_api<F: Future<Output = ()>>(test: impl FnOnce(Api) -> F) {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    runtime.unwrap().block_on(async {
        let config = Config::parse("hearken.toml", CONFIG, &LoadOptions::default()).unwrap().config;
        let mut tasks = boot::pools::open(&config, None, Clock::start(), 7).unwrap();
        let visit = Visit {
            client: tasks.client(),
            bodies: connection::bodies(),
            waits: Arc::new(Semaphore::new(2)),
        };
        let test = test(Api { routes: routes(), visit });
        tokio::pin!(test);
        loop {
            tokio::select! {
                () = &mut test => return,
                came = tasks.next() => {
                    assert_eq!(tasks.came(came), 0, "nobody asks for a shutdown");
                    // There are no processes.
                    let _wishes = tasks.act();
                }
            }
        }
    });
}

/// What was answered.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: String,
}

impl Answer {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The code of the refusal; each has a message and help.
    pub(super) fn code(&self) -> String {
        let error = &self.json()["error"];
        assert!(error["message"].as_str().is_some_and(|it| !it.is_empty()), "{self:?}");
        assert!(error["help"].as_str().is_some_and(|it| !it.is_empty()), "{self:?}");
        error["code"].as_str().unwrap().to_owned()
    }
}

impl Api {
    /// A connection.
    pub(super) fn connect(&self) -> UnixStream {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let began = Arc::new(AtomicBool::new(false));
        tokio::spawn(connection::serve(theirs, self.routes.clone(), self.visit.clone(), began));
        ours
    }

    /// Sends these bytes, and reads to the end.
    pub(super) async fn raw(&self, request: &[u8]) -> Option<Answer> {
        let mut stream = self.connect();
        // Whoever refuses early reads no more.
        let _refused = stream.write_all(request).await;
        read(&mut stream).await
    }

    /// A request.
    pub(super) async fn ask(&self, method: &str, path: &str, headers: &str, body: &str) -> Answer {
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
        );
        self.raw(request.as_bytes()).await.expect("an answer")
    }

    pub(super) async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, "", "").await
    }

    pub(super) async fn post(&self, path: &str) -> Answer {
        self.ask("POST", path, "", "").await
    }

    /// Submits to the pool.
    pub(super) async fn submit(&self, body: &str) -> Answer {
        let json = "content-type: application/json\r\n";
        self.ask("POST", "/v1/pools/thumbnails/tasks", json, body).await
    }
}

/// Reads an answer to its end; none if there is none.
pub(super) async fn read(stream: &mut UnixStream) -> Option<Answer> {
    let mut all = Vec::new();
    // A connection that is cut off has said what it has to say.
    let _cut_off = stream.read_to_end(&mut all).await;
    let all = String::from_utf8(all).unwrap();
    let (head, body) = all.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Some(Answer { status, head: head.to_owned(), body: body.to_owned() })
}

/// A task in a list.
pub(super) fn listed(id: u128) -> Listed {
    let record = Record {
        id: TaskId::from_u128(id),
        pool: "thumbnails".into(),
        kind: None,
        unique_key: None,
        fairness_key: None,
        priority: Priority::DEFAULT,
        batch: None,
        created: UnixMs::new(0),
        expires: None,
        state: TaskState::Waiting,
        not_before: UnixMs::new(0),
        counters: Counters::default(),
        holder: None,
        first_try: None,
        ended: None,
        ended_by: None,
        error_attempt: None,
        result_attempt: None,
        checkpoint: None,
    };
    Listed { record, last_error: None }
}
