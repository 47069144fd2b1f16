//! What is taken, and what is refused.

use crate::for_every_store;
use crate::subject::{DEAD, Subject, batch_id, full_task, id, new_batch, task, with_key};
use bytes::Bytes;
use hearken_core::pool::TaskNext;
use hearken_core::task::TaskState;
use hearken_store::{Command, Enqueued, Input, MAX_KEY, MAX_PAYLOAD, NewTask, Refusal, Reply};

for_every_store! {
    what_is_kept_is_what_was_submitted
    a_unique_key_is_kept_once_in_whatever_state_its_task_is
    a_unique_key_belongs_to_a_pool
    two_equal_keys_of_one_command_are_one_task
    a_task_of_an_id_that_is_taken_is_refused_with_all_that_came_with_it
    what_is_too_long_is_refused_by_name
    a_task_that_would_wait_for_ever_is_refused
    a_task_of_no_batch_or_of_one_that_is_over_is_refused
}

fn what_is_kept_is_what_was_submitted(mut subject: Subject) {
    let new = full_task(1);
    assert_eq!(subject.add([new.clone()]), Reply::Enqueued(vec![Enqueued::Inserted(id(1))]));
    for _ in 0..2 {
        let shown = subject.show(id(1));
        let record = &shown.record;
        assert_eq!(record.pool, new.pool);
        assert_eq!(record.kind, new.kind);
        assert_eq!(record.unique_key, new.unique_key);
        assert_eq!(record.fairness_key, new.fairness_key);
        assert_eq!(record.priority, new.priority);
        assert_eq!(record.not_before, new.not_before);
        assert_eq!(record.expires, new.expires);
        assert_eq!(record.created, new.created);
        assert_eq!(record.state, TaskState::Waiting);
        assert_eq!(shown.input, new.input);
        let pending = subject.store().waiting(None, 10).unwrap();
        assert_eq!(pending, [record.pending()]);
        subject.reopen();
    }
}

fn a_unique_key_is_kept_once_in_whatever_state_its_task_is(mut subject: Subject) {
    subject.add([with_key(1, "a")]);
    let duplicate = Reply::Enqueued(vec![Enqueued::Duplicate(id(1))]);
    assert_eq!(subject.add([with_key(2, "a")]), duplicate, "while it waits");
    let (lease, _) = subject.claim(id(1));
    assert_eq!(subject.add([with_key(2, "a")]), duplicate, "while it runs");
    subject.end(crate::subject::finish(id(1), lease, TaskNext::Succeeded));
    assert_eq!(subject.add([with_key(2, "a")]), duplicate, "once it has succeeded");
    subject.reopen();
    assert_eq!(subject.add([with_key(2, "a")]), duplicate, "after a restart");
    assert_eq!(subject.count(TaskState::Waiting), 0, "no duplicate is kept");

    subject.add([with_key(3, "b")]);
    subject.run(id(3), DEAD);
    let duplicate = Reply::Enqueued(vec![Enqueued::Duplicate(id(3))]);
    assert_eq!(subject.add([with_key(4, "b")]), duplicate, "while it is kept dead");
    subject.add([with_key(5, "c")]);
    subject.run(id(5), TaskNext::Discarded);
    let fresh = Reply::Enqueued(vec![Enqueued::Inserted(id(6))]);
    assert_eq!(subject.add([with_key(6, "c")]), fresh, "what is forgotten has no key");
}

fn a_unique_key_belongs_to_a_pool(mut subject: Subject) {
    let other = NewTask { pool: "mails".into(), ..with_key(2, "a") };
    // Joined, pool and key of this one look like those of the first.
    let alike = NewTask { pool: "image".into(), ..with_key(3, "sa") };
    let all = [1, 2, 3].map(|number| Enqueued::Inserted(id(number)));
    assert_eq!(subject.add([with_key(1, "a"), other, alike]), Reply::Enqueued(all.into()));
}

