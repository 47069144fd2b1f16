//! A service and its line.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use hearken_proto::{
    Decoded, Drain, ErrorKind, FromChild, Handle, Heard, Heartbeat, MAX_FRAME, Ping, Reject,
    ToChild, Violation, decode_frame,
};
use hearken_worker::{Intent, Level, LineError, Metric, MetricType, Progress, Worker, WorkerError};

use crate::peer::{LONG, Supervisor, golden, hex};

fn pair() -> (Worker, Supervisor) {
    let (mut supervisor, child) = Supervisor::pair();
    let worker = Worker::over(child).unwrap();
    let hello = supervisor.hello();
    assert!(hello.sdk.starts_with("hearken-rust/") && hello.pid == std::process::id());
    assert!(hello.task_types.is_none());
    (worker, supervisor)
}

#[test]
fn a_worker_is_welcomed_and_told_its_config() {
    let (worker, mut supervisor) = pair();
    assert!(worker.is_supervised());
    supervisor.welcome(MAX_FRAME, None);
    let welcome = worker.welcome(LONG).unwrap().unwrap();
    assert_eq!((welcome.unit.as_str(), welcome.instance), ("api", 2));
    let config: BTreeMap<String, String> = welcome.config.unwrap().decode().unwrap();
    assert_eq!(config["greeting"], "hi");
}

#[test]
fn everything_it_says_is_heard_in_turn() {
    let (worker, mut supervisor) = pair();
    worker.ready().unwrap();
    worker.status("warm").unwrap();
    worker.log(Level::Warn, "slow", &BTreeMap::from([("ms", 12)])).unwrap();
    worker.log(Level::Info, "plain", &()).unwrap();
    worker.error(&WorkerError::rate_limited("mail.quota", "full", LONG)).unwrap();
    worker.exiting(Intent::Retry, "").unwrap();
    assert!(matches!(supervisor.hear(), Heard::Ready(ready) if ready.credits == 1));
    assert!(matches!(supervisor.hear(), Heard::Status(status) if status.text.as_str() == "warm"));
    assert!(matches!(supervisor.hear(), Heard::Log(log) if log.fields.is_some()));
    assert!(matches!(supervisor.hear(), Heard::Log(log) if log.fields.is_none()));
    let Heard::Error(error) = supervisor.hear() else { panic!("no error") };
    assert_eq!((error.kind, error.retry_after_ms), (ErrorKind::RateLimited, Some(20_000)));
    assert!(
        matches!(supervisor.hear(), Heard::Exiting(exiting) if exiting.intent == Intent::Retry)
    );

    // The session would end the line over a status that is none; the worker does not let it come to that.
    assert!(matches!(worker.ready(), Err(LineError::AfterExiting { .. })));
    worker.status("bye").unwrap();
    worker.log(Level::Info, "bye", &()).unwrap();
    worker.heartbeat().unwrap();
    let (name, metric_type) = ("bye.said".to_owned(), MetricType::Counter);
    worker.metric(Metric { name, metric_type, value: 1.0, labels: None }).unwrap();
    worker.event("bye.said", &BTreeMap::from([("to", "all")])).unwrap();
    assert!(matches!(supervisor.hear(), Heard::Status(_)));
    assert!(matches!(supervisor.hear(), Heard::Log(_)));
    assert!(matches!(supervisor.hear(), Heard::Heartbeat(_)));
    assert!(matches!(supervisor.hear(), Heard::Metric(_)));
    assert!(matches!(supervisor.hear(), Heard::Event(event) if event.name == "bye.said"));
}

#[test]
fn a_task_that_comes_after_the_last_word_is_left_to_others() {
    let (worker, mut supervisor) = pair();
    worker.exiting(Intent::Done, "").unwrap();
    assert!(matches!(supervisor.hear(), Heard::Exiting(_)));
    supervisor.task(7, |_| {});
    supervisor.say(&ToChild::Ping(Ping { sequence: 1 }));
    assert!(matches!(supervisor.hear(), Heard::Heartbeat(_)));
}

#[test]
fn a_fatal_error_of_a_service_is_one_of_its_configuration() {
    let (worker, mut supervisor) = pair();
    worker.error(&WorkerError::fatal("licence.none", "there is no licence")).unwrap();
    let Heard::Error(error) = supervisor.hear() else { panic!("no error") };
    assert_eq!((error.kind, error.retryable), (ErrorKind::Config, Some(false)));
    assert_eq!((error.code.as_str(), error.handle), ("licence.none", None));
}

#[test]
fn a_ping_is_answered_and_heartbeats_come_by_themselves() {
    let (_worker, mut supervisor) = pair();
    supervisor.say(&ToChild::Ping(Ping { sequence: 42 }));
    let answer = Heartbeat { sequence: 42, busy: None, memory: None };
    assert_eq!(supervisor.hear(), Heard::Heartbeat(answer));
    supervisor.welcome(MAX_FRAME, Some(1));
    for sequence in 1..=3 {
        let beat = Heartbeat { sequence, busy: None, memory: None };
        assert_eq!(supervisor.hear(), Heard::Heartbeat(beat));
    }
}

