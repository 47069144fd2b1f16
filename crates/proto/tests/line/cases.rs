//! What the vectors are made of.

use hearken_proto::{
    Accepted, Ack, Acked, Cancel, CancelReason, Cause, Checkpoint, Chunk, Drain, Draining,
    ErrorKind, ErrorMessage, Event, Exiting, FromChild, Handle, Heartbeat, Hello, Intent, Level,
    Log, Metric, MetricType, Ping, Progress, ProtocolRange, Raw, Ready, Reject, Scope, Snooze,
    Status, Task, TaskResult, ToChild, Welcome,
};
use serde_json::json;

#[derive(Clone)]
pub(crate) struct Case<M> {
    pub(crate) about: &'static str,
    pub(crate) message: M,
    /// Holds opaque binary, which JSON shows as text: no way back from there.
    pub(crate) binary: bool,
}

fn case<M>(about: &'static str, message: M) -> Case<M> {
    Case { about, message, binary: false }
}

fn binary<M>(about: &'static str, message: M) -> Case<M> {
    Case { about, message, binary: true }
}

fn raw(value: serde_json::Value) -> Raw {
    Raw::from_value(&value).unwrap()
}

fn full_error() -> ErrorMessage {
    ErrorMessage {
        handle: Some(Handle(7)),
        retryable: Some(true),
        retry_after_ms: Some(1500),
        scope: Some(Scope::Dependency),
        dependency: Some("postgres".to_owned()),
        details: Some(raw(json!({"relation": "orders", "waited_ms": 5000}))),
        causes: Some(vec![
            Cause { code: Some("PDOException".to_owned()), message: "SQLSTATE[40P01]".into() },
            Cause { code: None, message: "deadlock detected".into() },
        ]),
        trace: Some("#0 worker.php(42): save()\n#1 {main}".into()),
        ..ErrorMessage::new(ErrorKind::Conflict, "db.deadlock", "two orders at once")
    }
}

