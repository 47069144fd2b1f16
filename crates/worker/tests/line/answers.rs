//! How the end of a task is told.

use std::collections::BTreeMap;
use std::time::Duration;

use hearken_proto::{Acked, Heard, MAX_CHUNK, TaskResult};
use hearken_worker::{ErrorKind, Outcome, Raw, Scope, Tasks, WorkerError};

use crate::peer::{Supervisor, serving};

/// What `hearken` allows unless its config says otherwise.
const MAX_FRAME: u32 = 1024 * 1024;

/// Hears the pieces of a result and the result, and puts the pieces together.
fn pieces(supervisor: &mut Supervisor, handle: u32) -> (Vec<usize>, Vec<u8>, TaskResult) {
    let (mut lengths, mut data) = (Vec::new(), Vec::new());
    loop {
        let heard = supervisor.hear();
        let Heard::Chunk(chunk) = heard else { panic!("{heard:?}") };
        assert_eq!(chunk.sequence as usize, lengths.len());
        lengths.push(chunk.data.len());
        data.extend(chunk.data);
        if chunk.last {
            return (lengths, data, supervisor.result(handle));
        }
    }
}

#[test]
fn small_values_and_bytes_go_into_the_result() {
    let (mut supervisor, _) = serving(MAX_FRAME, None, || {
        Tasks::new()
            .on("nothing", |_| Ok(()))
            .on("number", |_| Ok(17_u64))
            .on("text", |_| Ok("seventeen"))
            .on("bytes", |_| Ok(vec![0xff_u8]))
            .on("map", |_| Outcome::value(&BTreeMap::from([("words", 17)])))
            .on("told", |_| {
                let outcome = Outcome::bytes("x").with_content_type("text/plain");
                Ok(outcome.with_summary(&BTreeMap::from([("lines", 1)]))?)
            })
    });
    let mut result = |handle, task_type| {
        supervisor.typed(handle, task_type);
        supervisor.accepted(handle);
        supervisor.result(handle)
    };
    assert_eq!(result(1, "nothing").data, None);
    assert_eq!(result(2, "number").data, Some(Raw::from_value(&17).unwrap()));
    assert_eq!(result(3, "text").data, Some(Raw::string("seventeen")));
    assert_eq!(result(4, "bytes").data, Some(Raw::binary(&[0xff])));
    assert_eq!(result(5, "map").data.unwrap().to_string(), r#"{"words":17}"#);
    let told = result(6, "told");
    assert_eq!(told.content_type.as_deref(), Some("text/plain"));
    assert_eq!(told.summary.unwrap().to_string(), r#"{"lines":1}"#);
    assert_eq!(told.chunks, None);
}

#[test]
fn bytes_over_256_kib_go_out_in_pieces() {
    let (mut supervisor, _) = serving(MAX_FRAME, None, || {
        Tasks::all(|task| {
            let length: usize = task.payload()?;
            Ok(vec![7_u8; length])
        })
    });
    for (handle, length, expected) in [
        (1, MAX_CHUNK + 1, vec![MAX_CHUNK, 1]),
        (2, 2 * MAX_CHUNK, vec![MAX_CHUNK, MAX_CHUNK]),
        (3, 600_000, vec![MAX_CHUNK, MAX_CHUNK, 75_712]),
    ] {
        supervisor.task(handle, |task| task.payload = Raw::from_value(&length).unwrap());
        supervisor.accepted(handle);
        let (lengths, data, result) = pieces(&mut supervisor, handle);
        assert_eq!(lengths, expected);
        assert_eq!(data, vec![7; length]);
        assert_eq!((result.data, result.chunks), (None, Some(expected.len().try_into().unwrap())));
        assert_eq!(result.content_type.as_deref(), Some("application/octet-stream"));
    }
    supervisor.task(4, |task| task.payload = Raw::from_value(&MAX_CHUNK).unwrap());
    supervisor.accepted(4);
    assert_eq!(supervisor.result(4).data, Some(Raw::binary(&vec![7; MAX_CHUNK])));
}

#[test]
fn a_value_over_256_kib_goes_out_as_messagepack_in_pieces() {
    let numbers = || (0..200_000_u32).collect::<Vec<_>>();
    let (mut supervisor, _) = serving(MAX_FRAME, None, move || {
        // It is no JSON, whatever the handler says: the pieces are read as what they are.
        Tasks::all(move |_| Ok(Outcome::value(&numbers())?.with_content_type("application/json")))
    });
    supervisor.task(1, |_| {});
    supervisor.accepted(1);
    let (lengths, data, result) = pieces(&mut supervisor, 1);
    assert!(lengths.len() > 2);
    assert_eq!(result.content_type.as_deref(), Some("application/msgpack"));
    let value: Vec<u32> = Raw::from_msgpack(data).unwrap().decode().unwrap();
    assert_eq!(value, numbers());
}

#[test]
fn pieces_fit_a_line_of_short_frames() {
    let (mut supervisor, _) = serving(10_000, None, || Tasks::all(|_| Ok(vec![7_u8; 25_000])));
    supervisor.task(1, |_| {});
    supervisor.accepted(1);
    let (lengths, data, _) = pieces(&mut supervisor, 1);
    assert_eq!((lengths.len(), data.len()), (3, 25_000));
}

#[test]
fn an_error_says_what_a_rule_may_look_at() {
    let (mut supervisor, _) = serving(MAX_FRAME, None, || {
        let after = Duration::from_secs(30);
        Tasks::new()
            .on("retryable", move |_| {
                Err::<(), _>(WorkerError::transient("db.deadlock", "no").with_retry_after(after))
            })
            .on("limited", move |_| {
                let error = WorkerError::rate_limited("mail.quota", "full", after);
                Err::<(), _>(error.with_dependency("smtp"))
            })
            .on("fatal", |_| Err::<(), _>(WorkerError::fatal("image.broken", "no image")))
            .on("cancelled", |_| Err::<(), _>(WorkerError::cancelled("task.stopped", "stopped")))
            .on("details", |_| {
                let error = WorkerError::denied("file.mode", "no");
                Err::<(), _>(error.with_details(&BTreeMap::from([("mode", 0o600)]))?)
            })
    });
    let mut error = |handle, task_type| {
        supervisor.typed(handle, task_type);
        supervisor.accepted(handle);
        supervisor.error(handle)
    };
    let retryable = error(1, "retryable");
    assert_eq!((retryable.kind, retryable.retry_after_ms), (ErrorKind::Transient, Some(30_000)));
    let limited = error(2, "limited");
    assert_eq!((limited.kind, limited.retry_after_ms), (ErrorKind::RateLimited, Some(30_000)));
    assert_eq!(limited.dependency.as_deref(), Some("smtp"));
    let fatal = error(3, "fatal");
    assert_eq!((fatal.kind, fatal.retryable), (ErrorKind::Invalid, Some(false)));
    assert_eq!((fatal.code.as_str(), fatal.scope), ("image.broken", None));
    assert_eq!(error(4, "cancelled").kind, ErrorKind::Cancelled);
    assert_eq!(error(5, "details").details.unwrap().to_string(), r#"{"mode":384}"#);
}

#[test]
fn a_panic_is_a_bug_of_that_task_only() {
    let (mut supervisor, _) = serving(MAX_FRAME, None, || {
        Tasks::all(|task| {
            assert!(task.attempt() > 1, "no luck with {}", task.id());
            Ok(())
        })
    });
    supervisor.task(1, |_| {});
    supervisor.accepted(1);
    let error = supervisor.error(1);
    assert_eq!((error.kind, error.code.as_str()), (ErrorKind::Bug, "panic"));
    assert_eq!(error.message.as_str(), "no luck with task-1");
    supervisor.task(2, |task| task.attempt = 2);
    supervisor.accepted(2);
    supervisor.result(2);
}

#[test]
fn an_answer_that_cannot_be_sent_becomes_an_error_that_can() {
    let (mut supervisor, _) = serving(MAX_FRAME, None, || {
        let long = || BTreeMap::from([("x", "y".repeat(2_000_000))]);
        Tasks::new().on("result", move |_| Ok(Outcome::from(()).with_summary(&long())?)).on(
            "error",
            move |_| {
                let error = WorkerError::worker_broken("disk.full", "no space left");
                Err::<(), _>(error.with_scope(Scope::Task).with_details(&long())?)
            },
        )
    });
    supervisor.typed(1, "result");
    supervisor.accepted(1);
    let error = supervisor.error(1);
    assert_eq!((error.kind, error.code.as_str()), (ErrorKind::Bug, "hearken.message"));
    supervisor.typed(2, "error");
    supervisor.accepted(2);
    let error = supervisor.error(2);
    assert_eq!((error.kind, error.code.as_str()), (ErrorKind::Resource, "disk.full"));
    assert_eq!((error.scope, error.details), (Some(Scope::Task), None));
    assert!(error.message.starts_with("no space left ("));
}

#[test]
fn a_broken_worker_gives_back_what_it_has_not_begun_and_takes_no_more() {
    let (mut supervisor, _) = serving(MAX_FRAME, None, || {
        let broken = |_: &hearken_worker::Task| {
            Err::<(), _>(WorkerError::worker_broken("gpu.lost", "the device is gone"))
        };
        Tasks::all(broken).with_credits(3)
    });
    // All three in one write, so that the others are there when the first one fails.
    supervisor.together(|supervisor| {
        for handle in 1..=3 {
            supervisor.task(handle, |_| {});
        }
    });
    supervisor.accepted(1);
    let error = supervisor.error(1);
    assert_eq!((error.kind, error.scope), (ErrorKind::Resource, Some(Scope::Worker)));
    assert_eq!(supervisor.snoozed(2), "this worker is broken");
    assert_eq!(supervisor.snoozed(3), "this worker is broken");
    let heard = supervisor.hear();
    let Heard::Draining(draining) = heard else { panic!("{heard:?}") };
    assert_eq!(draining.reason.as_str(), "resource gpu.lost: the device is gone");
    for (handle, of) in [(1, Acked::Error), (2, Acked::Snooze), (3, Acked::Snooze)] {
        supervisor.ack(handle, of);
    }
    supervisor.task(4, |_| {});
    assert_eq!(supervisor.snoozed(4), "this worker is broken");
}
