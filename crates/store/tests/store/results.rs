//! Results: kept with the task that succeeded, and long ones piece by piece.

use crate::for_every_store;
use crate::subject::{AGAIN, DEAD, MAX_RESULT, Subject, at, finish, id};
use bytes::Bytes;
use hearken_core::pool::TaskNext;
use hearken_core::task::{Lease, TaskId};
use hearken_store::{
    Command, Fenced, Finish, MAX_INLINE, MAX_PIECE, Purge, Refusal, Reply, ResultBody, TaskResult,
};

for_every_store! {
    a_short_result_is_read_back
    a_result_stands_only_if_the_task_succeeded
    a_long_result_is_read_back_piece_by_piece
    pieces_come_in_order
    a_finish_must_name_what_was_spooled
    pieces_of_a_stale_lease_are_dropped
    a_result_has_a_bound
    a_result_goes_with_its_task
}

fn result(body: ResultBody) -> Option<TaskResult> {
    let summary = Some(Bytes::from_static(&[0x80]));
    Some(TaskResult { body, content_type: Some("text/plain".into()), summary })
}

fn inline(bytes: &'static [u8]) -> Option<TaskResult> {
    result(ResultBody::Inline(Bytes::from_static(bytes)))
}

fn succeed(subject: &mut Subject, id: TaskId, lease: Lease, body: ResultBody) -> Reply {
    let finish = Finish { result: result(body), ..finish(id, lease, TaskNext::Succeeded) };
    subject.apply(Command::Finish(Box::new(finish)))
}

fn read(subject: &mut Subject, id: TaskId) -> Option<Vec<u8>> {
    let result = subject.store().result(id).unwrap()?;
    assert_eq!(result.content_type.as_deref(), Some("text/plain"));
    assert_eq!(result.summary.as_deref(), Some(&[0x80][..]));
    let bytes: Vec<u8> = result.pieces.flat_map(|piece| piece.unwrap().to_vec()).collect();
    assert_eq!(bytes.len() as u64, result.length);
    Some(bytes)
}

fn piece(id: TaskId, lease: Lease, sequence: u32, length: usize) -> Command {
    let byte = u8::try_from(sequence % 251).unwrap();
    Command::Spool { id, lease, sequence, data: Bytes::from(vec![byte; length]) }
}

fn a_short_result_is_read_back(mut subject: Subject) {
    let one = subject.one();
    let (lease, _) = subject.claim(one);
    assert!(subject.store().result(one).unwrap().is_none(), "it is not there yet");
    succeed(&mut subject, one, lease, ResultBody::Inline(Bytes::from_static(b"forty-two")));
    for _ in 0..2 {
        assert_eq!(read(&mut subject, one).unwrap(), b"forty-two");
        let meta = subject.show(one).attempts[0].result.clone().unwrap();
        assert_eq!(meta.length, 9);
        subject.reopen();
    }
    assert!(subject.store().result(id(99)).unwrap().is_none());
}

fn a_result_stands_only_if_the_task_succeeded(mut subject: Subject) {
    let one = subject.one();
    for next in [AGAIN, DEAD] {
        let (lease, _) = subject.claim(one);
        subject.end(Finish { result: inline(b"no"), ..finish(one, lease, next) });
        assert!(subject.store().result(one).unwrap().is_none());
    }
    assert!(subject.show(one).attempts.iter().all(|attempt| attempt.result.is_none()));
}

fn a_long_result_is_read_back_piece_by_piece(mut subject: Subject) {
    let one = subject.one();
    let (lease, _) = subject.claim(one);
    let lengths = [MAX_PIECE, 1, 0, 256 * 1024];
    for (sequence, length) in (0..).zip(lengths) {
        let reply = subject.apply(piece(one, lease, sequence, length));
        assert_eq!(reply, Reply::Fenced(Fenced::Kept));
    }
    let length = lengths.iter().sum::<usize>() as u64;
    let body = ResultBody::Spooled { pieces: 4, length };
    assert_eq!(succeed(&mut subject, one, lease, body), Reply::Fenced(Fenced::Kept));
    let expected: Vec<u8> =
        (0..).zip(lengths).flat_map(|(byte, length)| vec![byte; length]).collect();
    for _ in 0..2 {
        assert!(read(&mut subject, one).unwrap() == expected);
        subject.reopen();
    }
}

