//! How tries end, and what is remembered of them.

use crate::for_every_store;
use crate::subject::{AGAIN, DEAD, Subject, at, finish, id, task, with_key};
use hearken_core::pool::{TaskDecidedBy, TaskNext};
use hearken_core::task::{Counters, TaskState};
use hearken_store::{Command, Enqueued, Fenced, Finish, MAX_ATTEMPTS, MAX_TEXT, Refusal, Reply};
use std::time::Duration;

for_every_store! {
    each_end_leads_where_it_says
    a_finish_is_taken_once
    the_history_tells_every_try
    the_last_error_is_handed_to_the_next_try
    the_store_counts_leases_itself
    a_finish_that_is_too_long_is_refused_and_the_lease_holds
    a_requeued_task_begins_anew_with_its_history
    a_stale_finish_after_a_requeue_is_dropped
    only_what_failed_is_requeued
    a_history_has_a_bound
    what_is_discarded_is_forgotten
}

fn each_end_leads_where_it_says(mut subject: Subject) {
    let table = [
        (TaskNext::Succeeded, TaskState::Succeeded),
        (AGAIN, TaskState::Waiting),
        (TaskNext::Released, TaskState::Waiting),
        (DEAD, TaskState::Dead),
        (TaskNext::Cancelled, TaskState::Cancelled),
        (TaskNext::Expired, TaskState::Expired),
    ];
    for (number, (next, state)) in (1..).zip(table) {
        subject.add([task(number)]);
        subject.run(id(number), next);
        let record = subject.show(id(number)).record;
        assert_eq!(record.state, state, "{next:?}");
        assert_eq!(record.ended, next.is_final().then_some(at(20)), "{next:?}");
    }
    let counts = [(TaskState::Waiting, 2), (TaskState::Succeeded, 1), (TaskState::Running, 0)];
    for (state, count) in counts {
        assert_eq!(subject.count(state), count, "{state}");
    }
}

fn a_finish_is_taken_once(mut subject: Subject) {
    let one = subject.one();
    let lease = subject.run(one, TaskNext::Succeeded);
    assert_eq!(subject.end(finish(one, lease, DEAD)), Fenced::Stale);
    assert_eq!(subject.state(one), Some(TaskState::Succeeded));
    assert_eq!(subject.show(one).attempts.len(), 1);
    let never = finish(id(77), lease, TaskNext::Succeeded);
    assert_eq!(subject.end(never), Fenced::Stale, "of a task that is not there");
}

fn the_history_tells_every_try(mut subject: Subject) {
    let one = subject.one();
    let (first, _) = subject.claim(one);
    subject.end(Finish {
        counters: Counters { attempts: 1, ..Counters::default() },
        not_before: at(30),
        decided_by: TaskDecidedBy::Rule(4),
        rule: Some("deadlocks".into()),
        error: Some("{\"kind\":\"transient\"}".into()),
        logs: Some("a line\n".into()),
        progress: Some("{\"done\":3}".into()),
        took: Duration::from_micros(1_234_567),
        ..finish(one, first, AGAIN)
    });
    let second = subject.run(one, TaskNext::Succeeded);
    for _ in 0..2 {
        let shown = subject.show(one);
        assert_eq!(shown.record.not_before, at(30));
        let [failed, succeeded] = &shown.attempts[..] else { panic!("{:?}", shown.attempts) };
        assert_eq!((failed.number, failed.lease, &*failed.worker), (1, first, "w#1"));
        assert_eq!((failed.started, failed.ended), (at(10), Some(at(20))));
        assert_eq!((&*failed.outcome, &*failed.decided_by), ("again", "rule"));
        assert_eq!(failed.rule.as_deref(), Some("deadlocks"));
        assert_eq!(failed.error.as_deref(), Some("{\"kind\":\"transient\"}"));
        assert_eq!(failed.logs.as_deref(), Some("a line\n"));
        assert_eq!(failed.progress.as_deref(), Some("{\"done\":3}"));
        assert_eq!(failed.took, Duration::from_micros(1_234_567));
        assert_eq!((succeeded.number, succeeded.lease), (2, second));
        assert_eq!((&*succeeded.outcome, &*succeeded.decided_by), ("succeeded", "worker"));
        assert_eq!(shown.record.ended_by.as_deref(), Some("worker"));
        subject.reopen();
    }
}

fn the_last_error_is_handed_to_the_next_try(mut subject: Subject) {
    let one = subject.one();
    let (lease, _) = subject.claim(one);
    subject.end(Finish { error: Some("\"first\"".into()), ..finish(one, lease, AGAIN) });
    subject.run(one, TaskNext::Released);
    let (_, claimed) = subject.claim(one);
    assert_eq!(claimed.last_error.as_deref(), Some("\"first\""), "a release has no error");
    let page = subject.store().query(&hearken_store::Filter::all()).unwrap();
    assert_eq!(page.tasks[0].last_error.as_deref(), Some("\"first\""));
}

fn the_store_counts_leases_itself(mut subject: Subject) {
    let one = subject.one();
    let (lease, _) = subject.claim(one);
    let counters = Counters { attempts: 9, crashes: 8, snoozes: 7, leases: 55 };
    subject.end(Finish { counters, ..finish(one, lease, AGAIN) });
    assert_eq!(subject.show(one).record.counters, Counters { leases: 1, ..counters });
}

