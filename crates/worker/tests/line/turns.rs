//! Who reads when, what is said in what order, and how it ends.

use std::io::Write;
use std::sync::mpsc::{Receiver, Sender, channel};

use hearken_proto::{
    Acked, Cancel, Drain, Handle, Heard, Heartbeat, Intent, MAX_FRAME, Ping, ToChild, Violation,
};
use hearken_worker::{CancelReason, ErrorKind, LineError, Tasks, WorkerError};

use crate::peer::{Ended, LONG, Supervisor, serving};

/// A worker whose tasks of the type `held` say that they have begun, and end when they are told to; the others end at
/// once.
struct Held {
    begun: Receiver<()>,
    end: Sender<()>,
}

fn holding(credits: u16, heartbeat_ms: Option<u32>) -> (Supervisor, Ended, Held) {
    let ((begin, begun), (end, ended)) = (channel(), channel());
    let (supervisor, worker) = serving(MAX_FRAME, heartbeat_ms, move || {
        let hold = move |task: &hearken_worker::Task| {
            begin.send(()).unwrap();
            ended.recv_timeout(LONG).unwrap();
            task.check()
        };
        Tasks::new().on("held", hold).on("short", |_| Ok(())).with_credits(credits)
    });
    (supervisor, worker, Held { begun, end })
}

fn drain(supervisor: &mut Supervisor, grace_ms: u64) {
    supervisor.say(&ToChild::Drain(Drain { grace_ms, reason: "shutdown".into() }));
}

fn cancel(supervisor: &mut Supervisor, handle: u32) {
    let (handle, reason) = (Handle(handle), CancelReason::Operator);
    supervisor.say(&ToChild::Cancel(Cancel { handle, reason, grace_ms: 1000 }));
}

#[track_caller]
fn ping(supervisor: &mut Supervisor, sequence: u64, busy: &[u32]) {
    supervisor.say(&ToChild::Ping(Ping { sequence }));
    let busy = Some(busy.iter().copied().map(Handle).collect());
    assert_eq!(supervisor.hear(), Heard::Heartbeat(Heartbeat { sequence, busy, memory: None }));
}

#[track_caller]
fn exiting(supervisor: &mut Supervisor) {
    let heard = supervisor.hear();
    assert!(
        matches!(&heard, Heard::Exiting(exiting) if exiting.intent == Intent::Done),
        "{heard:?}"
    );
}

#[test]
fn a_task_is_accepted_before_its_handler_starts() {
    let (mut supervisor, _worker, held) = holding(1, None);
    supervisor.typed(1, "held");
    held.begun.recv_timeout(LONG).unwrap();
    // The handler goes no further until this has been heard.
    supervisor.accepted(1);
    held.end.send(()).unwrap();
    supervisor.result(1);
}

#[test]
fn a_result_is_out_before_the_next_handler_starts() {
    let (mut supervisor, _worker, held) = holding(2, None);
    supervisor.together(|supervisor| {
        supervisor.typed(1, "short");
        supervisor.typed(2, "held");
    });
    supervisor.accepted(1);
    supervisor.result(1);
    supervisor.accepted(2);
    held.end.send(()).unwrap();
    supervisor.result(2);
}

#[test]
fn a_ping_is_answered_while_a_handler_runs() {
    let (mut supervisor, _worker, held) = holding(3, None);
    ping(&mut supervisor, 40, &[]);
    supervisor.typed(1, "held");
    supervisor.typed(2, "short");
    supervisor.accepted(1);
    held.begun.recv_timeout(LONG).unwrap();
    ping(&mut supervisor, 41, &[1, 2]);
    held.end.send(()).unwrap();
    supervisor.result(1);
    supervisor.accepted(2);
    supervisor.result(2);
    ping(&mut supervisor, 42, &[]);
}

#[test]
fn heartbeats_come_by_themselves_in_a_handler_and_between_tasks() {
    let (mut supervisor, _worker, held) = holding(1, Some(1));
    let beat = |supervisor: &mut Supervisor, busy: &[u32]| {
        // Those that were said before the state changed are still on their way.
        loop {
            let heard = supervisor.hear();
            let Heard::Heartbeat(heartbeat) = heard else { continue };
            if heartbeat.busy.unwrap() == busy.iter().copied().map(Handle).collect::<Vec<_>>() {
                return heartbeat.sequence;
            }
        }
    };
    let first = beat(&mut supervisor, &[]);
    supervisor.typed(1, "held");
    let second = beat(&mut supervisor, &[1]);
    held.end.send(()).unwrap();
    let third = beat(&mut supervisor, &[]);
    assert!(first < second && second < third);
}