pub(crate) fn from_child() -> Vec<Case<FromChild>> {
    let hello = Hello {
        protocol: ProtocolRange::only(1),
        sdk: "hearken-php/0.1.0".to_owned(),
        language: "php 8.3".to_owned(),
        pid: 4711,
        build: None,
        task_types: None,
    };
    let result = TaskResult {
        handle: Handle(7),
        data: None,
        content_type: None,
        chunks: None,
        summary: None,
    };
    let log = Log {
        handle: None,
        level: Level::Info,
        message: "listening".into(),
        target: None,
        fields: None,
        time: None,
    };
    let mut cases = vec![
        case("required fields", FromChild::Hello(hello.clone())),
        case(
            "all fields",
            FromChild::Hello(Hello {
                protocol: ProtocolRange::new(1, 3).unwrap(),
                build: Some("2026-11-22-g1a2b3c".to_owned()),
                task_types: Some(vec!["thumbnail".to_owned(), "mail".to_owned()]),
                ..hello
            }),
        ),
        case("one credit", FromChild::Ready(Ready::default())),
        case("many credits", FromChild::Ready(Ready { credits: 500 })),
        case("all fields", FromChild::Accepted(Accepted { handle: Handle(7) })),
        case("largest handle", FromChild::Accepted(Accepted { handle: Handle(u32::MAX) })),
        case("empty", FromChild::Progress(Progress::default())),
        case(
            "done of total",
            FromChild::Progress(Progress { done: Some(3), total: Some(9), ..Progress::default() }),
        ),
        case(
            "all fields",
            FromChild::Progress(Progress {
                handle: Some(Handle(7)),
                done: Some(5_000_000_000),
                total: Some(u64::MAX),
                unit: Some("bytes".to_owned()),
                stage: Some("upload".to_owned()),
                message: Some("Größe geprüft".into()),
            }),
        ),
        case("required fields", FromChild::Log(log.clone())),
        case(
            "all fields",
            FromChild::Log(Log {
                handle: Some(Handle(7)),
                level: Level::Fatal,
                target: Some("app.db".to_owned()),
                fields: Some(raw(json!({"port": 5432, "hosts": ["a", "b"], "tls": true}))),
                time: Some(1_763_820_000_123_456),
                ..log.clone()
            }),
        ),
        case(
            "empty fields, before 1970",
            FromChild::Log(Log {
                level: Level::Trace,
                fields: Some(Raw::empty_map()),
                time: Some(-1),
                ..log
            }),
        ),
        case(
            "text",
            FromChild::Chunk(Chunk {
                handle: Handle(7),
                sequence: 0,
                data: b"first part, ".to_vec(),
                last: false,
            }),
        ),
        case(
            "bytes that are no text",
            FromChild::Chunk(Chunk {
                handle: Handle(7),
                sequence: 70_000,
                data: vec![0xff, 0x00, 0x92],
                last: true,
            }),
        ),
        case("required fields", FromChild::Result(result.clone())),
        case(
            "all fields",
            FromChild::Result(TaskResult {
                data: Some(raw(json!({"path": "/tmp/a.png", "sizes": [100, 200]}))),
                content_type: Some("application/json".to_owned()),
                chunks: Some(2),
                summary: Some(raw(json!({"rows": 3}))),
                ..result.clone()
            }),
        ),
        binary(
            "binary data",
            FromChild::Result(TaskResult { data: Some(Raw::binary(b"plain")), ..result.clone() }),
        ),
        case("all fields", FromChild::Error(Box::new(full_error()))),
        case("sequence only", FromChild::Heartbeat(heartbeat(0))),
        case(
            "all fields",
            FromChild::Heartbeat(Heartbeat {
                busy: Some(vec![Handle(7), Handle(300)]),
                memory: Some(268_435_456),
                ..heartbeat(1 << 40)
            }),
        ),
        case(
            "text",
            FromChild::Checkpoint(Checkpoint {
                handle: Handle(7),
                sequence: 1,
                data: b"row=300".to_vec(),
            }),
        ),
        case(
            "empty",
            FromChild::Checkpoint(Checkpoint { handle: Handle(7), sequence: 0, data: Vec::new() }),
        ),
        case(
            "all fields",
            FromChild::Snooze(Snooze {
                handle: Handle(7),
                delay_ms: 60_000,
                reason: "the quota is used up".into(),
            }),
        ),
        case("all fields", FromChild::Draining(Draining { reason: "500 tasks done".into() })),
        case(
            "with a reason",
            FromChild::Exiting(Exiting {
                intent: Intent::StayDown,
                reason: Some("no licence".into()),
            }),
        ),
        case("all fields", FromChild::Status(Status { text: "3 of 4 shards open".into() })),
        case("a text that is empty", FromChild::Status(Status { text: "".into() })),
        case(
            "a counter",
            FromChild::Metric(Metric {
                name: "mails.sent".to_owned(),
                metric_type: MetricType::Counter,
                value: 1.0,
                labels: None,
            }),
        ),
        case(
            "a gauge with labels",
            FromChild::Metric(Metric {
                name: "queue.length".to_owned(),
                metric_type: MetricType::Gauge,
                value: 12.5,
                labels: Some(raw(json!({"queue": "mail"}))),
            }),
        ),
        case(
            "a histogram",
            FromChild::Metric(Metric {
                name: "request.seconds".to_owned(),
                metric_type: MetricType::Histogram,
                value: 0.1,
                labels: Some(Raw::empty_map()),
            }),
        ),
        case(
            "without fields",
            FromChild::Event(Event {
                handle: None,
                name: "cache.cleared".to_owned(),
                fields: Raw::empty_map(),
            }),
        ),
        case(
            "all fields",
            FromChild::Event(Event {
                handle: Some(Handle(7)),
                name: "order.paid".to_owned(),
                fields: raw(json!({"order": 4711, "amount": 12.5, "note": null})),
            }),
        ),
    ];
    for intent in [Intent::Done, Intent::Retry, Intent::RestartNow, Intent::StayDown] {
        cases.push(case(intent.name(), FromChild::Exiting(Exiting { intent, reason: None })));
    }
    for kind in ERROR_KINDS {
        let message = ErrorMessage::new(kind, "mail.send", "could not send");
        cases.push(case(kind.name(), FromChild::Error(Box::new(message))));
    }
    cases
}