fn a_finish_that_is_too_long_is_refused_and_the_lease_holds(mut subject: Subject) {
    let one = subject.one();
    let (lease, _) = subject.claim(one);
    let long: Box<str> = "x".repeat(MAX_TEXT + 1).into();
    let finishes = [
        Finish { error: Some(long.clone()), ..finish(one, lease, DEAD) },
        Finish { logs: Some(long), ..finish(one, lease, DEAD) },
    ];
    for too_long in finishes {
        let refusal = subject.refusal(Command::Finish(Box::new(too_long)));
        assert!(matches!(refusal, Refusal::TooLong { .. }), "{refusal}");
    }
    assert_eq!(subject.end(finish(one, lease, DEAD)), Fenced::Kept);
}

fn a_requeued_task_begins_anew_with_its_history(mut subject: Subject) {
    let one = subject.one();
    let (lease, _) = subject.claim(one);
    let counters = Counters { attempts: 3, crashes: 1, snoozes: 2, leases: 0 };
    subject.end(Finish { counters, error: Some("1".into()), ..finish(one, lease, DEAD) });
    let requeue = Command::Requeue { id: one, at: at(50), expires: Some(at(90)) };
    let Reply::Requeued(pending) = subject.apply(requeue) else { panic!("it is dead") };
    assert_eq!(pending.counters, Counters { leases: 1, ..Counters::default() });
    assert_eq!((pending.not_before, pending.expires), (at(50), Some(at(90))));
    assert_eq!(pending.first_try, None);
    subject.reopen();
    let shown = subject.show(one);
    assert_eq!(shown.record.pending(), *pending);
    assert_eq!((shown.record.state, shown.record.ended), (TaskState::Waiting, None));
    assert_eq!(shown.attempts.len(), 1);
    let (_, claimed) = subject.claim(one);
    assert_eq!(claimed.record.counters.leases, 2, "its attempts go on being numbered");
    assert_eq!(claimed.last_error.as_deref(), Some("1"));
}

fn a_stale_finish_after_a_requeue_is_dropped(mut subject: Subject) {
    let one = subject.one();
    let lease = subject.run(one, DEAD);
    subject.apply(Command::Requeue { id: one, at: at(50), expires: None });
    assert_eq!(subject.end(finish(one, lease, TaskNext::Succeeded)), Fenced::Stale);
    subject.claim(one);
    assert_eq!(subject.end(finish(one, lease, TaskNext::Succeeded)), Fenced::Stale);
    assert_eq!(subject.state(one), Some(TaskState::Running));
}

fn only_what_failed_is_requeued(mut subject: Subject) {
    subject.add([1, 2, 3, 4, 5].map(task));
    for (number, next) in (1..).zip([TaskNext::Succeeded, DEAD, TaskNext::Cancelled]) {
        subject.run(id(number), next);
    }
    subject.apply(Command::Expire { id: id(4), at: at(1) });
    let mut requeue =
        |number| subject.apply(Command::Requeue { id: id(number), at: at(1), expires: None });
    assert_eq!(requeue(1), Reply::Unchanged(Some(TaskState::Succeeded)));
    for number in 2..=4 {
        assert!(matches!(requeue(number), Reply::Requeued(_)), "task {number}");
    }
    assert_eq!(requeue(5), Reply::Unchanged(Some(TaskState::Waiting)));
    assert_eq!(requeue(6), Reply::Unchanged(None));
    assert_eq!(subject.count(TaskState::Waiting), 4);
}

fn a_history_has_a_bound(mut subject: Subject) {
    let one = subject.one();
    let (lease, _) = subject.claim(one);
    subject.end(Finish { error: Some("\"old\"".into()), ..finish(one, lease, AGAIN) });
    for _ in 0..MAX_ATTEMPTS {
        subject.run(one, TaskNext::Released);
    }
    let shown = subject.show(one);
    let numbers: Vec<u32> = shown.attempts.iter().map(|attempt| attempt.number).collect();
    assert_eq!(numbers, (2..=MAX_ATTEMPTS + 1).collect::<Vec<_>>());
    let (_, claimed) = subject.claim(one);
    assert_eq!(claimed.last_error, None, "its try is no longer known");
    subject.reopen();
    assert_eq!(subject.show(one).attempts.len(), MAX_ATTEMPTS as usize);
}

fn what_is_discarded_is_forgotten(mut subject: Subject) {
    subject.add([with_key(1, "a"), task(2)]);
    subject.run(id(1), AGAIN);
    let (lease, _) = subject.claim(id(1));
    let data = bytes::Bytes::from_static(b"so far");
    subject.apply(Command::Checkpoint { id: id(1), lease, sequence: 1, data });
    assert_eq!(subject.end(finish(id(1), lease, TaskNext::Discarded)), Fenced::Kept);
    assert_eq!(subject.state(id(1)), None);
    assert_eq!(subject.end(finish(id(1), lease, DEAD)), Fenced::Stale);
    assert_eq!(subject.count(TaskState::Waiting), 1);
    subject.reopen();
    assert_eq!(subject.state(id(1)), None);
    let fresh = Reply::Enqueued(vec![Enqueued::Inserted(id(1))]);
    assert_eq!(subject.add([with_key(1, "a")]), fresh);
}
