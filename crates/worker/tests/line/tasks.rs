//! What a handler is given, and what it may say.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use hearken_proto::{Acked, Drain, Handle, Heard, MAX_FRAME, ToChild};
use hearken_worker::{
    CancelReason, ErrorKind, ErrorMessage, Level, LineError, Metric, MetricType, Outcome, Progress,
    Raw, Tasks, WorkerError,
};

use crate::peer::{LONG, Supervisor, golden, hex, serving};

#[test]
fn a_worker_says_which_types_it_does_and_how_many_tasks_it_takes() {
    let (mut supervisor, child) = Supervisor::pair();
    let worker = std::thread::spawn(move || {
        let tasks = Tasks::new().on("resize", |_| Ok(())).on("count", |_| Ok(()));
        tasks.with_credits(16).serve_over(child)
    });
    assert_eq!(supervisor.hello().task_types.unwrap(), ["count", "resize"]);
    assert!(matches!(supervisor.hear(), Heard::Ready(ready) if ready.credits == 16));
    drop(supervisor);
    assert!(matches!(worker.join().unwrap(), Err(LineError::Closed)));
}

#[test]
fn a_task_is_accepted_done_and_answered() {
    let (mut supervisor, _) =
        serving(MAX_FRAME, None, || Tasks::all(|task| Ok(task.payload::<u64>()? * 2)));
    for handle in 1..=100 {
        supervisor.task(handle, |task| task.payload = Raw::from_value(&handle).unwrap());
        supervisor.accepted(handle);
        let doubled: u32 = supervisor.result(handle).data.unwrap().decode().unwrap();
        assert_eq!(doubled, handle * 2);
        supervisor.ack(handle, Acked::Result);
    }
}