fn pieces_come_in_order(mut subject: Subject) {
    let one = subject.one();
    let (lease, _) = subject.claim(one);
    let out_of_order = |sequence, expected| Refusal::PieceOutOfOrder { sequence, expected };
    assert_eq!(subject.refusal(piece(one, lease, 1, 5)), out_of_order(1, 0));
    subject.apply(piece(one, lease, 0, 5));
    assert_eq!(subject.refusal(piece(one, lease, 0, 5)), out_of_order(0, 1));
    assert_eq!(subject.refusal(piece(one, lease, 2, 5)), out_of_order(2, 1));
    let long = subject.refusal(piece(one, lease, 1, MAX_PIECE + 1));
    assert!(matches!(long, Refusal::TooLong { .. }));
    let body = ResultBody::Spooled { pieces: 1, length: 5 };
    assert_eq!(succeed(&mut subject, one, lease, body), Reply::Fenced(Fenced::Kept));
}

fn a_finish_must_name_what_was_spooled(mut subject: Subject) {
    let one = subject.one();
    let (lease, _) = subject.claim(one);
    subject.apply(piece(one, lease, 0, 5));
    for (pieces, length) in [(1, 4), (2, 5), (0, 0)] {
        let body = ResultBody::Spooled { pieces, length };
        let reply = succeed(&mut subject, one, lease, body);
        let expected =
            Refusal::SpoolDiffers { pieces, length, spooled_pieces: 1, spooled_length: 5 };
        assert_eq!(reply, Reply::Refused(expected));
    }
    let long = ResultBody::Inline(Bytes::from(vec![0; MAX_INLINE + 1]));
    let reply = succeed(&mut subject, one, lease, long);
    assert!(matches!(reply, Reply::Refused(Refusal::TooLong { what: "the result", .. })));
    assert!(subject.store().result(one).unwrap().is_none());
}

fn pieces_of_a_stale_lease_are_dropped(mut subject: Subject) {
    let one = subject.one();
    let (first, _) = subject.claim(one);
    subject.apply(piece(one, first, 0, 5));
    subject.end(finish(one, first, AGAIN));
    let stale = Reply::Fenced(Fenced::Stale);
    assert_eq!(subject.apply(piece(one, first, 1, 5)), stale);
    let (second, _) = subject.claim(one);
    assert_eq!(subject.apply(piece(one, first, 1, 5)), stale);
    let kept = subject.apply(piece(one, second, 0, 7));
    assert_eq!(kept, Reply::Fenced(Fenced::Kept), "each try begins its own");
    let body = ResultBody::Spooled { pieces: 1, length: 7 };
    succeed(&mut subject, one, second, body);
    assert_eq!(read(&mut subject, one).unwrap().len(), 7);
}

fn a_result_has_a_bound(mut subject: Subject) {
    let one = subject.one();
    let (lease, _) = subject.claim(one);
    let pieces = u32::try_from(MAX_RESULT / MAX_PIECE as u64).unwrap();
    for sequence in 0..pieces {
        subject.apply(piece(one, lease, sequence, MAX_PIECE));
    }
    let refusal = subject.refusal(piece(one, lease, pieces, 1));
    assert_eq!(refusal, Refusal::ResultTooLong { limit: MAX_RESULT });
    let body = ResultBody::Spooled { pieces, length: MAX_RESULT };
    assert_eq!(succeed(&mut subject, one, lease, body), Reply::Fenced(Fenced::Kept));
}

fn a_result_goes_with_its_task(mut subject: Subject) {
    let one = subject.one();
    let (lease, _) = subject.claim(one);
    subject.apply(piece(one, lease, 0, 500));
    let body = ResultBody::Spooled { pieces: 1, length: 500 };
    succeed(&mut subject, one, lease, body);
    let open = subject.store().result(one).unwrap().unwrap();
    subject.apply(Command::Purge(Purge { succeeded: Some(at(99)), ..Purge::default() }));
    assert!(subject.store().result(one).unwrap().is_none());
    let read: usize = open.pieces.map(|piece| piece.unwrap().len()).sum();
    assert_eq!(read, 500, "who reads it already reads on");
}