/// The ear changes hands here as often as it can: tasks that follow closely, one that takes until the listener reads,
/// and pauses that send the worker to sleep.
#[test]
fn nothing_is_lost_while_the_ear_goes_from_hand_to_hand() {
    let (mut supervisor, worker, held) = holding(4, None);
    let mut handle = 0;
    for round in 0..40 {
        for _ in 0..5 {
            handle += 1;
            supervisor.typed(handle, "short");
            supervisor.accepted(handle);
            supervisor.result(handle);
            supervisor.ack(handle, Acked::Result);
        }
        handle += 1;
        supervisor.typed(handle, "held");
        supervisor.accepted(handle);
        // Answered by the listener, for the worker is in the handler.
        ping(&mut supervisor, round, &[handle]);
        supervisor.typed(handle + 1, "short");
        ping(&mut supervisor, round, &[handle, handle + 1]);
        held.end.send(()).unwrap();
        supervisor.result(handle);
        supervisor.accepted(handle + 1);
        supervisor.result(handle + 1);
        supervisor.ack(handle, Acked::Result);
        supervisor.ack(handle + 1, Acked::Result);
        handle += 1;
        ping(&mut supervisor, round, &[]);
    }
    drain(&mut supervisor, 20_000);
    exiting(&mut supervisor);
    assert!(worker.join().unwrap().is_ok());
}

#[test]
fn a_cancellation_reaches_a_handler_that_runs() {
    let (mut supervisor, _worker, held) = holding(1, None);
    supervisor.typed(1, "held");
    supervisor.accepted(1);
    cancel(&mut supervisor, 1);
    // Behind the cancellation: once it is answered, that has been heard.
    ping(&mut supervisor, 1, &[1]);
    held.end.send(()).unwrap();
    let error = supervisor.error(1);
    assert_eq!((error.kind, error.code.as_str()), (ErrorKind::Cancelled, "task.cancelled"));
}

#[test]
fn a_cancellation_of_a_task_that_waits_is_answered_at_once() {
    let (mut supervisor, _worker, held) = holding(3, None);
    supervisor.typed(1, "held");
    supervisor.typed(2, "held");
    supervisor.typed(3, "short");
    supervisor.accepted(1);
    cancel(&mut supervisor, 2);
    let error = supervisor.error(2);
    assert_eq!((error.kind, error.code.as_str()), (ErrorKind::Cancelled, "task.cancelled"));
    held.end.send(()).unwrap();
    supervisor.result(1);
    supervisor.accepted(3);
    supervisor.result(3);
}

#[test]
fn what_is_about_a_stale_handle_is_dropped() {
    let (mut supervisor, worker, held) = holding(1, None);
    supervisor.typed(1, "short");
    supervisor.accepted(1);
    supervisor.result(1);
    supervisor.ack(1, Acked::Result);
    cancel(&mut supervisor, 1);
    cancel(&mut supervisor, 99);
    supervisor.ack(1, Acked::Result);
    supervisor.ack(99, Acked::Error);
    supervisor.typed(2, "held");
    supervisor.accepted(2);
    held.end.send(()).unwrap();
    supervisor.result(2);
    drain(&mut supervisor, 20_000);
    supervisor.ack(1, Acked::Error);
    supervisor.ack(2, Acked::Error);
    supervisor.ack(2, Acked::Result);
    exiting(&mut supervisor);
    assert!(worker.join().unwrap().is_ok());
}

