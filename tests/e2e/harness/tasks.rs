//! The tasks of a running hearken, over its control socket.

use super::socket::{Answered, JSON, request};
use super::{Hearken, PATIENCE, until};
use serde_json::{Value, json};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

/// A task that was submitted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct TaskId(pub(crate) String);

impl TaskId {
    /// Those that an answer to a submission names.
    pub(crate) fn all(answer: &Value) -> Vec<TaskId> {
        let id = |it: &Value| TaskId(it["id"].as_str().unwrap().to_owned());
        answer["tasks"].as_array().unwrap().iter().map(id).collect()
    }
}

/// A task as `GET /v1/tasks/{id}` tells of it.
#[derive(Debug, Clone)]
pub(crate) struct Told(pub(crate) Value);

impl Told {
    pub(crate) fn state(&self) -> &str {
        self.0["state"].as_str().unwrap_or_default()
    }

    /// How often it failed, took a worker along, and was put off.
    #[track_caller]
    pub(crate) fn counters(&self) -> (u64, u64, u64) {
        let number = |name: &str| {
            self.0[name].as_u64().unwrap_or_else(|| panic!("no {name} in {:#}", self.0))
        };
        (number("attempts"), number("crashes"), number("snoozes"))
    }

    /// Its tries, the first one first.
    pub(crate) fn tries(&self) -> &[Value] {
        self.0["history"].as_array().map_or(&[], Vec::as_slice)
    }

    /// A field of each of its tries, as text.
    pub(crate) fn of_tries(&self, field: &str) -> Vec<String> {
        let text = |it: &Value| it.as_str().map_or_else(|| it.to_string(), str::to_owned);
        let found = |it: &Value| field.split('.').fold(it.clone(), |it, key| it[key].clone());
        self.tries().iter().map(|it| text(&found(it))).collect()
    }

    pub(crate) fn decided_by(&self) -> &str {
        self.0["decided_by"].as_str().unwrap_or_default()
    }
}

impl Hearken {
    /// Asks the control socket, which may not be there yet.
    #[track_caller]
    pub(crate) fn ask(&self, method: &str, path: &str, body: &str) -> Answered {
        let socket = self.control_socket();
        let what = format!("a connection to {}", socket.display());
        let mut stream = until(&what, PATIENCE, || UnixStream::connect(&socket).ok());
        request(&mut stream, method, path, JSON, body).unwrap_or_else(|error| {
            panic!("{method} {path} was not answered: {error}\n{}", self.dump())
        })
    }

    /// Where it is asked.
    pub(crate) fn control_socket(&self) -> PathBuf {
        self.folder().join("state/control.sock")
    }

    /// Submits this to a pool; the answer may be a refusal.
    #[track_caller]
    pub(crate) fn submit(&self, pool: &str, what: &Value) -> Answered {
        self.ask("POST", &format!("/v1/pools/{pool}/tasks"), &what.to_string())
    }

    /// Submits a task of these fields.
    #[track_caller]
    pub(crate) fn add(&self, pool: &str, task: &Value) -> TaskId {
        self.add_all(pool, &json!({"tasks": [task]})).remove(0)
    }

    /// Submits a task that does these steps.
    #[track_caller]
    pub(crate) fn task(&self, pool: &str, steps: Value) -> TaskId {
        self.add(pool, &json!({"payload": steps}))
    }

    /// Submits tasks, which must be taken.
    #[track_caller]
    pub(crate) fn add_all(&self, pool: &str, what: &Value) -> Vec<TaskId> {
        let answered = self.submit(pool, what);
        assert_eq!(answered.status, 201, "{}\n{}", answered.json(), self.dump());
        TaskId::all(&answered.json())
    }

    /// How a task stands.
    #[track_caller]
    pub(crate) fn show(&self, task: &TaskId) -> Told {
        Told(self.ask("GET", &format!("/v1/tasks/{}", task.0), "").json())
    }

    /// How a task ended, once it has.
    #[track_caller]
    pub(crate) fn end_of(&self, task: &TaskId) -> Told {
        let told = Told(self.ask("GET", &format!("/v1/tasks/{}?wait=30s", task.0), "").json());
        let over = ["succeeded", "dead", "cancelled", "expired", "discarded"];
        assert!(over.contains(&told.state()), "it has not ended: {:#}\n{}", told.0, self.dump());
        told
    }

    /// The result of a task that must succeed.
    #[track_caller]
    pub(crate) fn result_of(&self, task: &TaskId) -> Value {
        let told = self.end_of(task);
        assert_eq!(told.state(), "succeeded", "{:#}\n{}", told.0, self.dump());
        serde_json::from_slice(&self.result_bytes(task)).unwrap()
    }

    /// The bytes of the result of a task that has succeeded.
    #[track_caller]
    pub(crate) fn result_bytes(&self, task: &TaskId) -> Vec<u8> {
        let answered = self.ask("GET", &format!("/v1/tasks/{}/result", task.0), "");
        assert_eq!(answered.status, 200, "{}", String::from_utf8_lossy(&answered.body));
        answered.body
    }

    /// Takes a task back.
    #[track_caller]
    pub(crate) fn cancel(&self, task: &TaskId) -> Answered {
        self.ask("POST", &format!("/v1/tasks/{}/cancel", task.0), "")
    }
}