#[test]
fn a_handler_sees_all_of_its_task() {
    let (mut supervisor, _) = serving(MAX_FRAME, None, || {
        Tasks::all(|task| {
            assert_eq!((task.id(), task.task_type()), ("task-7", Some("resize")));
            assert_eq!((task.attempt(), task.crashes(), task.key()), (3, 1, "customer-12"));
            assert_eq!(task.payload::<BTreeMap<String, u8>>()?["width"], 100);
            assert_eq!(task.raw_payload().to_string(), r#"{"width":100}"#);
            assert_eq!(task.content_type(), Some("application/json"));
            assert_eq!(task.headers().map(ToString::to_string).unwrap(), r#"{"user":"anna"}"#);
            assert_eq!((task.batch(), task.traceparent()), (Some("night"), Some("00-0a-0b-01")));
            assert_eq!(task.last_checkpoint(), Some(&b"row=300"[..]));
            assert_eq!(task.last_error().map(|error| error.kind), Some(ErrorKind::Crashed));
            assert!(task.time_left().is_some_and(|left| left <= LONG));
            let soft = task.deadline().zip(task.soft_deadline()).map(|(hard, soft)| hard - soft);
            assert_eq!(soft, Some(Duration::from_secs(15)));
            Ok(())
        })
    });
    supervisor.task(7, |task| {
        task.task_type = Some("resize".to_owned());
        (task.attempt, task.crashes) = (3, 1);
        task.payload = Raw::from_value(&BTreeMap::from([("width", 100)])).unwrap();
        task.content_type = Some("application/json".to_owned());
        (task.soft_ms, task.hard_ms) = (Some(5_000), Some(20_000));
        task.key = Some("customer-12".to_owned());
        task.headers = Some(Raw::from_value(&BTreeMap::from([("user", "anna")])).unwrap());
        task.traceparent = Some("00-0a-0b-01".to_owned());
        task.checkpoint = Some(b"row=300".to_vec());
        task.last_error =
            Some(ErrorMessage::new(ErrorKind::Crashed, "signal.SEGV", "killed by SIGSEGV"));
        task.batch = Some("night".to_owned());
    });
    supervisor.accepted(7);
    supervisor.result(7);
}

#[test]
fn a_task_without_a_key_has_its_id_for_one_and_no_deadline_is_none() {
    let (mut supervisor, _) = serving(MAX_FRAME, None, || {
        Tasks::all(|task| {
            let has_deadlines = (task.soft_deadline().is_some(), task.deadline().is_some());
            assert_eq!(has_deadlines, (task.attempt() > 1, task.attempt() > 1));
            assert!(task.cancelled().is_none());
            task.check()?;
            Ok(task.key().to_owned())
        })
    });
    supervisor.task(1, |_| {});
    supervisor.accepted(1);
    assert_eq!(supervisor.result(1).data, Some(Raw::string("task-1")));
    // As far away as can be said.
    supervisor.task(2, |task| {
        task.attempt = 2;
        (task.soft_ms, task.hard_ms) = (Some(u64::MAX), Some(u64::MAX));
    });
    supervisor.accepted(2);
    assert_eq!(supervisor.result(2).data, Some(Raw::string("task-2")));
}

#[test]
fn what_a_handler_says_is_about_its_task() {
    let (mut supervisor, _) = serving(MAX_FRAME, None, || {
        Tasks::all(|task| {
            task.progress(Progress { done: Some(1), ..Progress::default() })?;
            task.log(Level::Warn, "slow", &BTreeMap::from([("ms", 12)]))?;
            task.event("page.done", &())?;
            let (name, metric_type) = ("pages".to_owned(), MetricType::Counter);
            task.metric(Metric { name, metric_type, value: 1.0, labels: None })?;
            task.checkpoint("row=1")?;
            task.checkpoint("row=2")?;
            assert!(matches!(task.checkpoint([0; 65_537]), Err(LineError::NotSendable(_))));
            Ok(())
        })
    });
    let handle = Some(Handle(7));
    supervisor.task(7, |_| {});
    supervisor.accepted(7);
    assert!(matches!(supervisor.hear(), Heard::Progress(said) if said.handle == handle));
    assert!(matches!(supervisor.hear(), Heard::Log(said) if said.handle == handle));
    assert!(matches!(supervisor.hear(), Heard::Event(said) if said.handle == handle));
    assert!(matches!(supervisor.hear(), Heard::Metric(said) if said.name == "pages"));
    for (sequence, data) in [(0, b"row=1"), (1, b"row=2")] {
        let Heard::Checkpoint(said) = supervisor.hear() else { panic!("no checkpoint") };
        assert_eq!((said.sequence, &said.data[..]), (sequence, &data[..]));
    }
    supervisor.ack(7, Acked::Checkpoint);
    supervisor.result(7);
}

#[test]
fn a_task_for_which_there_is_no_handler_is_invalid() {
    let (mut supervisor, _) = serving(MAX_FRAME, None, || Tasks::new().on("count", |_| Ok(())));
    supervisor.typed(1, "paint");
    let error = supervisor.error(1);
    assert_eq!((error.kind, error.code.as_str()), (ErrorKind::Invalid, "task.type_unknown"));
    assert!(error.message.contains("\"paint\""));
    supervisor.typed(2, "count");
    supervisor.accepted(2);
    supervisor.result(2);
}

#[test]
fn a_payload_of_another_type_is_invalid() {
    let (mut supervisor, _) =
        serving(MAX_FRAME, None, || Tasks::all(|task| task.payload::<String>()));
    supervisor.task(1, |task| task.payload = Raw::from_value(&17).unwrap());
    supervisor.accepted(1);
    let error = supervisor.error(1);
    assert_eq!((error.kind, error.code.as_str()), (ErrorKind::Invalid, "task.payload"));
}

#[test]
fn every_cancellation_has_a_reason_for_people() {
    for (reason, said) in [
        (CancelReason::Timeout, "its time is up"),
        (CancelReason::Operator, "an operator asked for it"),
        (CancelReason::Batch, "its batch was cancelled"),
        (CancelReason::LeaseLost, "another supervisor has taken it over"),
        (CancelReason::Shutdown, "hearken is shutting down"),
    ] {
        let (mut supervisor, _) = serving(MAX_FRAME, None, || {
            Tasks::all(|task| -> Result<(), WorkerError> {
                loop {
                    task.check()?;
                    std::thread::yield_now();
                }
            })
        });
        supervisor.task(1, |_| {});
        supervisor.accepted(1);
        let (handle, grace_ms) = (Handle(1), 1000);
        supervisor.say(&ToChild::Cancel(hearken_proto::Cancel { handle, reason, grace_ms }));
        let error = supervisor.error(1);
        assert_eq!((error.kind, error.message.as_str()), (ErrorKind::Cancelled, said));
    }
}

/// Says a golden frame to the worker.
fn say_golden(supervisor: &mut Supervisor, file: &str, about: &str) {
    let body = golden(file, about);
    let digits = (0..body.len()).step_by(2);
    let body = digits.map(|at| u8::from_str_radix(&body[at..at + 2], 16).unwrap());
    let body: Vec<u8> = body.collect();
    let length = u32::try_from(body.len()).unwrap().to_be_bytes();
    supervisor.line.write_all(&[&length[..], &body].concat()).unwrap();
}

#[test]
fn a_golden_task_is_done_with_golden_frames() {
    let (mut supervisor, worker) = serving(MAX_FRAME, None, || {
        Tasks::all(|task| {
            assert_eq!(task.raw_payload().to_string(), r#"{"image":"a.png","width":100}"#);
            task.checkpoint("row=0")?;
            task.checkpoint("row=300")?;
            Ok(Outcome::bytes("plain"))
        })
    });
    say_golden(&mut supervisor, "34_task.json", "required fields");
    let mut written = || hex(&supervisor.body().unwrap());
    assert_eq!(written(), golden("03_accepted.json", "all fields"));
    drop(written());
    assert_eq!(written(), golden("10_checkpoint.json", "text"));
    assert_eq!(written(), golden("07_result.json", "binary data"));
    supervisor.say(&ToChild::Drain(Drain { grace_ms: 20_000, reason: "shutdown".into() }));
    say_golden(&mut supervisor, "39_ack.json", "checkpoint");
    say_golden(&mut supervisor, "39_ack.json", "result");
    assert!(worker.join().unwrap().is_ok());
}

#[test]
fn a_golden_task_with_all_fields_is_put_off_with_a_golden_frame() {
    let (mut supervisor, worker) = serving(MAX_FRAME, None, || {
        Tasks::new().on("thumbnail", |task| {
            assert_eq!((task.key(), task.batch()), ("customer-12", Some("night-2026-11-22")));
            assert_eq!(task.last_checkpoint(), Some(&b"row=300"[..]));
            Ok(Outcome::snooze(Duration::from_secs(60), "the quota is used up"))
        })
    });
    say_golden(&mut supervisor, "34_task.json", "all fields");
    let mut written = || hex(&supervisor.body().unwrap());
    assert_eq!(written(), golden("03_accepted.json", "all fields"));
    assert_eq!(written(), golden("11_snooze.json", "all fields"));
    supervisor.say(&ToChild::Drain(Drain { grace_ms: 20_000, reason: "shutdown".into() }));
    say_golden(&mut supervisor, "39_ack.json", "snooze");
    assert!(worker.join().unwrap().is_ok());
}