const ERROR_KINDS: [ErrorKind; 12] = [
    ErrorKind::Transient,
    ErrorKind::Timeout,
    ErrorKind::RateLimited,
    ErrorKind::Unavailable,
    ErrorKind::Conflict,
    ErrorKind::Resource,
    ErrorKind::Invalid,
    ErrorKind::NotFound,
    ErrorKind::Denied,
    ErrorKind::Config,
    ErrorKind::Bug,
    ErrorKind::Cancelled,
];

fn heartbeat(sequence: u64) -> Heartbeat {
    Heartbeat { sequence, busy: None, memory: None }
}

pub(crate) fn to_child() -> Vec<Case<ToChild>> {
    let welcome = Welcome {
        protocol: 1,
        unit: "api".to_owned(),
        instance: 2,
        incarnation: 1,
        max_frame: 1_048_576,
        heartbeat_ms: None,
        config: None,
    };
    let task = Task {
        handle: Handle(7),
        id: "019aa7c2-5d3c-7000-8000-000000000001".to_owned(),
        task_type: None,
        attempt: 1,
        crashes: 0,
        payload: raw(json!({"image": "a.png", "width": 100})),
        content_type: None,
        soft_ms: None,
        hard_ms: None,
        key: None,
        headers: None,
        traceparent: None,
        checkpoint: None,
        last_error: None,
        batch: None,
    };
    vec![
        case("required fields", ToChild::Welcome(welcome.clone())),
        case(
            "all fields",
            ToChild::Welcome(Welcome {
                heartbeat_ms: Some(10_000),
                config: Some(raw(json!({"greeting": "hi", "limits": {"rate": 2.5}}))),
                ..welcome
            }),
        ),
        case(
            "all fields",
            ToChild::Reject(Reject {
                code: "unsupported_protocol".to_owned(),
                message: "this supervisor speaks protocol 1, the child speaks 2 to 3".into(),
            }),
        ),
        case("required fields", ToChild::Task(Box::new(task.clone()))),
        case(
            "all fields",
            ToChild::Task(Box::new(Task {
                task_type: Some("thumbnail".to_owned()),
                attempt: 3,
                crashes: 1,
                content_type: Some("application/json".to_owned()),
                soft_ms: Some(25_000),
                hard_ms: Some(30_000),
                key: Some("customer-12".to_owned()),
                headers: Some(raw(json!({"user": "anna"}))),
                traceparent: Some(
                    "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned(),
                ),
                checkpoint: Some(b"row=300".to_vec()),
                last_error: Some(ErrorMessage {
                    handle: None,
                    ..ErrorMessage::new(ErrorKind::Crashed, "signal.SEGV", "killed by SIGSEGV")
                }),
                batch: Some("night-2026-11-22".to_owned()),
                ..task.clone()
            })),
        ),
        binary(
            "a binary payload",
            ToChild::Task(Box::new(Task { payload: Raw::binary(b"plain"), ..task.clone() })),
        ),
        binary(
            "a payload that is no text",
            ToChild::Task(Box::new(Task { payload: Raw::binary(&[0xff, 0x00]), ..task.clone() })),
        ),
        case(
            "an array as payload",
            ToChild::Task(Box::new(Task { payload: raw(json!([1, "two", null])), ..task.clone() })),
        ),
        case("nil as payload", ToChild::Task(Box::new(Task { payload: Raw::nil(), ..task }))),
        case("timeout", cancel(CancelReason::Timeout)),
        case("operator", cancel(CancelReason::Operator)),
        case("batch", cancel(CancelReason::Batch)),
        case("lease_lost", cancel(CancelReason::LeaseLost)),
        case("shutdown", cancel(CancelReason::Shutdown)),
        case("all fields", ToChild::Drain(Drain { grace_ms: 10_000, reason: "shutdown".into() })),
        case("all fields", ToChild::Ping(Ping { sequence: 42 })),
        case("a long sequence", ToChild::Ping(Ping { sequence: 1 << 53 })),
        case("result", ack(Acked::Result)),
        case("error", ack(Acked::Error)),
        case("checkpoint", ack(Acked::Checkpoint)),
        case("snooze", ack(Acked::Snooze)),
    ]
}

fn cancel(reason: CancelReason) -> ToChild {
    ToChild::Cancel(Cancel { handle: Handle(7), reason, grace_ms: 5000 })
}

fn ack(of: Acked) -> ToChild {
    ToChild::Ack(Ack { handle: Handle(7), of })
}