fn two_equal_keys_of_one_command_are_one_task(mut subject: Subject) {
    let reply = subject.add([with_key(1, "a"), with_key(2, "a"), with_key(3, "b")]);
    let expected =
        vec![Enqueued::Inserted(id(1)), Enqueued::Duplicate(id(1)), Enqueued::Inserted(id(3))];
    assert_eq!(reply, Reply::Enqueued(expected));
    assert_eq!(subject.state(id(2)), None);
}

fn a_task_of_an_id_that_is_taken_is_refused_with_all_that_came_with_it(mut subject: Subject) {
    subject.add([task(1)]);
    let refused = Reply::Refused(Refusal::TaskExists(id(1)));
    assert_eq!(subject.add([task(2), task(1)]), refused);
    assert_eq!(subject.state(id(2)), None);
    let twice = Reply::Refused(Refusal::TaskExists(id(3)));
    assert_eq!(subject.add([task(3), task(3)]), twice);
    assert_eq!(subject.count(TaskState::Waiting), 1);
    let batch = |tasks| Command::Enqueue { tasks, batch: Some(new_batch(1)) };
    subject.apply(batch(vec![task(4)]));
    let taken = Refusal::BatchExists(batch_id(1));
    assert_eq!(subject.refusal(batch(vec![task(5)])), taken);
    assert_eq!(subject.state(id(5)), None);
}

fn what_is_too_long_is_refused_by_name(mut subject: Subject) {
    let key = "k".repeat(MAX_KEY + 1);
    let payload = Bytes::from(vec![0; MAX_PAYLOAD + 1]);
    let table = [
        ("the unique key", with_key(1, &key)),
        ("the pool's name", NewTask { pool: "p".repeat(256).into(), ..task(1) }),
        ("the payload", NewTask { input: Input { payload, ..Input::default() }, ..task(1) }),
    ];
    for (name, new) in table {
        let Reply::Refused(Refusal::TooLong { what, length, limit }) = subject.add([new]) else {
            panic!("{name} was taken");
        };
        assert_eq!((what, length), (name, limit + 1));
    }
    let longest = [with_key(1, &key[1..]), with_key(2, &"ü".repeat(MAX_KEY / 2))];
    assert!(matches!(subject.add(longest), Reply::Enqueued(_)));
}

fn a_task_that_would_wait_for_ever_is_refused(mut subject: Subject) {
    let held = |number| NewTask { held: true, ..task(number) };
    assert_eq!(subject.add([held(1)]), Reply::Refused(Refusal::HeldForNobody(id(1))));
    let unfit = Refusal::NoCompletion(batch_id(1));
    let table = [
        ("not there", task(1)),
        ("not held", task(9)),
        ("has a key", NewTask { held: true, ..with_key(9, "a") }),
        ("is one of its own", NewTask { batch: Some(batch_id(1)), ..held(9) }),
    ];
    for (why, completion) in table {
        let mut batch = new_batch(1);
        batch.completion = Some(id(9));
        let command = Command::Enqueue { tasks: vec![completion], batch: Some(batch) };
        assert_eq!(subject.refusal(command), unfit, "{why}");
    }
    assert_eq!(subject.store().counts().unwrap(), []);
}

fn a_task_of_no_batch_or_of_one_that_is_over_is_refused(mut subject: Subject) {
    let member = |number| NewTask { batch: Some(batch_id(1)), ..task(number) };
    let none = Reply::Refused(Refusal::NoBatch(batch_id(1)));
    assert_eq!(subject.add([member(1)]), none);
    subject.apply(Command::Enqueue { tasks: vec![member(1)], batch: Some(new_batch(1)) });
    assert!(matches!(subject.add([member(2)]), Reply::Enqueued(_)), "it is open");
    assert_eq!(subject.store().batch(batch_id(1)).unwrap().unwrap().counts.total, 2);
    let end = hearken_core::task::BatchEnd::Failed;
    subject.apply(Command::EndBatch { id: batch_id(1), end, at: crate::subject::at(9) });
    let over = Reply::Refused(Refusal::BatchOver(batch_id(1)));
    assert_eq!(subject.add([task(4), member(3)]), over);
    assert_eq!(subject.state(id(4)), None);
}