#[test]
fn a_drain_lets_what_is_held_be_finished_and_waits_for_every_ack() {
    let (mut supervisor, worker, held) = holding(2, None);
    supervisor.typed(1, "held");
    supervisor.typed(2, "short");
    supervisor.accepted(1);
    drain(&mut supervisor, 20_000);
    supervisor.typed(3, "short");
    assert_eq!(supervisor.snoozed(3), "this worker is draining");
    held.end.send(()).unwrap();
    supervisor.result(1);
    supervisor.accepted(2);
    supervisor.result(2);
    supervisor.ack(3, Acked::Snooze);
    supervisor.ack(2, Acked::Result);
    // Before the last ack it answers pings and does not end.
    ping(&mut supervisor, 1, &[]);
    supervisor.ack(1, Acked::Result);
    exiting(&mut supervisor);
    assert!(worker.join().unwrap().is_ok());
    assert_eq!(supervisor.body(), None);
}

#[test]
fn a_drain_of_an_idle_worker_ends_it() {
    let (mut supervisor, worker, _held) = holding(1, None);
    drain(&mut supervisor, u64::MAX);
    exiting(&mut supervisor);
    assert!(worker.join().unwrap().is_ok());
}

#[test]
fn a_drain_ends_with_its_grace_when_no_ack_comes() {
    let (mut supervisor, worker, _held) = holding(1, None);
    supervisor.typed(1, "short");
    supervisor.accepted(1);
    supervisor.result(1);
    drain(&mut supervisor, 50);
    exiting(&mut supervisor);
    assert!(worker.join().unwrap().is_ok());
}

#[test]
fn a_task_beyond_the_credits_is_handed_back() {
    let (mut supervisor, _worker, held) = holding(1, None);
    supervisor.typed(1, "held");
    supervisor.accepted(1);
    supervisor.typed(2, "short");
    assert_eq!(supervisor.snoozed(2), "this worker has no credit left");
    held.end.send(()).unwrap();
    supervisor.result(1);
}

#[test]
fn a_handle_used_twice_ends_the_worker() {
    let (mut supervisor, worker, held) = holding(2, None);
    supervisor.typed(1, "held");
    supervisor.accepted(1);
    supervisor.typed(1, "short");
    // It ends the line at once, and the program when the handler returns.
    held.end.send(()).unwrap();
    let ended = worker.join().unwrap();
    assert!(matches!(ended, Err(LineError::HandleReused { handle: Handle(1) })), "{ended:?}");
}

#[test]
fn garbage_ends_the_worker_while_it_is_idle_and_while_it_works() {
    for is_busy in [false, true] {
        let (mut supervisor, worker, held) = holding(1, None);
        if is_busy {
            supervisor.typed(1, "held");
            supervisor.accepted(1);
        }
        supervisor.line.write_all(&[0, 0, 0, 1, 0xc1]).unwrap();
        if is_busy {
            held.end.send(()).unwrap();
        }
        let ended = worker.join().unwrap();
        assert!(matches!(ended, Err(LineError::NotUnderstood(_))), "{ended:?}");
    }
}

#[test]
fn the_end_of_the_line_ends_the_worker_and_fails_the_check_of_a_handler() {
    let (mut supervisor, worker) = serving(MAX_FRAME, None, || {
        Tasks::all(|task| {
            loop {
                if let Err(error) = task.check() {
                    assert_eq!(error.code(), "hearken.line");
                    return Err::<(), _>(error);
                }
                std::thread::yield_now();
            }
        })
    });
    supervisor.task(1, |_| {});
    supervisor.accepted(1);
    drop(supervisor);
    assert!(matches!(worker.join().unwrap(), Err(LineError::Closed)));
}

#[test]
fn a_line_too_narrow_for_the_answer_ends_the_worker() {
    let wide = || Tasks::all(|_| Err::<(), _>(WorkerError::bug("wide".repeat(64), "the code")));
    let (mut supervisor, worker) = serving(128, None, wide);
    supervisor.task(1, |_| {});
    assert!(matches!(worker.join().unwrap(), Err(LineError::TooLong { max: 128, .. })));
}

#[test]
fn a_frame_longer_than_the_welcome_allows_ends_the_worker_at_its_head() {
    let (mut supervisor, worker) = serving(128, None, || Tasks::all(|_| Ok(())));
    supervisor.line.write_all(&129_u32.to_be_bytes()).unwrap();
    let ended = worker.join().unwrap();
    let too_long = Violation::FrameTooLong { length: 129, max: 128 };
    assert!(matches!(ended, Err(LineError::NotUnderstood(reason)) if reason == too_long));
}
