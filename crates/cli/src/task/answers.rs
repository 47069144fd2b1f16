//! What the daemon answers, as far as it is shown.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

#[derive(Debug, Deserialize)]
pub(super) struct Submitted {
    pub(super) tasks: Vec<Outcome>,
    pub(super) batch: Option<String>,
    /// Why nothing is done for now.
    pub(super) trouble: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Outcome {
    pub(super) id: String,
    /// `inserted` or `duplicate`.
    pub(super) outcome: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Tasks {
    pub(super) tasks: Vec<Task>,
    pub(super) next: Option<String>,
    pub(super) pools: Vec<Pool>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Pool {
    pub(super) pool: String,
    pub(super) durability: Option<String>,
    pub(super) tasks: BTreeMap<String, u64>,
    #[serde(default)]
    pub(super) workers: u64,
    #[serde(default)]
    pub(super) idle: u64,
    pub(super) trouble: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Task {
    pub(super) id: String,
    pub(super) pool: String,
    #[serde(rename = "type")]
    pub(super) kind: Option<String>,
    pub(super) state: String,
    pub(super) priority: u8,
    pub(super) key: Option<String>,
    pub(super) fairness_key: Option<String>,
    pub(super) batch: Option<String>,
    pub(super) created: Option<Timestamp>,
    pub(super) not_before: Option<Timestamp>,
    pub(super) expires: Option<Timestamp>,
    pub(super) tries: u32,
    pub(super) crashes: u32,
    pub(super) snoozes: u32,
    pub(super) ended: Option<Timestamp>,
    pub(super) decided_by: Option<String>,
    pub(super) error: Option<Error>,
    // What only a single task has.
    pub(super) payload: Option<Box<RawValue>>,
    #[serde(default)]
    pub(super) payload_bytes: u64,
    pub(super) content_type: Option<String>,
    #[serde(default)]
    pub(super) history: Vec<Attempt>,
    pub(super) live: Option<Live>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Error {
    pub(super) kind: String,
    pub(super) code: String,
    pub(super) message: String,
    #[serde(default)]
    pub(super) causes: Vec<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Attempt {
    pub(super) attempt: u32,
    pub(super) worker: String,
    pub(super) started: Option<Timestamp>,
    pub(super) ended: Option<Timestamp>,
    pub(super) took_ms: u64,
    pub(super) outcome: String,
    pub(super) decided_by: String,
    pub(super) rule: Option<String>,
    pub(super) error: Option<Error>,
    pub(super) progress: Option<Progress>,
    pub(super) logs: Option<String>,
    pub(super) result: Option<ResultShape>,
}

#[derive(Debug, Deserialize)]
pub(super) struct ResultShape {
    pub(super) bytes: u64,
    pub(super) content_type: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Live {
    pub(super) worker: String,
    pub(super) worked_ms: u64,
    pub(super) progress: Option<Progress>,
    #[serde(default)]
    pub(super) logs: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Progress {
    pub(super) done: Option<u64>,
    pub(super) total: Option<u64>,
    pub(super) unit: Option<String>,
    pub(super) stage: Option<String>,
    pub(super) message: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Batch {
    pub(super) id: String,
    pub(super) pool: String,
    pub(super) policy: String,
    pub(super) quorum: Option<u64>,
    pub(super) halt_percent: Option<u64>,
    pub(super) on_complete: Option<String>,
    pub(super) created: Option<Timestamp>,
    pub(super) state: String,
    pub(super) total: u64,
    pub(super) open: u64,
    pub(super) succeeded: u64,
    pub(super) failed: u64,
    pub(super) cancelled: u64,
    pub(super) ended: Option<Timestamp>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Changed {
    pub(super) state: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Cancelled {
    pub(super) cancelled: u64,
}

impl Task {
    /// Whether nothing more will happen to it by itself.
    pub(super) fn is_over(&self) -> bool {
        !matches!(self.state.as_str(), "held" | "waiting" | "running")
    }

    pub(super) fn succeeded(&self) -> bool {
        self.state == "succeeded"
    }
}