#[test]
fn a_drain_wakes_whoever_waits() {
    let (worker, mut supervisor) = pair();
    assert!(!worker.draining());
    assert!(!worker.wait_for_drain(Duration::ZERO));
    supervisor.say(&ToChild::Drain(Drain { grace_ms: 500, reason: "shutdown".into() }));
    assert!(worker.wait_for_drain(LONG));
    assert_eq!(worker.drain().unwrap().grace_ms, 500);
}

#[test]
fn the_end_of_the_line_is_a_drain_and_ends_what_can_be_said() {
    let (worker, supervisor) = pair();
    drop(supervisor);
    assert!(worker.wait_for_drain(LONG));
    assert!(worker.drain().is_none());
    assert!(matches!(worker.ready(), Err(LineError::Closed)));
}

#[test]
fn a_rejection_is_the_reason_for_all_that_follows() {
    let (worker, mut supervisor) = pair();
    let reject = Reject { code: "unsupported_protocol".to_owned(), message: "no".into() };
    supervisor.say(&ToChild::Reject(reject));
    assert!(matches!(worker.welcome(LONG), Err(LineError::Rejected { .. })));
    assert!(matches!(worker.status("x"), Err(LineError::Rejected { .. })));
}

#[test]
fn garbage_from_above_ends_the_line_and_not_the_program() {
    let (worker, mut supervisor) = pair();
    supervisor.line.write_all(&[0, 0, 0, 1, 0xc1]).unwrap();
    assert!(worker.wait_for_drain(LONG));
    assert!(matches!(worker.ready(), Err(LineError::NotUnderstood(_))));
}

#[test]
fn a_frame_left_half_for_five_seconds_ends_the_line() {
    let (worker, mut supervisor) = pair();
    supervisor.say(&ToChild::Ping(Ping { sequence: 1 }));
    assert!(matches!(supervisor.hear(), Heard::Heartbeat(_)));
    supervisor.line.write_all(&[0, 0, 0, 9, 0x92, 0x26]).unwrap();
    assert!(worker.wait_for_drain(LONG));
    let ended = worker.ready();
    let half = Violation::HalfFrame { have: 6 };
    assert!(matches!(ended, Err(LineError::NotUnderstood(reason)) if reason == half));
}

#[test]
fn a_message_too_long_is_refused_before_anything_of_it_is_sent() {
    let (worker, mut supervisor) = pair();
    let fields = BTreeMap::from([("x", "y".repeat(100_000))]);
    let refused = worker.log(Level::Info, "long", &fields);
    assert!(matches!(refused, Err(LineError::TooLong { max: 65_536, .. })));
    supervisor.welcome(MAX_FRAME, None);
    worker.welcome(LONG).unwrap();
    // A reader at the same time: a socketpair does not hold so much.
    std::thread::scope(|scope| {
        scope.spawn(|| worker.log(Level::Info, "long", &fields).unwrap());
        assert!(matches!(supervisor.hear(), Heard::Log(_)));
    });
}

#[test]
fn a_task_is_refused_by_a_service() {
    let (_worker, mut supervisor) = pair();
    supervisor.task(7, |_| {});
    assert!(matches!(supervisor.hear(), Heard::Error(error) if error.handle == Some(Handle(7))));
}

#[test]
fn the_last_worker_hangs_up() {
    let (worker, mut supervisor) = pair();
    let clone = worker.clone();
    drop(worker);
    clone.ready().unwrap();
    assert!(matches!(supervisor.hear(), Heard::Ready(_)));
    drop(clone);
    assert_eq!(supervisor.body(), None);
}

#[test]
fn what_it_writes_are_the_golden_frames() {
    let (worker, mut supervisor) = pair();
    let mut written = || {
        let body = supervisor.body().unwrap();
        assert!(matches!(decode_frame(&body), Ok(Decoded::<FromChild>::Message(_))));
        hex(&body)
    };
    worker.ready().unwrap();
    assert_eq!(written(), golden("02_ready.json", "one credit"));
    worker.progress(Progress { done: Some(3), total: Some(9), ..Progress::default() }).unwrap();
    assert_eq!(written(), golden("04_progress.json", "done of total"));
    worker.status("3 of 4 shards open").unwrap();
    assert_eq!(written(), golden("14_status.json", "all fields"));
    worker.error(&WorkerError::denied("mail.send", "could not send")).unwrap();
    assert_eq!(written(), golden("08_error.json", "denied"));
    worker.ask_to_be_replaced("500 tasks done").unwrap();
    assert_eq!(written(), golden("12_draining.json", "all fields"));
    worker.exiting(Intent::StayDown, "no licence").unwrap();
    assert_eq!(written(), golden("13_exiting.json", "with a reason"));
}
